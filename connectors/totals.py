"""Totals lines of a file told apart from its rows: they say that they are totals, and they add up.

Both are asked: a department may be called Total, and a row may happen to be as large as all above it.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from connectors.amounts import amount
from connectors.tables import Line, RefusedLine, read_table

_WORD = re.compile(r"(?:(?:grand|sub|report|overall|net)[ -]?)?totals?\s*:?", re.IGNORECASE)
_FEWEST = 2
"""A single row above is no sum."""


def rows_without_totals(path: Path, sheet: str | None = None) -> Iterator[Line | RefusedLine]:
    """The rows of a file as `read_table` gives them, its totals lines refused."""
    found: Mapping[int, str] | None = None
    for line in read_table(path, sheet):
        if isinstance(line, Line) and _says_total(line):
            found = _totals(path, sheet) if found is None else found
            if line.number in found:
                column = found[line.number]
                reason = f"a totals line: its {column} is the sum of the rows above"
                yield RefusedLine(line.number, column, line.cells[column], reason)
                continue
        yield line


def _says_total(line: Line) -> bool:
    return any(_WORD.fullmatch(cell.strip()) for cell in line.cells.values())


def _totals(path: Path, sheet: str | None) -> dict[int, str]:
    """The totals lines of a file by number, each with a column that adds up since the beginning or the last of them."""
    found: dict[int, str] = {}
    whole: dict[str, tuple[Decimal, int]] = {}
    part: dict[str, tuple[Decimal, int]] = {}
    for line in read_table(path, sheet):
        if not isinstance(line, Line):
            continue
        amounts = _amounts(line)
        column = next((each for each in amounts if _is_sum(amounts[each], each, whole, part)), None)
        if column is not None and _says_total(line):
            found[line.number], part = column, {}
            continue
        for sums in (whole, part):
            for each, value in amounts.items():
                total, count = sums.get(each, (Decimal(0), 0))
                sums[each] = (total + value, count + 1)
    return found


def _is_sum(value: Decimal, column: str, *sums: Mapping[str, tuple[Decimal, int]]) -> bool:
    above = [each[column] for each in sums if column in each]
    return value != 0 and any(total == value and count >= _FEWEST for total, count in above)


def _amounts(line: Line) -> dict[str, Decimal]:
    found = {}
    for column, cell in line.cells.items():
        if cell.strip():
            try:
                found[column] = amount(cell)
            except ValueError:
                continue
    return found
