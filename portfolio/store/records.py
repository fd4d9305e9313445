"""Raw observations: every source record as its tool returned it, with its hash, and the cursors of each read."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, delete, func, select, update

from portfolio.store import bulk, history, tables, touched
from portfolio.store.tables import quarantine, source_record
from portfolio.store.tables import scope as scopes
from portfolio.store.types import Dumped, as_sent

BATCH = 400
EMPTY = Dumped("{}")
LEFT = -1
"""In the column `missing`: the record exists, and it is no longer in the scope in which it was read."""


class Observed(Protocol):
    """A source record as it crosses the seam (see `connectors.base.SourceRecord`)."""

    @property
    def id(self) -> str:
        """The immutable id."""
        ...

    @property
    def key(self) -> str | None:
        """The name people use."""
        ...

    @property
    def url(self) -> str | None:
        """Where to look at it."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """The record as the tool returned it."""
        ...

    @property
    def version(self) -> str | None:
        """The tool's concurrency mark."""
        ...

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        ...

    @property
    def updated_at(self) -> datetime | None:
        """When it was last changed."""
        ...

    @property
    def owned(self) -> Mapping[str, Any]:
        """Plain values of the fields that Portico writes."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """A read's identity: one kind of record within a scope of a connection."""

    connection: str
    kind: str
    scope: str


def batches(items: Sequence[Any], size: int = BATCH) -> Iterable[Sequence[Any]]:
    """Slices of at most `size`, for statements with a list of values."""
    return (items[start : start + size] for start in range(0, len(items), size))


Known = Mapping[str, tuple[str, str | None, str | None, datetime | None, bool]]
"""What is stored of records by id: content hash, version, owned values (JSON), instant of change, whether beyond doubt."""


def known(db: Connection, read: Read, ids: Sequence[str]) -> Known:
    """What is stored of the records with these ids."""
    rows = bulk.found(
        db,
        source_record,
        "external_id, hash, version, owned, source_updated_at, deleted_at IS NULL AND missing = 0",
        {"connection": read.connection, "kind": read.kind},
        "external_id",
        ids,
    )
    instant = bulk.instant
    return {
        id_: (hashed, version, owned, instant(at), sure) for id_, hashed, version, owned, at, sure in rows
    }


def observe(
    db: Connection, read: Read, records: Sequence[Observed], at: datetime, stored: Known | None = None
) -> list[Observed]:
    """Stores records as seen `at` and returns those that are new or whose content changed.

    A record whose hash is known costs a comparison; it is written only where its version or owned values moved, where
    its instant of change went back, or where it was thought missing. `stored` is what `known` said of these very records.
    """
    unique = {record.id: record for record in records}
    stored = known(db, read, list(unique)) if stored is None else stored
    changed, new, rows = [], [], []
    for id_, record in unique.items():
        body = as_sent(record.body)
        owned = Dumped(as_sent(record.owned), "utf-8") if record.owned else EMPTY
        hashed = hashlib.sha256(body).hexdigest()
        before = stored.get(id_)
        if before is None:
            changed.append(record)
            new.append(_row(record, hashed, body, owned))
            continue
        known_hash, version, known_owned, known_at, sure = before
        if known_hash != hashed or not sure:
            changed.append(record)
        elif (
            version == record.version
            and (known_owned or EMPTY) == owned
            and (known_at is None or record.updated_at is None or record.updated_at >= known_at)
        ):
            continue
        rows.append(_row(record, hashed, body, owned))
    same = {
        "connection": read.connection,
        "kind": read.kind,
        "scope": read.scope,
        "first_seen_at": at,
        "last_seen_at": at,
        "missing": 0,
        "deleted_at": None,
    }
    bulk.insert(db, source_record, new, same=same)
    bulk.upsert(db, source_record, rows, tables.RECORD_KEY, same=same, once=("first_seen_at",))
    return changed


def _row(record: Observed, hashed: str, body: bytes, owned: Dumped) -> dict[str, Any]:
    return {
        "external_id": record.id,
        "external_key": record.key,
        "url": record.url,
        "hash": hashed,
        "body": Dumped(body, "utf-8"),
        "version": record.version,
        "owned": owned,
        "source_created_at": record.created_at,
        "source_updated_at": record.updated_at,
    }


def show(
    db: Connection, connection: str, record: str, values: Mapping[str, Any], version: str | None, at: datetime
) -> None:
    """Keeps what a tool showed after a write, unless something newer was observed since."""
    columns = (source_record.c[name] for name in (*tables.RECORD_KEY, "owned"))
    rows = db.execute(
        select(*columns).where(
            source_record.c.connection == connection,
            (source_record.c.external_id == record) | (source_record.c.external_key == record),
            source_record.c.last_seen_at <= at,
        )
    ).all()
    for row in rows:
        db.execute(
            update(source_record)
            .where(*(source_record.c[name] == getattr(row, name) for name in tables.RECORD_KEY))
            .values(owned={**(row.owned or {}), **values}, version=version)
        )


def stored_ids(db: Connection, read: Read) -> set[str]:
    """Ids of the scope's records that are not deleted."""
    return set(db.scalars(select(source_record.c.external_id).where(*_within(read))))


def ids_of_kind(db: Connection, read: Read) -> set[str]:
    """Ids of all live records of the read's kind that are in a scope, whichever it is."""
    return set(
        db.scalars(
            select(source_record.c.external_id).where(
                source_record.c.connection == read.connection,
                source_record.c.kind == read.kind,
                source_record.c.deleted_at.is_(None),
                source_record.c.missing != LEFT,
            )
        )
    )


def newest(db: Connection, read: Read, limit: int) -> dict[str, datetime]:
    """The scope's last changed records: id to when the tool last changed it."""
    stamp = source_record.c.source_updated_at
    rows = db.execute(
        select(source_record.c.external_id, stamp)
        .where(*_within(read), stamp.is_not(None))
        .order_by(stamp.desc(), source_record.c.external_id)
        .limit(limit)
    )
    return {row[0]: row[1] for row in rows}


def missed_ids(db: Connection, read: Read) -> set[str]:
    """Ids that the last census of the scope did not hold."""
    return set(
        db.scalars(select(source_record.c.external_id).where(*_within(read), source_record.c.missing > 0))
    )


def note_census(db: Connection, read: Read, absent: Iterable[str]) -> None:
    """Notes which stored ids a complete census did not hold; all others of the scope are beyond doubt."""
    db.execute(update(source_record).where(*_within(read), source_record.c.missing > 0).values(missing=0))
    for some in batches(sorted(absent)):
        db.execute(
            update(source_record)
            .where(*_within(read), source_record.c.external_id.in_(some))
            .values(missing=1)
        )


def _within(read: Read) -> tuple[Any, ...]:
    return (
        source_record.c.connection == read.connection,
        source_record.c.kind == read.kind,
        source_record.c.scope == read.scope,
        source_record.c.deleted_at.is_(None),
        source_record.c.missing != LEFT,
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored record in the shape in which it was observed."""

    id: str
    key: str | None
    url: str | None
    body: Mapping[str, Any]
    version: str | None
    created_at: datetime | None
    updated_at: datetime | None
    owned: Mapping[str, Any]


def stored_batches(db: Connection, read: Read, ids: Iterable[str] | None = None) -> Iterator[list[Stored]]:
    """The scope's live records (or those of these ids) in batches, to translate them again."""
    for some in batches(sorted(stored_ids(db, read) if ids is None else set(ids))):
        rows = db.execute(select(source_record).where(*_within(read), source_record.c.external_id.in_(some)))
        yield [
            Stored(
                row.external_id,
                row.external_key,
                row.url,
                row.body,
                row.version,
                row.source_created_at,
                row.source_updated_at,
                row.owned or {},
            )
            for row in rows
        ]


def bury(db: Connection, read: Read, ids: Iterable[str], *, at: datetime, run_id: str) -> None:
    """Marks records and their entities as deleted at an instant; nothing is removed."""
    for some in batches(sorted(ids)):
        db.execute(
            update(source_record)
            .where(*_named(source_record, read, some), source_record.c.deleted_at.is_(None))
            .values(deleted_at=at)
        )
        touched.ids(db, read.connection, read.kind, some)
        for entity, table in tables.entity_tables.items():
            history.delete(db, entity, *_named(table, read, some), at=at, run_id=run_id)


def leave(db: Connection, read: Read, ids: Iterable[str], *, at: datetime, run_id: str) -> list[str]:
    """Notes that these records exist but left the scope: they count no more until a read gives them again.

    One that another scope has given meanwhile stays there; the ids of the others are returned.
    """
    left: list[str] = []
    for wanted in batches(sorted(ids)):
        some = db.scalars(
            update(source_record)
            .where(*_within(read), source_record.c.external_id.in_(wanted))
            .values(missing=LEFT)
            .returning(source_record.c.external_id)
        ).all()
        touched.ids(db, read.connection, read.kind, some)
        for entity, table in tables.entity_tables.items():
            history.leave(db, entity, *_named(table, read, some), at=at, run_id=run_id)
        left += some
    return left


def mend(db: Connection, read: Read, places: Iterable[str], *, but: Collection[str]) -> None:
    """Ends the quarantine of what never became a record at these places (`Page.mended`), except for the ids in `but`."""
    id_ = quarantine.c.external_id
    named = [column == getattr(read, column.name) for column in (quarantine.c.connection, quarantine.c.kind)]
    stored = select(source_record.c.external_id).where(
        source_record.c.connection == read.connection,
        source_record.c.kind == read.kind,
        source_record.c.external_id == id_,
    )
    for place in places:
        there = id_.startswith(place, autoescape=True) if place.endswith("#") else id_ == place
        refused = db.execute(
            select(quarantine.c.id, id_).where(*named, quarantine.c.write.is_(False), there, ~stored.exists())
        ).all()
        ended = [row.id for row in refused if row.external_id not in but]
        if ended:
            db.execute(delete(quarantine).where(quarantine.c.id.in_(ended)))


def _named(table: Any, read: Read, ids: Sequence[str]) -> tuple[Any, ...]:
    return (
        table.c.connection == read.connection,
        table.c.kind == read.kind,
        table.c.external_id.in_(ids),
    )


def cursor(db: Connection, read: Read) -> Any | None:
    """The scope row of a read (cursor, mapping, read_at, full_read_at, census_at, complete), None before the first."""
    return db.execute(
        select(scopes).where(
            scopes.c.connection == read.connection, scopes.c.kind == read.kind, scopes.c.scope == read.scope
        )
    ).one_or_none()


def keep_cursor(db: Connection, read: Read, **values: Any) -> None:
    """Keeps a read's cursor or stamps; columns not named stay as they are."""
    row = {"connection": read.connection, "kind": read.kind, "scope": read.scope, **values}
    bulk.upsert(db, scopes, [row], ("connection", "kind", "scope"))


def counts(db: Connection, names: Collection[str]) -> dict[str, int]:
    """Records of these connections that are neither deleted nor out of their scope."""
    place = source_record.c.connection
    rows = db.execute(
        select(place, func.count())
        .where(place.in_(names), source_record.c.deleted_at.is_(None), source_record.c.missing != LEFT)
        .group_by(place)
    )
    return {row[0]: row[1] for row in rows}
