"""A table's columns by ServiceNow's dictionary, and how a plain value looks in each type."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import UNDESCRIBED, FieldInfo, Plain
from connectors.errors import ContractBroken
from connectors.servicenow.limits import HINT, never_written
from connectors.servicenow.query import any_of, joined
from connectors.servicenow.recipe import access_rule
from connectors.servicenow.table import Reader, Row, TableClosed, TableNotThere, text_of

_MOST_PARENTS = 10
_NUMBERS = frozenset(
    [
        "integer",
        "longint",
        "decimal",
        "float",
        "numeric",
        "percent_complete",
        "currency",
        "currency2",
        "price",
    ]
)
_INSTANTS = frozenset(["glide_date_time", "due_date", "datetime"])
_STORED_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_PLAIN_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_CURRENCY = re.compile(r"[A-Z]{3};")


@dataclass(frozen=True, slots=True)
class Column:
    """A dictionary entry. `type` is the internal type, empty where the dictionary could not be read."""

    name: str
    label: str = ""
    type: str = ""
    options: tuple[str, ...] = ()
    max_length: int | None = None
    read_only: bool = False
    required: bool = False

    def decode(self, cell: Any) -> Plain:
        """The plain value of a stored cell; empty is None."""
        text = text_of(cell)
        if not text:
            return None
        if self.type == "boolean":
            return text in ("true", "1")
        if self.type in _NUMBERS:
            number = _number(text)
            return text if number is None else number
        if (self.type in _INSTANTS or not self.type) and _STORED_INSTANT.fullmatch(text):
            return text.replace(" ", "T") + "Z"
        return text

    def encode(self, value: Plain) -> str:
        """The stored text of a plain value; one too long for the column ends with an ellipsis."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Decimal):
            return f"{value:f}"
        instant = _PLAIN_INSTANT.fullmatch(value)
        if instant and (self.type in _INSTANTS or not self.type):
            return f"{instant[1]} {instant[2]}"
        if self.type == "string" and self.max_length and len(value) > self.max_length:
            return value[: self.max_length - 1] + "…"
        return value

    def shows(self, value: Plain, cell: Any) -> bool:
        """Whether a cell holds that value already."""
        shown = self.decode(cell)
        if isinstance(value, Decimal) and isinstance(shown, str):
            return _number(shown) == value
        return shown == (
            value if isinstance(value, Decimal | bool) or value is None else self.decode(self.encode(value))
        )


class Columns:
    """The columns of the tables of one instance, read once each."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[str, Mapping[str, Column]] = {}

    def of(self, table: str) -> Mapping[str, Column]:
        """All columns by name, inherited ones included; empty if the dictionary is closed."""
        if table not in self._known:
            self._known[table] = self._read(table)
        return self._known[table]

    def column(self, table: str, name: str) -> Column:
        """One column; of unknown type where the dictionary does not tell."""
        return self.of(table).get(name) or Column(name)

    def describe(self, table: str) -> Sequence[FieldInfo]:
        """What `Connector.describe` gives; without the dictionary, what one row shows, unwritable."""
        columns = self.of(table)
        row = next(iter(self._reader.some(table, "", (), 1).rows), None)
        if columns:
            return [_info(table, column, row) for column in columns.values()]
        if row is None:
            raise ContractBroken(
                f"Neither the dictionary nor any record of {table} can be read.",
                fix=f"{access_rule(table, 'read')} The same for sys_dictionary.",
            )
        hint = f"{access_rule('sys_dictionary', 'read')} The same for sys_choice and sys_db_object: then columns are checked."
        return [FieldInfo(id=name, name=name, type=UNDESCRIBED, hint=hint) for name in row]

    def _read(self, table: str) -> Mapping[str, Column]:
        lineage = self._lineage(table)
        try:
            entries = list(
                self._reader.by_id(
                    "sys_dictionary",
                    joined(any_of("name", lineage), "elementISNOTEMPTY"),
                    (
                        "name",
                        "element",
                        "column_label",
                        "internal_type",
                        "max_length",
                        "mandatory",
                        "read_only",
                        "active",
                    ),
                )
            )
        except (TableClosed, TableNotThere):
            return {}
        options = self._options(lineage)
        entries = [each for each in entries if text_of(each.get("name")) in lineage and each.get("element")]
        columns: dict[str, Column] = {}
        for entry in sorted(entries, key=lambda each: -lineage.index(text_of(each["name"]))):
            column = _column(entry, options)
            columns[column.name] = column
        return columns

    def _lineage(self, table: str) -> list[str]:
        """The table and those that it extends, nearest first."""
        lineage = [table]
        while len(lineage) < _MOST_PARENTS:
            try:
                page = self._reader.some(
                    "sys_db_object", f"name={lineage[-1]}", ("name", "super_class.name"), 2
                )
            except (TableClosed, TableNotThere):
                break
            rows = [row for row in page.rows if text_of(row.get("name")) == lineage[-1]]
            parent = text_of(rows[0].get("super_class.name")) if rows else ""
            if not parent:
                break
            lineage.append(parent)
        return lineage

    def _options(self, lineage: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """The accepted stored values by element; those of the nearest table count."""
        try:
            rows = list(
                self._reader.by_id(
                    "sys_choice",
                    joined(any_of("name", lineage), "inactive=false"),
                    ("name", "element", "value", "inactive", "sequence"),
                )
            )
        except (TableClosed, TableNotThere):
            return {}
        found: dict[str, dict[str, dict[str, int]]] = {}
        for row in rows:
            table, element = text_of(row.get("name")), text_of(row.get("element"))
            if table in lineage and text_of(row.get("inactive")) != "true":
                place = text_of(row.get("sequence"))
                values = found.setdefault(element, {}).setdefault(table, {})
                values[text_of(row.get("value"))] = int(place) if place.isdecimal() else 0
        return {
            element: tuple(
                sorted(
                    tables[min(tables, key=lineage.index)],
                    key=tables[min(tables, key=lineage.index)].__getitem__,
                )
            )
            for element, tables in found.items()
        }


def _column(entry: Row, options: Mapping[str, tuple[str, ...]]) -> Column:
    name = text_of(entry["element"])
    length = text_of(entry.get("max_length"))
    return Column(
        name=name,
        label=text_of(entry.get("column_label")) or name,
        type=text_of(entry.get("internal_type")),
        options=options.get(name, ()),
        max_length=int(length) if length.isdecimal() else None,
        read_only=text_of(entry.get("read_only")) == "true",
        required=text_of(entry.get("mandatory")) == "true",
    )


def _info(table: str, column: Column, row: Row | None) -> FieldInfo:
    hint = ""
    if column.name.startswith("sys_"):
        hint = "The platform keeps this column itself."
    elif never_written([column.name]):
        hint = HINT
    elif column.read_only:
        hint = f"System Definition > Dictionary > {table}.{column.name}: clear Read only."
    elif row is not None and column.name not in row:
        hint = f"{access_rule(table, 'read', column.name)} The same once more with Operation write."
    return FieldInfo(
        id=column.name,
        name=column.label,
        type=column.type,
        options=column.options,
        writable=not hint,
        required=column.required,
        hint=hint,
        holds="text",
    )


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(_CURRENCY.sub("", text, count=1).replace(",", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
