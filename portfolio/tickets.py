"""Ticket ageing and service-level clocks at an instant."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from portfolio.facts import Source, Ticket

OPEN = ("new", "in_progress", "on_hold")
_LIMITS = ((1, "0-1d"), (7, "1-7d"), (30, "7-30d"))
_OLDEST = "30d+"
AGES = (*(name for _, name in _LIMITS), _OLDEST)
"""The ageing classes of open tickets; a ticket of exactly seven days is in `7-30d`."""


@dataclass(frozen=True, slots=True)
class TicketCounts:
    """Tickets at an instant.

    `clocked` are open tickets whose breach is known, `breached` those past their clock.
    """

    open: int = 0
    breached: int = 0
    clocked: int = 0
    by_priority: dict[str, int] = field(default_factory=dict)
    by_type: dict[str, int] = field(default_factory=dict)
    by_age: dict[str, int] = field(default_factory=dict)
    by_escalation: dict[str, int] = field(default_factory=dict)
    oldest_days: int | None = None
    breached_sources: tuple[Source, ...] = ()


def is_open(ticket: Ticket) -> bool:
    """True for a ticket that is neither resolved, closed nor cancelled."""
    return ticket.state_category in OPEN


def age(ticket: Ticket, now: datetime) -> timedelta | None:
    """How long the ticket has been open, or was until it was resolved."""
    if ticket.opened_at is None:
        return None
    return (now if is_open(ticket) else ticket.resolved_at or now) - ticket.opened_at


def is_breached(ticket: Ticket, now: datetime) -> bool | None:
    """Whether the clock was missed: the tool's own word, or else the due instant has passed.

    None where neither is known.
    """
    if ticket.breached:
        return True
    if ticket.due_at is not None:
        end = now if is_open(ticket) else ticket.resolved_at
        if end is not None:
            return end > ticket.due_at
    return ticket.breached


def count(tickets: Sequence[Ticket], now: datetime) -> TicketCounts:
    """Counts over the open tickets."""
    standing = [ticket for ticket in tickets if is_open(ticket)]
    clocks = [(ticket, is_breached(ticket, now)) for ticket in standing]
    late = [ticket for ticket, breached in clocks if breached]
    ages = [known for ticket in standing if (known := age(ticket, now)) is not None]
    return TicketCounts(
        open=len(standing),
        breached=len(late),
        clocked=sum(1 for _, breached in clocks if breached is not None),
        by_priority=_counted(ticket.priority for ticket in standing),
        by_type=_counted(ticket.type for ticket in standing),
        by_age=_counted(age_class(each) for each in ages),
        by_escalation=_counted(ticket.escalation for ticket in standing if ticket.escalation),
        oldest_days=max((each.days for each in ages), default=None),
        breached_sources=tuple(ticket.source for ticket in late),
    )


def age_class(length: timedelta) -> str:
    """The ageing class of a length of time."""
    return next((name for limit, name in _LIMITS if length < timedelta(days=limit)), _OLDEST)


def _counted(words: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(word or "none" for word in words).items()))
