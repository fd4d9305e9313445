"""What has changed since projects were last judged: every writer of a row that facts come from notes it here.

Notes are only added, never merged, so that no writer waits for another. Who judges takes them all, in the transaction in
which the judgement is kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, literal, select

from portfolio.store import bulk
from portfolio.store.tables import RECORD_KEY, assessed, touched

MOST = 20_000
"""More notes than this are not looked at one by one: everything is judged again."""

Place = tuple[str, str]
"""A connection and a kind of record."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Ids of records by their place, and keys of projects about which a manager entered something."""

    records: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    projects: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.records or self.projects)

    @property
    def connections(self) -> frozenset[str]:
        """Where the records are from."""
        return frozenset(where for where, _ in self.records)


def records(db: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Notes that these records' rows were written. Each row carries the record key."""
    bulk.insert(db, touched, [{name: row[name] for name in RECORD_KEY} for row in rows])


def ids(db: Connection, connection: str, kind: str, external_ids: Iterable[str]) -> None:
    """Notes that these records came or went."""
    place = {"connection": connection, "kind": kind}
    records(db, [{**place, "external_id": each} for each in external_ids])


def project(db: Connection, key: str) -> None:
    """Notes that something was entered about a project."""
    db.execute(insert(touched).values(project_key=key))


def take(db: Connection) -> Touched | None:
    """All notes, which are gone with it; None if there were too many to tell."""
    if db.execute(select(literal(1)).select_from(touched).limit(1)).first() is None:
        return Touched()
    if db.execute(select(literal(1)).select_from(touched).limit(1).offset(MOST)).first() is not None:
        db.execute(delete(touched))
        return None
    places: dict[Place, set[str]] = defaultdict(set)
    projects: set[str] = set()
    for where, kind, id_, key in db.execute(delete(touched).returning(*touched.c)):
        if key is not None:
            projects.add(key)
        else:
            places[where, kind].add(id_)
    return Touched({place: frozenset(ids) for place, ids in places.items()}, frozenset(projects))


@dataclass(frozen=True, slots=True)
class Marks:
    """By what everything was last judged: how records find their project, and the rest that holds for all projects."""

    links: str
    terms: str


def marks(db: Connection) -> Marks | None:
    """The marks of the last assessment, None before the first."""
    row = db.execute(select(assessed)).one_or_none()
    return None if row is None else Marks(row.links, row.terms)


def keep_marks(db: Connection, new: Marks) -> None:
    """Keeps the marks of an assessment."""
    row = {"number": 1, "links": new.links, "terms": new.terms}
    bulk.upsert(db, assessed, [row], ("number",))
