"""The report as a workbook: one sheet per section, typed cells, no formula whatever a source wrote."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from reports.data import Document
from reports.tables import Column, Table, tables, text
from reports.wording import number

EXACT_DIGITS = 15
"""A spreadsheet keeps fifteen digits of a number; a longer amount is written as text, so that no cent is lost."""

MOST_SIGNS = 32_767
"""What a cell can hold."""

_FORMATS = {
    "money": "#,##0.00;[Red]-#,##0.00",
    "share": "0.0%",
    "number": "0.00",
    "integer": "0",
    "day": "yyyy-mm-dd",
    "instant": "yyyy-mm-dd hh:mm:ss",
    "header": None,
}
_WIDTHS = {
    "text": 22,
    "money": 16,
    "day": 12,
    "instant": 19,
    "share": 10,
    "number": 10,
    "integer": 10,
    "flag": 9,
}
_LONG = (
    "name",
    "title",
    "text",
    "because",
    "error",
    "inputs",
    "threshold",
    "criterion",
    "turn_green",
    "url",
    "value",
)


def write(document: Document, path: Path) -> None:
    """Writes the workbook.

    The same document gives the same bytes: the file's dates are those of the snapshot.
    """
    import xlsxwriter  # noqa: PLC0415 - start-up stays fast

    book = xlsxwriter.Workbook(
        path,
        {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "in_memory": True,
        },
    )
    taken = datetime.fromisoformat(document["snapshot"]["taken_at"]).replace(tzinfo=None)
    book.set_properties(
        {
            "title": f"{document['portfolio'].get('name') or 'Portfolio'}: portfolio report",
            "subject": f"Snapshot {document['snapshot']['id']}",
            "comments": f"As of {document['snapshot']['as_of']}. {document['schema']}",
            "created": taken,
        }
    )
    formats = {
        name: book.add_format(
            {"num_format": code} if code else {"bold": True, "bottom": 1, "text_wrap": True}
        )
        for name, code in _FORMATS.items()
    }
    for table in tables(document):
        _sheet(book.add_worksheet(table.name), table, formats)
    book.close()


def _sheet(sheet: Any, table: Table, formats: dict[str, Any]) -> None:
    sheet.freeze_panes(1, 1 if len(table.columns) > 1 else 0)
    sheet.autofilter(0, 0, max(len(table.rows), 1), len(table.columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, 44 if column.key in _LONG else _WIDTHS[column.type])
        sheet.write_string(0, place, column.key, formats["header"])
    for at, row in enumerate(table.rows, 1):
        for place, column in enumerate(table.columns):
            _cell(sheet, at, place, column, row.get(column.key), formats)


def _cell(sheet: Any, at: int, place: int, column: Column, value: Any, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if column.type == "flag":
        sheet.write_boolean(at, place, bool(value))
        return
    typed = None if column.type == "text" else _TYPED[column.type](value)
    if isinstance(typed, date):
        sheet.write_datetime(at, place, typed, formats[column.type])
    elif isinstance(typed, Decimal):
        sheet.write_number(at, place, float(typed), formats[column.type])
    else:
        shown = text(value)
        if shown is not None:
            sheet.write_string(at, place, _cut(shown))


def _cut(shown: str) -> str:
    return shown if len(shown) <= MOST_SIGNS else shown[: MOST_SIGNS - 1] + "…"


def _exact(value: Any) -> Decimal | None:
    """The number, unless a spreadsheet would round it."""
    found = number(value)
    return found if found is not None and len(found.normalize().as_tuple().digits) <= EXACT_DIGITS else None


def _day(value: Any) -> date | None:
    try:
        found = date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
    return found if found.year >= 1900 else None  # noqa: PLR2004 - a spreadsheet's first year


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None
    return found if found.year >= 1900 else None  # noqa: PLR2004 - a spreadsheet's first year


_TYPED: dict[str, Callable[[Any], Any]] = {
    "money": _exact,
    "share": number,
    "number": number,
    "integer": _exact,
    "day": _day,
    "instant": _instant,
}
