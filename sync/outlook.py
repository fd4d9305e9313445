"""What lies ahead, from the store: capacity with the declared scenarios, and what the ranking is made by."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Connection

from config.planning import Scenario
from config.settings import Settings
from portfolio.capacity import capacity
from portfolio.staffing import Staffing, month_of, moved, staffing
from portfolio.store import desk, gather, manual
from portfolio.ticket_demand import MONTHS, TicketDemand, ticket_demand
from portfolio.whatif import whatif

Project = Mapping[str, Any]


def capacity_of(
    db: Connection, settings: Settings, projects: Sequence[Project], today: date
) -> dict[str, Any]:
    """The section `capacity` of the report document, with every declared scenario."""
    rows, demand = _allocations(db, settings), demand_of(db, settings, today)
    return {
        **capacity(rows, today=today, demand=demand),
        "scenarios": scenarios_of(
            staffing(rows, demand.people), settings.portfolio.capacity.scenarios, projects, today
        ),
    }


def staffing_of(db: Connection, settings: Settings, today: date) -> Staffing:
    """Who is planned on what, with what tickets take, as the store knows it now."""
    return staffing(_allocations(db, settings), demand_of(db, settings, today).people)


def scenarios_of(
    plan: Staffing, scenarios: Mapping[str, Scenario], projects: Sequence[Project], today: date
) -> list[dict[str, Any]]:
    """Before and after of each scenario, in the order in which they are declared."""
    return [whatif(name, each, plan, projects, today=today) for name, each in scenarios.items()]


def demand_of(db: Connection, settings: Settings, today: date) -> TicketDemand:
    """What unplanned tickets take a month."""
    zone = settings.portfolio.zone
    first = date.fromisoformat(f"{moved(month_of(today), -MONTHS)}-01")
    tickets = desk.opened_since(db, datetime.combine(first, time(), zone))
    return ticket_demand(tickets, settings.portfolio.capacity, today, zone, _names(settings))


def priority_of(db: Connection, settings: Settings) -> dict[str, Any]:
    """What the ranking of a report is made by: the declared criteria and the last review."""
    terms = settings.portfolio.priority
    if not terms.criteria:
        return {}
    return {"terms": terms.model_dump(mode="json"), "review": manual.last_review(db)}


def _allocations(db: Connection, settings: Settings) -> list[dict[str, Any]]:
    """The allocations, each person under the one name that `people` gives them."""
    names = _names(settings)
    return [
        {**row, "person": names.get((row["person"] or "").casefold(), row["person"])}
        for row in gather.allocations(db)
    ]


def _names(settings: Settings) -> dict[str, str]:
    return {
        identity.casefold(): name
        for name, places in settings.people.items()
        for identities in places.values()
        for identity in identities
    }
