"""Drills: a backup while a run goes on, restored somewhere else, goes on from where it was."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from portfolio.store import audit
from portfolio.store.database import faults, open_store
from portfolio.store.tables import lease
from tests.reliability.town import Town
from tests.sync.test_run import body

RECORDS = 95


def copied(town: Town, to: Path) -> None:
    """What `sqlite3 portico.db ".backup FILE"` does, from outside the program."""
    with (
        closing(sqlite3.connect(str(town.store.engine.url.database))) as source,
        closing(sqlite3.connect(to)) as copy,
    ):
        source.backup(copy)


def outlive_leases(town: Town) -> None:
    """The run that held the connections at the backup is gone, and its leases have run out."""
    with town.store.transaction() as db:
        db.execute(update(lease).values(until=0.0))


@pytest.mark.parametrize("request_number", [1, 4, 8])
def test_a_backup_made_during_a_run_is_whole_and_goes_on(
    town: Town, tmp_path: Path, request_number: int
) -> None:
    town.run()
    for number in range(RECORDS):
        town.snow.put(f"id{number}", body(number, end_date="2027-01-31 05:00:00"))
    backup, asked = tmp_path / "backup.db", [0]

    def asking() -> None:
        asked[0] += 1
        if asked[0] == request_number:
            copied(town, backup)

    town.snow.asking = asking
    town.run(approve=True)
    town.snow.asking = None
    whole, writes = town.report(), len(town.snow.write_log)
    town.store.close()
    town.store = open_store(f"sqlite:///{backup}")

    assert faults(town.store) == []
    with town.store.reading() as db:
        assert audit.first_broken(db) is None
    outlive_leases(town)
    resumed = town.run(approve=True)
    assert resumed.outcome == "done", [each.error for each in resumed.read.values()]
    assert len(town.snow.write_log) == writes
    assert [each["status"] for each in town.report()["projects"]] == [
        each["status"] for each in whole["projects"]
    ]
