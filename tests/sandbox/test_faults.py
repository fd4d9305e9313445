import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import requests

from sandbox.faults import Faults, Rule, load
from sandbox.server import Server, serve

ROWS = {"rows": list(range(40))}
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Bench(NamedTuple):
    server: Server
    faults: Faults
    work: list[str]
    slept: list[float]

    def get(self, path: str = "/rows") -> requests.Response:
        return requests.get(self.server.url + path, timeout=5)


@pytest.fixture
def bench() -> Iterator[Bench]:
    work: list[str] = []
    slept: list[float] = []

    def rows(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        work.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        body = json.dumps(ROWS).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    faults = Faults(rows, tool="jira", now=lambda: NOON, sleep=slept.append)
    with serve(faults) as server:
        yield Bench(server, faults, work, slept)


def test_without_rules_the_tool_answers(bench: Bench) -> None:
    assert bench.get().json() == ROWS
    assert bench.faults.hits == []


@pytest.mark.parametrize("status", [401, 403, 410, 429, 500, 503])
def test_status(bench: Bench, status: int) -> None:
    bench.faults.use(Rule(status=status))
    assert bench.get().status_code == status
    assert bench.work == []
    assert bench.get().status_code == 200


@pytest.mark.parametrize(
    ("rule", "header"),
    [
        (Rule(status=429), None),
        (Rule(status=429, retry_after=30), "30"),
        (Rule(status=503, retry_after=90, retry_after_as="date"), "Fri, 20 Nov 2026 12:01:30 GMT"),
    ],
)
def test_retry_after(bench: Bench, rule: Rule, header: str | None) -> None:
    bench.faults.use(rule)
    assert bench.get().headers.get("Retry-After") == header


def test_the_rule_names_which_requests_fail(bench: Bench) -> None:
    bench.faults.use(Rule(path="/rows/*", methods=("GET",), after=1, every=2, times=2))
    assert bench.get("/other").ok
    assert requests.post(bench.server.url + "/rows/1", timeout=5).ok
    seen = [bench.get("/rows/1").status_code for _ in range(7)]
    assert seen == [200, 200, 500, 200, 500, 200, 200]
    assert [hit.path for hit in bench.faults.hits] == ["/rows/1", "/rows/1"]


def test_a_rule_for_another_tool_or_query_does_nothing(bench: Bench) -> None:
    bench.faults.use(Rule(tool="servicenow", times=None), Rule(query="page=2", times=None))
    assert bench.get("/rows?page=1").ok
    assert bench.get("/rows?page=2").status_code == 500


def test_a_sign_in_page_comes_with_200(bench: Bench) -> None:
    bench.faults.use(Rule(do="login_page"))
    answer = bench.get()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


def test_truncated_is_whole_http_and_broken_json(bench: Bench) -> None:
    bench.faults.use(Rule(do="truncated"))
    answer = bench.get()
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_cut_breaks_in_the_middle_and_drop_before(bench: Bench) -> None:
    bench.faults.use(Rule(do="cut"), Rule(do="drop", after=1))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        bench.get()
    with pytest.raises(requests.ConnectionError):
        bench.get()
    assert bench.work == ["GET /rows"]


def test_after_work_the_write_was_applied(bench: Bench) -> None:
    bench.faults.use(Rule(methods=("PUT",), status=500, after_work=True))
    assert requests.put(bench.server.url + "/rows", data="x", timeout=5).status_code == 500
    assert bench.work == ["PUT /rows"]


def test_slow_waits_and_answers(bench: Bench) -> None:
    bench.faults.use(Rule(do="slow", seconds=7.5))
    assert bench.get().json() == ROWS
    assert bench.slept == [7.5]


def test_load_reads_yaml_and_json(tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text(
        "- {tool: jira, path: '/rest/*', methods: get, status: 429, retry_after: 5}\n"
        "- {do: drop, times: null}\n"
    )
    (tmp_path / "faults.json").write_text('[{"do": "drop", "times": null}]')
    first, second = load(tmp_path / "faults.yaml")
    assert first == Rule(tool="jira", path="/rest/*", methods=("GET",), status=429, retry_after=5)
    assert (second,) == load(tmp_path / "faults.json") == (Rule(do="drop", times=None),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{do: drop}", "expected a list"),
        ("- drop", "rule 1: expected a mapping"),
        ("- {do: drop}\n- {wait: 3}", "rule 2: unknown key 'wait'"),
        ("- {do: explode}", "rule 1: do: 'explode'"),
    ],
)
def test_load_names_the_bad_rule(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "faults.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "faults.yaml")
