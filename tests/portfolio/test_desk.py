"""The service desk over all projects: counts added up, open tickets by age, ageing by type."""

from datetime import date
from typing import Any

from portfolio.desk import ageing, open_tickets, tickets

TODAY = date(2026, 11, 24)


def counted(**values: Any) -> dict[str, Any]:
    return {"ticket_counts": {"open": 0, "breached": 0, "oldest_days": None} | values, "tickets": []}


def ticket(number: str, age: int | None, kind: str | None = "incident", **values: Any) -> dict[str, Any]:
    return {
        "number": number,
        "age_days": age,
        "type": kind,
        "state_category": "new",
        "breached": None,
    } | values


def test_counts_that_an_older_snapshot_does_not_hold_are_nothing() -> None:
    found = tickets([counted(open=2), counted(open=3, on_hold=1, reopened=4, by_level={"Lead": 1})], TODAY)
    assert (found["open"], found["on_hold"], found["reopened"], found["by_level"]) == (5, 1, 4, {"Lead": 1})
    assert found["oldest_days"] is None
    assert tickets([counted(oldest_days=3), counted(oldest_days=9), counted()], TODAY)["oldest_days"] == 9


PROJECTS = (
    {
        "tickets": [
            ticket("I3", 0),
            ticket("I1", 9, breached=True),
            ticket("I2", None),
            ticket("I9", 50, state_category="closed"),
        ]
    },
    {
        "tickets": [
            ticket("I4", 30, breached=True),
            ticket("I5", 29, breached=False),
            ticket("Z1", 1, "change"),
            ticket("X1", None, None),
        ]
    },
)


def test_open_tickets_come_oldest_first_and_those_of_unknown_age_among_the_newest() -> None:
    assert [each["number"] for _, each in open_tickets(PROJECTS)] == [
        "I4", "I5", "I1", "Z1", "I2", "I3", "X1",
    ]  # fmt: skip


def test_ageing_tells_each_type_apart() -> None:
    empty = {"0-1d": 0, "1-7d": 0, "7-30d": 0, "30d+": 0}
    incidents = empty | {"0-1d": 1, "7-30d": 2, "30d+": 1}
    assert ageing(PROJECTS) == [
        {"type": "change", "open": 1, "breached": 0, "by_age": empty | {"1-7d": 1}, "oldest_days": 1},
        {"type": "incident", "open": 5, "breached": 2, "by_age": incidents, "oldest_days": 30},
        {"type": "unknown", "open": 1, "breached": 0, "by_age": empty, "oldest_days": None},
    ]
