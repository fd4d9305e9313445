"""Writing to many Jira issues, and what else goes with a write: options by id, notifications, the copy for programs."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Outcome, Patch, Plain, Target
from connectors.errors import Conflict, Invalid, NotFound, OutcomeUnknown
from connectors.jira import Jira
from sandbox.faults import Rule
from tests.connectors.jira_served import COMPUTED, DUE, EXPLANATION, GATE, RAG, VARIANCE, Served, push

VALUES: dict[str, Plain] = {
    GATE: "G2 held", RAG: "Red", VARIANCE: Decimal("-1250.50"), DUE: "2026-09-30", COMPUTED: "2026-07-01T12:00:00Z",
    EXPLANATION: "Behind plan.",
}  # fmt: skip


def patches(
    count: int, values: dict[str, Plain] = VALUES, before: dict[str, Plain] | None = None
) -> list[Patch]:
    return [
        Patch(Target("issue", id=f"CON-{number}", fields=tuple(values)), values, before or {})
        for number in range(1, count + 1)
    ]


def written(served: Served) -> tuple[int, int]:
    """How many single edits and how many bulk edits there were."""
    puts = sum(each.method == "PUT" for each in served.exchanges)
    return puts, sum(
        each.method == "POST" and each.path.endswith("/bulk/issues/fields") for each in served.exchanges
    )


def many(served: Served, count: int, **options: Any) -> tuple[Jira, list[Outcome]]:
    waits: list[float] = []
    jira = served.connect(sleep=waits.append, **options)
    return jira, list(jira.push(patches(count)))


def test_what_many_issues_get_alike_is_one_task(cloud: Served) -> None:
    cloud.add(120)
    jira, outcomes = many(cloud, 120)
    assert [each.error for each in outcomes] == [None] * 120
    assert {tuple(each.shown.values.items()) for each in outcomes if each.shown} == {tuple(VALUES.items())}
    assert written(cloud) == (0, 1)
    assert {
        len([each for each in cloud.site.write_log if each["key"] == key]) for key in ("CON-1", "CON-120")
    } == {len(VALUES)}
    assert [each.error for each in jira.push(patches(120))] == [None] * 120
    assert written(cloud) == (0, 1)


def test_up_to_fifty_and_on_data_center_each_issue_is_written_alone(either: Served) -> None:
    count = 50 if either.site.product == "cloud" else 52
    either.add(count)
    _, outcomes = many(either, count)
    assert [each.error for each in outcomes] == [None] * count
    assert written(either) == (count, 0)


def test_a_bulk_edit_harms_none_of_the_others(cloud: Served) -> None:
    issues = cloud.add(60)
    cloud.site.projects["NEW"] = {"id": "10002", "key": "NEW", "name": "New"}
    cloud.site.move(issues[3], "NEW")
    cloud.site.delete(issues[5])
    cloud.edit(issues[7], **{GATE: "by hand"})
    cloud.site.off_screen.add(("NEW", RAG))
    jira = cloud.connect(sleep=lambda _: None)
    found = {each.patch.target.id: each for each in jira.push(patches(60, before={GATE: None}))}
    assert len(found) == 60
    assert isinstance(found["CON-6"].error, NotFound)
    assert isinstance(found["CON-8"].error, Conflict)
    assert isinstance(found["CON-4"].error, Invalid)
    assert sum(each.error is None for each in found.values()) == 57
    assert issues[7].fields[GATE] == "by hand"


def test_an_issue_that_the_task_could_not_edit_is_named(cloud: Served) -> None:
    issues = cloud.add(60)
    cloud.site.off_screen.add(("CON", GATE))
    found = list(cloud.connect(sleep=lambda _: None).push(patches(60, {GATE: "G1"})))
    assert {type(each.error) for each in found} == {Invalid}
    assert "edit screen of CON" in str(found[0].error and found[0].error.fix)
    assert issues[0].fields.get(GATE) is None


def test_an_account_that_may_not_edit_in_bulk_writes_alone(cloud: Served) -> None:
    cloud.add(55)
    cloud.site.bulk_refused = True
    _, outcomes = many(cloud, 55)
    assert [each.error for each in outcomes] == [None] * 55
    assert written(cloud)[0] == 55


def test_a_field_to_clear_is_cleared_alone(cloud: Served) -> None:
    cloud.add(52, **{GATE: "G1"})
    outcomes = list(cloud.connect(sleep=lambda _: None).push(patches(52, {GATE: None})))
    assert [each.error for each in outcomes] == [None] * 52
    assert written(cloud) == (52, 0)


def test_a_task_whose_end_is_not_seen_is_unknown_and_not_repeated(cloud: Served) -> None:
    cloud.add(52)
    jira = cloud.connect(sleep=lambda _: None)
    jira.check()
    cloud.faults.use(Rule(path="*/bulk/queue/*", status=503, times=None))
    found = list(jira.push(patches(52)))
    assert {type(each.error) for each in found} == {OutcomeUnknown}
    assert written(cloud) == (0, 1)
    cloud.faults.use()
    assert [each.error for each in jira.push(patches(52))] == [None] * 52
    assert written(cloud) == (0, 1)


@pytest.mark.parametrize(("quiet", "mailed"), [(True, False), (False, True)])
def test_a_bulk_edit_mails_watchers_only_where_single_edits_do(
    cloud: Served, *, quiet: bool, mailed: bool
) -> None:
    cloud.add(51)
    many(cloud, 51, quiet=quiet)
    assert [each["mailed"] for each in cloud.site.tasks.values()] == [mailed]


def test_no_issue_is_written_more_often_than_jira_takes(cloud: Served) -> None:
    (issue,) = cloud.add(1)
    jira = cloud.connect()
    found = [push(jira, "CON-1", {GATE: f"G{number}"}).error for number in range(21)]
    assert found[:20] == [None] * 20
    assert isinstance(found[20], OutcomeUnknown)
    assert issue.fields[GATE] == "G19"
    cloud.tick(3)
    values = {GATE: "G9", RAG: "Red", DUE: "2026-09-30"}
    cloud.exchanges.clear()
    assert push(jira, "CON-1", values).error is None
    assert written(cloud) == (1, 0)


def test_an_option_is_written_by_its_id_and_a_missing_one_before_any_write(either: Served) -> None:
    either.add(3)
    jira = either.connect()
    assert push(jira, "CON-1", {RAG: "Red"}).error is None
    assert push(jira, "CON-2", {RAG: "Amber"}).error is None
    bodies = [json.loads(each.body) for each in either.exchanges if each.method == "PUT"]
    ids = [either.site.option(RAG, each)["id"] for each in ("Red", "Amber")]
    assert [each["fields"][RAG] for each in bodies] == [{"id": each} for each in ids]
    metas = [each for each in either.exchanges if each.path.endswith("/editmeta")]
    assert len(metas) == 1
    error = push(jira, "CON-3", {RAG: "Purple"}).error
    assert isinstance(error, Invalid)
    assert "Green, Amber, Red" in error.text
    assert "context of RAG" in error.fix
    assert written(either)[0] == 2


def test_where_the_options_are_hidden_the_text_is_sent(either: Served) -> None:
    (issue,) = either.add(1)
    either.site.fields[RAG] = replace(either.site.fields[RAG], editable=True)
    jira = either.connect()
    jira.check()
    either.faults.use(Rule(path="*/editmeta", status=404, times=None))
    assert push(jira, "CON-1", {RAG: "Red"}).error is None
    assert issue.fields[RAG]["value"] == "Red"


def test_a_copy_for_programs_goes_with_the_write(either: Served) -> None:
    (issue,) = either.add(1)
    jira = either.connect(property_key="portico.status")
    assert push(jira, "CON-1", {GATE: "G1", RAG: "Red"}).error is None
    red = either.site.option(RAG, "Red")["id"]
    copy = issue.properties["portico.status"]
    assert copy["fields"] == {GATE: "G1", RAG: {"id": red}}
    assert copy["written_at"].endswith("Z")
    assert written(either) == (1, 0)
    assert push(either.connect(), "CON-1", {GATE: "G2"}).error is None
    assert issue.properties["portico.status"] == copy


def test_check_tells_where_watchers_cannot_be_spared(either: Served) -> None:
    either.add(1)
    either.site.quiet_refused = True
    (finding,) = either.connect(quiet=True, carriers=["CON-1"]).check().findings
    assert (finding.severity, finding.subject) == ("warning", "CON")
    assert "Administer projects in CON" in finding.fix
    assert either.connect(carriers=["CON-1"]).check().findings == []
    either.site.quiet_refused = False
    assert either.connect(quiet=True, carriers=["CON-1"]).check().findings == []
