"""The fiscal calendar on the first day of a year and of a period, and on the day before."""

from datetime import date

import pytest

from config.fiscal import FiscalCalendar


@pytest.mark.parametrize(
    ("start", "day", "ends_in", "starts_in", "period"),
    [
        ((7, 1), "2026-06-30", 2026, 2025, "012"),
        ((7, 1), "2026-07-01", 2027, 2026, "001"),
        ((7, 1), "2026-07-31", 2027, 2026, "001"),
        ((7, 1), "2026-08-01", 2027, 2026, "002"),
        ((4, 6), "2026-04-05", 2026, 2025, "012"),
        ((4, 6), "2026-04-06", 2027, 2026, "001"),
        ((4, 6), "2026-05-05", 2027, 2026, "001"),
        ((4, 6), "2026-05-06", 2027, 2026, "002"),
        ((4, 6), "2027-03-05", 2027, 2026, "011"),
        ((1, 1), "2025-12-31", 2025, 2025, "012"),
        ((1, 1), "2026-01-01", 2026, 2026, "001"),
        ((1, 2), "2026-01-01", 2026, 2025, "012"),
        ((1, 2), "2026-01-02", 2027, 2026, "001"),
    ],
)
def test_a_day_belongs_to_a_year_and_a_period(
    start: tuple[int, int], day: str, ends_in: int, starts_in: int, period: str
) -> None:
    by_end, by_start = FiscalCalendar(*start, "end"), FiscalCalendar(*start, "start")
    on = date.fromisoformat(day)
    assert (by_end.year_of(on), by_start.year_of(on), by_end.period_of(on)) == (ends_in, starts_in, period)
    first = by_end.first_day(ends_in)
    assert first == by_start.first_day(starts_in) == date(starts_in, *start)
    assert first <= on < by_end.first_day(ends_in + 1)


def test_the_default_is_the_year_that_ends_in_june() -> None:
    assert FiscalCalendar() == FiscalCalendar(7, 1, "end")
