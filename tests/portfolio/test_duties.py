"""Obligations open once per crossing with clock and owner; the effect of actions is checked against how the figure stood."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.presets import Obligation
from config.settings import Portfolio
from portfolio.duties import Opening, Review, effect, measured, review, standing_action
from portfolio.duties import duties as duties_of
from portfolio.facts import Action, Facts, Measured, Money
from portfolio.judge import Judgement, Policy, judge
from portfolio.measuring import cost_of
from portfolio.status import Verdict

D = Decimal

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = NOW.date()
REPORT = "Special Project Report"


def policy(**more: Any) -> Policy:
    return Policy.of(Portfolio.model_validate({"status_rules": "california_10", **more}))


def facts(forecast: int | None, late: int | None = 0, actions: tuple[Action, ...] = ()) -> Facts:
    amounts = (D(1000), D(1000), D(0), D(0), D(300), None if forecast is None else D(forecast))
    finish = date(2027, 1, 1)  # 1,000 days after the start
    return Facts(
        "K",
        "N",
        state="active",
        manager="Mara",
        sponsor="Sam",
        start_baseline=finish - timedelta(days=1000),
        finish_baseline=finish,
        finish_forecast=None if late is None else finish + timedelta(days=late),
        money=(Money("1", None, None, None, 2027, None, "USD", *amounts),),
        actions=actions,
    )


def judged(given: Facts, rules: Policy | None = None) -> Judgement:
    return judge(given, now=NOW, policy=rules or policy())


def kept(opening: Opening, number: int = 1, **values: Any) -> Action:
    action = Action(
        id=number,
        type="obligation",
        title=opening.title,
        owner=opening.owner,
        due_on=opening.due_on,
        opened_at=NOW,
        because=opening.because,
        cause=opening.cause,
        dimension=opening.dimension,
        before=opening.before,
    )
    return replace(action, **values)


def opened(given: Facts, rules: Policy | None = None) -> Opening:
    (only,) = judged(given, rules).review.open
    return only


def test_a_crossing_opens_one_action_with_clock_owner_source_and_how_it_stood() -> None:
    found = opened(facts(1100))
    assert (found.title, found.cause, found.owner, found.dimension) == (REPORT, REPORT, "Mara", "cost")
    assert found.due_on == date(2026, 12, 21)
    assert found.because == "The cost variance is 10%; the duty begins at 10%. Source: SAM 4819.36."
    assert found.before == Measured("variance_share", D("0.1"), "green")


def test_two_figures_that_reach_one_duty_open_one_action() -> None:
    found = opened(facts(1200, late=150))
    assert found.dimension == "schedule"
    assert "The schedule variance is 15%" in found.because
    assert "The cost variance is 20%" in found.because


@pytest.mark.parametrize(("owner", "wanted"), [("manager", "Mara"), ("sponsor", "Sam"), ("Bo", "Bo")])
def test_a_duty_of_ones_own_names_its_owner(owner: str, wanted: str) -> None:
    own = {"dimension": "cost", "at_least": "0.25", "duty": "Tell", "source": "Policy 4", "owner": owner}
    rules = policy(status_rules="state_15_25", obligations=[own])
    assert opened(facts(1250), rules).owner == wanted
    assert opened(facts(1250), rules).due_on is None
    assert judged(facts(1249), rules).review == Review()


def test_an_opened_duty_is_never_opened_twice_not_even_when_it_is_closed() -> None:
    first = kept(opened(facts(1100)))
    assert judged(facts(1150, actions=(first,))).review == Review()
    closed = replace(first, closed_at=NOW)
    assert judged(facts(1150, actions=(closed,))).review == Review()


def test_a_figure_that_comes_back_is_marked_and_a_new_crossing_opens_anew() -> None:
    first = kept(opened(facts(1100)))
    assert judged(facts(1050, actions=(first,))).review == Review(recovered=(1,))
    marked = replace(first, recovered_on=TODAY)
    assert judged(facts(1050, actions=(marked,))).review == Review()
    assert len(judged(facts(1100, actions=(marked,))).review.open) == 1


def test_an_unknown_figure_neither_opens_nor_recovers() -> None:
    first = kept(opened(facts(1100)))
    assert judged(facts(None, late=None)).review == Review()
    assert judged(facts(None, late=None, actions=(first,))).review == Review()
    assert judged(facts(1000, late=None, actions=(first,))).review == Review()


def test_an_ended_project_opens_nothing() -> None:
    assert judged(replace(facts(2000), state="completed")).review == Review()


def exception_of(given: Facts, kind: str, now: datetime = NOW) -> dict[str, Any]:
    (found,) = [each for each in judge(given, now=now, policy=policy()).exceptions if each["kind"] == kind]
    return found


def test_the_exception_carries_the_clock_and_goes_when_the_duty_is_done() -> None:
    bare = exception_of(facts(1100), "obligation")
    assert bare["text"] == f"{REPORT} is due."
    first = kept(opened(facts(1100)))
    shown = exception_of(facts(1100, actions=(first,)), "obligation")
    assert shown["text"] == f"{REPORT} is due on 2026-12-21."
    assert shown["because"].startswith("Owner: Mara. The cost variance is 10%")
    assert shown["since"] == "2026-11-21"
    on_the_day = exception_of(facts(1100, actions=(first,)), "obligation", NOW + timedelta(days=30))
    assert on_the_day["kind"] == "obligation"
    late = exception_of(facts(1100, actions=(first,)), "overdue_obligation", NOW + timedelta(days=31))
    assert (late["text"], late["since"]) == (f"{REPORT} was due on 2026-12-21.", "2026-12-21")
    done = judged(facts(1100, actions=(replace(first, closed_at=NOW),)))
    assert "obligation" not in {each["kind"] for each in done.exceptions}


def test_the_document_joins_the_duty_with_its_action() -> None:
    first = kept(opened(facts(1100)))
    (shown,) = judged(facts(1100, actions=(first,))).document["obligations"]
    assert (shown["action"], shown["owner"], shown["due_on"], shown["state"]) == (
        1,
        "Mara",
        "2026-12-21",
        "open",
    )
    (bare,) = judged(facts(1100)).document["obligations"]
    assert (bare["action"], bare["due_on"], bare["state"]) == (None, None, None)
    assert judged(facts(1099)).document["obligations"] == []


def mending(before: Measured | None, **values: Any) -> Action:
    action = Action(7, "corrective_action", "Renegotiate", "Bo", None, NOW, dimension="cost", before=before)
    return replace(action, **values)


@pytest.mark.parametrize(
    ("before", "forecast", "word", "sentence"),
    [
        (D("0.3"), 1100, "recovered", "Cost was red at 30% and is green at 10% now."),
        (D("0.3"), 1299, "improved", "Cost was red at 30% and is red at 29.9% now."),
        (D("0.3"), 1300, "no effect", "Cost was red at 30% and is red at 30% now."),
        (D("0.3"), 1400, "no effect", "Cost was red at 30% and is red at 40% now."),
        (D("0.3"), None, "unknown", "Cost was red at 30% and is unknown now."),
        (None, 1300, "unknown", "Cost was red and is red at 30% now. The two cannot be compared."),
    ],
)
def test_the_effect_of_an_action_is_how_its_figure_moved(
    before: D | None, forecast: int | None, word: str, sentence: str
) -> None:
    action = mending(Measured("variance_share", before, "red"))
    (shown,) = judged(facts(forecast, actions=(action,))).document["actions"]
    assert (shown["effect"], shown["effect_because"]) == (word, sentence)


def test_an_index_improves_upwards() -> None:
    rules = policy(status_rules={"cost": "evm_95_85"})
    action = mending(Measured("cpi", D("0.7"), "red"))
    verdict = judged(facts(1000), rules).document["status"]["cost"]
    assert verdict["value"] == "unknown"
    (shown,) = judged(facts(1000, actions=(action,)), rules).document["actions"]
    assert shown["effect_because"] == "Cost was red at 0.700 and is unknown now."


@pytest.mark.parametrize(("days", "told"), [(29, 0), (30, 1)])
def test_a_closed_action_without_effect_is_told_after_a_while(days: int, *, told: int) -> None:
    action = mending(Measured("variance_share", D("0.3"), "red"), closed_at=NOW, outcome="Signed")
    found = judge(facts(1300, actions=(action,)), now=NOW + timedelta(days=days), policy=policy()).exceptions
    rows = [each for each in found if each["kind"] == "no_effect"]
    assert len(rows) == told
    if told:
        assert rows[0]["text"] == "Renegotiate was closed and had no effect."
        assert rows[0]["because"] == "Cost was red at 30% and is red at 30% now. Outcome: Signed."
        assert rows[0]["since"] == "2026-12-21"


@pytest.mark.parametrize(
    ("measure", "before", "now", "word"),
    [
        ("cpi", "0.70", "0.71", "improved"),
        ("cpi", "0.70", "0.70", "no effect"),
        ("cpi", "0.70", "0.69", "no effect"),
        ("variance_share", "0.30", "0.29", "improved"),
        ("variance_share", "0.30", "0.30", "no effect"),
        ("variance_share", "0.30", "0.31", "no effect"),
    ],
)
def test_an_index_improves_upwards_and_a_variance_downwards(
    measure: str, before: str, now: str, word: str
) -> None:
    verdict = Verdict("red", "red", "rule", "because", {measure: D(now)}, {"measure": measure})
    found = effect(mending(Measured(measure, D(before), "red")), {"cost": verdict})
    assert found is not None
    assert found[0] == word


def test_a_change_with_approval_is_told_in_words() -> None:
    changed = Verdict(
        "approved_change", "approved_change", "rule", "because", {"cpi": D("0.9")}, {"measure": "cpi"}
    )
    found = effect(mending(Measured("cpi", D("0.7"), "red")), {"cost": changed})
    assert found == ("recovered", "Cost was red at 0.700 and is approved change at 0.900 now.")


@pytest.mark.parametrize(("schedule", "cost", "due"), [(10, 30, 10), (30, 10, 10), (None, 30, 30)])
def test_of_two_clocks_the_shorter_counts(schedule: int | None, cost: int, due: int) -> None:
    own = [
        {"dimension": name, "at_least": "0.1", "duty": "Tell", "source": "Policy 4", "due_days": days}
        for name, days in (("schedule", schedule), ("cost", cost))
    ]
    rules = policy(status_rules="state_15_25", obligations=own)
    assert opened(facts(1200, late=150), rules).due_on == TODAY + timedelta(days=due)


@pytest.mark.parametrize(
    "action",
    [mending(None), mending(Measured("variance_share", D("0.3"), "red"), dimension=None)],
)
def test_an_action_that_does_not_know_how_its_figure_stood_has_no_effect(action: Action) -> None:
    assert judged(facts(1300, actions=(action,))).document["actions"][0]["effect"] is None


def test_an_action_without_a_figure_has_no_effect_to_tell() -> None:
    action = mending(None, dimension=None, closed_at=NOW - timedelta(days=300))
    result = judged(facts(1300, actions=(action,)))
    assert result.document["actions"][0]["effect"] is None
    assert "no_effect" not in {each["kind"] for each in result.exceptions}


def test_how_a_dimension_stands_can_be_read_from_a_document() -> None:
    verdict = judged(facts(1300)).document["status"]["cost"]
    found = measured(verdict["threshold"], verdict["inputs"], verdict["computed"])
    assert found == Measured("variance_share", D("0.3"), "red")


STEPS = st.lists(st.tuples(st.one_of(st.none(), st.integers(500, 1500)), st.booleans()), max_size=12)


@given(STEPS)
def test_however_the_figure_moves_each_crossing_opens_exactly_one_action(
    steps: list[tuple[int | None, bool]],
) -> None:
    rule = Obligation(dimension="cost", at_least=D("0.1"), duty="Tell", source="s")
    rules = policy(status_rules="state_15_25", obligations=[rule])
    actions: list[Action] = []
    crossings, above = 0, False
    for forecast, is_closed in steps:
        now = facts(forecast, actions=tuple(actions))
        verdicts = {"cost": Verdict("red", "red", "rule", "because")}
        wanted = review(now, duties_of(now, rules.rules, cost_of(now, rules, TODAY).budget), verdicts, TODAY)
        if forecast is not None:
            crossings += forecast >= 1100 and not above
            above = forecast >= 1100
        actions = [
            replace(each, recovered_on=TODAY) if each.id in wanted.recovered else each for each in actions
        ]
        actions += [kept(each, len(actions) + 1) for each in wanted.open]
        if actions and is_closed:
            actions[-1] = replace(actions[-1], closed_at=NOW)
        assert len(wanted.open) <= 1
    assert len(actions) == crossings
    assert (standing_action(actions, "Tell") is not None) == above
