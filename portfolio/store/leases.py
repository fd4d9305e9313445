"""One writer per connection: a lease with an epoch, judged by the database's clock.

A process that was frozen past its lease and wakes finds another epoch in the row; whatever it then tries to commit is refused.
A lease is renewed by every transaction of its connection, so that only a process that does nothing for `SECONDS` loses it.
"""

import os
import socket
import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from portfolio.store.tables import lease

SECONDS = 300.0
"""Longer than a connector may be silent: its waits and retries end before."""


class LeaseLost(Exception):
    """Another process took this connection over; nothing of this transaction may be committed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease."""

    name: str
    owner: str
    epoch: int


def owner() -> str:
    """Who holds a lease: host, process, and a mark that tells two runs of one process apart."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _now(db: Connection) -> ColumnElement[float]:
    if db.dialect.name == "sqlite":
        return literal_column("((julianday('now') - 2440587.5) * 86400.0)")
    return literal_column("extract(epoch from clock_timestamp())::double precision")


def _is_dead(holder: str) -> bool:
    """Whether the holder was a process of this host that is no more."""
    host, _, rest = holder.partition(":")
    number = rest.partition(":")[0]
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def take(db: Connection, name: str, holder: str, *, seconds: float = SECONDS) -> Lease | None:
    """Takes the lease of a connection; None while another process holds it."""
    now = _now(db)
    row = db.execute(
        select(lease.c.owner, lease.c.epoch, (lease.c.until > now).label("held")).where(lease.c.name == name)
    ).one_or_none()
    if row is None:
        try:
            with db.begin_nested():
                db.execute(insert(lease).values(name=name, owner=holder, epoch=1, until=now + seconds))
        except IntegrityError:
            return None
        return Lease(name, holder, 1)
    if row.held and not _is_dead(row.owner):
        return None
    taken = db.execute(
        update(lease)
        .where(lease.c.name == name, lease.c.epoch == row.epoch, lease.c.owner == row.owner)
        .values(owner=holder, epoch=row.epoch + 1, until=now + seconds)
    )
    return Lease(name, holder, row.epoch + 1) if taken.rowcount == 1 else None


def renew(db: Connection, held: Lease, *, seconds: float = SECONDS) -> None:
    """Proves within the open transaction that the lease is still held, and prolongs it. Raises LeaseLost."""
    renewed = db.execute(
        update(lease)
        .where(lease.c.name == held.name, lease.c.owner == held.owner, lease.c.epoch == held.epoch)
        .values(until=_now(db) + seconds)
    )
    if renewed.rowcount != 1:
        raise LeaseLost(f"another process has taken {held.name} over; this run commits nothing more there")


def release(db: Connection, held: Lease) -> None:
    """Gives the lease back; the epoch stays, so that a late commit under it is still refused."""
    db.execute(
        update(lease)
        .where(lease.c.name == held.name, lease.c.owner == held.owner, lease.c.epoch == held.epoch)
        .values(until=0.0, epoch=held.epoch + 1)
    )


def lock(db: Connection, name: str) -> None:
    """Holds a named row until the open transaction ends; another process waits for it there."""
    if db.execute(update(lease).where(lease.c.name == name).values(owner="")).rowcount == 0:
        try:
            with db.begin_nested():
                db.execute(insert(lease).values(name=name, owner="", epoch=0, until=0.0))
        except IntegrityError:
            db.execute(update(lease).where(lease.c.name == name).values(owner=""))


def holder(db: Connection, name: str) -> str | None:
    """Who holds a connection now, None if nobody does."""
    now = _now(db)
    return db.execute(select(lease.c.owner).where(lease.c.name == name, lease.c.until > now)).scalar()
