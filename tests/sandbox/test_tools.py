import csv
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests

import config
from connectors.base import Stream
from connectors.files import Files
from sandbox.city import City, Size, build
from sandbox.faults import Rule
from sandbox.server import Server, serve
from sandbox.tools import BAD_ROW, Sandbox, start

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def city() -> City:
    return build("small", TODAY)


@pytest.fixture(scope="module")
def sandbox(city: City, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with start(city, tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def test_every_tool_answers(sandbox: Sandbox) -> None:
    assert set(sandbox.urls) == set(sandbox.apps) == set(sandbox.faults)
    for url in sandbox.urls.values():
        assert requests.get(url, timeout=5).status_code < 500


@pytest.mark.parametrize("size", ["small", "city"])
def test_the_configuration_is_valid(size: Size, tmp_path: Path) -> None:
    here = build(size, TODAY)
    with start(here, tmp_path) as running:
        path = tmp_path / "portico.yaml"
        path.write_text(running.configuration(), encoding="utf-8")
        settings = config.load(path, running.environment)
        assert running.urls.keys() <= settings.connections.keys()
    declared = {each.key: each for each in settings.projects.declared}
    assert {each.key for each in here.projects if not each.in_servicenow or each.plan} <= declared.keys()
    assert declared["OIT-014"].name == "Permit portal"
    assert [each.budget_code for each in declared["OIT-014"].budget_codes] == ["1402"]


def test_no_secret_stands_in_the_configuration(sandbox: Sandbox) -> None:
    text = sandbox.configuration()
    for name, secret in sandbox.environment.items():
        assert f"${{{name}}}" in text
        assert secret not in text


def test_exactly_one_bad_row_and_the_lines_are_all_there(sandbox: Sandbox, city: City) -> None:
    files = Files("ledger", sandbox.folder / "finance" / "in", read_only=True, settle_seconds=0)
    numbers = set()
    for pattern in ("budget_*.csv", "budget_*.xlsx"):
        for page in files.pull(Stream("budget_line", pattern, key=("line",)), None):
            assert page.complete
            assert not page.rejects
            numbers |= {record.body["line"] for record in page.records}
    assert numbers == {line.number for line in city.budget_lines("files")} | {BAD_ROW["line"]}


def test_the_register_names_its_projects(sandbox: Sandbox, city: City) -> None:
    folder = sandbox.folder / "pmo" / "in"
    for entity in sandbox.registers:
        with (folder / f"{entity}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["project_key"] for row in rows} <= {each.key for each in city.projects}
    with (folder / "status_report.csv").open(encoding="utf-8", newline="") as file:
        outside = {each.key for each in city.projects if not each.in_servicenow}
        assert {row["project_key"] for row in csv.DictReader(file)} == outside


def test_faults_reach_only_their_tool(city: City, tmp_path: Path) -> None:
    with start(city, tmp_path, faults=[Rule(tool="planner", status=503, times=None)]) as running:
        assert requests.get(running.urls["planner"] + "/v1.0/groups", timeout=5).status_code == 503
        others = [url for tool, url in running.urls.items() if tool != "planner"]
        assert all(requests.get(url, timeout=5).status_code != 503 for url in others)


def test_state_tells_what_was_written(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.apps["planner"].extensions["portico"].write_log.append({"record": "x"})
    sandbox.save(tmp_path / "state.json")
    state = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
    assert state["today"] == "2026-11-20"
    assert state["urls"] == sandbox.urls
    assert state["writes"]["planner"] == [{"record": "x"}]


def neighbours() -> tuple[Server, Server]:
    """Two servers on consecutive ports."""
    while True:
        first = serve(lambda _environ, _start: [])
        try:
            return first, serve(lambda _environ, _start: [], first.port + 1)
        except OSError:
            first.stop()


def test_a_taken_port_leaves_nothing_running(city: City, tmp_path: Path) -> None:
    free, taken = neighbours()
    free.stop()
    with taken, pytest.raises(OSError, match="in use"):
        start(city, tmp_path, port_base=free.port)
    serve(lambda _environ, _start: [], free.port).stop()
