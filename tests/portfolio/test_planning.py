"""A plan from the planned days of the work itself: how it is phased, what it weighs, and when there is none."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.judging import EarnedValueTerms
from config.settings import Portfolio
from portfolio.facts import Dated, Facts, Money, Package, PlannedValue, Source
from portfolio.judge import Policy, judge
from portfolio.planning import plan_of

D = Decimal
TERMS = EarnedValueTerms()


def dated(start: str | None, finish: str | None, *, items: int = 1, **sums: int) -> Dated:
    given: dict[str, Any] = {name: D(value) for name, value in sums.items()}
    given |= {f"with_{name}": items for name in sums}
    begin, end = (date.fromisoformat(each) if each else None for each in (start, finish))
    return Dated("snow", begin, end, items, **given)


WORK = (
    dated("2026-01-11", "2026-01-20", planned_cost=1000),
    dated("2026-01-22", "2026-02-10", planned_cost=2000),
    dated(None, "2026-03-05", planned_cost=500),
)


def test_each_package_is_planned_evenly_through_its_due_day() -> None:
    plan, why = plan_of(WORK, TERMS)
    assert why == ""
    assert plan is not None
    assert plan.days == (date(2026, 1, 10), date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 5))
    assert list(plan.values) == [0, 2000, 3000, 3500]
    assert (plan.unit, plan.bac) == ("money", D(3500))
    assert plan.told == "planned days and costs of 3 work packages in snow, as they are now"


def test_a_start_after_the_due_day_counts_as_the_due_day() -> None:
    plan, _ = plan_of((dated("2026-02-09", "2026-01-20", planned_cost=10), *WORK), TERMS)
    assert plan is not None
    assert plan.values[1] == 2010


@pytest.mark.parametrize(
    ("sums", "rate", "unit", "bac"),
    [
        ({"estimate_hours": 8, "estimate_points": 3}, None, "hours", 8),
        ({"estimate_hours": 8, "estimate_points": 3}, D(90), "money", 720),
        ({"estimate_points": 3}, D(90), "points", 3),
        ({}, D(90), "items", 2),
    ],
)
def test_what_a_package_weighs(sums: dict[str, int], rate: D | None, unit: str, bac: int) -> None:
    plan, _ = plan_of(
        (dated("2026-01-11", "2026-01-20", items=2, **sums),), EarnedValueTerms(cost_per_hour=rate)
    )
    assert plan is not None
    assert (plan.unit, plan.bac) == (unit, D(bac))
    assert plan.told.startswith("planned days and estimates of 2 work packages")


def test_one_package_without_a_cost_leaves_money_out() -> None:
    some = replace(WORK[1], with_planned_cost=0)
    plan, _ = plan_of((WORK[0], some), TERMS)
    assert plan is not None
    assert (plan.unit, plan.bac) == ("items", D(2))
    assert plan.told == "planned days and estimates of 2 work packages in snow, as they are now"


@pytest.mark.parametrize(
    ("finish", "ends"),
    [
        ("2026-01-30", ["2026-01-30"]),
        ("2026-01-31", ["2026-01-31"]),
        ("2026-02-01", ["2026-01-31", "2026-02-01"]),
        ("2026-02-28", ["2026-01-31", "2026-02-28"]),
    ],
)
def test_a_plan_is_phased_by_month_ends_and_its_last_day(finish: str, ends: list[str]) -> None:
    plan, _ = plan_of((dated("2026-01-11", finish, planned_cost=1),), TERMS)
    assert plan is not None
    assert [str(day) for day in plan.days] == ["2026-01-10", *ends]


def test_without_due_days_there_is_no_plan() -> None:
    undated = dated("2026-01-11", None, items=1, planned_cost=100)
    plan, _ = plan_of((replace(WORK[0], items=4, with_planned_cost=4), undated), TERMS)
    assert plan is not None, "four of five have a day"
    assert plan.bac == 1000
    nothing = plan_of((replace(WORK[0], items=4), replace(undated, items=2)), TERMS)
    assert nothing == (None, "no baseline, and only 4 of 6 work packages have a due day")
    assert plan_of((), TERMS) == (None, "no baseline, and no work to plan")
    free = (replace(WORK[0], planned_cost=D(0)),)
    assert plan_of(free, TERMS) == (None, "no baseline, and the planned work weighs nothing")


SPANS = st.lists(
    st.builds(
        lambda begin, length, cost: Dated(
            "jira",
            None if length < 0 else date(2026, 1, 1) + timedelta(days=begin),
            date(2026, 1, 1) + timedelta(days=begin + max(length, 0)),
            1,
            planned_cost=D(cost),
            with_planned_cost=1,
        ),
        st.integers(0, 400),
        st.integers(-1, 200),
        st.integers(1, 10**6),
    ),
    min_size=1,
    max_size=12,
)


@given(SPANS)
def test_a_plan_never_falls_and_ends_with_everything(spans: list[Dated]) -> None:
    plan, _ = plan_of(spans, TERMS)
    assert plan is not None
    assert list(plan.values) == sorted(plan.values)
    assert plan.values[0] == 0
    assert plan.bac == sum(each.planned_cost for each in spans)
    assert plan.days[-1] == max(each.finish_on for each in spans if each.finish_on)
    assert len(set(plan.days)) == len(plan.days)


@given(SPANS)
def test_the_order_and_the_grouping_of_packages_do_not_matter(spans: list[Dated]) -> None:
    first, second = spans[0], spans[-1]
    double = replace(first, items=2, planned_cost=first.planned_cost * 2, with_planned_cost=2)
    assert _shape([first, *spans]) == _shape([*spans[1:], double])
    assert _shape(spans) == _shape([second, *spans[:-1]] if len(spans) > 1 else spans)


def _shape(spans: list[Dated]) -> Any:
    plan, _ = plan_of(spans, TERMS)
    assert plan is not None
    return plan.days, [round(each, 9) for each in plan.values]


NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
FACTS = Facts("K", "N", percent_complete=D("0.5"), dated=WORK, money=(
    Money("1402", None, None, None, 2026, None, "USD", D(9), D(9), D(0), D(0), D(1250), D(9), source=Source("sql", "1")),
))  # fmt: skip


def value(facts: Facts, **terms: Any) -> dict[str, Any]:
    policy = Policy.of(Portfolio.model_validate({"earned_value": terms}))
    found: dict[str, Any] = judge(facts, now=NOW, policy=policy).document["earned_value"]
    return found


def test_planned_days_and_costs_make_earned_value_and_say_so() -> None:
    found = value(FACTS)
    assert (found["bac"], found["pv"], found["ev"]) == ("3500.00", "2357.14", "1750.00")
    assert (found["cpi"], found["spi"]) == (1.4, 0.742424)
    assert (found["unit"], found["planned_by"]) == (
        "money",
        "planned days and costs of 3 work packages in snow, as they are now",
    )


def test_a_plan_in_hours_tells_time_and_no_money() -> None:
    hours = tuple(
        replace(each, with_planned_cost=0, estimate_hours=D(10), with_estimate_hours=1) for each in WORK
    )
    found = value(replace(FACTS, dated=hours))
    assert found["unit"] == "hours"
    assert found["spi"] is not None
    assert found["spi_t"] is not None
    for name in ("bac", "pv", "ev", "cv", "sv", "cpi", "eac", "etc", "vac", "tcpi"):
        assert (found[name], found["reasons"][name]) == (None, "the plan is counted in hours, not in money")
    assert found["ac"] == "1250.00"
    assert value(replace(FACTS, dated=hours), cost_per_hour="100")["bac"] == "3000.00"


def test_a_baseline_goes_before_planned_days() -> None:
    point = PlannedValue("Original", date(2025, 12, 1), date(2026, 6, 30), D(9000))
    found = value(replace(FACTS, planned_values=(point,), start_baseline=date(2026, 1, 1)))
    assert (found["bac"], found["planned_by"]) == ("9000.00", "baseline Original of 2025-12-01")


def test_why_there_is_no_plan_stands_with_each_figure() -> None:
    found = value(replace(FACTS, dated=()))
    assert found["reasons"]["bac"] == found["reasons"]["spi"] == "no baseline, and no work to plan"
    stale = value(replace(FACTS, stale={"work_item": ("jira",)}))
    assert stale["reasons"]["bac"] == "The last good read of jira is older than its limit."


def test_the_rest_is_estimated_from_hours_not_yet_done() -> None:
    packages = (
        Package(1, started=True, done=True, estimate_hours=D(10), with_estimate_hours=1),
        Package(
            1,
            started=True,
            done=False,
            percent_complete=D("0.25"),
            estimate_hours=D(8),
            with_estimate_hours=1,
        ),
        Package(1, started=False, done=False, estimate_hours=D(4), with_estimate_hours=1),
    )
    facts = replace(FACTS, packages=packages)
    assert value(facts, cost_per_hour="50")["eac_bottom_up"] == "1750.00"
    assert value(facts)["eac_bottom_up"] is None
    silent = (replace(packages[0], with_estimate_hours=0), *packages[1:])
    assert value(replace(facts, packages=silent), cost_per_hour="50")["eac_bottom_up"] is None
    assert value(replace(facts, stale={"work_item": ("jira",)}), cost_per_hour="50")["eac_bottom_up"] is None
