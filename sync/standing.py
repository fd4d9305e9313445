"""How things stand: connections, runs, pending writes, quarantine, alarms."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from config.settings import Settings
from portfolio.store import runs
from portfolio.store.tables import scope, write
from portfolio.store.types import instant_text
from portfolio.store.writes import OPEN
from sync.expiry import KIND, endings
from sync.sources import sources


def standing(db: Connection, settings: Settings, now: datetime) -> dict[str, Any]:
    """The JSON document of `portico status`."""
    shown = ("connection", "tool", "state", "read_at", "age_seconds", "records", "error")
    pending = db.execute(select(func.count()).select_from(write).where(write.c.state.in_(OPEN))).scalar()
    alarms, recent = runs.alarms(db), runs.recent(db)
    braked = {each["connection"]: each["text"] for each in alarms if each["kind"] == runs.BRAKED}
    connections = [{name: each[name] for name in shown} for each in sources(db, settings, now)]
    known = runs.connections(db)
    for each in connections:
        each["budget"] = known[each["connection"]].budget if each["connection"] in known else None
        if each["connection"] in braked and each["state"] != "failed":
            each |= {"state": "held", "error": each["error"] or braked[each["connection"]]}
    return {
        "connections": connections,
        "runs": [
            {
                "run": each["id"],
                "command": each["command"],
                "started_at": instant_text(each["started_at"]),
                "finished_at": instant_text(each["finished_at"]) if each["finished_at"] else None,
                "outcome": each["outcome"],
                "counts": each["counts"],
            }
            for each in recent
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
        "pending_writes": (pending or 0) + _held_writes(recent),
        "quarantine": len(runs.quarantined(db)),
        "alarms": [
            {**each, "since": instant_text(each["since"])} for each in (*alarms, *_ending(settings, now))
        ],
    }


def _ending(settings: Settings, now: datetime) -> Iterator[Mapping[str, Any]]:
    for each in endings(settings, now):
        yield {
            "kind": KIND, "connection": each.connection, "text": f"{each.text} {each.fix}", "since": each.since,
        }  # fmt: skip


def _held_writes(recent: Iterable[Mapping[str, Any]]) -> int:
    """The planned writes that the last run which was to make them left to a person."""
    last = next((each for each in recent if each["command"] in {"sync", "apply"}), None)
    if last is None or last["outcome"] != "held":
        return 0
    return max(0, int(last["counts"]["planned"] - last["counts"]["written"]))
