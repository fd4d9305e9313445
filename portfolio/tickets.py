"""Ticket ageing and service-level clocks at an instant."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from portfolio.facts import Source, Ticket

OPEN = ("new", "in_progress", "on_hold")
SETTLED = ("resolved", "closed")
_LIMITS = ((1, "0-1d"), (7, "1-7d"), (30, "7-30d"))
_OLDEST = "30d+"
AGES = (*(name for _, name in _LIMITS), _OLDEST)
"""The ageing classes of open tickets; a ticket of exactly seven days is in `7-30d`."""


@dataclass(frozen=True, slots=True)
class TicketClock:
    """Where a ticket's clock stands; None is unknown.

    `share` is `elapsed / allowed`, 1 at the due instant. `due_at` None beside a known `allowed`: on hold, the clock stands still.
    `escalate_to` is the highest level of the chain that is reached by an open ticket. `moves_at` is the next instant at
    which time alone breaches it or calls the next level.
    """

    allowed: timedelta | None = None
    elapsed: timedelta | None = None
    due_at: datetime | None = None
    breached: bool | None = None
    escalate_to: str | None = None
    moves_at: datetime | None = None
    because: str = "Neither the tool nor a target says when it is due."

    @property
    def share(self) -> Decimal | None:
        """The part of its time that is used up."""
        if self.elapsed is None or not self.allowed:
            return None
        return Decimal(str(self.elapsed / self.allowed))


@dataclass(frozen=True, slots=True)
class TicketCounts:
    """Tickets at an instant.

    `clocked` are open tickets whose breach is known, `breached` those past their clock. `by_escalation` counts
    the tool's own words, `by_level` who has to be called by our chain. `reopened` counts tickets that came back.
    """

    open: int = 0
    breached: int = 0
    clocked: int = 0
    by_priority: dict[str, int] = field(default_factory=dict)
    by_type: dict[str, int] = field(default_factory=dict)
    by_age: dict[str, int] = field(default_factory=dict)
    by_escalation: dict[str, int] = field(default_factory=dict)
    by_level: dict[str, int] = field(default_factory=dict)
    on_hold: int = 0
    reopened: int = 0
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


def count(clocked: Sequence[tuple[Ticket, TicketClock]], now: datetime) -> TicketCounts:
    """Counts over the open tickets, each given with its clock; `reopened` counts all."""
    standing = [ticket for ticket, _ in clocked if is_open(ticket)]
    clocks = [(ticket, clock.breached) for ticket, clock in clocked if is_open(ticket)]
    levels = [clock.escalate_to for ticket, clock in clocked if is_open(ticket) and clock.escalate_to]
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
        by_level=_counted(levels),
        on_hold=sum(1 for ticket in standing if ticket.state_category == "on_hold"),
        reopened=sum(1 for ticket, _ in clocked if ticket.reopened),
        oldest_days=max((each.days for each in ages), default=None),
        breached_sources=tuple(ticket.source for ticket in late),
    )


def age_class(length: timedelta) -> str:
    """The ageing class of a length of time."""
    return next((name for limit, name in _LIMITS if length < timedelta(days=limit)), _OLDEST)


def _counted(words: Iterable[str | None]) -> dict[str, int]:
    return dict(sorted(Counter(word or "none" for word in words).items()))
