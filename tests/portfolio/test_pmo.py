"""The metrics of the project office: each counts what it says, with its n, per month and department."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.pmo import METRICS, combined, pmo

D = Decimal
TODAY = date(2026, 11, 21)
DATES = (
    "start_planned",
    "start_actual",
    "finish_planned",
    "finish_actual",
    "finish_baseline",
    "finish_original",
    "finish_forecast",
)


def project(**values: Any) -> dict[str, Any]:
    schedule = {**dict.fromkeys(DATES), "rebaselined_on": [], **values.pop("schedule", {})}
    return {
        "key": "A",
        "department": "Water",
        "state": "active",
        "earned_value": {},
        "gates": [],
        "tickets": [],
        "milestones": [],
        "trend": [],
        "schedule": schedule,
        **values,
    }


def done(on: str, due: str | None, **values: Any) -> dict[str, Any]:
    schedule = {"finish_actual": on, "finish_baseline": due, **values.pop("schedule", {})}
    return project(state="completed", schedule=schedule, **values)


def metric(name: str, *projects: Any, today: date = TODAY) -> dict[str, Any]:
    found = {each["metric"]: each for each in pmo(projects, today)["metrics"]}
    one: dict[str, Any] = found[name]
    return one


def figures(found: dict[str, Any]) -> tuple[Any, Any, Any]:
    return found["value"], found["n"], found["of"]


def test_the_window_is_the_last_24_months() -> None:
    found = pmo([], TODAY)
    assert (found["from"], found["until"]) == ("2024-12", "2026-11")
    assert [len(each["months"]) for each in found["metrics"]] == [24] * 8
    for each in found["metrics"]:
        assert figures(each) == (None, 0, 0)
        assert each["because"].startswith("There were no ")
        assert each["departments"] == []


@pytest.mark.parametrize(
    ("on", "counted"),
    [("2024-11-30", 0), ("2024-12-01", 1), ("2026-11-21", 1), ("2026-11-22", 0)],
)
def test_only_what_happened_in_the_window_counts(on: str, counted: int) -> None:
    assert metric("on_time", done(on, "2026-01-01"))["of"] == counted


def test_on_time_is_by_the_first_baseline() -> None:
    found = metric(
        "on_time",
        done("2026-03-31", "2026-03-31"),
        done("2026-04-01", "2026-03-31"),
        done("2026-05-01", "2026-06-01", schedule={"finish_original": "2026-04-30"}),
        done("2026-06-01", None),
        project(schedule={"finish_actual": "2026-06-01", "finish_baseline": "2026-07-01"}),
        project(state="cancelled", schedule={"finish_actual": "2026-06-01", "finish_baseline": "2026-07-01"}),
    )
    assert figures(found) == (0.333333, 3, 4)
    assert found["because"] == "3 of 4 completed projects in these 24 months can be judged."
    assert {each["month"]: figures(each) for each in found["months"] if each["of"]} == {
        "2026-03": (1.0, 1, 1),
        "2026-04": (0.0, 1, 1),
        "2026-05": (0.0, 1, 1),
        "2026-06": (None, 0, 1),
    }


def test_on_time_as_approved_is_by_the_current_baseline() -> None:
    found = metric(
        "on_time_as_approved",
        done("2026-05-01", "2026-06-01", schedule={"finish_original": "2026-04-30"}),
        done("2026-06-01", "2026-06-01"),
        done("2026-06-02", "2026-06-01"),
        done("2026-06-02", None),
        project(),
    )
    assert figures(found) == (0.666667, 3, 4)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"ac": "100.00", "bac": "100.00"}, (1.0, 1, 1)),
        ({"ac": "100.01", "bac": "100.00"}, (0.0, 1, 1)),
        ({"ac": "99.00", "bac": "1000.00"}, (1.0, 1, 1)),
        ({"ac": None, "bac": "100.00"}, (None, 0, 1)),
        ({"ac": "1.00", "bac": None}, (None, 0, 1)),
        ({}, (None, 0, 1)),
    ],
)
def test_on_budget_is_actual_cost_within_the_budget_at_completion(value: Any, expected: Any) -> None:
    assert figures(metric("on_budget", done("2026-05-01", None, earned_value=value))) == expected
    assert metric("on_budget", project(earned_value=value))["of"] == 0


def gate(position: int, on: str | None, status: str = "approved") -> dict[str, Any]:
    return {"position": position, "decided_on": on, "status": status}


def test_a_gate_takes_the_days_since_the_one_before() -> None:
    found = metric(
        "gate_cycle",
        project(
            gates=[
                gate(1, "2026-02-01", "waived"),
                gate(0, "2026-01-01"),
                gate(2, "2026-02-11", "approved_with_conditions"),
                gate(3, None, "in_progress"),
            ]
        ),
    )
    assert figures(found) == (20.5, 2, 2)
    assert [each["month"] for each in found["months"] if each["n"]] == ["2026-02"]


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ([gate(0, "2026-01-01"), gate(2, "2026-02-01")], (None, 0, 1)),
        ([gate(0, "2026-03-01"), gate(1, "2026-02-01")], (None, 0, 1)),
        ([gate(0, "2026-02-01"), gate(1, "2026-02-01")], (0.0, 1, 1)),
        ([gate(0, "2026-01-01", "rejected"), gate(1, "2026-02-01")], (None, 0, 0)),
        ([gate(0, "2026-01-01"), gate(1, None)], (None, 0, 0)),
        ([gate(0, "2026-01-01")], (None, 0, 0)),
    ],
)
def test_a_gate_whose_predecessor_was_not_passed_before_is_not_judged(gates: Any, expected: Any) -> None:
    assert figures(metric("gate_cycle", project(gates=gates))) == expected


def ticket(kind: str, opened: str | None, state: str = "closed", **ends: str | None) -> dict[str, Any]:
    return {
        "type": kind,
        "opened_at": opened,
        "state_category": state,
        "resolved_at": None,
        "closed_at": None,
        **ends,
    }


def test_a_request_takes_the_days_from_its_opening_to_its_end() -> None:
    found = metric(
        "turnaround",
        project(
            tickets=[
                ticket("service_request", "2026-10-01T00:00:00Z", closed_at="2026-10-02T12:00:00Z"),
                ticket(
                    "demand",
                    "2026-10-01T00:00:00Z",
                    "resolved",
                    resolved_at="2026-10-11T00:00:00Z",
                    closed_at="2026-10-31T00:00:00Z",
                ),
                ticket("service_request", None, closed_at="2026-10-02T12:00:00Z"),
                ticket("service_request", "2026-10-03T00:00:00Z", closed_at="2026-10-02T12:00:00Z"),
                ticket("service_request", "2026-10-02T12:00:00Z", closed_at="2026-10-02T12:00:00Z"),
                ticket(
                    "service_request", "2026-10-01T00:00:00Z", "in_progress", closed_at="2026-10-02T12:00:00Z"
                ),
                ticket("service_request", "2026-10-01T00:00:00Z"),
                ticket("incident", "2026-10-01T00:00:00Z", closed_at="2026-10-02T12:00:00Z"),
            ]
        ),
    )
    assert figures(found) == (1.5, 3, 5)


@pytest.mark.parametrize(("end", "counted"), [("2026-11-21T23:59:59Z", 1), ("2026-11-22T00:00:00Z", 0)])
def test_a_request_that_ended_today_counts(end: str, counted: int) -> None:
    one = ticket("demand", "2026-11-20T00:00:00Z", closed_at=end)
    assert metric("turnaround", project(tickets=[one]))["of"] == counted


def test_a_forecast_is_held_against_the_finish_ninety_days_later() -> None:
    points = [
        {"as_of": "2026-01-01", "finish_forecast": "2026-07-01"},
        {"as_of": "2026-03-02", "finish_forecast": "2026-05-21"},
        {"as_of": "2026-03-01", "finish_forecast": "2026-05-01"},
        {"as_of": "2026-03-03", "finish_forecast": "2026-05-31"},
    ]
    found = metric("forecast_error", done("2026-05-31", None, trend=points))
    assert figures(found) == (10.0, 1, 1)
    early = [{"as_of": "2026-01-01", "finish_forecast": "2026-06-10"}]
    assert figures(metric("forecast_error", done("2026-05-31", None, trend=early))) == (10.0, 1, 1)
    assert figures(metric("forecast_error", done("2026-05-30", None, trend=points))) == (29.0, 1, 1)
    assert figures(metric("forecast_error", done("2026-05-31", None, trend=points[3:]))) == (None, 0, 1)
    unknown = [{"as_of": "2026-01-01", "finish_forecast": None}, {"as_of": "2026-01-02"}]
    assert figures(metric("forecast_error", done("2026-05-31", None, trend=unknown))) == (None, 0, 1)
    assert metric("forecast_error", project(trend=points))["of"] == 0


def test_a_milestone_errs_early_or_late() -> None:
    def milestone(planned: str | None, achieved: str | None) -> dict[str, Any]:
        return {"planned_on": planned, "achieved_on": achieved}

    found = metric(
        "milestone_error",
        project(
            milestones=[
                milestone("2026-05-01", "2026-05-04"),
                milestone("2026-05-08", "2026-05-03"),
                milestone("2026-05-05", "2026-05-05"),
                milestone(None, "2026-05-05"),
                milestone("2026-05-05", None),
            ]
        ),
    )
    assert figures(found) == (3.0, 3, 4)


def ran(start: str | None, **schedule: Any) -> dict[str, Any]:
    return project(schedule={"start_actual": start, **schedule})


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (ran("2026-10-15", rebaselined_on=["2026-10-20"]), (6.0, 2, 2)),
        (ran("2026-10-15", rebaselined_on=["2026-10-20", "2026-10-21", "2026-11-01"]), (18.0, 2, 2)),
        (ran("2026-10-15"), (0.0, 2, 2)),
        (ran("2020-01-01", rebaselined_on=["2024-11-30", "2024-12-01"]), (0.5, 24, 24)),
        (ran(None, start_planned="2026-09-01"), (0.0, 3, 3)),
        (ran(None), (None, 0, 1)),
        (ran("2026-12-01"), (None, 0, 0)),
        (ran("2026-11-01", rebaselined_on=["2026-11-02"]), (12.0, 1, 1)),
        ({**ran("2026-08-01", finish_actual="2026-09-30"), "state": "completed"}, (0.0, 2, 2)),
        ({**ran("2026-08-01", finish_actual="2026-09-30"), "state": "cancelled"}, (0.0, 2, 2)),
        ({**ran("2026-08-01"), "state": "completed"}, (None, 0, 0)),
        ({**ran("2026-08-01"), "state": "cancelled"}, (None, 0, 0)),
        ({**ran("2026-08-01"), "state": "proposed"}, (None, 0, 0)),
        ({**ran("2026-10-01"), "state": "on_hold"}, (0.0, 2, 2)),
    ],
)
def test_rebaselines_are_counted_per_month_that_the_project_ran(one: Any, expected: Any) -> None:
    assert figures(metric("rebaseline_rate", one)) == expected


def test_a_department_has_its_own_figures() -> None:
    found = metric(
        "on_time",
        done("2026-03-31", "2026-03-31", department="Water"),
        done("2026-04-30", "2026-03-31", department="Parks"),
        done("2026-04-30", "2026-05-31", department="Parks"),
        done("2026-04-30", "2026-05-31", department=None),
        project(department="Police"),
    )
    assert [(each["department"], *figures(each)) for each in found["departments"]] == [
        ("Parks", 0.5, 2, 2),
        ("Police", None, 0, 0),
        ("Water", 1.0, 1, 1),
        (None, 1.0, 1, 1),
    ]
    assert found["departments"][0]["months"] == [{"month": "2026-04", "value": 0.5, "n": 2, "of": 2}]


def test_units_say_how_several_become_one() -> None:
    assert combined("days", [D(1), D(2), D(30)]) == 2
    assert combined("days", [D(1), D(2)]) == D("1.5")
    assert combined("share", [D(1), D(0), D(0), D(0)]) == D("0.25")
    assert combined("per_year", [D(1), D(0)]) == 6
    assert combined("days", []) is None
    assert {each.unit for each in METRICS} == {"days", "share", "per_year"}
    assert [each.name for each in METRICS if each.better == "higher"] == [
        "on_time",
        "on_time_as_approved",
        "on_budget",
    ]


@given(st.lists(st.tuples(st.dates(date(2024, 6, 1), TODAY), st.dates(date(2024, 6, 1), TODAY)), max_size=12))
def test_months_and_departments_hold_what_the_whole_holds(pairs: list[tuple[date, date]]) -> None:
    projects = [done(on.isoformat(), due.isoformat(), department=f"D{on.day % 3}") for on, due in pairs]
    for found in pmo(projects, TODAY)["metrics"]:
        assert sum(each["n"] for each in found["months"]) == found["n"] <= found["of"]
        assert sum(each["n"] for each in found["departments"]) == found["n"]
        assert sum(each["of"] for each in found["departments"]) == found["of"]
        for each in found["departments"]:
            assert sum(month["of"] for month in each["months"]) == each["of"]
        if found["unit"] == "share" and found["n"]:
            assert 0 <= found["value"] <= 1
            good = sum(each["value"] * each["n"] for each in found["months"] if each["n"])
            assert good / found["n"] == pytest.approx(found["value"], abs=1e-5)
