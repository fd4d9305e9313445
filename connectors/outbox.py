"""The outbox of a drop folder.

One table per kind as CSV and XLSX, with control totals, rewritten whole and atomically.
"""

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import simplejson

from connectors.base import Outcome, Patch, Plain, Shown, Target
from connectors.errors import Conflict, ConnectorError, ContractBroken, Invalid, Unavailable
from connectors.keys import natural_id

_SPREADSHEET_DIGITS = 15
_CENT = Decimal("0.01")
_RECONCILIATION, _YEAR = "reconciliation", "fiscal_year"
_FILE_WORD = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Row:
    values: Mapping[str, Plain]
    version: int


class Outbox:
    """Tables that finance picks up.

    Each holds every row ever written; `KIND.state.json` beside them is its memory.

    A push writes `KIND.csv`, `KIND.xlsx`, then `KIND.manifest.json` (row count, sum of each amount column,
    hashes), then the state: a crash in between leaves the state behind, so that the next run writes the same
    rows again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def columns(self, kind: str) -> list[str]:
        """The columns written so far, natural key first."""
        return _columns(self._load(kind))

    def look(self, target: Target) -> Shown:
        """The row of a target as last written."""
        return _shown(target, self._load(target.kind).get(target.key), target.fields)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Merges the patches and rewrites each kind's files once.

        Raises Unavailable where the folder cannot be written.
        """
        kinds = dict.fromkeys(patch.target.kind for patch in patches)
        for kind in kinds:
            yield from self._push_kind(kind, [patch for patch in patches if patch.target.kind == kind])

    def _push_kind(self, kind: str, patches: Sequence[Patch]) -> list[Outcome]:
        if not _FILE_WORD.fullmatch(kind):
            return [Outcome(patch, error=Invalid(f"{kind!r} cannot be a file name")) for patch in patches]
        rows = self._load(kind)
        before = dict(rows)
        outcomes = [_merge(rows, patch) for patch in patches]
        if rows != before:
            self._write(kind, rows)
        return outcomes

    def _load(self, kind: str) -> dict[Key, _Row]:
        path = self.folder / f"{kind}.state.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Unavailable(f"{path}: cannot be read ({error.strerror})") from None
        try:
            entries = simplejson.loads(text, parse_float=Decimal, parse_int=Decimal)["rows"]
            return {
                tuple((name, value) for name, value in entry["key"]): _Row(
                    entry["values"], int(entry["version"])
                )
                for entry in entries
            }
        except (ValueError, KeyError, TypeError):
            fix = "restore it from a backup, or remove it to write all rows anew"
            raise ContractBroken(f"{path}: not the state that was written there", fix=fix) from None

    def _write(self, kind: str, rows: Mapping[Key, _Row]) -> None:
        columns = _columns(rows)
        table = [{**dict(key), **row.values} for key, row in sorted(rows.items())]
        as_csv, as_xlsx = _csv_bytes(columns, table), _xlsx_bytes(kind, columns, table)
        manifest = {
            "rows": len(table),
            "sums": {column: str(total) for column, total in _sums(columns, table).items()},
            "sha256": {
                f"{kind}.csv": hashlib.sha256(as_csv).hexdigest(),
                f"{kind}.xlsx": hashlib.sha256(as_xlsx).hexdigest(),
            },
        }
        state = {
            "rows": [
                {"key": key, "values": dict(row.values), "version": row.version}
                for key, row in sorted(rows.items())
            ]
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace(self.folder / f"{kind}.csv", as_csv)
            _replace(self.folder / f"{kind}.xlsx", as_xlsx)
            _replace(self.folder / f"{kind}.manifest.json", _json_bytes(manifest))
            _replace(self.folder / f"{kind}.state.json", _json_bytes(state))
        except OSError as error:
            fix = "let this account write there"
            raise Unavailable(f"{self.folder}: cannot be written ({error.strerror})", fix=fix) from None


def _merge(rows: dict[Key, _Row], patch: Patch) -> Outcome:
    error: ConnectorError
    target = patch.target
    if not target.key:
        error = Invalid(
            f"{target.kind}: a file row is written by its key, and this change names a record by id",
            fix="write figures to files by budget code, fiscal year and period",
        )
        return Outcome(patch, error=error)
    row = rows.get(target.key)
    moved = patch.version is not None and patch.version != (str(row.version) if row else None)
    now = row.values if row else {}
    if moved or any(now.get(name) != patch.before[name] for name in patch.values if name in patch.before):
        return Outcome(
            patch, error=Conflict(f"{target.kind} {_identity(target)}: written since it was looked at")
        )
    values = {**(row.values if row else {}), **patch.values}
    if row is None or values != row.values:
        row = rows[target.key] = _Row(values, row.version + 1 if row else 1)
    return Outcome(patch, _shown(target, row, tuple(patch.values)))


def _identity(target: Target) -> str:
    return natural_id(value for _, value in target.key)


def _shown(target: Target, row: _Row | None, fields: Sequence[str]) -> Shown:
    if row is None:
        return Shown(target, exists=False)
    values = {field: row.values.get(field) for field in fields}
    return Shown(target, exists=True, id=_identity(target), values=values, version=str(row.version))


def _columns(rows: Mapping[Key, _Row]) -> list[str]:
    keys = dict.fromkeys(name for key in rows for name, _ in key)
    return list(keys | dict.fromkeys(name for row in rows.values() for name in row.values))


def _sums(columns: Sequence[str], table: Sequence[Mapping[str, Plain]]) -> dict[str, Decimal]:
    amounts = {
        column: [value for row in table if isinstance(value := row.get(column), Decimal)]
        for column in columns
    }
    return {column: sum(values, Decimal(0)) for column, values in amounts.items() if values}


def _safe_text(value: Plain) -> str:
    """The cell as CSV text that no spreadsheet runs as a formula (CWE-1236).

    A dangerous start gets an apostrophe.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
    if value.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _csv_bytes(columns: Sequence[str], table: Sequence[Mapping[str, Plain]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_safe_text(column) for column in columns])
    writer.writerows([_safe_text(row.get(column)) for column in columns] for row in table)
    return text.getvalue().encode("utf-8")


def _xlsx_bytes(kind: str, columns: Sequence[str], table: Sequence[Mapping[str, Plain]]) -> bytes:
    import xlsxwriter  # noqa: PLC0415 - heavy, and only a push needs it

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet(kind[:31])
        bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            sheet.write_string(0, at, column, bold)
        for number, row in enumerate(table, start=1):
            for at, column in enumerate(columns):
                _write_cell(sheet, (number, at), row.get(column), money)
        totals = book.add_worksheet(_RECONCILIATION)
        for at, column in enumerate(("fiscal_year", "figure", "rows", "written")):
            totals.write_string(0, at, column, bold)
        for number, cells in enumerate(_totals(columns, table), start=1):
            for at, cell in enumerate(cells):
                _write_cell(totals, (number, at), cell, money)
    return buffer.getvalue()


def _totals(columns: Sequence[str], table: Sequence[Mapping[str, Plain]]) -> Iterator[tuple[Plain, ...]]:
    """What was written, summed per fiscal year and in all: finance ties it out with the report's reconciliation."""
    years = sorted({str(year) for row in table if (year := row.get(_YEAR)) is not None})
    for year in [*years, None] if years else [None]:
        rows = [row for row in table if year is None or str(row.get(_YEAR)) == year]
        for column, total in _sums(columns, rows).items():
            count = sum(isinstance(row.get(column), Decimal) for row in rows)
            yield year or "all", column, Decimal(count), total


def _write_cell(sheet: Any, place: tuple[int, int], value: Plain, money: Any) -> None:
    if value is None:
        return
    if isinstance(value, Decimal):
        if len(value.normalize().as_tuple().digits) > _SPREADSHEET_DIGITS:
            sheet.write_string(*place, format(value, "f"))
        else:
            sheet.write_number(*place, float(value), money if value.same_quantum(_CENT) else None)
    elif isinstance(value, bool):
        sheet.write_boolean(*place, value)
    else:
        sheet.write_string(*place, value)


def _json_bytes(document: object) -> bytes:
    text: str = simplejson.dumps(document, use_decimal=True, ensure_ascii=False, indent=1)
    return text.encode("utf-8")


def _replace(path: Path, content: bytes) -> None:
    half = path.with_name(f".{path.name}.part")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
