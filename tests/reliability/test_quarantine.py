"""What is in quarantine is what stands refused: it enters in the run that finds it, and leaves with its cause."""

import dataclasses
import json
from pathlib import Path

import pytest

from connectors.errors import Invalid
from portfolio.store import snapshots
from tests.end_to_end.office import Rows, run
from tests.reliability.town import Town

DROP = """
version: 1
portfolio: {{name: Drop, timezone: America/New_York, currency: USD}}
store: {store}
connections:
  ledger:
    tool: files
    path: in
    read: [{{kind: budget_line, scope: "budget_*.csv", key: [Budget code], amounts: period}}]
"""
HEADER = "Budget code,Fiscal year,Revised budget,Actual\n"


@dataclasses.dataclass
class Drop:
    """A drop folder and the program over it."""

    folder: Path

    def deliver(self, name: str, text: str) -> None:
        (self.folder / "in" / name).write_text(HEADER + text, encoding="utf-8")

    def sync(self) -> list[str]:
        """One run; the ids that stand in quarantine after it."""
        ran = run("-c", self.folder / "portico.yaml", "sync", environment={})
        listed = run("-c", self.folder / "portico.yaml", "quarantine", "list", "--json", environment={})
        entries: Rows = json.loads(listed.out)
        assert ran.code in {0, 1}, ran.err
        return [each["external_id"] for each in entries]


@pytest.fixture
def drop(tmp_path: Path, store_url: str) -> Drop:
    (tmp_path / "in").mkdir()
    (tmp_path / "portico.yaml").write_text(DROP.format(store=store_url), encoding="utf-8")
    return Drop(tmp_path)


def test_a_refused_file_leaves_quarantine_when_a_later_version_is_accepted(drop: Drop) -> None:
    drop.deliver("budget_a.csv", "A,2027,100.00,50.00\0\n")
    refused = drop.sync()
    drop.deliver("budget_a.csv", "A,2027,100.00,50.00\n")

    assert refused == ["budget_a.csv"]
    assert drop.sync() == []


def test_a_refused_row_leaves_quarantine_with_its_file_and_no_other_does(drop: Drop) -> None:
    drop.deliver("budget_a.csv", "A,2027,100.00,50.00\nB,2027\n")
    drop.deliver("budget_b.csv", "C,2027,100.00,50.00\nD,2027\nE,2027,100.00,no amount\n")
    refused = drop.sync()
    drop.deliver("budget_a.csv", "A,2027,100.00,50.00\n")
    left = drop.sync()
    drop.deliver("budget_b.csv", "C,2027,100.00,60.00\nD,2027\nE,2027,100.00,no amount\n")

    assert sorted(refused) == ["E", "budget_a.csv#3", "budget_b.csv#3"]
    assert sorted(left) == ["E", "budget_b.csv#3"]
    assert sorted(drop.sync()) == ["E", "budget_b.csv#3"]


def told(town: Town) -> tuple[int, int]:
    """Writes in quarantine as the newest snapshot tells them: in all, and of the tool."""
    with town.store.reading() as db:
        last = snapshots.newest(db)
    assert last is not None
    of_tool = next(each for each in last.sources if each["connection"] == "snow")
    return last.portfolio["quarantine"]["writes"], of_tool["quarantined"]


def test_a_refused_write_is_told_by_the_snapshot_of_its_own_run(town_of_both: Town) -> None:
    town = town_of_both
    town.snow.refusing = Invalid("the field is read-only", fix="grant the right")
    refused = town.run().quarantined
    at_once = told(town)
    town.run()
    later = told(town)
    town.snow.refusing = None
    town.run()

    assert refused > 0
    assert at_once == later == (refused, refused)
    assert told(town) == (0, 0)
