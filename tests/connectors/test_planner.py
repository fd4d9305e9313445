import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from connectors.base import Page, Patch, Plain, Shown, SourceRecord, Stream, Target
from connectors.errors import Conflict, ContractBroken, Invalid, NotFound, OutcomeUnknown, RateLimited
from connectors.planner import Planner
from connectors.planner_fields import marked_for, reference_key, reference_url
from sandbox.faults import Rule
from sandbox.graph import TENANT_ID
from sandbox.graph_rules import ITEM_TYPES
from tests.connectors.contract import ConnectorContract, Fault, Harness
from tests.connectors.graph_site import PLAN, SECRET, Site, running_site

ROOT = Path(__file__).parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
RAG = "categories:category10,category11,category12"
WORK = Stream("task", PLAN)
STATUS = Target(
    "status_task",
    key=(("plan", PLAN), ("title", "Portico status"), ("marker", "OIT-014")),
    fields=(RAG, "details.description"),
)
WISH: Mapping[str, Plain] = MappingProxyType(
    {RAG: "category11", "details.description": "Amber: 12 days late."}
)
NOTE = {"@odata.type": "#microsoft.graph.plannerExternalReference", "alias": "Minutes", "type": "Word"}
STEP = {"@odata.type": "#microsoft.graph.plannerChecklistItem", "title": "Ask the clerk", "isChecked": False}

_RULES: Mapping[Fault, Rule] = {
    "unauthorized": Rule(status=401, times=None),
    "rate_limited": Rule(status=429, times=None),
    "server_error": Rule(status=500, times=None),
    "login_page": Rule(do="login_page", times=None),
    "truncated": Rule(do="truncated", times=None),
    "gone": Rule(status=410, times=None),
    "dropped": Rule(do="drop", times=None),
    "lost_write": Rule(do="drop", methods=("PATCH", "POST"), path="*/planner/*", times=None, after_work=True),
}


class PlannerHarness:
    secret = SECRET
    stream = WORK
    values: Mapping[str, Plain] = MappingProxyType({RAG: "category11", "dueDateTime": "2027-03-14"})
    faults: frozenset[Fault] = frozenset([*_RULES, "repeated_page", "short_read"])
    paged = True
    absent = "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tenant = site.tenant
        self.tenant.page_size = 4
        self._edits = 0

    @property
    def writes(self) -> int:
        return len(self.tenant.write_log)

    @property
    def requests(self) -> int:
        return self.site.counted.requests

    def connect(self, *, read_only: bool = False) -> Planner:
        return self.site.connect(read_only=read_only, page_size=3, write_fields=tuple(self.values))

    def add(self, count: int) -> Sequence[str]:
        return [self.tenant.add_task(self.site.plan, f"Task {number}") for number in range(count)]

    def edit(self, record: str) -> None:
        self._edits += 1
        self.tenant.edit_task(record, title=f"Edited {self._edits}")

    def delete(self, record: str) -> None:
        self.tenant.remove_task(record)

    def meddle(self, record: str) -> None:
        self.tenant.edit_task(record, appliedCategories={"category12": True})

    def truth(self) -> Mapping[str, str]:
        return {each: task["title"] for each, task in self.tenant.tasks.items()}

    def text(self, record: SourceRecord) -> str:
        return str(record.body["title"])

    def target(self, record: str) -> Target:
        return Target("task", id=record, fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        self.tenant.stuck = fault == "repeated_page"
        self.tenant.withheld = 2 if fault == "short_read" else 0
        self.site.faults.use(*([_RULES[fault]] if fault in _RULES else []))

    def heal(self) -> None:
        self.tenant.stuck, self.tenant.withheld = False, 0
        self.site.faults.use()


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


class TestPlanner(ConnectorContract):
    @pytest.fixture
    def harness(self, site: Site) -> Harness:
        return PlannerHarness(site)


def read(planner: Planner, stream: Stream = WORK, cursor: Any = None) -> tuple[list[SourceRecord], Page]:
    pages = list(planner.pull(stream, cursor))
    return [record for page in pages for record in page.records], pages[-1]


def look(planner: Planner, target: Target = STATUS) -> Shown:
    (shown,) = planner.look([target])
    return shown


def push(planner: Planner, shown: Shown, values: Mapping[str, Plain] = WISH) -> Shown:
    (outcome,) = planner.push([Patch(shown.target, values, shown.values, shown.version)])
    if outcome.error:
        raise outcome.error
    assert outcome.shown
    return outcome.shown


# reading


def test_a_body_holds_task_details_plan_bucket_and_label_names(site: Site) -> None:
    task = site.tenant.add_task(
        site.plan,
        "Wire the desk",
        bucketId=site.bucket,
        description="By May",
        appliedCategories={"category1": True},
    )
    ((record,), _) = read(site.connect())
    assert record.id == task
    assert record.body["plan"] == {"id": site.plan, "title": PLAN}
    assert record.body["bucket"] == {"id": site.bucket, "name": "Build"}
    assert record.body["details"]["description"] == "By May"
    assert record.body["labels"] == ["Blocked"]
    assert record.body["createdBy"]["user"]["displayName"] is None
    assert record.updated_at is None


def test_people_are_named_and_who_left_is_a_former_user(site: Site) -> None:
    site.tenant.users["u1"] = {"id": "u1", "displayName": "Ada Moreno", "mail": "ada@example.gov"}
    people = {each: {"@odata.type": ITEM_TYPES["assignments"]} for each in ("u1", "u2")}
    site.tenant.add_task(site.plan, "Wire the desk", assignments=people)
    ((record,), _) = read(site.connect())
    assert record.body["people"] == [
        {"id": "u1", "name": "Ada Moreno", "mail": "ada@example.gov"},
        {"id": "u2", "name": "former user", "mail": None},
    ]


def test_people_stay_ids_where_the_account_may_not_ask(site: Site) -> None:
    site.graph.authority.admit(SECRET, ("Tasks.Read.All", "Group.Read.All"))
    site.tenant.users["u1"] = {"id": "u1", "displayName": "Ada Moreno", "mail": None}
    site.tenant.add_task(
        site.plan, "Wire the desk", assignments={"u1": {"@odata.type": ITEM_TYPES["assignments"]}}
    )
    ((record,), _) = read(site.connect())
    assert record.body["people"] == [{"id": "u1", "name": "u1", "mail": None}]


def test_a_plan_of_a_roster_is_read_by_its_id(site: Site) -> None:
    plan = site.tenant.add_plan("roster", "Budget club")
    site.tenant.plans[plan]["container"] = {"containerId": "roster", "type": "unknownFutureValue"}
    task = site.tenant.add_task(plan, "Count the chairs")
    ((record,), last) = read(site.connect(plans=(plan,)), Stream("task", plan))
    assert (record.id, last.complete) == (task, True)


def test_an_unchanged_run_costs_few_requests_and_gives_no_records(site: Site) -> None:
    for number in range(60):
        site.tenant.add_task(site.plan, f"Task {number}", description="x")
    planner = site.connect()
    _, last = read(planner)
    before = site.counted.requests
    records, last = read(site.connect(), cursor=last.cursor)
    assert records == []
    assert last.complete
    assert site.counted.requests - before == 2


def test_a_changed_text_that_leaves_the_task_etag_alone_is_found_in_turn(site: Site) -> None:
    ids = [site.tenant.add_task(site.plan, f"Task {number}", description="old") for number in range(50)]
    planner = site.connect()
    _, last = read(planner)
    etag = site.tenant.tasks[ids[33]]["@odata.etag"]
    site.tenant.edit_details(ids[33], description="new")
    assert site.tenant.tasks[ids[33]]["@odata.etag"] == etag
    found: list[SourceRecord] = []
    for _ in range(3):
        records, last = read(planner, cursor=last.cursor)
        found += records
    assert [record.id for record in found] == [ids[33]]


def test_a_renamed_bucket_or_label_changes_the_tasks_that_show_it(site: Site) -> None:
    inside = site.tenant.add_task(
        site.plan, "In", bucketId=site.bucket, appliedCategories={"category1": True}
    )
    site.tenant.add_task(site.plan, "Out")
    planner = site.connect()
    _, last = read(planner)
    site.tenant.buckets[site.bucket]["name"] = "Doing"
    (record,), last = read(planner, cursor=last.cursor)
    assert (record.id, record.body["bucket"]["name"]) == (inside, "Doing")
    site.tenant.plan_details[site.plan]["categoryDescriptions"]["category1"] = "Stuck"
    (record,), last = read(planner, cursor=last.cursor)
    assert (record.id, record.body["labels"]) == (inside, ["Stuck"])


@pytest.mark.parametrize("scope", [PLAN, "id", "group:Licenses & Inspections"])
def test_a_plan_that_cannot_be_seen_is_never_empty(site: Site, scope: str) -> None:
    scope = site.plan if scope == "id" else scope
    site.tenant.add_task(site.plan, "Task")
    other = site.tenant.add_plan(site.group, "Other")
    planner = site.connect()
    _, last = read(planner, Stream("task", scope))
    assert last.complete
    site.tenant.hidden.add(site.plan)
    records, last = read(planner, Stream("task", scope), last.cursor)
    assert records == []
    if scope.startswith("group:"):
        site.tenant.hidden.add(other)
    else:
        assert not last.complete
        assert "not reachable" in last.rejects[0].reason
        assert planner.census(Stream("task", scope)).ids is None
    assert [each.severity for each in site.connect(plans=(site.plan,)).check().findings] == ["error"]


@pytest.mark.parametrize("scope", [PLAN, "id", "group:Licenses & Inspections"])
def test_nothing_is_read_from_or_written_to_a_plan_that_is_not_named(site: Site, scope: str) -> None:
    scope = site.plan if scope == "id" else scope
    site.tenant.add_task(site.plan, "Ours")
    other = site.tenant.add_plan(site.tenant.add_group("Elsewhere"), "Board secrets")
    task = site.tenant.add_task(other, "Theirs")
    planner = site.connect(plans=(scope,))
    assert [record.body["title"] for record in read(planner, Stream("task", scope))[0]] == ["Ours"]
    for reader in (planner, site.connect(plans=(scope,))):
        for target in (
            Target("task", id=task, fields=("title",)),
            replace(STATUS, key=(("plan", other), *STATUS.key[1:])),
        ):
            with pytest.raises(Invalid, match="none of those"):
                push(reader, look(reader, target), {"title": "Ours now"})
    assert site.tenant.write_log == []
    assert push(planner, look(planner)).values


def test_a_group_is_found_by_its_exact_name_and_two_of_one_name_are_not_guessed(site: Site) -> None:
    group = site.tenant.add_group("Mayor's Office")
    task = site.tenant.add_task(site.tenant.add_plan(group, "Calendar"), "Book the hall")
    stream = Stream("task", "group:Mayor's Office")
    ((record,), last) = read(site.connect(), stream)
    assert (record.id, last.complete) == (task, True)
    site.tenant.add_group("Mayor's Office")
    records, last = read(site.connect(), stream)
    assert (records, last.complete) == ([], False)
    assert "2 groups" in last.rejects[0].reason


def test_lists_are_asked_without_options_and_orderings_of_boards_never(site: Site) -> None:
    site.tenant.add_task(site.plan, "Wire the desk")
    planner = site.connect()
    read(planner)
    push(planner, look(planner))
    paths = [str(each.url) for each in site.wire.asked() if "/planner/" in str(each.url)]
    assert [each for each in paths if "%24" in each or "$" in each or "Format" in each] == []
    assert [each for each in paths if "/users/" in each] == []
    assert len(paths) > 5


def test_a_task_that_moved_to_another_plan_is_not_gone(site: Site) -> None:
    task = site.tenant.add_task(site.plan, "Wire the desk")
    _, last = read(site.connect())
    site.tenant.edit_task(task, planId=site.tenant.add_plan(site.group, "Next year"))
    records, last = read(site.connect(), cursor=last.cursor)
    assert (records, last.complete) == ([], True)
    assert site.connect().census(WORK).ids == frozenset()
    assert look(site.connect(), Target("task", id=task)).exists


def test_two_plans_of_one_title_are_not_guessed(site: Site) -> None:
    site.tenant.add_plan(site.group, PLAN)
    _, last = read(site.connect())
    assert not last.complete
    assert "2 plans" in last.rejects[0].reason


def test_a_renamed_plan_is_not_read_under_its_old_title(site: Site) -> None:
    site.tenant.add_task(site.plan, "Task")
    _, last = read(site.connect())
    site.tenant.plans[site.plan]["title"] = "Archive"
    _, last = read(site.connect(), cursor=last.cursor)
    assert not last.complete


def test_parts_of_a_batch_that_were_throttled_or_lost_are_read_after_the_wait(site: Site) -> None:
    ids = [site.tenant.add_task(site.plan, f"Task {number}", description=str(number)) for number in range(25)]
    site.graph.retry_after = 7
    site.graph.busy[f"/planner/tasks/{ids[3]}/details"] = 1
    site.graph.lost.add(f"/planner/tasks/{ids[4]}/details")
    records, last = read(site.connect())
    assert {record.id: record.body["details"]["description"] for record in records} == {
        each: str(number) for number, each in enumerate(ids)
    }
    assert last.complete
    assert site.waits == [7.0]


def test_a_batch_that_asks_for_a_long_pause_ends_the_read(site: Site) -> None:
    ids = [site.tenant.add_task(site.plan, f"Task {number}") for number in range(2)]
    site.graph.retry_after = 300
    site.graph.busy[f"/planner/tasks/{ids[0]}/details"] = 1
    with pytest.raises(RateLimited) as caught:
        read(site.connect())
    assert caught.value.retry_after == 300


def test_a_next_link_to_another_host_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        site.tenant.add_task(site.plan, f"Task {number}")
    site.tenant.page_size = 2
    elsewhere = json.dumps({"value": [], "@odata.nextLink": "https://graph.example.net/v1.0/planner/tasks"})
    site.faults.use(Rule(path="*/tasks", status=200, body=elsewhere, times=None))
    with pytest.raises(ContractBroken, match="another place"):
        read(site.connect())


# the status task


def test_a_status_task_is_created_once_marked_and_pinned(site: Site) -> None:
    planner = site.connect()
    shown = look(planner)
    assert not shown.exists
    made = push(planner, shown)
    assert dict(made.values) == dict(WISH)
    assert made.id
    task, details = site.tenant.tasks[made.id], site.tenant.details[made.id]
    assert (task["title"], task["bucketId"], task["dueDateTime"], task["assignments"]) == (
        "Portico status", site.bucket, None, {},
    )  # fmt: skip
    assert task["appliedCategories"] == {"category11": True}
    assert marked_for(details) == "OIT-014"
    other = site.connect()
    assert dict(look(other).values) == dict(WISH)
    push(other, look(other))
    (outcome,) = other.push([Patch(STATUS, WISH)])
    assert outcome.error is None
    assert len(site.tenant.tasks) == 1


def test_a_status_task_is_found_again_under_any_title_and_is_no_work(site: Site) -> None:
    work = site.tenant.add_task(site.plan, "Portico status")
    planner = site.connect()
    made = push(planner, look(planner))
    assert made.id
    site.tenant.edit_task(made.id, title="Our traffic light")
    assert look(site.connect()).id == made.id
    records, last = read(planner)
    assert [record.id for record in records] == [work]
    assert planner.census(WORK).ids == frozenset({work})
    assert read(planner, cursor=last.cursor)[0] == []


def test_a_status_task_that_a_crash_left_unmarked_is_taken_up(site: Site) -> None:
    planner = site.connect()
    site.faults.use(Rule(path="*/planner/tasks", methods=("POST",), do="drop", after_work=True))
    with pytest.raises(OutcomeUnknown):
        push(planner, look(planner))
    again = site.connect()
    made = push(again, look(again))
    assert len(site.tenant.tasks) == 1
    assert made.id
    assert marked_for(site.tenant.details[made.id]) == "OIT-014"


def test_a_new_task_that_the_list_does_not_show_yet_is_not_made_twice(site: Site) -> None:
    site.tenant.list_lag = 5
    planner = site.connect()
    shown = look(planner)
    push(planner, shown)
    push(planner, shown)
    assert len(site.tenant.tasks) == 1


def test_each_project_of_a_plan_has_its_own_status_task(site: Site) -> None:
    other = replace(STATUS, key=(*STATUS.key[:2], ("marker", "OIT 2/3")))
    planner = site.connect()
    for target in (STATUS, other):
        push(planner, look(planner, target))
    shown = list(site.connect().look([STATUS, other]))
    assert [each.exists for each in shown] == [True, True]
    assert shown[0].id != shown[1].id


def test_what_people_put_on_the_status_task_stays(site: Site) -> None:
    planner = site.connect()
    made = push(planner, look(planner))
    assert made.id
    key = reference_key("https://docs.example.gov/a.b?x=1#f@g%20")
    site.tenant.edit_task(made.id, appliedCategories={"category3": True})
    site.tenant.edit_details(made.id, references={key: NOTE}, checklist={"c1": STEP})
    before = json.dumps(
        [site.tenant.details[made.id]["checklist"], site.tenant.details[made.id]["references"]]
    )
    push(planner, look(planner), {RAG: "category10", "details.description": "On plan."})
    details = site.tenant.details[made.id]
    assert json.dumps([details["checklist"], details["references"]]) == before
    assert site.tenant.tasks[made.id]["appliedCategories"] == {"category3": True, "category10": True}
    push(planner, look(planner), {RAG: None})
    assert site.tenant.tasks[made.id]["appliedCategories"] == {"category3": True}
    sent = [each["after"] for each in site.tenant.write_log if each["field"] == "appliedCategories"]
    assert {slot for each in sent for slot in each} == {"category10", "category11"}
    assert [each["field"] for each in site.tenant.write_log].count("details.references") == 1


def test_every_label_is_read_and_written(site: Site) -> None:
    slots = [f"category{number}" for number in range(1, 26)]
    site.tenant.plan_details[site.plan]["categoryDescriptions"] = {each: f"Label {each}" for each in slots}
    tasks = [site.tenant.add_task(site.plan, each, appliedCategories={each: True}) for each in slots]
    planner = site.connect()
    assert {each.body["title"]: each.body["labels"] for each in read(planner)[0]} == {
        each: [f"Label {each}"] for each in slots
    }
    for task, slot, other in zip(tasks, slots, [*slots[1:], slots[0]], strict=True):
        field = f"categories:{other},{slot}"
        shown = look(planner, Target("task", id=task, fields=(field,)))
        assert shown.values == {field: slot}
        push(planner, shown, {field: other})
        assert site.tenant.tasks[task]["appliedCategories"] == {other: True}


def test_two_labels_of_a_choice_are_drift(site: Site) -> None:
    planner = site.connect()
    made = push(planner, look(planner))
    assert made.id
    site.tenant.edit_task(made.id, appliedCategories={"category10": True})
    shown = look(planner)
    assert shown.values[RAG] == "category10,category11"
    push(planner, shown, {RAG: "category11"})
    assert site.tenant.tasks[made.id]["appliedCategories"] == {"category11": True}


def test_a_change_of_another_field_during_the_write_is_survived(site: Site) -> None:
    planner = site.connect()
    shown = look(planner, replace(STATUS, fields=(RAG,)))
    made = push(planner, shown, {RAG: "category10"})
    meddled: list[str] = []

    def colleague(method: str, path: str) -> None:
        if method == "PATCH" and not meddled and made.id:
            meddled.append(path)
            site.tenant.edit_task(made.id, priority=1)

    site.graph.before_write = colleague
    push(planner, look(planner), {RAG: "category12"})
    assert made.id
    assert site.tenant.tasks[made.id]["appliedCategories"] == {"category12": True}
    assert site.tenant.tasks[made.id]["priority"] == 1


def test_a_change_of_our_field_during_the_write_is_a_conflict(site: Site) -> None:
    planner = site.connect()
    made = push(planner, look(planner), {RAG: "category10"})

    meddled: list[str] = []

    def colleague(method: str, path: str) -> None:
        if method == "PATCH" and made.id and not meddled:
            meddled.append(path)
            site.tenant.edit_task(made.id, appliedCategories={"category11": True})

    shown = look(planner)
    site.graph.before_write = colleague
    with pytest.raises(Conflict):
        push(planner, shown, {RAG: "category12"})


def test_collisions_are_retried_a_few_times_and_then_left(site: Site) -> None:
    planner = site.connect()
    made = push(planner, look(planner), {RAG: "category10"})
    path = f"/planner/tasks/{made.id}"
    site.graph.colliding[path] = 1
    push(planner, look(planner), {RAG: "category11"})
    site.graph.colliding[path] = 100
    with pytest.raises(Conflict):
        push(planner, look(planner), {RAG: "category12"})
    assert 100 - site.graph.colliding[path] == 3


def test_text_and_label_are_written_each_under_its_own_etag(site: Site) -> None:
    site.tenant.add_task(site.plan, "Pinned", description="")
    planner = site.connect()
    (task,) = site.tenant.tasks
    target = Target("task", id=task, fields=tuple(WISH))
    assert dict(push(planner, look(planner, target)).values) == dict(WISH)
    assert [path for method, path in site.graph.calls if method == "PATCH"] == [
        f"/planner/tasks/{task}/details",
        f"/planner/tasks/{task}",
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"title": "x" * 256}, "255"),
        ({"title": None}, "needs a title"),
        ({"details.description": "x" * 4001}, "4000"),
        ({"percentComplete": Decimal("0.5")}, "whole number"),
        ({"priority": None}, "whole number"),
        ({"dueDateTime": "soon"}, "a day"),
        ({"categories:category10": "category11"}, "none of the labels"),
        ({"categories:category26": "category26"}, "not a label"),
        ({"conversationThreadId": "x"}, "not a field"),
    ],
)
def test_a_value_that_planner_cannot_hold_is_invalid_and_nothing_is_made(
    site: Site, values: Mapping[str, Plain], said: str
) -> None:
    planner = site.connect()
    with pytest.raises(Invalid, match=said) as caught:
        push(planner, Shown(STATUS, exists=False), values)
    assert caught.value.fix
    assert site.tenant.tasks == {}


def test_planners_limits_are_told_with_what_to_do(site: Site) -> None:
    site.tenant.limits["MaximumActiveTasksInProject"] = 0
    planner = site.connect()
    with pytest.raises(Invalid, match="MaximumActiveTasksInProject") as caught:
        push(planner, look(planner))
    assert "Complete" in caught.value.fix


def test_an_account_that_may_only_read_is_told_the_right_to_grant(site: Site) -> None:
    site.graph.authority.admit(SECRET, roles=("Tasks.Read.All", "Group.Read.All"))
    planner = site.connect()
    with pytest.raises(Invalid) as caught:
        push(planner, look(planner))
    assert "Tasks.ReadWrite.All" in caught.value.fix


def test_a_status_task_in_a_hidden_plan_is_not_gone(site: Site) -> None:
    push(site.connect(), look(site.connect()))
    site.tenant.hidden.add(site.plan)
    planner = site.connect()
    shown = look(planner)
    assert shown.exists
    assert shown.values == {}
    with pytest.raises(NotFound, match="not reachable"):
        push(planner, shown)


def test_no_second_status_task_is_made_while_a_list_is_cut_short(site: Site) -> None:
    push(site.connect(), look(site.connect()))
    site.tenant.withheld = 1
    planner = site.connect()
    read(planner)
    shown = look(planner)
    assert (shown.exists, shown.values) == (True, {})
    with pytest.raises(NotFound, match="cannot all be read"):
        push(planner, shown)
    assert len(site.tenant.tasks) == 1


def test_a_look_after_a_read_asks_for_what_may_be_ours_and_a_later_one_again(site: Site) -> None:
    for number in range(30):
        site.tenant.add_task(site.plan, f"Task {number}", by=None if number % 2 else "a clerk")
    made = push(site.connect(), look(site.connect()))
    planner = site.connect(plans=(site.plan,))
    read(planner, Stream("task", site.plan))
    target = replace(STATUS, key=(("plan", site.plan), *STATUS.key[1:]))
    before = site.counted.requests
    assert look(planner, target).id == made.id
    assert site.counted.requests - before == 1
    later = replace(target, key=(*target.key[:2], ("marker", "OIT-015")))
    assert not look(planner, later).exists
    push(site.connect(), look(site.connect(), later))
    assert look(planner, later).exists


def test_a_status_task_that_a_person_signed_for_is_found_in_what_was_read(site: Site) -> None:
    address = f"https://portico.example/projects/{dict(STATUS.key)['marker']}#portico-status"
    task = site.tenant.add_task(site.plan, "Renamed", references={reference_key(address): NOTE})
    planner = site.connect()
    read(planner)
    assert look(planner).id == task


def test_a_status_task_made_since_the_read_is_no_second_one(site: Site) -> None:
    planner, other = site.connect(), site.connect()
    read(planner)
    made = push(other, look(other))
    assert push(planner, Shown(STATUS, exists=False)).id == made.id
    assert len(site.tenant.tasks) == 1


def test_a_write_to_a_plan_that_was_read_does_not_ask_whether_it_is_named(site: Site) -> None:
    push(site.connect(), look(site.connect()))
    planner = site.connect(plans=(PLAN,))
    read(planner)
    shown = look(planner)
    before = site.counted.requests
    push(planner, shown, {RAG: "category12"})
    assert site.counted.requests - before == 2


def test_hidden_tasks_are_not_gone(site: Site) -> None:
    targets = [Target("task", id=site.tenant.add_task(site.plan, "Task")) for _ in range(3)]
    site.tenant.remove_task(str(targets[0].id))
    site.tenant.hidden.add(site.plan)
    assert [each.exists for each in site.connect().look(targets)] == [False, True, True]


def test_a_marked_task_goes_before_one_that_merely_looks_like_it(site: Site) -> None:
    site.tenant.add_task(site.plan, "Portico status", by=None, percentComplete=50)
    other = replace(STATUS, key=(STATUS.key[0], ("title", "Status"), STATUS.key[2]))
    planner = site.connect()
    made = push(planner, look(planner, other))
    assert look(site.connect()).id == made.id


def test_start_after_due_is_refused_by_planner(site: Site) -> None:
    task = site.tenant.add_task(site.plan, "Pinned", startDateTime="2027-01-01T10:00:00Z")
    planner = site.connect()
    target = Target("task", id=task, fields=("dueDateTime",))
    with pytest.raises(Invalid, match="start date"):
        push(planner, look(planner, target), {"dueDateTime": "2026-12-31"})


@pytest.mark.parametrize("hours", [-11, -5, 0, 5, 14])
def test_a_day_stays_the_day_in_every_zone(site: Site, hours: int) -> None:
    task = site.tenant.add_task(site.plan, "Pinned")
    planner = site.connect(zone=timezone(timedelta(hours=hours)))
    target = Target("task", id=task, fields=("dueDateTime", "percentComplete", "title", "priority"))
    wish: Mapping[str, Plain] = {
        "dueDateTime": "2027-03-14", "percentComplete": Decimal(50), "title": "Status", "priority": Decimal(1),
    }  # fmt: skip
    push(planner, look(planner, target), wish)
    assert dict(look(planner, target).values) == wish


@pytest.mark.parametrize(
    "url", ["https://a.b/c?x=1#f@g%20", "https://x.example:8443/a%2Eb", "http://[::1]/ü", "mailto:a@b.gov"]
)
def test_a_reference_key_stands_for_its_address(url: str) -> None:
    key = reference_key(url)
    assert reference_url(key) == url
    assert not set(".:@#") & set(key)


@pytest.mark.parametrize(
    ("tenant", "findings"),
    [
        ("", 0),
        (TENANT_ID.upper(), 0),
        ("city.onmicrosoft.com", 0),
        ("00000000-6d0c-4c43-9a39-0c1d5a2f7e11", 1),
    ],
)
def test_a_token_of_another_tenant_is_noticed(site: Site, tenant: str, findings: int) -> None:
    identity = site.connect(tenant=tenant).check()
    assert identity.tenant == (tenant or TENANT_ID)
    assert len(identity.findings) == findings


def test_describe_names_the_labels_of_the_plans(site: Site) -> None:
    fields = {each.id: each for each in site.connect(write_fields=(RAG,)).describe("status_task")}
    assert fields["categories:category10"].name == f"Green ({PLAN})"
    assert fields["categories:category12"].name == "unnamed label"
    assert fields[RAG].options == ("category10", "category11", "category12")
    assert "category12" in fields[RAG].hint


# recorded answers


@pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no shared fixtures at {FIXTURES}")
def test_recorded_answers_of_planner_are_read_whole(site: Site) -> None:
    recorded = [
        json.loads(line)["data"]
        for path in sorted((FIXTURES / "planner/cli-m365").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    tasks = {
        each["id"]: each
        for each in _objects(recorded)
        if "planId" in each and "title" in each and "id" in each
    }
    assert len(tasks) >= 4
    for task_id, task in tasks.items():
        site.tenant.tasks[task_id] = {"@odata.etag": 'W/"x"', **task, "planId": site.plan}
        site.tenant.details[task_id] = {
            "@odata.etag": 'W/"y"',
            "references": task.get("references") or {},
            "checklist": task.get("checklist") or {},
            "description": task.get("description"),
        }
        site.tenant._plan_tasks.setdefault(site.plan, {})[task_id] = None
    records, last = read(site.connect())
    assert last.complete
    assert {record.id for record in records} == set(tasks)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from _objects(each)
