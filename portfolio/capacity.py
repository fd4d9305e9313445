"""Capacity against demand per person and month.

Rows of the `allocation` entity are one per person, month and project, and each repeats the person's capacity:
a person's capacity of a month is the largest stated, never the sum; planned and actual hours are summed over
projects.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any


def capacity(allocations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`{rows, months}`, JSON-ready: per person and month, and per month over all people.

    `over` is planned beyond capacity.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in allocations:
        groups.setdefault((row["month"] or "", row["person"] or ""), []).append(row)
    rows = [_person(month, person, group) for (month, person), group in sorted(groups.items())]
    months = sorted({row["month"] for row in rows})
    return {
        "rows": [_shown(row) for row in rows],
        "months": [_month(month, [row for row in rows if row["month"] == month]) for month in months],
    }


def _person(month: str, person: str, group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
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


def _month(month: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    whole = {
        "month": month,
        **{
            name: _sum([row[name] for row in rows])
            for name in ("capacity_hours", "planned_hours", "actual_hours")
        },
        "people": len(rows),
        "people_over": sum(_over(row) is True for row in rows),
    }
    return _shown(whole)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    hours = {name: _hours(row[name]) for name in ("capacity_hours", "planned_hours", "actual_hours")}
    return {**row, **hours, "over": _over(row)}


def _over(row: Mapping[str, Any]) -> bool | None:
    if row["capacity_hours"] is None or row["planned_hours"] is None:
        return None
    return bool(row["planned_hours"] > row["capacity_hours"])


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


def _hours(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
