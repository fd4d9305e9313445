"""The database connector on a real PostgreSQL: the contract, read-only by the server, exact numbers, real instants."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from connectors.base import Stream
from connectors.errors import ContractBroken, Unavailable
from connectors.sql import Sql
from tests import databases
from tests.connectors.contract import ConnectorContract, Harness
from tests.connectors.ledger_database import POSTGRES, LedgerDatabase, ledger_at


@pytest.fixture
def address(postgres: str) -> Iterator[str]:
    with databases.empty(postgres) as made:
        yield made


@pytest.fixture
def ledger(address: str) -> Iterator[LedgerDatabase]:
    with ledger_at(address, POSTGRES) as made:
        yield made


class TestSqlOnPostgres(ConnectorContract):
    @pytest.fixture
    def harness(self, ledger: LedgerDatabase) -> Harness:
        return ledger


def test_amounts_and_instants_are_exact(ledger: LedgerDatabase) -> None:
    ledger.add(1)
    sql = ledger.connect(read_only=True)
    pages = list(sql.pull(ledger.stream, None))
    (record,) = [record for page in pages for record in page.records]
    assert record.body["amount"] == Decimal("999999999999999.99")
    assert record.body["changed"].endswith("Z")
    assert record.updated_at is not None
    assert list(pages[-1].cursor["from"]) == ["datetime"]
    sql.close()


def test_the_server_itself_refuses_a_write_in_a_function(ledger: LedgerDatabase) -> None:
    ledger.add(1)
    ledger.run(
        "CREATE FUNCTION wipe() RETURNS TABLE (code text) LANGUAGE sql AS 'DELETE FROM ledger RETURNING code'"
    )
    sql = ledger.connect()
    with pytest.raises(ContractBroken, match="read-only"):
        list(sql.pull(Stream("budget_line", "SELECT * FROM wipe()", ("code",)), None))
    assert ledger.truth()
    sql.close()


def test_a_wrong_role_or_a_missing_right_names_itself(ledger: LedgerDatabase, address: str) -> None:
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
