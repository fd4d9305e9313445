"""Tables that Portico creates and owns in a city's database: one row per natural key, one column per figure.

`portico_owned` remembers which columns of which tables are Portico's and what they hold. A table that is not
listed there is somebody else's, and is never written. What is to be created is listed first and created then, as
not every database takes back a CREATE TABLE with its transaction: what a killed run listed and did not create is created
by the next one, and nothing that it created is taken for somebody else's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connectors.base import Outcome, Patch, Plain, Shown, Target
from connectors.errors import Conflict, ConnectorError, Invalid, OutcomeUnknown
from connectors.keys import natural_id

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_VERSION = "portico_version"
_KEY_LENGTH = 190
_AT_ONCE = 500
"""So many rows are looked at by one statement; every database takes so many bound values."""
_EXACT_TEXT: Mapping[str, Mapping[str, Any]] = {
    dialect: {f"{dialect}_charset": "utf8mb4", f"{dialect}_collate": "utf8mb4_bin"}
    for dialect in ("mysql", "mariadb")
}
"""MariaDB compares text regardless of case and accents unless told otherwise: two keys would be one."""


class _ExactNumber(sa.TypeDecorator[Decimal]):
    """A number that comes back as it went in: text on SQLite, whose NUMERIC is a binary fraction."""

    impl = sa.Numeric(28, 6)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        unlimited = dialect.name == "postgresql"
        return dialect.type_descriptor(sa.Numeric() if unlimited else sa.Numeric(28, 6))

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        return format(value, "f") if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        del dialect
        return None if value is None else Decimal(str(value))


_TYPES: Mapping[str, sa.types.TypeEngine[Any]] = {
    "key": sa.String(_KEY_LENGTH),
    "number": _ExactNumber(),
    "flag": sa.Boolean(),
    "text": sa.Text(),
}


@dataclass(frozen=True, slots=True)
class _Owned:
    """A table of ours: its columns with their kind (key, number, flag, text), and its form for statements."""

    columns: Mapping[str, str]
    table: sa.TableClause


class OwnedTables:
    """The write side of one database.

    Statements are built from declared names only; values are always bound.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._options = _EXACT_TEXT.get(engine.dialect.name, {})
        self._registry = sa.Table(
            "portico_owned",
            sa.MetaData(),
            sa.Column("table_name", sa.String(_KEY_LENGTH), primary_key=True),
            sa.Column("column_name", sa.String(_KEY_LENGTH), primary_key=True),
            sa.Column("kind", sa.String(10), nullable=False),
            sa.Column("position", sa.Integer, nullable=False),
            **self._options,
        )
        self._known: dict[str, _Owned | None] = {}

    def columns(self, name: str) -> Mapping[str, str]:
        """The columns of a table of ours and their kinds; empty where it is not ours or not there yet."""
        with self._engine.connect() as connection:
            owned = self._owned(connection, name)
        return owned.columns if owned else {}

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """The row of each target's key as the database shows it, by one statement for many rows of a table."""
        by_table: dict[str, list[Target]] = {}
        for target in targets:
            by_table.setdefault(target.kind, []).append(target)
        with self._engine.connect() as connection:
            for name, some in by_table.items():
                owned = self._owned(connection, name)
                for start in range(0, len(some), _AT_ONCE):
                    yield from _seen(connection, owned, some[start : start + _AT_ONCE])

    def push(self, patch: Patch) -> Outcome:
        """Inserts or updates one row in one transaction and reads it back within it."""
        problem = _problem(patch)
        if problem is not None:
            return Outcome(patch, error=problem)
        with self._engine.connect() as connection:
            try:
                shown = self._write(connection, patch)
            except (Conflict, Invalid) as refusal:
                connection.rollback()
                return Outcome(patch, error=refusal)
            try:
                connection.commit()
            except DBAPIError:
                self._known.pop(patch.target.kind, None)
                text = (
                    f"{patch.target.kind} {_identity(patch.target)}: the database did not confirm the write"
                )
                return Outcome(patch, error=OutcomeUnknown(text))
        return Outcome(patch, shown)

    def _owned(self, connection: sa.Connection, name: str) -> _Owned | None:
        if self._known.get(name) is None:
            self._known[name] = self._reflected(connection, name)
        return self._known[name]

    def _reflected(self, connection: sa.Connection, name: str) -> _Owned | None:
        """What is listed as ours and is there."""
        inspector = sa.inspect(connection)
        if not inspector.has_table(self._registry.name) or not inspector.has_table(name):
            return None
        mine = self._registry.c
        listed = connection.execute(
            sa.select(mine.column_name, mine.kind).where(mine.table_name == name).order_by(mine.position)
        ).all()
        there = {each["name"] for each in inspector.get_columns(name)}
        columns = {row.column_name: row.kind for row in listed if row.column_name in there}
        return _owned(name, columns) if columns and _VERSION in there else None

    def _write(self, connection: sa.Connection, patch: Patch) -> Shown:
        target = patch.target
        owned = self._prepared(connection, patch)
        before = self._shown(connection, target, tuple(patch.values))
        if patch.version is not None and patch.version != before.version:
            raise Conflict(f"{target.kind} {_identity(target)}: written since it was looked at")
        if before.exists and before.values == dict(patch.values):
            return before
        if any(
            before.values.get(name) != patch.before[name] for name in patch.values if name in patch.before
        ):
            raise Conflict(f"{target.kind} {_identity(target)}: changed by hand since it was looked at")
        stored = {name: value for name, value in patch.values.items() if name in owned.columns}
        if before.exists:
            version = int(before.version or 0)
            statement = (
                sa.update(owned.table)
                .where(*_where(owned, target), owned.table.c[_VERSION] == version)
                .values({**stored, _VERSION: version + 1})
            )
            if connection.execute(statement).rowcount != 1:
                raise Conflict(f"{target.kind} {_identity(target)}: written by someone else just now")
        else:
            try:
                connection.execute(sa.insert(owned.table).values({**stored, **dict(target.key), _VERSION: 1}))
            except sa.exc.IntegrityError:
                raise Conflict(
                    f"{target.kind} {_identity(target)}: created by someone else just now"
                ) from None
        return self._shown(connection, target, tuple(patch.values))

    def _prepared(self, connection: sa.Connection, patch: Patch) -> _Owned:
        """The table of the patch, created or widened where needed.

        Raises Invalid where that is not ours to do.
        """
        name = patch.target.kind
        kinds = {field: _kind(value) for field, value in patch.values.items() if value is not None}
        owned = self._owned(connection, name)
        if owned is None:
            if sa.inspect(connection).has_table(name):
                fix = "name a table that does not exist yet; Portico creates it"
                raise Invalid(f"table {name} exists and was not created by Portico", fix=fix)
            owned = self._created(connection, name, {**{key: "key" for key, _ in patch.target.key}, **kinds})
        keys = {column for column, kind in owned.columns.items() if kind == "key"}
        if keys != {column for column, _ in patch.target.key}:
            raise Invalid(f"table {name} has the key {', '.join(sorted(keys))}, this change has another one")
        for field, kind in kinds.items():
            if owned.columns.get(field, kind) != kind:
                raise Invalid(f"{name}.{field} holds {owned.columns[field]} values, this one is {kind}")
        missing = {field: kind for field, kind in kinds.items() if field not in owned.columns}
        return self._widened(connection, name, owned, missing) if missing else owned

    def _created(self, connection: sa.Connection, name: str, columns: Mapping[str, str]) -> _Owned:
        self._registry.create(connection, checkfirst=True)
        self._list(connection, name, columns, start=0)
        table = sa.Table(name, sa.MetaData(), *[
            sa.Column(column, _TYPES[kind], primary_key=kind == "key") for column, kind in columns.items()
        ], sa.Column(_VERSION, sa.Integer, nullable=False), **self._options)  # fmt: skip
        table.create(connection)
        connection.commit()
        owned = self._known[name] = _owned(name, columns)
        return owned

    def _widened(
        self, connection: sa.Connection, name: str, owned: _Owned, missing: Mapping[str, str]
    ) -> _Owned:
        there = {each["name"] for each in sa.inspect(connection).get_columns(name)}
        foreign = next((column for column in missing if column in there), None)
        if foreign is not None:
            fix = "name another column; Portico creates it"
            raise Invalid(f"{name}.{foreign} exists and was not created by Portico", fix=fix)
        self._list(connection, name, missing, start=len(owned.columns))
        quote = connection.dialect.identifier_preparer.quote
        for column, kind in missing.items():
            type_text = _TYPES[kind].compile(connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {quote(name)} ADD COLUMN {quote(column)} {type_text}"))
        connection.commit()
        wider = self._known[name] = _owned(name, {**owned.columns, **missing})
        return wider

    def _list(self, connection: sa.Connection, name: str, columns: Mapping[str, str], *, start: int) -> None:
        """Lists columns as ours for good, before they are there."""
        mine = self._registry.c
        entries = [
            {"table_name": name, "column_name": column, "kind": kind, "position": position}
            for position, (column, kind) in enumerate(columns.items(), start=start)
        ]
        connection.execute(
            sa.delete(self._registry).where(mine.table_name == name, mine.column_name.in_(columns))
        )
        connection.execute(sa.insert(self._registry), entries)
        connection.commit()

    def _shown(self, connection: sa.Connection, target: Target, fields: Sequence[str]) -> Shown:
        owned = self._owned(connection, target.kind)
        if owned is None:
            return Shown(target, exists=False)
        row = connection.execute(sa.select(owned.table).where(*_where(owned, target))).mappings().first()
        return _shown(target, fields, row)


def _problem(patch: Patch) -> ConnectorError | None:
    target = patch.target
    if not target.key:
        fix = "name the key columns with `key:` beside `to:`"
        return Invalid(f"{target.kind}: a row of a table is written by its key", fix=fix)
    names = [target.kind, *(name for name, _ in target.key), *patch.values]
    bad = next((name for name in names if not _NAME.fullmatch(name) or name == _VERSION), None)
    if bad is not None:
        return Invalid(
            f"{bad!r} cannot be a table or column name here", fix="use letters, digits and underscores"
        )
    return None


def _owned(name: str, columns: Mapping[str, str]) -> _Owned:
    clauses: list[sa.ColumnClause[Any]] = [
        sa.column(column, _TYPES[kind]) for column, kind in columns.items()
    ]
    return _Owned(dict(columns), sa.table(name, *clauses, sa.column(_VERSION, sa.Integer())))


def _seen(connection: sa.Connection, owned: _Owned | None, targets: Sequence[Target]) -> Iterator[Shown]:
    """What the targets of one table show; rows are found by the first column of their key and told apart by all of it."""
    keys = [column for column, kind in owned.columns.items() if kind == "key"] if owned else []
    wanted = {
        target: dict(target.key) for target in targets if {column for column, _ in target.key} == set(keys)
    }
    rows: dict[tuple[str, ...], sa.RowMapping] = {}
    if owned and wanted:
        first = sorted({key[keys[0]] for key in wanted.values()})
        found = connection.execute(sa.select(owned.table).where(owned.table.c[keys[0]].in_(first))).mappings()
        rows = {tuple(row[column] for column in keys): row for row in found}
    for target in targets:
        key = wanted.get(target)
        yield _shown(target, target.fields, rows.get(tuple(key[column] for column in keys)) if key else None)


def _shown(target: Target, fields: Sequence[str], row: sa.RowMapping | None) -> Shown:
    if row is None:
        return Shown(target, exists=False)
    values = {field: row.get(field) for field in fields}
    return Shown(target, exists=True, id=_identity(target), values=values, version=str(row[_VERSION]))


def _where(owned: _Owned, target: Target) -> list[sa.ColumnElement[bool]]:
    missing = [column for column, _ in target.key if column not in owned.columns]
    if missing:
        return [sa.false()]
    return [owned.table.c[column] == value for column, value in target.key]


def _identity(target: Target) -> str:
    return natural_id(value for _, value in target.key)


def _kind(value: Plain) -> str:
    match value:
        case bool():
            return "flag"
        case Decimal():
            return "number"
    return "text"
