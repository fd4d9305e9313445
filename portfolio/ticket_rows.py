"""Tickets as the report document shows them, JSON-ready: those of a project, and those of the desk that belong to none."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from portfolio.facts import Source, Ticket
from portfolio.shown import instant, number
from portfolio.tickets import TicketClock, TicketCounts, age, is_open

_ON_THE_DESK = (
    "number",
    "type",
    "title",
    "priority",
    "state_category",
    "opened_at",
    "age_days",
    "breached",
    "escalate_to",
    "source",
)
"""What moves no faster than the figures beside it: a clock that runs on would make a snapshot of every run."""
OLDEST = 10
"""So many of the desk's oldest tickets are shown."""


def ticket(one: Ticket, clock: TicketClock, now: datetime) -> dict[str, Any]:
    """A ticket of a project with where its clock stands."""
    length = age(one, now)
    return {
        "number": one.number,
        "type": one.type,
        "title": one.title,
        "priority": one.priority,
        "state_category": one.state_category,
        "opened_at": instant(one.opened_at),
        "due_at": instant(clock.due_at),
        "resolved_at": instant(one.resolved_at),
        "closed_at": instant(one.closed_at),
        "breached": clock.breached,
        "age_days": length.days if is_open(one) and length is not None else None,
        "escalation": one.escalation,
        "escalate_to": clock.escalate_to,
        "clock_share": number(clock.share),
        "clock_because": clock.because,
        "reopened": one.reopened,
        "source": source_of(one.source),
    }


def desk(
    clocked: Sequence[tuple[Ticket, TicketClock]], counted: TicketCounts, now: datetime
) -> dict[str, Any]:
    """The tickets that belong to no project: their counts, and the oldest of them."""
    oldest = sorted(clocked, key=lambda each: (each[0].opened_at or now, each[0].number))[:OLDEST]
    shown = [ticket(each, clock, now) for each, clock in oldest]
    return {**counts(counted), "oldest": [{name: each[name] for name in _ON_THE_DESK} for each in shown]}


def counts(counted: TicketCounts) -> dict[str, Any]:
    """How many tickets there are, and of which kinds."""
    return {
        "open": counted.open,
        "breached": counted.breached,
        "by_priority": counted.by_priority,
        "by_type": counted.by_type,
        "by_age": counted.by_age,
        "by_escalation": counted.by_escalation,
        "by_level": counted.by_level,
        "on_hold": counted.on_hold,
        "reopened": counted.reopened,
        "oldest_days": counted.oldest_days,
    }


def source_of(source: Source) -> dict[str, Any]:
    """Where a record is to be found."""
    return {"connection": source.connection, "external_key": source.external_key, "url": source.url}
