"""What changed between two documents of a project, in words."""

import copy
from typing import Any

import pytest

from portfolio.changes import changes

GREEN = {"value": "green"}
FIRST, SECOND = ({"connection": "snow", "external_key": key} for key in ("R1", "R2"))
OLD = {"type": "risk", "title": "Old", "open": True, "source": FIRST}


def project() -> dict[str, Any]:
    return {
        "key": "P",
        "state": "active",
        "stage": None,
        "manager": "Ana",
        "priority": None,
        "status": {name: dict(GREEN) for name in ("overall", "schedule", "cost", "scope", "quality")},
        "schedule": {
            "finish_forecast": "2026-12-31",
            "finish_baseline": "2026-12-31",
            "percent_complete": 0.25,
        },
        "cost": {"revised_budget": "1000.00", "forecast": "900.00", "actual": None},
        "gates": [{"gate": "G2", "name": "Funding", "status": "ready"}],
        "milestones": [{"name": "Pilot", "achieved_on": None}],
        "work": {"done": 3, "blocked": 0, "overdue": None},
        "ticket_counts": {"open": 2, "breached": 0},
        "risks": [dict(OLD)],
        "outages": [],
    }


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("status", "overall", "value"), "red", "Overall went from green to red."),
        (("status", "cost", "value"), "approved_change", "Cost went from green to an approved change."),
        (("state",), "on_hold", "State was active, is on hold."),
        (("manager",), None, "Manager was Ana, is not known."),
        (("gates", 0, "status"), "approved", "Gate G2 Funding was ready, is approved."),
        (
            ("schedule", "finish_forecast"),
            "2027-01-30",
            "The expected finish moved 30 days later, to 2027-01-30.",
        ),
        (
            ("schedule", "finish_forecast"),
            "2026-12-30",
            "The expected finish moved 1 day earlier, to 2026-12-30.",
        ),
        (
            ("schedule", "finish_forecast"),
            "2027-01-01",
            "The expected finish moved 1 day later, to 2027-01-01.",
        ),
        (("schedule", "finish_baseline"), None, "The baseline finish is not known any more."),
        (("schedule", "percent_complete"), 0.4, "Done was 25%, is 40%."),
        (("cost", "forecast"), "1150.50", "The forecast rose by USD 250.50 to USD 1,150.50."),
        (("cost", "forecast"), "900.01", "The forecast rose by USD 0.01 to USD 900.01."),
        (("cost", "forecast"), "899.99", "The forecast fell by USD 0.01 to USD 899.99."),
        (("cost", "revised_budget"), "400.00", "The budget fell by USD 600.00 to USD 400.00."),
        (("cost", "actual"), "5.00", "What is spent is USD 5.00."),
        (("work", "done"), 4, "1 work item more done: 4."),
        (("work", "done"), 2, "1 work item fewer done: 2."),
        (("work", "done"), 1, "2 work items fewer done: 1."),
        (("work", "blocked"), 2, "2 work items more blocked: 2."),
        (("milestones", 0, "achieved_on"), "2026-11-20", "Milestone Pilot was achieved on 2026-11-20."),
        (("risks", 0, "open"), False, "Over: risk: Old."),
        (("risks",), [OLD, {**OLD, "title": "Fresh", "source": SECOND}], "New: risk: Fresh."),
        (("ticket_counts", "open"), 1, "1 ticket fewer open: 1."),
        (("ticket_counts", "open"), 0, "2 tickets fewer open: 0."),
        (("ticket_counts", "open"), 3, "1 ticket more open: 3."),
        (("ticket_counts", "breached"), 2, "2 tickets more past their due time: 2."),
        (
            ("outages",),
            [{"service": "GIS", "ended_at": None, "source": {"connection": "s", "external_key": "O1"}}],
            "New: outage of GIS.",
        ),
    ],
)
def test_each_change_is_one_sentence(path: tuple[Any, ...], value: object, text: str) -> None:
    after: Any = copy.deepcopy(project())
    place = after
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert [each["text"] for each in changes(project(), after, "USD")] == [text]


def test_nothing_changed_is_nothing_said() -> None:
    assert changes(project(), project(), "USD") == []


def test_a_milestone_that_was_achieved_before_is_no_news() -> None:
    done = project() | {"milestones": [{"name": "Pilot", "achieved_on": "2026-11-20"}]}
    assert changes(done, done, "USD") == []


def test_what_is_not_known_is_no_count() -> None:
    after = project() | {"work": {"done": None, "blocked": 0, "overdue": 7}}

    assert changes(project(), after, "USD") == []


def test_a_new_project_is_one_change() -> None:
    assert [each["text"] for each in changes(None, project(), "USD")] == ["New in the portfolio."]
