"""The portfolio-level parts of the report document, from the projects' own objects.

Money is summed with its coverage (how many projects know the figure, of how many); shares are divided after
the sum, never averaged.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from portfolio.capacity import capacity
from portfolio.shown import amount, number

Project = Mapping[str, Any]

MONEY = (
    "original_budget",
    "revised_budget",
    "pre_encumbered",
    "encumbered",
    "actual",
    "forecast",
    "available",
    "variance",
)
COLOURS = ("green", "amber", "red", "approved_change", "unknown")
DIMENSIONS = ("overall", "schedule", "cost", "scope", "quality")
ENDED = ("completed", "cancelled")
HORIZONS = (30, 60, 90)


class Zoned(Protocol):
    """What is needed of a policy here: the time zone that days are counted in."""

    @property
    def timezone(self) -> ZoneInfo: ...  # noqa: D102


def judge_portfolio(
    projects: Sequence[Project],
    *,
    now: datetime,
    policy: Zoned,
    allocations: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """`{totals, counts, tickets, capacity, compliance, roadmap}`, JSON-ready.

    `projects` are `Judgement.document`s (new ones and stored ones alike), `allocations` rows of that entity.
    """
    today = now.astimezone(policy.timezone).date()
    return {
        "totals": totals(projects),
        "counts": counts(projects, today),
        "tickets": _tickets(projects),
        "capacity": capacity(allocations),
        "compliance": _compliance(projects),
        "roadmap": [_road(project) for project in sorted(projects, key=_by_priority)],
    }


def totals(projects: Sequence[Project]) -> dict[str, Any]:
    """Each money figure summed over the projects that know it, with coverage."""
    sums: dict[str, Any] = {}
    coverage = {}
    for name in MONEY:
        known = [Decimal(each["cost"][name]) for each in projects if each["cost"][name] is not None]
        sums[name] = amount(sum(known, Decimal(0))) if known else None
        coverage[name] = {"known": len(known), "of": len(projects)}
    pairs = [
        (Decimal(each["cost"]["variance"]), Decimal(each["cost"]["revised_budget"]))
        for each in projects
        if each["cost"]["variance"] is not None and each["cost"]["revised_budget"] is not None
    ]
    revised = sum((budgeted for _, budgeted in pairs), Decimal(0))
    share = sum((variance for variance, _ in pairs), Decimal(0)) / revised if revised else None
    coverage["variance_share"] = {"known": len(pairs), "of": len(projects)}
    years = sorted({each["cost"]["fiscal_year"] for each in projects} - {None})
    return {**sums, "variance_share": number(share), "coverage": coverage, "fiscal_years": years}


def counts(projects: Sequence[Project], today: date) -> dict[str, Any]:
    """Projects by colour per dimension, by department, by state; gates due in 30, 60, 90 days and overdue."""
    departments = sorted({each["department"] or "" for each in projects})
    open_gates = [
        gate
        for each in projects
        if each["state"] not in ENDED
        for gate in each["gates"]
        if _is_undecided(gate)
    ]
    due = [date.fromisoformat(gate["due_on"]) for gate in open_gates if gate["due_on"]]
    within = {
        str(span): sum(today <= day <= today + timedelta(days=span) for day in due) for span in HORIZONS
    }
    return {
        "projects": len(projects),
        **{dimension: _colours(projects, dimension) for dimension in DIMENSIONS},
        "departments": {
            name or "none": _colours(
                [each for each in projects if (each["department"] or "") == name], "overall"
            )
            for name in departments
        },
        "states": _counted(each["state"] or "unknown" for each in projects),
        "gates_due": within,
        "gates_overdue": sum(gate["status"] == "overdue" for gate in open_gates),
    }


def _is_undecided(gate: Mapping[str, Any]) -> bool:
    return gate["status"] in ("not_started", "in_progress", "ready", "overdue", "deferred")


def _colours(projects: Iterable[Project], dimension: str) -> dict[str, int]:
    found = Counter(each["status"][dimension]["value"] for each in projects)
    return {name: found[name] for name in COLOURS}


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _tickets(projects: Sequence[Project]) -> dict[str, Any]:
    each_count = [each["ticket_counts"] for each in projects]
    ages = [known["oldest_days"] for known in each_count if known["oldest_days"] is not None]
    return {
        "open": sum(known["open"] for known in each_count),
        "breached": sum(known["breached"] for known in each_count),
        **{
            name: _added(known[name] for known in each_count)
            for name in ("by_priority", "by_type", "by_age", "by_escalation")
        },
        "oldest_days": max(ages, default=None),
    }


def _added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    whole: Counter[str] = Counter()
    for part in parts:
        whole.update(part)
    return dict(sorted(whole.items()))


def _compliance(projects: Sequence[Project]) -> dict[str, Any]:
    running = [each for each in projects if each["state"] == "active"]
    rules = ("report_on_time", "data_fresh", "gates_kept")
    return {
        **{
            rule: {"met": sum(each["compliance"][rule] for each in running), "of": len(running)}
            for rule in rules
        },
        "projects": [{"project": each["key"], **each["compliance"]} for each in running],
    }


def _by_priority(project: Project) -> tuple[str, bool, str, str, str]:
    priority = project["priority"]
    start = project["schedule"]["start_planned"] or "~"
    return (project["department"] or "~", priority is None, priority or "", start, project["key"])


def _road(project: Project) -> dict[str, Any]:
    schedule = project["schedule"]
    return {
        "project": project["key"],
        "name": project["name"],
        "department": project["department"],
        "priority": project["priority"],
        "overall": project["status"]["overall"]["value"],
        "start": schedule["start_actual"] or schedule["start_planned"],
        "finish": schedule["finish_forecast"] or schedule["finish_planned"],
        "baseline_finish": schedule["finish_baseline"],
        "percent_complete": schedule["percent_complete"],
        "milestones": [
            {
                "name": each["name"],
                "on": each["achieved_on"] or each["forecast_on"] or each["planned_on"] or each["baseline_on"],
                "achieved": each["achieved_on"] is not None,
            }
            for each in project["milestones"]
        ],
        "gates": [
            {
                "gate": each["gate"],
                "name": each["name"],
                "status": each["status"],
                "on": each["decided_on"] or each["due_on"],
            }
            for each in project["gates"]
        ],
    }
