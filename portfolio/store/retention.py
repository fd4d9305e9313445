"""What may go after its time: the raw bodies of deleted records, and the beginning of the audit log.

History and snapshots stay: a figure as of a past day is rebuilt from them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, literal, or_, select, update

from portfolio.store import audit
from portfolio.store.tables import RECORD_KEY, entity_tables, source_record

WHO = "portico"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long each class is kept, None: for ever. `hold`: keys of projects of which nothing goes."""

    raw: timedelta | None = None
    audit: timedelta | None = None
    hold: Collection[str] = ()


def expire(db: Connection, terms: Terms, *, at: datetime, run_id: str) -> Mapping[str, int]:
    """Lets go in the open transaction what is past its time, and audits that; returns how much of each class.

    The audit log is a chain that loses no single entry, so a hold of any project keeps all of it.
    """
    raw = _empty(db, at - terms.raw, terms.hold) if terms.raw is not None else 0
    through, hashed = audit.before(db, at - terms.audit) if terms.audit and not terms.hold else (0, "")
    entries = audit.count(db, through)
    if raw or entries:
        detail = {"raw": raw, "audit": entries, **audit.anchor(db)}
        detail |= {"through": through, "hash": hashed} if entries else {}
        audit.record(
            db, at=at, run_id=run_id, who=WHO, what=audit.EXPIRED, subject="retention", detail=detail
        )
        audit.cut(db, through)
    return {"raw": raw, "audit": entries}


def _empty(db: Connection, limit: datetime, hold: Collection[str]) -> int:
    """Empties the bodies of records that were deleted before the limit; that they were there stays known."""
    held = [
        select(table.c.external_id)
        .where(
            and_(*(table.c[name] == source_record.c[name] for name in RECORD_KEY)),
            table.c[column].in_(hold) if column != "project_keys" else literal(bool(hold)),
        )
        .exists()
        for table in entity_tables.values()
        for column in ("project_key", "project_keys", "key")
        if column in table.c
    ]
    emptied = db.execute(
        update(source_record)
        .where(source_record.c.deleted_at < limit, source_record.c.hash != "", ~or_(*held))
        .values(body={}, owned={}, hash="")
    )
    return emptied.rowcount
