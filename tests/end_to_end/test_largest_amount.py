"""999,999,999,999,999.99 goes through every way in and out unchanged, and SUM(0.10, 0.20, -0.30) is nothing."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from sandbox.city import BudgetLine, City, build
from tests.end_to_end.office import rows, run
from tests.reliability.ledger import SECRETS, Ledger

EXACT = "999999999999999.99"
LARGEST, CENTS = "9999", "9998"
AMOUNTS = ("original_budget", "revised_budget", "encumbered", "actual", "forecast")
FILES = """\
version: 1
portfolio: {name: Ledger, timezone: America/New_York, fiscal_year_start: '07-01'}
connections:
  ledger:
    tool: files
    path: in
    read: [{kind: budget_line, scope: "budget.*", amounts: year_to_date}]
    write: {budget_line: [budget_variance, available_budget, eac]}
"""
NOW = "2026-11-21T15:00:00Z"


@pytest.fixture(scope="module")
def city() -> City:
    """A city of four budget lines in each ledger."""
    found = build("small", date(2026, 11, 21))
    lines = [
        line
        for ledger in ("odata", "salesforce", "sql")
        for line in _lines(next(each for each in found.budget_lines() if each.ledger == ledger))
    ]
    return replace(found, projects=(), overhead=tuple(lines))


def _lines(model: BudgetLine) -> Iterator[BudgetLine]:
    nothing: dict[str, Any] = dict.fromkeys((*AMOUNTS, "pre_encumbered"), Decimal(0))
    common = replace(model, fiscal_year=2027, period=None, project=None, **nothing)
    largest: dict[str, Any] = dict.fromkeys(
        ("original_budget", "revised_budget", "actual", "forecast"), Decimal(EXACT)
    )
    yield replace(common, number=f"{model.ledger}-0", budget_code=LARGEST, **largest)
    for number, cents in enumerate(("0.10", "0.20", "-0.30"), start=1):
        spent: dict[str, Any] = dict.fromkeys(("actual", "forecast"), Decimal(cents))
        name = f"{model.ledger}-{number}"
        yield replace(common, number=name, budget_code=CENTS, account=f"A{number}", **spent)


@pytest.mark.parametrize("tool", ["odata", "odata_v2", "salesforce", "salesforce_jobs"])
def test_it_goes_through_every_service(tool: str, city: City, tmp_path: Path) -> None:
    ledger = Ledger(tool, city, tmp_path)
    try:
        _goes_through(ledger, tmp_path)
    finally:
        ledger.stop()


@pytest.mark.parametrize("database", ["sqlite", "postgres", "mariadb"], indirect=True)
def test_it_goes_through_every_database(database: str, city: City, tmp_path: Path) -> None:
    _goes_through(Ledger("sql", city, tmp_path, database), tmp_path)


def _goes_through(ledger: Ledger, folder: Path) -> None:
    ledger.sync()
    written = {
        value for figure in ledger.figures() for name, value in _named(figure) if name.startswith("eac")
    }
    assert {Decimal(value) for value in written} == {Decimal(EXACT), Decimal(0)}
    assert Decimal(EXACT) in {Decimal(value) for value in written}
    _kept_and_reported(folder, ledger.arguments())
    assert ledger.sync()["planned"] == 0


def _named(figure: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for each in figure:
        name, _, value = each.partition("=")
        yield name.lower(), value


def _kept_and_reported(folder: Path, arguments: list[str]) -> None:
    found = rows(f"sqlite:///{folder / 'portico.db'}", "budget_line")
    assert {str(row["actual"]) for row in found} >= {EXACT, "0.10", "0.20", "-0.30"}
    told = _report(folder, arguments, "json")
    (total,) = json.loads(told)["ledger"]["totals"]
    for name in ("actual", "forecast"):
        amounts = total["amounts"][name]
        assert [amounts[each] for each in ("read", "computed", "difference")] == [EXACT, EXACT, "0.00"]
    assert "999,999,999,999,999.99" in _report(folder, arguments, "html")
    run(*arguments, "report", "--format", "xlsx", "-o", str(folder / "r.xlsx"), environment=SECRETS)
    book = openpyxl.load_workbook(folder / "r.xlsx", read_only=True)
    cells = {cell for row in book["reconciliation"].iter_rows(values_only=True) for cell in row}
    book.close()
    assert EXACT in cells


def _report(folder: Path, arguments: list[str], form: str) -> str:
    path = folder / f"r.{form}"
    ran = run(*arguments, "report", "--format", form, "-o", str(path), environment=SECRETS)
    assert ran.code == 0, ran.err
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_it_goes_through_files_and_the_outbox(form: str, city: City, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "portico.yaml").write_text(FILES, encoding="utf-8")
    names = ("budget_code", "account", "fiscal_year", *AMOUNTS)
    lines = [[str(getattr(line, name)) for name in names] for line in city.budget_lines("sql")]
    _deliver(tmp_path / f"in/budget.{form}", [list(names), *lines])
    arguments = ["-c", str(tmp_path / "portico.yaml"), "--now", NOW]
    ran = run(*arguments, "sync", environment={})
    assert ran.code == 0, ran.err
    with (tmp_path / "out/budget_line.csv").open(encoding="utf-8-sig") as file:
        written = {row["budget_code"]: row["eac"] for row in csv.DictReader(file)}
    assert written == {LARGEST: EXACT, CENTS: "0.00"}
    sheet = openpyxl.load_workbook(tmp_path / "out/budget_line.xlsx").worksheets[0]
    assert EXACT in {cell for row in sheet.iter_rows(values_only=True) for cell in row}
    _kept_and_reported(tmp_path, arguments)


def _deliver(path: Path, lines: list[list[str]]) -> None:
    if path.suffix == ".csv":
        path.write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")
        return
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for line in lines:
        sheet.append(line)
    book.save(path)
