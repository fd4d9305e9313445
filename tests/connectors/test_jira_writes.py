import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Plain
from connectors.errors import (
    Conflict,
    Invalid,
    NotFound,
    OutcomeUnknown,
)
from connectors.jira_fields import document_of_text, text_of_document
from sandbox.faults import Rule
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
        ({"customfield_10021": "Impediment"}, "does not write", "single-choice"),
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
