"""Fixtures of the Jira tests: a Cloud site, a Data Center site, each of them in turn, and the small city's Jira."""

from collections.abc import Iterator

import pytest

from tests.connectors.jira_contract import available, violations
from tests.connectors.jira_served import InTheCity, Served


def _kept(served: Served | InTheCity) -> None:
    """Stops it; everything that went over the wire kept the vendor's contracts."""
    served.stop()
    if available():
        assert violations(served.exchanges) == []


@pytest.fixture
def cloud() -> Iterator[Served]:
    served = Served("cloud")
    yield served
    _kept(served)


@pytest.fixture
def datacenter() -> Iterator[Served]:
    served = Served("datacenter")
    yield served
    _kept(served)


@pytest.fixture(params=["cloud", "datacenter"])
def either(request: pytest.FixtureRequest) -> Served:
    served = request.getfixturevalue(request.param)
    assert isinstance(served, Served)
    return served


@pytest.fixture(params=["cloud", "datacenter"])
def city(request: pytest.FixtureRequest) -> Iterator[InTheCity]:
    found = InTheCity(request.param)
    yield found
    _kept(found)
