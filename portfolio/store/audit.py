"""The append-only audit log: each entry carries the hash of the one before, so that an altered log shows itself."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from portfolio.store import leases
from portfolio.store.tables import audit
from portfolio.store.types import dump, instant_text

FIRST = "0" * 64
EXPIRED = "expired"
"""The entry that tells what was let go, and keeps where the log begins since."""


def _hash(entry: Mapping[str, Any]) -> str:
    named = {
        name: entry[name] for name in ("number", "run_id", "who", "what", "subject", "detail", "previous")
    }
    return hashlib.sha256(dump({**named, "at": instant_text(entry["at"])}).encode()).hexdigest()


def record(
    db: Connection, *, at: datetime, run_id: str, who: str, what: str, subject: str, detail: Mapping[str, Any]
) -> None:
    """Appends one entry. `detail` must hold no secret."""
    leases.lock(db, "audit")
    last = db.execute(
        select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
    ).one_or_none()
    entry = {
        "number": last.number + 1 if last else 1,
        "at": at,
        "run_id": run_id,
        "who": who,
        "what": what,
        "subject": subject,
        "detail": dict(detail),
        "previous": last.hash if last else FIRST,
    }
    db.execute(insert(audit).values(**entry, hash=_hash(entry)))


def entries(db: Connection) -> Iterator[Mapping[str, Any]]:
    """All entries in order."""
    for row in db.execute(select(audit).order_by(audit.c.number)).mappings():
        yield dict(row)


def first_broken(db: Connection) -> int | None:
    """The number of the first entry that was altered, removed or moved; None where the log is whole.

    A log whose beginning was let go (`retention`) is whole from the anchor that the newest such entry keeps. Entries cut
    from the end cannot be told from the log alone: compare the last hash with one kept elsewhere.
    """
    kept = anchor(db)
    through, previous = kept.get("through", 0), kept.get("hash", FIRST)
    for number, entry in enumerate(entries(db), start=through + 1):
        if entry["number"] != number or entry["previous"] != previous or entry["hash"] != _hash(entry):
            return number
        previous = entry["hash"]
    return None


def anchor(db: Connection) -> dict[str, Any]:
    """`through` and `hash` of the last entry that was let go; empty where the log is kept from its first entry."""
    newest = select(audit.c.detail).where(audit.c.what == EXPIRED).order_by(audit.c.number.desc()).limit(1)
    detail = db.execute(newest).scalar() or {}
    return {name: detail[name] for name in ("through", "hash") if name in detail}


def before(db: Connection, limit: datetime) -> tuple[int, str]:
    """Number and hash of the last entry of the log's beginning that is older than the limit; (0, "") if none is."""
    young = select(func.min(audit.c.number)).where(audit.c.at >= limit)
    first = db.execute(young).scalar()
    old = select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
    row = db.execute(old if first is None else old.where(audit.c.number < first)).one_or_none()
    return (row.number, row.hash) if row else (0, "")


def count(db: Connection, through: int) -> int:
    """How many entries there are up to this number."""
    return db.execute(select(func.count()).where(audit.c.number <= through)).scalar() or 0


def cut(db: Connection, through: int) -> None:
    """Lets go of the log's beginning. Only where the open transaction has recorded its anchor."""
    db.execute(delete(audit).where(audit.c.number <= through))
