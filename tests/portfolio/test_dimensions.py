"""What each dimension says of itself at, just below and just past the values that change its words, and what turns it green."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from config.presets import StatusRules, load_rules
from portfolio.budget import Budget
from portfolio.dimensions import cost_verdict, judge_dimensions
from portfolio.earned_value import EarnedValue
from portfolio.facts import Facts, Override, Source, Work
from portfolio.status import Verdict, declared_colour, goal
from portfolio.tickets import TicketCounts

D = Decimal

TODAY = date(2026, 11, 21)
FINISH = date(2027, 1, 1)
PROJECT = Facts(
    "OIT-1",
    "Permits",
    source=Source("snow", "PRJ1"),
    start_baseline=date(2026, 1, 1),
    finish_baseline=FINISH,
    finish_forecast=FINISH,
)
STATE = load_rules("state_15_25")
ON_BUDGET = Budget(revised_budget=D(100), forecast=D(100), actual=D(10), encumbered=D(0))


def judged(facts: Facts = PROJECT, rules: StatusRules = STATE, **given: Any) -> dict[str, Verdict]:
    known: dict[str, Any] = {
        "budget": ON_BUDGET,
        "budget_gap": None,
        "value": EarnedValue(),
        "tickets": TicketCounts(),
        "original_finish": None,
        "currency": "USD",
    }
    return judge_dimensions(facts, rules, TODAY, **(known | given))


def changed(dimension: str, **limits: Any) -> StatusRules:
    rule = getattr(STATE, dimension).model_copy(update=limits)
    return STATE.model_copy(update={dimension: rule})


@pytest.mark.parametrize(
    ("words", "colour"),
    [
        (("g", "Green", "ON TRACK"), "green"),
        (("a", "amber", "Y", "yellow", "At risk"), "amber"),
        (("r", "RED", " off track "), "red"),
    ],
)
def test_the_words_that_managers_use_for_the_three_colours(words: tuple[str, ...], colour: str) -> None:
    assert {declared_colour(word) for word in words} == {colour}


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (-2, "2 days before the baseline"),
        (-1, "1 day before the baseline"),
        (0, "the same day as the baseline"),
        (1, "1 day after the baseline"),
    ],
)
def test_a_finish_is_told_by_its_distance_from_the_baseline(late: int, words: str) -> None:
    facts = replace(PROJECT, finish_forecast=FINISH + timedelta(days=late))
    assert words in judged(facts)["schedule"].because


@pytest.mark.parametrize(
    ("forecast", "words"),
    [(99, " is 1% under the revised"), (100, " is 0% under the revised"), (101, " is 1% over the revised")],
)
def test_a_forecast_is_told_by_its_distance_from_the_budget(forecast: int, words: str) -> None:
    assert words in judged(budget=replace(ON_BUDGET, forecast=D(forecast)))["cost"].because


@pytest.mark.parametrize(("revised", "value"), [("0", "unknown"), ("0.01", "green"), ("1", "green")])
def test_the_smallest_budget_is_a_budget(revised: str, value: str) -> None:
    budget = Budget(revised_budget=D(revised), forecast=D(revised), actual=D(0))
    assert cost_verdict(STATE.cost, budget, "USD").value == value


@pytest.mark.parametrize(
    ("dimension", "rules", "turn_green"),
    [
        ("schedule", STATE, "Finish by 2027-02-24."),  # 54 of 365 days are 14.8 %, 55 are 15.1 %
        ("schedule", changed("schedule", hysteresis=D("0.05")), "Finish by 2027-02-06."),
        ("cost", STATE, "Lower the forecast by USD 15.00, or have the budget revised."),
        ("scope", STATE, "Have no more than 15 work items added in 30 days, or have the change approved."),
        ("quality", STATE, "Have no more than 15 breached tickets among 100 with a clock."),
        (
            "scope",
            changed("scope", hysteresis=D("0.2")),
            "Have no more than 0 work items added in 30 days, or have the change approved.",
        ),
        (
            "quality",
            changed("quality", hysteresis=D("0.2")),
            "Have no more than 0 breached tickets among 100 with a clock.",
        ),
    ],
)
def test_what_is_not_green_says_what_turns_it_green(
    dimension: str, rules: StatusRules, turn_green: str
) -> None:
    facts = replace(PROJECT, finish_forecast=FINISH + timedelta(days=120), work=Work(todo=130, added_30d=30))
    found = judged(
        facts,
        rules,
        budget=replace(ON_BUDGET, forecast=D(130)),
        tickets=TicketCounts(open=100, breached=30, clocked=100),
    )
    assert (found[dimension].value, found[dimension].turn_green) == ("red", turn_green)
    calm = judged(
        replace(PROJECT, work=Work(todo=100)), rules, tickets=TicketCounts(open=100, breached=0, clocked=100)
    )
    assert (calm[dimension].value, calm[dimension].turn_green) == ("green", None)


def test_overall_is_turned_green_by_what_turns_its_causes_green_and_names_them() -> None:
    facts = replace(PROJECT, finish_forecast=FINISH + timedelta(days=120))
    late_and_dear = judged(facts, budget=replace(ON_BUDGET, forecast=D(130)))["overall"]
    assert late_and_dear.turn_green == (
        "Finish by 2027-02-24. Lower the forecast by USD 15.00, or have the budget revised."
    )
    assert judged()["overall"].because == "No dimension is amber or red; green: schedule, cost."
    share = load_rules({"overall": "percent_green"})
    assert judged(facts, share)["overall"].because == "1 of 2 known dimensions are green."
    nothing_to_do = replace(PROJECT, overrides=(Override("cost", "red", "Audit.", "Ana", TODAY),))
    assert judged(nothing_to_do)["overall"].turn_green is None


@pytest.mark.parametrize(
    ("earlier", "value", "turn_green"),
    [
        # The first baseline took 365 - earlier days; 15 % of these is the limit.
        (47, "green", None),
        (48, "approved_change", "Finish by 2026-12-31, within the limit of the original baseline."),
        (100, "approved_change", "Finish by 2026-11-01, within the limit of the original baseline."),
    ],
)
def test_a_change_is_green_again_within_the_limit_of_the_original_baseline(
    earlier: int, value: str, turn_green: str | None
) -> None:
    found = judged(original_finish=FINISH - timedelta(days=earlier))["schedule"]
    assert (found.value, found.turn_green) == (value, turn_green)


@pytest.mark.parametrize(
    ("spent", "value", "turn_green"),
    [
        (115, "unknown", None),
        (116, "amber", "Have the budget revised, and a forecast of the year's end within 15% of it."),
    ],
)
def test_spending_alone_proves_only_what_is_over(spent: int, value: str, turn_green: str | None) -> None:
    budget = Budget(revised_budget=D(100), actual=D(spent), encumbered=D(0))
    found = cost_verdict(STATE.cost, budget, "USD")
    assert (found.value, found.turn_green) == (value, turn_green)


@pytest.mark.parametrize(
    ("value", "because"),
    [
        (EarnedValue(reasons={"cpi": "no baseline"}), "CPI cannot be computed: no baseline."),
        (EarnedValue(), "CPI cannot be computed: unknown."),
    ],
)
def test_an_index_that_is_unknown_says_why(value: EarnedValue, because: str) -> None:
    assert judged(rules=load_rules("evm_95_85"), value=value)["cost"].because == because


def test_a_rule_without_limits_is_refused_where_limits_are_needed() -> None:
    with pytest.raises(ValueError, match="worst_of@1 has no limits for worst_of"):
        goal(load_rules("worst_of").overall)


@pytest.mark.parametrize(
    ("green", "amber", "cpi", "because", "turn_green"),
    [
        ("0.95", "0.85", "0.95", "CPI is 0.950; green from 0.95, amber from 0.85, red below.", None),
        ("0.95", "0.85", "0.9", "CPI is 0.900; green from 0.95, amber from 0.85, red below.", "Bring CPI to 0.95."),
        ("0.95", "0.95", "0.9", "CPI is 0.900; green from 0.95, red below.", "Bring CPI to 0.95."),
    ],
)  # fmt: skip
def test_an_index_names_its_limits(
    green: str, amber: str, cpi: str, because: str, turn_green: str | None
) -> None:
    rules = changed("cost", measure="cpi", green=D(green), amber=D(amber))
    found = judged(rules=rules, value=EarnedValue(cpi=D(cpi)))["cost"]
    assert (found.because, found.turn_green) == (because, turn_green)


@pytest.mark.parametrize(
    ("measure", "aim"), [("cpi", "0.97"), ("spi_t", "0.97"), ("percent_green", "0.97"), ("variance_share", "0.93")]
)  # fmt: skip
def test_the_hysteresis_lies_on_the_better_side_of_the_limit_to_reach(measure: str, aim: str) -> None:
    rule = STATE.cost.model_copy(update={"measure": measure, "green": D("0.95"), "hysteresis": D("0.02")})
    assert goal(rule) == D(aim)


@pytest.mark.parametrize(
    ("word", "value"),
    [("amber", "amber"), ("approved_change", "approved_change"), ("unknown", "unknown"), ("mauve", "green")],
)
def test_an_override_sets_a_colour_or_unknown_and_no_other_word(word: str, value: str) -> None:
    found = judged(replace(PROJECT, overrides=(Override("cost", word, "Audit.", "Ana", TODAY),)))["cost"]
    assert (found.value, found.computed) == (value, "green")


@pytest.mark.parametrize(("counted", "value"), [(0, "unknown"), (1, "green"), (2, "green")])
def test_where_no_fewest_is_declared_one_counted_thing_is_enough(counted: int, value: str) -> None:
    rules = changed("scope", minimum=0)
    rules = rules.model_copy(update={"quality": STATE.quality.model_copy(update={"minimum": 0})})
    found = judged(
        replace(PROJECT, work=Work(todo=counted)),
        rules,
        tickets=TicketCounts(open=counted, breached=0, clocked=counted),
    )
    assert (found["scope"].value, found["quality"].value) == (value, value)
