"""The report document (`portico.report/1`), built once from a stored snapshot; every format shows just this.

A document is plain JSON-like data: text, numbers, bool, None, lists and dicts. Decimal became a decimal text
(`"0.15"`, `"1200.00"`),
a day `YYYY-MM-DD`, an instant UTC ISO 8601 with `Z`. Unknown is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from config.planning import PriorityTerms
from portfolio.overview import MONEY
from portfolio.priority import ranking
from reports import rollup

Document = dict[str, Any]

SCHEMA = "portico.report/1"

_NO_COUNTS = {
    "open": 0,
    "breached": 0,
    "by_priority": {},
    "by_type": {},
    "by_age": {},
    "by_escalation": {},
    "by_level": {},
    "on_hold": 0,
    "reopened": 0,
    "oldest_days": None,
}

NO_LEDGER: dict[str, Any] = {"totals": [], "findings": [], "restated": [], "figures": []}
"""The ledgers' part of a document that shows none."""

EMPTY_PROJECT: dict[str, Any] = {
    **dict.fromkeys(
        ("key", "name", "department", "manager", "state", "stage", "program", "sponsor", "priority", "tier")
    ),
    "status": {name: {"value": "unknown"} for name in rollup.DIMENSIONS},
    "schedule": dict.fromkeys(
        (
            "start_planned",
            "finish_planned",
            "start_baseline",
            "finish_baseline",
            "start_actual",
            "finish_actual",
            "finish_forecast",
            "finish_original",
            "variance_days",
            "percent_complete",
        )
    ),
    "cost": dict.fromkeys(("fiscal_year", *MONEY, "variance_share")),
    "earned_value": {},
    "forecast": {},
    "gate": dict.fromkeys(("current", "name", "status", "due_on", "next")),
    "work": dict.fromkeys(("todo", "in_progress", "done", "cancelled", "blocked", "overdue")),
    **{
        name: []
        for name in (
            "gates",
            "milestones",
            "tickets",
            "risks",
            "outages",
            "deliverables",
            "budget_lines",
            "obligations",
            "actions",
            "changes",
            "depends_on",
            "register",
            "trend",
            "links",
        )
    },
    "ticket_counts": _NO_COUNTS,
    "compliance": {},
    "narrative": None,
}
"""What a project of the document always has, empty. A stored project may carry more."""


@dataclass(frozen=True, slots=True)
class SnapshotData:
    """What the store hands over for one snapshot; `build` makes Decimal, date and aware datetime JSON-like.

    `portfolio`: `name`, `currency`, and `totals` and `counts` of `portfolio.overview`. `sources`: connection,
    tool, read_at, age_seconds, records, complete, stale, error. `projects`: as `portfolio.judge` made them.
    `trends`: project key to `{as_of, overall, schedule, cost, ...}` for the days on which it changed, oldest
    first. `exceptions`: project (a key, or None), kind, severity (high, medium, low), text, since, because.
    `tickets`, `capacity`, `compliance`, `roadmap` (and totals and counts): of `portfolio.overview`; computed
    here if missing. `desk`: `ticket_rows.desk`. `quarantine`: `{"records": n,
    "writes": n, "by_connection": [{connection, kind, count}]}`. `priority`: `terms` (as
    `config.planning.PriorityTerms`) and the last `review`, or empty.
    `changes`: project key to what `portfolio.changes` says of it since `changes_since`, the day of an earlier
    snapshot (None: there is none).
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
    priority: Mapping[str, Any] = field(default_factory=dict)
    desk: Mapping[str, Any] = field(default_factory=dict)
    compliance: Mapping[str, Any] = field(default_factory=dict)
    roadmap: Sequence[Mapping[str, Any]] = ()
    quarantine: Mapping[str, Any] = field(default_factory=dict)
    actions: Sequence[Mapping[str, Any]] = ()
    changes: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    changes_since: date | None = None
    ledger: Mapping[str, Any] = field(default_factory=dict)


def build(snapshot: SnapshotData) -> Document:
    """The report document of a snapshot, in one fixed order: the same snapshot gives the same bytes."""
    projects = [_project(each, snapshot) for each in snapshot.projects]
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
                "changes_since": snapshot.changes_since,
            }
        ),
        "view": {"audience": "internal", "department": None, "project": None},
        "portfolio": json_like(snapshot.portfolio),
        "sources": sorted(json_like(snapshot.sources), key=lambda each: str(each["connection"])),
        "projects": projects,
        "exceptions": sorted(json_like(snapshot.exceptions), key=_exception_order),
        "tickets": json_like(snapshot.tickets),
        "capacity": json_like(snapshot.capacity),
        "compliance": json_like(snapshot.compliance),
        "roadmap": json_like(snapshot.roadmap),
        "actions": json_like(snapshot.actions),
        "ledger": {**NO_LEDGER, **json_like(snapshot.ledger)},
        "quarantine": {"records": 0, "writes": 0, "by_connection": [], **json_like(snapshot.quarantine)},
    }
    document["priority"] = _ranking(projects, snapshot.priority)
    computed = rollup.judge_portfolio(
        projects, today=snapshot.as_of, ranks=rollup.ranks(document["priority"])
    )
    document["portfolio"] = {
        "totals": computed["totals"],
        "counts": computed["counts"],
        **document["portfolio"],
        "trend": rollup.trend(projects, snapshot.as_of.isoformat()),
    }
    for section in ("tickets", "capacity", "compliance", "roadmap"):
        document[section] = document[section] or computed[section]
    document["pmo"] = computed["pmo"]
    document["tickets"] = {**document["tickets"], "desk": json_like(snapshot.desk)}
    return document


def _ranking(projects: Sequence[Mapping[str, Any]], kept: Mapping[str, Any]) -> dict[str, Any]:
    terms = PriorityTerms.model_validate(kept["terms"]) if kept else PriorityTerms()
    return ranking(projects, terms, kept.get("review"))


_PLAIN = frozenset({str, bool, int, float, type(None)})


def json_like(value: Any) -> Any:
    """The value as JSON knows it, in the texts of the interface. A naive datetime raises ValueError."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {str(key): json_like(each) for key, each in value.items()}
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"the instant {value.isoformat()} has no time zone; pass an aware UTC datetime")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    return [json_like(each) for each in value]


def _project(stored: Mapping[str, Any], snapshot: SnapshotData) -> dict[str, Any]:
    project = {**EMPTY_PROJECT, **stored}
    key = project["key"] or ""
    project["changes"] = snapshot.changes.get(key, project["changes"])
    project["trend"] = snapshot.trends.get(key, project["trend"])
    plain: dict[str, Any] = json_like(project)
    return plain


_SEVERITIES = ("critical", "high", "medium", "low")
_KINDS = (
    "open_outage",
    "red",
    "watermelon",
    "unbudgeted",
    "overdue_gate",
    "condition_overdue",
    "overdue_obligation",
    "obligation",
    "unmet_approval",
    "skipped_gate",
    "stale",
    "forecast_past",
    "overdue_risk",
    "breached_tickets",
    "escalation",
    "blocked",
)
"""Exceptions of the same severity stand in this order; any other kind after these."""


def _exception_order(exception: Mapping[str, Any]) -> tuple[Any, ...]:
    severity, kind = exception.get("severity"), exception.get("kind")
    return (
        _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES),
        _KINDS.index(kind) if kind in _KINDS else len(_KINDS),
        str(kind or ""),
        str(exception.get("since") or "~"),
        str(exception.get("project") or ""),
        str(exception.get("text") or ""),
    )
