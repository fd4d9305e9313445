"""The portfolio-level parts of the report document, from the projects' own objects: of all, or of some of them.

Every count and sum that a report shows of several projects is made here or in a module named here, once.
Money is summed with its coverage (how many projects know the figure, of how many); shares are divided after
the sum, never averaged.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from portfolio.budget import COLUMNS
from portfolio.capacity import capacity
from portfolio.compliance import compliance
from portfolio.desk import tickets
from portfolio.pmo import pmo
from portfolio.shown import amount, days, number
from portfolio.staffing import month_of, moved

Project = Mapping[str, Any]

MONEY = (*COLUMNS, "available", "variance")
COLOURS = ("red", "amber", "approved_change", "green", "unknown")
"""Every status value, worst first."""

DIMENSIONS = ("overall", "schedule", "cost", "scope", "quality")
ENDED = ("completed", "cancelled")
HORIZONS = (30, 60, 90)
CALENDAR_MONTHS = 12
URGENCY = {
    "critical": 0,
    "highest": 0,
    "urgent": 0,
    "high": 1,
    "medium": 2,
    "moderate": 2,
    "normal": 2,
    "low": 3,
    "lowest": 4,
    "planning": 4,
}
"""The tools' words for a priority, the most urgent first; a number stands for its own place."""
UNKNOWN_URGENCY = 99


def judge_portfolio(
    projects: Sequence[Project],
    *,
    today: date,
    allocations: Sequence[Mapping[str, Any]] = (),
    ranks: Mapping[str, int | None] | None = None,
) -> dict[str, Any]:
    """`{totals, counts, tickets, capacity, compliance, roadmap, pmo}`, JSON-ready.

    `projects` are `Judgement.document`s (new ones and stored ones alike), `allocations` rows of that entity, `ranks` the
    rank of each project where they are ranked.
    """
    return {
        "totals": totals(projects),
        "counts": counts(projects, today),
        "tickets": tickets(projects, today),
        "capacity": capacity(allocations),
        "compliance": compliance(projects),
        "roadmap": roadmap(projects, ranks),
        "pmo": pmo(projects, today),
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
        if is_undecided(gate)
    ]
    due = [date.fromisoformat(gate["due_on"]) for gate in open_gates if gate["due_on"]]
    within = {
        str(span): sum(today <= day <= today + timedelta(days=span) for day in due) for span in HORIZONS
    }
    return {
        "projects": len(projects),
        **{dimension: colours_of(projects, dimension) for dimension in DIMENSIONS},
        "departments": {
            name or "none": colours_of(each for each in projects if (each["department"] or "") == name)
            for name in departments
        },
        "states": _counted(each["state"] or "unknown" for each in projects),
        "gates_due": within,
        "gates_overdue": sum(gate["status"] == "overdue" for gate in open_gates),
    }


def is_undecided(gate: Mapping[str, Any]) -> bool:
    """No decision stands: nobody has decided, or an approval does not hold."""
    return gate["status"] in ("not_started", "in_progress", "ready", "overdue")


def gates_due(projects: Sequence[Project], until: str) -> list[tuple[Project, Mapping[str, Any]]]:
    """Project and gate of every gate of a running project that is overdue, or undecided and due by that day.

    The overdue first, then the earliest.
    """
    due = [
        (project, gate)
        for project in projects
        if project["state"] not in ENDED
        for gate in project["gates"]
        if gate["status"] == "overdue" or (is_undecided(gate) and (gate["due_on"] or "~") <= until)
    ]
    return sorted(due, key=lambda pair: _due_order(*pair))


def gate_calendar(
    projects: Sequence[Project], today: date
) -> list[tuple[str, list[tuple[Project, Mapping[str, Any]]]]]:
    """Month (`2026-11`) with the undecided gates that come due in it, from today through the eleventh month after this one.

    The earliest first; a month without a gate is left out. What is overdue comes in no month.
    """
    months: dict[str, list[tuple[Project, Mapping[str, Any]]]] = {}
    for project, gate in gates_due(projects, f"{moved(month_of(today), CALENDAR_MONTHS - 1)}-31"):
        if gate["due_on"] and gate["due_on"] >= today.isoformat():
            months.setdefault(gate["due_on"][:7], []).append((project, gate))
    return list(months.items())


def _due_order(project: Project, gate: Mapping[str, Any]) -> tuple[bool, str, str]:
    return (gate["status"] != "overdue", gate["due_on"] or "~", project["key"] or "")


def colour(project: Project, dimension: str = "overall") -> str:
    """The colour of a dimension; `unknown` where there is none."""
    return _coloured((project["status"].get(dimension) or {}).get("value"))


def _coloured(word: str | None) -> str:
    return word if word in COLOURS else "unknown"


def colours_of(projects: Iterable[Project], dimension: str = "overall") -> dict[str, int]:
    """How many projects have each colour of a dimension, the worst colour first."""
    found = Counter(colour(each, dimension) for each in projects)
    return {name: found[name] for name in COLOURS}


def trend(projects: Sequence[Project], as_of: str) -> list[dict[str, Any]]:
    """Per day on which any project's judgement was kept, the number of projects of each overall colour.

    A project's points are the days on which it changed: between them it keeps its colour. The last day is
    `as_of`.
    """
    days = sorted({point["as_of"] for each in projects for point in each["trend"]} | {as_of})
    counted = {day: Counter[str]() for day in days}
    for project in projects:
        points = {point["as_of"]: _coloured(point.get("overall")) for point in project["trend"]}
        points[as_of] = colour(project)
        current = None
        for day in days:
            current = points.get(day, current)
            if current is not None:
                counted[day][current] += 1
    return [{"as_of": day} | {name: counted[day][name] for name in COLOURS} for day in days]


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def roadmap(
    projects: Sequence[Project], ranks: Mapping[str, int | None] | None = None
) -> list[dict[str, Any]]:
    """A row per project by department and priority, with the projects that it waits for.

    The priority is the rank in `ranks`; for projects without one what the tool's own word means, after those that have one.
    """
    finishes, places = {each["key"]: _finish(each) for each in projects}, ranks or {}

    def order(project: Project) -> tuple[str, bool, int, int, str, str]:
        rank = places.get(project["key"])
        start = project["schedule"]["start_planned"] or "~"
        own = (_urgency(project["priority"]), start, project["key"])
        return (project["department"] or "~", rank is None, rank or 0, *own)

    return [
        {**_road(each, finishes), "rank": places.get(each["key"])} for each in sorted(projects, key=order)
    ]


def _urgency(priority: str | None) -> int:
    """The place of a tool's word or number (`High`, `1`, `1 - Critical`, `P2`); a word that says nothing comes last."""
    for word in re.split(r"[^a-z0-9]+", (priority or "").casefold()):
        if word in URGENCY:
            return URGENCY[word]
        if re.fullmatch(r"p?[0-9]", word):
            return max(int(word[-1]) - 1, 0)
    return UNKNOWN_URGENCY


def waiting(project: Project, finishes: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """The projects that this one depends on: `{project, finish, late_days}`.

    `late_days` is how much later the other one finishes than this one means to; 0 where it is not later, None where a finish is
    unknown. `finishes` are the finishes by project key; a project that is not there has none.
    """
    own = _finish(project)
    return [
        {"project": key, "finish": finishes.get(key), "late_days": _days_after(finishes.get(key), own)}
        for key in project.get("depends_on") or ()
    ]


def waiting_exceptions(projects: Sequence[Project]) -> list[dict[str, Any]]:
    """An exception for every project that waits for one that ends later than it means to, or that does not exist."""
    finishes = {each["key"]: _finish(each) for each in projects}
    found = []
    for project in projects:
        for row in waiting(project, finishes) if project["state"] not in ENDED else ():
            if row["project"] not in finishes:
                text = f"It depends on {row['project']}, and there is no such project."
            elif row["late_days"]:
                text = f"It depends on {row['project']}, which ends {days(row['late_days'])} later than it."
            else:
                continue
            theirs, ours = row["finish"] or "an unknown day", _finish(project) or "an unknown day"
            because = f"{row['project']} is expected to end on {theirs}, this one on {ours}."
            found.append(
                {
                    "project": project["key"],
                    "kind": "dependency",
                    "severity": "medium",
                    "text": text,
                    "since": None,
                    "because": because,
                }
            )
    return found


def _finish(project: Project) -> str | None:
    schedule = project["schedule"]
    found: str | None = schedule["finish_actual"] or schedule["finish_forecast"] or schedule["finish_planned"]
    return found


def _days_after(other: str | None, own: str | None) -> int | None:
    if other is None or own is None:
        return None
    return max(0, (date.fromisoformat(other) - date.fromisoformat(own)).days)


def _road(project: Project, finishes: Mapping[str, str | None]) -> dict[str, Any]:
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
        "depends_on": waiting(project, finishes),
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
