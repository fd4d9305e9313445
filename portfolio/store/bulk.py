"""Many rows at the speed of the driver: values are bound a column at a time, a set goes out as one statement.

SQLAlchemy's Core works out the parameters of every row anew, which costs more than either database needs to store it.
On PostgreSQL a larger set is copied in binary, new rows straight into their table, others by way of a temporary one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from sqlalchemy import BigInteger, Connection, Dialect, Integer, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from portfolio.store.types import Document, Instant, Words, bound_document, words

COPIED_FROM = 20
"""Fewer rows than this are not worth a copy."""

AT_ONCE = 50
"""Rows in one statement on SQLite, whose driver lets other threads in between any two steps."""

CHUNK = 500
"""The most values in one list of a statement."""

LARGEST = 2**31 - 1
"""The largest whole number in a column of type Integer."""

BindColumn = Callable[[Sequence[Any]], Sequence[Any]]
Values = list[tuple[Any, ...]]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The parts of the statement for rows of these columns, and how each column's values are bound."""

    table: str
    columns: str
    places: str
    conflict: str
    types: tuple[str, ...]
    binds: tuple[tuple[str, BindColumn], ...]

    def bound(self, rows: Sequence[Row], same: Row) -> Values:
        """The rows as the driver takes them; `same` holds what all of them have in common."""
        many = len(rows)
        columns: list[Iterable[Any]] = [
            repeat(bind([same[name]])[0], many) if name in same else bind([row.get(name) for row in rows])
            for name, bind in self.binds
        ]
        return list(zip(*columns, strict=True))


@lru_cache(maxsize=256)
def _shape(
    dialect: Dialect, table: Table, names: tuple[str, ...], key: tuple[str, ...], once: tuple[str, ...]
) -> _Shape:
    quote = dialect.identifier_preparer.quote
    sets = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in names if name not in (*key, *once))
    action = f"DO UPDATE SET {sets}" if sets else "DO NOTHING"
    types = {name: table.c[name].type for name in names}
    return _Shape(
        table=quote(table.name),
        columns=", ".join(map(quote, names)),
        places=", ".join([place(dialect)] * len(names)),
        conflict=f"ON CONFLICT ({', '.join(map(quote, key))}) {action}" if key else "",
        types=tuple(kind.compile(dialect).lower() for kind in types.values()),
        binds=tuple((name, _bind(kind, dialect)) for name, kind in types.items()),
    )


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> BindColumn:
    if isinstance(kind, Words):
        return _words
    if isinstance(kind, Instant):
        return _instants_of_sqlite if dialect.name == "sqlite" else _instants
    if isinstance(kind, Integer) and not isinstance(kind, BigInteger):
        return _integers
    each = (
        bound_document if isinstance(kind, Document) else kind.dialect_impl(dialect).bind_processor(dialect)
    )
    if each is None:
        return lambda values: values
    return lambda values: [None if value is None else each(value) for value in values]


def _words(values: Sequence[str | None]) -> Sequence[str | None]:
    """Texts that both databases hold. Most columns hold nothing else, which one look at all of it shows."""
    every = "".join([value for value in values if value is not None])
    try:
        every.encode()
    except UnicodeEncodeError:
        sound = False
    else:
        sound = "\x00" not in every
    return values if sound else [None if value is None else words(value) for value in values]


def _integers(values: Sequence[int | None]) -> Sequence[int | None]:
    """Numbers of 32 bits; the driver of PostgreSQL would cut a larger one without a word."""
    largest = max((abs(value) for value in values if value is not None), default=0)
    if largest > LARGEST:
        raise OverflowError(f"a whole number beyond {LARGEST}")
    return values


def _instants(values: Sequence[datetime | None]) -> Sequence[datetime | None]:
    return [value if value is None or value.tzinfo is UTC else _utc(value) for value in values]


def _instants_of_sqlite(values: Sequence[datetime | None]) -> Sequence[str | None]:
    """As SQLAlchemy writes them, which takes five times as long."""
    return [
        None if value is None else value.isoformat(" ", "microseconds")[:26] for value in _instants(values)
    ]


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"naive instant {value!r}")
    return value.astimezone(UTC)


def instant(found: datetime | str | None) -> datetime | None:
    """An instant as a driver gives it, aware."""
    return datetime.fromisoformat(f"{found}+00:00") if isinstance(found, str) else found


def place(dialect: Dialect) -> str:
    """How a value's place is written in a statement for the driver."""
    return "?" if dialect.paramstyle == "qmark" else "%s"


def insert(
    db: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    columns: Sequence[str] = (),
    same: Row | None = None,
) -> None:
    """Inserts rows that are new for certain.

    `columns` (those of the first row unless given) are taken from each row, null where it has none; `same` are the
    values that all rows have in common.
    """
    same = same or {}
    if rows:
        shape = _shape(db.dialect, table, (*(columns or rows[0]), *same), (), ())
        _send(db, shape, shape.bound(rows, same))


def upsert(
    db: Connection,
    table: Table,
    rows: Sequence[Row],
    key: Sequence[str],
    *,
    columns: Sequence[str] = (),
    same: Row | None = None,
    once: Sequence[str] = (),
) -> None:
    """Inserts rows as `insert` does, or replaces the columns of those whose `key` exists, but for `once`."""
    same = same or {}
    if rows:
        shape = _shape(db.dialect, table, (*(columns or rows[0]), *same), tuple(key), tuple(once))
        _send(db, shape, shape.bound(rows, same))


def _send(db: Connection, shape: _Shape, values: Values) -> None:
    into = f"INSERT INTO {shape.table} ({shape.columns})"
    if db.dialect.name == "postgresql" and len(values) >= COPIED_FROM:
        if not shape.conflict:
            _copy(db, shape, shape.table, values)
            return
        staged = f'"copied_{shape.table.strip(chr(34))}"'
        db.exec_driver_sql(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} ON COMMIT DELETE ROWS"
            f" AS TABLE {shape.table} WITH NO DATA"
        )
        _copy(db, shape, staged, values)
        db.exec_driver_sql(f"{into} SELECT {shape.columns} FROM {staged} {shape.conflict}")  # noqa: S608  as below
        db.exec_driver_sql(f"TRUNCATE {staged}")
        return
    if db.dialect.name == "sqlite":
        several = ", ".join([f"({shape.places})"] * AT_ONCE)
        while len(values) >= AT_ONCE:
            some, values = values[:AT_ONCE], values[AT_ONCE:]
            db.exec_driver_sql(f"{into} VALUES {several} {shape.conflict}", tuple(chain.from_iterable(some)))
    if values:
        db.exec_driver_sql(f"{into} VALUES ({shape.places}) {shape.conflict}", values)


def _copy(db: Connection, shape: _Shape, table: str, values: Values) -> None:
    cursor: Any = db.connection.cursor()
    driver: Any = db.dialect.loaded_dbapi
    statement = f"COPY {table} ({shape.columns}) FROM STDIN (FORMAT BINARY)"
    try:
        with cursor, cursor.copy(statement) as copy:
            copy.set_types(shape.types)
            for each in values:
                copy.write_row(each)
    except driver.Error as error:
        raise DBAPIError.instance(statement, None, error, driver.Error, dialect=db.dialect) from error


def found(
    db: Connection, table: Table, columns: str, where: Mapping[str, Any], name: str, values: Sequence[str]
) -> Iterator[Any]:
    """The rows with these texts in column `name`, as the driver gives them. `columns` is the SQL after SELECT.

    On PostgreSQL each text is looked up by itself: before a table's first ANALYZE its planner would rather read through
    all rows of the connection.
    """
    quote = db.dialect.identifier_preparer.quote
    mark = place(db.dialect)
    fixed = " AND ".join(f"{quote(each)} = {mark}" for each in where)
    chosen = f"SELECT {columns} FROM {quote(table.name)} WHERE {fixed} AND {quote(name)}"  # noqa: S608  our own names
    for start in range(0, len(values), CHUNK):
        some = values[start : start + CHUNK]
        if db.dialect.name == "postgresql":
            wanted = "SELECT found.* FROM unnest(%s::text[]) AS wanted(text)"
            alone = f"LATERAL ({chosen} = wanted.text OFFSET 0) AS found"
            yield from db.exec_driver_sql(f"{wanted}, {alone}", (list(some), *where.values())).all()
        else:
            listed = ", ".join([mark] * len(some))
            yield from db.exec_driver_sql(f"{chosen} IN ({listed})", (*where.values(), *some)).all()
