"""A ServiceNow instance's tables: rows of text, typed columns, inheritance, references, system tables."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from sandbox.servicenow_query import Query, as_number

Row = dict[str, str]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Column:
    """A dictionary entry. `choices` are pairs of stored value and label; `reference` is the table meant."""

    name: str
    label: str = ""
    type: str = "string"
    reference: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    max_length: int = 255
    read_only: bool = False
    mandatory: bool = False


SYSTEM_COLUMNS = (
    Column("sys_id", "Sys ID", "GUID", max_length=32, read_only=True),
    Column("sys_created_on", "Created", "glide_date_time", read_only=True),
    Column("sys_created_by", "Created by", read_only=True, max_length=40),
    Column("sys_updated_on", "Updated", "glide_date_time", read_only=True),
    Column("sys_updated_by", "Updated by", read_only=True, max_length=40),
    Column("sys_mod_count", "Updates", "integer", read_only=True),
    Column("sys_class_name", "Class", "sys_class_name", read_only=True, max_length=80),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table's definition: own columns, to which those of `parent` come. `display` names a row."""

    name: str
    label: str
    columns: tuple[Column, ...]
    parent: str = ""
    display: str = "name"


_META = (
    Table(
        "sys_db_object",
        "Tables",
        (Column("name"), Column("label"), Column("super_class", "Extends", "reference", "sys_db_object")),
    ),
    Table(
        "sys_dictionary",
        "Dictionary Entries",
        (
            Column("name", "Table"),
            Column("element", "Column name"),
            Column("column_label", "Column label"),
            Column("internal_type", "Type"),
            Column("reference", "Reference"),
            Column("max_length", "Max length", "integer"),
            Column("mandatory", "Mandatory", "boolean"),
            Column("read_only", "Read only", "boolean"),
            Column("active", "Active", "boolean"),
        ),
    ),
    Table(
        "sys_choice",
        "Choices",
        (
            Column("name", "Table"),
            Column("element"),
            Column("value"),
            Column("label"),
            Column("language"),
            Column("inactive", "Inactive", "boolean"),
            Column("sequence", "Sequence", "integer"),
        ),
    ),
)


RATES = {"USD": Decimal(1), "EUR": Decimal("0.9")}
"""What one dollar, in which amounts are stored, is in the currency of an account's locale."""
_CURRENCIES = {"USD": "${:,.2f}", "EUR": "€{:,.2f}"}


def sys_id(*parts: str) -> str:
    """The stable 32 hexadecimal digits of a record that the parts name."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def stamp(instant: datetime | None) -> str:
    """An instant as ServiceNow stores it: UTC, whole seconds, no zone marker; None is empty."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if instant else ""


class Tables:
    """The rows of an instance, as text, with who wrote what.

    Every accepted change is in `write_log` as `{"table", "record", "field", "before", "after", "by"}`.
    """

    def __init__(self, tables: Iterable[Table], now: Clock) -> None:
        self.now = now
        self.audited: set[str] = set()
        """Tables whose deletions are recorded."""
        self.write_log: list[dict[str, str]] = []
        self._tables = {each.name: each for each in (*_META, *tables)}
        self._columns: dict[str, Mapping[str, Column]] = {}
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in self._tables}
        for each in self._tables.values():
            self._describe(each)

    def _describe(self, table: Table) -> None:
        parent = sys_id("sys_db_object", table.parent) if table.parent else ""
        about = {"name": table.name, "label": table.label, "super_class": parent}
        self.load("sys_db_object", {"sys_id": sys_id("sys_db_object", table.name), **about})
        for column in (*(() if table.parent else SYSTEM_COLUMNS), *table.columns):
            names = {"name": table.name, "element": column.name}
            self.load(
                "sys_dictionary",
                {
                    **names,
                    "sys_id": sys_id("sys_dictionary", table.name, column.name),
                    "column_label": column.label or column.name,
                    "internal_type": column.type,
                    "reference": column.reference,
                    "max_length": str(column.max_length),
                    "mandatory": _flag(on=column.mandatory),
                    "read_only": _flag(on=column.read_only),
                    "active": "true",
                },
            )
            for place, (value, label) in enumerate(column.choices):
                self.load(
                    "sys_choice",
                    {
                        **names,
                        "sys_id": sys_id("sys_choice", table.name, column.name, value),
                        "value": value,
                        "label": label,
                        "language": "en",
                        "inactive": "false",
                        "sequence": str(place),
                    },
                )

    def add_column(self, name: str, column: Column) -> None:
        """A column that an administrator creates: empty in every row, and in the dictionary."""
        table = self._tables[name]
        self._tables[name] = replace(table, columns=(*table.columns, column))
        self._columns.clear()
        for row in self.rows(name):
            row.setdefault(column.name, "")
        self._describe(self._tables[name])

    def has(self, name: str) -> bool:
        """Whether the table is installed."""
        return name in self._tables

    def table(self, name: str) -> Table:
        """The definition of a table. Raises KeyError."""
        return self._tables[name]

    def columns(self, name: str) -> Mapping[str, Column]:
        """All columns of a table, inherited ones included."""
        if name not in self._columns:
            table = self._tables[name]
            system = {each.name: each for each in SYSTEM_COLUMNS}
            inherited = self.columns(table.parent) if table.parent else system
            self._columns[name] = {**inherited, **{each.name: each for each in table.columns}}
        return self._columns[name]

    def column(self, name: str, path: str) -> Column | None:
        """The column at the end of a (dot-walked) path, or None if there is no such field."""
        first, _, rest = path.partition(".")
        column = self.columns(name).get(first)
        if column is None or not rest:
            return column
        return self.column(column.reference, rest) if self.has(column.reference) else None

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of a table and of the tables that extend it."""
        yield from self._rows[name].values()
        for child in self._tables.values():
            if child.parent == name:
                yield from self.rows(child.name)

    def find(self, name: str, id_: str) -> Row | None:
        """The row of that sys_id in the table or one that extends it."""
        if id_ in self._rows[name]:
            return self._rows[name][id_]
        children = (each.name for each in self._tables.values() if each.parent == name)
        return next((row for child in children if (row := self.find(child, id_)) is not None), None)

    def select(self, name: str, query: Query) -> list[Row]:
        """The rows that the query wants, in its order; what it does not order stands as it came."""
        found = [row for row in self.rows(name) if query.matches(partial(self.value, name, row))]
        for path, descending in reversed(query.order):
            column = self.column(name, path)
            numeric = column is not None and column.type in ("integer", "decimal")
            found.sort(
                key=lambda row: _sort_key(self.value(name, row, path), numeric=numeric),
                reverse=descending,
            )
        return found

    def value(self, name: str, row: Row, path: str) -> str:
        """The stored value at a (dot-walked) path; empty where a reference on the way is."""
        first, _, rest = path.partition(".")
        if not rest:
            return row.get(first, "")
        target = self.columns(name)[first].reference
        pointed = self.find(target, row.get(first, "")) if self.has(target) else None
        return self.value(target, pointed, rest) if pointed else ""

    def converted(self, column: Column, value: str, currency: str) -> str:
        """The value as the interface gives it: an amount comes in the currency of the account's locale."""
        if column.type != "currency" or not value:
            return value
        return f"{Decimal(value) * RATES[currency]:.2f}"

    def shown(self, column: Column, value: str, zone: ZoneInfo, currency: str = "USD") -> str:
        """The display value: a choice's label, a reference's name, a date-time in the user's zone, an amount."""
        if not value:
            return ""
        if column.type == "reference" and self.has(column.reference):
            pointed = self.find(column.reference, value)
            return pointed.get(self.table(column.reference).display, "") if pointed else ""
        if column.type == "currency":
            return _CURRENCIES[currency].format(Decimal(self.converted(column, value, currency)))
        if column.type == "glide_date_time":
            return (
                datetime.fromisoformat(value)
                .replace(tzinfo=UTC)
                .astimezone(zone)
                .strftime("%Y-%m-%d %H:%M:%S")
            )
        return dict(column.choices).get(value, value)

    def load(self, name: str, values: Mapping[str, str]) -> Row:
        """Puts a row in as it is, without a trace in the write log: for seeding."""
        row = dict.fromkeys(self.columns(name), "")
        row |= {
            "sys_mod_count": "0",
            "sys_class_name": name,
            "sys_created_by": "system",
            "sys_updated_by": "system",
        }
        row |= values
        row["sys_created_on"] = row["sys_created_on"] or row["sys_updated_on"] or "2020-01-01 00:00:00"
        row["sys_updated_on"] = row["sys_updated_on"] or row["sys_created_on"]
        self._rows[name][row["sys_id"]] = row
        return row

    def insert(self, name: str, values: Mapping[str, str], by: str) -> Row:
        """A new row, written by `by` now."""
        at = stamp(self.now())
        id_ = sys_id(name, at, str(len(self._rows[name])), str(len(self.write_log)))
        row = self.load(
            name,
            {
                "sys_id": id_,
                "sys_created_on": at,
                "sys_updated_on": at,
                "sys_created_by": by,
                "sys_updated_by": by,
            },
        )
        self._write(name, row, values, by)
        return row

    def edit(self, name: str, id_: str, /, by: str, **values: str) -> Row:
        """Changes a row; `sys_mod_count` and `sys_updated_on` move if anything did.

        Raises KeyError for an unknown row.
        """
        row = self.find(name, id_)
        if row is None:
            raise KeyError(id_)
        if self._write(name, row, values, by):
            row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)
            row["sys_updated_on"] = stamp(self.now())
            row["sys_updated_by"] = by
        return row

    def delete(self, name: str, id_: str) -> None:
        """Takes a row out. Nothing in the table tells of it; the audit of deletions does, if the table is audited.

        Raises KeyError for an unknown row.
        """
        row = self.find(name, id_)
        if row is None:
            raise KeyError(id_)
        if row["sys_class_name"] in self.audited and self.has("sys_audit_delete"):
            at = stamp(self.now())
            self.load(
                "sys_audit_delete",
                {
                    "sys_id": sys_id("audit", id_, at),
                    "tablename": row["sys_class_name"],
                    "documentkey": id_,
                    "sys_created_on": at,
                },
            )
        del self._rows[row["sys_class_name"]][id_]

    def _write(self, name: str, row: Row, values: Mapping[str, str], by: str) -> bool:
        changed = {each: value for each, value in values.items() if row.get(each) != value}
        for each, value in changed.items():
            self.write_log.append(
                {
                    "table": name,
                    "record": row["sys_id"],
                    "field": each,
                    "before": row.get(each, ""),
                    "after": value,
                    "by": by,
                }
            )
        row.update(changed)
        return bool(changed)


@dataclass(slots=True)
class Rights:
    """What the integration's account may not do; each of it is silent, as in ServiceNow."""

    hidden: set[str] = field(default_factory=set)
    """Records (sys_id) that a row rule takes out of a page after the limit was applied."""
    closed: set[str] = field(default_factory=set)
    """Tables that answer 403."""
    unreadable: dict[str, set[str]] = field(default_factory=dict)
    """Fields, per table, whose key is left out of answers."""
    unwritable: dict[str, set[str]] = field(default_factory=dict)
    """Fields, per table, that a write passes over without a word."""
    frozen: set[str] = field(default_factory=set)
    """Records (sys_id) whose update is refused with 403."""


def stored(column: Column, value: str) -> str | None:
    """What the column keeps of a written value; None: it ignores it (unknown choice, no number, no date)."""
    if not value:
        return None if column.choices else ""
    if column.choices:
        return value if value in dict(column.choices) else None
    if column.type == "boolean":
        return _flag(on=value.lower() in ("true", "1", "yes"))
    if column.type in ("decimal", "currency", "percent_complete"):
        number = as_number(value)
        return None if number is None else f"{number:.2f}".rstrip("0").rstrip(".")
    if column.type == "integer":
        number = as_number(value)
        return None if number is None else str(int(number))
    if column.type in ("glide_date", "glide_date_time"):
        return _moment(column.type, value)
    return value[: column.max_length]


def _moment(type_: str, value: str) -> str | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.strftime("%Y-%m-%d" if type_ == "glide_date" else "%Y-%m-%d %H:%M:%S")


def _sort_key(value: str, *, numeric: bool) -> tuple[bool, object]:
    number = as_number(value) if numeric and value else None
    return (bool(value), number if number is not None else value)


def _flag(*, on: bool) -> str:
    return "true" if on else "false"
