"""Who is planned on what, and where the hours do not suffice: what capacity and what-if scenarios are computed from.

A demand on a person in a month comes from projects (planned allocations), from unplanned tickets, and in a scenario from
mandates. What comes from outside goes first: hours that are missing are missing from projects, from each in proportion to
what it planned. That is a convention of our own. An allocation without a named person counts for its role.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

NOTHING = Decimal(0)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
Place = tuple[str, str]
"""Somebody (a person, or a role without one) in a month."""


@dataclass(frozen=True, slots=True)
class Load:
    """Hours planned on somebody in a month; of no project: they come from outside."""

    project: str | None
    who: str
    role: str | None
    month: str
    hours: Decimal


@dataclass(frozen=True, slots=True)
class Staffing:
    """All loads, the capacity that is stated, and the hours a month that tickets take of each one.

    `unknown` counts the allocations that cannot count: nobody says of whom, of which month or of how many hours.
    """

    loads: tuple[Load, ...] = ()
    stated: Mapping[Place, Decimal] = field(default_factory=dict)
    tickets: Mapping[str, Decimal] = field(default_factory=dict)
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """Somebody's month: what there is, what is asked, what is too much, and the hours each project goes without."""

    who: str
    roles: tuple[str, ...]
    month: str
    capacity: Decimal
    planned: Decimal
    outside: Decimal
    over: Decimal
    missing: Mapping[str, Decimal]


def month_of(day: date) -> str:
    """The month of a day, as `2026-11`."""
    return f"{day:%Y-%m}"


def moved(month: str, by: int) -> str:
    """The month so many months later."""
    count = int(month[:4]) * 12 + int(month[5:7]) - 1 + by
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def month_in(text: Any) -> str | None:
    """The month that a text begins with, or None."""
    found = _MONTH.match(str(text or ""))
    return found[0] if found else None


def staffing(
    allocations: Iterable[Mapping[str, Any]], tickets: Mapping[str, Decimal] | None = None
) -> Staffing:
    """From rows of the `allocation` entity and the hours a month that tickets take of each person."""
    loads = []
    stated: dict[Place, Decimal] = {}
    unknown = 0
    for row in allocations:
        who, month = row["person"] or row["role"], month_in(row["month"])
        if not who or month is None:
            unknown += 1
            continue
        if row["capacity_hours"] is not None:
            place = (who, month)
            stated[place] = max(stated.get(place, row["capacity_hours"]), row["capacity_hours"])
        if row["planned_hours"] is None:
            unknown += 1
        else:
            loads.append(Load(row["project_key"] or "", who, row["role"], month, row["planned_hours"]))
    return Staffing(tuple(loads), stated, tickets or {}, unknown)


def balances(plan: Staffing, places: Iterable[Place]) -> list[Balance]:
    """The balance of each place whose capacity is known, by month and name.

    over = planned + outside - capacity, where that is positive; missing of a project = its part of
    planned - (capacity - outside), in proportion to its planned hours.
    """
    at: dict[Place, list[Load]] = {}
    for load in plan.loads:
        at.setdefault((load.who, load.month), []).append(load)
    wanted = sorted(set(places), key=lambda place: (place[1], place[0]))
    return [
        _balance(place, at.get(place, []), plan.stated[place], plan.tickets.get(place[0], NOTHING))
        for place in wanted
        if place in plan.stated
    ]


def _balance(place: Place, loads: Sequence[Load], capacity: Decimal, tickets: Decimal) -> Balance:
    by_project: dict[str, Decimal] = {}
    for load in loads:
        if load.project is not None:
            by_project[load.project] = by_project.get(load.project, NOTHING) + load.hours
    planned = sum(by_project.values(), NOTHING)
    outside = tickets + sum((load.hours for load in loads if load.project is None), NOTHING)
    short = max(NOTHING, planned - max(NOTHING, capacity - outside))
    return Balance(
        who=place[0],
        roles=tuple(sorted({load.role for load in loads if load.role})),
        month=place[1],
        capacity=capacity,
        planned=planned,
        outside=outside,
        over=max(NOTHING, planned + outside - capacity),
        missing={
            key: short * hours / planned for key, hours in sorted(by_project.items()) if short and hours
        },
    )


def places(plan: Staffing, begin: str) -> set[Place]:
    """Where something is planned from a month on."""
    return {(load.who, load.month) for load in plan.loads if load.month >= begin}
