"""The database connector on a real MariaDB: the contract, read-only by the server, exact numbers, its own traps."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.base import Patch, Plain, SourceRecord, Stream, Target
from connectors.errors import Conflict, ContractBroken, CredentialsRefused, Unavailable
from connectors.sql import Sql
from tests.connectors.contract import ConnectorContract, Fault, Harness

FIGURES = "portico_figures"
EXACT = Decimal("999999999999999.99")


@pytest.fixture
def address(mariadb: str, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"ledger{abs(hash(request.node.nodeid))}"
    server = sa.create_engine(f"{mariadb}/mysql")
    with server.connect() as database:
        database.execute(sa.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    yield f"{mariadb}/{name}"
    with server.connect() as database:
        database.execute(sa.text(f"DROP DATABASE {name}"))
    server.dispose()


class MariaHarness:
    """A ledger in MariaDB whose change field is a TIMESTAMP, as its tables usually have."""

    secret = "trusted on loopback"
    stream = Stream("budget_line", "SELECT * FROM ledger WHERE code NOT LIKE '5%:none'", ("code",), "changed")
    values: Mapping[str, Plain] = MappingProxyType(
        {"budget_variance": Decimal("-0.123456"), "rag_cost": "red"}
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
            "CREATE TABLE ledger (code varchar(40) PRIMARY KEY, note text, amount decimal(17,2),"
            " changed timestamp(6) NOT NULL)"
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
                "INSERT INTO ledger VALUES (:code, :note, :amount, now(6))",
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
            "UPDATE ledger SET note = :note, changed = now(6) WHERE code = :code",
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
def ledger(address: str) -> Iterator[MariaHarness]:
    harness = MariaHarness(address)
    yield harness
    harness.engine.dispose()


class TestSqlOnMariaDb(ConnectorContract):
    @pytest.fixture
    def harness(self, ledger: MariaHarness) -> Harness:
        return ledger


def test_amounts_are_exact_and_sums_of_cents_are_zero(ledger: MariaHarness) -> None:
    ledger.add(1)
    sql = ledger.connect()
    (record,) = [record for page in sql.pull(ledger.stream, None) for record in page.records]
    assert record.body["amount"] == EXACT
    target = Target(FIGURES, key=(("budget_code", "c001"),), fields=("eac",))
    (done,) = sql.push([Patch(target, {"eac": EXACT})])
    assert done.shown is not None
    assert dict(done.shown.values) == {"eac": EXACT}
    for code, cents in (("x", "0.10"), ("y", "0.20"), ("z", "-0.30")):
        list(sql.push([Patch(Target(FIGURES, key=(("budget_code", code),)), {"eac": Decimal(cents)})]))
    ((total,),) = ledger.run("SELECT sum(eac) FROM portico_figures WHERE budget_code IN ('x', 'y', 'z')")
    assert total == 0
    sql.close()


def test_the_server_itself_refuses_a_write_in_a_function(ledger: MariaHarness) -> None:
    ledger.add(1)
    ledger.run("CREATE FUNCTION wipe() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM ledger; RETURN 1; END")
    sql = ledger.connect()
    with pytest.raises(ContractBroken, match="READ ONLY"):
        list(sql.pull(Stream("budget_line", "SELECT code, wipe() AS wiped FROM ledger", ("code",)), None))
    assert ledger.truth()
    sql.close()


def test_keys_that_differ_in_case_are_two_of_ours_and_refused_where_finance_compares_them_as_one(
    ledger: MariaHarness,
) -> None:
    sql = ledger.connect()
    for code in ("a1", "A1", "ä1"):
        (done,) = sql.push([Patch(Target(FIGURES, key=(("budget_code", code),)), {"note": code})])
        assert done.error is None
    shown = list(
        sql.look([Target(FIGURES, key=(("budget_code", code),), fields=("note",)) for code in ("a1", "A1")])
    )
    assert [dict(each.values) for each in shown] == [{"note": "a1"}, {"note": "A1"}]
    ledger.run("CREATE TABLE loose (code varchar(9))")
    ledger.run("INSERT INTO loose VALUES ('a1'), ('A1')")
    with pytest.raises(ContractBroken, match="two rows have the key"):
        list(sql.pull(Stream("budget_line", "SELECT * FROM loose", ("code",)), None))
    sql.close()


def test_a_timestamp_is_read_in_utc_whatever_the_servers_zone(ledger: MariaHarness) -> None:
    ledger.run("SET time_zone = '+00:00'")
    ledger.run("INSERT INTO ledger VALUES ('c900', 'x', 1, '2026-11-01 05:30:00')")
    ledger.run("SET GLOBAL time_zone = '-05:00'")
    try:
        sql = ledger.connect()
        (record,) = [record for page in sql.pull(ledger.stream, None) for record in page.records]
        sql.close()
    finally:
        ledger.run("SET GLOBAL time_zone = 'SYSTEM'")
    assert record.body["changed"] == "2026-11-01T05:30:00"


def test_a_row_written_by_hand_in_between_is_a_conflict(ledger: MariaHarness) -> None:
    ledger.add(1)
    sql = ledger.connect()
    (before,) = sql.look([ledger.target("c001")])
    ledger.meddle("c001")
    (done,) = sql.push([Patch(ledger.target("c001"), dict(ledger.values), before.values, before.version)])
    assert isinstance(done.error, Conflict)
    sql.close()


def test_a_wrong_account_a_missing_right_and_no_server_name_themselves(
    ledger: MariaHarness, address: str
) -> None:
    ledger.run("CREATE OR REPLACE USER visitor@localhost IDENTIFIED BY 'secret'")
    ledger.run("CREATE OR REPLACE USER visitor@'127.0.0.1' IDENTIFIED BY 'secret'")
    name = address.rpartition("/")[2]
    for host in ("localhost", "127.0.0.1"):
        ledger.run(f"GRANT CREATE ON {name}.* TO visitor@'{host}'")
    visitor = Sql("ledger", address.replace("root@", "visitor:secret@"), read_only=True)
    with pytest.raises(ContractBroken, match="command denied"):
        list(visitor.pull(ledger.stream, None))
    visitor.close()
    stranger = Sql("ledger", address.replace("root@", "visitor:wrong@"), read_only=True)
    with pytest.raises(CredentialsRefused) as refused:
        stranger.check()
    assert "wrong" not in str(refused.value)
    stranger.close()
    nowhere = Sql("ledger", "mariadb+pymysql://root@127.0.0.1:1/ledger", read_only=True)
    with pytest.raises(Unavailable):
        nowhere.check()
    nowhere.close()
