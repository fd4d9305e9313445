"""Every baseline that a project has had, and whether it is set anew year after year.

Baselines come from three places: time-phased ones from a file or table, the baseline dates of the record that defines the
project each time its tool changed them, and re-baselines that were approved here. None replaces another; all are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from config.fiscal import FiscalCalendar
from portfolio import earned_value
from portfolio.facts import BaselineDates, Facts

YEARS_IN_A_ROW = 2
"""Re-baselined in so many fiscal years one after the other, a project is said to reset yearly."""


@dataclass(frozen=True, slots=True)
class Version:
    """A baseline: its name, since when it counts (None: from the start, or unknown), its dates, its last planned value."""

    name: str
    set_on: date | None
    start: date | None
    finish: date | None
    planned_value: Decimal | None = None
    by: str | None = None
    why: str | None = None


def versions(facts: Facts) -> list[Version]:
    """Every baseline, each place's in its order: the project's dates first, then the time-phased ones."""
    dated = [_of_dates(each) for each in facts.baseline_dates]
    if not dated and (facts.start_baseline or facts.finish_baseline):
        dated = [Version("dates", None, facts.start_baseline, facts.finish_baseline)]
    return dated + [
        Version(each.name, each.set_on, each.days[0], each.days[-1], each.bac)
        for each in earned_value.baselines(facts.planned_values, facts.start_baseline)
    ]


def _of_dates(each: BaselineDates) -> Version:
    return Version(
        "approved" if each.by else "dates", each.set_on, each.start, each.finish, None, each.by, each.why
    )


def original_finish(facts: Facts) -> date | None:
    """The finish of the first baseline where there was a later one, of the time-phased ones or of the project's dates.

    Where both were set anew, the time-phased ones count unless the first of them was set after the dates had changed:
    of the dates only what was read or approved here is known.
    """
    dates, plans = facts.baseline_dates, earned_value.baselines(facts.planned_values, facts.start_baseline)
    if not plans[1:]:
        return dates[0].finish if dates[1:] else None
    planned_on, changed_on = plans[0].set_on, dates[1].set_on if dates[1:] else None
    if planned_on is not None and changed_on is not None and planned_on > changed_on:
        return dates[0].finish
    return plans[0].days[-1]


def set_anew(facts: Facts) -> list[date]:
    """The days, in the portfolio's time zone, on which a baseline took the place of an earlier one, oldest first.

    Whether it was approved here, stands in a time-phased plan, or a tool changed its dates without a word.
    """
    dated = [each.set_on for each in facts.baseline_dates[1:]]
    plans = earned_value.baselines(facts.planned_values, facts.start_baseline)
    return sorted({day for day in (*dated, *(each.set_on for each in plans[1:])) if day is not None})


def yearly_resets(days: Sequence[date], calendar: FiscalCalendar) -> list[int]:
    """The fiscal years of an unbroken row that ends with the newest re-baseline; empty where it is shorter than two."""
    years = sorted({calendar.year_of(day) for day in days}, reverse=True)
    row = [year for place, year in enumerate(years) if year == years[0] - place]
    return sorted(row) if len(row) >= YEARS_IN_A_ROW else []
