"""Which edition of a report went where: the intent before the effect, so that nothing is delivered twice."""

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from portfolio.store.bulk import upsert
from portfolio.store.tables import delivery

INTENDED, SENT, UNKNOWN, REFUSED = "intended", "sent", "unknown", "refused"
OPEN = (INTENDED, UNKNOWN)
"""States in which the edition may have arrived: the program was killed, or no clear answer came."""


class Delivered(NamedTuple):
    """One edition at one place and what became of it."""

    edition: str
    state: str
    answer: str | None
    intended_at: datetime
    done_at: datetime | None


def newest(db: Connection, report: str, place: str, day: date) -> Delivered | None:
    """The newest edition of that portfolio day that was sent there, or meant to be."""
    row = db.execute(
        select(*(delivery.c[name] for name in Delivered._fields))
        .where(delivery.c.report == report, delivery.c.place == place, delivery.c.day == day)
        .order_by(delivery.c.intended_at.desc(), delivery.c.edition.desc())
        .limit(1)
    ).one_or_none()
    return Delivered(*row) if row else None


def owed(db: Connection, day: date) -> list[str]:
    """Reports of that day of which a place has nothing yet, because it refused or could not be reached."""
    pairs = db.execute(
        select(delivery.c.report, delivery.c.place).where(delivery.c.day == day).distinct()
    ).all()
    last = {(report, place): newest(db, report, place, day) for report, place in pairs}
    return sorted({report for (report, _), each in last.items() if each and each.state == REFUSED})


def intend(db: Connection, report: str, place: str, edition: str, *, day: date, at: datetime) -> None:
    """Journals a delivery before it is made."""
    row = {
        "report": report,
        "place": place,
        "edition": edition,
        "day": day,
        "state": INTENDED,
        "answer": None,
        "intended_at": at,
        "done_at": None,
    }
    upsert(db, delivery, [row], ("report", "place", "edition"))


def settle(
    db: Connection, report: str, place: str, edition: str, *, state: str, answer: str, at: datetime
) -> None:
    """Notes what became of a delivery: `sent`, `unknown` or `refused`."""
    db.execute(
        update(delivery)
        .where(delivery.c.report == report, delivery.c.place == place, delivery.c.edition == edition)
        .values(state=state, answer=answer, done_at=at)
    )
