"""Runs, the state of each connection, alarms, and quarantine."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from portfolio.store import bulk
from portfolio.store.bulk import upsert
from portfolio.store.records import batches
from portfolio.store.tables import alarm, connection, quarantine, run


def start(db: Connection, run_id: str, command: str, at: datetime) -> None:
    """Notes that a run began."""
    number = select(func.coalesce(func.max(run.c.number), 0) + 1).scalar_subquery()
    db.execute(insert(run).values(id=run_id, number=number, command=command, started_at=at))


def finish(db: Connection, run_id: str, outcome: str, counts: Mapping[str, Any], at: datetime) -> None:
    """Notes how a run ended: `done`, `findings`, `held`, `failed` or `interrupted`, with its counts."""
    db.execute(
        update(run).where(run.c.id == run_id).values(outcome=outcome, counts=dict(counts), finished_at=at)
    )


def recent(db: Connection, limit: int = 10) -> list[dict[str, Any]]:
    """The newest runs, newest first."""
    rows = db.execute(
        select(run).order_by(run.c.started_at.desc(), run.c.number.desc()).limit(limit)
    ).mappings()
    return [dict(row) for row in rows]


def note_connection(db: Connection, name: str, tool: str, **values: Any) -> None:
    """Keeps what is known of a connection: `tenant`, `address`, `state`, `error`, `fix`, `tried_at`, `read_at`, `budget`."""
    upsert(db, connection, [{"name": name, "tool": tool, **values}], ("name",))


def connections(db: Connection) -> dict[str, Any]:
    """The stored state per connection."""
    return {row.name: row for row in db.execute(select(connection))}


def raise_alarm(db: Connection, name: str, kind: str, text: str, at: datetime) -> None:
    """Raises an alarm; one that stands keeps the instant since when."""
    standing = db.execute(
        select(alarm.c.since).where(alarm.c.connection == name, alarm.c.kind == kind)
    ).scalar()
    upsert(
        db,
        alarm,
        [{"connection": name, "kind": kind, "text": text, "since": standing or at}],
        ("connection", "kind"),
    )


BRAKED = "braked"
"""The alarm of a connection whose writes a cap holds."""


def clear_alarm(db: Connection, name: str, kind: str) -> None:
    """Ends an alarm."""
    db.execute(delete(alarm).where(alarm.c.connection == name, alarm.c.kind == kind))


def alarms(db: Connection) -> list[dict[str, Any]]:
    """The standing alarms."""
    rows = db.execute(select(alarm).order_by(alarm.c.since, alarm.c.connection, alarm.c.kind)).mappings()
    return [dict(row) for row in rows]


def hold_back(
    db: Connection, entries: Iterable[Mapping[str, Any]], *, of_write: bool, at: datetime, run_id: str
) -> None:
    """Puts bad values in quarantine, one entry per record and field; an entry that stands keeps its `since`.

    An entry: connection, kind, external_id, external_key, field, value, reason, fix. A value that its owner dropped stays
    dropped until it changes.
    """
    for entry in entries:
        same = db.execute(
            select(quarantine).where(
                quarantine.c.connection == entry["connection"],
                quarantine.c.kind == entry["kind"],
                quarantine.c.external_id == entry["external_id"],
                quarantine.c.field == (entry["field"] or ""),
                quarantine.c.write.is_(of_write),
            )
        ).one_or_none()
        values = {**entry, "field": entry["field"] or ""}
        if same is None:
            db.execute(insert(quarantine).values(**values, since=at, run_id=run_id, write=of_write))
        elif (same.value, same.reason) != (entry["value"], entry["reason"]):
            db.execute(
                update(quarantine)
                .where(quarantine.c.id == same.id)
                .values(**values, run_id=run_id, dropped_at=None, dropped_why=None)
            )


def release(
    db: Connection,
    name: str,
    kind: str,
    ids: Iterable[str],
    *,
    of_write: bool,
    but: Collection[Mapping[str, Any]] = (),
) -> None:
    """Ends the quarantine of records that were translated or written anew, except for the entries that come again."""
    again = {(entry["external_id"], entry["field"] or "") for entry in but}
    where = {"connection": name, "kind": kind, "write": of_write}
    held = bulk.found(db, quarantine, "id, external_id, field", where, "external_id", sorted(ids))
    ended = [number for number, id_, field in held if (id_, field) not in again]
    for some in batches(ended):
        db.execute(delete(quarantine).where(quarantine.c.id.in_(some)))


def release_writes(db: Connection, names: Collection[str], *, but: Collection[tuple[str, str]]) -> None:
    """Ends the quarantine of writes to these connections whose (connection, record) is not among `but`."""
    for row in db.execute(select(quarantine).where(quarantine.c.write.is_(True))).all():
        if row.connection in names and (row.connection, row.external_id) not in but:
            db.execute(delete(quarantine).where(quarantine.c.id == row.id))


def quarantined(db: Connection, number: int | None = None) -> list[dict[str, Any]]:
    """What stands in quarantine (not dropped), or the one entry of that id whatever its state."""
    statement = select(quarantine).order_by(quarantine.c.id)
    statement = (
        statement.where(quarantine.c.dropped_at.is_(None))
        if number is None
        else statement.where(quarantine.c.id == number)
    )
    return [dict(row) for row in db.execute(statement).mappings()]


def quarantined_ids(db: Connection, name: str, kind: str) -> set[str]:
    """Ids of a kind's records with an entry in quarantine, dropped or not."""
    return set(
        db.scalars(
            select(quarantine.c.external_id).where(
                quarantine.c.connection == name, quarantine.c.kind == kind, quarantine.c.write.is_(False)
            )
        )
    )


def quarantine_counts(db: Connection) -> dict[str, int]:
    """Standing quarantine entries per connection."""
    rows = db.execute(
        select(quarantine.c.connection, func.count())
        .where(quarantine.c.dropped_at.is_(None))
        .group_by(quarantine.c.connection)
    )
    return {row[0]: row[1] for row in rows}


def drop(db: Connection, number: int, why: str, at: datetime) -> bool:
    """Drops a quarantine entry with its reason; False where there is none standing."""
    dropped = db.execute(
        update(quarantine)
        .where(quarantine.c.id == number, quarantine.c.dropped_at.is_(None))
        .values(dropped_at=at, dropped_why=why)
    )
    return dropped.rowcount == 1
