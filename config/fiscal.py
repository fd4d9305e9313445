"""The fiscal calendar: which fiscal year a day belongs to."""

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class FiscalCalendar:
    """A fiscal year from a fixed day on, labelled by the year it ends in (US cities) or starts in (SAP)."""

    start_month: int = 7
    start_day: int = 1
    label: Literal["end", "start"] = "end"

    def year_of(self, day: date) -> int:
        """The label of the fiscal year that holds `day`."""
        started = day.year if (day.month, day.day) >= (self.start_month, self.start_day) else day.year - 1
        calendar_year = (self.start_month, self.start_day) == (1, 1)
        return started if self.label == "start" or calendar_year else started + 1

    def first_day(self, label: int) -> date:
        """The first day of the fiscal year with that label."""
        calendar_year = (self.start_month, self.start_day) == (1, 1)
        started = label if self.label == "start" or calendar_year else label - 1
        return date(started, self.start_month, self.start_day)

    def period_of(self, day: date) -> str:
        """The monthly period of `day` as `001` to `012`."""
        months = (day.month - self.start_month) % 12
        if day.day < self.start_day:
            months = (months - 1) % 12
        return f"{months + 1:03d}"
