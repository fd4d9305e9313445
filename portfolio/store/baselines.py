"""The baseline dates that a project has had: what its tool changed them to, and what was approved here."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from portfolio.facts import BaselineDates
from portfolio.store.records import batches
from portfolio.store.tables import RECORD_KEY, history

FIELDS = ("start_baseline", "finish_baseline")


def moved(db: Connection, records: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], list[Any]]:
    """The recorded changes of baseline dates of these records (by their record keys), oldest first."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for *place, id_ in records:
        places[tuple(place)].append(id_)
    found: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for (connection, kind), ids in places.items():
        for some in batches(ids):
            for row in db.execute(
                select(history)
                .where(
                    history.c.connection == connection,
                    history.c.kind == kind,
                    history.c.external_id.in_(some),
                    history.c.entity == "project",
                    history.c.field.in_(FIELDS),
                )
                .order_by(history.c.valid_at, history.c.id)
            ):
                found[tuple(getattr(row, name) for name in RECORD_KEY)].append(row)
    return found


def versions(
    own: tuple[date | None, date | None], changes: Sequence[Any], approved: Sequence[Any], zone: tzinfo
) -> tuple[BaselineDates, ...]:
    """Every pair of dates, the first one first; empty where there was only one.

    `own` are the tool's dates now; a change has its day in `zone`, the portfolio's. A date that was only filled in for the
    first time is no new baseline. An approved one keeps the tool's dates where it names none.
    """
    known: dict[str, date | None] = dict(zip(FIELDS, own, strict=True))
    for change in reversed(changes):
        known[change.field] = _day(change.before)
    found = [BaselineDates(None, known[FIELDS[0]], known[FIELDS[1]])]
    for change in changes:
        known[change.field] = _day(change.after)
        day = change.valid_at.astimezone(zone).date()
        made = BaselineDates(day, known[FIELDS[0]], known[FIELDS[1]])
        if change.before is None:
            found[-1] = BaselineDates(found[-1].set_on, known[FIELDS[0]], known[FIELDS[1]])
        elif found[-1].set_on == day:
            found[-1] = made
        else:
            found.append(made)
    tool = found[-1]
    found += [
        BaselineDates(
            row.at.astimezone(zone).date(),
            row.start_baseline or tool.start,
            row.finish_baseline or tool.finish,
            row.by,
            row.why,
        )
        for row in approved
    ]
    return tuple(found) if len(found) > 1 else ()


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None
