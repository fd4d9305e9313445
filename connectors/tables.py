"""CSV and XLSX files as rows of text.

Dialect, encoding and cell types settled, nothing guessed, nothing rounded.
Each row comes as a `Line` or, where it cannot be trusted, as a `RefusedLine`. A file that cannot be trusted
at all raises `Unreadable`. Numbers are row numbers as a spreadsheet shows them: the header is usually row 1.
"""

import codecs
import csv
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from connectors.amounts import from_float, plain_text

MAX_FILE_BYTES = 512 * 2**20
MAX_UNPACKED_BYTES = 400 * 2**20
MAX_PACK_RATIO = 150
MAX_ZIP_ENTRIES = 1000
MAX_COLUMNS = 1000
_SMALL_ENOUGH_FOR_ANY_RATIO = 10 * 2**20
_CHUNK = 2**20
_CELL_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
_DELIMITERS = (",", ";", "\t", "|")


class Unreadable(Exception):
    """A file that is refused as a whole; the text says why and what the sender has to change."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its number and its cells by column, all text; an empty cell is the empty text."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """One row that cannot be trusted, with the column and the value that are the reason."""

    number: int
    field: str | None
    value: str | None
    reason: str


def fingerprint(path: Path) -> str:
    """SHA-256 of the bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_table(path: Path, sheet: str | None = None) -> Iterator[Line | RefusedLine]:
    """The rows of a CSV or XLSX file, lazily. `sheet` names the sheet where a workbook has several.

    Raises Unreadable: too big, packed suspiciously, unknown format or encoding, broken, no or doubtful
    header.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise Unreadable(
            f"{size:,} bytes is more than the {MAX_FILE_BYTES:,} that one file may have: split it"
        )
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return _read_xlsx(path, sheet)
    if suffix in {".csv", ".tsv", ".txt"}:
        return _read_csv(path)
    raise Unreadable(f"{suffix or 'a file without ending'} is not read here: send .csv or .xlsx")


# CSV


def _encoding(path: Path) -> str:
    """utf-8 (with or without mark), utf-16 with mark, else cp1252, each proved on the whole file."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            _prove(path, encoding)
            return encoding
    raise Unreadable("neither UTF-8 nor Windows-1252 text: export it as UTF-8")


def _prove(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise Unreadable("holds NUL bytes, so it is not a text file")
            decoder.decode(chunk)
    decoder.decode(b"", final=True)


def _delimiter(header: str) -> str:
    outside, quoted = [], False
    for letter in header:
        if letter == '"':
            quoted = not quoted
        elif not quoted:
            outside.append(letter)
    return max(_DELIMITERS, key=outside.count)


def _read_csv(path: Path) -> Iterator[Line | RefusedLine]:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        delimiter = _delimiter(file.readline())
        file.seek(0)
        rows = enumerate(csv.reader(file, delimiter=delimiter, strict=True), start=1)
        try:
            yield from _lines(rows)
        except csv.Error as error:
            raise Unreadable(f"not well-formed CSV: {error}") from None


def _lines(rows: Iterator[tuple[int, list[str]]]) -> Iterator[Line | RefusedLine]:
    columns: tuple[str, ...] = ()
    for number, cells in rows:
        if not any(cells):
            continue
        if not columns:
            columns = _columns(cells)
        elif tuple(cells) == columns:
            yield RefusedLine(number, None, None, "the header again")
        elif len(cells) == len(columns):
            yield Line(number, dict(zip(columns, cells, strict=True)))
        else:
            shown = ", ".join(cells)[:200]
            yield RefusedLine(number, None, shown, f"{len(cells)} cells under {len(columns)} columns")
    if not columns:
        raise Unreadable("empty: not even a header row")


def _columns(cells: Sequence[str]) -> tuple[str, ...]:
    if len(cells) > MAX_COLUMNS:
        raise Unreadable(f"{len(cells)} columns, more than {MAX_COLUMNS}")
    columns = tuple(cell if cell.strip() else f"_column_{at}" for at, cell in enumerate(cells, start=1))
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise Unreadable(f"two columns are called {twice[0]!r}: give each its own name")
    return columns


# XLSX


def _guard_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise Unreadable(f"not an XLSX workbook ({error}); a password-protected one cannot be read") from None
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, path.stat().st_size)
    if len(entries) > MAX_ZIP_ENTRIES or unpacked > MAX_UNPACKED_BYTES:
        raise Unreadable(
            f"unpacks to {unpacked:,} bytes in {len(entries)} parts: too big to be opened safely"
        )
    if unpacked > _SMALL_ENOUGH_FOR_ANY_RATIO and unpacked / packed > MAX_PACK_RATIO:
        raise Unreadable(f"unpacks to {unpacked // packed} times its size, as a zip bomb does")
    if any("vbaProject" in entry.filename for entry in entries):
        raise Unreadable("holds macros: save it as a plain .xlsx")


def _read_xlsx(path: Path, sheet: str | None) -> Iterator[Line | RefusedLine]:
    _guard_zip(path)
    import openpyxl  # noqa: PLC0415 - heavy, and most runs meet no workbook

    with ExitStack() as stack:
        opened = []
        for data_only in (False, True):
            try:
                book = openpyxl.load_workbook(path, read_only=True, data_only=data_only)
            except Exception as error:  # noqa: BLE001 - openpyxl raises whatever the broken part made it raise
                raise Unreadable(f"not a readable workbook ({type(error).__name__}: {error})") from None
            stack.callback(book.close)
            opened.append(book)
        formulas, values = opened
        stale = bool(getattr(formulas.calculation, "fullCalcOnLoad", False))
        name = _sheet_name(formulas, sheet)
        for each in opened:
            each[name].reset_dimensions()
        yield from _sheet_lines(formulas[name], values[name], stale=stale)


def _sheet_name(book: Any, wanted: str | None) -> str:
    visible = [each.title for each in book.worksheets if each.sheet_state == "visible"]
    if wanted is not None:
        if wanted not in visible:
            raise Unreadable(f"no visible sheet {wanted!r}; there are: {', '.join(visible)}")
        return wanted
    if len(visible) != 1:
        raise Unreadable(f"several sheets ({', '.join(visible)}): name one, as PATTERN!SHEET")
    return str(visible[0])


def _sheet_lines(formulas: Any, values: Any, *, stale: bool) -> Iterator[Line | RefusedLine]:
    columns: tuple[str, ...] = ()
    both = zip(formulas.iter_rows(), values.iter_rows(values_only=True), strict=True)
    for number, (cells, shown) in enumerate(_sound(both), start=1):
        if all(value is None for value in shown) and not any(cell.data_type == "f" for cell in cells):
            continue
        if not columns:
            columns = _columns(_trim(["" if value is None else str(value) for value in shown]))
            continue
        yield _sheet_line(number, columns, cells, shown, stale=stale)
    if not columns:
        raise Unreadable("the sheet is empty: not even a header row")


def _sound(rows: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    try:
        yield from rows
    except Unreadable:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever the broken part made it raise
        raise Unreadable(f"breaks off while being read ({type(error).__name__}: {error})") from None


def _trim(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _sheet_line(
    number: int, columns: tuple[str, ...], cells: Sequence[Any], shown: Sequence[Any], *, stale: bool
) -> Line | RefusedLine:
    texts: dict[str, str] = {}
    for at, (cell, value) in enumerate(zip(cells, shown, strict=False)):
        column = columns[at] if at < len(columns) else None
        if cell.data_type == "f" and (stale or value is None):
            reason = (
                "a formula whose result is not in the file: open it in the spreadsheet program and save it"
            )
            return RefusedLine(number, column, str(cell.value), reason)
        if column is None:
            if value is not None:
                return RefusedLine(
                    number, None, str(value)[:200], "a value beyond the last column of the header"
                )
            continue
        try:
            texts[column] = cell_text(value)
        except ValueError as error:
            return RefusedLine(number, column, str(value), str(error))
    return Line(number, {column: texts.get(column, "") for column in columns})


def cell_text(value: object) -> str:
    """A cell's value as text: days as ISO, numbers exactly as typed (a spreadsheet keeps 15 digits).

    Raises ValueError for an error cell, and for a number with more digits than a spreadsheet keeps.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case float() | int():
            return plain_text(from_float(value))
        case str() if value in _CELL_ERRORS:
            raise ValueError(f"the cell shows the error {value}")
    return str(value)
