"""What must fit together across the document: each check looks at it as written and yields faults."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from config import names
from config.raw import Raw, connections, items_at, mapping_at
from config.yaml_text import Fault, Loc


def references(document: Raw) -> Iterator[Fault]:
    """Every connection that is spoken of exists."""
    known = mapping_at(document, "connections")
    places = [*items_at(document, "projects", "from"), *items_at(document, "projects", "rules")]
    for loc, project in items_at(document, "projects", "list"):
        places += [((*loc, *link_loc), link) for link_loc, link in items_at(project, "links")]
    for loc, item in places:
        name = item.get("connection")
        if isinstance(name, str) and name not in known:
            yield Fault(
                (*loc, "connection"),
                f"the connection '{name}'",
                f"one of: {', '.join(known) or 'none is configured'}",
            )
    for person, identities in mapping_at(document, "people").items():
        for name in mapping_at(identities):
            if name not in known and name != "mail":
                yield Fault(
                    ("people", person, name),
                    f"the connection '{name}'",
                    f"one of: {', '.join((*known, 'mail'))}",
                )


def kinds(document: Raw) -> Iterator[Fault]:
    """Every kind exists in its tool, and what is referred to is read."""
    tools = {name: tool for name, tool, _ in connections(document)}
    read: dict[str, set[str]] = {}
    for name, tool, connection in connections(document):
        places = [((*loc, "kind"), item.get("kind")) for loc, item in items_at(connection, "read")]
        read[name] = {kind for _, kind in places if isinstance(kind, str)}
        for part in ("map", "gate_decisions"):
            places += [((part, kind), kind) for kind in mapping_at(connection, part)]
        for loc, kind in places:
            yield from _kind(("connections", name, *loc), tool, kind)
    for part in ("from", "rules"):
        for loc, item in items_at(document, "projects", part):
            name, wanted = str(item.get("connection")), item.get("kind")
            if name in tools and isinstance(wanted, str) and wanted not in read[name]:
                known = ", ".join(sorted(read[name])) or "nothing is read there"
                yield Fault(
                    (*loc, "kind"), f"the kind '{wanted}', which '{name}' does not read", f"one of: {known}"
                )


def _kind(loc: Loc, tool: str, kind: Any) -> Iterator[Fault]:
    accepted = names.kinds_of(tool)
    if not isinstance(kind, str) or not accepted or kind in accepted:
        return
    yield Fault(loc, f"the kind '{kind}'", f"for {tool}, one of: {', '.join(accepted)}")


def links(document: Raw) -> Iterator[Fault]:
    """A link names something that its tool has."""
    tools = {name: tool for name, tool, _ in connections(document)}
    for loc, project in items_at(document, "projects", "list"):
        for link_loc, link in items_at(project, "links"):
            tool = tools.get(str(link.get("connection")))
            for what in ("project", "issue", "record", "plan", "task", "budget_code"):
                if tool and what in link and what not in names.LINK_NAMES[tool]:
                    accepted = f"for {tool}: {' or '.join(names.LINK_NAMES[tool])}"
                    yield Fault((*loc, *link_loc, what), f"a link by '{what}'", accepted)


def projects(document: Raw) -> Iterator[Fault]:
    """Project keys are unique, and no budget code is given away more than once."""
    seen: dict[str, Loc] = {}
    shares: dict[str, Decimal] = {}
    for loc, project in items_at(document, "projects", "list"):
        key = project.get("key")
        if isinstance(key, str) and seen.setdefault(key, loc) != loc:
            yield Fault((*loc, "key"), f"the project key '{key}' a second time", "each project once")
        codes = project.get("budget_codes")
        for index, item in enumerate(codes if isinstance(codes, list) else ()):
            code, share = (
                (item.get("budget_code"), item.get("share", 1)) if isinstance(item, dict) else (item, 1)
            )
            total = shares[str(code)] = shares.get(str(code), Decimal(0)) + _number(share)
            if total > 1:
                yield Fault(
                    (*loc, "budget_codes", index),
                    f"shares of the budget code '{code}' that add up to {total}",
                    "at most 1 over all projects: {budget_code: CODE, share: 0.4}",
                )


def _number(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def expressions(document: Raw) -> Iterator[Fault]:
    """Every expression is JMESPath."""
    for name, _, connection in connections(document):
        for kind, fields in mapping_at(connection, "map").items():
            for field, rule in mapping_at(fields).items():
                loc: Loc = ("connections", name, "map", kind, field)
                yield from _source(loc, rule)
        for kind, gates in mapping_at(connection, "gate_decisions").items():
            for gate, parts in mapping_at(gates).items():
                for part, rule in mapping_at(parts).items():
                    yield from _source(("connections", name, "gate_decisions", kind, gate, part), rule)
    for loc, rule in items_at(document, "projects", "rules"):
        yield from _expression((*loc, "value"), rule.get("value"))


def _source(loc: Loc, rule: Any) -> Iterator[Fault]:
    if isinstance(rule, dict):
        yield from _expression((*loc, "from"), rule.get("from"))
    else:
        yield from _expression(loc, rule)


def _expression(loc: Loc, text: Any) -> Iterator[Fault]:
    if not isinstance(text, str) or not text:
        return
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        reason = str(error).splitlines()[0].strip(" :")
        yield Fault(loc, f"{text!r} ({reason})", "a JMESPath expression")


def tenants(document: Raw) -> Iterator[Fault]:
    """Planner's application account has a tenant; a basic account has exactly one secret."""
    for name, tool, connection in connections(document):
        auth = mapping_at(connection, "auth")
        loc: Loc = ("connections", name, "auth")
        app = auth.get("type") in {"oauth2_client_credentials", "certificate"}
        if tool == "planner" and app and not (auth.get("tenant") or connection.get("tenant")):
            yield Fault((*loc, "tenant"), "nothing", "the tenant's id or domain (it is required)")
        if auth.get("type") == "basic" and ("token" in auth) == ("password" in auth):
            found = "both token and password" if "token" in auth else "neither token nor password"
            yield Fault(loc, found, "one of: token, password")


def deliveries(document: Raw) -> Iterator[Fault]:
    """What goes through Microsoft 365 names a planner connection."""
    planners = [name for name, tool, _ in connections(document) if tool == "planner"]
    accepted = f"one of: {', '.join(planners)}" if planners else "a connection with tool: planner"
    for name, report in mapping_at(document, "reports").items():
        for place in ("mail", "sharepoint"):
            through = mapping_at(report, "delivery", place).get("through")
            if isinstance(through, str) and through not in planners:
                loc: Loc = ("reports", name, "delivery", place, "through")
                yield Fault(loc, f"the connection '{through}'", accepted)


ALL = (references, kinds, links, projects, expressions, tenants, deliveries)
