"""What is measured of a project before it is judged: its share done, its plan without a start or a value, what gates may ask."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from config.judging import EarnedValueTerms
from config.settings import Portfolio
from portfolio.budget import Budget
from portfolio.earned_value import Baseline, EarnedValue
from portfolio.facts import Facts, Money, Source, Ticket, Work
from portfolio.judge import Policy, judge, ledger_figures
from portfolio.measuring import metrics_of, percent_complete, progress, value_of

D = Decimal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = NOW.date()
POLICY = Policy.of(Portfolio())
BARE = Facts("OIT-1", "Permits", state="active")
EFFORT = EarnedValueTerms(method="level_of_effort")
START = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("own", "work", "stale", "wanted"),
    [
        ("0.5", None, (), "0.5"),
        ("0.5", None, ("work_item",), "0.5"),
        ("0.5", None, ("project",), None),
        ("0.5", Work(todo=3, done=1), (), "0.5"),
        ("0.5", Work(todo=3, done=1), ("project",), "0.5"),
        ("0.5", Work(todo=3, done=1), ("work_item",), None),
        (None, Work(todo=3, done=1), (), "0.25"),
        (None, Work(todo=3, done=1), ("project",), "0.25"),
        (None, Work(todo=3, done=1), ("work_item",), None),
        (None, Work(todo=1, in_progress=1, done=2, cancelled=9), (), "0.5"),
        (None, Work(cancelled=9), (), None),
        (None, Work(done=1), (), "1"),
        (None, None, (), None),
    ],
)
def test_the_share_done_is_the_projects_own_else_counted_and_never_of_a_stale_source(
    own: str | None, work: Work | None, stale: tuple[str, ...], wanted: str | None
) -> None:
    facts = replace(
        BARE,
        percent_complete=None if own is None else D(own),
        work=work,
        stale=dict.fromkeys(stale, ("snow",)),
    )
    assert percent_complete(facts)[0] == (None if wanted is None else D(wanted))


@pytest.mark.parametrize(
    ("first", "bac", "share"),
    [(START, 100, "0.5"), (START, 1, "0.5"), (START, 0, None), (None, 100, None)],
)
def test_level_of_effort_earns_the_planned_share_where_a_plan_tells_one(
    first: date | None, bac: int, share: str | None
) -> None:
    plan = Baseline((first, START + timedelta(days=40)), (D(0), D(bac)))
    found = progress(BARE, EFFORT, plan, TODAY)
    assert found.share == (None if share is None else D(share))


def test_without_a_plan_level_of_effort_earns_nothing_that_is_known() -> None:
    assert progress(BARE, EFFORT, None, TODAY).share is None


@pytest.mark.parametrize(("first", "pv"), [(START, "50"), (None, None)])
def test_planned_value_needs_the_start_of_the_plan(first: date | None, pv: str | None) -> None:
    plan = Baseline((first, START + timedelta(days=40)), (D(0), D(100)))
    done = progress(replace(BARE, percent_complete=D("0.3")), EarnedValueTerms(), plan, TODAY)
    found = value_of(BARE, POLICY, TODAY, plan, done, "")
    assert (found.pv, found.ev) == (None if pv is None else D(pv), D(30))


def test_without_a_plan_there_is_no_planned_value_and_a_reason() -> None:
    done = progress(BARE, EarnedValueTerms(), None, TODAY)
    found = value_of(BARE, POLICY, TODAY, None, done, "no baseline at all")
    assert (found.pv, found.reasons["pv"]) == (None, "no baseline at all")


def test_what_a_gate_may_ask_is_each_figure_by_its_name() -> None:
    budget = Budget(
        revised_budget=D(200), pre_encumbered=D(1), encumbered=D(9), actual=D(50), forecast=D(220)
    )
    facts = replace(
        BARE,
        start_baseline=date(2026, 1, 1),
        finish_baseline=date(2026, 4, 11),
        finish_forecast=date(2026, 5, 1),
    )
    value = EarnedValue(bac=D(7), cpi=D(2), spi=D(3), spi_t=D(4))
    assert metrics_of(facts, budget, value, D("0.6")) == {
        "revised_budget": 200,
        "available": 140,
        "actual": 50,
        "forecast": 220,
        "spent_share": D("0.25"),
        "cost_share": D("0.1"),
        "schedule_share": D("0.2"),
        "percent_complete": D("0.6"),
        "bac": 7,
        "cpi": 2,
        "spi": 3,
        "spi_t": 4,
    }
    stale = replace(facts, stale={"project": ("snow",)})
    assert metrics_of(stale, budget, value, None)["schedule_share"] is None


@pytest.mark.parametrize(
    ("revised", "actual", "share"), [("0", "1", None), (None, "1", None), ("4", None, None), ("4", "0", "0")]
)
def test_the_share_spent_is_unknown_where_a_part_of_it_is(
    revised: str | None, actual: str | None, share: str | None
) -> None:
    known = [None if each is None else D(each) for each in (revised, actual)]
    found = metrics_of(BARE, Budget(revised_budget=known[0], actual=known[1]), EarnedValue(), None)
    assert found["spent_share"] == (None if share is None else D(share))
    assert found["cost_share"] is None


def ticket(number: str, due: datetime) -> Ticket:
    opened = NOW - timedelta(days=9)
    return Ticket(number, "incident", "t", None, "new", opened, due, None, None, None, Source("snow", number))


def test_a_project_is_judged_again_when_the_first_of_its_clocks_moves() -> None:
    hours = (timedelta(hours=n) for n in (5, 2, 9))
    tickets = tuple(ticket(f"I{n}", NOW + each) for n, each in enumerate(hours))
    assert judge(replace(BARE, tickets=tickets), now=NOW, policy=POLICY).moves_at == NOW + timedelta(
        hours=2, seconds=1
    )
    assert judge(BARE, now=NOW, policy=POLICY).moves_at is None


@pytest.mark.parametrize(
    ("rules", "forecast", "colour", "action"),
    [
        ("state_15_25", 115, "green", None),
        ("state_15_25", 116, "amber", "Renegotiate"),
        ("state_15_25", 126, "red", "Renegotiate"),
        ("evm_95_85", 126, None, None),
    ],
)
def test_a_budget_code_shows_the_corrective_action_beside_amber_and_red(
    rules: str, forecast: int, colour: str | None, action: str | None
) -> None:
    line = Money("1402", None, None, None, 2027, None, "USD", D(100), D(100), D(0), D(0), D(1), D(forecast))
    policy = Policy.of(Portfolio.model_validate({"status_rules": rules}))
    (row,) = ledger_figures([line], policy, TODAY, {"1402": "Renegotiate"})
    assert (row["rag_cost"], row["corrective_action"]) == (colour, action)
