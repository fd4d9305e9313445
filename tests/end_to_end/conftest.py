"""The city of 180 projects, read and judged once for every test that adds its figures up."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.end_to_end.office import Office, by
from tests.end_to_end.whole_city import NOW, Rows, decide, forget_forecasts, rows_of


@pytest.fixture(scope="session")
def whole_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The office. Nothing that a test enters here may move a figure that another one looks at."""
    with Office(tmp_path_factory.mktemp("whole_city"), size="city", now=NOW) as made:
        forget_forecasts(made)
        assert made.run("pull").code == 1
        decide(made)
        assert made.run("assess").code == 1
        yield made


@pytest.fixture(scope="session")
def report(whole_city: Office) -> Any:
    """The report document as first judged."""
    return whole_city.report()


@pytest.fixture(scope="session")
def shown(report: Any) -> Mapping[str, Any]:
    """The report's projects by key."""
    return by(report["projects"], "key")


@pytest.fixture(scope="session")
def entities(whole_city: Office, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    """The exit kit: every row of every entity."""
    folder = tmp_path_factory.mktemp("kit")
    assert whole_city.run("export", folder).code == 0
    return {path.stem: rows_of(path) for path in folder.glob("*.jsonl")}
