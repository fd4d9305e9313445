"""The hours that unplanned tickets take: tickets a month times hours a ticket.

How many: the mean over the last three whole months of what was opened, by the person it was given to; months in which no
ticket at all was opened do not count (the tool does not go back that far). How long: the hours that the tool measured, if it
did for five finished tickets of the type in these months; else what the configuration declares; else it is unknown.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from config.planning import CapacityTerms
from portfolio.shown import number
from portfolio.staffing import month_of, moved

MONTHS = 3
LEAST_MEASURED = 5
"""Fewer measured tickets of a type say nothing about the next one."""

Ticket = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Effort:
    """The tickets of a type: how many a month, and the hours one takes (None: unknown) with where that comes from."""

    type: str
    per_month: Decimal
    hours: Decimal | None
    how: str


@dataclass(frozen=True, slots=True)
class TicketDemand:
    """What tickets will take a month: per type, and per person the part whose hours are known.

    `months` are those looked back on; `known` of `of` tickets in them have a known type of effort.
    """

    months: tuple[str, ...] = ()
    efforts: tuple[Effort, ...] = ()
    people: Mapping[str, Decimal] = field(default_factory=dict)
    known: int = 0
    of: int = 0

    @property
    def hours(self) -> Decimal | None:
        """Hours a month of all tickets whose effort is known; None where none is."""
        parts = [each.per_month * each.hours for each in self.efforts if each.hours is not None]
        return sum(parts, Decimal(0)) if parts else None


def ticket_demand(
    tickets: Iterable[Ticket],
    terms: CapacityTerms,
    today: date,
    zone: ZoneInfo,
    names: Mapping[str, str] | None = None,
) -> TicketDemand:
    """From rows of the `ticket` entity. `names` are the people by each of their identities, folded."""
    this = month_of(today)
    window = [moved(this, -back) for back in range(MONTHS, 0, -1)]
    opened = [
        (each, month_of(each["opened_at"].astimezone(zone).date()))
        for each in tickets
        if each["opened_at"] is not None
    ]
    recent = [(each, month) for each, month in opened if month in window]
    months = tuple(month for month in window if any(month == when for _, when in recent))
    if not months:
        return TicketDemand()
    rows = [each for each, _ in recent]
    counted = Counter(each["type"] or "unknown" for each in rows)
    efforts = tuple(_effort(kind, rows, terms, len(months)) for kind in sorted(counted))
    hours = {each.type: each.hours for each in efforts if each.hours is not None}
    people: dict[str, Decimal] = {}
    for each in rows:
        worth = hours.get(each["type"])
        if worth is not None and each["assignee"]:
            who = (names or {}).get(each["assignee"].casefold(), each["assignee"])
            people[who] = people.get(who, Decimal(0)) + worth / len(months)
    known = sum(counted[kind] for kind in hours)
    return TicketDemand(months, efforts, dict(sorted(people.items())), known, len(rows))


def _effort(kind: str, rows: Sequence[Ticket], terms: CapacityTerms, months: int) -> Effort:
    mine = [each for each in rows if (each["type"] or "unknown") == kind]
    measured = [
        each["spent_hours"]
        for each in mine
        if each["spent_hours"] is not None and (each["resolved_at"] or each["closed_at"]) is not None
    ]
    per_month = Decimal(len(mine)) / months
    if len(measured) >= LEAST_MEASURED:
        mean = sum(measured, Decimal(0)) / len(measured)
        return Effort(
            kind, per_month, mean, f"the mean of {len(measured)} finished tickets that were measured"
        )
    declared = next((hours for name, hours in terms.hours_per_ticket.items() if name == kind), None)
    if declared is not None:
        return Effort(kind, per_month, declared, "declared in portfolio.capacity.hours_per_ticket")
    return Effort(kind, per_month, None, "unknown: neither measured nor declared")


def shown(demand: TicketDemand) -> dict[str, Any]:
    """JSON-ready: `{months, hours_per_month, known, of, types}`."""
    return {
        "months": list(demand.months),
        "hours_per_month": number(demand.hours),
        "known": demand.known,
        "of": demand.of,
        "types": [
            {
                "type": each.type,
                "tickets_per_month": number(each.per_month),
                "hours_per_ticket": number(each.hours),
                "because": each.how,
            }
            for each in demand.efforts
        ],
    }
