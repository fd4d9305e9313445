"""A whole project judged: document, figures, exceptions, ledger rows; unknown, stale, the fiscal year."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config.settings import Portfolio
from portfolio.budget import LedgerTerms
from portfolio.facts import (
    Condition,
    Decision,
    Deliverable,
    Facts,
    Money,
    Outage,
    Override,
    PlannedValue,
    Risk,
    Source,
    StatusReport,
    Ticket,
    Work,
)
from portfolio.judge import Judgement, Policy, judge
from portfolio.measuring import percent_complete

D = Decimal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SNOW = Source("snow", "PRJ1", "https://snow.example/PRJ1")
LEDGER = Source("ledger", "row 1")
POLICY = Policy.of(Portfolio(timezone="America/New_York"))

SECTIONS = {
    "status": "overall schedule cost scope quality",
    "schedule": "start_planned finish_planned finish_baseline finish_forecast variance_days percent_complete",
    "cost": "fiscal_year original_budget revised_budget pre_encumbered encumbered actual forecast available"
    " variance variance_share",
    "earned_value": "bac pv ev ac cv sv cpi spi eac etc vac tcpi earned_schedule spi_t method",
    "gate": "current status due_on next",
    "work": "todo in_progress done cancelled blocked overdue",
}
PROJECT_KEYS = "key name department manager state stage tickets risks outages deliverables links narrative"
VERDICT_KEYS = "value declared rule inputs threshold because since sources turn_green"
FIGURES = (
    "gate_status gate_name gate_due rag_overall rag_schedule rag_cost rag_scope rag_quality percent_complete"
    " finish_forecast schedule_variance_days budget_variance budget_variance_share available_budget cpi"
    " spi eac explanation"
)


def money(year: int | None = 2027, **values: Any) -> Money:
    given = {
        "budget_code": "1402",
        "fund": "010",
        "cost_center": "CC1",
        "account": None,
        "period": None,
        "original_budget": D(900),
        "revised_budget": D(1000),
        "pre_encumbered": D(10),
        "encumbered": D(40),
        "actual": D(300),
        "forecast": D("1150.01"),
        "source": LEDGER,
    }
    return Money(fiscal_year=year, currency="USD", **(given | values))


def plan(
    *, name: str = "v1", set_on: date = date(2026, 1, 1), last: date = date(2026, 11, 27)
) -> tuple[PlannedValue, ...]:
    start = date(2026, 1, 1)
    step = (last - start) // 10
    return tuple(PlannedValue(name, set_on, start + step * n, D(100 * n)) for n in range(1, 11))


FULL = Facts(
    "OIT-014",
    "Permit portal",
    department="Licenses & Inspections",
    manager="Ana Ruiz",
    description="One portal",
    state="active",
    stage="Build",
    start_planned=date(2026, 1, 1),
    finish_planned=date(2026, 12, 31),
    start_baseline=date(2026, 1, 1),
    finish_baseline=date(2026, 12, 31),
    finish_forecast=date(2026, 12, 31),
    budget_codes=("1402",),
    work=Work(todo=3, in_progress=3, done=4, cancelled=5),
    money=(money(),),
    planned_values=plan(),
    report=StatusReport(date(2026, 11, 1), "Ana Ruiz", "green", "green", "green", None, None, "On the way."),
    source=SNOW,
    links=(SNOW,),
)


def judged(facts: Facts = FULL, policy: Policy = POLICY, now: datetime = NOW) -> Judgement:
    return judge(facts, now=now, policy=policy)


def test_the_document_has_every_key_of_the_interface_and_is_json() -> None:
    document = judged().document
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert set(PROJECT_KEYS.split()) <= document.keys()
    for section, keys in SECTIONS.items():
        assert set(keys.split()) <= document[section].keys(), section
    for verdict in document["status"].values():
        assert set(VERDICT_KEYS.split()) <= verdict.keys()
        assert verdict["since"] is None
    assert {"gate", "position", "status", "due_on", "criteria", "conditions"} <= document["gates"][0].keys()
    assert {"criterion", "met", "because"} <= document["gates"][0]["criteria"][0].keys()


def test_the_document_shows_the_figures() -> None:
    document = judged().document
    assert document["cost"] == {
        "fiscal_year": 2027,
        "original_budget": "900.00",
        "revised_budget": "1000.00",
        "pre_encumbered": "10.00",
        "encumbered": "40.00",
        "actual": "300.00",
        "forecast": "1150.01",
        "available": "650.00",
        "variance": "-150.01",
        "variance_share": -0.15001,
        "variance_original": "-250.01",
    }
    assert document["schedule"]["variance_days"] == 0
    assert document["schedule"]["percent_complete"] == 0.4
    value = document["earned_value"]
    assert (value["bac"], value["ev"], value["ac"], value["cpi"]) == ("1000.00", "400.00", "300.00", 1.333333)
    assert value["eac"] == "750.00"
    assert value["tcpi"] == 0.857143
    assert value["method"] == "percent_complete"
    assert document["status"]["cost"]["value"] == "amber"
    assert document["work"] == {
        "todo": 3,
        "in_progress": 3,
        "done": 4,
        "cancelled": 5,
        "blocked": 0,
        "overdue": 0,
    }
    assert document["narrative"] == "On the way."


def test_the_figures_to_write_back_are_typed() -> None:
    figures = judged().figures
    assert set(figures) == set(FIGURES.split())
    assert figures["gate_due"] == date(2026, 1, 1)
    assert (figures["gate_status"], figures["gate_name"]) == ("overdue", "G0 Intake triage")
    assert (figures["rag_overall"], figures["rag_schedule"], figures["rag_cost"]) == (
        "amber",
        "green",
        "amber",
    )
    assert figures["rag_scope"] is None
    assert (figures["budget_variance"], figures["available_budget"]) == (D("-150.01"), D(650))
    assert figures["budget_variance_share"] == D("-0.15001")
    assert (figures["cpi"], figures["eac"]) == (D("1.333333"), D("750.00"))
    assert figures["percent_complete"] == D("0.4")
    assert figures["finish_forecast"] == date(2026, 12, 31)
    assert figures["explanation"].startswith("Cost: The forecast USD 1,150.01 is 15.01% over")


def test_nothing_known_is_unknown_everywhere() -> None:
    result = judged(Facts("OIT-1", "Empty"))
    assert {verdict["value"] for verdict in result.document["status"].values()} == {"unknown"}
    known = {name: value for name, value in result.figures.items() if value is not None}
    assert set(known) == {"gate_status", "gate_name", "explanation"}
    assert {value for name, value in result.document["cost"].items() if name != "fiscal_year"} == {None}
    assert result.budget_figures == []


def test_stale_sources_make_their_figures_unknown_and_are_an_exception() -> None:
    stale = dict.fromkeys(("project", "budget_line", "work_item", "baseline"), ("snow",))
    result = judged(replace(FULL, stale=stale))
    unknown = (
        "rag_overall rag_schedule rag_cost percent_complete finish_forecast schedule_variance_days"
        " budget_variance cpi eac"
    )
    assert {result.figures[name] for name in unknown.split()} == {None}
    assert set(result.document["work"].values()) == {None}
    assert result.budget_figures == []
    assert "stale" in kinds(result)


@pytest.mark.parametrize("entity", ["project", "budget_line"])
def test_one_stale_source_leaves_the_others(entity: str) -> None:
    figures = judged(replace(FULL, stale={entity: ("snow",)})).figures
    assert (figures["rag_schedule"] is None) == (entity == "project")
    assert (figures["rag_cost"] is None) == (entity == "budget_line")


@pytest.mark.parametrize(
    ("years", "state", "shown", "cost"),
    [
        ((2026, 2027, 2028), "active", 2027, "amber"),
        ((2025, 2026), "active", 2026, "unknown"),
        ((2025, 2026), "completed", 2026, "amber"),
        ((2028,), "proposed", 2028, "unknown"),
        ((None,), "active", None, "amber"),
    ],
)
def test_the_fiscal_year_that_counts(
    years: tuple[int | None, ...], state: str, shown: int | None, cost: str
) -> None:
    document = judged(replace(FULL, state=state, money=tuple(money(year) for year in years))).document
    assert document["cost"]["fiscal_year"] == shown
    assert document["cost"]["revised_budget"] == "1000.00"
    assert document["status"]["cost"]["value"] == cost


def test_the_fiscal_year_turns_in_the_portfolios_own_time_zone() -> None:
    lines = (money(2026, revised_budget=D(1)), money(2027))
    facts = replace(FULL, money=lines)
    assert judged(facts, now=datetime(2026, 7, 1, 3, 59, tzinfo=UTC)).document["cost"]["fiscal_year"] == 2026
    assert judged(facts, now=datetime(2026, 7, 1, 4, 0, tzinfo=UTC)).document["cost"]["fiscal_year"] == 2027


def test_a_project_length_ledger_counts_from_its_inception() -> None:
    policy = replace(POLICY, ledgers=LedgerTerms(project_basis=frozenset({"ledger"})))
    document = judged(replace(FULL, money=(money(2026), money(2027))), policy).document
    assert document["cost"]["fiscal_year"] is None
    assert document["cost"]["revised_budget"] == "2000.00"


def test_actual_cost_of_earned_value_runs_from_inception() -> None:
    document = judged(replace(FULL, money=(money(2026), money(2027)))).document
    assert document["earned_value"]["ac"] == "600.00"
    assert document["cost"]["actual"] == "300.00"


def test_time_stands_still_once_the_project_has_finished() -> None:
    finished = replace(FULL, finish_actual=date(2026, 6, 14), percent_complete=D(1))
    first = judged(finished).document["earned_value"]
    later = judged(finished, now=NOW + timedelta(days=400)).document["earned_value"]
    assert first["spi_t"] == later["spi_t"] == 2.012195


def test_a_second_baseline_makes_an_approved_change() -> None:
    plans = plan(last=date(2026, 4, 11)) + plan(name="v2", set_on=date(2026, 5, 1))
    found = judged(replace(FULL, planned_values=plans)).document["status"]["schedule"]
    assert found["value"] == "approved_change"
    only = judged(replace(FULL, planned_values=plan(last=date(2026, 4, 11)))).document["status"]["schedule"]
    assert only["value"] == "green"


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (Facts("K", "N", percent_complete=D("0.3")), D("0.3")),
        (Facts("K", "N", percent_complete=D("0.3"), stale={"project": ("snow",)}), None),
        (Facts("K", "N", work=Work(todo=1, done=3, cancelled=9)), D("0.75")),
        (Facts("K", "N", work=Work(cancelled=9)), None),
        (Facts("K", "N", work=Work(done=1), stale={"work_item": ("jira",)}), None),
        (Facts("K", "N"), None),
    ],
)
def test_percent_complete(facts: Facts, wanted: D | None) -> None:
    assert percent_complete(facts)[0] == wanted


def test_ledger_rows_per_code_year_and_period() -> None:
    action = Risk("action", "Renegotiate", None, None, "Bo", date(2026, 12, 1), open=True, source=SNOW)
    later = Risk("action", "Later", None, None, None, None, open=True, source=SNOW)
    lines = (
        money(period="001", account="a"),
        money(period="001", account="b", forecast=D(1000)),
        money(period="002", forecast=D(1251)),
        money(budget_code="1500", forecast=D(900)),
        money(budget_code="1600", forecast=None),
    )
    rows = judged(replace(FULL, money=lines, risks=(later, action))).budget_figures
    assert rows[0] == {
        "budget_code": "1402",
        "fiscal_year": 2027,
        "period": "001",
        "currency": "USD",
        "budget_variance": D("-150.01"),
        "budget_variance_share": D("-0.075005"),
        "available_budget": D("1300.00"),
        "eac": D("2150.01"),
        "rag_cost": "green",
        "corrective_action": None,
    }
    assert (rows[1]["rag_cost"], rows[1]["corrective_action"]) == ("red", "Renegotiate (Bo), due 2026-12-01")
    assert (rows[2]["rag_cost"], rows[2]["corrective_action"]) == ("green", None)
    assert (rows[3]["rag_cost"], rows[3]["eac"], rows[3]["budget_variance"]) == (None, None, D("660.00"))


def kinds(result: Judgement) -> list[str]:
    for each in result.exceptions:
        assert each.keys() == {"project", "kind", "severity", "text", "since", "because", "figure"}
        assert each["severity"] in ("high", "medium", "low")
    return [each["kind"] for each in result.exceptions]


CALM = replace(
    FULL,
    money=(money(forecast=D(1000)),),
    start_planned=date(2026, 11, 21),
    finish_planned=date(2027, 11, 21),
    finish_forecast=date(2026, 12, 31),
)


def test_a_calm_project_has_no_exception() -> None:
    assert kinds(judged(CALM)) == []


def test_a_day_has_not_passed_before_it_is_over() -> None:
    today = date(2026, 11, 21)
    due = Risk("risk", "Vendor", None, None, None, today, open=True, source=SNOW)
    trust = Override("cost", "green", "Trust", "Ana", today)
    assert kinds(judged(replace(CALM, finish_forecast=today, risks=(due,), overrides=(trust,)))) == []


OPEN_TICKET = Ticket(
    "INC1", "incident", "Slow", None, "new", NOW, NOW - timedelta(days=1), None, None, None, SNOW
)
ONGOING = Outage("Permits", "outage", NOW, None, None, SNOW)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"finish_forecast": date(2027, 12, 31)}, ["red", "watermelon", "watermelon"]),
        ({"start_planned": date(2026, 1, 1)}, ["overdue_gate"]),
        ({"work": Work(done=1, blocked=1)}, ["blocked"]),
        ({"work": Work(done=1, overdue=1, oldest_overdue_on=date(2026, 11, 1))}, ["overdue_work"]),
        ({"tickets": (OPEN_TICKET,)}, ["breached_tickets"]),
        ({"outages": (ONGOING,)}, ["open_outage"]),
        ({"outages": (replace(ONGOING, type="planned"), replace(ONGOING, ended_at=NOW))}, []),
        (
            {"overrides": (Override("cost", "green", "Trust", "Ana", date(2026, 11, 20)),)},
            ["expired_override"],
        ),
        ({"stale": {"ticket": ("snow",)}}, ["stale"]),
        ({"money": (money(revised_budget=D(0)),)}, ["unbudgeted"]),
        ({"finish_forecast": date(2026, 11, 20)}, ["forecast_past"]),
        ({"finish_forecast": date(2026, 11, 20), "finish_actual": date(2026, 11, 20)}, []),
        (
            {
                "risks": (
                    Risk("risk", "Vendor", None, None, None, date(2026, 11, 20), open=True, source=SNOW),
                )
            },
            ["overdue_risk"],
        ),
        (
            {
                "risks": (
                    Risk("risk", "Vendor", None, None, None, date(2026, 11, 20), open=False, source=SNOW),
                )
            },
            [],
        ),
        ({"percent_complete": D("1.1")}, ["data_quality"]),
        ({"decisions": (Decision("G0", "rejected", date(2026, 11, 1), "Board", None),)}, ["gate_held"]),
        (
            {
                "description": None,
                "decisions": (Decision("G0", "approved", date(2026, 11, 1), "Board", None),),
            },
            ["unmet_approval"],
        ),
        ({"decisions": (Decision("G1", "waived", date(2026, 11, 1), "Board", None),)}, ["skipped_gate"]),
        (
            {
                "decisions": (
                    Decision(
                        "G0",
                        "waived",
                        date(2026, 11, 1),
                        "Board",
                        None,
                        (Condition("Until", date(2026, 11, 20)),),
                    ),
                )
            },
            ["condition_overdue"],
        ),
        ({"finish_forecast": date(2027, 12, 31), "state": "cancelled"}, []),
    ],
)
def test_exceptions(change: dict[str, Any], wanted: list[str]) -> None:
    assert kinds(judged(replace(CALM, **change))) == wanted


@pytest.mark.parametrize(
    ("late", "forecast", "duties"),
    [
        (36, 1000, []),
        (37, 1000, ["schedule"]),
        (0, 1099, []),
        (0, 1100, ["cost"]),
        (0, 901, []),
        (0, 900, ["cost"]),
        (-200, 1000, []),
    ],
)
def test_california_opens_a_special_project_report_at_ten_percent(
    late: int, forecast: int, duties: list[str]
) -> None:
    policy = Policy.of(Portfolio(status_rules="california_10", gates="california_pal"))
    facts = replace(
        CALM,
        sponsor="Ana",
        finish_baseline=date(2027, 1, 1),  # 365 days: ten percent is 36.5
        finish_forecast=date(2027, 1, 1) + timedelta(days=late),
        money=(money(forecast=D(forecast)),),
    )
    result = judged(facts, policy)
    assert [duty["dimension"] for duty in result.document["obligations"]] == duties
    assert kinds(result).count("obligation") == len(duties)


def test_a_deliverable_carries_its_approval_into_the_document() -> None:
    paper = Deliverable("business_case", "Case", "approved", "Bo", NOW, SNOW)
    (shown,) = judged(replace(FULL, deliverables=(paper,))).document["deliverables"]
    assert (shown["state"], shown["approved_by"], shown["approved_at"]) == (
        "approved",
        "Bo",
        "2026-11-21T12:00:00Z",
    )


def test_judging_is_repeatable_and_the_fingerprint_tells_policies_apart() -> None:
    assert judged() == judged()
    others = [
        Policy.of(Portfolio(timezone="America/New_York", status_rules="strict_5")),
        Policy.of(Portfolio(timezone="America/New_York", gates="texas_framework")),
        Policy.of(Portfolio(timezone="UTC")),
        Policy.of(Portfolio(timezone="America/New_York", fiscal_year_start="10-01")),
        replace(POLICY, ledgers=LedgerTerms(project_basis=frozenset({"ledger"}))),
    ]
    marks = {policy.fingerprint for policy in (POLICY, *others)}
    assert len(marks) == 1 + len(others)
    assert Policy.of(Portfolio(timezone="America/New_York")).fingerprint == POLICY.fingerprint
