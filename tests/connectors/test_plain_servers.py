"""Servers that say no more than they must: without any endpoint, header or field that a connector could do without."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import flask
import pytest

from connectors.auth import basic, bearer
from connectors.base import Patch, Stream, Target
from connectors.http import Http
from connectors.jira import Jira
from connectors.planner import Planner
from connectors.salesforce import Salesforce
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


def plain_graph() -> flask.Flask:
    """Graph with one plan of two tasks: no batches, no groups, no buckets, no counts of references."""
    app = flask.Flask("plain-graph")
    marks = itertools.count(1)
    tasks: dict[str, dict[str, Any]] = {}
    details: dict[str, dict[str, Any]] = {}

    def add(title: str) -> dict[str, Any]:
        id_ = f"task{len(tasks)}"
        tasks[id_] = {"id": id_, "planId": "plan1", "title": title, "percentComplete": 0}
        details[id_] = {"id": id_, "description": "", "references": {}}
        for each in (tasks[id_], details[id_]):
            each["@odata.etag"] = f'W/"{next(marks)}"'
        return tasks[id_]

    add("Do it")
    add("Do more")

    @app.get("/planner/plans/plan1")
    def plan() -> Any:
        return {"id": "plan1", "title": "Rollout"}

    @app.get("/planner/plans/plan1/details")
    def labels() -> Any:
        return {"id": "plan1"}

    @app.get("/planner/plans/plan1/tasks")
    def listed() -> Any:
        return {"value": list(tasks.values())}

    @app.post("/planner/tasks")
    def create() -> Any:
        return add(flask.request.get_json()["title"]), 201

    @app.route("/planner/tasks/<id_>", methods=["GET", "PATCH"], defaults={"part": tasks})
    @app.route("/planner/tasks/<id_>/details", methods=["GET", "PATCH"], defaults={"part": details})
    def one(id_: str, part: dict[str, dict[str, Any]]) -> Any:
        if flask.request.method == "GET":
            return part[id_]
        if flask.request.headers.get("If-Match") != part[id_]["@odata.etag"]:
            return {"error": {"code": "Conflict"}}, 412
        part[id_] |= {**flask.request.get_json(), "@odata.etag": f'W/"{next(marks)}"'}
        return "", 204

    return app


@pytest.fixture
def planner() -> Iterator[Planner]:
    server = serve(plain_graph())
    try:
        http = Http(server.url, auth=bearer("token"), secrets=(), requests_per_second=1000)
        yield Planner("planner", http, read_only=False, plans=("plan1",))
    finally:
        server.stop()


def test_a_plain_graph_is_read_and_written_once(planner: Planner) -> None:
    assert not planner.check().findings
    pages = list(planner.pull(Stream("task", "plan1"), None))
    assert [each.key for page in pages for each in page.records] == ["Do it", "Do more"]
    assert (pages[-1].last, pages[-1].complete) == (True, True)
    key = (("plan", "plan1"), ("title", "Portico status"), ("marker", "P1"))
    target = Target("status_task", key=key, fields=("details.description",))
    (outcome,) = planner.push([Patch(target, {"details.description": "All is well"})])
    assert outcome.error is None
    (shown,) = planner.look([target])
    assert shown.values == {"details.description": "All is well"}
    assert len(planner.census(Stream("task", "plan1")).ids or ()) == 2


def test_a_plan_whose_tasks_are_hidden_is_not_empty() -> None:
    app = flask.Flask("shy-graph")

    @app.get("/planner/plans/plan1")
    def plan() -> Any:
        return {"id": "plan1", "title": "Rollout"}

    @app.get("/planner/plans/plan1/<part>")
    def hidden(part: str) -> Any:
        return {"error": {"code": "Forbidden", "message": part}}, 403

    server = serve(app)
    try:
        http = Http(server.url, auth=bearer("token"), secrets=(), requests_per_second=1000)
        planner = Planner("planner", http, read_only=True, plans=("plan1",))
        (last,) = planner.pull(Stream("task", "plan1"), None)
        census = planner.census(Stream("task", "plan1"))
    finally:
        server.stop()
    assert (last.last, last.complete) == (True, False)
    assert [(each.id, each.reason) for each in last.rejects] == [
        ("Rollout", "its tasks are hidden from this account")
    ]
    assert census.ids is None


def test_a_salesforce_that_does_not_name_the_account_is_known_by_its_organization() -> None:
    app = flask.Flask("plain-salesforce")

    @app.get("/services/data/v<version>/query/")
    def query(version: str) -> Any:
        record = {"Id": "00D000000000001", "Name": f"City on {version}"}
        return {"totalSize": 1, "done": True, "records": [record]}

    server = serve(app)
    try:
        org = Salesforce("sf", Http(server.url, auth=bearer("token"), secrets=()), read_only=True)
        identity = org.check()
    finally:
        server.stop()
    assert (identity.account, identity.tenant) == ("unknown", "00D000000000001")
    assert [each.severity for each in identity.findings] == ["warning"]
