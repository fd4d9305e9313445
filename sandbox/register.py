"""The project office's register: CSV files for what no tool of the city holds.

Baselines, milestones, deliverables and allocations of every project; status reports of those without a record in
ServiceNow. Columns are named like the keys of the normalized entities, so they need no mapping.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sandbox.city import City, Project

Rows = Iterator[dict[str, Any]]


def write_register(city: City, folder: Path) -> tuple[str, ...]:
    """Writes `<entity>.csv` files into `folder` (made if absent); returns the entities that have rows."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for entity, rows_of in _ENTITIES.items():
        rows = [{"project_key": project.key, **row} for project in city.projects for row in rows_of(project)]
        if not rows:
            continue
        with (folder / f"{entity}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)
        written.append(entity)
    return tuple(written)


def _baselines(project: Project) -> Rows:
    for baseline in project.baselines if project.has_office_plan else ():
        for point in baseline.points:
            yield {
                "name": baseline.name,
                "set_on": baseline.set_on,
                "day": point.day,
                "planned_value": point.planned_value,
                "currency": "USD",
            }


def _deliverables(project: Project) -> Rows:
    for each in project.deliverables:
        present = each.state != "missing"
        yield {
            "number": each.number,
            "type": each.type,
            "title": each.title,
            "state": each.state,
            "version": each.version,
            "approved_by": each.approved_by.name if each.approved_by else None,
            "approved_at": each.approved_at,
            "content_hash": hashlib.sha256(each.content.encode()).hexdigest() if present else None,
        }


def _allocations(project: Project) -> Rows:
    for each in project.allocations:
        yield {
            "person": each.person.name,
            "role": each.role,
            "month": each.month,
            "capacity_hours": each.capacity_hours,
            "planned_hours": each.planned_hours,
            "actual_hours": each.actual_hours,
        }


def _milestones(project: Project) -> Rows:
    for each in project.milestones:
        yield {
            "name": each.name,
            "baseline_on": each.baseline_on,
            "planned_on": each.planned_on,
            "forecast_on": each.forecast_on,
            "achieved_on": each.achieved_on,
        }


def _status_reports(project: Project) -> Rows:
    for each in () if project.in_servicenow else project.reports:
        yield {
            "reported_on": each.reported_on,
            "by": each.by.name,
            "overall": each.overall,
            "schedule": each.schedule,
            "cost": each.cost,
            "scope": each.scope,
            "quality": each.quality,
            "text": each.text,
        }


def keeps_decisions(project: Project) -> bool:
    """The board's decisions without conditions stand in the register."""
    return project.key[-1] == "1"


def _gate_decisions(project: Project) -> Rows:
    for each in project.gates if keeps_decisions(project) else ():
        if each.decision and each.decided_on and each.decided_by and not each.conditions:
            yield {
                "gate": each.key,
                "decision": each.decision,
                "decided_on": each.decided_on,
                "decided_by": each.decided_by.name,
                "note": "Minutes of the gate board",
                "valid_until": each.valid_until,
            }


_ENTITIES: dict[str, Callable[[Project], Rows]] = {
    "baseline": _baselines,
    "milestone": _milestones,
    "deliverable": _deliverables,
    "allocation": _allocations,
    "status_report": _status_reports,
    "gate_decision": _gate_decisions,
}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat() if isinstance(value, date) else str(value)
