"""The real program over a drop folder with an archive: killed in the middle of a file, and run again."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.office import rows, run

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
version: 1
portfolio: {name: Ledger, timezone: America/New_York, fiscal_year_start: '07-01'}
connections:
  ledger:
    tool: files
    path: in
    archive: archive
    read: [{kind: budget_line, scope: "budget_*.csv"}]
"""
ROWS = 1400
NOW = "2026-11-21T15:00:00Z"
POINTS = ["pull.in_page:2", "pull.after_event:2", "translate.written:1"]
EXACT = "999999999999999.99"


class Town:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "in").mkdir(parents=True)
        (folder / "portico.yaml").write_text(CONFIG, encoding="utf-8")

    def deliver(self, cents: int, count: int = ROWS) -> None:
        lines = [f"{number:05},010,2027,{number}.{cents:02}" for number in range(count - 1)]
        lines.append(f"99999,010,2027,{EXACT}")
        total = sum((Decimal(line.rpartition(",")[2]) for line in lines), Decimal(0))
        path = self.folder / "in/budget_2027.csv"
        path.with_name(f"{path.name}.manifest.json").write_text(
            f'{{"rows": {count}, "sums": {{"actual": "{total}"}}}}'
        )
        path.write_text("budget_code,fund,fiscal_year,actual\n" + "\n".join(lines) + "\n", encoding="utf-8")
        os.utime(path, (1_700_000_000 + cents, 1_700_000_000 + cents))

    def sync(self) -> int:
        return run("-c", self.folder / "portico.yaml", "--now", NOW, "sync", environment={}).code

    def die(self, point: str) -> int:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "sync.cli", "-c", str(self.folder / "portico.yaml"), "--now", NOW, "sync"],
            cwd=ROOT,
            env={**os.environ, "PORTICO_CRASH": point},
            check=False,
            capture_output=True,
        )
        return done.returncode

    def ledger(self) -> list[dict[str, Any]]:
        found = rows(f"sqlite:///{self.folder / 'portico.db'}", "budget_line")
        kept = [row for row in found if row["deleted_at"] is None]
        return sorted(
            ({name: row[name] for name in ("external_id", "budget_code", "actual")} for row in kept),
            key=lambda row: str(row["external_id"]),
        )


@pytest.mark.parametrize("crash", POINTS if os.environ.get("PORTICO_NIGHTLY") else POINTS[:1])
def test_a_run_killed_in_the_middle_of_a_file_ends_like_one_that_was_not(tmp_path: Path, crash: str) -> None:
    unharmed, killed = Town(tmp_path / "unharmed"), Town(tmp_path / "killed")
    for town in (unharmed, killed):
        town.deliver(1)
        assert town.sync() == 0
        town.deliver(2, ROWS - 200)
    assert killed.die(crash) == -9
    assert unharmed.sync() == killed.sync() == 0
    assert killed.ledger() == unharmed.ledger()
    assert len(killed.ledger()) == ROWS - 200
    assert sum((row["actual"] for row in killed.ledger()), Decimal(0)) == Decimal(EXACT) + sum(
        (Decimal(f"{number}.02") for number in range(ROWS - 201)), Decimal(0)
    )
    assert killed.sync() == 0
