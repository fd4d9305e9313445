"""The facts about tickets: each with the spans in which it was seen on hold, and how often it came back.

A tool that counts its reopenings knows of those before the first read; what reads have seen counts where it tells fewer.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select

from portfolio import facts
from portfolio.service_clock import holds
from portfolio.store.live import Keys, live, rows, source_of, stands
from portfolio.store.tables import RECORD_KEY, entity_tables, history
from portfolio.tickets import OPEN

Change = tuple[datetime, str | None, str | None]


def tickets(db: Connection, keys: Keys = None) -> dict[str, tuple[facts.Ticket, ...]]:
    """The tickets of these projects."""
    changes = _changes(db, keys)
    found: dict[str, list[facts.Ticket]] = defaultdict(list)
    for row in rows(db, "ticket", keys):
        found[row.project_key].append(_ticket(row, changes))
    return {key: tuple(some) for key, some in found.items()}


def unlinked(db: Connection) -> list[facts.Ticket]:
    """The open tickets that belong to no project."""
    table, changes = entity_tables["ticket"], _changes(db, None)
    statement = select(table).where(
        stands(table), table.c.project_key.is_(None), table.c.state_category.in_(OPEN)
    )
    ordered = statement.order_by(table.c.opened_at, table.c.connection, table.c.external_id)
    return [_ticket(row, changes) for row in db.execute(ordered)]


def _changes(db: Connection, keys: Keys) -> dict[tuple[str, ...], list[Change]]:
    found: dict[tuple[str, ...], list[Change]] = defaultdict(list)
    told = select(history).where(history.c.entity == "ticket", history.c.field == "state_category")
    if keys is not None:
        ticket = entity_tables["ticket"]
        same = and_(*(history.c[name] == ticket.c[name] for name in RECORD_KEY))
        told = told.join(ticket, same).where(live("ticket", keys))
    for row in db.execute(told.order_by(history.c.valid_at, history.c.id)):
        key = tuple(getattr(row, name) for name in RECORD_KEY)
        found[key].append((row.valid_at, row.before, row.after))
    return found


def _ticket(row: Any, past: Mapping[tuple[str, ...], Sequence[Change]]) -> facts.Ticket:
    changes = past.get(tuple(getattr(row, name) for name in RECORD_KEY), ())
    first = changes[0][1] if changes else row.state_category
    on_hold, reopened = holds(row.first_seen_at, first, [(at, after) for at, _, after in changes])
    return facts.Ticket(
        number=row.number or row.external_key or row.external_id,
        type=row.type or "incident",
        title=row.title or "",
        priority=row.priority,
        state_category=row.state_category or "new",
        opened_at=row.opened_at,
        due_at=row.due_at,
        resolved_at=row.resolved_at,
        breached=row.breached,
        escalation=row.escalation,
        source=source_of(row),
        on_hold=on_hold,
        reopened=max(reopened, row.reopened or 0),
        closed_at=row.closed_at,
    )


def opened_since(db: Connection, since: datetime) -> list[dict[str, Any]]:
    """Every ticket opened since an instant, of a project or of none: what the demand of tickets is counted from."""
    ticket = entity_tables["ticket"]
    names = ("type", "assignee", "opened_at", "resolved_at", "closed_at", "spent_hours")
    found = db.execute(
        select(*(ticket.c[name] for name in names))
        .where(stands(ticket), ticket.c.opened_at >= since)
        .order_by(*(ticket.c[name] for name in RECORD_KEY))
    )
    return [dict(row) for row in found.mappings()]
