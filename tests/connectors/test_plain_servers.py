"""Servers that say no more than they must: without any endpoint, header or field that a connector could do without."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import flask
import pytest

from connectors.auth import basic
from connectors.base import Patch, Stream, Target
from connectors.http import Http
from connectors.jira import Jira
from sandbox.server import serve

ISSUES: dict[str, dict[str, Any]] = {
    str(10000 + number): {
        "id": str(10000 + number),
        "key": f"P-{number}",
        "fields": {
            "summary": f"Issue {number}",
            "status": {"name": "Open"},
            "updated": f"2026-11-0{number}T10:00:00.000+0000",
            "customfield_1": None,
        },
    }
    for number in range(1, 4)
}


def plain_jira() -> flask.Flask:
    """Jira Cloud without bulk fetch, counts, permissions, clock, and with fields that tell no schema."""
    app = flask.Flask("plain-jira")

    @app.get("/rest/api/3/serverInfo")
    def info() -> Any:
        return {"version": "1001.0.0"}

    @app.get("/rest/api/3/myself")
    def myself() -> Any:
        return {"accountId": "abc"}

    @app.get("/rest/api/3/field")
    def fields() -> Any:
        return [{"id": "customfield_1", "name": "Gate"}]

    @app.post("/rest/api/3/search/jql")
    def search() -> Any:
        return {"issues": [{"id": id_} for id_ in ISSUES]}

    @app.get("/rest/api/3/issue/<name>")
    def issue(name: str) -> Any:
        return next(each for each in ISSUES.values() if name in (each["id"], each["key"]))

    @app.get("/rest/api/3/issue/<name>/editmeta")
    def editmeta(name: str) -> Any:
        return {"fields": {"customfield_1": {"name": "Gate"}}}

    @app.put("/rest/api/3/issue/<name>")
    def edit(name: str) -> Any:
        ISSUES[name]["fields"].update(flask.request.get_json()["fields"])
        return "", 204

    @app.after_request
    def quiet(answer: flask.Response) -> flask.Response:
        answer.headers.pop("Date", None)
        return answer

    return app


@pytest.fixture
def jira() -> Iterator[Jira]:
    server = serve(plain_jira())
    try:
        http = Http(server.url, auth=basic("bot", "token"), secrets=(), requests_per_second=1000)
        yield Jira("jira", http, read_only=False, now=lambda: datetime(2026, 11, 20, tzinfo=UTC))
    finally:
        server.stop()


def test_a_plain_jira_cloud_is_read_described_and_written(jira: Jira) -> None:
    assert jira.check().product.startswith("Jira Cloud")
    pages = list(jira.pull(Stream("issue", "project = P"), None))
    assert [each.key for page in pages for each in page.records] == ["P-1", "P-2", "P-3"]
    assert (pages[-1].last, pages[-1].complete) == (True, True)
    assert {each.id: each.writable for each in jira.describe("issue")} == {"customfield_1": True}
    (outcome,) = jira.push(
        [Patch(Target("issue", "P-1", fields=("customfield_1",)), {"customfield_1": "G2"})]
    )
    assert outcome.shown is not None
    assert outcome.shown.values["customfield_1"] == "G2"
