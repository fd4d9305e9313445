"""Which value every field of every target record should hold, from the judgements and the configuration's `write`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from config.connections import WriteBlock
from config.settings import DeclaredProject, Settings
from connectors.base import Target
from connectors.keys import natural_id, natural_parts
from mapping import figures
from portfolio.store.links import Project
from portfolio.store.snapshots import Judged
from portfolio.store.types import instant_text
from sync.plan import Refusal, Wish
from sync.wiring import RECORD_LINKS, carrier_kinds, carrying_kind

COMPANIONS = frozenset({"computed_at", "snapshot_id", "explanation"})
"""Written together with another changed figure, never alone."""
STATUS_TASK = "status_task"
STATUS_TITLE = "Portico status"
LEDGER_KEYS = ("budget_code", "fiscal_year", "period")
WHOLE_KEY = "key"
"""Names one column that holds all three, as `CODE/YEAR/PERIOD`: an external id, where a tool has such."""
NUMBERS = frozenset(
    [
        "percent_complete",
        "schedule_variance_days",
        "budget_variance",
        "budget_variance_share",
        "available_budget",
        "cpi",
        "spi",
        "eac",
    ]
)
"""Figures that are numbers; a stored judgement holds them as text."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The snapshot that the figures come from."""

    snapshot_id: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A target record, what people call it, and the wishes for its fields."""

    target: Target
    label: str
    wishes: tuple[Wish, ...]


def reference(target: Target) -> str:
    """The name under which a target is remembered: its id, or its kind and natural key."""
    if target.id is not None:
        return target.id
    return f"{target.kind}({', '.join(f'{name}={value}' for name, value in target.key)})"


def ledger_target(kind: str, columns: Mapping[str, str], parts: Sequence[str]) -> Target:
    """The record of a budget code, fiscal year and period (`parts`, an unknown one empty) under a block's key columns."""
    if WHOLE_KEY in columns:
        return Target(kind, key=((columns[WHOLE_KEY], natural_id(part or None for part in parts)),))
    names = (columns.get(each, each) for each in LEDGER_KEYS)
    return Target(kind, key=tuple(zip(names, parts, strict=True)))


def ledger_parts(record: str, kind: str, columns: Mapping[str, str]) -> tuple[str, ...] | None:
    """The parts from which `ledger_target` made the record of this reference; None where it made none such.

    A budget code may hold anything, a period whatever does not itself name the fiscal year's and the period's column.
    """
    if WHOLE_KEY in columns:
        shape = rf"{re.escape(columns[WHOLE_KEY])}=([^/]*/(?:-?[0-9]+|%)/[^/]*)"
    else:
        code, year, period = (re.escape(columns.get(each, each)) for each in LEDGER_KEYS)
        shape = rf"{code}=(.*), {year}=(-?[0-9]+|), {period}=(.*)"
    found = re.fullmatch(rf"{re.escape(kind)}\({shape}\)", record, re.DOTALL)
    if found is None:
        return None
    return natural_parts(found[1]) if WHOLE_KEY in columns else found.groups()


def _wish(
    settings: Settings,
    name: str,
    target: Target,
    label: str,
    project: str | None,
    block: WriteBlock,
    values: Mapping[str, Any],
    whys: Mapping[str, str],
) -> Wanted:
    safety = settings.safety_of(name)
    wishes = tuple(
        Wish(
            connection=name,
            record=reference(target),
            label=label,
            project=project,
            figure=figure,
            field=spec.name,
            value=figures.encode(figure, _typed(figure, values.get(figure)), spec),
            why=whys.get(figure, ""),
            companion=figure in COMPANIONS,
            on_drift=spec.on_drift or safety.on_drift,
        )
        for figure, spec in block.figures.items()
    )
    return Wanted(replace(target, fields=tuple(dict.fromkeys(wish.field for wish in wishes))), label, wishes)


def _typed(figure: str, value: Any) -> Any:
    return Decimal(value) if figure in NUMBERS and value is not None else value


def _links_of(settings: Settings, key: str, name: str) -> Iterator[Any]:
    project: DeclaredProject
    for project in settings.projects.declared:
        if project.key == key:
            yield from (link for link in project.links if link.connection == name)


def _named_records(settings: Settings, name: str, key: str) -> list[str]:
    """The records that a project's links name to carry its fields."""
    named = [
        link.write_to or (link.value if link.what in RECORD_LINKS else None)
        for link in _links_of(settings, key, name)
    ]
    return list(dict.fromkeys(each for each in named if each))


def _record_targets(
    settings: Settings, name: str, project: Project, carriers: Mapping[str, list[str]]
) -> list[str]:
    """Records of Jira and ServiceNow that carry a project's fields: named by links, found by `to`, or defining it."""
    found = _named_records(settings, name, project.key)
    row = project.defined_by
    if not found and row is not None and row["connection"] == name:
        found = [row["external_key" if _is_jira_project(settings, row) else "external_id"]]
    return list(dict.fromkeys([*found, *carriers.get(project.key, ())]))


def _is_jira_project(settings: Settings, row: Mapping[str, Any]) -> bool:
    """Whether a project is defined by a Jira project, whose number could be an issue's too: it goes by its key."""
    return settings.connections[row["connection"]].tool == "jira" and row["kind"] == "project"


def project_targets(
    settings: Settings, name: str, project: Project, block: WriteBlock, carriers: Mapping[str, list[str]]
) -> list[tuple[Target, str]]:
    """The records of one connection that carry a project's fields, each with what people call it."""
    connection = settings.connections[name]
    write = connection.write
    if connection.tool in {"jira", "servicenow"}:
        kind = carrier_kinds(settings, name)[0]
        jira = connection.tool == "jira"
        labels = (
            {project.defined_by["external_id"]: project.defined_by["external_key"]}
            if project.defined_by
            else {}
        )
        return [
            (Target(carrying_kind(each) if jira else kind, each), labels.get(each) or each)
            for each in _record_targets(settings, name, project, carriers)
        ]
    if connection.tool == "planner":
        named = _named_records(settings, name, project.key)
        if named:
            return [(Target("task", each), each) for each in named]
        title = write.to_of(block) or STATUS_TITLE
        plans = [link.value for link in _links_of(settings, project.key, name) if link.what == "plan"]
        return [
            (
                Target(STATUS_TASK, key=(("plan", plan), ("title", title), ("marker", project.key))),
                f"{plan}: {title}",
            )
            for plan in plans
        ]
    if connection.tool == "files":
        return [(Target("project", key=(("key", project.key),)), project.key)]
    return _keyed_targets(settings, name, project, block)


def _keyed_targets(
    settings: Settings, name: str, project: Project, block: WriteBlock
) -> list[tuple[Target, str]]:
    """Records of an object, entity set or table: those that links name, else those of the budget codes or the project's key."""
    connection = settings.connections[name]
    to, keys = connection.write.to_of(block) or "", connection.write.key_of(block)
    named = _named_records(settings, name, project.key)
    if named and connection.tool in {"salesforce", "odata"}:
        return [(Target(to, each), each) for each in named]
    values = named or [project.key]
    if "budget_code" in keys:
        values = sorted(code for code, share in project.budget_codes.items() if share == 1)
    column = keys.get("budget_code") or next(iter(keys.values()), "key")
    return [(Target(to, key=((column, value),)), value) for value in values]


def of_projects(
    settings: Settings,
    name: str,
    projects: Mapping[str, Project],
    judged: Mapping[str, Judged],
    stamp: Stamp,
    carriers: Mapping[str, list[str]],
) -> tuple[list[Wanted], list[Refusal]]:
    """The wishes for the project figures of one connection, and the projects that have no record to carry them."""
    block = settings.connections[name].write.project
    if block is None:
        return [], []
    wanted, refused = [], []
    for key, judgement in judged.items():
        targets = project_targets(settings, name, projects[key], block, carriers)
        if not targets and any(True for _ in _links_of(settings, key, name)):
            refused.append(_no_target(name, key))
        values = {**judgement.outcome["figures"], **_stamped(stamp)}
        whys = reasons(judgement)
        wanted += [
            _wish(settings, name, target, label, key, block, values, whys) for target, label in targets
        ]
    return wanted, refused


def _no_target(name: str, key: str) -> Refusal:
    return Refusal(
        name,
        key,
        "",
        "",
        f"project {key} is linked to {name}, but no record there carries its fields",
        "give the link a write_to, or name the records with `to` under write",
    )


def _stamped(stamp: Stamp) -> dict[str, str]:
    return {"computed_at": instant_text(stamp.taken_at), "snapshot_id": stamp.snapshot_id}


def reasons(judgement: Judged) -> dict[str, str]:
    """Why each figure is what it is, in one sentence."""
    status, body = judgement.body["status"], judgement.body
    because = {f"rag_{dimension}": verdict["because"] for dimension, verdict in status.items()}
    because |= dict.fromkeys(COMPANIONS, "written together with the figures that it goes with")
    gate = body["gate"]
    for figure in ("gate_status", "gate_name", "gate_due"):
        because[figure] = (
            f"gate {gate['current']}: {gate['status']}" if gate.get("current") else "no gate is open"
        )
    for figure in ("finish_forecast", "schedule_variance_days", "percent_complete", "spi"):
        because[figure] = status["schedule"]["because"]
    for figure in ("budget_variance", "budget_variance_share", "available_budget", "eac", "cpi"):
        because[figure] = status["cost"]["because"]
    return because


def of_ledger(
    settings: Settings, name: str, lines: Iterable[Mapping[str, Any]], stamp: Stamp
) -> list[Wanted]:
    """The wishes for the budget figures of one connection, one record per budget code, fiscal year and period."""
    write = settings.connections[name].write
    block = write.budget_line
    if block is None:
        return []
    columns = write.key_of(block)
    kind = write.to_of(block) or "budget_line"
    wanted = []
    for line in lines:
        parts = [str(line[each] if line[each] is not None else "") for each in LEDGER_KEYS]
        label = " ".join(part for part in parts if part)
        target = ledger_target(kind, columns, parts)
        values = {**line, **_stamped(stamp)}
        why = line.get("because") or "computed from the ledger"
        whys = dict.fromkeys(block.figures, why)
        wanted.append(_wish(settings, name, target, label, line.get("project"), block, values, whys))
    return wanted
