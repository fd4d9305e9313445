"""An XLSX workbook as rows of text, read by a process of its own: `python -m connectors.workbook BYTES PATH [SHEET]`.

It prints one JSON array a line: `["columns", […]]`, then `["line", number, [cell, …]]` and `["refused", number, column, value,
reason]` in order, at last `["end"]`, or `["unreadable", reason]`. Memory is bounded before the file is opened.
"""

import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from connectors.amounts import from_float, plain_text
from connectors.tables import Unreadable, columns_of

_CELL_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})
_FIRST_SURE_DAY = datetime(1900, 3, 1)  # noqa: DTZ001 - a cell has no zone
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell ref="\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})"')
_LONGEST_MERGE = 80
_CHUNK = 2**20

Told = list[Any]


def main(arguments: Sequence[str]) -> None:
    """Prints the rows of the workbook, within so many bytes of memory."""
    most, path, *sheets = arguments
    resource.setrlimit(resource.RLIMIT_AS, (int(most), int(most)))
    try:
        for each in told(Path(path), sheets[0] if sheets else None):
            sys.stdout.write(json.dumps(each) + "\n")
        sys.stdout.write('["end"]\n')
    except Unreadable as refusal:
        sys.stdout.write(json.dumps(["unreadable", str(refusal)]) + "\n")


def told(path: Path, sheet: str | None) -> Iterator[Told]:
    """What is printed of a workbook. Raises Unreadable."""
    import openpyxl  # noqa: PLC0415 - heavy, and this module's constants are read without it

    with ExitStack() as stack:
        opened = []
        for data_only in (False, True):
            try:
                book = openpyxl.load_workbook(path, read_only=True, data_only=data_only)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 - openpyxl raises whatever the broken part made it raise
                raise Unreadable(f"not a readable workbook ({type(error).__name__}: {error})") from None
            stack.callback(book.close)
            opened.append(book)
        formulas, values = opened
        stale = bool(getattr(formulas.calculation, "fullCalcOnLoad", False))
        name = _sheet_name(formulas, sheet)
        for each in opened:
            each[name].reset_dimensions()
        merged = _merged(path, formulas[name])
        yield from _sheet_lines(formulas[name], values[name], merged, stale=stale)


def _sheet_name(book: Any, wanted: str | None) -> str:
    visible = [each.title for each in book.worksheets if each.sheet_state == "visible"]
    if wanted is not None:
        if wanted not in visible:
            raise Unreadable(f"no visible sheet {wanted!r}; there are: {', '.join(visible)}")
        return wanted
    if len(visible) != 1:
        raise Unreadable(f"several sheets ({', '.join(visible)}): name one, as PATTERN!SHEET")
    return str(visible[0])


def _merged(path: Path, sheet: Any) -> dict[int, list[slice]]:
    """By row, the columns that merged cells leave empty there: all of a merge but its first cell."""
    part = sheet._worksheet_path  # noqa: SLF001 - a streamed sheet tells of no merged cells
    found: dict[int, list[slice]] = {}
    left = b""
    with zipfile.ZipFile(path) as archive, archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            text = left + chunk
            for match in _MERGE.finditer(text):
                first, last = _column(match[1]), _column(match[3])
                for row in range(int(match[2]), int(match[4]) + 1):
                    found.setdefault(row, []).append(slice(first + (row == int(match[2])), last + 1))
            left = text[-_LONGEST_MERGE:]
    return found


def _column(letters: bytes) -> int:
    """The place of a column, from 0."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


def _sheet_lines(
    formulas: Any, values: Any, merged: Mapping[int, list[slice]], *, stale: bool
) -> Iterator[Told]:
    columns: tuple[str, ...] = ()
    both = zip(formulas.iter_rows(), values.iter_rows(values_only=True), strict=True)
    for number, (cells, shown) in enumerate(_sound(both), start=1):
        if all(value is None for value in shown) and not any(cell.data_type == "f" for cell in cells):
            continue
        if not columns:
            columns = columns_of(_trim(["" if value is None else str(value) for value in shown]))
            yield ["columns", columns]
            continue
        empty = [
            name
            for each in merged.get(number, ())
            for name in columns[each]
            if not name.startswith("_column_")
        ]
        if empty:
            reason = "empty by a merged cell: unmerge it, and fill in each row"
            yield ["refused", number, empty[0], None, reason]
            continue
        yield _sheet_line(number, columns, cells, shown, stale=stale)
    if not columns:
        raise Unreadable("the sheet is empty: not even a header row")


def _sound(rows: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    try:
        yield from rows
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises whatever the broken part made it raise
        raise Unreadable(f"breaks off while being read ({type(error).__name__}: {error})") from None


def _trim(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _sheet_line(
    number: int, columns: tuple[str, ...], cells: Sequence[Any], shown: Sequence[Any], *, stale: bool
) -> Told:
    texts: dict[str, str] = {}
    for at, (cell, value) in enumerate(zip(cells, shown, strict=False)):
        column = columns[at] if at < len(columns) else None
        if cell.data_type == "f" and (stale or value is None):
            reason = (
                "a formula whose result is not in the file: open it in the spreadsheet program and save it"
            )
            return ["refused", number, column, str(cell.value), reason]
        if column is None:
            if value is not None:
                return [
                    "refused",
                    number,
                    None,
                    str(value)[:200],
                    "a value beyond the last column of the header",
                ]
            continue
        try:
            texts[column] = cell_text(value)
        except ValueError as error:
            return ["refused", number, column, str(value), str(error)]
    return ["line", number, [texts.get(column, "") for column in columns]]


def cell_text(value: object) -> str:
    """A cell's value as text: days as ISO, numbers exactly as typed (a spreadsheet keeps 15 digits).

    Raises ValueError for an error cell, a number with more digits than a spreadsheet keeps, and a day before March 1900:
    spreadsheets count a 29 February of that year, so that the numbers up to 60 name no sure day (and are none of a ledger).
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() if value < _FIRST_SURE_DAY:
            raise ValueError("a day before March 1900: a number that was formatted as a date?")
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case float() | int():
            return plain_text(from_float(value))
        case str() if value in _CELL_ERRORS:
            raise ValueError(f"the cell shows the error {value}")
    return str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
