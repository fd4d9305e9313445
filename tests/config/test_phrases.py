"""The schedule's phrases and the fiscal calendar."""

from datetime import date, time

import pytest

from config.fiscal import FiscalCalendar
from config.phrases import Phrase, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("every 15 minutes", Phrase(minutes=15)),
        ("Every  2 hours", Phrase(minutes=120)),
        ("every hour", Phrase(minutes=60)),
        ("hourly", Phrase(minutes=60)),
        ("every 3 days", Phrase(minutes=3 * 24 * 60)),
        ("daily at 02:00", Phrase(at=time(2), weekdays=(0, 1, 2, 3, 4, 5, 6))),
        ("every day at 02:30", Phrase(at=time(2, 30), weekdays=(0, 1, 2, 3, 4, 5, 6))),
        ("weekdays at 06:30", Phrase(at=time(6, 30), weekdays=(0, 1, 2, 3, 4))),
        ("monday at 07:00", Phrase(at=time(7), weekdays=(0,))),
        ("never", Phrase()),
    ],
)
def test_phrases(text: str, expected: Phrase) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "every 0 minutes",
        "every 2 days at 02:00",
        "daily",
        "daily at 24:00",
        "someday at 07:00",
        "* * * * *",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="every N minutes"):
        parse(text)


@pytest.mark.parametrize(
    ("day", "start", "end_label", "start_label", "period"),
    [
        (date(2026, 7, 1), (7, 1), 2027, 2026, "001"),
        (date(2026, 6, 30), (7, 1), 2026, 2025, "012"),
        (date(2024, 2, 29), (7, 1), 2024, 2023, "008"),
        (date(1999, 2, 3), (4, 1), 1999, 1998, "011"),
        (date(2025, 10, 1), (10, 1), 2026, 2025, "001"),
        (date(2026, 3, 15), (1, 1), 2026, 2026, "003"),
    ],
)
def test_fiscal_years(
    day: date, start: tuple[int, int], end_label: int, start_label: int, period: str
) -> None:
    by_end, by_start = FiscalCalendar(*start), FiscalCalendar(*start, "start")
    assert (by_end.year_of(day), by_start.year_of(day)) == (end_label, start_label)
    assert by_end.period_of(day) == period
    assert by_end.first_day(by_end.year_of(day)) == by_start.first_day(by_start.year_of(day)) <= day
