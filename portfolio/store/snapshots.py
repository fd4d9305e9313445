"""Snapshots: what was judged, when, from which reads. A project's judgement is stored only where it changed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from portfolio.store.tables import judgement, snapshot
from portfolio.store.types import dump


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored judgement: the PROJECT document, and what else the plan needs (figures, budget figures, exceptions)."""

    key: str
    facts: str
    body: Mapping[str, Any]
    outcome: Mapping[str, Any]


def fingerprint(*documents: object) -> str:
    """A hash that is equal for equal documents."""
    return hashlib.sha256(dump(documents).encode()).hexdigest()


def newest(db: Connection, *, until: datetime | None = None) -> Row[Any] | None:
    """The newest snapshot, or the newest taken at or before `until`."""
    statement = select(snapshot).order_by(snapshot.c.number.desc()).limit(1)
    if until is not None:
        statement = statement.where(snapshot.c.taken_at <= until)
    return db.execute(statement).one_or_none()


def judgements(db: Connection, number: int) -> dict[str, Judged]:
    """The judgement of every project as snapshot `number` shows it."""
    newest_of = (
        select(judgement.c.project_key, func.max(judgement.c.snapshot).label("snapshot"))
        .where(judgement.c.snapshot <= number)
        .group_by(judgement.c.project_key)
        .subquery()
    )
    rows = db.execute(
        select(judgement)
        .join(
            newest_of,
            and_(
                judgement.c.project_key == newest_of.c.project_key,
                judgement.c.snapshot == newest_of.c.snapshot,
            ),
        )
        .where(judgement.c.body.is_not(None))
        .order_by(judgement.c.project_key)
    )
    return {row.project_key: Judged(row.project_key, row.facts, row.body, row.outcome) for row in rows}


def keep(
    db: Connection,
    *,
    snapshot_id: str,
    run_id: str,
    taken_at: datetime,
    as_of: date,
    complete: bool,
    portfolio: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    changed: Mapping[str, Judged | None],
) -> None:
    """Stores a snapshot with the judgements that changed since the one before (None: the project is gone)."""
    number = (db.execute(select(func.max(snapshot.c.number))).scalar() or 0) + 1
    db.execute(
        insert(snapshot).values(
            id=snapshot_id,
            number=number,
            run_id=run_id,
            taken_at=taken_at,
            as_of=as_of,
            complete=complete,
            portfolio=dict(portfolio),
            sources=list(sources),
        )
    )
    rows = [
        {
            "project_key": key,
            "snapshot": number,
            "hash": fingerprint(judged.body, judged.outcome) if judged else "",
            "facts": judged.facts if judged else "",
            "body": judged.body if judged else None,
            "outcome": judged.outcome if judged else None,
        }
        for key, judged in changed.items()
    ]
    if rows:
        db.execute(insert(judgement), rows)


def advance(db: Connection, number: int, sources: Sequence[Mapping[str, Any]], *, complete: bool) -> None:
    """Moves the read stamps of a snapshot in which nothing else changed."""
    db.execute(
        update(snapshot).where(snapshot.c.number == number).values(sources=list(sources), complete=complete)
    )


def trends(db: Connection, number: int) -> dict[str, list[dict[str, Any]]]:
    """Per project one point a day up to snapshot `number`, oldest first: as_of, the colours, percent, cost and indices."""
    rows = db.execute(
        select(judgement.c.project_key, snapshot.c.as_of, judgement.c.body)
        .join(snapshot, snapshot.c.number == judgement.c.snapshot)
        .where(judgement.c.snapshot <= number, judgement.c.body.is_not(None))
        .order_by(judgement.c.project_key, judgement.c.snapshot)
    )
    points: dict[str, dict[date, dict[str, Any]]] = {}
    for key, as_of, body in rows:
        points.setdefault(key, {})[as_of] = _point(as_of, body)
    return {key: list(days.values()) for key, days in points.items()}


def _point(as_of: date, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "as_of": as_of.isoformat(),
        **{name: verdict["value"] for name, verdict in body["status"].items()},
        "percent_complete": body["schedule"]["percent_complete"],
        "variance_days": body["schedule"]["variance_days"],
        "variance": body["cost"]["variance"],
        "cpi": body["earned_value"]["cpi"],
        "spi": body["earned_value"]["spi"],
    }
