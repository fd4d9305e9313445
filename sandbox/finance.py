"""The finance office's files and database: the city's ledger as a drop folder and as SQLite.

Columns carry the names of a budget line's keys, plus `line` (the ledger's own number, the natural key).
"""

import csv
import io
import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from sandbox.city import BudgetLine, City

CODES = (
    "line",
    "budget_code",
    "fund",
    "department",
    "cost_center",
    "account",
    "fiscal_year",
    "period",
    "currency",
)
AMOUNTS = ("original_budget", "revised_budget", "pre_encumbered", "encumbered", "actual", "forecast")
COLUMNS = (*CODES, *AMOUNTS, "posted_on")
REPORTED = "available_as_reported"
"""The column of the files alone in which the finance office works out what is left."""
FORGETFUL = "5400"
"""The account in whose rows that formula forgets the pre-encumbrances."""
TABLE = "budget_lines"


def write_drop_folder(city: City, folder: Path) -> list[Path]:
    """Writes the lines of the city's `files` ledger into `folder`: last fiscal year as CSV, this one as XLSX.

    Each file has a manifest with its control totals. Files that hold the right bytes already stay untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = list(city.budget_lines("files"))
    years = sorted({line.fiscal_year for line in lines})
    written = []
    for year in years:
        rows = [line for line in lines if line.fiscal_year == year]
        this_year = year == years[-1]
        path = folder / f"budget_{year}.{'xlsx' if this_year else 'csv'}"
        manifest = {"rows": len(rows), "sums": {name: str(_total(rows, name)) for name in AMOUNTS}}
        _put(path.with_name(f"{path.name}.manifest.json"), json.dumps(manifest, indent=1).encode(), city)
        if this_year:
            _put_xlsx(path, rows, city)
        else:
            _put(path, _csv(rows), city)
        written.append(path)
    return written


def write_database(city: City, path: Path) -> Path:
    """Writes the city's `sql` ledger as SQLite: table `budget_lines` (amounts as text) and view `v_budget`.

    A database that is there already is kept with its own tables; its ledger is written anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = ", ".join(f"{name} {'INTEGER' if name == 'fiscal_year' else 'TEXT'}" for name in COLUMNS[1:])
    rows = [
        (*(_sql_value(line, name) for name in COLUMNS), line.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        for line in city.budget_lines("sql")
    ]
    marks = ", ".join("?" * (len(COLUMNS) + 1))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP VIEW IF EXISTS v_budget")
        database.execute(f"DROP TABLE IF EXISTS {TABLE}")
        database.execute(f"CREATE TABLE {TABLE} (line TEXT PRIMARY KEY, {kinds}, updated_at TEXT NOT NULL)")
        database.executemany(f"INSERT INTO {TABLE} VALUES ({marks})", rows)  # noqa: S608 - our own names
        database.execute(f"CREATE VIEW v_budget AS SELECT * FROM {TABLE}")  # noqa: S608 - our own names
    return path


def cell(line: BudgetLine, name: str) -> str:
    """A line's value in one of `COLUMNS`, as text; empty where unknown."""
    value = line.number if name == "line" else getattr(line, name)
    return "" if value is None else str(value)


def reported(line: BudgetLine) -> Decimal:
    """What the files say is left of a line: right but for the rows of the `FORGETFUL` account."""
    asked = Decimal(0) if line.account == FORGETFUL else line.pre_encumbered
    return line.revised_budget - asked - line.encumbered - line.actual


def _sql_value(line: BudgetLine, name: str) -> str | int | None:
    return line.fiscal_year if name == "fiscal_year" else cell(line, name) or None


def _total(lines: Iterable[BudgetLine], name: str) -> Decimal:
    return sum((getattr(line, name) or Decimal(0) for line in lines), Decimal(0))


def _csv(lines: Sequence[BudgetLine]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, REPORTED))
    writer.writerows([*(cell(line, name) for name in COLUMNS), str(reported(line))] for line in lines)
    return text.getvalue().encode()


def _put(path: Path, content: bytes, city: City) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.write_bytes(content)
    _date(path, city)


def _put_xlsx(path: Path, lines: Sequence[BudgetLine], city: City) -> None:
    import xlsxwriter  # noqa: PLC0415 - heavy, and only this file needs it

    half = path.with_suffix(".part")
    with xlsxwriter.Workbook(half) as book:
        book.set_properties({"created": city.as_of.replace(tzinfo=None)})
        sheet = book.add_worksheet("Budget")
        money = book.add_format({"num_format": "#,##0.00"})
        sheet.write_row(0, 0, (*COLUMNS, REPORTED))
        for row, line in enumerate(lines, start=1):
            for column, name in enumerate(COLUMNS):
                value = getattr(line, name) if name in AMOUNTS else cell(line, name)
                if isinstance(value, Decimal):
                    sheet.write_number(row, column, float(value), money)
                elif value:
                    sheet.write_string(row, column, value)
            sheet.write_number(row, len(COLUMNS), float(reported(line)), money)
    _put(path, half.read_bytes(), city)
    half.unlink()


def _date(path: Path, city: City) -> None:
    """Files arrived in the night before the city's day, so that nothing waits for them to settle."""
    moment = city.as_of.timestamp()
    os.utime(path, (moment, moment))
