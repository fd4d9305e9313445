"""What each connection's rows are worth now: when they were read, how many they are, whether they are stale."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio.store import records, runs
from portfolio.store.types import instant_text

CLOCK_STEP = timedelta(minutes=5)
"""A read that lies further ahead than this was stamped by a clock that has been set back since: its age is not known."""


def sources(
    db: Connection, settings: Settings, now: datetime, counted: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """The state of each connection: when it was read, how old that is, whether it is stale.

    `counted` are numbers of records that are known; the others are counted.
    """
    known, held = runs.connections(db), runs.quarantine_counts(db)
    counts = dict(counted or {})
    counts |= records.counts(db, [name for name in settings.connections if name not in counts])
    found = []
    for name, connection in settings.connections.items():
        row = known.get(name)
        read_at = row.read_at if row else None
        age = None if read_at is None else max(0, int((now - read_at).total_seconds()))
        failed = row is not None and row.state == "failed"
        ahead = read_at is not None and read_at - now > CLOCK_STEP
        late = age is None or ahead or age > settings.safety_of(name).stale_after.total_seconds()
        found.append(
            {
                "connection": name,
                "tool": connection.tool,
                "state": _state(row, failed=failed, late=late),
                "read_at": None if read_at is None else instant_text(read_at),
                "age_seconds": age,
                "records": counts.get(name, 0),
                "complete": not failed and read_at is not None,
                "stale": failed or late,
                "expired": late,
                "error": row.error if row else None,
                "quarantined": held.get(name, 0),
            }
        )
    return found


def _state(row: Any, *, failed: bool, late: bool) -> str:
    if failed:
        return "failed"
    if row is not None and row.state == "held":
        return "held"
    return "stale" if late else "ok"
