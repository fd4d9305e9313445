"""The journal of writes (intent before effect) and the registry of what Portico last wrote where."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from portfolio.store.bulk import upsert
from portfolio.store.tables import ownership, write

OPEN = ("intended", "unknown")


def intend(
    db: Connection,
    *,
    run_id: str,
    connection: str,
    record: str,
    project_key: str | None,
    changes: list[dict[str, Any]],
    at: datetime,
) -> int:
    """Journals a patch before it is sent; returns its number."""
    result = db.execute(
        insert(write).values(
            run_id=run_id,
            connection=connection,
            record=record,
            project_key=project_key,
            changes=changes,
            state="intended",
            intended_at=at,
        )
    )
    key = result.inserted_primary_key
    return int(key[0]) if key else 0


def settle(db: Connection, number: int, state: str, at: datetime, error: str | None = None) -> None:
    """Notes what became of a patch: `applied`, `unknown`, `conflict` or `refused`."""
    db.execute(update(write).where(write.c.id == number).values(state=state, done_at=at, error=error))


def unsettled(db: Connection) -> list[Mapping[str, Any]]:
    """Writes without a known outcome, oldest first."""
    rows = db.execute(select(write).where(write.c.state.in_(OPEN)).order_by(write.c.id)).mappings()
    return [dict(row) for row in rows]


def remember(
    db: Connection,
    *,
    connection: str,
    record: str,
    field: str,
    value: Any,
    shown: Any,
    flips: int,
    run_id: str,
    at: datetime,
) -> None:
    """Keeps what Portico last wrote into a field, what the tool showed right after, and how often it was put back in a row."""
    row = {
        "connection": connection,
        "record": record,
        "field": field,
        "value": value,
        "shown": shown,
        "flips": flips,
        "written_at": at,
        "run_id": run_id,
    }
    upsert(db, ownership, [row], ("connection", "record", "field"))


def owned(db: Connection) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """(connection, record, field) to what was last written there: value, shown, flips, written_at."""
    rows = db.execute(select(ownership)).mappings()
    return {(row["connection"], row["record"], row["field"]): dict(row) for row in rows}
