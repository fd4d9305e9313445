"""A ledger in a database on a real server, for the contract suite."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.base import Patch, Plain, SourceRecord, Stream, Target
from connectors.sql import Sql
from tests.connectors.contract import Fault

FIGURES = "portico_figures"
EXACT = Decimal("999999999999999.99")


class LedgerDatabase:
    """A ledger in a database on a server. `columns` are those beside the code."""

    secret = "trusted on loopback"
    faults: frozenset[Fault] = frozenset()
    paged = True
    absent = "nobody"
    requests = 0

    def __init__(
        self, address: str, *, columns: str, scope: str, variance: Decimal = Decimal("-0.123456")
    ) -> None:
        self.stream = Stream("budget_line", scope, ("code",), "changed")
        self.values: Mapping[str, Plain] = {"budget_variance": variance, "rag_cost": "red"}
        self._address = address
        self.engine = sa.create_engine(address)
        self._count = 0
        self.run(f"CREATE TABLE ledger (code varchar(40) PRIMARY KEY, {columns})")

    @property
    def writes(self) -> int:
        return sum(row[0] for row in self.run("SELECT portico_version FROM portico_figures"))

    def connect(self, *, read_only: bool = False) -> Sql:
        return Sql("ledger", self._address, read_only=read_only, page_size=3)

    def add(self, count: int) -> Sequence[str]:
        ids = [f"c{self._count + number:03}" for number in range(1, count + 1)]
        self._count += count
        for each in ids:
            self.run(
                "INSERT INTO ledger VALUES (:code, :note, :amount, current_timestamp(6))",
                code=each,
                note=f"{each} created",
                amount=EXACT,
            )
        connector = self.connect()
        first: Mapping[str, Plain] = {"budget_variance": Decimal(0), "rag_cost": "green"}
        outcomes = list(connector.push([Patch(self.target(each), first) for each in ids]))
        assert [outcome.error for outcome in outcomes] == [None] * count
        connector.close()
        return ids

    def edit(self, record: str) -> None:
        self._count += 1
        self.run(
            "UPDATE ledger SET note = :note, changed = current_timestamp(6) WHERE code = :code",
            note=f"edited {self._count}",
            code=record,
        )

    def delete(self, record: str) -> None:
        self.run("DELETE FROM ledger WHERE code = :code", code=record)
        self.run("DELETE FROM portico_figures WHERE budget_code = :code", code=record)

    def meddle(self, record: str) -> None:
        self.run("UPDATE portico_figures SET rag_cost = 'purple' WHERE budget_code = :code", code=record)

    def truth(self) -> Mapping[str, str]:
        return {row.code: row.note for row in self.run("SELECT code, note FROM ledger")}

    def text(self, record: SourceRecord) -> str:
        return str(record.body["note"])

    def target(self, record: str) -> Target:
        return Target(FIGURES, key=(("budget_code", record),), fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        raise AssertionError(fault)

    def heal(self) -> None:
        return

    def run(self, statement: str, **values: object) -> Sequence[sa.Row[Any]]:
        with self.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return result.all() if result.returns_rows else []
