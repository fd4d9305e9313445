"""What reports show of several projects at once: groups, trend, ageing, adherence.

Counts and sums are those of `portfolio.overview`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from portfolio.overview import judge_portfolio

COLOURS = ("red", "amber", "approved_change", "green", "unknown")
"""Every status value, worst first."""

DIMENSIONS = ("overall", "schedule", "cost", "scope", "quality")

NO_DEPARTMENT = "No department"

AGES = ("0-1d", "1-7d", "7-30d", "30d+")
"""The ageing classes of open tickets; a ticket of exactly seven days is in `7-30d`."""

Project = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Utc:
    timezone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009 - a zone never changes


def overview(projects: Sequence[Project], as_of: date) -> dict[str, Any]:
    """`{totals, counts, tickets, capacity, compliance, roadmap}` of these projects on that day."""
    return judge_portfolio(projects, now=datetime.combine(as_of, time(12), UTC), policy=_Utc())


def colour(project: Project, dimension: str = "overall") -> str:
    """The colour of a dimension; `unknown` where there is none."""
    found = (project["status"].get(dimension) or {}).get("value")
    return found if found in COLOURS else "unknown"


def colours_of(projects: Iterable[Project]) -> dict[str, int]:
    """How many projects have each overall colour, worst colour first."""
    found = Counter(colour(each) for each in projects)
    return {name: found[name] for name in COLOURS}


def is_watermelon(project: Project) -> bool:
    """The declared overall status is better than the one shown, where both are known."""
    said, found = project["status"]["overall"].get("declared"), colour(project)
    if said not in ("green", "amber") or found not in ("amber", "red"):
        return False
    return COLOURS.index(said) > COLOURS.index(found)


def is_open(ticket: Mapping[str, Any]) -> bool:
    """The ticket is neither resolved, closed nor cancelled."""
    return ticket.get("state_category") not in ("resolved", "closed", "cancelled")


def by_department(items: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Projects (or lines of the roadmap) by department, alphabetically; those without one come last."""
    groups: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in items:
        groups[each.get("department") or NO_DEPARTMENT].append(each)
    return {
        name: groups[name]
        for name in sorted(groups, key=lambda name: (name == NO_DEPARTMENT, name.casefold(), name))
    }


def trend(projects: Sequence[Project], as_of: str) -> list[dict[str, Any]]:
    """Per day on which any project's judgement was kept, the number of projects of each overall colour.

    A project's points are the days on which it changed: between them it keeps its colour. The last day is
    `as_of`.
    """
    days = sorted({point["as_of"] for each in projects for point in each["trend"]} | {as_of})
    counted = {day: Counter[str]() for day in days}
    for project in projects:
        points = {point["as_of"]: point.get("overall") for point in project["trend"]}
        points[as_of] = colour(project)
        current = None
        for day in days:
            current = points.get(day, current)
            if day in points or current is not None:
                counted[day][current if current in COLOURS else "unknown"] += 1
    return [{"as_of": day} | {name: counted[day][name] for name in COLOURS} for day in days]


def ageing(projects: Sequence[Project]) -> list[dict[str, Any]]:
    """Open tickets by type: `{type, open, breached, by_age, oldest_days}`."""
    kinds: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for _, ticket in open_tickets(projects):
        kinds[ticket.get("type") or "unknown"].append(ticket)
    return [_ageing(kind, kinds[kind]) for kind in sorted(kinds)]


def open_tickets(projects: Sequence[Project]) -> list[tuple[Project, Mapping[str, Any]]]:
    """Project and open ticket, the oldest first."""
    found = [(each, ticket) for each in projects for ticket in each["tickets"] if is_open(ticket)]
    return sorted(found, key=lambda pair: (-(pair[1].get("age_days") or 0), str(pair[1].get("number"))))


def _ageing(kind: str, tickets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ages = [ticket["age_days"] for ticket in tickets if ticket.get("age_days") is not None]
    classes = Counter(_age_class(age) for age in ages)
    return {
        "type": kind,
        "open": len(tickets),
        "breached": sum(ticket.get("breached") is True for ticket in tickets),
        "by_age": {name: classes[name] for name in AGES},
        "oldest_days": max(ages, default=None),
    }


def _age_class(days: int) -> str:
    for name, limit in zip(AGES, (1, 7, 30), strict=False):
        if days < limit:
            return name
    return AGES[-1]


def adherence(projects: Sequence[Project]) -> dict[str, int]:
    """How many active projects report on time, have fresh data, keep their gates; and what is missing."""
    running = [each for each in projects if each["state"] == "active"]
    return {
        "projects": len(running),
        **{
            rule: sum(bool(each["compliance"].get(rule)) for each in running)
            for rule in ("report_on_time", "data_fresh", "gates_kept")
        },
        "watermelons": sum(map(is_watermelon, running)),
        "unknown": sum(colour(each) == "unknown" for each in running),
        "gates_overdue": sum(gate.get("status") == "overdue" for each in running for gate in each["gates"]),
        "deliverables_missing": sum(
            item.get("state") in ("missing", "expired") for each in running for item in each["deliverables"]
        ),
    }


def outages(projects: Sequence[Project]) -> list[tuple[Project, Mapping[str, Any]]]:
    """Project and outage: those that go on come first, then the newest."""
    found = [(project, each) for project in projects for each in project["outages"]]
    found.sort(key=lambda pair: pair[1].get("began_at") or "", reverse=True)
    return sorted(found, key=lambda pair: pair[1].get("ended_at") is not None)


def gates_due(projects: Sequence[Project], until: str) -> list[tuple[Project, Mapping[str, Any]]]:
    """Project and gate of every gate that is overdue or undecided and due by that day: the overdue first."""
    due = [
        (project, gate)
        for project in projects
        if project["state"] not in ("completed", "cancelled")
        for gate in project["gates"]
        if gate.get("status") == "overdue"
        or (
            gate.get("status") in ("not_started", "in_progress", "ready")
            and (gate.get("due_on") or "~") <= until
        )
    ]
    return sorted(due, key=lambda pair: _due_order(*pair))


def _due_order(project: Project, gate: Mapping[str, Any]) -> tuple[bool, str, str]:
    return (gate.get("status") != "overdue", gate.get("due_on") or "~", project["key"] or "")
