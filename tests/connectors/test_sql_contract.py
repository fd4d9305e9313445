"""The contract of every connector, kept by a database."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest

from connectors.base import Patch, Plain, SourceRecord, Stream, Target
from connectors.sql import Sql
from tests.connectors.contract import ConnectorContract, Fault, Harness

FIGURES = "portico_figures"


class SqlHarness:
    """A ledger in SQLite, and a table of Portico's in which every row has been written once."""

    secret = "a file has no secret"
    stream = Stream("budget_line", "SELECT * FROM ledger WHERE note <> ':none;'", ("code",), "changed")
    values: Mapping[str, Plain] = MappingProxyType({"budget_variance": Decimal("-12.50"), "rag_cost": "red"})
    faults: frozenset[Fault] = frozenset()
    paged = True
    absent = "nobody"
    requests = 0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._moment = datetime(2026, 7, 1, tzinfo=UTC)
        self._run(
            "CREATE TABLE ledger (code TEXT PRIMARY KEY, note TEXT, amount NUMERIC(17,2), changed TEXT)"
        )

    @property
    def writes(self) -> int:
        return sum(
            int(str(version)) for (version,) in self._run("SELECT portico_version FROM portico_figures")
        )

    def connect(self, *, read_only: bool = False) -> Sql:
        return Sql("ledger", f"sqlite:///{self._path}", read_only=read_only, page_size=3)

    def add(self, count: int) -> Sequence[str]:
        ids = []
        for _ in range(count):
            stamp = self._tick()
            ids.append(f"c{int(self._moment.timestamp()) % 100000:05}")
            self._run("INSERT INTO ledger VALUES (?, ?, 0.1, ?)", ids[-1], f"{ids[-1]} created", stamp)
        connector = self.connect()
        first: Mapping[str, Plain] = {"budget_variance": Decimal(0), "rag_cost": "green"}
        assert [each.error for each in connector.push([Patch(self.target(each), first) for each in ids])] == [
            None
        ] * count
        connector.close()
        return ids

    def edit(self, record: str) -> None:
        stamp = self._tick()
        self._run("UPDATE ledger SET note = ?, changed = ? WHERE code = ?", f"edited {stamp}", stamp, record)

    def delete(self, record: str) -> None:
        self._run("DELETE FROM ledger WHERE code = ?", record)
        self._run("DELETE FROM portico_figures WHERE budget_code = ?", record)

    def meddle(self, record: str) -> None:
        self._run("UPDATE portico_figures SET rag_cost = 'purple' WHERE budget_code = ?", record)

    def truth(self) -> Mapping[str, str]:
        return {str(code): str(note) for code, note in self._run("SELECT code, note FROM ledger")}

    def text(self, record: SourceRecord) -> str:
        return str(record.body["note"])

    def target(self, record: str) -> Target:
        return Target(FIGURES, key=(("budget_code", record),), fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        raise AssertionError(fault)

    def heal(self) -> None:
        return

    def _tick(self) -> str:
        self._moment += timedelta(seconds=1)
        return self._moment.isoformat().replace("+00:00", "Z")

    def _run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(statement, values).fetchall()


class TestSql(ConnectorContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Harness:
        return SqlHarness(tmp_path / "ledger.db")
