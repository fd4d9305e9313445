"""When a project will finish, by what it has done so far: by the throughput of its team, and by SPI(t).

Throughput: each coming week finishes as many items as one of the last weeks did, each of them as likely as the others. The
chance of being done by a week follows from that exactly, so there is nothing to roll dice for: it is what a Monte Carlo
simulation over the same weeks comes to with endless runs. SPI(t): the planned duration ÷ SPI(t) from the start of the
baseline (IEAC(t), Lipke).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from portfolio.earned_value import Baseline

WEEKS = 12
"""How many weeks of history count, at most."""
FEWEST_DONE = 5
"""With fewer items done in these weeks nothing can be said."""
FARTHEST = 520
"""Weeks; what takes longer is not forecast."""
_CHANCES = (0.5, 0.85)
_NOISE = 1e-9
"""What rounding may take from a chance: exactly a half counts as a half."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the work will be done with a chance of 50 % and 85 %, and by SPI(t); None where it cannot be told."""

    remaining: int | None = None
    weekly_done: tuple[int, ...] = ()
    finish_50: date | None = None
    finish_85: date | None = None
    because: str = "No work items are linked."
    finish_spi_t: date | None = None
    because_spi_t: str = "SPI(t) is unknown."


def by_throughput(
    remaining: int, weekly_done: Sequence[int], today: date
) -> tuple[date | None, date | None, str]:
    """The days by which `remaining` items are done with a chance of 50 % and 85 %, and why.

    `weekly_done` are items done per week of the history, in any order.
    """
    if remaining <= 0:
        return today, today, "Every work item is done."
    done = sum(weekly_done)
    if done < FEWEST_DONE:
        return None, None, f"{done} items were done in {len(weekly_done)} weeks, too few to forecast by."
    weeks = _weeks(remaining, weekly_done)
    if weeks is None:
        return None, None, f"{remaining} items are left, more than ten years of work at this pace."
    half, most = (today + timedelta(weeks=each) for each in weeks)
    pace = f"{done} items were done in the last {len(weekly_done)} weeks"
    return (
        half,
        most,
        f"{remaining} items are left and {pace}: done by {half} with a chance of 50%, by {most} of 85%.",
    )


def _weeks(remaining: int, weekly_done: Sequence[int]) -> tuple[int, int] | None:
    """The first weeks by which the chance of being done reaches 50 % and 85 %.

    `left[n]` is the chance that n items are left; each week moves it by every throughput seen, as often as it was seen.
    """
    seen = [(count, times / len(weekly_done)) for count, times in sorted(Counter(weekly_done).items())]
    left = [0.0] * remaining + [1.0]
    found: list[int] = []
    for week in range(1, FARTHEST + 1):
        after = [0.0] * (remaining + 1)
        for count, chance in seen:
            after[0] += chance * sum(left[: count + 1])
            for items in range(count + 1, remaining + 1):
                after[items - count] += chance * left[items]
        left = after
        while len(found) < len(_CHANCES) and left[0] >= _CHANCES[len(found)] - _NOISE:
            found.append(week)
        if len(found) == len(_CHANCES):
            return found[0], found[1]
    return None


def history(weekly_done: Sequence[int], started_on: date | None, today: date) -> tuple[int, ...]:
    """The weeks that count, oldest first: those wholly after the start, or since the first item done if that is unknown."""
    if started_on is not None:
        return tuple(
            weekly_done[len(weekly_done) - min(len(weekly_done), max(0, (today - started_on).days // 7)) :]
        )
    first = next((place for place, count in enumerate(weekly_done) if count), len(weekly_done))
    return tuple(weekly_done[first:])


def by_spi_t(plan: Baseline | None, ieac_t: Decimal | None, spi_t: Decimal | None) -> tuple[date | None, str]:
    """The day on which the project ends if it goes on at its SPI(t), and why."""
    if plan is None or ieac_t is None or spi_t is None:
        return None, "SPI(t) is unknown."
    day = plan.day_at(ieac_t)
    if day is None:
        return None, "The start of the baseline is unknown."
    return day, f"At SPI(t) {spi_t:.3f} the {plan.periods} planned periods take {ieac_t:.1f}: until {day}."
