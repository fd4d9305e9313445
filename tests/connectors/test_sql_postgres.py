"""The database connector on a real PostgreSQL: the contract, read-only by the server, exact numbers, real instants."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import Patch, Plain, SourceRecord, Stream, Target
from connectors.errors import ContractBroken, Unavailable
from connectors.sql import Sql
from tests.connectors.contract import ConnectorContract, Fault, Harness

FIGURES = "portico_figures"


@pytest.fixture
def address(postgres: str, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"ledger{abs(hash(request.node.nodeid))}"
    server = sa.create_engine(f"{postgres}/postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as database:
        database.execute(sa.text(f"CREATE DATABASE {name}"))
    yield f"{postgres}/{name}"
    with server.connect() as database:
        database.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


class PostgresHarness:
    """A ledger in PostgreSQL whose change field is a real instant."""

    secret = "trusted on loopback"
    stream = Stream("budget_line", "SELECT * FROM ledger WHERE code::text <> ':none'", ("code",), "changed")
    values: Mapping[str, Plain] = MappingProxyType(
        {"budget_variance": Decimal("-0.1234567890123456789"), "rag_cost": "red"}
    )
    faults: frozenset[Fault] = frozenset()
    paged = True
    absent = "nobody"
    requests = 0

    def __init__(self, address: str) -> None:
        self._address = address
        self.engine = sa.create_engine(address)
        self._count = 0
        self.run(
            "CREATE TABLE ledger (code text PRIMARY KEY, note text, amount numeric(17,2), changed timestamptz)"
        )

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
                "INSERT INTO ledger VALUES (:code, :note, 999999999999999.99, clock_timestamp())",
                code=each,
                note=f"{each} created",
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
            "UPDATE ledger SET note = :note, changed = clock_timestamp() WHERE code = :code",
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


@pytest.fixture
def ledger(address: str) -> Iterator[PostgresHarness]:
    harness = PostgresHarness(address)
    yield harness
    harness.engine.dispose()


class TestSqlOnPostgres(ConnectorContract):
    @pytest.fixture
    def harness(self, ledger: PostgresHarness) -> Harness:
        return ledger


def test_amounts_and_instants_are_exact(ledger: PostgresHarness) -> None:
    ledger.add(1)
    sql = ledger.connect(read_only=True)
    pages = list(sql.pull(ledger.stream, None))
    (record,) = [record for page in pages for record in page.records]
    assert record.body["amount"] == Decimal("999999999999999.99")
    assert record.body["changed"].endswith("Z")
    assert record.updated_at is not None
    assert list(pages[-1].cursor["from"]) == ["datetime"]
    sql.close()


def test_the_server_itself_refuses_a_write_in_a_function(ledger: PostgresHarness) -> None:
    ledger.add(1)
    ledger.run(
        "CREATE FUNCTION wipe() RETURNS TABLE (code text) LANGUAGE sql AS 'DELETE FROM ledger RETURNING code'"
    )
    sql = ledger.connect()
    with pytest.raises(ContractBroken, match="read-only"):
        list(sql.pull(Stream("budget_line", "SELECT * FROM wipe()", ("code",)), None))
    assert ledger.truth()
    sql.close()


def test_a_wrong_role_or_a_missing_right_names_itself(ledger: PostgresHarness, address: str) -> None:
    ledger.run("CREATE ROLE portico_visitor LOGIN")
    visitor = Sql("ledger", address.replace("postgres@", "portico_visitor@"), read_only=True)
    with pytest.raises(ContractBroken, match="permission denied"):
        list(visitor.pull(ledger.stream, None))
    visitor.close()
    ledger.run("DROP ROLE portico_visitor")
    nowhere = Sql("ledger", "postgresql+psycopg://postgres@127.0.0.1:1/ledger", read_only=True)
    with pytest.raises(Unavailable):
        nowhere.check()
    nowhere.close()
