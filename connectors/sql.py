"""A database behind any SQLAlchemy URL.

Reads one SELECT or view per scope, in read-only transactions; writes only its own tables.
"""

import getpass
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from connectors.base import (
    ANY_FIELD,
    BadRow,
    Census,
    Cursor,
    FieldInfo,
    Identity,
    Outcome,
    Page,
    Patch,
    Plain,
    Shown,
    SourceRecord,
    Stream,
    Target,
)
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    OutcomeUnknown,
    ReadOnly,
    StopConnection,
    Unavailable,
)
from connectors.keys import natural_id
from connectors.sql_owned import OwnedTables
from connectors.sql_scope import (
    TABLE,
    after,
    columns,
    in_future,
    json_like,
    key_text,
    packed,
    select_all,
    since,
)

_REFUSED_ACCOUNT = re.compile(
    r"password|authenticat|access denied|login failed|role .* does not exist", re.IGNORECASE
)
_BROKEN_QUERY = re.compile(
    r"no such|syntax|does not exist|doesn't exist|unknown (?:column|table|database)|permission denied|command denied"
    r"|readonly|read[- ]only",
    re.IGNORECASE,
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sql:
    """One database.

    A scope is a SELECT (or WITH … SELECT), or the name of a table or view; a record is a row.

    The id is the stream's natural key, which must be unique, or a table's primary key where none is declared.
    With a change field a read begins at the last value seen, less five minutes where that is an instant:
    duplicates, no gaps. Without one, each read is everything. A value in the future never moves the cursor.
    Amounts are exact (`from_float`).
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        read_only: bool,
        page_size: int = 1000,
        timeout: float = 60.0,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._read_only = read_only
        self._page_size = page_size
        self._now = now
        try:
            self._url = sa.make_url(url)
            self._reader = _engine(self._url, timeout)
            self._writer = _engine(self._url, timeout)
        except (ArgumentError, ModuleNotFoundError) as error:
            text = f"{name}: the database address cannot be used ({type(error).__name__})"
            raise StopConnection(
                text, fix="write it as dialect+driver://user@host/database, driver installed"
            ) from None
        _only_read(self._reader)
        self._owned = OwnedTables(self._writer)
        self._streams: dict[tuple[str, str], Stream] = {}

    def check(self) -> Identity:
        """Connects and asks for the version."""
        with self._reading() as connection:
            connection.execute(sa.text("SELECT 1"))
            version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
        return Identity(
            account=self._url.username or getpass.getuser(),
            tenant=f"{self._url.host or ''}/{self._url.database or ''}",
            product=f"{self._reader.dialect.name} {version}".strip(),
        )

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The columns of a table or view, or of the scopes read as `kind`.

        `*` says that an own table takes any new column.
        """
        found: dict[str, FieldInfo] = {}
        with self._reading() as connection:
            if TABLE.fullmatch(kind):
                schema, _, table = kind.rpartition(".")
                inspector = sa.inspect(connection)
                if inspector.has_table(table, schema=schema or None):
                    for each in inspector.get_columns(table, schema=schema or None):
                        found[each["name"]] = FieldInfo(each["name"], each["name"], str(each["type"]))
            for stream in [each for each in self._streams.values() if each.kind == kind]:
                for name in list(connection.execute(select_all(stream.scope).limit(0)).keys()):
                    found.setdefault(name, FieldInfo(name, name, ""))
            owned = self._owned.columns(kind)
        hint = "name a table that does not exist yet; Portico creates it" if found and not owned else ""
        for column, shape in owned.items():
            found[column] = FieldInfo(column, column, shape, writable=shape != "key")
        if owned or not found:
            found[ANY_FIELD] = FieldInfo(
                ANY_FIELD, "any column", "any", writable=True, hint="columns are added when needed"
            )
        return [
            each if each.writable else FieldInfo(each.id, each.name, each.type, hint=each.hint or hint)
            for each in found.values()
        ]

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """The rows changed since `cursor`, in the order of the change field.

        Raises ContractBroken for a key that is none.
        """
        self._streams[stream.kind, stream.scope] = stream
        with self._reading() as connection:
            keyed = self._keyed(connection, stream)
            if not cursor:
                _prove_key(connection, keyed)
        yield from self._pages(keyed, cursor or {})

    def census(self, stream: Stream) -> Census:
        """The ids of all rows of the scope."""
        self._streams[stream.kind, stream.scope] = stream
        with self._reading() as connection:
            keyed = self._keyed(connection, stream)
            _prove_key(connection, keyed)
            keys = select_all(keyed.scope).with_only_columns(*columns(keyed.key), maintain_column_froms=True)
            ids = frozenset(natural_id(key_text(value) for value in row) for row in connection.execute(keys))
        return Census(ids=ids, count=len(ids))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """Rows of own tables for targets with a key; for an id, whether a scope read here still holds it."""
        keyed = [each for each in targets if each.key]
        if keyed:
            with self._errors():
                shown = list(self._owned.look(keyed))
            yield from shown
        named = [each for each in targets if not each.key]
        if named:
            scopes = [self.census(stream).ids or frozenset() for stream in list(self._streams.values())]
            ids = frozenset().union(*scopes)
            yield from (Shown(each, exists=each.id in ids, id=each.id) for each in named)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Upserts each row of an own table in its own transaction.

        Raises ReadOnly, Unavailable, StopConnection.
        """
        if self._read_only:
            raise ReadOnly(
                f"{self.name}: writing is switched off", fix="set safety.write: true for this connection"
            )
        return self._push(patches)

    def close(self) -> None:
        """Returns all connections."""
        self._reader.dispose()
        self._writer.dispose()

    def _push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        for patch in patches:
            try:
                with self._errors():
                    outcome = self._owned.push(patch)
            except Unavailable as error:
                outcome = Outcome(patch, error=OutcomeUnknown(error.text, fix=error.fix))
            yield outcome

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._errors(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        _expect_file(self.name, self._url)
        try:
            yield
        except SQLAlchemyError as error:
            raise self._translated(error) from None

    def _translated(self, error: SQLAlchemyError) -> ConnectorError:
        said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        if self._url.password:
            said = said.replace(str(self._url.password), "•••")
        text = f"{self.name}: {said[:500]}"
        if _BROKEN_QUERY.search(said) and not _REFUSED_ACCOUNT.search(said):
            return ContractBroken(text, fix="correct the scope, or grant the account SELECT on it")
        if _REFUSED_ACCOUNT.search(said):
            return CredentialsRefused(text, fix="correct user and password in the address")
        if isinstance(error, DBAPIError):
            return Unavailable(text, fix="check that the database is up and reachable from here")
        return ContractBroken(text, fix="check the address and the scope")

    def _keyed(self, connection: sa.Connection, stream: Stream) -> Stream:
        if stream.key:
            return stream
        if TABLE.fullmatch(stream.scope):
            schema, _, table = stream.scope.rpartition(".")
            found = sa.inspect(connection).get_pk_constraint(table, schema=schema or None)
            if found["constrained_columns"]:
                return Stream(
                    stream.kind,
                    stream.scope,
                    tuple(found["constrained_columns"]),
                    stream.cursor_field,
                    full=stream.full,
                    owned=stream.owned,
                )
        fix = "add key: with the columns that together identify a row"
        raise ContractBroken(f"{self.name}: {stream.scope[:60]!r} has no key", fix=fix)

    def _pages(self, stream: Stream, cursor: Mapping[str, Any]) -> Iterator[Page]:
        kept = dict(cursor)
        for condition, order in _walks(stream, cursor):
            for rows in self._walk(stream.scope, condition, order):
                if stream.cursor_field is not None:
                    kept = _advanced(kept, [row[stream.cursor_field] for row in rows], self._now())
                yield _page(stream, rows, kept)
        yield Page((), kept, last=True, replaces=stream.full)

    def _walk(
        self, scope: str, condition: sa.ColumnElement[bool], order: Sequence[str]
    ) -> Iterator[Sequence[sa.RowMapping]]:
        """Pages by keyset, each one short statement, so that no lock is held while a page is stored."""
        position: sa.ColumnElement[bool] = sa.true()
        while True:
            statement = select_all(scope).where(condition, position).order_by(*columns(order))
            with self._reading() as connection:
                rows = connection.execute(statement.limit(self._page_size)).mappings().all()
            if rows:
                yield rows
            if len(rows) < self._page_size:
                return
            position = after(order, [rows[-1][name] for name in order])


def _walks(
    stream: Stream, cursor: Mapping[str, Any]
) -> Iterator[tuple[sa.ColumnElement[bool], tuple[str, ...]]]:
    """What to read, in which order.

    Changed rows, then those whose change field is empty, which no cursor can see.
    """
    if stream.cursor_field is None or stream.full:
        yield sa.true(), stream.key
        return
    changed: sa.ColumnClause[Any] = sa.column(stream.cursor_field)
    recent = since(stream.cursor_field, cursor["from"]) if cursor else changed.is_not(None)
    yield recent, (stream.cursor_field, *stream.key)
    yield changed.is_(None), stream.key


def _advanced(cursor: dict[str, Any], values: Sequence[Any], now: datetime) -> dict[str, Any]:
    """The cursor at the last of these values that is not in the future."""
    past = [value for value in values if value is not None and not in_future(value, now)]
    return {"from": packed(past[-1])} if past else cursor


def _page(stream: Stream, rows: Sequence[sa.RowMapping], cursor: Mapping[str, Any]) -> Page:
    found = [_record(stream, row) for row in rows]
    return Page(
        [each for each in found if isinstance(each, SourceRecord)],
        dict(cursor),
        last=False,
        replaces=stream.full,
        rejects=[each for each in found if isinstance(each, BadRow)],
    )


def _prove_key(connection: sa.Connection, stream: Stream) -> None:
    """Raises ContractBroken where the declared key does not identify rows."""
    keys = columns(stream.key)
    scope = select_all(stream.scope).with_only_columns(*keys, maintain_column_froms=True)
    empty = connection.execute(scope.where(sa.or_(*[key.is_(None) for key in keys])).limit(1)).first()
    if empty is not None:
        fix = "leave such rows out in the SELECT, or give them a value there with COALESCE"
        raise ContractBroken(f"a key column ({', '.join(stream.key)}) is empty in some rows", fix=fix)
    twice = connection.execute(scope.group_by(*keys).having(sa.func.count() > 1).limit(1)).first()
    if twice is not None:
        shown = natural_id(key_text(value) for value in twice)
        fix = "add the columns that tell them apart to key:"
        raise ContractBroken(f"two rows have the key {shown} ({', '.join(stream.key)})", fix=fix)


def _record(stream: Stream, row: sa.RowMapping) -> SourceRecord | BadRow:
    identity = natural_id(key_text(row[name]) for name in stream.key)
    body: dict[str, Any] = {}
    for column, value in row.items():
        try:
            body[column] = json_like(value)
        except ValueError as error:
            return BadRow(identity, column, str(value), f"{identity}: {column}: {error}")
    changed = row[stream.cursor_field] if stream.cursor_field else None
    aware = isinstance(changed, datetime) and changed.tzinfo is not None
    owned: dict[str, Plain] = {name: _owned_value(body.get(name)) for name in stream.owned}
    return SourceRecord(identity, body, key=identity, updated_at=changed if aware else None, owned=owned)


def _owned_value(value: Any) -> Plain:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _engine(url: sa.URL, timeout: float) -> sa.Engine:
    match url.get_backend_name():
        case "sqlite":
            return sa.create_engine(url, connect_args={"timeout": 5.0})
        case "postgresql" if url.get_driver_name() == "psycopg":
            options = {"connect_timeout": 10, "options": f"-c statement_timeout={int(timeout * 1000)}"}
            return sa.create_engine(url, connect_args=options, pool_pre_ping=True)
        case "mysql" | "mariadb" if url.get_driver_name() == "pymysql":
            options = {"connect_timeout": 10, "read_timeout": timeout, "write_timeout": timeout}
            return sa.create_engine(url, connect_args=options, pool_pre_ping=True)
    return sa.create_engine(url, pool_pre_ping=True)


_ONLY_READ = {
    "sqlite": ("PRAGMA query_only = ON",),
    "postgresql": ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",),
    "mysql": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION time_zone = '+00:00'"),
    "mariadb": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION time_zone = '+00:00'"),
}
"""How a session is made to refuse writes; MariaDB shows a TIMESTAMP in the session's zone, in which an hour may come twice."""


def _only_read(engine: sa.Engine) -> None:
    """Makes the database itself refuse writes on every connection of this engine, where it can."""
    statements = _ONLY_READ.get(engine.dialect.name, ())

    @sa.event.listens_for(engine, "connect")
    def refuse_writes(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()


def _expect_file(name: str, url: sa.URL) -> None:
    """SQLite would create a missing file and show an empty database."""
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:" and not url.query:
        path = Path(url.database)
        if not path.is_file():
            raise Unavailable(
                f"{name}: the database file {path} is not there", fix="create it or correct the address"
            )
