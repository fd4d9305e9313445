"""Empty databases on a server that a test started."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import sqlalchemy as sa

_NUMBERS = count(1)


def create(server: str) -> str:
    """The address of a new, empty database; `server` is an address without a database name at its end."""
    name = f"empty{next(_NUMBERS)}"
    charset = "" if server.startswith("postgresql") else " CHARACTER SET utf8mb4"
    _run(server, f"CREATE DATABASE {name}{charset}")
    return f"{server}/{name}"


@contextmanager
def empty(server: str) -> Iterator[str]:
    """As `create`; the database is dropped at the end, whoever is still connected."""
    address = create(server)
    yield address
    force = " WITH (FORCE)" if server.startswith("postgresql") else ""
    _run(server, f"DROP DATABASE {address.rpartition('/')[2]}{force}")


def _run(server: str, statement: str) -> None:
    database = "postgres" if server.startswith("postgresql") else "mysql"
    engine = sa.create_engine(f"{server}/{database}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
