"""The schedule's phrases, such as `every 15 minutes`, `daily at 02:00`, `monday at 07:00`."""

import re
from dataclasses import dataclass
from datetime import time

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ACCEPTED = (
    "'every N minutes|hours|days', 'hourly', 'daily at HH:MM', 'weekdays at ...', 'monday at ...' or 'never'"
)
_EVERY = re.compile(r"every (?:(\d{1,4}) )?(minute|hour|day)s?(?: at (\d\d):(\d\d))?")
_AT = re.compile(rf"(daily|weekdays|{'|'.join(WEEKDAYS)}) at (\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """When a job runs: each `minutes`, or at `at` (portfolio time) on `weekdays` (0 is Monday), or never."""

    minutes: int | None = None
    at: time | None = None
    weekdays: tuple[int, ...] = ()


def parse(text: str) -> Phrase:
    """Reads a phrase; raises ValueError with what is accepted."""
    words = " ".join(text.lower().split())
    if words == "never":
        return Phrase()
    if words == "hourly":
        return Phrase(minutes=60)
    if found := _EVERY.fullmatch(words):
        count, unit, hour, minute = found.groups()
        if hour and (unit != "day" or int(count or 1) != 1):
            raise ValueError(ACCEPTED)
        if hour:
            return Phrase(at=_time(hour, minute), weekdays=tuple(range(7)))
        minutes = int(count or 1) * {"minute": 1, "hour": 60, "day": 24 * 60}[unit]
        if minutes:
            return Phrase(minutes=minutes)
    if found := _AT.fullmatch(words):
        day, hour, minute = found.groups()
        days = {"daily": tuple(range(7)), "weekdays": tuple(range(5))}.get(day)
        return Phrase(at=_time(hour, minute), weekdays=days or (WEEKDAYS.index(day),))
    raise ValueError(ACCEPTED)


def _time(hour: str, minute: str) -> time:
    try:
        return time(int(hour), int(minute))
    except ValueError:
        raise ValueError(ACCEPTED) from None
