"""What-if scenarios: they conserve hours, change nothing, and say who suffers."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.planning import Leave, Mandate, Scenario, Slip
from portfolio import shown
from portfolio.staffing import Staffing, staffing
from portfolio.whatif import DAYS_A_MONTH, applied, later, paces, whatif
from tests.portfolio.test_capacity import ROWS, row

D = Decimal
TODAY = date(2026, 11, 21)


def project(key: str, **values: Any) -> dict[str, Any]:
    schedule = {"finish_actual": None, "finish_forecast": None, "finish_planned": "2027-03-31"}
    return {
        "key": key,
        "name": f"Project {key}",
        "department": "Water",
        "state": "active",
        "depends_on": [],
        "schedule": {**schedule, **values.pop("schedule", {})},
        **values,
    }


PROJECTS = [project("A"), project("B", department="Parks"), project("C", schedule={"finish_planned": None})]


def told(scenario: Scenario, plan: Staffing, projects: Any = PROJECTS) -> dict[str, Any]:
    return whatif("S", scenario, plan, projects, today=TODAY)


def slip(key: str, months: int) -> Scenario:
    return Scenario(slips=(Slip(project=key, months=months),))


def leave(person: str, *days: date) -> Scenario:
    return Scenario(leaves=tuple(Leave(person=person, on=day) for day in days))


def mandate(hours: int, begin: str, **values: Any) -> Scenario:
    return Scenario(mandates=(Mandate.model_validate({"hours": hours, "from": begin, **values}),))


def effects(found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each["project"]: (each["hours_missing"], each["later_days"]) for each in found["projects"]}


def test_a_scenario_without_items_is_the_plan_itself() -> None:
    plan = staffing([row("Ana", "A", 80), row("Ana", "B", 70)], {"Ana": D(10)})
    found = told(Scenario(), plan)
    assert found["before"] == found["after"]
    assert told(Scenario(), staffing([row("Ana", "A", 101), row("Bo", "A", 100)]))["before"]["overloads"] == 1
    assert found["before"] == {
        "hours_over": 60.0,
        "overloads": 1,
        "hours_missing": 60.0,
        "hours_unplaced": 0.0,
    }
    assert (found["items"], found["problems"], found["projects"], found["people"], found["waiting"]) == (
        [],
        [],
        [],
        [],
        [],
    )
    assert found["months"] == [
        {
            "month": "2026-11",
            "demand_before": 160.0,
            "demand_after": 160.0,
            "over_before": 60.0,
            "over_after": 60.0,
        }
    ]


def test_a_slip_moves_what_is_yet_to_come_and_the_finish() -> None:
    plan = staffing(
        [
            row("Ana", "A", 60, month="2026-10"),
            row("Ana", "A", 60),
            row("Ana", "B", 60),
            row("Ana", "B", 60, month="2026-12"),
        ]
    )
    moved = applied(slip("A", 1), plan, PROJECTS, "2026-11").plan
    assert [(load.project, load.month) for load in moved.loads] == [
        ("A", "2026-10"),
        ("A", "2026-12"),
        ("B", "2026-11"),
        ("B", "2026-12"),
    ]
    found = told(slip("A", 1), plan)
    assert found["items"] == ["A slips by 1 month."]
    assert (found["before"]["hours_over"], found["after"]["hours_over"]) == (20.0, 20.0)
    assert [(each["month"], each["over_before"], each["over_after"]) for each in found["months"]] == [
        ("2026-11", 20.0, 0.0),
        ("2026-12", 0.0, 20.0),
    ]
    assert [
        (each["person"], each["month"], each["over_before"], each["over_after"]) for each in found["people"]
    ] == [
        ("Ana", "2026-12", 0.0, 20.0),
        ("Ana", "2026-11", 20.0, 0.0),
    ]
    (one,) = found["projects"]
    assert (one["project"], one["finish"], one["finish_after"], one["later_days"]) == (
        "A",
        "2027-03-31",
        "2027-04-30",
        30,
    )
    assert one["because"] == "It slips by 30 days."
    assert (one["hours_missing_before"], one["hours_missing_after"], one["hours_missing"]) == (
        10.0,
        10.0,
        0.0,
    )


def test_a_project_that_does_not_slip_suffers_from_one_that_does() -> None:
    plan = staffing(
        [row("Ana", "A", 80), row("Ana", "B", 50, month="2026-12"), row("Ana", "B", 70, month="2027-01")]
    )
    found = told(slip("A", 1), plan)
    assert effects(found)["B"] == (pytest.approx(11.54), 6)
    theirs = next(each for each in found["projects"] if each["project"] == "B")
    assert theirs["because"] == "11.54 h more are missing: 6 days at its 60 h a month."
    assert theirs["finish_after"] == "2027-04-06"
    assert [each["project"] for each in found["projects"]] == ["A", "B"]


@pytest.mark.parametrize(
    ("finish", "months", "days"),
    [
        (date(2026, 11, 30), 3, 90),
        (date(2027, 1, 31), 1, 28),
        (date(2027, 1, 31), 13, 394),
        (date(2026, 12, 15), 12, 365),
        (date(2026, 12, 15), 0, 0),
        (date(9999, 11, 30), 1, 30),
        (date(9999, 12, 31), 1, None),
    ],
)
def test_the_same_day_so_many_months_later(finish: date, months: int, days: int | None) -> None:
    assert later(finish, months) == days


def test_a_finish_at_the_end_of_the_calendar_or_unknown_breaks_nothing() -> None:
    plan = staffing([row("Ana", "A", 60), row("Bo", "C", 60)])
    last = [project("A", schedule={"finish_forecast": "9999-12-31"}), PROJECTS[2]]
    (one,) = told(slip("A", 2), plan, last)["projects"]
    assert (one["finish_after"], one["later_days"]) == (None, 61)
    (other,) = told(slip("C", 2), plan, last)["projects"]
    assert (other["finish"], other["finish_after"], other["later_days"]) == (None, None, 61)


def test_a_finish_is_the_actual_else_the_forecast_else_the_planned_one() -> None:
    plan = staffing([row("Ana", "A", 60)])
    schedule = {"finish_actual": None, "finish_forecast": "2027-05-31", "finish_planned": "2027-03-31"}
    (one,) = told(slip("A", 1), plan, [project("A", schedule=schedule)])["projects"]
    assert one["finish"] == "2027-05-31"
    schedule["finish_actual"] = "2026-11-01"
    (one,) = told(slip("A", 1), plan, [project("A", schedule=schedule)])["projects"]
    assert one["finish"] == "2026-11-01"


def test_somebody_who_leaves_takes_the_rest_of_the_month_with_them() -> None:
    plan = staffing([row("Ana", "A", 40, month=month) for month in ("2026-11", "2027-01", "2027-02")])
    found = told(leave("Ana", date(2027, 1, 11)), plan)
    assert [(each["month"], each["capacity_hours"], each["over_after"]) for each in found["people"]] == [
        ("2027-02", 0.0, 40.0),
        ("2027-01", 32.26, 7.74),
    ]
    assert found["people"][0]["projects"] == ["A"]
    assert found["people"][0]["role"] == "Developer"
    assert effects(found) == {"A": (47.74, 37)}
    assert found["items"] == ["Ana leaves on 2027-01-11."]
    first = told(leave("Ana", date(2027, 1, 1)), plan)
    assert [each["over_after"] for each in first["people"]] == [40.0, 40.0]
    assert first["people"][0]["capacity_hours"] == 0.0


def test_the_earlier_of_two_leaves_counts_once() -> None:
    plan = staffing([row("Ana", "A", 40, month=month) for month in ("2026-11", "2026-12", "2027-01")])
    first, second = date(2026, 12, 1), date(2027, 1, 5)
    once = told(leave("Ana", first), plan)
    for days in ((first, first), (first, second), (second, first)):
        twice = told(leave("Ana", *days), plan)
        assert {**twice, "items": None} == {**once, "items": None}


def test_a_mandate_for_a_role_goes_to_those_who_have_it() -> None:
    plan = staffing(
        [
            row("Ana", "A", 75),
            row("Bo", "A", 25),
            row("Cy", "B", 95, role="Analyst"),
            row("Ana", "A", 80, month="2026-12"),
        ]
    )
    found = told(mandate(40, "2026-10", role="Developer", name="Act"), plan)
    assert found["items"] == ["Act: 40 h a month for role Developer from 2026-10."]
    assert [(each["person"], each["month"], each["over_after"]) for each in found["people"]] == [
        ("Ana", "2026-12", 20.0),
        ("Ana", "2026-11", 5.0),
    ]
    assert [each["demand_after"] - each["demand_before"] for each in found["months"]] == [40.0, 40.0]
    assert (found["after"]["hours_missing"], found["after"]["hours_unplaced"]) == (25.0, 0.0)


def test_a_mandate_for_a_department_goes_to_those_who_work_for_its_projects() -> None:
    plan = staffing([row("Ana", "A", 60), row("Ana", "B", 40), row("Bo", "B", 40), row("Cy", "A", 20)])
    placed: Any = applied(mandate(100, "2026-11", department="Parks"), plan, PROJECTS, "2026-11")
    assert [(load.who, load.hours) for load in placed.plan.loads if load.project is None] == [
        ("Ana", 50),
        ("Bo", 50),
    ]
    found = told(mandate(100, "2026-11", department="Parks", until="2026-11"), plan)
    assert found["items"] == ["Mandate: 100 h a month for department Parks from 2026-11 until 2026-11."]


def test_hours_for_which_there_is_nobody_are_told() -> None:
    plan = staffing([row("Ana", "A", 60), row("Ana", "A", 60, month="2027-01", role="Analyst")])
    found = told(mandate(30, "2026-11", role="Developer"), plan)
    assert found["after"]["hours_unplaced"] == 60.0
    assert found["before"]["hours_unplaced"] == 0.0
    assert (
        told(mandate(30, "2026-11", role="Developer", until="2026-12"), plan)["after"]["hours_unplaced"]
        == 30.0
    )
    assert (
        told(mandate(30, "2026-11", role="Developer", until="2999-12"), plan)["after"]["hours_unplaced"]
        == 60.0
    )
    assert told(mandate(30, "2027-02", role="Developer"), plan)["after"]["hours_unplaced"] == 0.0
    far = staffing([row("Ana", "A", 60, role="Analyst", month="9999-12")])
    assert told(mandate(1, "2026-11", role="Developer"), far)["after"]["hours_unplaced"] == 121.0
    idle = staffing([row("Ana", "A", 0)])
    assert told(mandate(30, "2026-11", role="Developer"), idle)["after"]["hours_unplaced"] == 30.0
    assert told(mandate(30, "2026-11", role="Developer"), Staffing())["after"]["hours_unplaced"] == 0.0


def test_what_is_not_there_is_a_problem_and_changes_nothing() -> None:
    plan = staffing([row("Ana", "A", 160)])
    asked = Scenario(
        slips=(Slip(project="Z", months=1), Slip(project="B", months=2)),
        mandates=(
            Mandate.model_validate({"role": "Pilot", "hours": 5, "from": "2026-11"}),
            Mandate.model_validate({"department": "Space", "hours": 5, "from": "2026-11"}),
        ),
        leaves=(Leave(person="Nobody", on=TODAY),),
    )
    found = told(asked, plan)
    assert found["problems"] == [
        "There is no project Z.",
        "Nobody is planned on B: only its finish moves.",
        "Nobody is planned as Pilot.",
        "There is no department Space.",
        "Nothing is planned of Nobody.",
    ]
    assert {**found["after"], "hours_unplaced": 0.0} == found["before"]
    assert effects(found) == {"B": (0.0, 61)}
    fine = Scenario(
        slips=(Slip(project="A", months=1),),
        mandates=(
            Mandate.model_validate({"role": "Developer", "hours": 5, "from": "2026-11"}),
            Mandate.model_validate({"department": "Water", "hours": 5, "from": "2026-11"}),
        ),
        leaves=(Leave(person="Ana", on=TODAY),),
    )
    assert told(fine, plan)["problems"] == []


def test_capacity_that_nobody_states_is_that_of_the_newest_month_before() -> None:
    plan = staffing(
        [
            row("Ana", "A", 90, there=90),
            row("Ana", "A", 90, there=100, month="2026-12"),
            row("Ana", "B", 10, there=20, month="2027-04"),
        ]
    )
    found = told(slip("A", 2), plan)
    assert found["assumed"] == 2
    assert found["after"]["hours_over"] == 0.0
    assert found["unknown"] == 0
    early = staffing([row("Ana", "A", 90, there=None), row("Ana", "A", 10, there=60, month="2026-12")])
    assert told(Scenario(), early)["before"]["hours_over"] == 30.0
    assert told(Scenario(), early)["assumed"] == 1


def test_what_cannot_be_worked_out_is_counted() -> None:
    plan = staffing([row("Ana", "A", 90, there=None), row("Bo", "A", None), row("Cy", "A", 10)])
    found = told(Scenario(), plan)
    assert (found["unknown"], found["assumed"]) == (2, 0)
    assert [each["month"] for each in found["months"]] == ["2026-11"]


def test_a_pace_is_the_mean_over_the_months_with_hours() -> None:
    plan = staffing(
        [
            row("Ana", "A", 900, month="2026-10"),
            row("Ana", "A", 20),
            row("Bo", "A", 40),
            row("Ana", "A", 0, month="2026-12"),
            row("Ana", "A", 40, month="2027-01"),
            row("Ana", "B", 5),
        ]
    )
    found: Any = paces(plan, "2026-11")
    assert found == {"A": 50, "B": 5}
    assert D("30.436875") == DAYS_A_MONTH


def test_who_waits_for_a_project_waits_longer() -> None:
    waits = [
        project("A"),
        project("B", depends_on=["A"], schedule={"finish_planned": "2027-04-10"}),
        project("C", depends_on=["A"], state="completed"),
        project("D", depends_on=["A", "B"], schedule={"finish_planned": None}),
        project("E", depends_on=["A"], schedule={"finish_planned": "2028-04-10"}),
    ]
    found = told(slip("A", 1), staffing([row("Ana", "A", 10)]), waits)
    assert found["waiting"] == [
        {"project": "B", "waits_for": "A", "late_days_before": 0, "late_days_after": 20}
    ]


def test_what_is_left_over_from_dividing_is_no_difference() -> None:
    rows = []
    for month in ("2026-11", "2026-12", "2027-01"):
        rows += [row("Ana", "A", 2, there=2, month=month), row("Ana", "B", 1, there=2, month=month)]
    rows += [row("Ana", "B", 2, there=3, month=month) for month in ("2027-02", "2027-03")]
    rows += [row("Ana", "B", 0, there=9, month="2027-04")]
    found = told(slip("A", 3), staffing(rows))
    assert found["items"] == ["A slips by 3 months."]
    assert [each["project"] for each in found["projects"]] == ["A"]


def test_projects_stand_by_how_much_later_they_finish() -> None:
    plan = staffing([row("Ana", "A", 40), row("Ana", "B", 60), row("Ana", "C", 40), row("Bo", "D", 50)])
    many = [project(key) for key in "DCBA"]
    found = told(leave("Ana", date(2026, 11, 16)), plan, many)
    assert [(each["project"], each["later_days"]) for each in found["projects"]] == [
        ("B", 11),
        ("A", 11),
        ("C", 11),
    ]
    both = Scenario(leaves=(Leave(person="Bo", on=date(2026, 11, 1)),), slips=(Slip(project="A", months=1),))
    assert [each["project"] for each in told(both, plan, many)["projects"]] == ["D", "A", "C", "B"]


@pytest.mark.parametrize(
    ("asked", "missing", "later_days"),
    [("0.0000004", None, None), ("0.0000006", 0, 1), ("0.5", 0.5, 1), ("4", 4, 2)],
)
def test_less_than_a_millionth_of_an_hour_is_no_difference(
    asked: str, missing: float | None, later_days: int | None
) -> None:
    plan = staffing([row("Ana", "A", 100)])
    wanted = {"hours": asked, "from": "2026-11", "role": "Developer", "name": "Audit"}
    scenario = Scenario(mandates=(Mandate.model_validate(wanted),))
    result = told(scenario, plan)
    assert effects(result) == ({} if missing is None else {"A": (missing, later_days)})
    assert all(
        f" h more are missing: {shown.days(later_days or 0)} at" in each["because"]
        for each in result["projects"]
    )


def test_a_slip_that_takes_no_hours_says_only_that_it_slips() -> None:
    (one,) = told(slip("A", 1), staffing([row("Ana", "A", 60)]))["projects"]
    assert one["because"] == "It slips by 30 days."


def test_relief_is_told_too() -> None:
    plan = staffing([row("Ana", "A", 80), row("Ana", "B", 80)])
    found = told(slip("A", 2), plan)
    theirs = next(each for each in found["projects"] if each["project"] == "B")
    assert (theirs["hours_missing"], theirs["later_days"], theirs["finish_after"]) == (-30.0, 0, "2027-03-31")
    assert theirs["because"] == "30 h fewer are missing."
    own = next(each for each in found["projects"] if each["project"] == "A")
    assert own["because"] == "It slips by 61 days. 30 h fewer are missing."


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"hours": 5, "from": "2026-11"}, "exactly one of role, department"),
        ({"hours": 5, "from": "2026-11", "role": "R", "department": "D"}, "exactly one of role, department"),
        ({"hours": 5, "from": "2026-11", "until": "2026-10", "role": "R"}, "must not be before"),
        ({"hours": 0, "from": "2026-11", "role": "R"}, "greater than 0"),
        ({"hours": 5, "from": "2026-13", "role": "R"}, "pattern"),
    ],
)
def test_a_mandate_that_makes_no_sense_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Mandate.model_validate(values)


SLIPS = st.lists(
    st.builds(Slip, project=st.sampled_from(["A", "B", "Z"]), months=st.integers(1, 9)), max_size=3
)
LEAVES = st.lists(
    st.builds(
        Leave,
        person=st.sampled_from(["Ana", "Bo", "Zoe"]),
        on=st.dates(date(2026, 10, 1), date(2027, 6, 30)),
    ),
    max_size=3,
)
MANDATES = st.lists(
    st.builds(
        lambda hours, role, begin: Mandate.model_validate({"hours": hours, "role": role, "from": begin}),
        st.integers(1, 300),
        st.sampled_from(["Developer", "Pilot"]),
        st.sampled_from(["2026-10", "2026-12"]),
    ),
    max_size=2,
)


@given(ROWS, SLIPS)
def test_a_slip_conserves_the_hours_of_everybody(rows: list[dict[str, Any]], slips: list[Slip]) -> None:
    plan = staffing(rows)
    after = applied(Scenario(slips=tuple(slips)), plan, PROJECTS, "2026-11")
    for what in ("project", "who", "role"):
        for name in {getattr(load, what) for load in plan.loads}:
            before_sum, after_sum = (
                sum(load.hours for load in each.loads if getattr(load, what) == name)
                for each in (plan, after.plan)
            )
            assert before_sum == after_sum
    past = [[load for load in each.loads if load.month < "2026-11"] for each in (plan, after.plan)]
    assert past[0] == past[1]


@given(ROWS, LEAVES)
def test_leaving_twice_is_leaving_once(rows: list[dict[str, Any]], leaves: list[Leave]) -> None:
    plan = staffing(rows)
    once = told(Scenario(leaves=tuple(leaves)), plan)
    twice = told(Scenario(leaves=tuple(leaves + leaves[::-1])), plan)
    assert {**once, "items": 0, "problems": 0} == {**twice, "items": 0, "problems": 0}


@given(ROWS, MANDATES, LEAVES)
def test_mandates_and_leaves_never_give_hours(
    rows: list[dict[str, Any]], mandates: list[Mandate], leaves: list[Leave]
) -> None:
    found = told(Scenario(mandates=tuple(mandates), leaves=tuple(leaves)), staffing(rows))
    for name in found["before"]:
        assert found["after"][name] >= found["before"][name]
    assert all(each["hours_missing"] > -0.01 and each["later_days"] >= 0 for each in found["projects"])
    assert all(each["over_after"] >= each["over_before"] for each in found["people"])


@given(ROWS, SLIPS, MANDATES, LEAVES)
def test_the_parts_add_up_to_the_whole(
    rows: list[dict[str, Any]], slips: list[Slip], mandates: list[Mandate], leaves: list[Leave]
) -> None:
    plan = staffing(rows)
    before = list(plan.loads), dict(plan.stated)
    found = told(Scenario(slips=tuple(slips), mandates=tuple(mandates), leaves=tuple(leaves)), plan)
    assert (list(plan.loads), dict(plan.stated)) == before
    for when in ("before", "after"):
        assert sum(each[f"over_{when}"] for each in found["months"]) == pytest.approx(
            found[when]["hours_over"], abs=0.1
        )
    added = sum(each["over_after"] - each["over_before"] for each in found["people"])
    assert added == pytest.approx(found["after"]["hours_over"] - found["before"]["hours_over"], abs=0.2)
    more = sum(each["hours_missing"] for each in found["projects"])
    assert more == pytest.approx(found["after"]["hours_missing"] - found["before"]["hours_missing"], abs=0.2)


@given(ROWS)
def test_an_empty_scenario_is_the_baseline_whatever_the_plan(rows: list[dict[str, Any]]) -> None:
    found = told(Scenario(), staffing(rows))
    assert found["before"] == found["after"]
    assert found["projects"] == found["people"] == found["waiting"] == []
