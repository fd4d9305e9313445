"""What a database that fails in the middle of work says, in words that tell what to do. Never with statements or values."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

ON = "Nothing of this transaction was kept; the next run goes on from the last page that was."
_SAID = (
    (("is full", "no space left", "disk i/o error", "could not extend file"), "is out of space or cannot be written",
     f"Free space where it lies. {ON}"),
    (("database is locked", "database table is locked", "lock timeout", "canceling statement due to"),
     "is held by another process", f"Let the other process end. {ON}"),
    (("readonly database", "read-only transaction"), "is read-only",
     f"Give this account the right to write it, or wait until the failover is over. {ON}"),
    (("malformed", "not a database", "invalid page", "could not read block"), "is damaged",
     "Run `portico db check`, and restore the last backup. Nothing is written to any tool until then."),
    (("deadlock detected", "could not serialize"), "was changed by another process at the same time", ON),
)  # fmt: skip


class StoreError(Exception):
    """The store cannot be opened or is of another schema; the text says what to do."""


class StoreFailed(StoreError):
    """The store failed in the middle of work: the open transaction is rolled back, earlier ones stand."""


def words(error: DBAPIError) -> tuple[str, str]:
    """What is the matter, and what to do."""
    said = str(error.orig).lower()
    if error.connection_invalidated or "server closed the connection" in said:
        return "lost its connection", f"Look at the database server. {ON}"
    for marks, what, fix in _SAID:
        if any(mark in said for mark in marks):
            return what, fix
    return f"failed: {str(error.orig).splitlines()[0]}", ON


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Turns what the database raises within into StoreFailed; what is wrong with a value stays as it is."""
    try:
        yield
    except (DataError, IntegrityError, ProgrammingError):
        raise
    except DBAPIError as error:
        what, fix = words(error)
        where = engine.url.render_as_string(hide_password=True)
        raise StoreFailed(f"store {where} {what}. {fix}") from error
