import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Patch, Plain, Target
from connectors.errors import (
    Conflict,
    Invalid,
    NotFound,
    OutcomeUnknown,
)
from connectors.jira_fields import document_of_text, text_of_document
from sandbox.faults import Rule
from sandbox.jira_values import custom
from tests.connectors.jira_served import (
    COMPUTED,
    DUE,
    EXPLANATION,
    GATE,
    RAG,
    VARIANCE,
    Served,
    push,
)


def test_one_request_writes_the_changed_fields_and_no_other(either: Served) -> None:
    (_issue,) = either.add(1, **{GATE: "G2 approved"})
    jira = either.connect()
    either.sent.clear()
    outcome = push(jira, "CON-1", {GATE: "G2 approved", VARIANCE: Decimal("-0.10"), RAG: "Red"})
    assert outcome.error is None
    (put,) = [each for each in either.sent if each.method == "PUT"]
    assert isinstance(put.body, bytes)
    assert b'"customfield_10204": -0.10' in put.body
    red = either.site.option(RAG, "Red")["id"]
    assert json.loads(put.body) == {"fields": {VARIANCE: -0.1, RAG: {"id": red}}}
    assert {each["field"] for each in either.site.write_log} == {VARIANCE, RAG}


def test_what_is_there_already_is_not_sent(either: Served) -> None:
    either.add(1, **dict[str, Any]({GATE: "G2 approved", VARIANCE: 5.0}))
    outcome = push(
        either.connect(), "CON-1", {GATE: "G2 approved", VARIANCE: Decimal("5.00")}, {GATE: "older"}
    )
    assert outcome.error is None
    assert not [each for each in either.sent if each.method == "PUT"]


def test_rich_text_is_a_document_on_cloud_and_text_on_data_center(either: Served) -> None:
    (issue,) = either.add(1)
    outcome = push(either.connect(), "CON-1", {EXPLANATION: "One\n\nthree"})
    assert outcome.shown.values == {EXPLANATION: "One\n\nthree"}
    stored = issue.fields[EXPLANATION]
    assert stored == (document_of_text("One\n\nthree") if either.site.product == "cloud" else "One\n\nthree")


def test_unknown_nodes_of_a_document_give_their_text() -> None:
    document = {"type": "doc", "version": 1, "content": [
        {"type": "heading", "content": [{"type": "text", "text": "Title"}]},
        {"type": "newThing", "content": [{"type": "text", "text": "in"}, {"type": "hardBreak"}]},
        {"type": "paragraph", "content": [{"type": "mention", "attrs": {"text": "@Ada"}}, None, {"type": "x"}]},
    ]}  # fmt: skip
    assert text_of_document(document) == "Title\nin\n@Ada"


@pytest.mark.parametrize(
    ("values", "said", "fix"),
    [
        ({RAG: "Purple"}, "RAG", "RAG"),
        ({GATE: "x" * 300}, "too long", "Gate status"),
        ({VARIANCE: "much"}, "cannot hold", "another type"),
        ({DUE: "next week"}, "cannot hold", "another type"),
        ({COMPUTED: "2026-07-01"}, "cannot hold", "another type"),
        ({"customfield_10021": "Impediment, Fire"}, "no option 'Fire'", "Flagged"),
        ({"customfield_10020": "Sprint 1"}, "does not write", "choice or user"),
        ({"customfield_99999": "x"}, "no field", "Create the field"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_fix(
    either: Served, values: Mapping[str, Plain], said: str, fix: str
) -> None:
    either.add(1)
    outcome = push(either.connect(), "CON-1", values)
    assert isinstance(outcome.error, Invalid)
    assert said in outcome.error.text
    assert fix in outcome.error.fix
    assert either.site.write_log == []


FLAGS, CONTACT, BOARD = "customfield_50001", "customfield_50002", "customfield_50003"


def with_lists(served: Served) -> Mapping[str, Any]:
    """Fields for several choices and for people; the wire values of the two people, as this product writes them."""
    made = (
        custom(50_001, "Flags", "array", "multiselect", ("Late", "Over budget", "Waiting, for money")),
        custom(50_002, "Contact", "user", "userpicker"),
        custom(50_003, "Board", "array", "multiuserpicker"),
    )
    served.site.fields = {**served.site.fields, **{each.id: each for each in made}}
    served.site.users = {"ada": "Ada Lovelace", "bob": "Bob Moses"}
    return {
        each: {"accountId" if served.site.product == "cloud" else "name": each} for each in ("ada", "bob")
    }


def sent_fields(served: Served) -> Any:
    (put,) = [each for each in served.sent if each.method == "PUT"]
    assert isinstance(put.body, bytes)
    return json.loads(put.body)["fields"]


def test_several_choices_are_written_by_their_ids_in_any_order(either: Served) -> None:
    with_lists(either)
    either.add(1)
    jira = either.connect(carriers=["CON-1"])
    outcome = push(jira, "CON-1", {FLAGS: "Over budget, Late"})
    assert outcome.shown.values == {FLAGS: "Late, Over budget"}
    ids = {each: either.site.option(FLAGS, each)["id"] for each in either.site.fields[FLAGS].options}
    assert sent_fields(either) == {FLAGS: [{"id": ids["Over budget"]}, {"id": ids["Late"]}]}
    either.sent.clear()
    assert push(jira, "CON-1", {FLAGS: "Over budget, Late"}, {FLAGS: "older"}).error is None
    assert not [each for each in either.sent if each.method == "PUT"]
    assert push(jira, "CON-1", {FLAGS: "Waiting, for money"}).error is None
    assert sent_fields(either) == {FLAGS: [{"id": ids["Waiting, for money"]}]}
    assert push(jira, "CON-1", {FLAGS: None}).shown.values == {FLAGS: None}
    described = {each.id: each for each in jira.describe("issue")}
    assert (described[FLAGS].type, described[FLAGS].writable) == ("array of option", True)
    assert (described[FLAGS].holds, described[FLAGS].several) == ("text", True)
    assert described[FLAGS].options == ("Late", "Over budget", "Waiting, for money")


def test_an_unknown_choice_among_several_is_refused_before_any_write(either: Served) -> None:
    with_lists(either)
    either.add(1)
    outcome = push(either.connect(), "CON-1", {FLAGS: "Late, Lost", GATE: "G1"})
    assert isinstance(outcome.error, Invalid)
    assert "no option 'Lost'; it has Late, Over budget" in outcome.error.text
    assert not [each for each in either.sent if each.method == "PUT"]


@pytest.mark.parametrize("own", [set[str](), {"CON"}])
def test_a_missing_option_is_made_where_that_is_allowed(cloud: Served, own: set[str]) -> None:
    with_lists(cloud)
    (issue,) = cloud.add(1)
    cloud.site.own_contexts = own
    jira = cloud.connect(create_options=True)
    assert push(jira, "CON-1", {FLAGS: "Late, Lost", RAG: "Purple"}).error is None
    assert [each["value"] for each in issue.fields[FLAGS]] == ["Late", "Lost"]
    assert issue.fields[RAG]["value"] == "Purple"
    context = "2" if own else "1"
    assert cloud.site.made == [(f"{context}50001", "Lost"), (f"{context}10203", "Purple")]
    assert push(jira, "CON-1", {FLAGS: "Lost", RAG: "Purple"}).error is None
    assert len(cloud.site.made) == 2


def test_an_option_that_may_not_be_made_is_refused_with_what_that_needs(either: Served) -> None:
    either.add(1)
    either.site.forbidden = "/context"
    refused = push(either.connect(create_options=True), "CON-1", {RAG: "Purple"}).error
    assert isinstance(refused, Invalid)
    assert "no option 'Purple'" in refused.text
    assert ("Administer Jira" in refused.fix) is (either.site.product == "cloud")
    assert either.site.made == []


def test_no_option_is_made_unasked(cloud: Served) -> None:
    cloud.add(1)
    assert isinstance(push(cloud.connect(), "CON-1", {RAG: "Purple"}).error, Invalid)
    assert not [path for _, path in cloud.site.requests if "/context" in path]


def test_people_are_written_by_what_identifies_them(either: Served) -> None:
    people = with_lists(either)
    (issue,) = either.add(1)
    jira = either.connect()
    outcome = push(jira, "CON-1", {CONTACT: "ada", BOARD: "bob, ada"})
    assert outcome.shown.values == {CONTACT: "ada", BOARD: "ada, bob"}
    assert sent_fields(either) == {CONTACT: people["ada"], BOARD: [people["bob"], people["ada"]]}
    assert issue.fields[CONTACT]["displayName"] == "Ada Lovelace"
    either.sent.clear()
    either.site.users["ada"] = "Ada King"
    issue.fields[CONTACT] = either.site.values.person("ada")
    assert push(jira, "CON-1", {CONTACT: "ada", BOARD: "bob, ada"}).error is None
    assert not [each for each in either.sent if each.method == "PUT"]


@pytest.mark.parametrize("values", [{CONTACT: "eve"}, {BOARD: "ada, eve"}])
def test_a_person_whom_jira_does_not_know_is_refused_before_any_write(
    either: Served, values: Mapping[str, Plain]
) -> None:
    with_lists(either)
    either.add(2)
    jira = either.connect()
    for key in ("CON-1", "CON-2"):
        outcome = push(jira, key, values)
        assert isinstance(outcome.error, Invalid)
        assert "no such person" in outcome.error.text
    asked = [each.url for each in either.sent if "/user?" in str(each.url) and "eve" in str(each.url)]
    assert len(asked) == 1
    assert not [each for each in either.sent if each.method == "PUT"]


def test_an_account_that_may_not_browse_people_lets_jira_judge_them(either: Served) -> None:
    with_lists(either)
    either.add(1)
    either.site.forbidden = "/user"
    jira = either.connect()
    assert push(jira, "CON-1", {CONTACT: "ada"}).error is None
    refused = push(jira, "CON-1", {CONTACT: "eve"}).error
    assert isinstance(refused, Invalid)
    assert "User 'eve' does not exist" in refused.text


@pytest.mark.parametrize("name", [FLAGS, CONTACT])
def test_a_list_or_person_off_the_screen_is_not_writable(either: Served, name: str) -> None:
    with_lists(either)
    either.add(1)
    either.site.off_screen.add(("CON", name))
    jira = either.connect(carriers=["CON-1"])
    described = {each.id: each for each in jira.describe("issue")}
    assert "edit screen of CON" in described[name].hint
    outcome = push(jira, "CON-1", {name: "Late" if name == FLAGS else "ada"})
    assert isinstance(outcome.error, Invalid)
    assert "edit screen of CON" in outcome.error.fix


def test_many_alike_with_several_choices_are_written_one_by_one(cloud: Served) -> None:
    with_lists(cloud)
    issues = cloud.add(51)
    patches = [Patch(Target("issue", id=each.key, fields=(FLAGS,)), {FLAGS: "Late"}) for each in issues]
    assert [each.error for each in cloud.connect(sleep=lambda _: None).push(patches)] == [None] * 51
    assert not [path for _, path in cloud.site.requests if "/bulk/" in path]


def test_a_field_off_the_screen_names_the_screen(either: Served) -> None:
    either.add(1)
    either.site.off_screen.add(("CON", GATE))
    jira = either.connect(carriers=["CON-1"])
    outcome = push(jira, "CON-1", {GATE: "G1"})
    assert isinstance(outcome.error, Invalid)
    assert "“Gate status” (customfield_10201) to the edit screen of CON" in outcome.error.fix
    described = {each.id: each for each in jira.describe("issue")}
    assert not described[GATE].writable
    assert "edit screen of CON" in described[GATE].hint
    assert described[RAG].writable
    assert described[RAG].options == ("Green", "Amber", "Red")
    assert not described["status"].writable


def test_check_names_missing_rights_and_a_wrong_clock(either: Served) -> None:
    either.add(1)
    either.site.no_edit.add("CON")
    jira = either.connect(carriers=["CON-1"])
    jira._now = lambda: either.at - timedelta(hours=2)
    identity = jira.check()
    assert [(each.severity, each.subject) for each in identity.findings] == [
        ("warning", "clock"),
        ("error", "CON"),
    ]
    assert identity.tenant == either.server.url
    assert identity.server_time == either.at
    assert identity.product.startswith("Jira Cloud" if either.site.product == "cloud" else "Jira Data Center")
    assert either.connect(read_only=True, carriers=["CON-1"]).check().findings == []


def test_a_quiet_write_falls_back_where_the_account_may_not(either: Served) -> None:
    _first, _second = either.add(2)
    either.site.quiet_refused = True
    jira = either.connect(quiet=True)
    assert push(jira, "CON-1", {GATE: "G1"}).error is None
    assert push(jira, "CON-2", {GATE: "G1"}).error is None
    puts = [str(each.url) for each in either.sent if each.method == "PUT"]
    assert ["notifyUsers=false" in each for each in puts] == [True, False, False]


def test_a_value_that_jira_swallows_is_shown_as_it_is(either: Served) -> None:
    either.add(1)
    either.site.ignored.add(GATE)
    outcome = push(either.connect(), "CON-1", {GATE: "G1"})
    assert outcome.error is None
    assert outcome.shown.values == {GATE: None}


def test_a_conflicting_edit_and_a_missing_issue_are_skipped(either: Served) -> None:
    either.add(1)
    jira = either.connect()
    assert isinstance(push(jira, "CON-9", {GATE: "G1"}).error, NotFound)
    assert isinstance(push(jira, "../admin", {GATE: "G1"}).error, Invalid)
    assert isinstance(push(jira, "CON-1", {GATE: "G1"}, before={GATE: "G0"}).error, Conflict)
    either.faults.use(Rule(methods=("PUT",), status=409, times=None))
    assert isinstance(push(jira, "CON-1", {GATE: "G1"}).error, Conflict)
    either.faults.use(Rule(methods=("PUT",), status=503, times=None))
    assert isinstance(push(jira, "CON-1", {GATE: "G1"}).error, OutcomeUnknown)
    assert len([each for each in either.faults.hits if each.rule.status == 503]) == 1
