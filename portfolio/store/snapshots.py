"""Snapshots: what was judged, when, from which reads. A project's judgement is stored only where it changed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, extract, func, insert, select, update

from portfolio.store.tables import judgement, snapshot
from portfolio.store.types import canonical


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored judgement: the PROJECT document, and what else the plan needs (figures, budget figures, exceptions).

    `rules` names what judged it: presets and gate pack with their versions.
    """

    key: str
    facts: str
    body: Mapping[str, Any]
    outcome: Mapping[str, Any]
    rules: str = ""


def fingerprint(*documents: object) -> str:
    """A hash that is equal for equal documents."""
    return hashlib.sha256(canonical(documents)).hexdigest()


def newest(db: Connection, *, until: datetime | None = None) -> Row[Any] | None:
    """The newest snapshot, or the newest taken at or before `until`."""
    statement = select(snapshot).order_by(snapshot.c.number.desc()).limit(1)
    if until is not None:
        statement = statement.where(snapshot.c.taken_at <= until)
    return db.execute(statement).one_or_none()


REPORTING = timedelta(days=7)
"""Between two reports; what changed is told since the snapshot that the last one showed."""


def last_reported(db: Connection, as_of: date, *, number: int) -> Row[Any] | None:
    """The newest snapshot of REPORTING before a day, else the first one; None where that is not before `number`."""
    statement = select(snapshot).where(snapshot.c.number < number)
    old = statement.where(snapshot.c.as_of <= as_of - REPORTING).order_by(snapshot.c.number.desc())
    found = db.execute(old.limit(1)).one_or_none()
    return found or db.execute(statement.order_by(snapshot.c.number).limit(1)).one_or_none()


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
    return {
        row.project_key: Judged(row.project_key, row.facts, row.body, row.outcome, row.rules) for row in rows
    }


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
            "rules": judged.rules if judged else "",
            "point": point(judged.body) if judged else None,
            "body": judged.body if judged else None,
            "outcome": judged.outcome if judged else None,
        }
        for key, judged in changed.items()
    ]
    if rows:
        db.execute(insert(judgement), rows)


def advance(db: Connection, number: int, sources: Sequence[Mapping[str, Any]]) -> None:
    """Keeps the newest read stamps of a snapshot in which nothing else changed; what it was taken from stays."""
    db.execute(update(snapshot).where(snapshot.c.number == number).values(newest_sources=list(sources)))


def note_facts(db: Connection, number: int, marks: Mapping[str, str]) -> None:
    """Keeps the facts by which the judgements of snapshot `number` were last found to stand: they need no new judgement."""
    if not marks:
        return
    newest_of = (
        select(func.max(judgement.c.snapshot))
        .where(judgement.c.project_key == bindparam("b_key"), judgement.c.snapshot <= number)
        .scalar_subquery()
    )
    db.execute(
        update(judgement)
        .where(judgement.c.project_key == bindparam("b_key"), judgement.c.snapshot == newest_of)
        .values(facts=bindparam("b_facts")),
        [{"b_key": key, "b_facts": facts} for key, facts in marks.items()],
    )


def earliest(db: Connection) -> Row[Any] | None:
    """The first snapshot that is kept."""
    return db.execute(select(snapshot).order_by(snapshot.c.number).limit(1)).one_or_none()


DAILY = timedelta(days=31)
"""So long a trend holds a point for every day; before that, for every month."""

SECTIONS = {
    section: tuple(names.split())
    for section, names in {
        "schedule": "percent_complete variance_days variance_days_original finish_baseline finish_forecast",
        "forecast": "finish_50 finish_85 finish_spi_t",
        "cost": "original_budget revised_budget pre_encumbered encumbered actual forecast available variance"
        " variance_share variance_original",
        "earned_value": "bac pv ev ac cv sv cpi spi eac eac_budget_rate eac_cpi_spi eac_bottom_up etc vac tcpi tcpi_eac"
        " earned_schedule sv_t spi_t ieac_t",
        "work": "todo in_progress done cancelled blocked overdue",
    }.items()
}
"""The figures of a project whose trend is kept, by section of its document."""


def trends(db: Connection, number: int, today: date) -> dict[str, list[dict[str, Any]]]:
    """Per project the points up to snapshot `number` and day `today`, oldest first.

    A point stands for each day on which the project changed, before the last month for the last such day of a month. It
    holds `as_of`, the colours and every figure.
    """
    day = case((snapshot.c.as_of > today - DAILY, snapshot.c.as_of), else_=None)
    last = (
        select(judgement.c.project_key, func.max(judgement.c.snapshot).label("snapshot"))
        .join(snapshot, snapshot.c.number == judgement.c.snapshot)
        .where(judgement.c.snapshot <= number, snapshot.c.as_of <= today)
        .group_by(
            judgement.c.project_key,
            extract("year", snapshot.c.as_of),
            extract("month", snapshot.c.as_of),
            day,
        )
        .subquery()
    )
    rows = db.execute(
        select(judgement.c.project_key, snapshot.c.as_of, judgement.c.point)
        .join(
            last,
            and_(judgement.c.project_key == last.c.project_key, judgement.c.snapshot == last.c.snapshot),
        )
        .join(snapshot, snapshot.c.number == judgement.c.snapshot)
        .where(judgement.c.point.is_not(None))
        .order_by(judgement.c.project_key, judgement.c.snapshot)
    )
    points: dict[str, list[dict[str, Any]]] = {}
    for key, as_of, figures in rows:
        points.setdefault(key, []).append({"as_of": as_of.isoformat(), **figures})
    return points


def point(body: Mapping[str, Any]) -> dict[str, Any]:
    """The colours and figures of a project's document, flat."""
    gate, tickets = body.get("gate") or {}, body.get("ticket_counts") or {}
    found = {name: verdict["value"] for name, verdict in body["status"].items()}
    for section, names in SECTIONS.items():
        found |= {name: (body.get(section) or {}).get(name) for name in names}
    return {
        **found,
        "gate": gate.get("current"),
        "gate_status": gate.get("status"),
        "tickets_open": tickets.get("open"),
        "tickets_breached": tickets.get("breached"),
        "compliance": (body.get("compliance") or {}).get("score"),
    }


COLOURED = ("overall", "schedule", "cost", "scope", "quality")
STANDING = ("gate", "gate_status", "tickets_open", "tickets_breached", "compliance")
FIGURES = frozenset([*COLOURED, *(name for names in SECTIONS.values() for name in names), *STANDING])
"""The keys of a point."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A figure got another value: in which snapshot, and by which rules."""

    snapshot_id: str
    run_id: str
    taken_at: datetime
    as_of: date
    rules: str
    before: Any
    after: Any


def turns(db: Connection, project_key: str, figure: str) -> list[Turn]:
    """Every value that a figure of FIGURES had, oldest first; a value kept under new rules is no turn."""
    rows = db.execute(
        select(judgement.c.point, judgement.c.rules, snapshot)
        .join(snapshot, snapshot.c.number == judgement.c.snapshot)
        .where(judgement.c.project_key == project_key)
        .order_by(judgement.c.snapshot)
    )
    found: list[Turn] = []
    before = None
    for row in rows:
        after = (row.point or {}).get(figure)
        if after != before:
            found.append(Turn(row.id, row.run_id, row.taken_at, row.as_of, row.rules, before, after))
        before = after
    return found
