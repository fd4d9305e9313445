"""Counts and sums over the projects of a document; each sum says how many projects it knows (n of m)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

COLOURS = ("red", "amber", "approved_change", "green", "unknown")
"""Every status value, worst first."""

DIMENSIONS = ("overall", "schedule", "cost", "scope", "quality")

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
"""The money keys of a project's `cost`."""

NO_DEPARTMENT = "No department"

Project = Mapping[str, Any]


def sections(document: Mapping[str, Any]) -> dict[str, Any]:
    """`portfolio` (totals, counts, trend, departments), `tickets`, `compliance`, `roadmap` of the projects."""
    projects: Sequence[Project] = document["projects"]
    as_of = date.fromisoformat(document["snapshot"]["as_of"])
    return {
        "portfolio": {
            "totals": _totals(projects),
            "counts": _counts(document),
            "trend": _trend(projects),
            "departments": _departments(projects),
        },
        "tickets": _tickets(projects, as_of),
        "compliance": _compliance(projects, as_of),
        "roadmap": [_roadmap_line(each) for each in projects],
    }


def colour(project: Project, dimension: str = "overall") -> str:
    """The computed colour of a dimension; `unknown` where there is none."""
    found = (project["status"].get(dimension) or {}).get("value")
    return found if found in COLOURS else "unknown"


def declared(project: Project) -> str | None:
    """What the manager declared overall."""
    return (project["status"].get("overall") or {}).get("declared")


def is_watermelon(project: Project) -> bool:
    """The declared status is better than the computed one, where both are known."""
    said, found = declared(project), colour(project)
    if said not in ("green", "amber") or found not in ("amber", "red"):
        return False
    return COLOURS.index(said) > COLOURS.index(found)


def is_open(ticket: Mapping[str, Any]) -> bool:
    """The ticket is neither resolved, closed nor cancelled."""
    return ticket.get("state_category") not in ("resolved", "closed", "cancelled")


def age_in_days(ticket: Mapping[str, Any], as_of: date) -> int | None:
    """Days from the ticket's opening to `as_of`; None when the opening is unknown."""
    opened = ticket.get("opened_at")
    return max(0, (as_of - date.fromisoformat(opened[:10])).days) if opened else None


def skipped_gates(project: Project) -> list[Mapping[str, Any]]:
    """Gates without a decision although a later gate was passed."""
    ordered = sorted(project["gates"], key=lambda gate: gate.get("position") or 0)
    passed = [at for at, gate in enumerate(ordered) if str(gate.get("status")).startswith("approved")]
    undecided = ("not_started", "in_progress", "ready", "overdue", "deferred")
    return [gate for gate in ordered[: passed[-1]] if gate.get("status") in undecided] if passed else []


def _counts(document: Mapping[str, Any]) -> dict[str, Any]:
    projects = document["projects"]
    counts: dict[str, Any] = {"projects": len(projects)}
    for dimension in DIMENSIONS:
        counts[dimension] = _colours(projects, dimension)
    counts["states"] = dict(sorted(Counter(each["state"] or "unknown" for each in projects).items()))
    counts["watermelons"] = sum(map(is_watermelon, projects))
    counts["gates_overdue"] = sum(
        gate.get("status") == "overdue" for each in projects for gate in each["gates"]
    )
    counts["exceptions"] = len(document["exceptions"])
    counts["stale_sources"] = sum(bool(each.get("stale")) for each in document["sources"])
    return counts


def _colours(projects: Iterable[Project], dimension: str = "overall") -> dict[str, int]:
    found = Counter(colour(each, dimension) for each in projects)
    return {name: found[name] for name in COLOURS}


def _totals(projects: Sequence[Project]) -> dict[str, Any]:
    totals: dict[str, Any] = {}
    coverage = {}
    for key in MONEY:
        known = [Decimal(each["cost"][key]) for each in projects if each["cost"].get(key) is not None]
        totals[key] = format(sum(known, Decimal(0)), "f") if known else None
        coverage[key] = {"known": len(known), "of": len(projects)}
    totals["coverage"] = coverage
    years = {each["cost"].get("fiscal_year") for each in projects} - {None}
    totals["fiscal_years"] = sorted(years, key=str)
    return totals


def by_department(projects: Iterable[Project]) -> dict[str, list[Project]]:
    """Projects under the name of their department, in alphabetical order; those without one come last."""
    groups: defaultdict[str, list[Project]] = defaultdict(list)
    for each in projects:
        groups[each["department"] or NO_DEPARTMENT].append(each)
    return {
        name: groups[name]
        for name in sorted(groups, key=lambda name: (name == NO_DEPARTMENT, name.casefold(), name))
    }


def _departments(projects: Sequence[Project]) -> list[dict[str, Any]]:
    return [
        {
            "department": name,
            "projects": len(members),
            "overall": _colours(members),
            "totals": _totals(members),
        }
        for name, members in by_department(projects).items()
    ]


def _trend(projects: Sequence[Project]) -> list[dict[str, Any]]:
    points: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for project in projects:
        for point in project["trend"]:
            value = point.get("overall")
            points[point["as_of"]][value if value in COLOURS else "unknown"] += 1
    return [{"as_of": day} | {name: points[day][name] for name in COLOURS} for day in sorted(points)]


BUCKETS = (("up_to_7", 7), ("up_to_30", 30), ("up_to_90", 90), ("over_90", None))
"""The ageing classes of open tickets and the last day of each."""


def _bucket(age: int | None) -> str:
    if age is None:
        return "age_unknown"
    return next(name for name, limit in BUCKETS if limit is None or age <= limit)


def _tickets(projects: Sequence[Project], as_of: date) -> dict[str, Any]:
    still_open = [
        {**ticket, "project": each["key"], "age_days": age_in_days(ticket, as_of)}
        for each in projects
        for ticket in each["tickets"]
        if is_open(ticket)
    ]
    kinds: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for ticket in still_open:
        kinds[ticket.get("type") or "unknown"].append(ticket)
    oldest = sorted(still_open, key=lambda ticket: (-(ticket["age_days"] or 0), str(ticket.get("number"))))
    return {
        "open": len(still_open),
        "breached": sum(ticket.get("breached") is True for ticket in still_open),
        "by_type": [_ageing(kind, kinds[kind]) for kind in sorted(kinds)],
        "oldest": oldest[:20],
    }


def _ageing(kind: str, tickets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    ages = [ticket["age_days"] for ticket in tickets if ticket["age_days"] is not None]
    classes = Counter(_bucket(ticket["age_days"]) for ticket in tickets)
    return {
        "type": kind,
        "open": len(tickets),
        "breached": sum(ticket.get("breached") is True for ticket in tickets),
        **{name: classes[name] for name, _ in BUCKETS},
        "age_unknown": classes["age_unknown"],
        "oldest_days": max(ages, default=None),
    }


def _compliance(projects: Sequence[Project], as_of: date) -> dict[str, Any]:
    return {
        "portfolio": _adherence(projects, as_of),
        "departments": [
            {"department": name, **_adherence(members, as_of)}
            for name, members in by_department(projects).items()
        ],
    }


def _adherence(projects: Sequence[Project], as_of: date) -> dict[str, Any]:
    gates = [gate for each in projects for gate in each["gates"]]
    return {
        "projects": len(projects),
        "declared": sum(declared(each) is not None for each in projects),
        "reported_31d": sum(_reported_within(each, as_of, 31) for each in projects),
        "watermelons": sum(map(is_watermelon, projects)),
        "unknown": sum(colour(each) == "unknown" for each in projects),
        "gates_overdue": sum(gate.get("status") == "overdue" for gate in gates),
        "gates_skipped": sum(len(skipped_gates(each)) for each in projects),
        "deliverables_missing": sum(
            item.get("state") in ("missing", "expired") for each in projects for item in each["deliverables"]
        ),
    }


def _reported_within(project: Project, as_of: date, days: int) -> bool:
    reported_on = (project.get("status_report") or {}).get("reported_on")
    return reported_on is not None and (as_of - date.fromisoformat(reported_on[:10])).days <= days


def _roadmap_line(project: Project) -> dict[str, Any]:
    schedule = project["schedule"]
    return {
        "project": project["key"],
        "name": project["name"],
        "department": project["department"],
        "overall": colour(project),
        "start": schedule.get("start_actual") or schedule.get("start_planned"),
        "finish_baseline": schedule.get("finish_baseline"),
        "finish_forecast": schedule.get("finish_forecast") or schedule.get("finish_planned"),
        "percent_complete": schedule.get("percent_complete"),
        "gates": [
            {
                "gate": gate.get("gate"),
                "name": gate.get("name"),
                "status": gate.get("status"),
                "on": gate.get("decided_on") or gate.get("due_on"),
            }
            for gate in project["gates"]
        ],
        "milestones": [
            {
                "name": item.get("name"),
                "achieved": item.get("achieved_on") is not None,
                "on": item.get("achieved_on") or item.get("forecast_on") or item.get("planned_on"),
            }
            for item in project["milestones"]
        ],
    }
