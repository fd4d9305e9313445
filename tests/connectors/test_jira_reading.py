"""What a Jira read asks for and makes of the answer: pages, fields by name and meaning, history, the small kinds."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.connections import MapRule
from connectors.base import Stream, Target
from connectors.errors import ContractBroken, StopConnection
from connectors.jira import Jira
from connectors.jira_text import text_of, text_of_wiki
from mapping.loading import load
from sandbox.jira_city import statuses_of_the_city
from sandbox.jira_site import Issue, Worklog
from sandbox.jira_values import custom
from tests.connectors.jira_served import EXPLANATION, GATE, NOON, STREAM, Served, look, push, records

STATUS = {each["name"]: each for each in statuses_of_the_city().values()}
HISTORY = replace(STREAM, fields=("fields.status.name", "statusChanges"))


def counted(jira: Jira, stream: Stream) -> set[str]:
    return set(jira.census(stream).ids or ())


def asking(*paths: str) -> Stream:
    return replace(STREAM, fields=paths)


def test_short_and_empty_pages_with_a_token_do_not_end_a_read(cloud: Served) -> None:
    issues = cloud.add(9)
    cloud.site.short_pages = True
    jira = cloud.connect(id_page_size=4)
    pages = list(jira.pull(STREAM, None))
    assert {each.id for page in pages for each in page.records} == {str(each.id) for each in issues}
    assert pages[-1].complete
    assert counted(jira, STREAM) == {str(each.id) for each in issues}


def test_a_long_list_of_fields_fits_into_no_address(either: Served) -> None:
    for number in range(20_000, 20_600):
        field = custom(number, f"Field {number}", "string", "textfield")
        either.site.fields[field.id] = field
    names = tuple(each for each in either.site.fields if each.startswith("customfield_2"))
    either.add(2)
    jira = either.connect()
    (record, _) = records(jira, asking(*(f"fields.{each}" for each in names)))
    assert set(names) <= set(record.body["fields"])
    assert look(jira, "CON-1", *names).values == dict.fromkeys(names)
    assert push(jira, "CON-1", {GATE: "G1", **dict.fromkeys(names)}).error is None
    shown = list(
        jira.look([Target("issue", id="CON-1", fields=names), Target("issue", id="NO-1", fields=names)])
    )
    assert [each.exists for each in shown] == [True, False]


def test_a_field_may_be_named_as_people_see_it(either: Served) -> None:
    either.add(1, **{GATE: "G2"})
    (record,) = records(either.connect(), asking("fields.Gate status", "fields.summary"))
    assert record.body["fields"]["Gate status"] == "G2"


@pytest.mark.parametrize(("others", "said"), [(2, "customfield_30000, customfield_30001"), (0, "no field")])
def test_a_name_that_is_no_single_field_is_reported(either: Served, others: int, said: str) -> None:
    for number in range(30_000, 30_000 + others):
        field = custom(number, "Target end", "date", "datepicker")
        either.site.fields[field.id] = field
    either.add(1)
    with pytest.raises(StopConnection, match=said) as caught:
        records(either.connect(), asking("fields.Target end"))
    assert "map" in caught.value.fix


def test_what_jira_means_by_a_field_is_found_wherever_the_site_keeps_it(either: Served) -> None:
    points = custom(40_001, "Aufwand", "number", "com.pyxis.greenhopper.jira:jsw-story-points")
    named = custom(40_004, "Story point estimate", "number", "float")
    either.site.fields = {**either.site.fields, points.id: points, named.id: named}
    either.add(1, **dict[str, Any]({points.id: 8.0}))
    either.add(1, customfield_10016=3.0, customfield_10021=[{"value": "Impediment", "id": "10019"}])
    either.add(1, **dict[str, Any]({named.id: 5.0}))
    team, company, other = records(
        either.connect(), asking("known.storyPoints", "known.flagged", "fields.summary")
    )
    assert team.body["known"] == {"storyPoints": 8, "flagged": None}
    assert company.body["known"]["storyPoints"] == 3
    assert other.body["known"]["storyPoints"] == 5
    assert company.body["known"]["flagged"]


def boards_of(served: Served, *estimates: str) -> None:
    place = {"projectKey": "CON", "projectId": 10001}
    for number, field in enumerate(estimates, start=1):
        board = {"id": number, "name": f"Board {number}", "type": "scrum", "location": place}
        served.site.boards.append(board)
        served.site.estimates[number] = field
    served.site.boards.append({"id": 99, "name": "Flow", "type": "kanban", "location": place})


def with_effort(served: Served) -> str:
    effort = custom(40_002, "Effort", "number", "float")
    served.site.fields = {**served.site.fields, effort.id: effort}
    return effort.id


def test_story_points_are_where_the_boards_estimate(either: Served) -> None:
    effort = with_effort(either)
    boards_of(either, "timeoriginalestimate", effort, effort)
    either.add(1, **dict[str, Any]({effort: 8.0, "customfield_10016": 3.0}))
    either.add(1, customfield_10016=3.0)
    jira, stream = either.connect(overlap_seconds=0), asking("known.storyPoints")
    (page,) = jira.pull(stream, None)
    assert [each.body["known"]["storyPoints"] for each in page.records] == [8, 3]
    either.edit(either.site.issues[10_001], **{effort: 13.0})
    either.site.requests.clear()
    later = records(either.connect(overlap_seconds=0), stream, page.cursor)
    assert {each.key: each.body["known"]["storyPoints"] for each in later}["CON-1"] == 13
    assert not [path for _, path in either.site.requests if "board" in path]
    assert records(jira, asking("fields.summary"))
    assert not [path for _, path in either.site.requests if "board" in path]


def test_check_tells_where_the_boards_estimate(either: Served) -> None:
    effort = with_effort(either)
    boards_of(either, effort, "customfield_10016", effort)
    (found,) = [each for each in either.connect().check().findings if each.subject == "estimates"]
    assert found.severity == "info"
    assert "Effort (customfield_40002): 2, Story points (customfield_10016): 1." in found.text


@pytest.mark.parametrize("path", ["/board", "/configuration"])
def test_a_site_whose_boards_cannot_be_seen_is_read_all_the_same(either: Served, path: str) -> None:
    boards_of(either, with_effort(either))
    either.add(1, customfield_10016=3.0)
    either.site.forbidden = path
    jira = either.connect()
    assert [each.subject for each in jira.check().findings] == []
    (record,) = records(jira, asking("known.storyPoints"))
    assert record.body["known"]["storyPoints"] == 3


def test_components_are_on_the_issue_and_may_be_read(either: Served) -> None:
    parts = [
        {"id": "11", "name": "Intake", "description": "Counter and web"},
        {"id": "12", "name": "Payment"},
    ]
    either.site.components["CON"] = parts
    either.add(1, components=[{"id": "11", "name": "Intake"}, {"id": "12", "name": "Payment"}])
    jira, mapping = either.connect(), load("jira", "issue")
    (issue,) = records(jira, asking(*mapping.paths))
    assert mapping.rules["components"].look_up(issue.body, {}) == ["Intake", "Payment"]
    stream = Stream("component", scope="CON")
    assert [(each.id, each.key) for each in records(jira, stream)] == [("11", "Intake"), ("12", "Payment")]
    assert counted(jira, stream) == {"11", "12"}
    shown = jira.look([Target("component", id="11"), Target("component", id="13")])
    assert [each.exists for each in shown] == [True, False]
    taken = load(
        "jira", "component", {"title": MapRule.model_validate({"from": "name"})}, entity="deliverable"
    )
    (first, _) = records(jira, replace(stream, fields=taken.paths))
    assert taken.container_getters[0](first.body) == "CON"
    assert taken.rules["title"].look_up(first.body, {}) == "Intake"


def test_boards_may_be_read(either: Served) -> None:
    boards_of(either, "customfield_10016")
    jira, stream = either.connect(), Stream("board", scope="CON")
    assert [(each.id, each.key) for each in records(jira, stream)] == [("1", "Board 1"), ("99", "Flow")]
    assert counted(jira, replace(stream, scope="")) == {"1", "99"}
    assert [each.exists for each in jira.look([Target("board", id="1"), Target("board", id="2")])] == [
        True,
        False,
    ]
    getters = load("jira", "board", entity="deliverable").container_getters
    assert [get(records(jira, stream)[0].body) for get in getters] == ["CON", "10001"]


def test_an_epic_is_a_parent_on_both_products(either: Served) -> None:
    (epic,) = either.add(1)
    if either.site.product == "cloud":
        either.add(1, parent={"id": str(epic.id), "key": epic.key})
    else:
        either.add(2, customfield_10014=epic.key)
        either.add(1, customfield_10014="GONE-1")
    mapping = load("jira", "issue")
    found = {
        each.key: mapping.rules["parent_id"].look_up(each.body, {})
        for each in records(either.connect(), asking(*mapping.paths))
    }
    assert found["CON-1"] is None
    assert found["CON-2"] == str(epic.id)
    assert found.get("CON-4") is None


def test_what_is_above_an_epic_is_its_parent_on_data_center(datacenter: Served) -> None:
    above = custom(40_003, "Parent Link", "any", "com.atlassian.jpo:jpo-custom-field-parent")
    datacenter.site.fields = {**datacenter.site.fields, above.id: above}
    (initiative,) = datacenter.add(1)
    datacenter.add(1, **dict[str, Any]({above.id: "CON-1"}))
    datacenter.add(
        1, **dict[str, Any]({above.id: {"hasEpicLinkFieldDependency": False, "data": {"key": "CON-1"}}})
    )
    datacenter.add(1, **dict[str, Any]({above.id: {"showField": False}}))
    mapping = load("jira", "issue")
    found = records(datacenter.connect(), asking(*mapping.paths))
    parents = [mapping.rules["parent_id"].look_up(each.body, {}) for each in found]
    assert parents == [None, str(initiative.id), str(initiative.id), None]


def test_an_open_blocking_issue_blocks(either: Served) -> None:
    blocks = {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    relates = {"id": "10003", "name": "Relates", "inward": "relates to", "outward": "relates to"}
    links: list[dict[str, Any]] = [
        {"id": "1", "type": blocks, "inwardIssue": {"key": "CON-8", "fields": {"status": STATUS["To Do"]}}},
        {"id": "2", "type": blocks, "inwardIssue": {"key": "CON-9", "fields": {"status": STATUS["Done"]}}},
        {"id": "3", "type": blocks, "outwardIssue": {"key": "CON-7", "fields": {"status": STATUS["To Do"]}}},
        {"id": "4", "type": relates, "inwardIssue": {"key": "CON-6", "fields": {"status": STATUS["To Do"]}}},
    ]
    either.add(1, issuelinks=links)
    either.add(1, issuelinks=links[1:])
    blocked, free = records(either.connect(), asking("known.blockedBy"))
    assert (blocked.body["known"], free.body["known"]) == ({"blockedBy": "CON-8"}, {"blockedBy": None})


def test_an_issue_is_free_as_soon_as_what_blocks_it_is_done(either: Served) -> None:
    blocks = {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}
    (blocked, outside), (blocker,) = either.add(2), either.add(1)
    link: dict[str, Any] = {
        "id": "1",
        "type": blocks,
        "inwardIssue": {"key": blocker.key, "fields": {"status": STATUS["To Do"]}},
    }
    either.edit(blocked, issuelinks=[link])
    away = [
        {"id": str(number), "type": blocks, "outwardIssue": {"id": str(each.id), "key": each.key}}
        for number, each in enumerate((blocked, outside))
    ]
    either.edit(blocker, issuelinks=away)
    either.site.projects["OUT"] = {"id": "10002", "key": "OUT", "name": "Elsewhere"}
    either.site.move(outside, "OUT")
    jira, stream = either.connect(overlap_seconds=2), asking("known.blockedBy")
    first = list(jira.pull(stream, None))
    either.tick(3600)
    either.edit(blocker, status=STATUS["Done"])
    link["inwardIssue"]["fields"]["status"] = STATUS["Done"]
    later = records(jira, stream, first[-1].cursor)
    assert {each.key: each.body["known"]["blockedBy"] for each in later} == {"CON-3": None, "CON-1": None}
    plain = records(jira, asking("fields.summary"), first[-1].cursor)
    assert [each.key for each in plain] == ["CON-3"]


def moved(served: Served, issue: Issue, *names: str) -> list[datetime]:
    at = []
    for name in names:
        served.tick(3600)
        served.edit(issue, status=STATUS[name])
        at.append(issue.updated)
    return at


def test_the_way_through_the_workflow_is_read_from_the_changelog(either: Served) -> None:
    (issue,) = either.add(1)
    begun, done, reopened, again = moved(either, issue, "In Progress", "Done", "In Progress", "Done")
    (record,) = records(either.connect(), HISTORY)
    changes = record.body["statusChanges"]
    assert [datetime.fromisoformat(each["at"]) for each in changes] == [begun, done, reopened, again]
    assert [each["to"]["category"] for each in changes] == ["indeterminate", "done", "indeterminate", "done"]
    assert changes[1]["seconds"] == int((done - begun).total_seconds())
    assert changes[0]["from"] == {"id": "10000", "name": "To Do", "category": "new"}
    assert "changelog" not in record.body


def test_a_renamed_status_keeps_its_meaning_and_a_deleted_one_is_unknown(either: Served) -> None:
    (issue,) = either.add(1)
    moved(either, issue, "In Progress", "Done")
    either.site.statuses["10001"] = {**STATUS["In Progress"], "name": "Building"}
    del either.site.statuses["10002"]
    (record,) = records(either.connect(), HISTORY)
    assert [each["to"] for each in record.body["statusChanges"]] == [
        {"id": "10001", "name": "Building", "category": "indeterminate"},
        {"id": "10002", "name": "Done", "category": None},
    ]


STARTED = re.compile(r'started_at: "(.*?)"')
PAGE = Path(__file__).parents[2] / "docs/how-to/jira.md"


def test_the_start_of_work_is_read_as_the_page_says(either: Served) -> None:
    (expression,) = STARTED.findall(PAGE.read_text(encoding="utf-8"))
    mapping = load("jira", "issue", {"started_at": MapRule.model_validate({"from": expression})})
    reopened, begun_twice, never = either.add(3)
    begun, _, _, _ = moved(either, reopened, "In Progress", "Done", "To Do", "In Progress")
    first, *_ = moved(either, begun_twice, "In Progress", "To Do", "In Progress", "Done")
    either.site.statuses["10001"] = {**STATUS["In Progress"], "name": "Building"}
    found = {
        each.key: [
            mapping.rules[name].look_up(each.body, {})
            for name in ("started_at", "done_at", "status_category")
        ]
        for each in records(either.connect(), asking(*mapping.paths))
    }
    assert [datetime.fromisoformat(str(found[key][0])) for key in (reopened.key, begun_twice.key)] == [
        begun,
        first,
    ]
    assert found[never.key][0] is None
    assert [found[each.key][2] for each in (reopened, begun_twice, never)] == ["indeterminate", "done", "new"]
    assert not found[reopened.key][1]


def test_a_changelog_longer_than_a_page_is_read_whole_on_cloud(cloud: Served) -> None:
    issues = cloud.add(3)
    cloud.site.log_cap = 4
    for each in issues:
        moved(cloud, each, *["In Progress", "To Do"] * 5)
    found = records(cloud.connect(), HISTORY)
    assert [len(each.body["statusChanges"]) for each in found] == [10, 10, 10]
    logs = [path for _, path in cloud.site.requests if path.endswith("/changelog/bulkfetch")]
    assert len(logs) == 8


def test_a_changelog_that_data_center_cut_is_unknown(datacenter: Served) -> None:
    long, short = datacenter.add(2)
    datacenter.site.log_cap = 3
    moved(datacenter, long, *["In Progress", "To Do"] * 2)
    moved(datacenter, short, "In Progress")
    found = {each.id: each.body["statusChanges"] for each in records(datacenter.connect(), HISTORY)}
    assert found[str(long.id)] is None
    assert len(found[str(short.id)]) == 1


def test_a_repeated_changelog_token_breaks_the_contract(cloud: Served) -> None:
    (issue,) = cloud.add(1)
    cloud.site.log_cap = 1
    moved(cloud, issue, *["In Progress", "To Do"] * 3)
    jira = cloud.connect()
    jira.check()
    cloud.site.repeating = True
    with pytest.raises(ContractBroken, match="changelog token"):
        records(jira, HISTORY)


def test_nobody_asks_for_a_changelog_that_no_mapping_reads(either: Served) -> None:
    either.add(2)
    records(either.connect(), asking(*load("jira", "issue").paths))
    assert not [each for each in either.exchanges if b"changelog" in each.body or "changelog" in each.path]


def test_a_worklog_knows_its_project(either: Served) -> None:
    either.site.projects["HID"] = {"id": "10002", "key": "HID", "name": "Hidden"}
    (issue,), (gone,) = either.add(1), either.add(1, "HID")
    for number, each in enumerate((issue, gone), start=1):
        either.site.worklogs[number] = Worklog(number, each.id, "ada", 3600, NOON, NOON + timedelta(hours=1))
    either.site.delete(gone)
    found = {each.id: each for each in records(either.connect(), Stream("worklog"))}
    assert found["1"].body["issue"]["fields"]["project"]["key"] == "CON"
    assert found["1"].body["issue"]["key"] == "CON-1"
    assert found["2"].body["issue"] is None
    getters = load("jira", "worklog").container_getters
    assert [get(found["1"].body) for get in getters] == ["CON", "10001", "CON-1", str(issue.id)]


def test_a_deleted_worklog_leaves_the_census(either: Served) -> None:
    (issue,) = either.add(1)
    for number in (1, 2):
        either.site.worklogs[number] = Worklog(number, issue.id, "ada", 3600, NOON, NOON)
    jira = either.connect()
    assert counted(jira, Stream("worklog")) == {"1", "2"}
    either.site.worklogs_deleted[1] = NOON + timedelta(minutes=5)
    assert counted(jira, Stream("worklog")) == {"2"}


def test_a_sprint_knows_its_boards_project(either: Served) -> None:
    either.site.boards = [
        {"id": 1, "name": "b", "type": "scrum", "location": {"projectKey": "CON", "projectId": 10001}}
    ]
    either.site.sprints = {1: [{"id": 5, "name": "s", "state": "future", "originBoardId": 1}]}
    (record,) = records(either.connect(), Stream("sprint", scope="CON"))
    assert [get(record.body) for get in load("jira", "sprint").container_getters] == ["CON", "10001", "1"]


def test_sprints_come_once_from_boards_that_share_them_and_never_from_kanban(either: Served) -> None:
    boards_of(either, "customfield_10016", "customfield_10016")
    shared, own = ({"id": number, "name": f"Sprint {number}", "state": "active"} for number in (5, 6))
    either.site.sprints = {1: [shared], 2: [shared, own]}
    found = records(either.connect(), Stream("sprint", scope="CON"))
    assert [(each.id, each.body["board"]["name"]) for each in found] == [("5", "Board 1"), ("6", "Board 2")]


def test_hundreds_of_projects_are_listed_page_by_page(either: Served) -> None:
    for number in range(2, 122):
        key = f"P{number}"
        either.site.projects[key] = {"id": str(10_000 + number), "key": key, "name": key}
    assert len(records(either.connect(), Stream("project"))) == 121


def test_an_archived_issue_leaves_the_search_and_is_still_there(either: Served) -> None:
    first, second = either.add(2)
    either.site.archived.add(first.id)
    jira = either.connect()
    assert counted(jira, STREAM) == {str(second.id)}
    assert [each.id for each in records(jira, STREAM)] == [str(second.id)]
    either.site.delete(second)
    assert [look(jira, str(each.id)).exists for each in (first, second)] == [True, False]


def test_rich_text_is_plain_text_on_both_products(either: Served) -> None:
    jira = either.connect()
    either.add(1)
    assert push(jira, "CON-1", {EXPLANATION: "Behind plan.\n\nOver budget."}).error is None
    (record,) = records(jira, asking(f"text.{EXPLANATION}", "text.description"))
    assert record.body["text"] == {EXPLANATION: "Behind plan.\n\nOver budget.", "description": None}


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("h2. Title\r\n*Bold* and _italic_ +new+", "Title\nBold and italic new"),
        ("* one\n** two\n# three", "- one\n- two\n- three"),
        ("See [the plan|https://x.example/p] or [https://x.example]", "See the plan or https://x.example"),
        ("[~ada] {{code}} {color:red}late{color} !chart.png|thumbnail!", "@ada code late"),
        ("||A||B||\n|1|2|", "A | B\n1 | 2"),
        ("{code:java}int a_b = 2 * 3 * 4;{code}", "int a_b = 2 * 3 * 4;"),
        ("cost_center 5*4 a+b - plain", "cost_center 5*4 a+b - plain"),
    ],
)
def test_wiki_markup_gives_its_text(markup: str, text: str) -> None:
    assert text_of_wiki(markup) == text


def test_what_is_no_text_has_none() -> None:
    assert (text_of(None), text_of(""), text_of(3), text_of({"type": "doc", "content": []})) == (
        None,
        None,
        None,
        None,
    )


ERASED: list[dict[str, Any]] = [
    {"accountId": "unknown", "displayName": "Former user", "active": False},
    {"accountId": "5b10", "displayName": "", "active": False, "emailAddress": ""},
    {"accountId": "5b10", "emailAddress": None},
    {"key": "JIRAUSER1", "name": "user-3f2a1", "displayName": "user-3f2a1"},
]


@pytest.mark.parametrize("person", ERASED)
def test_an_anonymized_user_rejects_nothing(either: Served, person: dict[str, Any]) -> None:
    either.add(1, assignee=person, reporter=None)
    mapping = load("jira", "issue")
    (record,) = records(either.connect(), asking(*mapping.paths))
    found = mapping.rules["assignee"].look_up(record.body, {})
    assert found == (person.get("displayName") or person.get("name"))
