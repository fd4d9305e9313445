"""The real program: what finance reads, what is computed from it and what is written back tie out, and differences show."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from tests.end_to_end.office import Ran, run

CONFIG = """\
version: 1
portfolio: {name: Ledger, timezone: America/New_York, fiscal_year_start: '07-01'}
connections:
  ledger:
    tool: files
    path: in
    read: [{kind: budget_line, scope: "budget_*.csv", chargebacks: ["account:69*"]}]
    write: {budget_line: [budget_variance, budget_variance_share, available_budget, eac, rag_cost, snapshot_id]}
"""
HEAD = "budget_code,fund,cost_center,account,fiscal_year,period,revised_budget,pre_encumbered,encumbered,actual,forecast\n"
EXACT = "999999999999999.99"


class Town:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "in").mkdir()
        (folder / "portico.yaml").write_text(CONFIG, encoding="utf-8")

    def deliver(self, *rows: str) -> None:
        (self.folder / "in/budget_2027.csv").write_text(
            HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8"
        )

    def run(self, now: str, *arguments: str | Path) -> Ran:
        return run(
            "-c", self.folder / "portico.yaml", "--now", f"{now}T15:00:00Z", *arguments, environment={}
        )

    def ledger(self, now: str) -> Any:
        return self.run(now, "report", "--format", "json").json["ledger"]


FIRST = (
    "1402,010,CC1,5000,2027,001,100.00,0,0,0.10,100.30",
    "1402,010,CC1,5100,2027,001,0.20,0,0,0.20,0.20",
    f"1500,010,CC2,5000,2027,001,{EXACT},0,0,-0.30,{EXACT}",
    "1500,010,CC2,6910,2027,001,7.00,0,0,7.00,7.00",
)


def test_totals_read_computed_and_written_tie_out_to_the_cent(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.deliver(*FIRST)
    ran = town.run("2026-10-05", "sync", "--json")
    assert ran.code == 0, ran.err
    ledger = town.ledger("2026-10-05")
    (total,) = ledger["totals"]
    assert (total["rows"], total["rows_counted"]) == (4, 3)
    assert total["amounts"]["actual"] == {
        "read": "7.00", "chargebacks": "7.00", "superseded": None, "computed": "0.00", "difference": "0.00",
    }  # fmt: skip
    assert total["amounts"]["forecast"]["computed"] == "1000000000000100.49"
    figures = {each["figure"]: each for each in ledger["figures"]}
    assert set(figures) == {"budget_variance", "available_budget", "eac"}
    for each in figures.values():
        assert each["records"] == each["records_written"] == 2
        assert Decimal(each["difference"]) == 0
    assert figures["eac"]["written"] == "1000000000000100.49"
    manifest = json.loads((tmp_path / "out/budget_line.manifest.json").read_text(encoding="utf-8"))
    assert manifest["sums"]["eac"] == figures["eac"]["written"]
    assert town.run("2026-10-05", "sync", "--json").json["counts"]["changed"] == 0

    town.run("2026-10-05", "report", "--format", "xlsx", "-o", tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(tmp_path / "report.xlsx", read_only=True)
    rows = list(book["reconciliation"].iter_rows(values_only=True))
    assert [row for row in rows if row[1] == "eac"] == [
        ("ledger", "eac", 2027, 2, 2, "1000000000000100.49", "1000000000000100.49", 0)
    ]
    book.close()
    written = openpyxl.load_workbook(tmp_path / "out/budget_line.xlsx")
    assert ("all", "eac", 2, "1000000000000100.49") in list(
        written["reconciliation"].iter_rows(values_only=True)
    )


def test_a_closed_period_that_finance_corrects_is_restated_and_said(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.deliver(*FIRST)
    assert town.run("2026-08-20", "sync").code == 0
    assert town.run("2026-09-25", "sync").code == 0
    town.deliver("1402,010,CC1,5000,2027,001,100.00,0,0,0.35,100.30", *FIRST[1:])
    assert town.run("2026-10-05", "sync").code == 0
    (restated,) = town.ledger("2026-10-05")["restated"]
    assert (restated["period"], restated["before"], restated["change"]) == ("001", "0.00", "0.25")
    town.run("2026-10-05", "report", "--format", "md", "-o", tmp_path / "report.md")
    assert "period 001 restated since the last report by" in (tmp_path / "report.md").read_text(
        encoding="utf-8"
    )


def test_what_finance_undid_by_hand_shows_as_a_difference(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.deliver(*FIRST)
    assert town.run("2026-10-05", "sync").code == 0
    town.deliver("1402,010,CC1,5000,2027,001,100.00,0,0,0.10,250.00", *FIRST[1:])
    assert town.run("2026-10-06", "sync", "--dry-run").code in (0, 1)
    assert town.run("2026-10-06", "pull").code == 0
    assert town.run("2026-10-06", "assess").code == 0
    figures = {each["figure"]: each for each in town.ledger("2026-10-06")["figures"]}
    assert figures["eac"]["difference"] == "149.70"


def test_the_ledgers_own_available_amount_stands_beside_ours(tmp_path: Path) -> None:
    town = Town(tmp_path)
    text = HEAD.replace("forecast", "forecast,available_as_reported")
    text += "1402,010,CC1,5000,2027,001,100.00,0,10.00,20.00,100.00,70.00\n"
    text += "1402,010,CC1,5100,2027,001,50.00,0,0,20.00,50.00,29.99\n"
    (tmp_path / "in/budget_2027.csv").write_text(text, encoding="utf-8")
    assert town.run("2026-10-05", "sync").code == 0
    (total,) = town.ledger("2026-10-05")["totals"]
    told = ("available", "available_as_reported", "available_difference")
    assert [total[name] for name in told] == ["100.00", "99.99", "-0.01"]
    town.run("2026-10-05", "report", "--format", "md", "-o", tmp_path / "report.md")
    assert "the ledger's own available amount and ours differ by -0.01" in (tmp_path / "report.md").read_text(
        encoding="utf-8"
    )
    town.run("2026-10-05", "report", "--format", "xlsx", "-o", tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(tmp_path / "report.xlsx", read_only=True)
    rows = [row for row in book["ledger"].iter_rows(values_only=True) if row[1] == "available"]
    book.close()
    assert rows == [("ledger", "available", 2027, 2, 2, 99.99, None, None, 100, -0.01)]
