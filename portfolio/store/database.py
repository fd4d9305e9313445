"""Opening the store: SQLite (WAL) or PostgreSQL through SQLAlchemy, one writer, schema by Alembic."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from portfolio.store.failures import StoreError, told, words

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_SECONDS = 30
PAGE_BYTES = 16_384
"""Of a new SQLite store: several raw records fit into a page of this size, which costs a third less than chains of small ones."""


class SchemaOutdated(StoreError):
    """The store has an older schema than this program: `portico db upgrade` brings it up."""


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        cursor.execute(f"PRAGMA page_size={PAGE_BYTES}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # an intent outlives a power cut, not only a killed process
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(db: Connection) -> None:
        db.exec_driver_sql("BEGIN IMMEDIATE" if db.get_execution_options().get("writes") else "BEGIN")


def _prepare_postgres(engine: Engine) -> None:
    """Long texts, such as raw records, are packed by lz4 where the server has it: three times as fast as its own way."""
    driver: Any = engine.dialect.loaded_dbapi

    @event.listens_for(engine, "connect")
    def connect(dbapi: Any, _record: object) -> None:
        dbapi.autocommit = True
        with suppress(driver.Error):
            dbapi.execute("SET default_toast_compression = lz4")
        dbapi.autocommit = False


def migrations(engine: Engine) -> "Config":
    """Alembic's configuration for this store."""
    from alembic.config import Config  # noqa: PLC0415  (half of the start-up, and only for changes of the schema)

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def revision(engine: Engine) -> str | None:
    """The schema revision that the store is at, None where there is no schema yet."""
    with engine.connect() as db:
        if not inspect(db).has_table("alembic_version"):
            return None
        found: str | None = db.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


def _revisions() -> list[str]:
    """The schema revisions that this program knows, oldest first: the numbers that the migrations' files begin with."""
    folder = Path(__file__).parent / "migrations" / "versions"
    return sorted(each.name.partition("_")[0] for each in folder.glob("[0-9]*.py"))


def newest_revision() -> str:
    """The schema revision of this program."""
    return _revisions()[-1]


class Store:
    """The portfolio store. One Store belongs to one thread; other threads open their own.

    With `keep=False` every transaction ends in nothing: all work happens inside one outer transaction that `close`
    rolls back. A rehearsal sees its own changes and leaves none.
    """

    def __init__(self, engine: Engine, *, keep: bool = True) -> None:
        self.engine = engine
        self.keep = keep
        self._writer = engine.connect().execution_options(writes=True)
        if not keep:
            self._writer.begin()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back on any error.

        Raises StoreFailed where the database fails; the next transaction connects anew.
        """
        begin = self._writer.begin if self.keep else self._writer.begin_nested
        with told(self.engine), begin():
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view for reading. Raises StoreFailed where the database fails."""
        if not self.keep:
            yield self._writer
            return
        with told(self.engine), self.engine.connect() as db, db.begin():
            yield db

    def close(self) -> None:
        """Rolls a rehearsal back and releases the connections."""
        self._writer.close()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            memory = parsed.database in (None, "", ":memory:")
            engine = (
                create_engine(parsed)
                if memory
                else create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
            )
            _prepare_sqlite(engine)
        else:
            engine = create_engine(parsed, pool_pre_ping=True)
            _prepare_postgres(engine)
    except (ArgumentError, ImportError, ValueError) as error:
        raise StoreError(f"store {parsed.render_as_string(hide_password=True)}: {error}") from error
    return engine


def _rehearsal(url: str) -> Engine:
    """An engine over a copy of an SQLite store in memory: a rehearsal must not keep others from writing."""
    engine = create_engine("sqlite://")
    _prepare_sqlite(engine)
    path = Path(make_url(url).database or "")
    if path.is_file():
        with engine.connect() as db, closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source:
            copy: Any = db.connection.driver_connection
            source.backup(copy)
    return engine


def open_store(url: str, *, keep: bool = True) -> Store:
    """Opens the store at an SQLAlchemy URL; a new store is created.

    Raises:
        SchemaOutdated: the store has an older schema.
        StoreError: it cannot be reached, or is newer than this program.
    """
    engine = _rehearsal(url) if not keep and make_url(url).get_backend_name() == "sqlite" else _engine(url)
    try:
        current, newest = revision(engine), newest_revision()
        if current is None and not inspect(engine).get_table_names():
            upgrade(engine)
        elif current != newest:
            _refuse(engine, current)
    except StoreError:
        engine.dispose()
        raise
    except DBAPIError as error:
        engine.dispose()
        where = engine.url.render_as_string(hide_password=True)
        what, fix = words(error)
        raise StoreError(f"store {where} cannot be opened: it {what}. {fix}") from error
    return Store(engine, keep=keep)


def _refuse(engine: Engine, current: str | None) -> None:
    where = engine.url.render_as_string(hide_password=True)
    if current is not None and current not in _revisions() and current > (newest_revision() or ""):
        raise StoreError(
            f"store {where} has schema {current}, which is newer than this program: install a newer Portico"
        )
    raise SchemaOutdated(f"store {where} has an older schema ({current or 'none'}): run `portico db upgrade`")


def upgrade(engine: Engine) -> None:
    """Brings the schema to this program's revision."""
    from alembic import command  # noqa: PLC0415  (as above)

    command.upgrade(migrations(engine), "head")


def upgrade_at(url: str) -> tuple[str | None, str | None]:
    """Upgrades the store at `url`; returns the revisions before and after. Raises StoreError."""
    from alembic.util import CommandError  # noqa: PLC0415  (as above)

    engine = _engine(url)
    try:
        before = revision(engine)
        upgrade(engine)
        return before, revision(engine)
    except (DBAPIError, CommandError) as error:
        where = engine.url.render_as_string(hide_password=True)
        what = words(error)[0] if isinstance(error, DBAPIError) else str(error)
        raise StoreError(f"store {where} cannot be upgraded ({what}): restore a backup") from error
    finally:
        engine.dispose()


def faults(store: Store) -> list[str]:
    """What is wrong with an open store: tables or columns that differ from this program's, damage that SQLite finds.

    Raises StoreFailed where it is too damaged to be looked at.
    """
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415  (only for a check)
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415  (as above)

    from portfolio.store.tables import metadata  # noqa: PLC0415  (as above)

    found = []
    with store.reading() as db:
        context = MigrationContext.configure(db, opts={"compare_type": False})
        found += [f"schema differs: {each}" for each in compare_metadata(context, metadata)]
        if db.dialect.name == "sqlite":
            said = db.exec_driver_sql("PRAGMA integrity_check").scalar()
            found += [] if said == "ok" else [f"integrity_check: {said}"]
    return found
