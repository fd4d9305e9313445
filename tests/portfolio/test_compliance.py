"""The deliverable register by gate, the rules of governance with their reasons, and the score."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Portfolio
from portfolio.compliance import RULES, adherence, compliance, score
from portfolio.facts import Decision, Deliverable, Facts, Milestone, Risk, Source, StatusReport
from portfolio.judge import Policy, judge
from reports.data import build
from reports.views import for_audience
from tests.reports.sample import sample

D = Decimal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = NOW.date()
HERE = Source("pmo", "row 1")
PACK = {
    "id": "two",
    "version": 1,
    "title": "Two gates",
    "sources": ["here"],
    "gates": [
        {
            "key": "A",
            "name": "First",
            "criteria": [
                {"key": "c", "text": "The charter is approved", "kind": "deliverable", "type": "charter"},
                {"key": "m", "text": "A manager is named", "kind": "field", "field": "manager"},
            ],
        },
        {
            "key": "B",
            "name": "Second",
            "criteria": [
                {"key": "a", "text": "The plan is signed", "kind": "approval", "type": "plan"},
                {
                    "key": "l",
                    "text": "Large only",
                    "kind": "deliverable",
                    "type": "study",
                    "tiers": ["large"],
                },
            ],
        },
    ],
}


def paper(type_: str, state: str = "approved", by: str | None = "Bo", days: int = 10) -> Deliverable:
    at = NOW - timedelta(days=days) if state == "approved" else None
    return Deliverable(type_, type_, state, by, at, HERE)


def facts(*papers: Deliverable, first: int = -5, second: int = 5, **values: Any) -> Facts:
    due = [
        Milestone(key, None, TODAY + timedelta(days=n), None, None)
        for key, n in (("A", first), ("B", second))
    ]
    given = {"state": "active", "manager": "Mara", "tier": "small"}
    return Facts("K", "N", deliverables=papers, milestones=tuple(due), **(given | values))


def judged(given: Facts, **terms: Any) -> Any:
    portfolio = Portfolio.model_validate({"gates": PACK, "compliance": terms})
    return judge(given, now=NOW, policy=Policy.of(portfolio)).document


def standings(given: Facts, **terms: Any) -> list[str]:
    return [each["standing"] for each in judged(given, **terms)["register"]]


@pytest.mark.parametrize(
    ("papers", "wanted"),
    [
        ((), ["late", "ahead"]),
        ((paper("charter"),), ["in_place", "ahead"]),
        ((paper("Charter", "draft"), paper("plan")), ["late", "in_place"]),
        ((paper("charter", "expired"), paper("plan", by=None)), ["outdated", "ahead"]),
        ((paper("charter", "draft"), paper("charter")), ["in_place", "ahead"]),
    ],
)
def test_each_deliverable_that_a_gate_asks_for_has_a_standing(
    papers: tuple[Deliverable, ...], wanted: list[str]
) -> None:
    assert standings(facts(*papers)) == wanted


@pytest.mark.parametrize(("due", "wanted"), [(-1, "late"), (0, "ahead"), (1, "ahead")])
def test_it_is_late_the_day_after_its_gate_was_due(due: int, wanted: str) -> None:
    assert standings(facts(paper("charter"), second=due))[1] == wanted


def test_it_is_late_once_the_gate_is_decided_without_it() -> None:
    decided = Decision("B", "approved", TODAY, "Board", None)
    assert standings(facts(paper("charter"), decisions=(decided,))) == ["in_place", "late"]


@pytest.mark.parametrize(("days", "wanted"), [(365, "in_place"), (366, "outdated")])
def test_an_approval_is_valid_for_a_while(days: int, wanted: str) -> None:
    assert standings(facts(paper("charter", days=days)), approval_valid_for="365d")[0] == wanted
    assert standings(facts(paper("charter", days=days)))[0] == "in_place"


def test_the_register_names_gate_state_approval_and_source() -> None:
    first, second = judged(facts(paper("charter")))["register"]
    assert (first["gate"], first["state"], first["approved_by"], first["approved_on"]) == (
        "A",
        "approved",
        "Bo",
        "2026-11-11",
    )
    assert first["source"]["external_key"] == "row 1"
    assert (second["state"], second["source"], second["due_on"]) == ("missing", None, "2026-11-26")


def test_a_tier_that_is_not_asked_has_no_entry_and_one_that_is_has() -> None:
    assert [each["type"] for each in judged(facts(tier="large"))["register"]] == ["charter", "plan", "study"]


def risk(due: date | None, *, is_open: bool = True) -> Risk:
    return Risk("risk", "Vendor", None, "Open", "Bo", due, open=is_open, source=Source("snow", "RISK1"))


GOOD = facts(
    paper("charter"),
    report=StatusReport(TODAY, "Mara", None, None, None, None, None, None),
    risks=(risk(TODAY),),
    finish_forecast=TODAY,
    decisions=(Decision("A", "approved", TODAY, "Board", None),),
)


def test_a_project_that_keeps_every_rule_scores_one_and_says_why() -> None:
    kept = judged(GOOD)["compliance"]
    assert [kept[name] for name in RULES] == [True] * 6
    assert kept["score"] == 1
    assert kept["because"]["documents_complete"] == "All 1 deliverables asked for are in place."


@pytest.mark.parametrize(
    ("change", "rule", "kept", "because"),
    [
        ({"risks": (risk(TODAY - timedelta(days=1)),)}, "risks_reviewed", False, "Past their day: RISK1."),
        (
            {"risks": (risk(date(2020, 1, 1), is_open=False),)},
            "risks_reviewed",
            True,
            "No open entry is past its day.",
        ),
        ({"risks": ()}, "risks_reviewed", None, "The registers hold nothing of this project."),
        (
            {"finish_forecast": TODAY - timedelta(days=1)},
            "forecast_updated",
            False,
            "The forecast finish 2026-11-20 has passed.",
        ),
        ({"finish_forecast": None}, "forecast_updated", False, "There is no forecast finish."),
        ({"finish_forecast": None, "finish_actual": date(2026, 1, 1)}, "forecast_updated", True, None),
        ({"deliverables": ()}, "documents_complete", False, "A charter is late."),
        ({"decisions": ()}, "gates_kept", False, "Overdue or skipped: A."),
        ({"report": None}, "report_on_time", False, "No status report is known."),
        ({"stale": {"ticket": ("snow",)}}, "data_fresh", False, "Past their age limit: snow."),
    ],
)
def test_what_breaks_a_rule(
    change: dict[str, Any],
    rule: str,
    kept: bool | None,  # noqa: FBT001
    because: str | None,
) -> None:
    found = judged(replace(GOOD, **change))["compliance"]
    assert found[rule] is kept
    assert because is None or found["because"][rule] == because


def test_a_gate_that_has_asked_for_nothing_is_not_held_against_anyone() -> None:
    early = replace(GOOD, deliverables=(), milestones=(), decisions=())
    assert judged(early)["compliance"]["documents_complete"] is None


@pytest.mark.parametrize(("days", "kept"), [(14, True), (15, False)])
def test_how_often_a_report_is_due_is_declared(days: int, *, kept: bool) -> None:
    report = StatusReport(TODAY - timedelta(days=days), None, None, None, None, None, None, None)
    found = judged(replace(GOOD, report=report), report_every="14d")["compliance"]
    assert found["report_on_time"] is kept


@given(st.lists(st.sampled_from((True, False, None))))
def test_the_score_is_what_is_kept_of_what_was_asked(kept: list[bool | None]) -> None:
    found = score(kept)
    if all(each is None for each in kept):
        assert found is None
        return
    assert found is not None
    assert 0 <= found <= 1
    assert found == score([*kept, None])
    better = score([*kept, True])
    worse = score([*kept, False])
    assert better is not None
    assert worse is not None
    assert worse <= found <= better


def test_the_section_counts_scores_managers_and_documents() -> None:
    weak = judged(replace(GOOD, key="W", manager="Wim", deliverables=(), report=None))
    idle = judged(replace(GOOD, key="I", state="completed"))
    found = compliance([judged(GOOD), weak, idle])
    assert found["report_on_time"] == {"met": 1, "of": 2}
    assert found["documents_complete"] == {"met": 1, "of": 2}
    assert found["score"] == 0.833333
    assert [(each["manager"], each["projects"], each["score"]) for each in found["managers"]] == [
        ("Wim", 1, 0.666667),
        ("Mara", 1, 1.0),
    ]
    parts = {each["manager"]: {rule: each[rule] for rule in RULES} for each in found["managers"]}
    broken = ("report_on_time", "documents_complete")
    assert parts["Wim"] == {rule: {"met": int(rule not in broken), "of": 1} for rule in RULES}
    assert parts["Mara"] == {rule: {"met": 1, "of": 1} for rule in RULES}
    assert found["documents"] == {"in_place": 1, "outdated": 0, "late": 1, "ahead": 2}


def test_managers_come_from_the_lowest_score_and_those_without_any_last() -> None:
    def project(manager: str, **kept: bool | None) -> dict[str, Any]:
        return {"key": manager, "state": "active", "manager": manager, "compliance": kept}

    found = compliance(
        [
            project("Half", data_fresh=True, gates_kept=False),
            project("Unasked", data_fresh=None),
            project("None kept", data_fresh=False),
            project("All", data_fresh=True),
            project("Also half", data_fresh=False, gates_kept=True),
        ]
    )["managers"]
    assert [(each["manager"], each["score"]) for each in found] == [
        ("None kept", 0),
        ("Also half", 0.5),
        ("Half", 0.5),
        ("All", 1),
        ("Unasked", None),
    ]


def test_a_gate_that_is_overdue_and_skipped_is_named_once() -> None:
    passed = Decision("B", "waived", TODAY, "Board", None)
    found = judged(replace(GOOD, decisions=(passed,)))["compliance"]["because"]["gates_kept"]
    assert found == "Overdue or skipped: A."


def test_what_is_missing_is_counted_over_the_running_projects() -> None:
    def project(state: str, overall: dict[str, str | None], gates: list[str], papers: list[str]) -> Any:
        return {
            "state": state,
            "status": {"overall": overall},
            "gates": [{"status": each} for each in gates],
            "deliverables": [{"state": each} for each in papers],
            "compliance": {"data_fresh": True},
        }

    found = adherence(
        [
            project("active", {"value": "unknown", "declared": "green"}, ["overdue", "ready"], ["missing"]),
            project("active", {"value": None}, ["overdue"], ["expired", "missing", "approved"]),
            project("active", {"value": "unknown"}, ["overdue"], []),
            project("active", {"value": "red", "declared": "green"}, ["approved"], ["draft"]),
            project("active", {"value": "green", "computed": "red", "declared": "amber"}, [], []),
            project("active", {"value": "red", "computed": "green", "declared": "green"}, [], []),
            project("completed", {"value": "unknown"}, ["overdue"], ["missing"]),
        ]
    )
    assert (found["projects"], found["data_fresh"], found["unknown"]) == (6, 6, 3)
    assert (found["watermelons"], found["gates_overdue"], found["deliverables_missing"]) == (2, 3, 3)


def test_the_public_sees_answers_without_reasons_or_people() -> None:
    document = build(replace(sample(), projects=[judged(GOOD)], exceptions=[]))
    shown = for_audience(document, "public")
    assert shown["projects"][0]["compliance"].keys() == {*RULES, "score"}
    assert [each["manager"] for each in shown["compliance"]["managers"]] == ["nobody"]
    assert shown["projects"][0]["register"] == []
