"""The report as a folder of CSV files, one per section.

UTF-8, comma, CRLF, header first; numbers stay numbers.

A text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a line end)
gets an apostrophe in front; so does a text that begins with an apostrophe before such a sign, so that taking
one apostrophe away gives the text back.
"""

import csv
from pathlib import Path
from typing import Any

from reports.data import Document
from reports.tables import Column, tables, text

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write(document: Document, folder: Path) -> None:
    """Writes the files into an existing folder."""
    for table in tables(document):
        with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([column.key for column in table.columns])
            writer.writerows(
                [_cell(column, row.get(column.key)) for column in table.columns] for row in table.rows
            )


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return ""
    if column.type == "flag":
        return "true" if value else "false"
    if column.type in ("text", "day", "instant"):
        return guarded(text(value) or "")
    return value


def guarded(shown: str) -> str:
    """The text as no spreadsheet takes it for a formula."""
    bare = shown.lstrip("'")
    return (
        f"'{shown}" if bare.startswith(FORMULA_SIGNS) or bare.lstrip(" ").startswith(FORMULA_SIGNS) else shown
    )
