"""The four dimensions of one project: what each is measured by, and what is said when it cannot be.

Schedule = (finish_forecast - finish_baseline) / baseline duration. Cost = (forecast - revised) / revised.
Scope = items added in 30 days / items 30 days before. Quality = breached / clocked open tickets. With an
earned-value preset schedule is SPI(t), cost CPI.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from math import floor

from config.presets import Rule, StatusRules
from portfolio.budget import Budget
from portfolio.earned_value import EarnedValue
from portfolio.facts import Facts, Source
from portfolio.shown import days, index, money, percent
from portfolio.status import (
    RANK,
    Input,
    Ratio,
    Verdict,
    colour,
    declared,
    distinct,
    goal,
    held,
    limits,
    overall,
    override_of,
    threshold,
    unknown,
)
from portfolio.tickets import TicketCounts


def finish_expected(facts: Facts) -> date | None:
    """The finish that counts: the actual one once there is one, else the forecast."""
    return facts.finish_actual or facts.finish_forecast


def schedule_ratio(facts: Facts, finish_baseline: date | None) -> Ratio | None:
    """(finish_forecast - finish_baseline) / baseline duration; None without a date or a positive duration."""
    finish, start = finish_expected(facts), facts.start_baseline
    if finish is None or finish_baseline is None or start is None or finish_baseline <= start:
        return None
    return Ratio(Decimal((finish - finish_baseline).days), Decimal((finish_baseline - start).days))


def cost_ratio(budget: Budget) -> Ratio | None:
    """(forecast - revised) / revised, or None where a figure is unknown or nothing is budgeted."""
    if budget.forecast is None or budget.revised_budget is None or budget.revised_budget <= 0:
        return None
    return Ratio(budget.forecast - budget.revised_budget, budget.revised_budget)


def judge_dimensions(
    facts: Facts,
    rules: StatusRules,
    today: date,
    *,
    budget: Budget,
    budget_gap: str | None,
    value: EarnedValue,
    tickets: TicketCounts,
    original_finish: date | None,
    currency: str,
    previous: Mapping[str, str] | None = None,
) -> dict[str, Verdict]:
    """Schedule, cost, scope, quality and overall, with declared colours and standing overrides.

    `budget_gap` says why the budget cannot be judged although it may have figures; `original_finish` is the
    finish of the first baseline where there was a later one; `previous` are the colours computed before, for rules with a
    hysteresis.
    """
    was = previous or {}
    verdicts = {
        "schedule": _schedule(facts, rules.schedule, value, original_finish, was.get("schedule")),
        "cost": _cost(facts, rules.cost, budget, budget_gap, value, currency, was.get("cost")),
        "scope": _scope(facts, rules.scope, was.get("scope")),
        "quality": _quality(facts, rules.quality, tickets, was.get("quality")),
    }
    verdicts = {name: _stated(verdict, facts, name, today) for name, verdict in verdicts.items()}
    verdicts["overall"] = _stated(
        overall(verdicts, rules.overall, was.get("overall")), facts, "overall", today
    )
    return verdicts


def _stated(verdict: Verdict, facts: Facts, dimension: str, today: date) -> Verdict:
    override = override_of(facts, dimension, today)
    verdict = replace(verdict, declared=declared(facts, dimension), override=override)
    if override is None or (override.value not in RANK and override.value != "unknown"):
        return verdict
    stated = f"{override.by} set {override.value} until {override.until}: {override.why.rstrip('.')}."
    because = f"{stated} Computed: {verdict.because}"
    return replace(verdict, value=override.value, because=because)  # type: ignore[arg-type]


def stale_reason(facts: Facts, *entities: str) -> str | None:
    """One sentence naming the stale connections that feed these entities, or None."""
    connections = sorted({name for entity in entities for name in facts.stale.get(entity, ())})
    if not connections:
        return None
    return f"The last good read of {' and '.join(connections)} is older than its limit."


def _schedule(
    facts: Facts, rule: Rule, value: EarnedValue, original_finish: date | None, previous: str | None
) -> Verdict:
    if previous == "approved_change":
        previous = "green"
    if reason := stale_reason(facts, "project"):
        return unknown(rule, reason)
    if rule.measure == "spi_t":
        return _index(facts, rule, "SPI(t)", value.spi_t, value.reasons.get("spi_t"), previous)
    finish = finish_expected(facts)
    inputs: dict[str, Input] = {
        "start_baseline": facts.start_baseline,
        "finish_baseline": facts.finish_baseline,
        "finish_forecast": finish,
    }
    ratio = schedule_ratio(facts, facts.finish_baseline)
    if ratio is None or finish is None or facts.finish_baseline is None:
        return unknown(rule, _no_schedule(facts, finish), inputs)
    late = int(ratio.numerator)
    inputs |= {"variance_days": late, "baseline_days": int(ratio.denominator), "variance_share": ratio.value}
    result = colour(ratio, rule, previous)
    because = (
        f"The finish {'was' if facts.finish_actual else 'is forecast for'} {finish}, {_lateness(late)} "
        f"the baseline finish {facts.finish_baseline}, which is {percent(ratio.value)} of the baseline's "
        f"{days(int(ratio.denominator))}; {_limits(rule)}.{held(ratio, rule, result)}"
    )
    turn_green = None
    if result != "green":
        spare = floor(goal(rule) * ratio.denominator)
        turn_green = f"Finish by {facts.finish_baseline + timedelta(days=spare)}."
    elif (
        original_finish
        and (original := schedule_ratio(facts, original_finish))
        and colour(original, rule) != "green"
    ):
        inputs |= {"original_finish": original_finish, "original_variance_share": original.value}
        because += (
            f" Against the original baseline finish {original_finish} it is {percent(original.value)}: "
            "an approved change."
        )
        result = "approved_change"
        spare = floor(goal(rule) * original.denominator)
        turn_green = (
            f"Finish by {original_finish + timedelta(days=spare)}, within the limit of the original baseline."
        )
    return Verdict(result, result, rule.name, because, inputs, threshold(rule), _records(facts), turn_green)


def _records(facts: Facts) -> tuple[Source, ...]:
    """The record that defines the project; where the configuration does, the records that it is linked to."""
    return distinct([facts.source]) or facts.links


def _no_schedule(facts: Facts, finish: date | None) -> str:
    if facts.finish_baseline is None or facts.start_baseline is None:
        return "There is no schedule baseline to compare with."
    if finish is None:
        return "There is no forecast finish."
    return "The baseline finish is not after the baseline start."


def _lateness(late: int) -> str:
    if late == 0:
        return "the same day as"
    return f"{days(abs(late))} {'after' if late > 0 else 'before'}"


def _limits(rule: Rule) -> str:
    green, amber = limits(rule)
    if green == amber:
        return f"green up to {percent(green)}, red above"
    return f"green up to {percent(green)}, amber up to {percent(amber)}, red above"


def _cost(
    facts: Facts,
    rule: Rule,
    budget: Budget,
    gap: str | None,
    value: EarnedValue,
    currency: str,
    previous: str | None,
) -> Verdict:
    if reason := stale_reason(facts, "budget_line") or gap:
        return unknown(rule, reason)
    if rule.measure == "cpi":
        return _index(facts, rule, "CPI", value.cpi, value.reasons.get("cpi"), previous)
    return replace(
        cost_verdict(rule, budget, currency, previous),
        sources=distinct([line.source for line in facts.money]),
    )


def cost_verdict(rule: Rule, budget: Budget, currency: str, previous: str | None = None) -> Verdict:
    """The colour of a budget by (forecast - revised) / revised.

    Nothing proves green without actual cost and a forecast.
    """
    inputs: dict[str, Input] = {
        "revised_budget": budget.revised_budget,
        "forecast": budget.forecast,
        "encumbered": budget.encumbered,
        "actual": budget.actual,
    }
    if budget.revised_budget is None:
        return unknown(rule, "The revised budget is unknown.", inputs)
    if budget.revised_budget <= 0:
        return unknown(rule, "Nothing is budgeted, so a share of the budget is undefined.", inputs)
    ratio = cost_ratio(budget)
    if ratio is None:
        return _without_forecast(rule, budget, inputs, currency, previous)
    inputs |= {"cost_share": ratio.value}
    result = colour(ratio, rule, previous)
    over = "over" if ratio.numerator > 0 else "under"
    forecast = money(ratio.numerator + ratio.denominator, currency)
    because = (
        f"The forecast {forecast} is {percent(abs(ratio.value))} {over} the revised budget "
        f"{money(ratio.denominator, currency)}; {_limits(rule)}.{held(ratio, rule, result)}"
    )
    if budget.actual is None and result == "green":
        return unknown(
            rule, f"No actual cost is known, so nothing proves that it is on budget. {because}", inputs
        )
    turn_green = None
    if result != "green":
        excess = ratio.numerator - goal(rule) * ratio.denominator
        turn_green = f"Lower the forecast by {money(excess, currency)}, or have the budget revised."
    return Verdict(result, result, rule.name, because, inputs, threshold(rule), turn_green=turn_green)


def _without_forecast(
    rule: Rule, budget: Budget, inputs: Mapping[str, Input], currency: str, previous: str | None
) -> Verdict:
    """Without a forecast nothing proves green; what is committed already can prove amber or red."""
    if budget.revised_budget is None or budget.encumbered is None or budget.actual is None:
        return unknown(rule, "There is no forecast, and what is spent and encumbered is not known.", inputs)
    committed = budget.encumbered + budget.actual
    ratio = Ratio(committed - budget.revised_budget, budget.revised_budget)
    result = colour(ratio, rule, previous)
    if result == "green":
        return unknown(rule, "There is no forecast of the cost at year end.", inputs)
    because = (
        f"There is no forecast, but {money(committed, currency)} is spent or encumbered already, "
        f"{percent(ratio.value)} over the revised budget {money(budget.revised_budget, currency)}; "
        f"{_limits(rule)}.{held(ratio, rule, result)}"
    )
    turn_green = (
        f"Have the budget revised, and a forecast of the year's end within {percent(goal(rule))} of it."
    )
    return Verdict(
        result,
        result,
        rule.name,
        because,
        {**inputs, "cost_share": ratio.value},
        threshold(rule),
        turn_green=turn_green,
    )


def _index(
    facts: Facts,
    rule: Rule,
    name: str,
    value: Decimal | None,
    reason: str | None,
    previous: str | None,
) -> Verdict:
    if reason_stale := stale_reason(facts, "baseline", "work_item"):
        return unknown(rule, reason_stale)
    if value is None:
        return unknown(rule, f"{name} cannot be computed: {reason or 'unknown'}.")
    ratio = Ratio(value, Decimal(1))
    result = colour(ratio, rule, previous)
    amber = "" if rule.green == rule.amber else f"amber from {rule.amber}, "
    because = (
        f"{name} is {index(value)}; green from {rule.green}, {amber}red below.{held(ratio, rule, result)}"
    )
    turn_green = None if result == "green" else f"Bring {name} to {goal(rule)}."
    inputs: dict[str, Input] = {rule.measure: value}
    return Verdict(result, result, rule.name, because, inputs, threshold(rule), _records(facts), turn_green)


def _scope(facts: Facts, rule: Rule, previous: str | None) -> Verdict:
    if reason := stale_reason(facts, "work_item"):
        return unknown(rule, reason)
    if facts.work is None:
        return unknown(rule, "No work items are linked.")
    work = facts.work
    before = work.todo + work.in_progress + work.done - work.added_30d
    inputs: dict[str, Input] = {"added_30d": work.added_30d, "items_before": before}
    if before < max(rule.minimum, 1):
        return unknown(
            rule, f"There were {before} work items 30 days ago, too few to measure growth by.", inputs
        )
    ratio = Ratio(Decimal(work.added_30d), Decimal(before))
    result = colour(ratio, rule, previous)
    because = (
        f"{work.added_30d} work items were added in 30 days to {before}, which is {percent(ratio.value)}; "
        f"{_limits(rule)}.{held(ratio, rule, result)}"
    )
    turn_green = None
    if result != "green":
        most = max(0, floor(goal(rule) * ratio.denominator))
        turn_green = f"Have no more than {most} work items added in 30 days, or have the change approved."
    inputs["growth_share"] = ratio.value
    return Verdict(result, result, rule.name, because, inputs, threshold(rule), facts.links, turn_green)


def _quality(facts: Facts, rule: Rule, tickets: TicketCounts, previous: str | None) -> Verdict:
    if reason := stale_reason(facts, "ticket"):
        return unknown(rule, reason)
    inputs: dict[str, Input] = {"breached": tickets.breached, "clocked": tickets.clocked}
    if tickets.clocked < max(rule.minimum, 1):
        text = f"Too few open tickets have a clock to measure quality by: {tickets.clocked}."
        return unknown(rule, text, inputs)
    ratio = Ratio(Decimal(tickets.breached), Decimal(tickets.clocked))
    result = colour(ratio, rule, previous)
    because = (
        f"{tickets.breached} of {tickets.clocked} open tickets with a clock are breached, "
        f"{percent(ratio.value)}; {_limits(rule)}.{held(ratio, rule, result)}"
    )
    turn_green = None
    if result != "green":
        most = max(0, floor(goal(rule) * ratio.denominator))
        turn_green = f"Have no more than {most} breached tickets among {tickets.clocked} with a clock."
    inputs["breach_share"] = ratio.value
    return Verdict(
        result, result, rule.name, because, inputs, threshold(rule), tickets.breached_sources, turn_green
    )
