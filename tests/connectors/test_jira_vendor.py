import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from jira import JIRA
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from openapi_core.exceptions import OpenAPIError

from connectors.base import Stream, Target
from connectors.errors import (
    StopConnection,
)
from tests.conftest import missing
from tests.connectors.jira_served import (
    GATE,
    NOON,
    RAG,
    STREAM,
    InTheCity,
    JiraHarness,
    Served,
    look,
    push,
    records,
)

ROOT = Path(__file__).parents[2]
CONTRACTS = Path(os.environ.get("PORTICO_CONTRACTS", ROOT.parent / "shared/contracts"))


def test_the_city_is_read_whole(city: InTheCity) -> None:
    teams = [each for each in city.city.projects if each.jira_key]
    stream = Stream("issue", scope="project in (PERMIT, PARKS)", fields=("fields.customfield_10301",))
    found = records(city.jira, stream)
    wanted = [each for each in teams if each.jira_key in ("PERMIT", "PARKS")]
    assert len(found) == sum(1 + len(each.work) for each in wanted)
    assert {each.body["fields"]["customfield_10301"] for each in found} == {each.key for each in wanted}
    assert set(city.jira.census(stream).ids or ()) == {each.id for each in found}
    projects = records(city.jira, Stream("project"))
    assert {each.key for each in projects} == {each.jira_key for each in teams}


def test_the_small_kinds_are_read_whole_and_looked_up(city: InTheCity) -> None:
    for kind, absent in (("project", "77"), ("version", "77"), ("sprint", "77")):
        stream = Stream(kind, scope="PERMIT", full=True)
        pages = list(city.jira.pull(stream, None))
        ids = {each.id for page in pages for each in page.records}
        assert ids
        assert pages[-1].last
        assert pages[-1].replaces
        assert set(city.jira.census(stream).ids or ()) == ids
        targets = [Target(kind, id=min(ids)), Target(kind, id=absent)]
        assert [each.exists for each in city.jira.look(targets)] == [True, False]
        assert city.jira.describe(kind)
    assert len(records(city.jira, Stream("sprint"))) == 3 * len(city.site.projects)
    with pytest.raises(StopConnection, match="NOPE"):
        records(city.jira, Stream("version", scope="project in (PERMIT, NOPE)"))
    with pytest.raises(StopConnection, match="no list"):
        records(city.jira, Stream("version", scope="project = PERMIT AND x > 1"))
    with pytest.raises(StopConnection, match="kind"):
        records(city.jira, Stream("board"))


def test_worklogs_follow_the_feed(city: InTheCity) -> None:
    stream = Stream("worklog")
    pages = list(city.jira.pull(stream, None))
    ids = {each.id for page in pages for each in page.records}
    assert ids == {str(each) for each in city.site.worklogs} == set(city.jira.census(stream).ids or ())
    changed = next(iter(city.site.worklogs.values()))
    changed.updated = NOON
    assert str(changed.id) in {each.id for each in records(city.jira, stream, pages[-1].cursor)}
    assert [each.exists for each in city.jira.look([Target("worklog", id=str(changed.id))])] == [True]
    with pytest.raises(StopConnection, match="scope"):
        records(city.jira, Stream("worklog", scope="PERMIT"))


@cache
def _contract(name: str) -> Any:
    path = CONTRACTS / name
    if not path.exists():
        missing(f"the vendor's contract {name} (set PORTICO_CONTRACTS)")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["servers"] = [{"url": "http://jira.test"}]
    return OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))  # type: ignore[arg-type]


def _violation(contract: Any, sent: requests.PreparedRequest) -> Exception | None:
    url = "http://jira.test/" + str(sent.url).partition("://")[2].partition("/")[2]
    headers = {
        name: value for name, value in sent.headers.items() if name in ("Content-Type", "Authorization")
    }
    again = requests.Request(sent.method, url, headers, data=sent.body).prepare()
    try:
        contract.validate_request(RequestsOpenAPIRequest(again))
    except OpenAPIError as error:
        return error
    return None


def _everything(served: Served) -> None:
    """Each request that the connector knows."""
    served.site.boards = [{"id": 1, "name": "b", "type": "scrum", "location": {"projectKey": "CON"}}]
    served.site.sprints = {1: [{"id": 5, "name": "s", "state": "active"}]}
    served.site.versions = {"CON": [{"id": "6", "name": "v"}]}
    served.add(7)
    jira = served.connect(page_size=3, id_page_size=3, carriers=["CON-1"], quiet=True)
    jira.check()
    jira.describe("issue")
    served.connect().describe("issue")
    (first, *_), *_ = (page.records for page in jira.pull(replace(STREAM, owned=(GATE,)), None))
    list(jira.pull(replace(STREAM, fields=()), {"updated": 1_780_000_000_000, "dates": "epoch"}))
    for kind in ("issue", "project", "version", "sprint", "worklog"):
        scope = "" if kind == "worklog" else "project = CON"
        list(jira.pull(Stream(kind, scope=scope), None))
        jira.census(Stream(kind, scope=scope))
    assert push(jira, "CON-1", JiraHarness.values).error is None
    list(jira.look([Target("issue", id=each, fields=(GATE,)) for each in (first.id, "CON-2", "CON-99")]))
    list(jira.look([Target(kind, id="5") for kind in ("project", "version", "sprint", "worklog")]))


@pytest.mark.parametrize(
    ("product", "names"),
    [
        ("cloud", ("jira-cloud-v3.json", "jira-software-cloud.fixed.json", "jira-dc-10.3.fixed.json")),
        ("datacenter", ("jira-dc-10.3.fixed.json",)),
    ],
)
def test_every_request_keeps_the_vendors_contract(
    request: pytest.FixtureRequest, product: str, names: Sequence[str]
) -> None:
    served: Served = request.getfixturevalue(product)
    platform, *others = (_contract(each) for each in names)
    _everything(served)
    assert len(served.sent) > 20
    for each in served.sent:
        path = str(each.url).partition("?")[0]
        elsewhere = "/agile/" in path or path.endswith("/2/serverInfo")
        found = [
            _violation(contract, each) for contract in ((platform, *others) if elsewhere else (platform,))
        ]
        assert None in found, f"{each.method} {each.url} {each.body!r}: {found}"


def test_the_contract_check_can_fail() -> None:
    contract = _contract("jira-cloud-v3.json")
    body = json.dumps({"jql": "project = CON", "startAt": 0})
    headers = {"Content-Type": "application/json", "Authorization": "Basic eA=="}
    bad = requests.Request("POST", "http://x/rest/api/3/search/jql", headers, data=body).prepare()
    assert _violation(contract, bad) is not None


def test_the_jira_package_speaks_with_the_sandbox(city: InTheCity) -> None:
    cloud = city.site.product == "cloud"
    client = JIRA(
        server=city.server.url,
        basic_auth=(city.site.email, city.site.token) if cloud else None,
        token_auth=None if cloud else city.site.token,
        options={"rest_api_version": "3" if cloud else "2"},
        timeout=(5, 10),
        max_retries=0,
    )
    try:
        assert client._is_cloud is cloud
        jql = "project = PERMIT ORDER BY updated ASC, key ASC"
        if cloud:
            found = client.enhanced_search_issues(jql, maxResults=0, fields=["summary"])
            assert client.approximate_issue_count(jql) == len(found) == 26
        else:
            found = client.search_issues(jql, maxResults=0, fields=["summary"])
            assert len(found) == 26
        (board,) = client.boards(projectKeyOrID="PERMIT")
        assert [each.state for each in client.sprints(board.id)] == ["closed", "active", "future"]
        client.issue("PERMIT-1").update(fields={RAG: {"value": "Green"}})
        assert look(city.jira, "PERMIT-1", RAG).values == {RAG: "Green"}
    finally:
        client.close()  # type: ignore[no-untyped-call]
