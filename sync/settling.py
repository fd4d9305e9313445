"""What became of writes that an earlier run left open: it was killed, or no clear answer came.

The world tells. What the tool shows as intended was written, and is kept and audited as such; the rest is planned anew.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from portfolio.store import audit, writes
from portfolio.store.types import json_like
from sync.plan import Sight, same

WHO = "portico"
FOUND, UNCLEAR = "found as intended by a later run", "no later look found it"


def confirm(
    db: Connection, name: str, sights: Mapping[tuple[str, str], Sight], *, at: datetime, run_id: str
) -> None:
    """Settles as applied every open write to a connection whose values all show now."""
    for entry in writes.unsettled(db):
        sight = sights.get((name, entry["record"]))
        if entry["connection"] != name or sight is None or not _shows(sight, entry["changes"]):
            continue
        for change in entry["changes"]:
            writes.remember(
                db,
                connection=entry["connection"],
                record=entry["record"],
                field=change["field"],
                value=change["after"],
                shown=json_like(sight.values.get(change["field"])),
                flips=change.get("flips", 0),
                run_id=entry["run_id"],
                at=at,
            )
        writes.settle(db, entry["id"], "applied", at, FOUND)
        _audit(db, entry, "write", FOUND, at=at, run_id=run_id)


def give_up(db: Connection, connection: str, *, at: datetime, run_id: str) -> None:
    """Closes what is still open for a connection: the plan has just been made anew from what the tool shows."""
    for entry in writes.unsettled(db):
        if entry["connection"] == connection:
            writes.settle(db, entry["id"], "replanned", at, UNCLEAR)
            _audit(db, entry, "write_unclear", UNCLEAR, at=at, run_id=run_id)


def _shows(sight: Sight, changes: list[dict[str, Any]]) -> bool:
    return sight.exists and all(
        same(change["after"], sight.values.get(change["field"])) for change in changes
    )


def _audit(
    db: Connection, entry: Mapping[str, Any], what: str, answer: str, *, at: datetime, run_id: str
) -> None:
    audit.record(
        db,
        at=at,
        run_id=run_id,
        who=WHO,
        what=what,
        subject=f"{entry['connection']} {entry['record']}",
        detail={
            "connection": entry["connection"],
            "record": entry["record"],
            "changes": entry["changes"],
            "answer": answer,
            "intended_by": entry["run_id"],
        },
    )
