"""The schedule: each job at its phrase, in the portfolio's time zone, one at a time."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import schedule

from config import phrases


def plan_jobs(jobs: dict[str, tuple[str, Callable[[], None]]], zone: ZoneInfo) -> schedule.Scheduler:
    """A scheduler with each job (name to phrase and what to do). A job that is late runs once, not once per miss."""
    scheduler = schedule.Scheduler()
    for name, (text, act) in jobs.items():
        phrase = phrases.parse(text)
        if phrase.minutes is not None:
            scheduler.every(phrase.minutes).minutes.do(act).tag(name)
        elif phrase.at is not None:
            for weekday in phrase.weekdays:
                day = getattr(scheduler.every(), phrases.WEEKDAYS[weekday])
                day.at(phrase.at.strftime("%H:%M"), str(zone)).do(act).tag(name)
    return scheduler
