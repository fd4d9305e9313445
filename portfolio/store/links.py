"""Which source records belong to which portfolio project.

In order: a link of the configuration that names the record itself; a link rule; a link that names the record's
container (its project, plan, parent); the project key that the mapping found in the record. A project may also be defined
by a record (`projects.from`): the record's id and key are then names of its project within its own connection.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from portfolio.store import bulk
from portfolio.store.live import stands
from portfolio.store.tables import PULLED, RECORD_KEY, entity_tables

Name = tuple[str, str]
"""A connection and a name within it."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A project of the configuration: its own words (None: as its record says) and what it links to."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    records: tuple[Name, ...] = ()
    containers: tuple[Name, ...] = ()
    budget_codes: Mapping[str, Decimal] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A portfolio project: its key and merged values, the record that defines it, its names, its parts of budget codes."""

    key: str
    values: Mapping[str, Any]
    defined_by: Mapping[str, Any] | None
    budget_codes: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Registry:
    """All portfolio projects by key, and how names lead to them."""

    projects: Mapping[str, Project]
    records: Mapping[Name, str]
    containers: Mapping[Name, str]
    rules: Mapping[Name, str]
    """(`key|alias|name|budget_code`, value) to project key."""
    doubts: tuple[str, ...] = ()
    """Names claimed by two projects: reported, linked to neither's favour but the first."""


def _defining_rows(db: Connection, sources: Iterable[tuple[str, str]]) -> list[Mapping[str, Any]]:
    table = entity_tables["project"]
    rows: list[Mapping[str, Any]] = []
    for name, kind in sources:
        found = db.execute(
            select(table)
            .where(table.c.connection == name, table.c.kind == kind, stands(table))
            .order_by(table.c.key, table.c.external_id)
        ).mappings()
        rows += [dict(row) for row in found]
    return rows


def _called(row: Mapping[str, Any]) -> str:
    return f"{row['connection']} {row['external_key'] or row['external_id']}"


def _merged(declared: Declared | None, row: Mapping[str, Any] | None) -> dict[str, Any]:
    merged = dict(row or {})
    if declared is not None:
        merged.update({name: value for name, value in declared.values.items() if value is not None})
    return merged


def registry(db: Connection, declared: Iterable[Declared], sources: Iterable[tuple[str, str]]) -> Registry:
    """Builds the registry from the configuration's projects and the records of `projects.from`."""
    by_key = {each.key: each for each in declared}
    own_record = {name: each.key for each in by_key.values() for name in (*each.records, *each.containers)}
    defining: dict[str, Mapping[str, Any]] = {}
    doubts: list[str] = []
    for row in _defining_rows(db, sources):
        names = [
            (row["connection"], name)
            for name in (row["external_id"], row["external_key"], row["key"])
            if name
        ]
        declared_key = next((own_record[name] for name in names if name in own_record), None)
        key = declared_key or row["key"] or row["external_key"]
        if not key:
            continue
        first = defining.setdefault(key, row)
        if first is not row and declared_key is None:
            doubts.append(f"project {key!r} is defined by {_called(first)} and by {_called(row)}")
    projects: dict[str, Project] = {}
    records: dict[Name, str] = {}
    containers: dict[Name, str] = {}
    rules: dict[Name, str] = {}

    def claim(names: dict[Name, str], name: Name, key: str) -> None:
        if names.setdefault(name, key) != key:
            doubts.append(f"{name[0]} {name[1]!r} is claimed by {names[name]} and {key}")

    for key in sorted({*by_key, *defining}):
        declaration = by_key.get(key)
        record = defining.get(key)
        values = _merged(declaration, record)
        codes = dict(declaration.budget_codes) if declaration else {}
        codes.update({code: Decimal(1) for code in values.get("budget_codes") or () if code not in codes})
        projects[key] = Project(key, values, record, codes)
        for name in declaration.records if declaration else ():
            claim(records, name, key)
            claim(containers, name, key)
        for name in declaration.containers if declaration else ():
            claim(containers, name, key)
        if record is not None:
            for text in {record["external_id"], record["external_key"], record["key"]} - {None}:
                claim(containers, (record["connection"], text), key)
        rules[("key", key)] = key
        if values.get("name"):
            rules.setdefault(("name", values["name"]), key)
        for alias in declaration.aliases if declaration else ():
            claim(rules, ("alias", alias), key)
        for code, share in codes.items():
            if share == 1:
                claim(rules, ("budget_code", code), key)
    return Registry(projects, records, containers, rules, tuple(doubts))


def project_of(names: Registry, row: Mapping[str, Any]) -> str | None:
    """The project that one stored row belongs to, None where nothing names it."""
    where = row["connection"]
    for text in (row["external_id"], row["external_key"]):
        if text and (where, text) in names.records:
            return names.records[(where, text)]
    for equals, value in row["link_values"] or ():
        if (equals, value) in names.rules:
            return names.rules[(equals, value)]
    for text in row["container"] or ():
        if (where, text) in names.containers:
            return names.containers[(where, text)]
    code = row.get("budget_code")
    return names.rules.get(("budget_code", code)) if code else None


LINKED = tuple(name for name in PULLED if name not in {"project", "outage"})
"""Entities whose rows belong to one project. An outage may belong to several, a project is one."""


AT_ONCE = 5000
"""Rows that are moved by one statement."""


def link(db: Connection, names: Registry) -> int:
    """Sets the project of every stored row; returns how many rows moved."""
    moved = 0
    for entity in LINKED:
        found = db.exec_driver_sql(
            f"SELECT {_columns(entity)} FROM {entity}",  # noqa: S608  names of our own
            execution_options={"stream_results": True, "yield_per": 1000},
        )
        moved += sum(1 for _ in _relinked(db, entity, names, found))
    return moved + len(link_outages(db, names))


def relink(
    db: Connection, entity: str, names: Registry, place: Name, ids: Sequence[str]
) -> Iterator[str | None]:
    """Sets the project of these records' rows of one of LINKED; yields the projects that had or have one of them."""
    connection, kind = place
    where = {"connection": connection, "kind": kind}
    rows = list(bulk.found(db, entity_tables[entity], _columns(entity), where, "external_id", ids))
    yield from (row[4] for row in rows)
    yield from _relinked(db, entity, names, rows)


def _columns(entity: str) -> str:
    code = "budget_code" if entity == "budget_line" else "NULL"
    return f"connection, kind, external_id, external_key, project_key, container, link_values, {code}"


def _relinked(db: Connection, entity: str, names: Registry, found: Iterable[Any]) -> Iterator[str | None]:
    """Moves the rows whose project is not the one that names them now; yields the project of each that moved.

    The rows are read as the driver gives them, for these may be all rows.
    """
    changes: list[tuple[str | None, str, str, str]] = []
    for where, kind, id_, key, before, container, link_values, budget_code in found:
        row = {
            "connection": where,
            "external_id": id_,
            "external_key": key,
            "container": json.loads(container) if container else (),
            "link_values": json.loads(link_values) if link_values and link_values != "[]" else (),
            "budget_code": budget_code,
        }
        project = project_of(names, row)
        if project != before:
            yield project
            changes.append((project, where, kind, id_))
        if len(changes) >= AT_ONCE:
            _move(db, entity, changes)
            changes.clear()
    _move(db, entity, changes)


def _move(db: Connection, entity: str, changes: Sequence[tuple[str | None, str, str, str]]) -> None:
    place = bulk.place(db.dialect)
    named = " AND ".join(f"{name} = {place}" for name in RECORD_KEY)
    if changes:
        db.exec_driver_sql(
            f"UPDATE {entity} SET project_key = {place} WHERE {named}",  # noqa: S608  names of our own
            list(changes),
        )


def link_outages(db: Connection, names: Registry) -> list[list[str]]:
    """Ties outages to the projects that they name themselves, or that a rule, a container or a ticket's service names.

    Returns the projects, before and after, of each outage that moved.
    """
    table, ticket = entity_tables["outage"], entity_tables["ticket"]
    services: dict[str, set[str]] = {}
    for service, key in db.execute(
        select(ticket.c.service, ticket.c.project_key)
        .where(ticket.c.service.is_not(None), ticket.c.project_key.is_not(None), stands(ticket))
        .distinct()
    ):
        services.setdefault(service, set()).add(key)
    changes, moved = [], []
    for row in db.execute(select(table)).mappings():
        own = project_of(names, dict(row))
        told = [key for equals, key in row["link_values"] or () if equals == "key" and key in names.projects]
        keys = sorted({*([own] if own else ()), *told, *services.get(row["service"], ())})
        before = list(row["project_keys"] or ())
        if keys != before:
            changes.append({**{f"b_{name}": row[name] for name in RECORD_KEY}, "b_keys": keys})
            moved.append(before + keys)
    if changes:
        db.execute(
            update(table)
            .where(*(table.c[name] == bindparam(f"b_{name}") for name in RECORD_KEY))
            .values(project_keys=bindparam("b_keys")),
            changes,
        )
    return moved


def unlinked(db: Connection) -> list[dict[str, Any]]:
    """Live rows without a project, per entity, connection and kind with a count and a few examples."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for entity in PULLED:
        table = entity_tables[entity]
        if "project_key" not in table.c:
            continue
        rows = db.execute(
            select(table.c.connection, table.c.kind, table.c.external_key, table.c.external_id)
            .where(table.c.project_key.is_(None), stands(table))
            .order_by(table.c.connection, table.c.kind, table.c.external_key)
        )
        for name, kind, key, external_id in rows:
            entry = found.setdefault(
                (entity, name, kind),
                {"entity": entity, "connection": name, "kind": kind, "count": 0, "examples": []},
            )
            entry["count"] += 1
            if len(entry["examples"]) < 5:  # noqa: PLR2004
                entry["examples"].append(key or external_id)
    return list(found.values())
