import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors.base import Target
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    StopConnection,
    Unavailable,
)
from connectors.jira_walk import wall_minute
from sandbox.faults import Rule
from tests.connectors.contract import ConnectorContract
from tests.connectors.jira_served import (
    GATE,
    NOON,
    STREAM,
    JiraHarness,
    Served,
    look,
    records,
)


class TestCloudContract(ConnectorContract):
    @pytest.fixture
    def harness(self, cloud: Served) -> JiraHarness:
        return JiraHarness(cloud)


class TestDataCenterContract(ConnectorContract):
    @pytest.fixture
    def harness(self, datacenter: Served) -> JiraHarness:
        return JiraHarness(datacenter)


def test_issues_changed_at_one_instant_are_all_read(either: Served) -> None:
    issues = either.add(11)
    for each in issues:
        each.updated = NOON
    jira = either.connect(page_size=3, id_page_size=3)
    assert {each.id for each in records(jira, STREAM)} == {str(each.id) for each in issues}


def test_data_center_pages_past_its_window(datacenter: Served) -> None:
    datacenter.site.window = 8
    issues = datacenter.add(30)
    jira = datacenter.connect(page_size=4, window=8, overlap_seconds=1)
    pages = list(jira.pull(STREAM, None))
    assert {each.id for page in pages for each in page.records} == {str(each.id) for each in issues}
    assert pages[-1].complete


def test_a_last_window_with_fewer_than_it_announced_is_incomplete(datacenter: Served) -> None:
    issues = datacenter.add(30)
    jira = datacenter.connect(page_size=4, window=8, overlap_seconds=0)
    datacenter.tick(3600)
    ended = []
    for number, page in enumerate(jira.pull(STREAM, None)):
        ended = [page.complete] if page.last else []
        if number == 6:
            datacenter.site.withheld = 2
            for each in issues[:3]:
                datacenter.edit(each, summary="read, forgotten, and read again")
    assert ended == [False]


@pytest.mark.parametrize("workers", [2, 5])
def test_several_pages_at_a_time_give_what_one_at_a_time_gives(either: Served, workers: int) -> None:
    either.add(41)
    alone = list(either.connect(page_size=4, id_page_size=9).pull(STREAM, None))
    pages = list(either.connect(page_size=4, id_page_size=9, workers=workers).pull(STREAM, None))
    assert pages == alone


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_issues_that_leave_and_move_under_several_pages_hide_no_other(
    datacenter: Served, workers: int
) -> None:
    issues = datacenter.add(40)
    seen: set[str] = set()
    jira = datacenter.connect(page_size=4, window=16, overlap_seconds=0, workers=workers)
    for number, page in enumerate(jira.pull(STREAM, None)):
        seen |= {each.id for each in page.records}
        if number in (0, 2):
            for each in issues[number : number + 2]:
                datacenter.site.delete(each)
            datacenter.edit(issues[number + 20], summary="moved to the end")
            datacenter.edit(issues[4 + number], summary="left what was read")
    assert {str(each.id) for each in issues} - {str(issues[20].id), str(issues[22].id)} <= seen


def test_data_center_learns_the_page_size_from_the_answer(datacenter: Served) -> None:
    datacenter.site.cap = 2
    issues = datacenter.add(9)
    assert len(records(datacenter.connect(page_size=50), STREAM)) == len(issues)


def test_too_many_changes_at_one_instant_are_named(datacenter: Served) -> None:
    datacenter.site.window = 8
    for each in datacenter.add(30):
        each.updated = NOON
    with pytest.raises(ContractBroken) as caught:
        records(datacenter.connect(page_size=4, window=8), STREAM)
    assert "one per project" in caught.value.fix


def test_an_interrupted_first_read_skips_nothing_that_was_edited_meanwhile(either: Served) -> None:
    issues = either.add(9)
    jira = either.connect(page_size=3, id_page_size=9, overlap_seconds=0)
    pages = jira.pull(STREAM, None)
    either.edit(issues[1], summary="edited before its page came")
    first = next(pages)
    assert len(first.records) == 3
    rest = {each.id for each in records(jira, STREAM, first.cursor)}
    assert {str(each.id) for each in issues} <= rest | {each.id for each in first.records}


def test_issues_that_leave_the_part_that_was_read_hide_no_other(datacenter: Served) -> None:
    issues = datacenter.add(12)
    seen: set[str] = set()
    jira = datacenter.connect(page_size=4)
    for number, page in enumerate(jira.pull(STREAM, None)):
        seen |= {each.id for each in page.records}
        if number == 0:
            for each in issues[:3]:
                datacenter.site.delete(each)
    assert {str(each.id) for each in issues} <= seen


def test_a_first_read_interrupted_under_a_lagging_index_resumes_from_what_is_sure(either: Served) -> None:
    issues = either.add(9)
    either.tick(3600)
    either.site.lag = timedelta(seconds=300)
    either.edit(issues[0], summary="search still shows it as old")
    jira = either.connect(page_size=3, id_page_size=9)
    first = next(jira.pull(STREAM, None))
    rest = {each.id for each in records(jira, STREAM, first.cursor)}
    assert {str(each.id) for each in issues} <= rest | {each.id for each in first.records}


def test_a_change_that_search_learns_late_is_caught_by_the_overlap(either: Served) -> None:
    (early,) = either.add(1)
    either.tick(3600)
    (late,) = either.add(1)
    jira = either.connect()
    (page,) = jira.pull(STREAM, None)
    either.edit(early, summary="indexed late")
    early.changed_at, either.site.lag = either.at + timedelta(seconds=100), timedelta(seconds=1)
    either.edit(late, summary="indexed at once")
    (page,) = jira.pull(STREAM, page.cursor)
    assert [each.body["fields"]["summary"] for each in page.records] == ["indexed at once"]
    either.tick(200)
    assert {each.body["fields"]["summary"] for each in records(jira, STREAM, page.cursor)} == {
        "indexed late",
        "indexed at once",
    }


def test_the_search_index_may_lag(either: Served) -> None:
    (issue,) = either.add(1)
    either.site.lag = timedelta(seconds=120)
    either.tick(600)
    jira = either.connect()
    (page,) = jira.pull(STREAM, None)
    either.edit(issue, summary="late")
    (page,) = jira.pull(STREAM, page.cursor)
    either.tick(200)
    assert [each.body["fields"]["summary"] for each in records(jira, STREAM, page.cursor)] == ["late"]


def test_where_epoch_dates_are_unknown_the_wall_clock_of_the_account_is_used(either: Served) -> None:
    either.site.epoch = False
    first, second = either.add(2)
    jira = either.connect()
    pages = list(jira.pull(STREAM, None))
    assert pages[-1].cursor["dates"] == "minute"
    either.tick(86_400)
    either.edit(second, summary="changed")
    assert [each.id for each in records(jira, STREAM, pages[-1].cursor)] == [str(first.id), str(second.id)]
    either.tick(86_400)
    later = list(jira.pull(STREAM, pages[-1].cursor))[-1].cursor
    assert [each.id for each in records(jira, STREAM, later)] == [str(second.id)]


@pytest.mark.parametrize(
    ("instant", "wall"),
    [
        ("2026-07-01T12:00:59+00:00", '"2026-07-01 08:00"'),
        ("2026-11-01T05:30:00+00:00", '"2026-11-01 00:30"'),
        ("2026-11-01T06:30:00+00:00", '"2026-11-01 01:30"'),
        ("2026-03-08T07:00:00+00:00", '"2026-03-08 03:00"'),
    ],
)
def test_a_wall_clock_bound_never_lies_after_its_instant(instant: str, wall: str) -> None:
    at = datetime.fromisoformat(instant)
    found = wall_minute(int(at.timestamp() * 1000), "America/New_York")
    assert found == wall
    read = datetime.fromisoformat(found.strip('"'))
    for fold in (0, 1):
        assert read.replace(tzinfo=ZoneInfo("America/New_York"), fold=fold) <= at


def test_an_unchanged_scope_costs_one_search(either: Served) -> None:
    either.add(3)
    jira = either.connect()
    (page,) = jira.pull(STREAM, None)
    either.tick(3600)
    either.edit(either.add(1)[0])
    (page,) = jira.pull(STREAM, page.cursor)
    either.tick(3600)
    (page,) = jira.pull(STREAM, page.cursor)
    either.site.requests.clear()
    (page,) = jira.pull(STREAM, page.cursor)
    searches = [path for _, path in either.site.requests if "search" in path]
    assert len(searches) == 1


def test_cloud_never_asks_the_search_that_is_gone(cloud: Served) -> None:
    cloud.add(2)
    jira = cloud.connect()
    records(jira, STREAM)
    jira.census(STREAM)
    jira.describe("issue")
    list(jira.look([Target("issue", id="CON-1")]))
    assert not any(path.endswith("/search") for _, path in cloud.site.requests)


def test_an_anonymous_answer_is_no_empty_tool(either: Served) -> None:
    either.add(2)
    jira = either.connect()
    (page,) = jira.pull(STREAM, None)
    either.site.anonymous = True
    with pytest.raises(CredentialsRefused):
        records(jira, STREAM, page.cursor)
    with pytest.raises(CredentialsRefused):
        either.connect().check()


def test_a_warning_makes_a_cloud_read_incomplete(cloud: Served) -> None:
    cloud.add(2)
    cloud.site.warnings.append("The result was truncated.")
    jira = cloud.connect()
    (page,) = jira.pull(STREAM, None)
    assert len(page.records) == 2
    assert not page.complete
    with pytest.raises(Unavailable):
        jira.census(STREAM)


def test_an_issue_that_jira_cannot_give_is_a_reject(cloud: Served) -> None:
    first, second = cloud.add(2)
    cloud.site.unreadable[first.id] = "too large"
    (page,) = cloud.connect().pull(STREAM, None)
    assert [each.id for each in page.records] == [str(second.id)]
    assert not page.complete
    assert [(each.id, each.reason) for each in page.rejects] == [(str(first.id), "too large")]


def test_an_issue_without_an_instant_is_a_reject(datacenter: Served) -> None:
    jira = datacenter.connect()
    jira.check()
    body = {"issues": [{"id": "7", "fields": {"updated": "yesterday"}}], "total": 1}
    datacenter.faults.use(Rule(path="*/search", status=200, body=json.dumps(body), times=None))
    (page,) = jira.pull(STREAM, {"updated": None, "dates": "epoch"})
    assert page.records == []
    assert [(each.id, each.field, each.value) for each in page.rejects] == [("7", "updated", "yesterday")]


@pytest.mark.parametrize(
    "body", ["[]", "null", '{"issues": 3}', '{"issues": ["x"], "total": 1}', '{"issues": []}']
)
def test_another_document_breaks_the_contract(datacenter: Served, body: str) -> None:
    datacenter.add(1)
    jira = datacenter.connect()
    jira.check()
    datacenter.faults.use(Rule(path="*/search", status=200, body=body, times=None))
    with pytest.raises(ContractBroken):
        records(jira, STREAM)


def test_instants_are_utc_whatever_zone_the_server_prints(either: Served) -> None:
    either.site.server_zone = ZoneInfo("Asia/Kathmandu")
    (issue,) = either.add(1)
    (record,) = records(either.connect(), STREAM)
    assert record.updated_at == issue.updated
    assert record.key == "CON-1"
    assert record.url == f"{either.server.url}/browse/CON-1"
    assert record.body["fields"]["updated"].endswith("+0545")


def test_only_the_fields_that_are_mapped_are_asked_for(either: Served) -> None:
    either.add(1)
    stream = replace(
        STREAM, fields=("fields.status.name", "key", "fields.customfield_10300 || fields.duedate")
    )
    (record,) = records(either.connect(), stream)
    assert set(record.body["fields"]) == {
        "summary", "status", "issuetype", "project", "created", "updated", "customfield_10300", "duedate",
    }  # fmt: skip
    (record,) = records(either.connect(), replace(STREAM, fields=()))
    assert "description" in record.body["fields"]


def test_a_moved_issue_keeps_its_id_and_answers_to_its_old_key(either: Served) -> None:
    either.site.projects["NEW"] = {"id": "10002", "key": "NEW", "name": "New"}
    (issue,) = either.add(1)
    jira = either.connect()
    either.site.move(issue, "NEW")
    shown = look(jira, "CON-1", GATE)
    assert (shown.exists, shown.id) == (True, str(issue.id))
    assert shown.url == f"{either.server.url}/browse/NEW-1"


@pytest.mark.parametrize(
    ("scope", "said"),
    [("project = CON ORDER BY key", "ORDER BY"), ("project = NOPE", "NOPE"), ("colour = red", "colour")],
)
def test_a_bad_scope_stops_the_connection_and_names_the_fix(either: Served, scope: str, said: str) -> None:
    either.add(1)
    for act in (records, lambda jira, stream: jira.census(stream)):
        with pytest.raises(StopConnection, match=said) as caught:
            act(either.connect(), replace(STREAM, scope=scope))
        assert "scope" in caught.value.fix


def test_cloud_is_never_asked_for_more_than_a_hundred_issues_at_once(cloud: Served) -> None:
    cloud.add(101)
    jira = cloud.connect(page_size=500)
    assert len(records(jira, STREAM)) == 101
    assert all(
        each.exists for each in jira.look([Target("issue", id=f"CON-{number}") for number in range(1, 102)])
    )


def test_an_empty_scope_reads_everything(either: Served) -> None:
    either.add(2)
    jira = either.connect()
    assert len(records(jira, replace(STREAM, scope=""))) == 2
    assert len(jira.census(replace(STREAM, scope="")).ids or ()) == 2
