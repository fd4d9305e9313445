"""What `check` says of the records that are to be written, by what their connector tells of them."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from config.loading import load
from sync.preflight import check

NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
CONFIG = """\
version: 1
portfolio: {{name: Test, timezone: UTC}}
connections:
  ledger:
    tool: sql
    url: sqlite:///{folder}/ledger.db
    read: [{{kind: budget_line, scope: "SELECT * FROM ledger", key: [budget_code]}}]
    write: {{budget_line: {{eac: eac, to: {table}, key: [budget_code, fiscal_year, period]}}}}
"""


def _said(folder: Path, table: str) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(folder / "ledger.db")) as database, database:
        database.execute("CREATE TABLE ledger (budget_code TEXT, actual NUMERIC)")
        database.execute("CREATE TABLE theirs (code TEXT, eac NUMERIC)")
    path = folder / "portico.yaml"
    path.write_text(CONFIG.format(folder=folder, table=table), encoding="utf-8")
    found = check(load(path, {}), "ledger", NOW)
    return [
        (each["severity"], each["text"], each["fix"]) for each in found if each["subject"].startswith("write")
    ]


def test_a_table_that_is_made_as_it_is_written_needs_no_field(tmp_path: Path) -> None:
    assert _said(tmp_path, "figures") == [("info", "Portico keeps figures itself", "")]


def test_a_table_of_somebody_else_is_an_error_that_names_the_way_out(tmp_path: Path) -> None:
    said = _said(tmp_path, "theirs")
    assert said[0][1] == "eac (eac) cannot be written by this account"
    assert said[1][1] == "theirs has no field budget_code, or the account cannot see it"
    assert {(each[0], each[2]) for each in said} == {
        ("error", "name a table that does not exist yet; Portico creates it")
    }
