"""The contract of every connector, kept by a database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.contract import ConnectorContract, Harness
from tests.connectors.ledger_database import SQLITE, ledger_at


class TestSql(ConnectorContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> Iterator[Harness]:
        with ledger_at(f"sqlite:///{tmp_path / 'ledger.db'}", SQLITE) as ledger:
            yield ledger
