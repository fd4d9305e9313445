"""The portfolio-level parts: sums with coverage, counts, compliance, roadmap, capacity."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from config.settings import Portfolio
from portfolio.capacity import capacity
from portfolio.facts import Decision, Facts, Milestone, Money, Source, StatusReport, Ticket
from portfolio.judge import Policy, judge
from portfolio.overview import gate_calendar, judge_portfolio

D = Decimal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = Policy.of(Portfolio())
HERE = Source("snow", "PRJ1")


def money(revised: int, forecast: int | None) -> Money:
    amounts = (D(revised), D(revised), D(0), D(0), D(10), None if forecast is None else D(forecast))
    return Money("1", None, None, None, 2027, None, "USD", *amounts)


def project(key: str, **values: Any) -> Facts:
    return Facts(key, key, **({"state": "active", "department": "Parks"} | values))


def overview(*facts: Facts, allocations: Any = ()) -> dict[str, Any]:
    documents = [judge(each, now=NOW, policy=POLICY).document for each in facts]
    result = judge_portfolio(documents, today=NOW.date(), allocations=allocations)
    assert json.loads(json.dumps(result)) == result
    return result


def test_totals_sum_what_is_known_and_say_of_how_many() -> None:
    totals = overview(
        project("A", money=(money(100, 120),)), project("B", money=(money(300, 290),)), project("C")
    )["totals"]
    assert (totals["revised_budget"], totals["forecast"], totals["variance"]) == (
        "400.00",
        "410.00",
        "-10.00",
    )
    assert totals["variance_share"] == -0.025
    assert totals["coverage"]["revised_budget"] == {"known": 2, "of": 3}
    assert totals["fiscal_years"] == [2027]


def test_an_unknown_figure_lowers_coverage_and_never_counts_as_zero() -> None:
    totals = overview(project("A", money=(money(100, None),)))["totals"]
    assert totals["forecast"] is None
    assert totals["coverage"]["forecast"] == {"known": 0, "of": 1}


def test_a_share_is_of_the_projects_that_know_both_of_its_parts() -> None:
    silent = replace(money(1000, None), actual=None)
    totals = overview(project("A", money=(money(100, 120),)), project("B", money=(silent,)))["totals"]
    assert (totals["revised_budget"], totals["variance"]) == ("1100.00", "-20.00")
    assert totals["variance_share"] == -0.2
    assert totals["coverage"]["variance_share"] == {"known": 1, "of": 2}


def test_an_empty_portfolio_has_no_totals() -> None:
    result = overview()
    assert result["totals"]["revised_budget"] is None
    assert result["counts"]["projects"] == 0
    assert result["roadmap"] == []


def test_counts_by_colour_department_and_state() -> None:
    late = {
        "start_baseline": date(2026, 1, 1),
        "finish_baseline": date(2026, 12, 31),
        "finish_forecast": date(2027, 12, 31),
    }
    counts = overview(
        project("A", **late), project("B", department="Water"), project("C", department=None, state=None)
    )["counts"]
    assert counts["projects"] == 3
    assert counts["schedule"] == {"green": 0, "amber": 0, "red": 1, "approved_change": 0, "unknown": 2}
    assert counts["departments"]["Parks"]["red"] == 1
    assert set(counts["departments"]) == {"none", "Parks", "Water"}
    assert counts["states"] == {"active": 2, "unknown": 1}


@pytest.mark.parametrize(
    ("day", "wanted"),
    [
        (date(2026, 11, 20), [0, 0, 0, 1]),
        (date(2026, 11, 21), [1, 1, 1, 0]),
        (date(2026, 12, 21), [1, 1, 1, 0]),
        (date(2026, 12, 22), [0, 1, 1, 0]),
        (date(2027, 1, 20), [0, 1, 1, 0]),
        (date(2027, 1, 21), [0, 0, 1, 0]),
        (date(2027, 2, 19), [0, 0, 1, 0]),
        (date(2027, 2, 20), [0, 0, 0, 0]),
    ],
)
def test_gates_due(day: date, wanted: list[int]) -> None:
    facts = project("A", milestones=(Milestone("G3", None, day, None, None),))
    counts = overview(facts)["counts"]
    assert [*counts["gates_due"].values(), counts["gates_overdue"]] == wanted
    assert list(counts["gates_due"]) == ["30", "60", "90"]
    ended = overview(replace(facts, state="completed"))["counts"]
    assert [*ended["gates_due"].values(), ended["gates_overdue"]] == [0, 0, 0, 0]


def test_the_gate_calendar_tells_what_comes_due_in_which_month() -> None:
    def due(key: str, gate: str, day: date, **values: Any) -> dict[str, Any]:
        facts = project(key, milestones=(Milestone(gate, None, day, None, None),), **values)
        return judge(facts, now=NOW, policy=POLICY).document

    documents = [
        due("A", "G1", date(2026, 11, 20)),
        due("B", "G2", date(2026, 11, 21)),
        due("C", "G1", date(2026, 12, 31)),
        due("D", "G3", date(2026, 12, 1)),
        due("E", "G4", date(2027, 10, 31)),
        due("F", "G4", date(2027, 11, 1)),
        due("G", "G1", date(2026, 12, 1), state="completed"),
        due("H", "G1", date(2027, 1, 5), decisions=(Decision("G1", "deferred", NOW.date(), "Ann", None),)),
    ]
    found = gate_calendar(documents, NOW.date())
    assert [(month, [(one["key"], gate["gate"]) for one, gate in coming]) for month, coming in found] == [
        ("2026-11", [("B", "G2")]),
        ("2026-12", [("D", "G3"), ("C", "G1")]),
        ("2027-10", [("E", "G4")]),
    ]


def test_tickets_are_added_over_projects() -> None:
    def ticket(day: int, priority: str, *, breached: bool) -> Ticket:
        opened = datetime(2026, 11, day, 12, tzinfo=UTC)
        return Ticket("I", "incident", "t", priority, "new", opened, None, None, breached, None, HERE)

    found = overview(
        project("A", tickets=(ticket(20, "1", breached=True), ticket(1, "2", breached=False))),
        project("B", tickets=(ticket(21, "1", breached=False),)),
    )["tickets"]
    assert (found["open"], found["breached"], found["oldest_days"]) == (3, 1, 20)
    assert found["by_priority"] == {"1": 2, "2": 1}
    assert found["by_age"] == {"0-1d": 1, "1-7d": 1, "7-30d": 1}


@pytest.mark.parametrize(("reported", "met"), [(date(2026, 10, 21), 1), (date(2026, 10, 20), 0), (None, 0)])
def test_compliance_of_running_projects(reported: date | None, met: int) -> None:
    report = StatusReport(reported, None, None, None, None, None, None, None)
    found = overview(project("A", report=report), project("B", state="completed"))["compliance"]
    assert found["report_on_time"] == {"met": met, "of": 1}
    assert found["data_fresh"] == {"met": 1, "of": 1}
    assert [each["project"] for each in found["projects"]] == ["A"]


def test_compliance_sees_stale_data_and_missed_gates() -> None:
    stale = project(
        "A", stale={"ticket": ("snow",)}, milestones=(Milestone("G1", None, date(2026, 1, 1), None, None),)
    )
    found = overview(stale)["compliance"]
    assert found["data_fresh"] == found["gates_kept"] == {"met": 0, "of": 1}


def allocation(
    person: str, project_key: str, capacity_hours: int | None, planned: int | None
) -> dict[str, Any]:
    return {
        "project_key": project_key,
        "person": person,
        "role": "Analyst",
        "month": "2026-11",
        "capacity_hours": None if capacity_hours is None else D(capacity_hours),
        "planned_hours": None if planned is None else D(planned),
        "actual_hours": None,
    }


def test_a_persons_capacity_counts_once_and_plans_add_up() -> None:
    found = capacity(
        [
            allocation("Ana", "A", 140, 100),
            allocation("Ana", "B", 140, 60),
            allocation("Bo", "A", 140, 140),
            allocation("Cy", "A", 140, 100),
        ]
    )
    ana, bo, _ = found["rows"]
    assert (ana["capacity_hours"], ana["planned_hours"], ana["over"]) == (140.0, 160.0, True)
    assert ana["projects"] == ["A", "B"]
    assert bo["over"] is False
    (month,) = found["months"]
    assert (month["capacity_hours"], month["planned_hours"], month["people"], month["people_over"]) == (
        420.0,
        400.0,
        3,
        1,
    )


def test_unknown_hours_stay_unknown() -> None:
    found = capacity([allocation("Ana", "A", None, 100), allocation("Bo", "A", 140, None)])
    assert [row["over"] for row in found["rows"]] == [None, None]
    assert found["months"][0]["planned_hours"] is None
