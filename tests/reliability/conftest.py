"""Fixtures of the fault tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.town import Town, found


@pytest.fixture
def town(store_url: str, tmp_path: Path) -> Iterator[Town]:
    made = found(store_url, tmp_path)
    yield made
    made.store.close()
