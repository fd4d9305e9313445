"""Fixtures of the fault tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portfolio.store.database import open_store
from tests.reliability.town import Town, found
from tests.reliability.village import Village, fill


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A town over SQLite."""
    made = found(f"sqlite:///{tmp_path / 'portico.db'}", tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def town_of_both(store_url: str, tmp_path: Path) -> Iterator[Town]:
    """A town over each database in turn."""
    made = found(store_url, tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def village(store_url: str) -> Iterator[Village]:
    """Three tools with three projects, before the first run."""
    with open_store(store_url) as store:
        made = Village(store)
        fill(made.tools)
        yield made
