"""Credentials that end: every token has a last day, few tools tell it, so the configuration does (`auth.expires`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from config.settings import Settings

WARNED_DAYS = 30
KIND = "credentials"
"""The alarm of a connection whose credentials end soon, or have ended."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The credentials of a connection end soon: when, since when that is told, and what to do."""

    connection: str
    ended: bool
    since: datetime
    text: str
    fix: str


def endings(settings: Settings, now: datetime) -> Iterator[Ending]:
    """The connections whose credentials end within 30 days, or have ended, on the portfolio's day of `now`."""
    zone = settings.portfolio.zone
    today = now.astimezone(zone).date()
    for name, connection in settings.connections.items():
        day: date | None = getattr(getattr(connection, "auth", None), "expires", None)
        if day is None or today < day - timedelta(days=WARNED_DAYS):
            continue
        left = (day - today).days
        told = (
            f"ended on {day}"
            if left < 0
            else f"end on {day}" + (" (today)" if left == 0 else f" ({left} days left)")
        )
        since = datetime.combine(day - timedelta(days=WARNED_DAYS), time(), zone)
        fix = "Issue new ones, put them where the configuration reads them, and move auth.expires."
        yield Ending(name, left < 0, since, f"The credentials of {name} {told}.", fix)
