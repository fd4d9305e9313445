"""The append-only audit log: each entry carries the hash of the one before, so that an altered log shows itself."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from portfolio.store import leases
from portfolio.store.tables import audit
from portfolio.store.types import dump, instant_text

FIRST = "0" * 64


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

    Entries cut from the end cannot be told from the log alone: compare the last hash with one kept elsewhere.
    """
    previous = FIRST
    for number, entry in enumerate(entries(db), start=1):
        if entry["number"] != number or entry["previous"] != previous or entry["hash"] != _hash(entry):
            return number
        previous = entry["hash"]
    return None
