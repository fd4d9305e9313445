"""Every baseline is kept, variance stands against the first and the newest one, and yearly resets are flagged."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.fiscal import FiscalCalendar
from config.settings import Portfolio
from portfolio.baselines import original_finish, set_anew, versions, yearly_resets
from portfolio.budget import Budget
from portfolio.facts import BaselineDates, Facts, PlannedValue
from portfolio.judge import Policy, judge
from portfolio.store import baselines as kept

D = Decimal
DAY = date.fromisoformat
FIRST = BaselineDates(None, DAY("2024-01-01"), DAY("2024-12-31"))
SECOND = BaselineDates(DAY("2024-10-01"), DAY("2024-01-01"), DAY("2025-06-30"))
THIRD = BaselineDates(DAY("2025-09-01"), DAY("2024-01-01"), DAY("2026-12-31"), "Ana", "New vendor")
FACTS = Facts(
    "K",
    "N",
    state="active",
    start_baseline=DAY("2024-01-01"),
    finish_baseline=DAY("2026-12-31"),
    finish_forecast=DAY("2026-12-31"),
    baseline_dates=(FIRST, SECOND, THIRD),
    planned_values=(
        PlannedValue("v1", DAY("2024-01-10"), DAY("2024-12-31"), D(100)),
        PlannedValue("v2", DAY("2025-09-01"), DAY("2026-12-31"), D(300)),
    ),
)
NOW = datetime(2026, 2, 1, tzinfo=UTC)


def test_every_baseline_stands_in_the_report() -> None:
    assert [(each.name, each.finish, each.planned_value, each.by) for each in versions(FACTS)] == [
        ("dates", DAY("2024-12-31"), None, None),
        ("dates", DAY("2025-06-30"), None, None),
        ("approved", DAY("2026-12-31"), None, "Ana"),
        ("v1", DAY("2024-12-31"), D(100), None),
        ("v2", DAY("2026-12-31"), D(300), None),
    ]
    document = judge(FACTS, now=NOW, policy=Policy.of(Portfolio())).document
    assert [each["why"] for each in document["baselines"]] == [None, None, "New vendor", None, None]
    assert document["schedule"]["variance_days"] == 0
    assert document["schedule"]["finish_original"] == "2024-12-31"
    assert document["schedule"]["variance_days_original"] == 730
    assert document["status"]["schedule"]["value"] == "approved_change"


def test_without_a_second_baseline_both_variances_are_one() -> None:
    facts = replace(FACTS, baseline_dates=(), planned_values=(), finish_forecast=DAY("2027-01-10"))
    document = judge(facts, now=NOW, policy=Policy.of(Portfolio())).document
    assert document["schedule"]["finish_original"] is None
    assert document["schedule"]["variance_days_original"] == document["schedule"]["variance_days"] == 10
    assert [each["name"] for each in document["baselines"]] == ["dates"]


def test_the_first_finish_is_the_dates_own_else_the_time_phased_one() -> None:
    assert original_finish(FACTS) == DAY("2024-12-31")
    later = tuple(
        replace(each, day=DAY("2025-05-05")) if each.name == "v1" else each for each in FACTS.planned_values
    )
    assert original_finish(replace(FACTS, baseline_dates=(), planned_values=later)) == DAY("2025-05-05")
    assert original_finish(replace(FACTS, baseline_dates=(), planned_values=later[:1])) is None


def test_a_plan_of_an_unknown_day_knows_the_original() -> None:
    points = tuple(
        PlannedValue(name, on, DAY(day), D(1))
        for name, on, day in (("v1", None, "2024-12-31"), ("v2", DAY("2025-09-01"), "2026-06-30"))
    )
    dates = (BaselineDates(None, DAY("2024-01-01"), DAY("2025-06-30")), SECOND)
    assert original_finish(replace(FACTS, baseline_dates=dates, planned_values=points)) == DAY("2024-12-31")


@pytest.mark.parametrize(
    ("approved_on", "finish"),
    [("2025-12-01", "2024-12-31"), ("2024-01-10", "2024-12-31"), ("2024-01-09", "2025-06-30")],
)
def test_a_plan_made_before_its_dates_were_changed_here_knows_the_original(
    approved_on: str, finish: str
) -> None:
    points = tuple(
        PlannedValue(name, DAY(on), DAY(day), D(1))
        for name, on, day in (("v1", "2024-01-10", "2024-12-31"), ("v2", "2025-09-01", "2026-06-30"))
    )
    dates = (
        BaselineDates(None, DAY("2024-01-01"), DAY("2025-06-30")),
        BaselineDates(DAY(approved_on), DAY("2024-01-01"), DAY("2026-12-31"), "Board", "late"),
    )
    facts = replace(FACTS, baseline_dates=dates, planned_values=points)
    assert original_finish(facts) == DAY(finish)


@pytest.mark.parametrize(("dates", "finish"), [((), None), ((FIRST,), None), ((FIRST, SECOND), "2024-12-31")])
def test_one_baseline_is_the_original_only_beside_a_later_one(
    dates: tuple[BaselineDates, ...], finish: str | None
) -> None:
    facts = replace(FACTS, baseline_dates=dates, planned_values=())
    assert original_finish(facts) == (DAY(finish) if finish else None)


def test_a_time_phased_baseline_runs_from_its_start_to_its_last_point() -> None:
    points = tuple(
        PlannedValue(name, DAY(on), DAY(day), D(value))
        for name, on in (("v1", "2024-01-10"), ("v2", "2025-09-01"))
        for day, value in (("2024-03-31", 10), ("2024-06-30", 20), ("2024-12-31", 30))
    )
    facts = replace(FACTS, baseline_dates=(), planned_values=points)
    assert original_finish(facts) == DAY("2024-12-31")
    assert [(each.name, each.start, each.finish, each.planned_value) for each in versions(facts)] == [
        ("dates", DAY("2024-01-01"), DAY("2026-12-31"), None),
        ("v1", DAY("2024-01-01"), DAY("2024-12-31"), D(30)),
        ("v2", DAY("2024-01-01"), DAY("2024-12-31"), D(30)),
    ]


@pytest.mark.parametrize(("start", "finish"), [("2024-01-01", None), (None, "2024-12-31"), (None, None)])
def test_one_date_makes_a_baseline_and_none_makes_none(start: str | None, finish: str | None) -> None:
    begin, end = (DAY(each) if each else None for each in (start, finish))
    facts = replace(FACTS, start_baseline=begin, finish_baseline=end, baseline_dates=(), planned_values=())
    assert [(each.start, each.finish) for each in versions(facts)] == ([(begin, end)] if begin or end else [])


@pytest.mark.parametrize(
    ("days", "years"),
    [
        ([], []),
        (["2025-09-01"], []),
        (["2024-10-01", "2025-09-01"], [2025, 2026]),
        (["2024-06-30", "2024-07-01"], [2024, 2025]),
        (["2024-07-01", "2025-06-30"], []),
        (["2022-10-01", "2024-10-01", "2025-09-01"], [2025, 2026]),
        (["2022-10-01", "2023-10-01", "2025-09-01"], []),
        (["2022-10-01", "2023-10-01", "2024-09-01"], [2023, 2024, 2025]),
    ],
)
def test_yearly_resets_are_a_row_of_fiscal_years(days: list[str], years: list[int]) -> None:
    assert yearly_resets([DAY(each) for each in days], FiscalCalendar()) == years


def test_a_yearly_reset_is_an_exception() -> None:
    assert set_anew(FACTS) == [DAY("2024-10-01"), DAY("2025-09-01")]
    found = judge(FACTS, now=NOW, policy=Policy.of(Portfolio())).exceptions
    (reset,) = [each for each in found if each["kind"] == "yearly_reset"]
    assert reset["text"] == "It has been given a new baseline in each of the fiscal years 2025 to 2026."


def test_the_budget_stands_against_the_one_first_adopted() -> None:
    budget = Budget(original_budget=D(900), revised_budget=D(1000), variance=D(-50))
    assert budget.variance_original == D(-150)
    for name in ("original_budget", "revised_budget", "variance"):
        assert replace(budget, **{name: None}).variance_original is None


def change(day: str, field: str, before: str | None, after: str | None) -> Any:
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    return SimpleNamespace(field=field, before=before, after=after, valid_at=at)


def test_the_tools_changes_make_versions_and_a_first_filling_makes_none() -> None:
    changes = [
        change("2026-01-05", "start_baseline", None, "2026-01-01"),
        change("2026-01-05", "finish_baseline", None, "2026-12-31"),
        change("2026-05-05", "finish_baseline", "2026-12-31", "2027-03-31"),
        change("2026-05-05", "start_baseline", "2026-01-01", "2026-02-01"),
    ]
    own = DAY("2026-02-01"), DAY("2027-03-31")
    assert kept.versions(own, changes, (), UTC) == (
        BaselineDates(None, DAY("2026-01-01"), DAY("2026-12-31")),
        BaselineDates(DAY("2026-05-05"), DAY("2026-02-01"), DAY("2027-03-31")),
    )
    assert kept.versions(own, changes[:2], (), UTC) == ()
    assert kept.versions(own, (), (), UTC) == ()


def test_a_start_that_is_filled_in_late_belongs_to_the_newest_version() -> None:
    changes = [
        change("2026-03-01", "finish_baseline", "2026-10-31", "2026-11-30"),
        change("2026-04-01", "finish_baseline", "2026-11-30", "2026-12-31"),
        change("2026-05-01", "start_baseline", None, "2026-01-01"),
    ]
    assert kept.versions((DAY("2026-01-01"), DAY("2026-12-31")), changes, (), UTC) == (
        BaselineDates(None, None, DAY("2026-10-31")),
        BaselineDates(DAY("2026-03-01"), None, DAY("2026-11-30")),
        BaselineDates(DAY("2026-04-01"), DAY("2026-01-01"), DAY("2026-12-31")),
    )


def test_of_two_changes_on_one_day_the_later_is_the_version_of_that_day() -> None:
    changes = [
        change(day, "finish_baseline", before, after)
        for day, before, after in (
            ("2026-03-01", "2026-10-31", "2026-11-30"),
            ("2026-04-01", "2026-11-30", "2026-12-15"),
            ("2026-04-01", "2026-12-15", "2026-12-31"),
        )
    ]
    assert kept.versions((None, DAY("2026-12-31")), changes, (), UTC) == (
        BaselineDates(None, None, DAY("2026-10-31")),
        BaselineDates(DAY("2026-03-01"), None, DAY("2026-11-30")),
        BaselineDates(DAY("2026-04-01"), None, DAY("2026-12-31")),
    )


def test_an_approved_baseline_keeps_the_dates_that_it_does_not_name() -> None:
    row = SimpleNamespace(
        at=NOW, start_baseline=None, finish_baseline=DAY("2027-06-30"), by="Ana", why="New vendor"
    )
    own = DAY("2026-01-01"), DAY("2026-12-31")
    assert kept.versions(own, (), (row,), UTC) == (
        BaselineDates(None, *own),
        BaselineDates(DAY("2026-02-01"), DAY("2026-01-01"), DAY("2027-06-30"), "Ana", "New vendor"),
    )


def test_a_baseline_is_set_on_the_day_of_the_portfolios_zone_whoever_set_it() -> None:
    """A tool's silent change and an approval, each in the night between two days."""
    york = ZoneInfo("America/New_York")
    silent = SimpleNamespace(
        field="finish_baseline",
        before="2026-12-31",
        after="2027-03-31",
        valid_at=datetime(2026, 7, 1, 2, tzinfo=UTC),
    )
    approval = SimpleNamespace(
        at=datetime(2026, 9, 2, 2, tzinfo=UTC),
        start_baseline=None,
        finish_baseline=DAY("2027-06-30"),
        by="Ana",
        why="New vendor",
    )
    dates = kept.versions((DAY("2026-01-01"), DAY("2027-03-31")), [silent], (approval,), york)
    facts = replace(FACTS, baseline_dates=dates, planned_values=())
    assert set_anew(facts) == [DAY("2026-06-30"), DAY("2026-09-01")]
    document = judge(facts, now=NOW, policy=Policy.of(Portfolio(timezone="America/New_York"))).document
    assert document["schedule"]["rebaselined_on"] == ["2026-06-30", "2026-09-01"]


def test_plans_set_on_one_day_or_on_no_known_day_count_once_or_not_at_all() -> None:
    def phased(*named: tuple[str, str | None]) -> Facts:
        points = [PlannedValue(name, DAY(on) if on else None, DAY("2026-12-01"), D(5)) for name, on in named]
        return Facts("A", "A", planned_values=tuple(points))

    later = ("Change 1", "2026-06-01"), ("Original", "2026-01-01"), ("Change 2", "2026-06-01")
    assert set_anew(phased(*later, ("Change 3", "2026-09-01"))) == [DAY("2026-06-01"), DAY("2026-09-01")]
    assert set_anew(phased(("a", None), ("b", None), ("c", "2026-05-01"))) == [DAY("2026-05-01")]
    assert set_anew(phased(("a", "2026-01-01"), ("b", "2026-05-01"))) == [DAY("2026-05-01")]
    assert set_anew(Facts("A", "A")) == []
