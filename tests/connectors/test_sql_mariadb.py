"""The database connector on a real MariaDB: the contract, read-only by the server, exact numbers, its own traps."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from connectors.base import Patch, Stream, Target
from connectors.errors import Conflict, ContractBroken, CredentialsRefused, Unavailable
from connectors.sql import Sql
from tests import databases
from tests.connectors.contract import ConnectorContract, Harness
from tests.connectors.ledger_database import EXACT, FIGURES, MARIADB, LedgerDatabase, ledger_at


@pytest.fixture
def address(mariadb: str) -> Iterator[str]:
    with databases.empty(mariadb) as made:
        yield made


@pytest.fixture
def ledger(address: str) -> Iterator[LedgerDatabase]:
    with ledger_at(address, MARIADB) as made:
        yield made


class TestSqlOnMariaDb(ConnectorContract):
    @pytest.fixture
    def harness(self, ledger: LedgerDatabase) -> Harness:
        return ledger


def test_amounts_are_exact_and_sums_of_cents_are_zero(ledger: LedgerDatabase) -> None:
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


def test_the_server_itself_refuses_a_write_in_a_function(ledger: LedgerDatabase) -> None:
    ledger.add(1)
    ledger.run("CREATE FUNCTION wipe() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM ledger; RETURN 1; END")
    sql = ledger.connect()
    with pytest.raises(ContractBroken, match="READ ONLY"):
        list(sql.pull(Stream("budget_line", "SELECT code, wipe() AS wiped FROM ledger", ("code",)), None))
    assert ledger.truth()
    sql.close()


def test_keys_that_differ_in_case_are_two_of_ours_and_refused_where_finance_compares_them_as_one(
    ledger: LedgerDatabase,
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


def test_a_timestamp_is_read_in_utc_whatever_the_servers_zone(ledger: LedgerDatabase) -> None:
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


def test_a_row_written_by_hand_in_between_is_a_conflict(ledger: LedgerDatabase) -> None:
    ledger.add(1)
    sql = ledger.connect()
    (before,) = sql.look([ledger.target("c001")])
    ledger.meddle("c001")
    (done,) = sql.push([Patch(ledger.target("c001"), dict(ledger.values), before.values, before.version)])
    assert isinstance(done.error, Conflict)
    sql.close()


def test_a_wrong_account_a_missing_right_and_no_server_name_themselves(
    ledger: LedgerDatabase, address: str
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
