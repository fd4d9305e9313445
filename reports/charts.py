"""Where the marks of the charts stand: pure geometry, all in per cent of the drawing's width or height.

The drawing itself is in `templates/charts.html.j2`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from reports.rollup import COLOURS
from reports.wording import number

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
REACH_BACK, REACH_AHEAD = timedelta(days=548), timedelta(days=731)
"""The roadmap shows at most one and a half years back and two years ahead."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A coloured stretch of a bar: where it begins, how long it is, and the count that it stands for."""

    name: str
    at: str
    size: str
    count: int


def stacked(counts: Mapping[str, int], whole: int) -> list[Segment]:
    """The colours of a bar one after the other, worst first; `whole` projects fill it."""
    segments, before = [], 0
    for name in COLOURS:
        count = counts.get(name) or 0
        if count:
            segments.append(Segment(name, _share(before, whole), _share(count, whole), count))
            before += count
    return segments


def _share(part: float | Decimal, whole: float | Decimal) -> str:
    return f"{100 * float(part) / float(whole):.2f}" if whole else "0"


@dataclass(frozen=True, slots=True)
class MoneyBar:
    """Actual and encumbered amounts of a budget, laid end to end; None where the figure is unknown."""

    actual: str | None
    encumbered_at: str
    encumbered: str | None
    budget: str | None
    forecast: str | None


def money_bars(totals: Sequence[Mapping[str, Any]]) -> list[MoneyBar]:
    """One bar per row of totals on a common scale. Amounts below zero have no length."""
    scale = max((_reach(row) for row in totals), default=Decimal(0))
    return [_money_bar(row, scale) for row in totals]


def _amount(row: Mapping[str, Any], key: str) -> Decimal:
    return max(number(row.get(key)) or Decimal(0), Decimal(0))


def _reach(row: Mapping[str, Any]) -> Decimal:
    spent = _amount(row, "actual") + _amount(row, "encumbered")
    return max(spent, _amount(row, "revised_budget"), _amount(row, "forecast"))


def _money_bar(row: Mapping[str, Any], scale: Decimal) -> MoneyBar:
    lengths = {
        key: None if row.get(key) is None else _share(_amount(row, key), scale)
        for key in ("actual", "encumbered", "revised_budget", "forecast")
    }
    return MoneyBar(
        lengths["actual"],
        lengths["actual"] or "0",
        lengths["encumbered"],
        lengths["revised_budget"],
        lengths["forecast"],
    )


@dataclass(frozen=True, slots=True)
class Column:
    """One snapshot of the trend: its place, its day and its coloured segments from the bottom up."""

    at: str
    width: str
    as_of: str
    segments: list[Segment]


def trend_columns(points: Sequence[Mapping[str, Any]], most: int = 16) -> list[Column]:
    """The newest snapshots as columns of equal height, each showing the shares of its colours."""
    shown = list(points)[-most:]
    columns = []
    for place, point in enumerate(shown):
        whole = sum(point[name] for name in COLOURS)
        columns.append(
            Column(
                _share(place + 0.1, len(shown)),
                _share(0.8, len(shown)),
                point["as_of"],
                stacked(point, whole),
            )
        )
    return columns


@dataclass(frozen=True, slots=True)
class Timeline:
    """The span of the roadmap, its quarters and today."""

    start: date
    end: date
    today: str
    ticks: list[tuple[str, str]]

    def at(self, day: str | None) -> str | None:
        """Where a day stands; days outside the span stand at its edge; None when there is no day."""
        if not day:
            return None
        found = min(max(date.fromisoformat(day[:10]), self.start), self.end)
        return _share((found - self.start).days, (self.end - self.start).days)

    def shows(self, day: str | None) -> bool:
        """The day is known and inside the span."""
        return bool(day) and self.start <= date.fromisoformat(str(day)[:10]) <= self.end

    def length(self, first: str | None, last: str | None) -> str:
        """How long a bar from the first to the last day is; at least a hair."""
        begin, finish = self.at(first), self.at(last)
        return f"{max(float(finish) - float(begin), 0.3):.2f}" if begin and finish else "0"


def timeline(roadmap: Sequence[Mapping[str, Any]], as_of: str) -> Timeline:
    """The span that holds the roadmap, in whole quarters around `as_of`."""
    today = date.fromisoformat(as_of)
    days = [
        date.fromisoformat(line[key][:10])
        for line in roadmap
        for key in ("start", "baseline_finish", "finish")
        if line.get(key)
    ]
    start = _quarter(max(min([*days, today]), today - REACH_BACK))
    end = _next_quarter(min(max([*days, today]), today + REACH_AHEAD))
    span = Timeline(start, end, "0", [])
    ticks, quarter = [], start
    while quarter < end:
        label = str(quarter.year) if quarter.month == 1 or quarter == start else MONTHS[quarter.month - 1]
        ticks.append((span.at(quarter.isoformat()) or "0", label))
        quarter = _next_quarter(quarter)
    return Timeline(start, end, span.at(as_of) or "0", ticks)


def _quarter(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def _next_quarter(day: date) -> date:
    return _quarter(_quarter(day) + timedelta(days=95))
