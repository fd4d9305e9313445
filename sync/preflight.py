"""Preflight: before the first write each connection, mapping and target field is proved, and each fault names its fix."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from config.connections import Read, WriteBlock
from config.settings import Settings
from connectors.base import ANY_FIELD, UNDESCRIBED, Connector, FieldInfo, Finding, Severity
from connectors.errors import ConnectorError
from mapping.probe import probe
from mapping.rules import folded
from mapping.translate import context_of
from sync import wiring
from sync.expiry import endings
from sync.fitting import misfits
from sync.translation import Translator, mapping_of
from sync.wishes import STATUS_TASK

SAMPLE = 200
SKEW = timedelta(minutes=5)


def check(settings: Settings, name: str, now: datetime) -> list[dict[str, Any]]:
    """Every finding of one connection as JSON objects; a connection that cannot be reached is one finding."""
    connector = wiring.connector(settings, name)
    ending = [
        Finding("error" if each.ended else "warning", "credentials", each.text, each.fix)
        for each in endings(settings, now)
        if each.connection == name
    ]
    try:
        found = [*ending, *_findings(settings, name, connector, now)]
    except ConnectorError as error:
        found = [*ending, Finding("error", name, error.text, error.fix)]
    finally:
        connector.close()
    return [{"connection": name, **asdict(each)} for each in found]


def _findings(settings: Settings, name: str, connector: Connector, now: datetime) -> Iterator[Finding]:
    identity = connector.check()
    yield Finding("info", name, f"{identity.product}: signed in as {identity.account}")
    yield from identity.findings
    if identity.server_time is not None and abs(identity.server_time - now) > SKEW:
        yield Finding(
            "warning",
            "clock",
            f"the tool's clock says {identity.server_time.isoformat()}",
            "set this host's clock by NTP",
        )
    for read in settings.connections[name].read:
        yield from _reading(settings, name, connector, read)
    write = settings.connections[name].write
    for block, what in ((write.project, "project"), (write.budget_line, "budget_line")):
        if block is not None:
            yield from _targets(settings, name, connector, block, what)
    if not settings.safety_of(name).write and (write.project or write.budget_line):
        yield Finding("info", "safety.write", "writing is switched off here; everything else was checked")


def _reading(settings: Settings, name: str, connector: Connector, read: Read) -> Iterator[Finding]:
    """Reads a sample of real records through the mapping and counts what it cannot use."""
    translator = Translator(mapping_of(settings, name, read), settings)
    declared = settings.connections[name].read
    paths = [mapping_of(settings, name, each).paths for each in declared]
    stream = list(wiring.streams(settings, name, paths))[declared.index(read)]
    subject = f"read {read.kind} {read.scope}".strip()
    try:
        page = next(iter(connector.pull(stream, None)), None)
    except ConnectorError as error:
        yield Finding("error", subject, error.text, error.fix)
        return
    records = list(page.records)[:SAMPLE] if page else []
    if not records:
        yield Finding(
            "warning", subject, "no record is visible", "check the scope and what the account may see"
        )
        return
    yield Finding("info", subject, f"{len(records)} records read")
    overrides = settings.connections[name].map.get(read.kind, {})
    for field in probe(translator.mapping, [each.body for each in records], context_of(settings.portfolio)):
        for (value, reason), count in field.rejected.most_common():
            text = f"{field.name}: {value!r} in {count} of {len(records)} records: {reason}"
            part, dot, rest = field.name.partition(".")
            place = f"{part}.{read.kind}.{rest}" if dot else f"map.{read.kind}.{field.name}"
            fix = f"give {place} a rule for it, or correct the records"
            yield Finding("warning", subject, text, fix)
        if field.name in overrides and field.empty == len(records):
            text = f"{field.name}: {field.expression} found nothing in {len(records)} records"
            yield Finding("warning", subject, text, f"correct map.{read.kind}.{field.name}")


def _kind_of(settings: Settings, name: str, block: WriteBlock, what: str) -> str:
    connection = settings.connections[name]
    if connection.tool == "planner":
        return STATUS_TASK
    carriers = wiring.carrier_kinds(settings, name)
    return carriers[0] if carriers else connection.write.to_of(block) or what


def _only_projects(settings: Settings, name: str, block: WriteBlock) -> bool:
    """Whether Jira projects carry the figures, and no issue does."""
    kinds = {wiring.carrying_kind(each) for each in wiring.carriers(settings, name)}
    defined = {each.kind for each in settings.projects.sources if each.connection == name}
    return not settings.connections[name].write.to_of(block) and (kinds or defined) == {"project"}


def _targets(
    settings: Settings, name: str, connector: Connector, block: WriteBlock, what: str
) -> Iterator[Finding]:
    kind = _kind_of(settings, name, block, what)
    if settings.connections[name].tool == "jira" and _only_projects(settings, name, block):
        yield Finding("info", f"write {what}", "the figures go to a property of each project, for programs")
        return
    try:
        described = {field.id: field for field in connector.describe(kind)}
    except ConnectorError as error:
        yield Finding("error", f"write {what}", error.text, error.fix)
        return
    if ANY_FIELD in described:
        yield Finding("info", f"write {what}", f"Portico keeps {kind} itself")
        return
    wanted = {spec.name: (figure, spec.values) for figure, spec in block.figures.items()}
    keys = settings.connections[name].write.key_of(block)
    wanted |= {column: (f"key {ours}", {}) for ours, column in keys.items()}
    bad = 0
    for field, (figure, values) in wanted.items():
        tool = settings.connections[name].tool
        for found in _field(tool, kind, field, figure, values, described, _lacking(settings, name)):
            bad += 1
            yield found
    if not bad:
        yield Finding("info", f"write {what}", f"{len(wanted)} fields of {kind} are there and writable")


def _lacking(settings: Settings, name: str) -> Severity:
    """How bad a missing option is: where Portico may make it, that is only worth telling."""
    return "info" if getattr(settings.connections[name], "create_options", False) else "error"


def _create(tool: str, kind: str, field: str, figure: str, words: Sequence[str]) -> str:
    """What creates a field that is not there, in the words of the tool's own menus where they are known."""
    if tool != "servicenow":
        return f"create the field {field} on {kind}, or correct its id"
    from connectors.servicenow.recipe import create_column  # noqa: PLC0415  (only the tools in use are loaded)

    return create_column(kind, field, figure, words)


def _add_option(tool: str, kind: str, field: str, option: str) -> str:
    if tool != "servicenow":
        return f"add the option {option!r} to {field}"
    from connectors.servicenow.recipe import add_choice  # noqa: PLC0415  (as above)

    return add_choice(kind, field, option)


def _barred(described: Mapping[str, FieldInfo]) -> str:
    """The one step that every field there lacks, as one more would; empty where there is no such step."""
    hints = {each.hint for each in described.values() if each.type != UNDESCRIBED}
    return hints.pop() if len(hints) == 1 else ""


def _field(
    tool: str,
    kind: str,
    field: str,
    figure: str,
    values: Mapping[str, str | None],
    described: Mapping[str, FieldInfo],
    lacking: Severity,
) -> Iterator[Finding]:
    subject = f"write {figure}"
    words = [each for each in values.values() if each is not None]
    info = described.get(field)
    if info is None:
        text = f"{kind} has no field {field}, or the account cannot see it"
        yield Finding("error", subject, text, _barred(described) or _create(tool, kind, field, figure, words))
        return
    if info.writable:
        yield from misfits(figure, values, info)
    elif not figure.startswith("key "):
        yield _closed(subject, info)
    for each in _no_options(words, info):
        text = f"{field} has no option {each!r}; it has {', '.join(info.options)}"
        yield Finding(lacking, subject, text, _add_option(tool, kind, field, each))


def _closed(subject: str, info: FieldInfo) -> Finding:
    fix = info.hint or f"let the account edit {info.id}"
    if info.type == UNDESCRIBED:
        text = f"{info.id} is there, but nothing tells whether this account may write it"
        return Finding("warning", subject, text, fix)
    return Finding("error", subject, f"{info.id} ({info.name}) cannot be written by this account", fix)


def _no_options(words: Sequence[str], info: FieldInfo) -> list[str]:
    """The words that a choice does not have, one by one where a value is several."""
    if not info.options:
        return []
    lists = [[each] if each in info.options or not info.several else each.split(", ") for each in words]
    return sorted({each for some in lists for each in some if each not in info.options})


def fields_of(settings: Settings, name: str, kind: str | None) -> list[dict[str, Any]]:
    """The tool's fields of a kind (default: every kind read), with what is mapped to each; `hint`: why not writable."""
    connection = settings.connections[name]
    kinds = [kind] if kind else [read.kind for read in connection.read]
    connector = wiring.connector(settings, name)
    try:
        return [
            {
                "kind": each,
                "id": info.id,
                "name": info.name,
                "type": info.type,
                "options": list(info.options),
                "writable": info.writable,
                "hint": info.hint,
                "mapped_to": _mapped_to(settings, name, each, info.id),
            }
            for each in dict.fromkeys(kinds)
            for info in connector.describe(each)
        ]
    finally:
        connector.close()


def _mapped_to(settings: Settings, name: str, kind: str, field: str) -> list[str]:
    found = []
    for read in settings.connections[name].read:
        if read.kind == kind:
            rules = mapping_of(settings, name, read).every_rule
            found += [
                key
                for key, rule in rules.items()
                if (rule.get is None and rule.column == folded(field))
                or any(
                    path == field
                    or path.split(".")[-1] == field
                    or path.startswith(f"{field}.")
                    or f".{field}." in path
                    for path in rule.paths
                )
            ]
    write = settings.connections[name].write
    for block in (write.project, write.budget_line):
        if block is not None:
            found += [f"{figure} (written)" for figure, spec in block.figures.items() if spec.name == field]
    return list(dict.fromkeys(found))
