"""Time as a service desk counts it: only in the hours of a calendar, with its holidays, in its time zone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Window = tuple[datetime, datetime]

_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The hours of a week (weekday 0 is Monday; a day without hours is closed) and the days without service.

    Hours are the wall clock's in `zone`: a day on which the clocks change has an hour more or less only if that hour is
    in the day's hours. No `hours` at all: the clock never stops.
    """

    zone: ZoneInfo
    hours: Mapping[int, tuple[time, time]] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """How much of the time from `begin` to `end` counts; nothing where `end` is not later."""
        if end <= begin:
            return _NOTHING
        if not self.hours:
            return end - begin
        whole = _NOTHING
        for opens, closes in self._windows(begin):
            if opens >= end:
                break
            whole += max(_NOTHING, min(closes, end) - max(opens, begin))
        return whole

    def after(self, begin: datetime, length: timedelta) -> datetime:
        """The first instant at which `length` of counted time has gone by since `begin`."""
        if not self.hours or length <= _NOTHING:
            return begin + max(length, _NOTHING)
        rest = length
        for opens, closes in self._windows(begin):
            start = max(opens, begin)
            if closes - start >= rest:
                return start + rest
            rest -= closes - start
        return begin

    def _windows(self, begin: datetime) -> Iterator[Window]:
        """The open hours from the day of `begin` on, in UTC; those that are over by then are left out."""
        day = begin.astimezone(self.zone).date()
        while True:
            hours = None if day in self.holidays else self.hours.get(day.weekday())
            if hours is not None:
                opens, closes = (datetime.combine(day, each, self.zone).astimezone(UTC) for each in hours)
                if closes > begin:
                    yield opens, closes
            day += timedelta(days=1)
