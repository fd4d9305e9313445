"""Colours: each limit and one minor unit past it, unknown never green, overall, overrides, declared."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.presets import Rule, load_rules
from portfolio.budget import Budget
from portfolio.dimensions import cost_verdict, judge_dimensions
from portfolio.earned_value import EarnedValue
from portfolio.facts import Facts, Override, Source, StatusReport, Work
from portfolio.status import RANK, Ratio, Verdict, colour, declared_better, declared_colour, gap, overall
from portfolio.tickets import TicketCounts

D = Decimal

TODAY = date(2026, 11, 21)
START = date(2026, 1, 1)
FINISH = date(2028, 9, 27)  # 1,000 days later
STATE = load_rules("state_15_25")
GREEN_BUDGET = Budget(revised_budget=D(100), forecast=D(100), actual=D(10), encumbered=D(0))


def judged(
    facts: Facts | None = None,
    rules: Any = STATE,
    budget: Budget = GREEN_BUDGET,
    gap: str | None = None,
    value: EarnedValue | None = None,
    tickets: TicketCounts | None = None,
    original_finish: date | None = None,
) -> dict[str, Verdict]:
    return judge_dimensions(
        facts or project(),
        rules,
        TODAY,
        budget=budget,
        budget_gap=gap,
        value=value or EarnedValue(),
        tickets=tickets or TicketCounts(),
        original_finish=original_finish,
        currency="USD",
    )


def project(**values: Any) -> Facts:
    dates = {"start_baseline": START, "finish_baseline": FINISH, "finish_forecast": FINISH}
    return Facts("OIT-1", "Permits", source=Source("snow", "PRJ1"), **(dates | values))


def late(days: int) -> Facts:
    return project(finish_forecast=date.fromordinal(FINISH.toordinal() + days))


@pytest.mark.parametrize(
    ("preset", "days", "wanted"),
    [
        ("state_15_25", 0, "green"),
        ("state_15_25", -400, "green"),
        ("state_15_25", 149, "green"),
        ("state_15_25", 150, "green"),
        ("state_15_25", 151, "amber"),
        ("state_15_25", 250, "amber"),
        ("state_15_25", 251, "red"),
        ("federal_10_30", 100, "green"),
        ("federal_10_30", 101, "amber"),
        ("federal_10_30", 300, "amber"),
        ("federal_10_30", 301, "red"),
        ("california_10", 100, "green"),
        ("california_10", 101, "red"),
        ("strict_5", 50, "green"),
        ("strict_5", 51, "red"),
    ],
)
def test_schedule_limits(preset: str, days: int, wanted: str) -> None:
    assert judged(late(days), load_rules(preset))["schedule"].value == wanted


@pytest.mark.parametrize(
    ("preset", "forecast", "wanted"),
    [
        ("state_15_25", "115000.00", "green"),
        ("state_15_25", "115000.01", "amber"),
        ("state_15_25", "125000.00", "amber"),
        ("state_15_25", "125000.01", "red"),
        ("state_15_25", "10000.00", "green"),
        ("federal_10_30", "110000.00", "green"),
        ("federal_10_30", "110000.01", "amber"),
        ("federal_10_30", "130000.00", "amber"),
        ("federal_10_30", "130000.01", "red"),
        ("california_10", "110000.00", "green"),
        ("california_10", "110000.01", "red"),
        ("strict_5", "105000.00", "green"),
        ("strict_5", "105000.01", "red"),
    ],
)
def test_cost_limits(preset: str, forecast: str, wanted: str) -> None:
    budget = Budget(revised_budget=D(100_000), forecast=D(forecast), actual=D(1))
    assert judged(rules=load_rules(preset), budget=budget)["cost"].value == wanted


@pytest.mark.parametrize(
    ("index", "wanted"),
    [("1.2", "green"), ("0.95", "green"), ("0.949999", "amber"), ("0.85", "amber"), ("0.849999", "red")],
)
def test_index_limits(index: str, wanted: str) -> None:
    verdicts = judged(
        rules=load_rules("evm_95_85"), value=EarnedValue(cpi=D(index), spi_t=D(index), spi=D(1))
    )
    assert (verdicts["cost"].value, verdicts["schedule"].value) == (wanted, wanted)


@pytest.mark.parametrize(
    ("added", "wanted"), [(0, "green"), (15, "green"), (16, "amber"), (25, "amber"), (26, "red")]
)
def test_scope_limits(added: int, wanted: str) -> None:
    work = Work(todo=50 + added, in_progress=20, done=30, cancelled=7, added_30d=added)
    assert judged(project(work=work))["scope"].value == wanted


@pytest.mark.parametrize(("before", "wanted"), [(19, "unknown"), (20, "red")])
def test_scope_says_nothing_of_few_items(before: int, wanted: str) -> None:
    assert judged(project(work=Work(todo=before + 30, added_30d=30)))["scope"].value == wanted


@pytest.mark.parametrize(
    ("breached", "clocked", "wanted"),
    [
        (15, 100, "green"),
        (16, 100, "amber"),
        (25, 100, "amber"),
        (26, 100, "red"),
        (19, 19, "unknown"),
        (20, 20, "red"),
    ],
)
def test_quality_limits(breached: int, clocked: int, wanted: str) -> None:
    counts = TicketCounts(open=clocked, breached=breached, clocked=clocked)
    assert judged(tickets=counts)["quality"].value == wanted


def test_how_many_tickets_are_too_few_is_told_of_one_as_of_several() -> None:
    found = judged(tickets=TicketCounts(open=1, clocked=1))["quality"]
    assert (found.value, found.because) == (
        "unknown",
        "Too few open tickets have a clock to measure quality by: 1.",
    )


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        (project(finish_baseline=None), "no schedule baseline"),
        (project(start_baseline=None), "no schedule baseline"),
        (project(finish_forecast=None), "no forecast finish"),
        (project(start_baseline=FINISH), "not after"),
    ],
)
def test_schedule_is_unknown_without_its_dates(facts: Facts, because: str) -> None:
    found = judged(facts)["schedule"]
    assert found.value == "unknown"
    assert because in found.because


def test_an_actual_finish_counts_instead_of_the_forecast() -> None:
    found = judged(project(finish_actual=date.fromordinal(FINISH.toordinal() + 251)))["schedule"]
    assert found.value == "red"
    assert "The finish was 2029-06-05, 251 days after" in found.because


@pytest.mark.parametrize(
    ("amounts", "wanted", "because"),
    [
        ({"forecast": 100}, "unknown", "The revised budget is unknown"),
        ({"revised_budget": 0, "forecast": 10, "actual": 10}, "unknown", "undefined"),
        ({"revised_budget": 100, "forecast": 100}, "unknown", "No actual cost is known"),
        ({"revised_budget": 100, "forecast": 130}, "red", "30% over"),
        ({"revised_budget": 100, "actual": 10, "encumbered": 20}, "unknown", "no forecast"),
        ({"revised_budget": 100, "actual": 10}, "unknown", "no forecast"),
        ({"revised_budget": 100, "actual": 90, "encumbered": 25}, "unknown", "no forecast"),
        ({"revised_budget": 100, "actual": 90, "encumbered": 26}, "amber", "spent or encumbered already"),
        ({"revised_budget": 100, "actual": 90, "encumbered": 36}, "red", "spent or encumbered already"),
    ],
)
def test_cost_that_is_not_proved_is_unknown(amounts: dict[str, int], wanted: str, because: str) -> None:
    budget = Budget(**{name: D(value) for name, value in amounts.items()})
    found = cost_verdict(STATE.cost, budget, "USD")
    assert found.value == wanted
    assert because in found.because


def test_a_gap_in_the_budget_makes_cost_unknown() -> None:
    found = judged(gap="There is no budget line for fiscal year 2027.")["cost"]
    assert (found.value, found.because) == ("unknown", "There is no budget line for fiscal year 2027.")


@pytest.mark.parametrize(
    ("entity", "dimension"),
    [("project", "schedule"), ("budget_line", "cost"), ("work_item", "scope"), ("ticket", "quality")],
)
def test_a_stale_source_makes_its_dimension_unknown(entity: str, dimension: str) -> None:
    work = Work(todo=100)
    counts = TicketCounts(open=100, clocked=100)
    assert judged(project(work=work), tickets=counts)[dimension].value == "green"
    found = judged(project(work=work, stale={entity: ("snow",)}), tickets=counts)[dimension]
    assert found.value == "unknown"
    assert "snow" in found.because


def test_a_verdict_explains_itself() -> None:
    found = judged(late(151))["schedule"]
    assert found.rule == "state_15_25@1"
    assert found.because == (
        "The finish is forecast for 2029-02-25, 151 days after the baseline finish 2028-09-27, which is "
        "15.1% of the baseline's 1000 days; green up to 15%, amber up to 25%, red above."
    )
    assert found.threshold == {"measure": "variance_share", "green": D("0.15"), "amber": D("0.25")}
    assert found.inputs["variance_days"] == 151
    assert found.turn_green == "Finish by 2029-02-24."
    assert found.sources == (Source("snow", "PRJ1"),)


def test_a_share_just_past_its_limit_never_reads_as_the_limit() -> None:
    budget = Budget(revised_budget=D(100_000), forecast=D("115000.01"), actual=D(1))
    found = cost_verdict(STATE.cost, budget, "USD")
    assert "15.01% over the revised budget USD 100,000.00" in found.because
    assert found.turn_green == "Lower the forecast by USD 0.01, or have the budget revised."


def test_a_rebaseline_that_took_the_red_away_is_an_approved_change() -> None:
    original = date.fromordinal(FINISH.toordinal() - 300)
    found = judged(original_finish=original)
    assert found["schedule"].value == "approved_change"
    assert "original baseline finish" in found["schedule"].because
    assert found["overall"].value == "amber"
    assert judged(late(151), original_finish=original)["schedule"].value == "amber"
    near = date.fromordinal(FINISH.toordinal() - 100)
    assert judged(original_finish=near)["schedule"].value == "green"


def verdicts(**colours: Any) -> dict[str, Verdict]:
    return {
        name: Verdict(colours.get(name, "unknown"), colours.get(name, "unknown"), "r@1", f"{name} reason.")
        for name in ("schedule", "cost", "scope", "quality")
    }


@pytest.mark.parametrize(
    ("colours", "wanted"),
    [
        ({"schedule": "green", "cost": "green"}, "green"),
        ({"schedule": "green", "cost": "green", "scope": "amber"}, "amber"),
        ({"schedule": "green", "cost": "amber", "quality": "red"}, "red"),
        ({"schedule": "green", "cost": "approved_change"}, "amber"),
        ({"schedule": "approved_change", "cost": "red"}, "red"),
        ({"schedule": "unknown", "cost": "amber"}, "amber"),
        ({"schedule": "red", "cost": "unknown"}, "red"),
        ({"schedule": "unknown", "cost": "green", "scope": "green", "quality": "green"}, "unknown"),
        ({"schedule": "green", "cost": "unknown", "scope": "green", "quality": "green"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_overall_is_the_worst_known(colours: dict[str, str], wanted: str) -> None:
    assert overall(verdicts(**colours), STATE.overall).value == wanted


@pytest.mark.parametrize(
    ("colours", "wanted"),
    [
        ({"schedule": "green", "cost": "green"}, "green"),
        ({"schedule": "green", "cost": "green", "scope": "green", "quality": "amber"}, "red"),
        ({"schedule": "unknown", "cost": "green"}, "unknown"),
        ({"schedule": "green", "cost": "approved_change"}, "red"),
    ],
)
def test_overall_by_share_of_green(colours: dict[str, str], wanted: str) -> None:
    assert overall(verdicts(**colours), load_rules("percent_green").overall).value == wanted


@pytest.mark.parametrize(
    ("share", "wanted"), [("0.9", "green"), ("0.8999", "amber"), ("0.8", "amber"), ("0.7999", "red")]
)
def test_percent_green_limits(share: str, wanted: str) -> None:
    assert colour(Ratio(D(share), D(1)), load_rules("percent_green").overall) == wanted


def override(
    value: str, until: date, dimension: str = "schedule", why: str = "The vendor confirmed."
) -> Override:
    return Override(dimension, value, why, "Ana", until)


@pytest.mark.parametrize("why", ["The vendor confirmed", "The vendor confirmed."])
def test_the_reason_of_an_override_ends_before_what_was_computed(why: str) -> None:
    found = judged(project(overrides=(override("amber", TODAY, why=why),)))["schedule"]
    assert "2026-11-21: The vendor confirmed. Computed: The finish" in found.because


def test_an_override_stands_through_its_last_day_beside_the_computed_value() -> None:
    red = late(251)
    standing = judged(project(finish_forecast=red.finish_forecast, overrides=(override("green", TODAY),)))
    assert (standing["schedule"].value, standing["schedule"].computed) == ("green", "red")
    assert "Ana set green until 2026-11-21: The vendor confirmed." in standing["schedule"].because
    assert standing["overall"].value == "green"
    gone = date(2026, 11, 20)
    expired = judged(project(finish_forecast=red.finish_forecast, overrides=(override("green", gone),)))
    assert (expired["schedule"].value, expired["overall"].value) == ("red", "red")


def test_of_two_standing_overrides_the_later_counts() -> None:
    both = (override("green", TODAY), override("amber", TODAY))
    assert judged(project(overrides=both))["schedule"].value == "amber"


def test_overall_can_be_overridden() -> None:
    found = judged(project(overrides=(override("amber", TODAY, "overall"),)))["overall"]
    assert (found.value, found.computed) == ("amber", "green")


def test_declared_stands_beside_computed() -> None:
    report = StatusReport(TODAY, "Ana", None, "Yellow", "G", None, None, None)
    found = judged(project(report=report, declared_status="on track"))
    assert (found["schedule"].declared, found["cost"].declared) == ("amber", "green")
    assert found["overall"].declared == "green"
    assert found["scope"].declared is None


@pytest.mark.parametrize(
    ("word", "wanted"), [("RED", "red"), (" ", None), (None, None), ("Paused", "paused")]
)
def test_declared_words(word: str | None, wanted: str | None) -> None:
    assert declared_colour(word) == wanted


def test_rules_can_differ_per_dimension() -> None:
    rules = load_rules(
        {"schedule": "strict_5", "cost": {"measure": "variance_share", "green": "0", "amber": "0"}}
    )
    found = judged(late(51), rules)
    assert (found["schedule"].value, found["schedule"].rule) == ("red", "strict_5@1")
    assert (found["cost"].value, found["cost"].rule) == ("green", "own@1")


shares = st.decimals(min_value=-2, max_value=2, places=6)
limits = st.decimals(min_value=0, max_value=1, places=3)


@given(low=shares, high=shares, green=limits, amber=limits)
def test_a_larger_variance_is_never_a_better_colour(low: D, high: D, green: D, amber: D) -> None:
    green, amber = sorted((green, amber))
    rule = Rule(preset="own", version=1, measure="variance_share", green=green, amber=amber)
    low, high = sorted((low, high))
    assert RANK[colour(Ratio(low, D(1)), rule)] <= RANK[colour(Ratio(high, D(1)), rule)]


@given(low=shares, high=shares, green=limits, amber=limits)
def test_a_larger_index_is_never_a_worse_colour(low: D, high: D, green: D, amber: D) -> None:
    amber, green = sorted((green, amber))
    rule = Rule(preset="own", version=1, measure="cpi", green=green, amber=amber)
    low, high = sorted((low, high))
    assert RANK[colour(Ratio(low, D(1)), rule)] >= RANK[colour(Ratio(high, D(1)), rule)]


@given(
    st.lists(st.sampled_from(["green", "amber", "red", "approved_change", "unknown"]), min_size=4, max_size=4)
)
def test_overall_is_green_only_if_nothing_is_worse_and_the_two_that_matter_are_known(
    values: list[str],
) -> None:
    named = dict(zip(("schedule", "cost", "scope", "quality"), values, strict=True))
    found = overall(verdicts(**named), STATE.overall).value
    nothing_worse = all(value in ("green", "unknown") for value in values)
    assert (found == "green") == (nothing_worse and values[0] == values[1] == "green")


@pytest.mark.parametrize(
    ("said", "computed", "better"),
    [
        ("green", "red", True),
        ("green", "amber", True),
        ("amber", "red", True),
        ("amber", "amber", False),
        ("red", "amber", False),
        ("green", "approved_change", False),
        ("green", "unknown", False),
        ("on fire", "red", False),
        (None, "red", False),
    ],
)
def test_a_declared_colour_is_better_than_the_computed_one(
    said: str | None, computed: str, *, better: bool
) -> None:
    assert declared_better(said, computed) is better


BAND = STATE.schedule.model_copy(update={"hysteresis": D("0.02")})
INDEX_BAND = load_rules("evm_95_85").cost.model_copy(update={"hysteresis": D("0.02")})


@pytest.mark.parametrize(
    ("share", "previous", "wanted"),
    [
        ("0.15", None, "green"),
        ("0.15", "green", "green"),
        ("0.15", "unknown", "green"),
        ("0.15", "amber", "amber"),
        ("0.1300001", "amber", "amber"),
        ("0.13", "amber", "green"),
        ("0.1500001", "green", "amber"),
        ("0.25", "red", "red"),
        ("0.2300001", "red", "red"),
        ("0.23", "red", "amber"),
        ("0.14", "red", "amber"),
        ("0.13", "red", "green"),
        ("0.25", "amber", "amber"),
        ("0.2500001", "amber", "red"),
        ("0.15", "approved_change", "amber"),
    ],
)
def test_a_colour_gets_better_only_past_the_hysteresis_and_worse_at_once(
    share: str, previous: str | None, wanted: str
) -> None:
    assert colour(Ratio(D(share), D(1)), BAND, previous) == wanted


@pytest.mark.parametrize(
    ("value", "previous", "wanted"),
    [
        ("0.95", "amber", "amber"),
        ("0.97", "amber", "green"),
        ("0.96", "red", "amber"),
        ("0.86", "red", "red"),
        ("0.87", "red", "amber"),
        ("0.949", "green", "amber"),
    ],
)
def test_the_hysteresis_of_an_index_lies_above_its_limits(value: str, previous: str, wanted: str) -> None:
    assert colour(Ratio(D(value), D(1)), INDEX_BAND, previous) == wanted


SHARES = st.decimals(-1, 1, places=4)
COLOURS = st.sampled_from((None, "unknown", "green", "amber", "red"))


@given(SHARES, COLOURS)
def test_without_a_hysteresis_what_was_does_not_matter(share: D, previous: str | None) -> None:
    ratio = Ratio(share, D(1))
    assert colour(ratio, STATE.cost, previous) == colour(ratio, STATE.cost)


@given(SHARES, COLOURS, st.decimals(0, "0.2", places=3))
def test_a_hysteresis_never_makes_better_settles_at_once_and_ends_with_the_plain_colour(
    share: D, previous: str | None, band: D
) -> None:
    rule = STATE.cost.model_copy(update={"hysteresis": band})
    ratio = Ratio(share, D(1))
    found, plain = colour(ratio, rule, previous), colour(ratio, rule)
    assert RANK[found] >= RANK[plain]
    assert RANK[found] <= max(RANK[plain], RANK.get(previous or "", 0))
    assert colour(ratio, rule, found) == found, "judging again changes nothing"


@given(SHARES, SHARES, COLOURS)
def test_with_the_same_past_a_smaller_variance_is_never_worse(one: D, other: D, previous: str | None) -> None:
    low, high = sorted((one, other))
    ranks = [RANK[colour(Ratio(each, D(1)), BAND, previous)] for each in (low, high)]
    assert ranks[0] <= ranks[1]


def test_a_held_colour_says_so_and_what_turns_it_green() -> None:
    rules = STATE.model_copy(update={"schedule": BAND})
    found = judge_dimensions(
        late(140),
        rules,
        TODAY,
        budget=GREEN_BUDGET,
        budget_gap=None,
        value=EarnedValue(),
        tickets=TicketCounts(),
        original_finish=None,
        currency="USD",
        previous={"schedule": "amber"},
    )["schedule"]
    assert found.value == "amber"
    assert found.because.endswith(" It would be green, and stays amber until it is 0.02 inside the limit.")
    assert found.threshold["hysteresis"] == D("0.02")
    assert found.turn_green == "Finish by 2029-02-04.", "130 days late is 13 %"


def test_a_change_that_was_approved_is_no_colour_to_be_held() -> None:
    rules = STATE.model_copy(update={"schedule": BAND})
    given_ = {"budget": GREEN_BUDGET, "budget_gap": None, "value": EarnedValue(), "tickets": TicketCounts()}
    found = judge_dimensions(
        late(140), rules, TODAY, original_finish=None, currency="USD", previous={"schedule": "approved_change"},
        **given_,  # type: ignore[arg-type]
    )["schedule"]  # fmt: skip
    assert found.value == "green"


@pytest.mark.parametrize("dimension", ["cost", "scope", "quality", "overall"])
def test_every_dimension_keeps_what_it_was_within_its_band(dimension: str) -> None:
    rule = getattr(STATE, dimension)
    if dimension == "overall":
        rule = load_rules("percent_green").overall
    banded = rule.model_copy(update={"hysteresis": D("0.05")})
    rules = STATE.model_copy(update={dimension: banded})
    facts = project(work=Work(todo=114, added_30d=14))
    found = {
        was: judge_dimensions(
            facts,
            rules,
            TODAY,
            budget=Budget(revised_budget=D(100), forecast=D(114), actual=D(10), encumbered=D(0)),
            budget_gap=None,
            value=EarnedValue(),
            tickets=TicketCounts(open=100, breached=14, clocked=100),
            original_finish=None,
            currency="USD",
            previous={dimension: was},
        )[dimension].value
        for was in ("green", "red")
    }
    if dimension == "overall":
        assert found == {"green": "green", "red": "green"}, "four of four are green"
    else:
        assert found == {"green": "green", "red": "amber"}


def test_worst_of_takes_no_hysteresis() -> None:
    with pytest.raises(ValueError, match="declare it on the dimensions"):
        Rule(preset="own", version=1, measure="worst_of", hysteresis=D("0.1"))


@pytest.mark.parametrize(
    ("declared", "computed", "steps"),
    [
        ("green", "red", 2),
        ("green", "amber", 1),
        ("amber", "red", 1),
        ("approved_change", "red", 1),
        ("red", "amber", 0),
        ("green", "green", 0),
        ("green", "approved_change", 0),
        ("green", "unknown", 0),
        (None, "red", 0),
        ("fine", "red", 0),
    ],
)
def test_the_gap_counts_colours(declared: str | None, computed: str, steps: int) -> None:
    assert gap(declared, computed) == steps
