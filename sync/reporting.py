"""From a stored snapshot to the report document."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio.changes import changes
from portfolio.store import manual, snapshots
from portfolio.store.snapshots import Judged
from reports.data import Document, SnapshotData, build
from sync import ledgers
from sync.assess import quarantine

JUDGED_OF_ACTIONS = (
    "opened_on",
    "opened_because",
    "closed_on",
    "figure",
    "effect",
    "effect_because",
    "recovered_on",
)


class NoSnapshot(LookupError):
    """Nothing was assessed yet, or nothing that old is known."""


def document(db: Connection, settings: Settings, *, until: datetime | None = None) -> Document:
    """The report document of the newest snapshot; with `until`, of the newest one known then, always the same bytes.

    Raises NoSnapshot.
    """
    snapshot = snapshots.newest(db, until=until)
    if snapshot is None:
        raise nothing_so_old(db, settings)
    kept = snapshot.portfolio
    if until is None:
        stated, held = snapshot.newest_sources or snapshot.sources, quarantine(db)
    else:
        stated, held = snapshot.sources, kept["quarantine"]
    judged = snapshots.judgements(db, snapshot.number)
    earlier = snapshots.last_reported(db, snapshot.as_of, number=snapshot.number)
    return build(
        SnapshotData(
            id=snapshot.id,
            taken_at=snapshot.taken_at,
            as_of=snapshot.as_of,
            known_at=until or snapshot.taken_at,
            complete=snapshot.complete,
            portfolio={"name": kept["name"], "currency": kept["currency"]},
            sources=stated,
            projects=[one.body for one in judged.values()],
            trends=snapshots.trends(db, snapshot.number, snapshot.as_of),
            exceptions=[
                *(each for one in judged.values() for each in one.outcome["exceptions"]),
                *kept["exceptions"],
            ],
            capacity=kept["capacity"],
            priority=kept.get("priority", {}),
            desk=kept.get("desk", {}),
            quarantine=held,
            actions=actions_of(db, judged, until=until),
            changes=changes_of(db, earlier, judged, kept["currency"]),
            changes_since=earlier.as_of if earlier else None,
            ledger=ledgers.section(
                db,
                settings,
                kept.get("ledger", {}),
                earlier.portfolio.get("ledger", {}) if earlier else {},
                live=until is None,
            ),
        )
    )


def changes_of(
    db: Connection, earlier: Any | None, judged: Mapping[str, Judged], currency: str
) -> dict[str, list[dict[str, Any]]]:
    """Per project what changed since an earlier snapshot; nothing where there is none."""
    if earlier is None:
        return {}
    before = snapshots.judgements(db, earlier.number)
    return {
        key: changes(before[key].body if key in before else None, one.body, currency)
        for key, one in judged.items()
        if key not in before or before[key].body != one.body
    }


def nothing_so_old(db: Connection, settings: Settings) -> NoSnapshot:
    """The refusal of an instant before all data: it tells the earliest day there is."""
    first = snapshots.earliest(db)
    if first is None:
        return NoSnapshot("there is no snapshot: run `portico sync` first")
    taken_at = first.taken_at.astimezone(settings.portfolio.zone)
    return NoSnapshot(
        f"nothing that old is known: the earliest day is {first.as_of}, the first snapshot was taken at "
        f"{taken_at.isoformat(timespec='seconds')}"
    )


def actions_of(
    db: Connection, judged: Mapping[str, Judged], *, until: datetime | None = None
) -> list[dict[str, Any]]:
    """The actions as the document shows them, with what their judgement says of their effect."""
    effects = {each["id"]: each for one in judged.values() for each in one.body.get("actions", ())}
    return [_action(each, effects.get(each["id"], {})) for each in manual.actions(db, until=until)]


def _action(kept: Mapping[str, Any], judged: Mapping[str, Any]) -> dict[str, Any]:
    due = kept["due_on"]
    return {
        "id": kept["id"],
        "project": kept["project_key"],
        "type": kept["type"],
        "title": kept["title"],
        "owner": kept["owner"],
        "due_on": due.isoformat() if due else None,
        "state": kept["state"],
        "outcome": kept["outcome"],
        **{name: judged.get(name) for name in JUDGED_OF_ACTIONS},
    }
