"""From a stored snapshot to the report document."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio.store import manual, runs, snapshots
from reports.data import Document, SnapshotData, build


class NoSnapshot(LookupError):
    """Nothing was assessed yet, or nothing that old is known."""


def document(db: Connection, settings: Settings, *, until: datetime | None = None) -> Document:
    """The report document of the newest snapshot (taken at or before `until`). Raises NoSnapshot."""
    snapshot = snapshots.newest(db, until=until)
    if snapshot is None:
        when = f" at {until.isoformat()}" if until else ""
        raise NoSnapshot(f"there is no snapshot{when}: run `portico sync` first")
    judged = snapshots.judgements(db, snapshot.number)
    exceptions = [each for one in judged.values() for each in one.outcome["exceptions"]]
    built = build(
        SnapshotData(
            id=snapshot.id,
            taken_at=snapshot.taken_at,
            as_of=snapshot.as_of,
            known_at=until or snapshot.taken_at,
            complete=snapshot.complete,
            portfolio={"name": settings.portfolio.name, "currency": settings.portfolio.currency},
            sources=snapshot.sources,
            projects=[one.body for one in judged.values()],
            trends=snapshots.trends(db, snapshot.number),
            exceptions=[*exceptions, *snapshot.portfolio["exceptions"]],
            capacity=snapshot.portfolio["capacity"],
            quarantine=quarantine(db),
        )
    )
    built["actions"] = [_action(each) for each in manual.actions(db)]
    return built


def quarantine(db: Connection) -> dict[str, Any]:
    """What stands in quarantine: counts of records and writes, per connection and kind."""
    entries = runs.quarantined(db)
    counted: dict[tuple[str, str], int] = {}
    for entry in entries:
        place = (entry["connection"], entry["kind"])
        counted[place] = counted.get(place, 0) + 1
    return {
        "records": sum(1 for entry in entries if not entry["write"]),
        "writes": sum(1 for entry in entries if entry["write"]),
        "by_connection": [
            {"connection": name, "kind": kind, "count": count}
            for (name, kind), count in sorted(counted.items())
        ],
    }


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    due = action["due_on"]
    return {
        "id": action["id"],
        "project": action["project_key"],
        "type": action["type"],
        "title": action["title"],
        "owner": action["owner"],
        "due_on": due.isoformat() if due else None,
        "state": action["state"],
        "outcome": action["outcome"],
    }
