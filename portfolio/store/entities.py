"""Normalized rows: upserted in sets, with one history row per field that changed."""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from portfolio.model import Row
from portfolio.store import bulk, touched
from portfolio.store.history import changes, delete
from portfolio.store.records import batches
from portfolio.store.tables import PULLED, RECORD_KEY, entity_tables, history

LINKED = ("project_key", "project_keys")
"""Set by linking alone."""


def _before(db: Connection, entity: str, rows: Sequence[Row]) -> dict[tuple[str, ...], Any]:
    table = entity_tables[entity]
    found = {}
    for some in batches(rows):
        groups: dict[tuple[str, str], list[str]] = {}
        for row in some:
            groups.setdefault((row["connection"], row["kind"]), []).append(row["external_id"])
        match = or_(
            *(
                and_(table.c.connection == name, table.c.kind == kind, table.c.external_id.in_(ids))
                for (name, kind), ids in groups.items()
            )
        )
        for row in db.execute(select(table).where(match)).mappings():
            found[tuple(row[name] for name in RECORD_KEY)] = row
    return found


def write(
    db: Connection,
    entity: str,
    rows: Sequence[Row],
    *,
    at: datetime,
    run_id: str,
    stored: Container[str] | None = None,
) -> None:
    """Upserts rows of one entity. Each row carries the record key; absent keys become null, links are kept.

    `stored` are the ids of those that may have a row already (None: all).
    """
    if not rows:
        return
    table = entity_tables[entity]
    before = _before(db, entity, [row for row in rows if stored is None or row["external_id"] in stored])
    same = {"first_seen_at": at, "last_seen_at": at, **{name: None for name in LINKED if name in table.c}}
    columns = [column.name for column in table.c if column.name not in same]
    new: list[Row] = []
    known: list[Row] = []
    past: list[Row] = []
    for row in rows:
        old = before.get((row["connection"], row["kind"], row["external_id"]))
        if old is None:
            new.append(row)
        else:
            known.append(row)
            past += changes(entity, old, row, at, run_id)
    bulk.insert(db, table, new, columns=columns, same=same)
    bulk.upsert(db, table, known, RECORD_KEY, columns=columns, same=same, once=("first_seen_at", *LINKED))
    bulk.insert(db, history, past)
    touched.records(db, rows)


def forget(
    db: Connection, connection: str, kind: str, ids: Sequence[str], *, but: str, at: datetime, run_id: str
) -> None:
    """Marks rows deleted that these records filled in other entities than `but` (their mapping changed)."""
    for name in PULLED:
        if name == but:
            continue
        table = entity_tables[name]
        for some in batches(ids):
            delete(
                db,
                name,
                table.c.connection == connection,
                table.c.kind == kind,
                table.c.external_id.in_(some),
                at=at,
                run_id=run_id,
            )


def read_all(db: Connection, entity: str) -> Iterator[Mapping[str, Any]]:
    """Every row of an entity in a stable order, deleted ones too."""
    table = entity_tables[entity]
    for row in db.execute(select(table).order_by(*(table.c[name] for name in RECORD_KEY))).mappings():
        yield dict(row)
