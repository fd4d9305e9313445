"""One typed row of facts per project, built by set-based queries over the whole store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from portfolio import facts
from portfolio.model import GATE_DECISIONS
from portfolio.store import baselines, budget_lines, clicks, desk, manual, work
from portfolio.store.links import Project, Registry
from portfolio.store.live import Keys, live, rows, source_of, source_told, stands
from portfolio.store.tables import PULLED, RECORD_KEY, entity_tables

FEW = 500
"""So many projects are looked for by their keys; more of them are found quicker among all."""
CLOSED_RISK = {"closed", "resolved", "done", "complete", "completed", "cancelled", "canceled", "rejected"}
"""A risk whose state begins with one of these words (`Closed Complete`, `Closed Skipped`) stands no longer."""


def _grouped(rows: Iterable[Any], make: Any) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.project_key].append(make(row))
    return {key: tuple(made) for key, made in found.items()}


def _milestone(row: Any) -> facts.Milestone:
    return facts.Milestone(
        row.name or row.external_key or row.external_id,
        row.baseline_on,
        row.planned_on,
        row.forecast_on,
        row.achieved_on,
        source_of(row),
    )


def _risk(row: Any) -> facts.Risk:
    return facts.Risk(
        type=row.type or "risk",
        title=row.title or "",
        score=row.score,
        state=row.state,
        owner=row.owner,
        due_on=row.due_on,
        open=next(iter((row.state or "").casefold().split()), "") not in CLOSED_RISK,
        source=source_of(row),
        probability=row.probability,
        impact=row.impact,
    )


def _risks(db: Connection, keys: Keys) -> dict[str, tuple[facts.Risk, ...]]:
    """The registers of the tools, and the corrective actions that managers opened here."""
    found = {key: list(some) for key, some in _grouped(rows(db, "risk", keys), _risk).items()}
    for each in manual.actions(db):
        if each["type"] == "obligation":
            continue
        own = facts.Risk(
            type="action",
            title=each["title"],
            score=None,
            state=each["state"],
            owner=each["owner"],
            due_on=each["due_on"],
            open=each["closed_at"] is None,
            source=facts.Source("portico", f"action {each['id']}"),
        )
        found.setdefault(each["project_key"], []).append(own)
    return {key: tuple(some) for key, some in found.items()}


def _deliverable(row: Any) -> facts.Deliverable:
    return facts.Deliverable(
        row.type or "",
        row.title,
        row.state or "missing",
        row.approved_by,
        row.approved_at,
        source_of(row),
        row.content_hash,
    )


def _reports(db: Connection, keys: Keys) -> dict[str, facts.StatusReport]:
    table = entity_tables["status_report"]
    found = {}
    order = (table.c.reported_on, table.c.connection, table.c.kind, table.c.external_id)
    for row in db.execute(select(table).where(live("status_report", keys)).order_by(*order)):
        found[row.project_key] = facts.StatusReport(
            reported_on=row.reported_on,
            by=row.by,
            overall=row.overall,
            schedule=row.schedule,
            cost=row.cost,
            scope=row.scope,
            quality=row.quality,
            text=row.text,
            source=source_of(row),
        )
    return found


def _in_fields(project: Project) -> tuple[facts.Decision, ...]:
    row = project.defined_by or {}
    return tuple(
        facts.Decision(
            each["gate"],
            each["decision"],
            date.fromisoformat(each["decided_on"]),
            each.get("decided_by"),
            each.get("note"),
            valid_until=date.fromisoformat(each["valid_until"]) if each.get("valid_until") else None,
            source=source_told(row),
        )
        for each in row.get(GATE_DECISIONS) or ()
    )


def decisions_of(
    db: Connection, projects: Mapping[str, Project], keys: Keys
) -> dict[str, tuple[facts.Decision, ...]]:
    """Those in fields of the projects' own records, those of approval records, then those recorded by command."""
    told = (row for row in rows(db, "gate_decision", keys) if row.gate and row.decision and row.decided_on)
    found = _grouped(
        told,
        lambda row: facts.Decision(
            row.gate,
            row.decision,
            row.decided_on,
            row.decided_by,
            row.note,
            valid_until=row.valid_until,
            source=source_of(row),
        ),
    )
    entered = manual.decisions(db)
    return {
        key: (*_in_fields(project), *found.get(key, ()), *entered.get(key, ()))
        for key, project in projects.items()
    }


def _outages(db: Connection) -> dict[str, tuple[facts.Outage, ...]]:
    table = entity_tables["outage"]
    found: dict[str, list[facts.Outage]] = defaultdict(list)
    for row in db.execute(select(table).where(stands(table)).order_by(table.c.began_at, table.c.external_id)):
        made = facts.Outage(row.service, row.type, row.began_at, row.ended_at, row.cause, source_of(row))
        for key in row.project_keys or ():
            found[key].append(made)
    return {key: tuple(some) for key, some in found.items()}


def _feeds(db: Connection, keys: Keys) -> dict[str, dict[str, set[str]]]:
    """Per project: entity to the connections that feed it."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entity in PULLED:
        table = entity_tables[entity]
        if "project_key" not in table.c:
            continue
        for key, name in db.execute(
            select(table.c.project_key, table.c.connection).where(live(entity, keys)).distinct()
        ):
            found[key][entity].add(name)
    return found


def gather(
    db: Connection,
    names: Registry,
    *,
    since: datetime,
    today: date,
    zone: tzinfo,
    currency: str,
    expired: frozenset[str],
    keys: Keys = None,
) -> list[facts.Facts]:
    """The facts of these projects. Work added or done counts from `since`; `expired` connections are past `stale_after`.

    Days of instants are those of `zone`, the portfolio's.
    """
    chosen = {key: project for key, project in names.projects.items() if keys is None or key in keys}
    keys = None if keys is None or len(keys) > FEW else sorted(chosen)
    counted = work.work(db, today, since, keys)
    packages, dated = work.packages(db, keys), work.dated(db, keys)
    money = budget_lines.of_projects(db, names.projects, currency, keys)
    milestones = _grouped(rows(db, "milestone", keys), _milestone)
    tickets = desk.tickets(db, keys)
    risks = _risks(db, keys)
    deliverables = _grouped(rows(db, "deliverable", keys), _deliverable)
    planned = _planned_values(db, keys)
    reports, outages, feeds = _reports(db, keys), _outages(db), _feeds(db, keys)
    links = clicks.of_projects(db, names, keys)
    decisions, overrides = decisions_of(db, chosen, keys), manual.overrides(db)
    actions = manual.kept_actions(db)
    rows_of = (project.defined_by for project in chosen.values() if project.defined_by)
    moved = baselines.moved(db, [tuple(row[name] for name in RECORD_KEY) for row in rows_of])
    approved = manual.baselines(db)
    gathered = []
    for key, project in chosen.items():
        row = project.defined_by
        fed = {entity: set(some) for entity, some in feeds.get(key, {}).items()}
        if row:
            fed["project"] = {row["connection"]}
        if money.get(key):
            fed["budget_line"] = {each.source.connection for each in money[key] if each.source}
        gathered.append(
            facts.Facts(
                **_project_values(project, approved.get(key, ()), moved, zone),
                work=counted.get(key),
                packages=packages.get(key, ()),
                milestones=milestones.get(key, ()),
                money=tuple(money.get(key, ())),
                planned_values=planned.get(key, ()),
                dated=dated.get(key, ()),
                tickets=tickets.get(key, ()),
                risks=risks.get(key, ()),
                outages=outages.get(key, ()),
                deliverables=deliverables.get(key, ()),
                report=reports.get(key),
                decisions=decisions.get(key, ()),
                overrides=overrides.get(key, ()),
                actions=actions.get(key, ()),
                source=source_told(row) if row else None,
                links=tuple(links.get(key, {}).values()),
                stale={
                    entity: tuple(sorted(some & expired))
                    for entity, some in sorted(fed.items())
                    if some & expired
                },
            )
        )
    return gathered


def _planned_values(db: Connection, keys: Keys) -> dict[str, tuple[facts.PlannedValue, ...]]:
    return _grouped(
        (row for row in rows(db, "baseline", keys) if row.day is not None and row.planned_value is not None),
        lambda row: facts.PlannedValue(row.name or "baseline", row.set_on, row.day, row.planned_value),
    )


PROJECT_VALUES = [
    "description",
    "department",
    "program",
    "sponsor",
    "manager",
    "state",
    "stage",
    "priority",
    "tier",
    "declared_status",
    "start_planned",
    "finish_planned",
    "start_baseline",
    "finish_baseline",
    "start_actual",
    "finish_actual",
    "finish_forecast",
    "percent_complete",
    "earned_value_method",
]


def _project_values(
    project: Project,
    approved: Sequence[Any],
    moved: Mapping[tuple[str, ...], Sequence[Any]],
    zone: tzinfo,
) -> dict[str, Any]:
    values = {name: project.values.get(name) for name in PROJECT_VALUES}
    row = project.defined_by
    changes = moved.get(tuple(row[name] for name in RECORD_KEY), ()) if row else ()
    own = values["start_baseline"], values["finish_baseline"]
    dated = baselines.versions(own, changes, approved, zone)
    if approved:
        values["start_baseline"], values["finish_baseline"] = dated[-1].start, dated[-1].finish
    return {
        "key": project.key,
        "name": project.values.get("name") or project.key,
        "budget_codes": tuple(sorted(project.budget_codes)),
        "depends_on": tuple(project.values.get("depends_on") or ()),
        "baseline_dates": dated,
        **values,
    }


def allocations(db: Connection) -> Sequence[Mapping[str, Any]]:
    """Every live allocation row, for the capacity section."""
    table = entity_tables["allocation"]
    rows = db.execute(
        select(table).where(stands(table)).order_by(table.c.month, table.c.person, table.c.external_id)
    ).mappings()
    return [dict(row) for row in rows]
