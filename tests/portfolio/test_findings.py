"""What a manager must look at: each exception at the day or amount that makes it, and just beside it, with its words."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config.presets import Criterion, Gate, GatePack
from portfolio.budget import Budget
from portfolio.earned_value import EarnedValue
from portfolio.facts import Condition, Decision, Facts, Outage, Override, Risk, Source, Work
from portfolio.findings import corrective_action, exceptions
from portfolio.forecast import Forecast
from portfolio.gates import GateResult, judge_gates
from portfolio.status import Verdict
from portfolio.tickets import TicketCounts

D = Decimal

TODAY = date(2026, 11, 21)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
HERE = Source("snow", "REC1")
BARE = Facts("OIT-1", "Permits")
Row = tuple[str, str, str, str | None, str]


def found(facts: Facts = BARE, **given: Any) -> list[Row]:
    """Kind, severity, text, since, because of each exception."""
    known: dict[str, Any] = {
        "verdicts": {},
        "gated": (),
        "tickets": TicketCounts(),
        "value": EarnedValue(),
        "expected": Forecast(),
        "budget": Budget(),
        "duties": (),
        "resets": (),
    }
    rows = exceptions(facts, today=TODAY, **(known | given))
    assert {row["project"] for row in rows} <= {"OIT-1"}
    return [(row["kind"], row["severity"], row["text"], row["since"], row["because"]) for row in rows]


def risk(type_: str = "risk", due: date | None = None, title: str = "Vendor", **values: Any) -> Risk:
    given: dict[str, Any] = {"owner": None, "open": True} | values
    return Risk(type_, title, None, None, given["owner"], due, open=given["open"], source=HERE)


def test_nothing_to_look_at_is_no_exception() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("risks", "wanted"),
    [
        ((), None),
        ((risk("issue"),), None),
        ((risk("action", open=False),), None),
        ((risk("action"),), "Vendor"),
        ((risk("action", TODAY, owner="Bo"),), "Vendor (Bo), due 2026-11-21"),
        ((risk("action", title="A"), risk("action", TODAY, "B")), "B, due 2026-11-21"),
        ((risk("action", TOMORROW, "A"), risk("action", TODAY, "B")), "B, due 2026-11-21"),
        ((risk("action", TODAY, "B"), risk("action", TODAY, "A")), "A, due 2026-11-21"),
    ],
)
def test_the_corrective_action_is_the_open_one_due_first(risks: tuple[Risk, ...], wanted: str | None) -> None:
    assert corrective_action(replace(BARE, risks=risks)) == wanted


@pytest.mark.parametrize(
    ("name", "value", "computed", "declared", "wanted"),
    [
        ("cost", "red", "red", None, [("red", "high")]),
        ("cost", "amber", "amber", None, []),
        ("overall", "red", "red", None, []),
        ("cost", "red", "red", "green", [("red", "high"), ("watermelon", "high")]),
        ("cost", "amber", "amber", "green", [("watermelon", "medium")]),
        ("overall", "red", "red", "amber", [("watermelon", "high")]),
        ("cost", "green", "red", "green", [("watermelon", "high")]),
        ("cost", "red", "green", "green", [("red", "high")]),
    ],
)
def test_red_and_declared_better_are_told_by_dimension(
    name: str, value: Any, computed: Any, declared: str | None, wanted: list[tuple[str, str]]
) -> None:
    verdict = Verdict(value, computed, "r@1", "Why.", declared=declared)
    assert [row[:2] for row in found(verdicts={name: verdict})] == wanted


PACK = GatePack(
    id="test",
    version=1,
    title="Test",
    sources=("here",),
    gates=tuple(
        Gate(
            key=key,
            name=f"Gate {key}",
            after_finish=days,
            criteria=(Criterion(key="sponsor", text="A sponsor", kind="field", field="sponsor"),),
        )
        for key, days in (("A", 0), ("B", 1), ("C", 2))
    ),
)


def gated(*decisions: Decision, ended: int = 9, sponsor: str | None = None) -> list[GateResult]:
    facts = replace(BARE, finish_actual=TODAY - timedelta(days=ended), decisions=decisions, sponsor=sponsor)
    return judge_gates(facts, PACK, {}, TODAY)


def decided(gate: str, decision: str, *conditions: Condition, until: date | None = None) -> Decision:
    return Decision(gate, decision, YESTERDAY, "Board", "Come back.", conditions, until)


@pytest.mark.parametrize(
    ("ended", "sponsor", "wanted"),
    [
        (0, None, []),
        (
            1,
            None,
            [("Gate A Gate A is overdue.", "2026-11-20", "The project's sponsor is empty.")],
        ),
        (
            2,
            "Ana",
            [
                (
                    "Gate A Gate A is overdue. 1 later gates are overdue too.",
                    "2026-11-19",
                    "All criteria are met; a decision is missing.",
                )
            ],
        ),
        (
            3,
            "Ana",
            [
                (
                    "Gate A Gate A is overdue. 2 later gates are overdue too.",
                    "2026-11-18",
                    "All criteria are met; a decision is missing.",
                )
            ],
        ),
    ],
)
def test_overdue_gates_are_told_by_the_first_of_them(
    ended: int, sponsor: str | None, wanted: list[tuple[str, str, str]]
) -> None:
    rows = found(gated=gated(ended=ended, sponsor=sponsor))
    assert rows == [("overdue_gate", "high", *each) for each in wanted]


@pytest.mark.parametrize(
    ("decision", "wanted"),
    [
        (
            decided("A", "waived", until=YESTERDAY),
            ("expired_decision", "high", "Gate A Gate A is open again: its decision has expired.", "2026-11-20",
             "It was waived by Board until 2026-11-20."),
        ),
        (
            decided("A", "waived", Condition("Pay", YESTERDAY), until=YESTERDAY),
            ("expired_decision", "high", "Gate A Gate A is open again: its decision has expired.", "2026-11-20",
             "It was waived by Board until 2026-11-20."),
        ),
        (
            decided("A", "approved_with_conditions", Condition("Sign", date(2026, 11, 19)), Condition("Pay", YESTERDAY)),
            ("condition_overdue", "high", "Gate A Gate A is open again: a condition is past its day.", "2026-11-19",
             "Sign (due 2026-11-19); Pay (due 2026-11-20)"),
        ),
        (
            decided("A", "approved"),
            ("unmet_approval", "medium", "Gate A Gate A is approved with 1 criteria unmet.", "2026-11-20", "A sponsor"),
        ),
        (
            decided("A", "rejected"),
            ("gate_held", "medium", "Gate A Gate A is rejected.", "2026-11-20", "Come back."),
        ),
        (
            decided("A", "deferred"),
            ("gate_held", "medium", "Gate A Gate A is deferred.", "2026-11-20", "Come back."),
        ),
        (
            replace(decided("A", "deferred"), note=None),
            ("gate_held", "medium", "Gate A Gate A is deferred.", "2026-11-20", ""),
        ),
        (decided("A", "waived", until=TODAY), None),
        (decided("A", "approved_with_conditions", Condition("Sign", TODAY)), None),
    ],
)  # fmt: skip
def test_a_decision_that_does_not_carry_its_gate_is_told(decision: Decision, wanted: Row | None) -> None:
    assert found(gated=gated(decision, ended=0)) == ([wanted] if wanted else [])


def test_a_skipped_gate_is_told() -> None:
    rows = found(gated=gated(decided("B", "waived"), ended=0))
    assert rows == [
        ("skipped_gate", "medium", "Gate A Gate A was skipped.", "2026-11-21", "A later gate is passed.")
    ]


@pytest.mark.parametrize(("source", "record"), [(HERE, "REC1"), (None, "A record")])
def test_a_decision_that_names_nobody_is_told(source: Source | None, record: str) -> None:
    unsigned = replace(decided("A", "approved"), decided_by=None, source=source)
    assert found(replace(BARE, decisions=(unsigned, decided("A", "approved")))) == [
        (
            "unsigned_decision",
            "low",
            f"{record} says that gate A is approved and names nobody.",
            "2026-11-20",
            "A decision without a name does not count.",
        )
    ]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"work": Work(blocked=0, overdue=0)}, None),
        (
            {"work": Work(blocked=1, blocked_sources=(HERE, Source("snow", "REC2")))},
            ("blocked", "medium", "1 work items are blocked.", None, "REC1, REC2"),
        ),
        (
            {"work": Work(overdue=1, overdue_sources=(HERE,), oldest_overdue_on=YESTERDAY)},
            ("overdue_work", "low", "1 work items are overdue.", "2026-11-20", "REC1"),
        ),
        ({"finish_forecast": TODAY}, None),
        (
            {"finish_forecast": YESTERDAY},
            ("forecast_past", "medium", "The forecast finish 2026-11-20 has passed and the project has not finished.",
             "2026-11-20", "It passed 1 day ago."),
        ),
        ({"finish_forecast": YESTERDAY, "finish_actual": YESTERDAY}, None),
        ({"risks": (risk(due=TODAY),)}, None),
        ({"risks": (risk(due=YESTERDAY, open=False),)}, None),
        ({"risks": (risk(),)}, None),
        (
            {"risks": (risk(due=YESTERDAY),)},
            ("overdue_risk", "medium", "The risk Vendor is past its day.", "2026-11-20", "Owner: nobody."),
        ),
        (
            {"risks": (risk("issue", YESTERDAY, owner="Bo"),)},
            ("overdue_risk", "medium", "The issue Vendor is past its day.", "2026-11-20", "Owner: Bo."),
        ),
        ({"overrides": (Override("cost", "green", "Agreed.", "Ana", TODAY),)}, None),
        (
            {"overrides": (Override("cost", "green", "Agreed.", "Ana", YESTERDAY),)},
            ("expired_override", "low", "The override of cost to green has expired.", "2026-11-20", "Ana: Agreed."),
        ),
        (
            {"stale": {"ticket": ("snow",), "project": ("jira", "snow")}},
            ("stale", "medium", "jira, snow is past its age limit.", None, "What it feeds is unknown here: project, ticket."),
        ),
    ],
)  # fmt: skip
def test_what_stands_in_the_projects_own_facts(change: dict[str, Any], wanted: Row | None) -> None:
    assert found(replace(BARE, **change)) == ([wanted] if wanted else [])


BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTAGE = Outage("GIS", "outage", BEGAN, None, "Power", HERE)


@pytest.mark.parametrize(
    ("outage", "text", "because"),
    [
        (OUTAGE, "Outage of GIS goes on.", "Power"),
        (replace(OUTAGE, type="degradation"), "Degradation of GIS goes on.", "Power"),
        (replace(OUTAGE, type=None, service=None, cause=None), "Outage of a service goes on.", "The cause is not known."),
        (replace(OUTAGE, type="planned"), None, None),
        (replace(OUTAGE, ended_at=BEGAN), None, None),
    ],
)  # fmt: skip
def test_an_outage_that_goes_on_is_told_unless_it_is_planned(
    outage: Outage, text: str | None, because: str | None
) -> None:
    wanted = [("open_outage", "high", text, "2026-11-20T12:00:00Z", because)] if text else []
    assert found(replace(BARE, outages=(outage,))) == wanted


def test_breached_and_escalated_tickets_are_told() -> None:
    counts = TicketCounts(open=3, breached=1, by_level={"Lead": 1, "CIO": 2}, breached_sources=(HERE,))
    see = "So much of their time is used up; see their clocks."
    assert found(tickets=counts) == [
        ("breached_tickets", "medium", "1 open tickets are past their clock.", None, "REC1"),
        ("escalation", "medium", "1 ticket has to be escalated to Lead.", None, see),
        ("escalation", "medium", "2 tickets have to be escalated to CIO.", None, see),
    ]


@pytest.mark.parametrize(("declared", "told"), [(YESTERDAY, True), (TODAY, False), (TOMORROW, False)])
def test_a_forecast_earlier_than_the_pace_is_optimistic(declared: date, *, told: bool) -> None:
    facts = replace(BARE, finish_forecast=declared, finish_actual=TODAY)
    rows = found(facts, expected=Forecast(finish_50=TODAY, because="Pace."))
    text = "The forecast finish 2026-11-20 is 1 day earlier than the team's pace makes likely."
    assert rows == ([("optimistic_forecast", "low", text, None, "Pace.")] if told else [])


@pytest.mark.parametrize(
    ("revised", "forecast", "actual", "told"),
    [
        ("0", "0.01", None, True),
        ("0", "0", "5", False),
        ("0", "-1", None, False),
        ("0", None, "0.01", True),
        ("0", None, "0", False),
        ("0", None, None, False),
        ("0.01", "5", None, False),
        (None, "5", None, False),
    ],
)
def test_money_without_a_budget_is_told(
    revised: str | None, forecast: str | None, actual: str | None, *, told: bool
) -> None:
    amounts = (None if each is None else D(each) for each in (revised, forecast, actual))
    budget = Budget(**dict(zip(("revised_budget", "forecast", "actual"), amounts, strict=True)))
    wanted = (
        "unbudgeted",
        "high",
        "Money is spent or forecast without a budget.",
        None,
        "The revised budget is zero.",
    )
    assert found(budget=budget) == ([wanted] if told else [])


def test_findings_of_others_are_passed_on() -> None:
    assert found(value=EarnedValue(findings=("Odd.",))) == [
        ("data_quality", "low", "Odd.", None, "Earned value.")
    ]
    duty = ("obligation", "high", "Report is due.", YESTERDAY, "Cost.")
    assert found(duties=(duty,)) == [("obligation", "high", "Report is due.", "2026-11-20", "Cost.")]
    ((kind, severity, text, *_),) = found(resets=(2024, 2025, 2026))
    assert (kind, severity) == ("yearly_reset", "medium")
    assert text == "It has been given a new baseline in each of the fiscal years 2024 to 2026."
