from dataclasses import replace
from typing import Any

import pytest
from jira import JIRA

from connectors.base import Stream, Target
from connectors.errors import StopConnection
from connectors.http import Http
from connectors.jira import Jira
from tests.conftest import missing
from tests.connectors.jira_contract import available, violations
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
        records(city.jira, Stream("filter"))


def test_worklogs_follow_the_feed(city: InTheCity) -> None:
    stream = Stream("worklog")
    pages = list(city.jira.pull(stream, None))
    ids = {each.id for page in pages for each in page.records}
    assert ids == {str(each) for each in city.site.worklogs} == set(city.jira.census(stream).ids or ())
    changed = next(iter(city.site.worklogs.values()))
    changed.updated = NOON
    later = {each.id for each in records(city.jira, stream, pages[-1].cursor)}
    assert str(changed.id) in later
    assert later < ids
    assert [each.exists for each in city.jira.look([Target("worklog", id=str(changed.id))])] == [True]
    with pytest.raises(StopConnection, match="scope"):
        records(city.jira, Stream("worklog", scope="PERMIT"))


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
    for kind in ("issue", "project", "version", "component", "board", "sprint", "worklog"):
        scope = "" if kind == "worklog" else "project = CON"
        list(jira.pull(Stream(kind, scope=scope), None))
        jira.census(Stream(kind, scope=scope))
    assert push(jira, "CON-1", JiraHarness.values).error is None
    list(jira.look([Target("issue", id=each, fields=(GATE,)) for each in (first.id, "CON-2", "CON-99")]))
    list(jira.look([Target(kind, id="5") for kind in ("project", "version", "sprint", "worklog")]))


def test_every_request_keeps_the_vendors_contract(either: Served) -> None:
    if not available():
        missing("the vendor's contracts (set PORTICO_CONTRACTS)")
    _everything(either)
    assert len(either.exchanges) > 20
    assert all(each.ours for each in either.exchanges)
    assert violations(either.exchanges) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"body": b'{"jql": "project = CON", "startAt": 0}'}, "request"),
        ({"path": "/rest/api/3/search/all"}, "request"),
        ({"answer": b'{"issues": 3}'}, "answer"),
    ],
)
def test_the_contract_check_can_fail(cloud: Served, change: dict[str, Any], said: str) -> None:
    if not available():
        missing("the vendor's contracts (set PORTICO_CONTRACTS)")
    records(cloud.connect(), STREAM)
    (search, *_) = [each for each in cloud.exchanges if each.path.endswith("/search/jql")]
    (problem,) = violations([replace(search, **change)])
    assert f": {said}: " in problem


def vendor(city: InTheCity) -> JIRA:
    cloud = city.site.product == "cloud"
    return JIRA(
        server=city.server.url,
        basic_auth=(city.site.email, city.site.token) if cloud else None,
        token_auth=None if cloud else city.site.token,
        options={"rest_api_version": "3" if cloud else "2"},
        timeout=(5, 10),
        max_retries=0,
    )


def test_the_jira_package_sees_in_the_sandbox_what_the_connector_sees(city: InTheCity) -> None:
    client = vendor(city)
    try:
        described = {each.id: each for each in city.jira.describe("issue")}
        assert {each["id"]: each["name"] for each in client.fields()} == {
            each.id: each.name for each in described.values()
        }
        assert {each.key for each in client.projects()} == {
            each.key for each in records(city.jira, Stream("project"))
        }
        versions = records(city.jira, Stream("version", scope="PERMIT"))
        assert [each.id for each in client.project_versions("PERMIT")] == [each.id for each in versions]
        assert client.project("PERMIT").key == "PERMIT"
        meta = client.editmeta("PERMIT-1")["fields"]
        assert {id_ for id_, each in described.items() if each.writable} <= set(meta)
        assert [each["value"] for each in meta[RAG]["allowedValues"]] == list(described[RAG].options)
        held = client.my_permissions(projectKey="PERMIT", permissions="EDIT_ISSUES")["permissions"]
        assert held["EDIT_ISSUES"]["havePermission"]
        assert {each.name for each in client.statuses()} == {"To Do", "In Progress", "Done", "Cancelled"}
        assert client.myself()["displayName"] == "Portico"
        writing = Jira("jira", Http(city.server.url, auth=city.auth), read_only=False, property_key="portico")
        assert push(writing, "PERMIT-1", {GATE: "G2"}).error is None
        writing.close()
        assert client.issue_property("PERMIT-1", "portico").value.fields.customfield_10201 == "G2"
    finally:
        client.close()  # type: ignore[no-untyped-call]


def test_the_jira_package_speaks_with_the_sandbox(city: InTheCity) -> None:
    cloud = city.site.product == "cloud"
    client = vendor(city)
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
