"""A time-phased baseline: its periods, its start, and the way between days and periods."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from portfolio.earned_value import baselines
from portfolio.facts import PlannedValue

D = Decimal

MONTHS = [PlannedValue("v1", date(2026, 1, 1), date(2026, month, 28), D(10 * month)) for month in range(2, 7)]


def test_a_baseline_is_read_in_periods_of_its_own() -> None:
    (found,) = baselines(MONTHS, date(2026, 1, 31))
    assert found.bac == 60
    assert found.periods == 5
    assert found.time_at(date(2026, 1, 15)) == 0
    assert found.time_at(date(2026, 2, 14)) == D("0.5")
    assert found.time_at(date(2026, 2, 28)) == 1
    assert found.time_at(date(2026, 7, 29)) == 6
    assert found.planned_value(D("0.5")) == 10
    assert found.planned_value(D(9)) == 60


def test_a_first_point_of_zero_is_the_start() -> None:
    points = [PlannedValue("v1", None, date(2026, 1, 1), D(0)), *MONTHS]
    points = [PlannedValue("v1", None, each.day, each.planned_value) for each in points]
    (found,) = baselines(points, None)
    assert found.days[0] == date(2026, 1, 1)
    assert found.periods == 5


def test_a_baseline_without_a_start_knows_no_time_in_its_first_period() -> None:
    (found,) = baselines(MONTHS, None)
    assert found.time_at(date(2026, 2, 1)) is None
    assert found.time_at(date(2026, 3, 14)) == D("1.5")


def test_the_newest_baseline_comes_last() -> None:
    second = [PlannedValue("a", date(2026, 4, 1), each.day, each.planned_value * 2) for each in MONTHS]
    unset = [PlannedValue("z", None, each.day, D(1)) for each in MONTHS]
    assert [each.bac for each in baselines([*second, *MONTHS, *unset], None)] == [1, 60, 120]


def point(day: date, value: int) -> PlannedValue:
    return PlannedValue("v1", None, day, D(value))


@pytest.mark.parametrize("after", range(0, 240, 7))
def test_a_day_and_its_time_are_the_same_moment_within_the_plan_and_past_it(after: int) -> None:
    (found,) = baselines(MONTHS, date(2026, 1, 31))
    day = date(2026, 1, 31) + timedelta(days=after)
    at = found.time_at(day)
    assert at is not None
    back = found.day_at(at)
    assert back is not None
    assert day <= back <= day + timedelta(days=1), "rounded up to a whole day"


def test_all_is_planned_at_the_end_and_not_a_moment_before() -> None:
    (found,) = baselines(MONTHS, date(2026, 1, 31))
    assert [found.planned_value(D(at)) for at in ("4.5", "5", "5.1")] == [55, 60, 60]


MARCH, APRIL = date(2026, 3, 31), date(2026, 4, 30)


@pytest.mark.parametrize(
    ("first_value", "first_day", "start", "days"),
    [
        (0, date(2026, 3, 1), None, (date(2026, 3, 1), MARCH, APRIL)),
        (0, date(2026, 3, 1), date(2026, 3, 2), (date(2026, 3, 1), MARCH, APRIL)),
        (0, date(2026, 3, 1), date(2026, 3, 1), (date(2026, 3, 1), MARCH, APRIL)),
        (0, date(2026, 3, 2), date(2026, 3, 1), (date(2026, 3, 1), date(2026, 3, 2), MARCH, APRIL)),
        (1, date(2026, 3, 2), date(2026, 3, 1), (date(2026, 3, 1), date(2026, 3, 2), MARCH, APRIL)),
        (1, date(2026, 3, 1), date(2026, 3, 1), (None, date(2026, 3, 1), MARCH, APRIL)),
        (1, date(2026, 3, 1), date(2026, 3, 2), (None, date(2026, 3, 1), MARCH, APRIL)),
        (1, date(2026, 3, 1), None, (None, date(2026, 3, 1), MARCH, APRIL)),
    ],
)
def test_the_plan_starts_where_its_value_is_zero(
    first_value: int, first_day: date, start: date | None, days: tuple[date | None, ...]
) -> None:
    points = [point(first_day, first_value), point(MARCH, 10), point(APRIL, 20)]
    (found,) = baselines(points, start)
    assert found.days == days


def test_two_points_of_which_the_first_is_zero_are_one_period() -> None:
    (found,) = baselines([point(MARCH, 0), point(APRIL, 20)], None)
    assert (found.days, found.values) == ((MARCH, APRIL), (D(0), D(20)))


def test_one_point_is_a_plan_whose_start_is_unknown() -> None:
    (found,) = baselines([point(MARCH, 20)], None)
    assert (found.days, found.values) == ((None, MARCH), (D(0), D(20)))
    assert [found.time_at(MARCH + timedelta(days=n)) for n in (-1, 0, 1)] == [None, 1, None]
    (empty,) = baselines([point(MARCH, 0)], None)
    assert (empty.days, empty.bac) == ((None, MARCH), D(0))
