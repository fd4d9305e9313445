"""The report document (`portico.report/1`), built once from a stored snapshot; every format shows just this.

A document is plain JSON-like data: text, int, bool, None, lists and dicts. Decimal became a decimal text
(`"0.15"`, `"1200.00"`),
a day `YYYY-MM-DD`, an instant UTC ISO 8601 with `Z`. Unknown is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from reports import rollup

Document = dict[str, Any]

SCHEMA = "portico.report/1"

PROJECT_KEYS: dict[str, Any] = {
    "key": None,
    "name": None,
    "department": None,
    "manager": None,
    "state": None,
    "stage": None,
    "sponsor": None,
    "program": None,
    "priority": None,
    "status": {},
    "schedule": {},
    "cost": {},
    "earned_value": {},
    "gate": {},
    "gates": [],
    "milestones": [],
    "work": {},
    "tickets": [],
    "risks": [],
    "outages": [],
    "deliverables": [],
    "budget_lines": [],
    "trend": [],
    "links": [],
    "narrative": None,
}
"""What a project of the document always has, with its empty value. A stored project may carry more."""


@dataclass(frozen=True, slots=True)
class SnapshotData:
    """What the store hands over for one snapshot; `build` makes Decimal, date and aware datetime JSON-like.

    `portfolio` holds at least `name` and `currency`; `totals` and `counts` are computed from the projects
    unless given.
    `sources`: connection, tool, read_at, age_seconds, records, complete, stale, error.
    `trends`: project key to its earlier snapshots, oldest first: `{as_of, overall, schedule, cost, ...}`.
    `exceptions`: project (a key, or None), kind, severity, text, since, because.
    `tickets`, `compliance`, `roadmap`: computed from the projects unless given.
    `capacity`: `{"rows": [{role, month, capacity_hours, planned_hours, actual_hours}]}`, `department`
    optional in a row.
    `quarantine`: `{"records": n, "writes": n, "by_connection": [{connection, kind, count}]}`.
    """

    id: str
    taken_at: datetime
    as_of: date
    known_at: datetime
    complete: bool
    portfolio: Mapping[str, Any]
    sources: Sequence[Mapping[str, Any]] = ()
    projects: Sequence[Mapping[str, Any]] = ()
    trends: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    exceptions: Sequence[Mapping[str, Any]] = ()
    tickets: Mapping[str, Any] = field(default_factory=dict)
    capacity: Mapping[str, Any] = field(default_factory=dict)
    compliance: Mapping[str, Any] = field(default_factory=dict)
    roadmap: Sequence[Mapping[str, Any]] = ()
    quarantine: Mapping[str, Any] = field(default_factory=dict)


def build(snapshot: SnapshotData) -> Document:
    """The report document of a snapshot, in one fixed order: the same snapshot gives the same bytes."""
    projects = [_project(each, snapshot.trends) for each in snapshot.projects]
    projects.sort(key=lambda each: (each["department"] or "~", each["key"] or ""))
    document: Document = {
        "schema": SCHEMA,
        "snapshot": json_like(
            {
                "id": snapshot.id,
                "taken_at": snapshot.taken_at,
                "as_of": snapshot.as_of,
                "known_at": snapshot.known_at,
                "complete": snapshot.complete,
            }
        ),
        "view": {"audience": "internal", "department": None, "project": None},
        "portfolio": json_like(snapshot.portfolio),
        "sources": sorted(json_like(snapshot.sources), key=lambda each: str(each["connection"])),
        "projects": projects,
        "exceptions": sorted(json_like(snapshot.exceptions), key=_exception_order),
        "tickets": json_like(snapshot.tickets),
        "capacity": {"rows": [], **json_like(snapshot.capacity)},
        "compliance": json_like(snapshot.compliance),
        "roadmap": json_like(snapshot.roadmap),
        "quarantine": {"records": 0, "writes": 0, "by_connection": [], **json_like(snapshot.quarantine)},
    }
    for section, computed in rollup.sections(document).items():
        if section == "portfolio":
            document["portfolio"] = computed | document["portfolio"]
        elif not document[section]:
            document[section] = computed
    return document


def json_like(value: Any) -> Any:
    """The value as JSON knows it, in the texts of the interface. A naive datetime raises ValueError."""
    if isinstance(value, Mapping):
        return {str(key): json_like(each) for key, each in value.items()}
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the instant {value.isoformat()} has no time zone; pass an aware UTC datetime")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return [json_like(each) for each in value]


def _project(stored: Mapping[str, Any], trends: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    project = {**PROJECT_KEYS, **{key: value for key, value in stored.items() if value is not None}}
    project["trend"] = trends.get(project["key"] or "", project["trend"])
    plain: dict[str, Any] = json_like(project)
    return plain


_SEVERITIES = ("critical", "high", "red", "error", "medium", "amber", "warning", "low", "info")


def _exception_order(exception: Mapping[str, Any]) -> tuple[Any, ...]:
    severity = exception.get("severity")
    rank = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return (
        rank,
        exception.get("since") or "~",
        exception.get("project") or "",
        exception.get("kind") or "",
        exception.get("text") or "",
    )
