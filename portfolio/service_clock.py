"""The clock of one ticket: how much of its time is used up, when it is due, who has to be called.

The tool's own due instant counts where it tells one. Otherwise the first target of `portfolio.service.targets` that fits does:
its time runs in the hours of its calendar, and stands still while the ticket is on hold (unless `pause_on_hold` is off). A hold
counts from the instant since which its state is known to be on hold.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from config.judging import WEEKDAYS, Hours, ServiceTerms, Target
from portfolio.business_time import Calendar
from portfolio.facts import Ticket
from portfolio.tickets import OPEN, SETTLED, TicketClock, is_open

Span = tuple[datetime, datetime | None]


def clock(ticket: Ticket, now: datetime, terms: ServiceTerms, zone: ZoneInfo) -> TicketClock:
    """The ticket's clock at an instant. `zone` is the portfolio's, for calendars without one of their own."""
    target = next((each for each in terms.targets if fits(each, ticket)), None)
    end = now if is_open(ticket) else ticket.resolved_at
    if end is None:
        because = "It is unknown when it was resolved."
        return TicketClock(due_at=ticket.due_at, breached=ticket.breached, because=because)
    if ticket.due_at is not None:
        opened, due = ticket.opened_at or ticket.due_at, ticket.due_at
        told = _escalated(_by_tool(ticket, due, end), ticket, terms)
        return _moving(told, ticket, now, terms, lambda share: opened + (due - opened) * float(share))
    if target is None or ticket.opened_at is None:
        return TicketClock(breached=ticket.breached)
    hours = calendar(terms.calendars[target.calendar], zone) if target.calendar else Calendar(zone)
    spans = list(running(ticket.opened_at, ticket.on_hold if terms.pause_on_hold else ()))
    counted = _escalated(_by_target(ticket, end, target, hours, spans), ticket, terms)
    resolve = target.resolve
    return _moving(counted, ticket, now, terms, lambda share: _due(hours, spans, resolve * float(share)))


def fits(target: Target, ticket: Ticket) -> bool:
    """The target is meant for tickets of this type and priority."""
    if target.type is not None and target.type != ticket.type:
        return False
    wanted = {each.casefold() for each in target.priority}
    return not wanted or (ticket.priority or "").casefold() in wanted


def _by_tool(ticket: Ticket, due: datetime, end: datetime) -> TicketClock:
    opened = ticket.opened_at
    return TicketClock(
        allowed=None if opened is None else max(due - opened, timedelta(0)),
        elapsed=None if opened is None else max(end - opened, timedelta(0)),
        due_at=due,
        breached=bool(ticket.breached) or end > due,
        because=f"The tool says that it is due at {_shown(due)}.",
    )


def _by_target(
    ticket: Ticket, end: datetime, target: Target, hours: Calendar, spans: Sequence[Span]
) -> TicketClock:
    elapsed = sum((hours.between(begin, min(stop or end, end)) for begin, stop in spans), timedelta(0))
    due = _due(hours, spans, target.resolve)
    breached = bool(ticket.breached) or elapsed > target.resolve
    counted = f"in the hours of {target.calendar}" if target.calendar else "around the clock"
    paused = "" if due is not None else " It is on hold, so its clock stands still."
    because = f"The target is {_hours(target.resolve)} {counted}; {_hours(elapsed)} are used up.{paused}"
    return TicketClock(target.resolve, elapsed, due, breached, because=because)


def _escalated(found: TicketClock, ticket: Ticket, terms: ServiceTerms) -> TicketClock:
    share = found.share
    if share is None or not is_open(ticket):
        return found
    reached = [each for each in sorted(terms.escalation, key=lambda each: each.at) if share >= each.at]
    level = reached[-1].to if reached else None
    return replace(found, escalate_to=level)


def _moving(
    found: TicketClock,
    ticket: Ticket,
    now: datetime,
    terms: ServiceTerms,
    at: Callable[[Decimal], datetime | None],
) -> TicketClock:
    """The clock with the next instant, after the whole second, at which a share of its time that means something is used up."""
    if not is_open(ticket):
        return found
    instants = [at(share) for share in {Decimal(1), *(each.at for each in terms.escalation)}]
    after = [each.replace(microsecond=0) + timedelta(seconds=1) for each in instants if each is not None]
    return replace(found, moves_at=min((each for each in after if each > now), default=None))


def running(opened: datetime, holds: Sequence[Span]) -> Iterator[Span]:
    """The spans in which the clock runs since `opened`, between the holds; the last one is open unless a hold goes on."""
    begin: datetime = opened
    for held, released in sorted(holds, key=lambda span: span[0]):
        if held > begin:
            yield begin, held
        if released is None:
            return
        begin = max(begin, released)
    yield begin, None


def holds(
    first_seen_at: datetime, first_state: str | None, changes: Iterable[tuple[datetime, str | None]]
) -> tuple[tuple[Span, ...], int]:
    """The spans on hold, and how often it was reopened, from the first known state and the changes since, oldest first."""
    spans: list[Span] = []
    reopened = 0
    since, state = first_seen_at, first_state
    for at, after in changes:
        if state == "on_hold":
            spans.append((since, at))
        reopened += state in SETTLED and after in OPEN
        since, state = at, after
    if state == "on_hold":
        spans.append((since, None))
    return tuple(spans), reopened


def _due(hours: Calendar, spans: Sequence[Span], allowed: timedelta) -> datetime | None:
    rest = allowed
    for begin, stop in spans:
        if stop is None:
            return hours.after(begin, rest)
        counted = hours.between(begin, stop)
        if counted >= rest:
            return hours.after(begin, rest)
        rest -= counted
    return None


@cache
def calendar(hours: Hours, zone: ZoneInfo) -> Calendar:
    """The calendar that the configuration declares."""
    own = ZoneInfo(hours.timezone) if hours.timezone else zone
    day = (time.fromisoformat(hours.begin), time.fromisoformat(hours.end))
    return Calendar(own, {WEEKDAYS.index(each): day for each in hours.days}, frozenset(hours.holidays))


def _hours(length: timedelta) -> str:
    return f"{length.total_seconds() / 3600:.4g} h"


def _shown(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%d %H:%M %Z")
