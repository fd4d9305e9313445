"""Records to rows: presets, overrides, rejects, containers, link values."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.connections import GateRules, MapRule
from config.settings import Portfolio
from mapping import KindMapping, MappingError, Reject, Translated, Translator, context_of, load
from mapping.loading import shipped
from mapping.probe import probe

CONTEXT = context_of(Portfolio(timezone="America/New_York"))


def rule(text: str | None = None, **given_: Any) -> MapRule:
    return MapRule.model_validate(given_ | ({"from": text} if text else {}))


def translate(mapping: KindMapping, body: dict[str, Any]) -> Translated:
    return Translator(mapping, CONTEXT).translate(body)


ISSUE = {
    "id": "10100",
    "key": "PERMIT-7",
    "fields": {
        "summary": "Build the form",
        "project": {"id": "10001", "key": "PERMIT"},
        "issuetype": {"name": "Story"},
        "status": {"name": "Building", "statusCategory": {"key": "indeterminate"}},
        "assignee": {"displayName": "Ada Moreno"},
        "created": "2026-07-01T02:30:00.000-0400",
        "duedate": "2026-08-01",
        "timeoriginalestimate": 7200,
        "parent": {"id": "10099", "key": "PERMIT-2"},
        "labels": ["gis", "web"],
        "resolution": None,
    },
    "known": {
        "storyPoints": 5.0,
        "flagged": [{"value": "Impediment"}],
        "epicLink": None,
        "blockedBy": "WEB-2, WEB-3",
    },
}


def issue(**fields: Any) -> dict[str, Any]:
    own: dict[str, Any] = ISSUE["fields"]  # type: ignore[assignment]
    return ISSUE | {"fields": own | fields}


def test_a_jira_issue() -> None:
    found = translate(load("jira", "issue"), ISSUE)
    assert found.entity == "work_item"
    assert found.rejects == ()
    assert found.container == ("PERMIT", "10001", "PERMIT-7", "PERMIT-2")
    assert found.row is not None
    assert {key: value for key, value in found.row.items() if value is not None} == {
        "type": "Story",
        "title": "Build the form",
        "status": "Building",
        "status_category": "in_progress",
        "assignee": "Ada Moreno",
        "created_at": datetime(2026, 7, 1, 6, 30, tzinfo=UTC),
        "due_on": date(2026, 8, 1),
        "estimate_points": Decimal(5),
        "estimate_hours": Decimal(2),
        "parent_id": "10099",
        "blocked": True,
        "blocked_reason": "WEB-2, WEB-3",
        "labels": ("gis", "web"),
    }


@pytest.mark.parametrize(
    ("category", "resolution", "expected"),
    [
        ("new", None, "todo"),
        ("new", {"name": "Fixed"}, "done"),
        ("new", {"name": "Won't Fix"}, "cancelled"),
        ("done", {"name": "Done"}, "done"),
        ("indeterminate", {"name": "Done"}, "in_progress"),
        ("done", {"name": "Won't Do"}, "cancelled"),
        ("indeterminate", {"name": "Won't Do"}, "in_progress"),
        ("undefined", None, None),
    ],
)
def test_a_jira_issues_category(category: str, resolution: Any, expected: str | None) -> None:
    body = issue(status={"name": "S", "statusCategory": {"key": category}}, resolution=resolution)
    found = translate(load("jira", "issue"), body)
    assert found.row is not None
    assert (found.row["status_category"], found.rejects) == (expected, ())


@pytest.mark.parametrize(
    ("category", "resolved", "moved", "expected"),
    [
        (
            "done",
            "2026-07-02T00:00:00.000+0000",
            "2026-07-03T00:00:00.000+0000",
            datetime(2026, 7, 2, tzinfo=UTC),
        ),
        ("done", None, "2026-07-03T00:00:00.000+0000", datetime(2026, 7, 3, tzinfo=UTC)),
        (
            "new",
            "2026-07-02T00:00:00.000+0000",
            "2026-07-03T00:00:00.000+0000",
            datetime(2026, 7, 2, tzinfo=UTC),
        ),
        ("indeterminate", "2026-07-02T00:00:00.000+0000", "2026-07-03T00:00:00.000+0000", None),
        ("new", None, "2026-07-03T00:00:00.000+0000", None),
    ],
)
def test_a_jira_issue_is_done_when_it_was_resolved_or_else_came_to_its_status(
    category: str, resolved: str | None, moved: str, expected: datetime | None
) -> None:
    status = {"name": "S", "statusCategory": {"key": category}}
    body = issue(status=status, resolutiondate=resolved, statuscategorychangedate=moved)
    found = translate(load("jira", "issue"), body)
    assert found.row is not None
    assert (found.row["done_at"], found.rejects) == (expected, ())


def test_an_unknown_word_is_rejected_and_nothing_else_is_lost() -> None:
    body = issue(status={"name": "S", "statusCategory": {"key": "weird"}}, duedate="soon")
    found = translate(load("jira", "issue"), body)
    assert found.row is not None
    assert found.row["status_category"] is None
    assert found.row["title"] == "Build the form"
    assert {(each.field, each.value) for each in found.rejects} == {
        ("status_category", "weird"),
        ("due_on", "soon"),
    }
    assert all(each.reason for each in found.rejects)


def test_an_override_replaces_one_field() -> None:
    mapping = load("jira", "issue", {"due_on": rule("fields.customfield_10300")})
    found = translate(mapping, issue(customfield_10300="2026-09-09"))
    assert found.row is not None
    assert found.row["due_on"] == date(2026, 9, 9)
    assert found.row["title"] == "Build the form"
    assert "fields.customfield_10300" in mapping.paths
    assert "fields.duedate" not in mapping.paths


def test_an_override_without_from_adds_words_to_the_shipped_rule() -> None:
    mapping = load("servicenow", "pm_project", {"state": rule(values={"5": "on_hold"})})
    states = [translate(mapping, {"number": "P1", "state": code}).row for code in ("5", "2")]
    assert [row["state"] for row in states if row] == ["on_hold", "active"]


def test_words_match_in_any_case_and_by_code_or_label() -> None:
    mapping = load("servicenow", "incident")
    states: list[Any] = ["2", "in progress", {"display_value": "In Progress", "value": "2"}, {"value": "2"}]
    rows = [translate(mapping, {"number": "I", "state": state}).row for state in states]
    assert [row["state_category"] for row in rows if row] == ["in_progress"] * 4


def test_values_pass_where_the_rule_says_so() -> None:
    quarantine = load("jira", "issue", {"priority": rule("p", values={"P1": "urgent"})})
    passing = load("jira", "issue", {"priority": rule("p", values={"P1": "urgent"}, on_unknown="pass")})
    assert translate(quarantine, {"p": "P9"}).rejects[0].field == "priority"
    row = translate(passing, {"p": "P9"}).row
    assert row is not None
    assert row["priority"] == "P9"


def test_a_default_fills_what_the_source_leaves_empty() -> None:
    mapping = load("files", "risk", {"type": rule("kind", default="risk"), "state": rule("'open'")})
    rows = [translate(mapping, body).row for body in ({"kind": ""}, {"kind": "issue"})]
    assert [(row["type"], row["state"]) for row in rows if row] == [("risk", "open"), ("issue", "open")]


def test_servicenow_times_are_utc_and_days_are_the_citys() -> None:
    found = translate(
        load("servicenow", "pm_project"),
        {"number": "PRJ1", "start_date": "2026-07-01 03:00:00", "percent_complete": "45.5"},
    )
    assert found.row is not None
    assert found.row["start_planned"] == date(2026, 6, 30)
    assert found.row["percent_complete"] == Decimal("0.455")


def test_a_breach_is_a_missed_sla() -> None:
    mapping = load("servicenow", "incident")
    closed, still_open = (
        [translate(mapping, {"active": active, "made_sla": value}).row for value in ("true", "false", "")]
        for active in ("false", "true")
    )
    assert [row["breached"] for row in closed if row] == [False, True, None]
    assert [row["breached"] for row in still_open if row] == [None, None, None]


def test_another_entity_of_a_kind() -> None:
    mapping = load("servicenow", "pm_project_task", entity="milestone")
    found = translate(
        mapping, {"short_description": "Go live", "end_date": "2026-07-01 21:00:00", "top_task": "p1"}
    )
    assert (found.entity, found.container) == ("milestone", ("p1",))
    assert found.row is not None
    assert found.row["planned_on"] == date(2026, 7, 1)


@pytest.mark.parametrize(
    ("percent", "category"),
    [(0, "todo"), (30, "in_progress"), (50, "in_progress"), (100, "done"), (None, None)],
)
def test_a_planner_task(percent: int | None, category: str | None) -> None:
    body = {
        "id": "t",
        "planId": "p",
        "plan": {"id": "p", "title": "Permit rollout"},
        "title": "T",
        "percentComplete": percent,
    }
    found = translate(
        load("planner", "task"), body | {"priority": 5, "people": [{"id": "u2", "name": "Ada Moreno"}]}
    )
    assert found.row is not None
    assert (found.row["status_category"], found.row["priority"], found.row["assignee"]) == (
        category,
        "medium",
        "Ada Moreno",
    )
    assert found.container == ("p", "Permit rollout", "t")
    assert found.rejects == ()


def test_planners_priorities_have_four_names() -> None:
    body = {"id": "t", "planId": "p", "plan": {"id": "p", "title": "P"}, "title": "T", "percentComplete": 0}
    rows = [translate(load("planner", "task"), body | {"priority": each}).row or {} for each in range(11)]
    words = [row["priority"] for row in rows]
    assert words == [*["urgent"] * 2, *["important"] * 3, *["medium"] * 3, *["low"] * 3]


def test_columns_map_themselves() -> None:
    body = {
        "Budget Code": "0140",
        "FISCAL_YEAR": "FY27",
        "Period": "3",
        "costCenter": "CC",
        "Actual": "(5.00)",
        "Memo": "x",
    }
    found = translate(load("files", "budget_line"), body)
    assert found.row is not None
    assert {key: value for key, value in found.row.items() if value is not None} == {
        "budget_code": "0140",
        "fiscal_year": 2027,
        "period": "003",
        "cost_center": "CC",
        "actual": Decimal("-5.00"),
        "currency": "USD",
    }
    assert found.container == ("0140",)


def test_salesforce_columns_map_themselves() -> None:
    found = translate(
        load("salesforce", "budget_line"), {"Budget_Code__c": "1402", "Revised_Budget__c": Decimal(10)}
    )
    assert found.row is not None
    assert (found.row["budget_code"], found.row["revised_budget"]) == ("1402", Decimal("10.00"))


def test_a_bad_currency_is_not_replaced_by_ours() -> None:
    found = translate(load("files", "budget_line"), {"currency": ["USD"]})
    assert found.row is not None
    assert found.row["currency"] is None
    assert found.rejects[0].field == "currency"


def test_a_project_without_a_key_is_rejected_as_a_whole() -> None:
    found = translate(load("jira", "project"), {"name": "No key"})
    assert found.row is None
    assert found.rejects == (Reject("key", None, "a project without key"),)


def test_link_values() -> None:
    mapping = load(
        "jira", "issue", links=[("fields.customfield_10301", "key"), ("fields.code", "budget_code")]
    )
    found = translate(mapping, issue(customfield_10301={"value": "OIT-014"}))
    assert found.link_values == (("key", "OIT-014"),)
    assert "fields.customfield_10301" in mapping.paths


def test_the_fingerprint_follows_what_is_declared() -> None:
    plain = load("jira", "issue")
    same = load("jira", "issue")
    other = load("jira", "issue", {"due_on": rule("fields.customfield_10300")})
    linked = load("jira", "issue", links=[("a", "key")])
    assert plain.fingerprint == same.fingerprint
    assert len({plain.fingerprint, other.fingerprint, linked.fingerprint}) == 3


@pytest.mark.parametrize(
    ("arguments", "overrides", "expected"),
    [
        (("servicenow", "u_thing"), {}, "no shipped mapping"),
        (("servicenow", "task_sla"), {}, "needs no read of its own: a ticket's clock comes with the ticket"),
        (("files", "thing"), {}, "no shipped mapping"),
        (("jira", "issue"), {"due_onn": rule("a")}, "the unknown field 'due_onn'"),
        (("jira", "issue"), {"due_on": rule("a", convert="amount")}, "convert: amount"),
        (("jira", "issue"), {"title": rule("a", format="%d")}, "format: for text"),
        (("jira", "issue"), {"status_category": rule("a", values={"x": "doing"})}, "the word 'doing'"),
        (("jira", "issue"), {"title": rule("a..b")}, "not a JMESPath expression"),
    ],
)
def test_a_mapping_that_cannot_be_used(
    arguments: tuple[str, str], overrides: dict[str, MapRule], expected: str
) -> None:
    with pytest.raises(MappingError, match=expected):
        load(*arguments, overrides)


@pytest.mark.parametrize("tool", ["jira", "servicenow", "planner", "salesforce", "odata", "sql", "files"])
def test_every_shipped_mapping_loads(tool: str) -> None:
    for kind in shipped(tool):
        assert load(tool, kind).rules


def test_probing_counts_what_a_mapping_makes_of_records() -> None:
    bodies = [issue(), issue(duedate="soon"), issue(duedate="soon"), issue(duedate=None)]
    due = next(each for each in probe(load("jira", "issue"), bodies, CONTEXT) if each.name == "due_on")
    assert (due.filled, due.empty, due.expression) == (1, 1, "fields.duedate")
    ((value, reason),) = due.rejected
    assert (value, due.rejected[value, reason]) == ("soon", 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    [
        "fields",
        "key",
        "number",
        "state",
        "status",
        "percentComplete",
        "priority",
        "assignments",
        "due_date",
        "actual",
    ]
)


@pytest.mark.parametrize(
    ("tool", "kind"),
    [("jira", "issue"), ("servicenow", "incident"), ("planner", "task"), ("files", "budget_line")],
)
@given(body=st.dictionaries(FIELDS, JSON))
def test_no_record_can_break_a_translation(tool: str, kind: str, body: dict[str, Any]) -> None:
    found = translate(load(tool, kind), body)
    assert found.row is not None or found.rejects
    assert all(each.reason and each.field for each in found.rejects)
    rejected = {each.field for each in found.rejects}
    assert not any(found.row and found.row[name] is not None for name in rejected)


def decided(number: int) -> GateRules:
    """How a project's columns hold the decision about one gate."""
    column = f"u_g{number}"
    return GateRules.model_validate(
        {
            "decision": {"from": column, "values": {"Go": "approved", "No-go": "rejected", "Pending": None}},
            **{name: f"{column}_{name}" for name in ("decided_on", "decided_by", "note")},
        }
    )


def test_a_projects_columns_hold_decisions_about_gates() -> None:
    mapping = load("servicenow", "pm_project", gates={"G3": decided(3), "G4": decided(4), "G5": decided(5)})
    found = translate(
        mapping,
        {
            "number": "PRJ1",
            "u_g3": "go",
            "u_g3_decided_on": "2026-07-01 03:00:00",
            "u_g3_decided_by": {"display_value": "Ana Board", "value": "c0ffee"},
            "u_g3_note": "As presented",
            "u_g4": "no-go",
            "u_g4_decided_on": "2026-08-01",
            "u_g4_decided_by": "",
            "u_g5": "pending",
        },
    )
    assert found.row is not None
    assert found.row["gate_decisions"] == [
        {
            "gate": "G3",
            "decision": "approved",
            "decided_on": "2026-06-30",
            "decided_by": "Ana Board",
            "note": "As presented",
        },
        {
            "gate": "G4",
            "decision": "rejected",
            "decided_on": "2026-08-01",
            "decided_by": None,
            "note": None,
        },
    ]
    assert found.rejects == ()
    assert {"u_g3", "u_g5_decided_by"} <= set(mapping.paths)
    assert mapping.fingerprint != load("servicenow", "pm_project", gates={"G3": decided(3)}).fingerprint
    unmapped = translate(load("servicenow", "pm_project"), {"number": "PRJ1", "u_g3": "go"}).row
    assert unmapped is not None
    assert unmapped["gate_decisions"] is None


def test_a_decision_that_cannot_be_read_whole_is_rejected_and_none() -> None:
    mapping = load("servicenow", "pm_project", gates={"G3": decided(3), "G4": decided(4)})
    found = translate(mapping, {"number": "PRJ1", "u_g3": "perhaps", "u_g4": "go", "u_g4_decided_by": "Ana"})
    assert found.row is not None
    assert found.row["gate_decisions"] is None
    assert [(each.field, each.value) for each in found.rejects] == [
        ("gate_decisions.G3.decision", "perhaps"),
        ("gate_decisions.G4.decided_on", None),
    ]


def test_gate_decisions_stand_in_projects_and_nowhere_else() -> None:
    with pytest.raises(MappingError, match="gate_decisions of a kind that fills ticket"):
        load("servicenow", "incident", gates={"G3": decided(3)})
    with pytest.raises(MappingError, match="a rule for gate_decisions"):
        load("servicenow", "pm_project", {"gate_decisions": rule("u_all")})
    row = translate(load("files", "project"), {"key": "P1", "gate_decisions": "all approved"}).row
    assert row is not None
    assert row["gate_decisions"] is None
