import base64
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import TestResponse

from sandbox.city import City, build
from sandbox.jira import create_app
from sandbox.jira_jql import BadQuery, parse
from sandbox.jira_site import Product, Site

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SIGNED = {
    "cloud": "Basic " + base64.b64encode(b"portico@fairhaven.example:sandbox-jira").decode(),
    "datacenter": "Bearer sandbox-jira",
}


@cache
def city() -> City:
    return build("small", date(2026, 7, 1))


class Jira:
    """A simulated Jira and a signed-in client."""

    def __init__(self, product: Product) -> None:
        app = create_app(city(), product=product, now=lambda: NOON)
        self.site: Site = app.extensions["portico"]
        self._client = app.test_client()
        self._headers = {"Authorization": SIGNED[product]}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
        return self._client.get(path, headers=self._headers if headers is None else dict(headers))

    def post(self, path: str, body: Mapping[str, Any]) -> TestResponse:
        return self._client.post(path, json=dict(body), headers=self._headers)


def test_clouds_old_search_is_gone() -> None:
    answer = Jira("cloud").get("/rest/api/3/search?jql=project=PERMIT")
    assert answer.status_code == 410
    assert "CHANGE-2046" in answer.text


@pytest.mark.parametrize("body", [{"jql": "ORDER BY key"}, {"jql": "project = PERMIT", "startAt": 0}])
def test_cloud_refuses_unbounded_queries_and_unknown_members(body: Mapping[str, Any]) -> None:
    assert Jira("cloud").post("/rest/api/3/search/jql", body).status_code == 400


def test_cloud_gives_only_ids_and_no_total_unless_asked() -> None:
    answer = Jira("cloud").post("/rest/api/3/search/jql", {"jql": "project = PERMIT", "maxResults": 2}).json
    assert answer is not None
    assert set(answer) == {"issues", "isLast", "nextPageToken"}
    assert [set(each) for each in answer["issues"]] == [{"id"}, {"id"}]


def test_bulkfetch_omits_what_is_not_there_and_orders_by_id() -> None:
    asked = {"issueIdsOrKeys": ["PERMIT-3", "PERMIT-2", "NOPE-1"], "fields": ["summary"]}
    jira = Jira("cloud")
    answer = jira.post("/rest/api/3/issue/bulkfetch", asked).json
    assert answer is not None
    assert [each["key"] for each in answer["issues"]] == ["PERMIT-2", "PERMIT-3"]
    too_many = {"issueIdsOrKeys": [str(number) for number in range(101)]}
    assert jira.post("/rest/api/3/issue/bulkfetch", too_many).status_code == 400


def test_data_center_has_no_version_3_and_fails_past_its_window() -> None:
    jira = Jira("datacenter")
    assert jira.get("/rest/api/3/myself").status_code == 404
    answer = jira.post("/rest/api/2/search", {"jql": "project = PERMIT", "startAt": 9_990, "maxResults": 20})
    assert answer.status_code == 500
    assert "Search limit exceeded" in answer.text
    assert jira.get("/rest/api/2/myself").headers["retry-after"] == "0"


@pytest.mark.parametrize("product", ["cloud", "datacenter"])
def test_instants_are_printed_in_the_servers_zone_without_a_colon(product: Product) -> None:
    answer = Jira(product).get("/rest/api/2/issue/PERMIT-1?fields=updated").json
    assert answer is not None
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}-0[56]00", answer["fields"]["updated"])


@pytest.mark.parametrize("product", ["cloud", "datacenter"])
def test_a_wrong_token_is_refused_but_server_info_is_open(product: Product) -> None:
    jira = Jira(product)
    assert jira.get("/rest/api/2/myself", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert jira.get("/rest/api/2/serverInfo", headers={}).status_code == 200


def test_each_jira_project_has_its_carrier_and_its_work() -> None:
    jira = Jira("cloud")
    for project in (each for each in city().projects if each.jira_key):
        issues = [each for each in jira.site.issues.values() if each.project == project.jira_key]
        assert len(issues) == 1 + len(project.work)
        carrier = jira.site.find(str(project.carrier))
        assert carrier is not None
        assert carrier.fields["customfield_10301"] == project.key
        assert carrier.fields["issuetype"]["name"] == "Epic"


def test_changes_get_ever_later_stamps_under_a_clock_that_stands() -> None:
    site = Jira("cloud").site
    stamps = [site.stamp() for _ in range(3)]
    assert stamps == [NOON, NOON + timedelta(milliseconds=1), NOON + timedelta(milliseconds=2)]


@pytest.mark.parametrize(
    ("jql", "matches"),
    [
        ('project in (PERMIT, "PARKS") AND key = PERMIT-1', True),
        ("project = OTHER OR (id in (7) AND labels = red)", True),
        ("project not in (PERMIT)", False),
        ("status != Done AND parent is EMPTY", True),
        ("parent is not EMPTY", False),
        ("updated >= 1782907200000", True),
        ("updated > 1782907200000", False),
        ('updated >= "2026-07-01 08:00"', True),
        ('updated >= "2026-07-01 12:00"', False),
        ("project is not EMPTY ORDER BY updated ASC, key DESC", True),
    ],
)
def test_the_query_language(jql: str, matches: bool) -> None:  # noqa: FBT001 - what the case expects
    row = {
        "project": ("PERMIT", "10001"), "key": "PERMIT-1", "id": "7", "labels": ("red",), "status": "To Do",
        "parent": None, "updated": NOON,
    }  # fmt: skip
    assert parse(jql, ZoneInfo("America/New_York")).matches(row) is matches


@pytest.mark.parametrize(
    "jql", ["colour = red", "project in (", "updated >= yesterday", "key", "key = A B", "(key = A"]
)
def test_a_query_that_cannot_be_read_is_refused(jql: str) -> None:
    with pytest.raises(BadQuery):
        parse(jql, ZoneInfo("UTC"))
