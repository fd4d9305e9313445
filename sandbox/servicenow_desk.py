"""The invented city's tickets in ServiceNow, each with the clock of its service-level agreement."""

from collections.abc import Mapping

from sandbox.city import Person, Ticket
from sandbox.servicenow_tables import Tables, stamp, sys_id

RESOLUTION = sys_id("sla", "resolution")
"""The agreement that every ticket with a due time is under."""

_TICKET_TABLES = {
    "incident": "incident",
    "service_request": "sc_req_item",
    "demand": "dmn_demand",
    "change": "change_request",
    "problem": "problem",
}
_TICKET_STATES: Mapping[str, Mapping[str, str]] = {
    "incident": {
        "new": "1",
        "in_progress": "2",
        "on_hold": "3",
        "resolved": "6",
        "closed": "7",
        "cancelled": "8",
    },
    "sc_req_item": {
        "new": "1",
        "in_progress": "2",
        "on_hold": "-5",
        "resolved": "3",
        "closed": "3",
        "cancelled": "4",
    },
    "dmn_demand": {
        "new": "2",
        "in_progress": "3",
        "on_hold": "7",
        "resolved": "5",
        "closed": "6",
        "cancelled": "7",
    },
    "change_request": {
        "new": "-5",
        "in_progress": "-1",
        "on_hold": "-3",
        "resolved": "0",
        "closed": "3",
        "cancelled": "4",
    },
    "problem": {
        "new": "101",
        "in_progress": "104",
        "on_hold": "103",
        "resolved": "106",
        "closed": "107",
        "cancelled": "107",
    },
}


def load_ticket(tables: Tables, ticket: Ticket) -> None:
    """Puts a ticket and its clock in."""
    table = _TICKET_TABLES[ticket.type]
    id_ = sys_id("ticket", ticket.number)
    active = ticket.state not in ("resolved", "closed", "cancelled")
    row = {
        "sys_id": id_,
        "number": ticket.number,
        "short_description": ticket.title,
        "u_project_key": ticket.project or "",
        "priority": str(ticket.priority),
        "impact": str(ticket.impact),
        "urgency": str(ticket.urgency),
        "state": _TICKET_STATES[table][ticket.state],
        "active": flag(on=active),
        "opened_at": stamp(ticket.opened_at),
        "made_sla": flag(on=not ticket.breached),
        "escalation": str(ticket.escalation),
        "assignment_group": sys_id("group", ticket.assignment_group),
        "assigned_to": person_id(ticket.assignee) if ticket.assignee else "",
        "opened_by": person_id(ticket.caller),
        "closed_at": stamp(ticket.closed_at),
        "cmdb_ci": service_id(ticket.service),
        "business_service": service_id(ticket.service),
        "sys_created_on": stamp(ticket.opened_at),
        "sys_updated_on": stamp(ticket.updated_at),
    }
    if table in ("incident", "problem"):
        row["resolved_at"] = stamp(ticket.resolved_at)
    elif table == "change_request":
        row["work_end"] = stamp(ticket.resolved_at)
    else:
        row["closed_at"] = stamp(ticket.closed_at or ticket.resolved_at)
    if table == "incident":
        row |= {
            "caller_id": person_id(ticket.caller),
            "hold_reason": "1" if ticket.state == "on_hold" else "",
            "reopen_count": str(ticket.reopened),
        }
    tables.load(table, row)
    if ticket.due_at is not None:
        tables.load(
            "task_sla",
            {
                "sys_id": sys_id("sla", ticket.number),
                "task": id_,
                "sla": RESOLUTION,
                "stage": "in_progress" if active else "completed",
                "has_breached": flag(on=ticket.breached),
                "active": flag(on=active),
                "start_time": stamp(ticket.opened_at),
                "planned_end_time": stamp(ticket.due_at),
                "end_time": stamp(ticket.resolved_at or ticket.closed_at),
                "sys_created_on": stamp(ticket.opened_at),
                "sys_updated_on": stamp(ticket.updated_at),
            },
        )


def person_id(person: Person) -> str:
    """The sys_id of a person."""
    return sys_id("person", person.id)


def service_id(name: str) -> str:
    """The sys_id of a service."""
    return sys_id("service", name)


def flag(*, on: bool) -> str:
    """A flag as it is stored."""
    return "true" if on else "false"
