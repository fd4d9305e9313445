"""Many rows at the speed of the driver: each column's values are bound by one function, a set goes out as one statement.

SQLAlchemy's Core works out the parameters of every row anew, which costs more than either database needs to store it.
On PostgreSQL a larger set is copied into a temporary table and merged from there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Table
from sqlalchemy.types import TypeEngine

from portfolio.store.types import Instant, Words, words

COPIED_FROM = 20
"""Fewer rows than this are not worth a copy."""

AT_ONCE = 50
"""Rows in one statement on SQLite, whose driver lets other threads in between any two steps."""

CHUNK = 400
"""The most values in one list of a statement."""

Bind = Callable[[Any], Any] | None
Values = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The parts of the statement for rows of these columns, and how each value is bound (None: as it is)."""

    table: str
    columns: str
    places: str
    conflict: str
    binds: tuple[tuple[str, Bind], ...]

    def bound(self, rows: Sequence[Mapping[str, Any]]) -> Values:
        binds = self.binds
        return [
            tuple(
                [
                    value if (value := row[name]) is None or bind is None else bind(value)
                    for name, bind in binds
                ]
            )
            for row in rows
        ]


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
        places=", ".join([_place(dialect)] * len(names)),
        conflict=f"ON CONFLICT ({', '.join(map(quote, key))}) {action}" if key else "",
        binds=tuple((name, _bind(kind, dialect)) for name, kind in types.items()),
    )


def bind(db: Connection, column: Column[Any]) -> Callable[[Any], Any]:
    """How a value of a column is given to the driver. The results of one column compare as the values do."""
    return _bind(column.type, db.dialect) or (lambda value: value)


def _bind(kind: TypeEngine[Any], dialect: Dialect) -> Bind:
    if isinstance(kind, Words):
        return words
    if isinstance(kind, Instant) and dialect.name == "sqlite":
        return _instant_of_sqlite
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _instant_of_sqlite(value: datetime) -> str:
    """As SQLAlchemy writes it, which takes five times as long."""
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise ValueError(f"naive instant {value!r}")
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[:26]


def _place(dialect: Dialect) -> str:
    return "?" if dialect.paramstyle == "qmark" else "%s"


def insert(db: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows. All carry the same columns."""
    if rows:
        _send(db, _shape(db.dialect, table, tuple(rows[0]), (), ()), rows)


def upsert(
    db: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    *,
    once: Sequence[str] = (),
) -> None:
    """Inserts rows, or replaces the columns of those whose `key` exists, but for `once`. All carry the same columns."""
    if rows:
        _send(db, _shape(db.dialect, table, tuple(rows[0]), tuple(key), tuple(once)), rows)


def _send(db: Connection, shape: _Shape, rows: Sequence[Mapping[str, Any]]) -> None:
    into = f"INSERT INTO {shape.table} ({shape.columns})"
    if db.dialect.name == "postgresql" and len(rows) >= COPIED_FROM:
        staged = f'"copied_{shape.table.strip(chr(34))}"'
        _copy(db, shape, staged, shape.bound(rows))
        db.exec_driver_sql(f"{into} SELECT {shape.columns} FROM {staged} {shape.conflict}")  # noqa: S608  as below
        db.exec_driver_sql(f"TRUNCATE {staged}")
        return
    values = shape.bound(rows)
    if db.dialect.name == "sqlite":
        several = ", ".join([f"({shape.places})"] * AT_ONCE)
        while len(values) >= AT_ONCE:
            some, values = values[:AT_ONCE], values[AT_ONCE:]
            db.exec_driver_sql(f"{into} VALUES {several} {shape.conflict}", tuple(chain.from_iterable(some)))
    if values:
        db.exec_driver_sql(f"{into} VALUES ({shape.places}) {shape.conflict}", values)


def _copy(db: Connection, shape: _Shape, staged: str, values: Values) -> None:
    db.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} ON COMMIT DELETE ROWS"
        f" AS TABLE {shape.table} WITH NO DATA"
    )
    cursor: Any = db.connection.cursor()
    with cursor, cursor.copy(f"COPY {staged} ({shape.columns}) FROM STDIN") as copy:
        for each in values:
            copy.write_row(each)


def found(
    db: Connection, table: Table, columns: str, where: Mapping[str, Any], name: str, values: Sequence[str]
) -> Iterator[Any]:
    """The rows with these texts in column `name`, as the driver gives them. `columns` is the SQL after SELECT.

    On PostgreSQL each text is looked up by itself: before a table's first ANALYZE its planner would rather read through
    all rows of the connection.
    """
    quote = db.dialect.identifier_preparer.quote
    place = _place(db.dialect)
    fixed = " AND ".join(f"{quote(each)} = {place}" for each in where)
    chosen = f"SELECT {columns} FROM {quote(table.name)} WHERE {fixed} AND {quote(name)}"  # noqa: S608  our own names
    for start in range(0, len(values), CHUNK):
        some = values[start : start + CHUNK]
        if db.dialect.name == "postgresql":
            wanted = "SELECT found.* FROM unnest(%s::text[]) AS wanted(text)"
            alone = f"LATERAL ({chosen} = wanted.text OFFSET 0) AS found"
            yield from db.exec_driver_sql(f"{wanted}, {alone}", (list(some), *where.values()))
        else:
            listed = ", ".join([place] * len(some))
            yield from db.exec_driver_sql(f"{chosen} IN ({listed})", (*where.values(), *some))
