"""Obligations that thresholds open, and whether actions had an effect.

A duty whose threshold is reached opens one action with a clock and an owner. It is never opened twice: while the figure has not
come back below the threshold, the action that was opened for it stands, open or closed. Once it has come back the action is
marked recovered, and a new crossing opens a new action. A figure that is unknown neither opens nor recovers anything.

An action that is meant for a figure remembers how that figure stood when it was opened; its effect is how it stands now.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from config.judging import ActionTerms
from config.presets import HIGHER_IS_BETTER, Obligation, StatusRules
from portfolio.budget import Budget
from portfolio.dimensions import cost_ratio, schedule_ratio, stale_reason
from portfolio.facts import Action, Facts, Measured
from portfolio.shown import index, number, percent
from portfolio.status import Ratio, Verdict

SETTLED = ("green", "approved_change")


@dataclass(frozen=True, slots=True)
class Duty:
    """A declared duty beside what the project's figure says: `reached` None where the figure is unknown."""

    rule: Obligation
    reached: bool | None
    because: str


@dataclass(frozen=True, slots=True)
class Opening:
    """An action to open."""

    cause: str
    title: str
    owner: str | None
    due_on: date | None
    because: str
    dimension: str
    before: Measured | None


@dataclass(frozen=True, slots=True)
class Review:
    """What an assessment changes about a project's obligations: actions to open, and those whose figure has come back."""

    open: tuple[Opening, ...] = ()
    recovered: tuple[int, ...] = ()


def duties(facts: Facts, rules: StatusRules, budget: Budget) -> list[Duty]:
    """Every duty that the rules carry for schedule and cost, reached or not."""
    schedule = None if stale_reason(facts, "project") else schedule_ratio(facts, facts.finish_baseline)
    ratios = {"schedule": schedule, "cost": cost_ratio(budget)}
    return [_duty(rule, ratios[rule.dimension]) for rule in rules.obligations]


def _duty(rule: Obligation, ratio: Ratio | None) -> Duty:
    if ratio is None:
        return Duty(rule, None, f"The {rule.dimension} variance is unknown.")
    measured = abs(ratio.numerator) if rule.either_way else ratio.numerator
    reached = measured >= rule.at_least * ratio.denominator
    begins = f"the duty begins at {percent(rule.at_least)}"
    return Duty(rule, reached, f"The {rule.dimension} variance is {percent(ratio.value)}; {begins}.")


def review(facts: Facts, found: Sequence[Duty], verdicts: Mapping[str, Verdict], today: date) -> Review:
    """What to open and what to mark recovered. Duties of one name are one obligation, whichever figure reached it."""
    opened, recovered = [], []
    for name in dict.fromkeys(each.rule.duty for each in found):
        same = [each for each in found if each.rule.duty == name]
        reached = [each for each in same if each.reached]
        standing = standing_action(facts.actions, name)
        if reached and standing is None:
            opened.append(_opening(facts, reached, verdicts, today))
        if standing is not None and all(each.reached is False for each in same):
            recovered.append(standing.id)
    return Review(tuple(opened), tuple(recovered))


def standing_action(actions: Sequence[Action], cause: str) -> Action | None:
    """The action that was opened for a cause whose figure has not come back since; None where there is none."""
    return next(
        (each for each in reversed(actions) if each.cause == cause and each.recovered_on is None), None
    )


def _opening(facts: Facts, reached: Sequence[Duty], verdicts: Mapping[str, Verdict], today: date) -> Opening:
    first = reached[0].rule
    clocks = [each.rule.due_days for each in reached if each.rule.due_days is not None]
    owners = {"manager": facts.manager, "sponsor": facts.sponsor}
    reasons = [f"{each.because} Source: {each.rule.source}." for each in reached]
    return Opening(
        cause=first.duty,
        title=first.duty,
        owner=owners.get(first.owner, first.owner),
        due_on=today + timedelta(days=min(clocks)) if clocks else None,
        because=" ".join(reasons),
        dimension=first.dimension,
        before=_state(verdicts[first.dimension]),
    )


def measured(threshold: Mapping[str, Any], inputs: Mapping[str, Any], computed: str) -> Measured:
    """How a dimension stands, from a verdict or from its object in a document: colour, and its measure where it is known."""
    measure = str(threshold.get("measure", ""))
    value = inputs.get("cost_share" if "cost_share" in inputs else measure)
    return Measured(measure, None if value is None else Decimal(str(value)), computed)


def _state(verdict: Verdict) -> Measured:
    return measured(verdict.threshold, verdict.inputs, verdict.computed)


def effect(action: Action, verdicts: Mapping[str, Verdict]) -> tuple[str, str] | None:
    """What became of the figure since the action was opened: a word and a sentence; None for an action without a figure.

    `recovered` (green, or changed with approval), `improved`, `no effect` (the same or worse), `unknown`.
    """
    before = action.before
    if action.dimension is None or before is None:
        return None
    now = _state(verdicts[action.dimension])
    name = action.dimension.capitalize()
    if now.colour == "unknown":
        return "unknown", f"{name} was {_told(before)} and is unknown now."
    sentence = f"{name} was {_told(before)} and is {_told(now)} now."
    if now.colour in SETTLED:
        return "recovered", sentence
    if before.value is None or now.value is None or before.measure != now.measure:
        return "unknown", f"{sentence} The two cannot be compared."
    gained = now.value - before.value if now.measure in HIGHER_IS_BETTER else before.value - now.value
    return ("improved" if gained > 0 else "no effect"), sentence


def _told(state: Measured) -> str:
    colour = state.colour.replace("_", " ")
    if state.value is None:
        return colour
    shown = index(state.value) if state.measure in HIGHER_IS_BETTER else percent(state.value)
    return f"{colour} at {shown}"


def exceptions(
    facts: Facts,
    found: Sequence[Duty],
    verdicts: Mapping[str, Verdict],
    *,
    today: date,
    zone: ZoneInfo,
    terms: ActionTerms,
) -> Iterator[tuple[str, str, str, date | None, str]]:
    """Kind, severity, text, since, because: duties to fulfil, and actions that were closed without effect."""
    for each in found:
        if each.reached and standing_action(facts.actions, each.rule.duty) is None:
            yield "obligation", "high", f"{each.rule.duty} is due.", None, each.because
    for action in facts.actions:
        if action.closed_at is None and action.type == "obligation":
            late = action.due_on is not None and action.due_on < today
            kind, verb = ("overdue_obligation", "was") if late else ("obligation", "is")
            due = f"{verb} due on {action.due_on}" if action.due_on else "is due"
            owner = f"Owner: {action.owner or 'nobody'}."
            since = action.due_on if late else _day(action.opened_at, zone)
            yield kind, "high", f"{action.title} {due}.", since, f"{owner} {action.because or ''}".strip()
        outcome = effect(action, verdicts)
        if action.closed_at is None or outcome is None or outcome[0] != "no effect":
            continue
        checked = _day(action.closed_at, zone) + timedelta(days=terms.effect_after.days)
        if checked <= today:
            text = f"{action.title} was closed and had no effect."
            yield (
                "no_effect",
                "medium",
                text,
                checked,
                f"{outcome[1]} Outcome: {action.outcome or 'none given'}.",
            )


def shown(
    facts: Facts, found: Sequence[Duty], verdicts: Mapping[str, Verdict], zone: ZoneInfo
) -> dict[str, Any]:
    """`{obligations, actions}` of the project's object, JSON-ready: duties that are reached, and every action with its effect."""
    return {
        "obligations": [_obligation(each, facts.actions) for each in found if each.reached],
        "actions": [_action(each, verdicts, zone) for each in facts.actions],
    }


def _obligation(duty: Duty, actions: Sequence[Action]) -> dict[str, Any]:
    rule, action = duty.rule, standing_action(actions, duty.rule.duty)
    return {
        "dimension": rule.dimension,
        "duty": rule.duty,
        "due_days": rule.due_days,
        "source": rule.source,
        "because": duty.because,
        "action": action.id if action else None,
        "owner": action.owner if action else None,
        "due_on": _text(action.due_on) if action else None,
        "state": ("open" if action.closed_at is None else "closed") if action else None,
    }


def _action(action: Action, verdicts: Mapping[str, Verdict], zone: ZoneInfo) -> dict[str, Any]:
    outcome = effect(action, verdicts)
    before = action.before
    return {
        "id": action.id,
        "type": action.type,
        "title": action.title,
        "owner": action.owner,
        "due_on": _text(action.due_on),
        "opened_on": _text(_day(action.opened_at, zone)),
        "opened_because": action.because,
        "closed_on": _text(_day(action.closed_at, zone)) if action.closed_at else None,
        "outcome": action.outcome,
        "figure": action.dimension,
        "before": {"colour": before.colour, "measure": before.measure, "value": number(before.value)}
        if before
        else None,
        "effect": outcome[0] if outcome else None,
        "effect_because": outcome[1] if outcome else None,
        "recovered_on": _text(action.recovered_on),
    }


def _day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
