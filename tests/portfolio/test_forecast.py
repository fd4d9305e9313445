"""When a project will finish: by throughput against a simulation, by SPI(t), and beside the projects that it waits for."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Portfolio
from portfolio.earned_value import Baseline
from portfolio.facts import Facts, PlannedValue, Work
from portfolio.forecast import by_spi_t, by_throughput, history
from portfolio.judge import Policy, judge
from portfolio.overview import roadmap, waiting_exceptions

D = Decimal

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def weeks(remaining: int, weekly: list[int]) -> tuple[int, int]:
    half, most, _ = by_throughput(remaining, weekly, TODAY)
    assert half is not None
    assert most is not None
    return (half - TODAY).days // 7, (most - TODAY).days // 7


@pytest.mark.parametrize(
    ("remaining", "weekly", "wanted"),
    [
        (10, [5, 5, 5], (2, 2)),
        (11, [5, 5, 5], (3, 3)),
        (1, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0], (1, 3)),  # 1/2, 3/4, 7/8
        (4, [2, 4, 2, 4], (1, 2)),
        (1, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0], (1, 3)),
        (3, [0, 1, 3, 1, 3, 0], (2, 4)),
        (1, [0, 0, 0, 5], (3, 7)),  # 1 - (3/4)^n
    ],
)
def test_the_first_week_that_reaches_the_chance(
    remaining: int, weekly: list[int], wanted: tuple[int, int]
) -> None:
    assert weeks(remaining, weekly) == wanted


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_a_simulation_comes_to(seed: int) -> None:
    rng = Random(seed)
    weekly = [rng.randrange(0, 9) for _ in range(12)]
    remaining = rng.randrange(20, 80)
    runs = []
    for _ in range(4000):
        left, week = remaining, 0
        while left > 0:
            left, week = left - rng.choice(weekly), week + 1
        runs.append(week)
    runs.sort()
    half, most = weeks(remaining, weekly)
    assert abs(runs[1999] - half) <= 1
    assert abs(runs[3399] - most) <= 1


WEEKLY = st.lists(st.integers(0, 12), min_size=1, max_size=12).filter(lambda each: sum(each) >= 5)


@given(st.integers(1, 60), WEEKLY)
def test_more_certainty_more_work_and_a_slower_team_take_longer(remaining: int, weekly: list[int]) -> None:
    half, most = weeks(remaining, weekly)
    assert half <= most
    assert half >= math.ceil(remaining / max(weekly))
    assert weeks(remaining + 1, weekly) >= (half, most)
    faster = [each + 1 for each in weekly]
    assert weeks(remaining, faster) <= (half, most)
    assert weeks(remaining, weekly[::-1]) == (half, most)


def test_nothing_left_is_today_and_too_little_history_is_unknown() -> None:
    assert by_throughput(0, [], TODAY) == (TODAY, TODAY, "Every work item is done.")
    told = "4 items were done in 3 weeks, too few to forecast by."
    assert by_throughput(10, [4, 0, 0], TODAY) == (None, None, told)
    assert by_throughput(10, [5, 0, 0], TODAY)[0] is not None
    far = by_throughput(521, [1, 1, 1, 1, 1], TODAY)
    assert far == (None, None, "521 items are left, more than ten years of work at this pace.")
    assert weeks(520, [1, 1, 1, 1, 1]) == (520, 520)


@pytest.mark.parametrize(
    ("started", "wanted"),
    [
        (None, (2, 0, 1)),
        (TODAY - timedelta(days=14), (0, 1)),
        (TODAY - timedelta(days=13), (1,)),
        (TODAY - timedelta(days=900), (0, 0, 2, 0, 1)),
        (TODAY, ()),
        (TODAY + timedelta(days=9), ()),
    ],
)
def test_only_weeks_since_the_start_count(started: date | None, wanted: tuple[int, ...]) -> None:
    assert history((0, 0, 2, 0, 1), started, TODAY) == wanted


PLAN = Baseline((date(2026, 1, 1), date(2026, 1, 31), date(2026, 3, 2)), (D(0), D(50), D(100)))


@pytest.mark.parametrize(
    ("periods", "day"),
    [
        ("0", date(2026, 1, 1)),
        ("0.5", date(2026, 1, 16)),
        ("1", date(2026, 1, 31)),
        ("2", date(2026, 3, 2)),
        ("2.01", date(2026, 3, 3)),
        ("4", date(2026, 5, 1)),
    ],
)
def test_periods_become_days(periods: str, day: date) -> None:
    assert PLAN.day_at(D(periods)) == day
    assert by_spi_t(PLAN, D(periods), D(1))[0] == day


@given(st.integers(0, 150))
def test_a_day_and_its_time_in_periods_are_opposites(days: int) -> None:
    day = date(2026, 1, 1) + timedelta(days=days)
    at = PLAN.time_at(day)
    assert at is not None
    found = PLAN.day_at(at)
    assert found is not None
    assert abs((found - day).days) <= 1


def test_without_a_plan_or_with_a_hopeless_pace_there_is_no_day() -> None:
    assert by_spi_t(None, None, None)[0] is None
    assert by_spi_t(Baseline((None, date(2026, 1, 31)), (D(0), D(1))), D("0.5"), D(1))[0] is None
    assert by_spi_t(PLAN, D(10) ** 9, D("0.000001"))[0] is None


FACTS = Facts(
    "K",
    "N",
    state="active",
    start_baseline=date(2026, 1, 1),
    finish_baseline=date(2026, 12, 1),
    finish_forecast=date(2026, 12, 4),
    start_actual=date(2026, 1, 1),
    work=Work(todo=8, in_progress=2, done=10, weekly_done=(5, 5, 5, 5)),
    planned_values=tuple(PlannedValue("v", None, date(2026, n, 1), D(10 * (n - 1))) for n in range(2, 13)),
)


def judged(facts: Facts) -> Any:
    return judge(facts, now=NOW, policy=Policy.of(Portfolio()))


def test_the_document_shows_both_forecasts_and_an_optimist_is_told() -> None:
    document = judged(FACTS).document["forecast"]
    assert (document["finish_50"], document["finish_85"]) == ("2026-12-05", "2026-12-05")
    assert document["remaining"] == 10
    assert document["because"] == (
        "10 items are left and 20 items were done in the last 4 weeks: "
        "done by 2026-12-05 with a chance of 50%, by 2026-12-05 of 85%."
    )
    assert document["finish_spi_t"] > "2027-07-01"
    (told,) = [each for each in judged(FACTS).exceptions if each["kind"] == "optimistic_forecast"]
    assert "1 day earlier" in told["text"]
    honest = replace(FACTS, finish_forecast=date(2026, 12, 5))
    assert "optimistic_forecast" not in {each["kind"] for each in judged(honest).exceptions}


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        (replace(FACTS, work=None), "No work items are linked."),
        (
            replace(FACTS, stale={"work_item": ("jira",)}),
            "The last good read of jira is older than its limit.",
        ),
        (replace(FACTS, state="completed"), "The project has ended."),
        (replace(FACTS, finish_actual=TODAY), "The project has ended."),
    ],
)
def test_what_cannot_be_forecast_says_why(facts: Facts, because: str) -> None:
    document = judged(facts).document["forecast"]
    assert (document["finish_50"], document["because"]) == (None, because)


def test_a_project_that_waits_for_a_later_one_is_told() -> None:
    late = replace(FACTS, key="B", finish_forecast=date(2026, 12, 9))
    early = replace(FACTS, key="C", finish_forecast=date(2026, 12, 3))
    waits = replace(FACTS, key="A", depends_on=("B", "C", "X"))
    projects = [judged(each).document for each in (waits, late, early)]
    row = next(each for each in roadmap(projects) if each["project"] == "A")
    assert row["depends_on"] == [
        {"project": "B", "finish": "2026-12-09", "late_days": 5},
        {"project": "C", "finish": "2026-12-03", "late_days": 0},
        {"project": "X", "finish": None, "late_days": None},
    ]
    assert [each["text"] for each in waiting_exceptions(projects)] == [
        "It depends on B, which ends 5 days later than it.",
        "It depends on X, and there is no such project.",
    ]
    ended = judged(replace(waits, state="cancelled")).document
    assert waiting_exceptions([ended, *projects[1:]]) == []
