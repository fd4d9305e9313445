"""What tests know of the city of 180 projects beside the program: its day, what people decided there, what finance left out."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sandbox.city import BudgetLine
from tests.end_to_end.office import Office

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
TODAY, FISCAL_YEAR = date(2026, 11, 20), 2027
LAPSED = "Name a second approver | 2026-11-01"
DECIDED: Mapping[str, Sequence[tuple[str, ...]]] = {
    "OIT-007": (("G0", "waived"), ("G3", "approved"), ("G5", "rejected")),
    "OIT-028": (("G0", "approved"), ("G1", "approved_with_conditions", "--condition", LAPSED)),
    "OIT-036": (("G0", "approved_with_conditions", "--condition", "Name an owner | 2027-03-01"), ("G5", "waived")),
    "OIT-045": (("G0", "approved", "--until", "2026-11-19"), ("G1", "deferred"), ("G6", "approved")),
}  # fmt: skip
"""Decisions that a board takes by command today, beside those of the register: the odd ones."""

Rows = list[dict[str, Any]]


def without_forecast(line: BudgetLine) -> bool:
    """Lines of the database for which finance expects nothing in particular."""
    return line.ledger == "sql" and line.number[-1] in "147"


def forget_forecasts(office: Office) -> None:
    """Takes the forecasts of those lines out of the ledger."""
    numbers = [(each.number,) for each in office.city.budget_lines("sql") if without_forecast(each)]
    with sqlite3.connect(office.folder / "finance" / "ledger.db") as database:
        database.executemany("UPDATE budget_lines SET forecast = NULL WHERE line = ?", numbers)
    database.close()


def decide(office: Office) -> None:
    """Records the board's decisions of today."""
    for project, decisions in DECIDED.items():
        for gate, decision, *options in decisions:
            done = office.run("gates", "decide", project, gate, decision, "--by", "Board", *options)
            assert done.code == 0, done.err


def rows_of(path: Path) -> Rows:
    """The rows of a file of the exit kit that still stand."""
    with path.open(encoding="utf-8") as file:
        return [row for line in file if (row := json.loads(line)) and not row.get("deleted_at")]
