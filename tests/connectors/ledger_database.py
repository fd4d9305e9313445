"""A ledger in a database, for the contract suite: one harness, and what differs between databases."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.base import Patch, Plain, SourceRecord, Stream, Target
from connectors.sql import Sql
from tests.connectors.contract import Fault

FIGURES = "portico_figures"
EXACT = Decimal("999999999999999.99")


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs. `columns` are those beside the code, `scope` reads them all, `now` is this instant in SQL."""

    columns: str
    scope: str
    now: str = "current_timestamp(6)"
    amount: Decimal | float = EXACT
    variance: Decimal = Decimal("-0.123456")


SQLITE = Kind(
    columns="note TEXT, amount NUMERIC(17,2), changed TEXT",
    scope="SELECT * FROM ledger WHERE note <> ':none;'",
    now="strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    amount=0.1,
    variance=Decimal("-12.50"),
)
POSTGRES = Kind(
    columns="note text, amount numeric(17,2), changed timestamptz",
    scope="SELECT * FROM ledger WHERE code::text <> ':none'",
    variance=Decimal("-0.1234567890123456789"),
)
"""Its change field is a real instant."""
MARIADB = Kind(
    columns="note text, amount decimal(17,2), changed timestamp(6) NOT NULL",
    scope="SELECT * FROM ledger WHERE code NOT LIKE '5%:none'",
)
"""Its change field is a TIMESTAMP, as tables of MariaDB usually have."""


@contextmanager
def ledger_at(address: str, kind: Kind) -> Iterator["LedgerDatabase"]:
    """A new ledger at an address; its connections are closed at the end."""
    made = LedgerDatabase(address, kind)
    try:
        yield made
    finally:
        made.engine.dispose()


class LedgerDatabase:
    """A ledger, and a table of Portico's in which every row has been written once."""

    secret = "no password on loopback, none for a file"
    faults: frozenset[Fault] = frozenset()
    paged = True
    absent = "nobody"
    requests = 0

    def __init__(self, address: str, kind: Kind) -> None:
        self.stream = Stream("budget_line", kind.scope, ("code",), "changed")
        self.values: Mapping[str, Plain] = {"budget_variance": kind.variance, "rag_cost": "red"}
        self.engine = sa.create_engine(address)
        self._address = address
        self._kind = kind
        self._count = 0
        self.run(f"CREATE TABLE ledger (code varchar(40) PRIMARY KEY, {kind.columns})")

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
                f"INSERT INTO ledger VALUES (:code, :note, :amount, {self._kind.now})",  # noqa: S608  (a fact of the kind)
                code=each,
                note=f"{each} created",
                amount=self._kind.amount,
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
            f"UPDATE ledger SET note = :note, changed = {self._kind.now} WHERE code = :code",  # noqa: S608  (as above)
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
