"""Capacity against demand per person, role and month.

Rows of the `allocation` entity are one per person, month and project, and each repeats the person's capacity:
a person's capacity of a month is the largest stated, never the sum; planned and actual hours are summed over
projects. A person's capacity counts for each of their roles in proportion to the hours planned in it, so that the
roles of a month hold together what its people hold.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from portfolio import ticket_demand
from portfolio.shown import number, plain
from portfolio.staffing import NOTHING, Balance, Staffing, balances, month_of, places, staffing
from portfolio.ticket_demand import TicketDemand

HOURS = ("capacity_hours", "planned_hours", "actual_hours")
Row = Mapping[str, Any]


def capacity(
    allocations: Sequence[Row], *, today: date | None = None, demand: TicketDemand | None = None
) -> dict[str, Any]:
    """`{rows, months, roles, tickets, overloads}`, JSON-ready.

    Per person and month, per month over all people, per role and month, what tickets take, and who has too much from the
    month of `today` on (without it in every month). `over` is planned beyond capacity, `hours_over` planned and tickets beyond
    it: at least so many, where the hours of tickets are unknown.
    """
    asked = demand or TicketDemand()
    begin = month_of(today) if today else ""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in allocations:
        groups.setdefault((row["month"] or "", row["person"] or ""), []).append(row)
    rows = [_person(month, person, group) for (month, person), group in sorted(groups.items())]
    months = sorted({row["month"] for row in rows})
    plan = staffing(allocations, asked.people)
    return {
        "rows": [_shown(row) for row in rows],
        "months": [
            _month(
                month, [row for row in rows if row["month"] == month], asked.hours if month >= begin else None
            )
            for month in months
        ],
        "roles": roles(groups),
        "tickets": ticket_demand.shown(asked),
        "overloads": overloads(plan, begin),
    }


def overloads(plan: Staffing, begin: str) -> list[dict[str, Any]]:
    """Who has more to do than there are hours, when, by how much, and the projects that cause it; the worst first."""
    found = [each for each in balances(plan, places(plan, begin)) if each.over > 0]
    found.sort(key=lambda each: (-each.over, each.month, each.who))
    by_place: dict[tuple[str, str], dict[str, Decimal]] = {}
    for load in plan.loads:
        projects = by_place.setdefault((load.who, load.month), {})
        key = load.project or ""
        projects[key] = projects.get(key, NOTHING) + load.hours
    return [_overload(each, by_place.get((each.who, each.month), {}), plan) for each in found]


def _overload(balance: Balance, projects: Mapping[str, Decimal], plan: Staffing) -> dict[str, Any]:
    causes = sorted(projects.items(), key=lambda pair: (-pair[1], pair[0]))
    tickets = plan.tickets.get(balance.who)
    beside = f" and tickets about {plain(tickets)} h" if tickets else ""
    return {
        "person": balance.who,
        "role": ", ".join(balance.roles) or None,
        "month": balance.month,
        "capacity_hours": number(hours(balance.capacity)),
        "planned_hours": number(hours(balance.planned)),
        "ticket_hours": number(hours(tickets)),
        "hours_over": number(hours(balance.over)),
        "projects": [{"project": key or None, "hours": number(hours(some))} for key, some in causes if some],
        "because": f"Projects plan {plain(balance.planned)} h{beside}; there are "
        f"{plain(balance.capacity)} h.",
    }


def hours(value: Decimal | None) -> Decimal | None:
    """Hours to the hundredth."""
    return None if value is None else round(value, 2)


def roles(groups: Mapping[tuple[str, str], Sequence[Row]]) -> list[dict[str, Any]]:
    """Per month and role `{month, role, people, capacity_hours, planned_hours, hours_over}`.

    A sum with an unknown part is unknown.
    """
    parts: dict[tuple[str, str], list[tuple[Decimal | None, Decimal | None]]] = {}
    for (month, _), group in sorted(groups.items()):
        for role, part in _by_role(group):
            parts.setdefault((month, role), []).append(part)
    return [
        _role(month, role, found)
        for (month, role), found in sorted(parts.items(), key=lambda pair: pair[0])
        if role
    ]


def _by_role(group: Sequence[Row]) -> Iterable[tuple[str, tuple[Decimal | None, Decimal | None]]]:
    """Each role of one person's month with its part of the capacity and its planned hours."""
    stated = max((row["capacity_hours"] for row in group if row["capacity_hours"] is not None), default=None)
    names = sorted({row["role"] or "" for row in group})
    planned = {
        name: _sum([row["planned_hours"] for row in group if (row["role"] or "") == name]) for name in names
    }
    whole = _sum(list(planned.values()))
    for name, part in planned.items():
        if stated is None or (len(names) > 1 and (whole is None or part is None)):
            share = None
        elif len(names) == 1 or not whole:
            share = stated / len(names)
        else:
            share = stated * (part or NOTHING) / whole
        yield name, (share, part)


def _role(month: str, role: str, found: Sequence[tuple[Decimal | None, Decimal | None]]) -> dict[str, Any]:
    there, asked = _sum([part[0] for part in found]), _sum([part[1] for part in found])
    over = None if there is None or asked is None else max(NOTHING, asked - there)
    return {
        "month": month,
        "role": role,
        "people": len(found),
        "capacity_hours": number(hours(there)),
        "planned_hours": number(hours(asked)),
        "hours_over": number(hours(over)),
    }


def _person(month: str, person: str, group: Sequence[Row]) -> dict[str, Any]:
    stated = [row["capacity_hours"] for row in group if row["capacity_hours"] is not None]
    roles = sorted({row["role"] for row in group if row["role"]})
    return {
        "month": month,
        "person": person,
        "role": ", ".join(roles) or None,
        "projects": sorted({row["project_key"] for row in group if row["project_key"]}),
        "capacity_hours": max(stated, default=None),
        "planned_hours": _sum([row["planned_hours"] for row in group]),
        "actual_hours": _sum([row["actual_hours"] for row in group]),
    }


def _month(month: str, rows: Sequence[Row], tickets: Decimal | None) -> dict[str, Any]:
    whole = {
        "month": month,
        **{name: _sum([row[name] for row in rows]) for name in HOURS},
        "people": len(rows),
        "people_over": sum(_over(row) is True for row in rows),
    }
    return {**_shown(whole), "ticket_hours": number(hours(tickets))}


def _shown(row: Row) -> dict[str, Any]:
    return {**row, **{name: _hours(row[name]) for name in HOURS}, "over": _over(row)}


def _over(row: Row) -> bool | None:
    if row["capacity_hours"] is None or row["planned_hours"] is None:
        return None
    return bool(row["planned_hours"] > row["capacity_hours"])


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


def _hours(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
