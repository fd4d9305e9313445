"""How things stand: connections, runs, pending writes, quarantine, alarms."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from config.settings import Settings
from portfolio.store import runs
from portfolio.store.tables import scope, write
from portfolio.store.types import instant_text
from portfolio.store.writes import OPEN
from sync.assess import sources


def standing(db: Connection, settings: Settings, now: datetime) -> dict[str, Any]:
    """The JSON document of `portico status`."""
    shown = ("connection", "tool", "state", "read_at", "age_seconds", "records", "error")
    pending = db.execute(select(func.count()).select_from(write).where(write.c.state.in_(OPEN))).scalar()
    return {
        "connections": [{name: each[name] for name in shown} for each in sources(db, settings, now)],
        "runs": [
            {
                "run": each["id"],
                "command": each["command"],
                "started_at": instant_text(each["started_at"]),
                "finished_at": instant_text(each["finished_at"]) if each["finished_at"] else None,
                "outcome": each["outcome"],
                "counts": each["counts"],
            }
            for each in runs.recent(db)
        ],
        "cursors": [
            {
                "connection": row.connection,
                "kind": row.kind,
                "scope": row.scope,
                "read_at": instant_text(row.read_at) if row.read_at else None,
                "census_at": instant_text(row.census_at) if row.census_at else None,
                "complete": row.complete,
            }
            for row in db.execute(select(scope).order_by(scope.c.connection, scope.c.kind, scope.c.scope))
        ],
        "pending_writes": pending or 0,
        "quarantine": len(runs.quarantined(db)),
        "alarms": [{**each, "since": instant_text(each["since"])} for each in runs.alarms(db)],
    }
