"""Judging one project: from its facts and the instant to its part of the report, figures and exceptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portfolio import (
    baselines,
    budget,
    compliance,
    document,
    duties,
    findings,
    gates,
    register,
    tickets,
)
from portfolio.dimensions import (
    cost_verdict,
    finish_expected,
    judge_dimensions,
    stale_reason,
)
from portfolio.earned_value import EarnedValue
from portfolio.facts import Facts, Money
from portfolio.measuring import (
    ENDED,
    cost_of,
    current_plan,
    forecast_of,
    metrics_of,
    progress,
    value_of,
)
from portfolio.policy import Policy
from portfolio.risks import score
from portfolio.service_clock import clock
from portfolio.shown import rounded

__all__ = ["Judgement", "Policy", "judge", "ledger_figures"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one project's facts.

    `document` is the PROJECT object of the report document, JSON-ready, with `since` left None. `figures` are
    the values to write back, typed and unknown None. `exceptions` and `budget_figures` are rows for the
    document and for the ledgers. `review` is what has to change about its obligations. `moves_at` is the instant from which
    time alone may judge otherwise within the day: a ticket's clock runs out, or calls the next level.
    """

    key: str
    document: dict[str, Any]
    figures: dict[str, Any]
    exceptions: list[dict[str, Any]]
    budget_figures: list[dict[str, Any]]
    review: duties.Review
    moves_at: datetime | None = None


def judge(
    facts: Facts, *, now: datetime, policy: Policy, previous: Mapping[str, str] | None = None
) -> Judgement:
    """Judges one project at an instant. `previous` are its colours as they were computed before, by dimension."""
    today = now.astimezone(policy.timezone).date()
    facts = replace(
        facts, risks=tuple(replace(each, score=score(each, policy.risks)) for each in facts.risks)
    )
    cost = cost_of(facts, policy, today)
    plan, no_plan = current_plan(facts, policy.earned_value)
    done = progress(facts, policy.earned_value, plan, today)
    complete = done.share
    value = value_of(facts, policy, today, plan, done, no_plan)
    clocked = [(each, clock(each, now, policy.service, policy.timezone)) for each in facts.tickets]
    counts = tickets.count(clocked, now)
    original = baselines.original_finish(facts)
    verdicts = judge_dimensions(
        facts,
        policy.rules,
        today,
        budget=cost.budget,
        budget_gap=cost.gap,
        value=value,
        tickets=counts,
        original_finish=original,
        currency=policy.currency,
        previous=previous,
    )
    finish = None if stale_reason(facts, "project") else finish_expected(facts)
    late = (finish - facts.finish_baseline).days if finish and facts.finish_baseline else None
    expected = forecast_of(facts, plan, value, today)
    metrics = metrics_of(facts, cost.budget, value, complete)
    due = duties.duties(facts, policy.rules, cost.budget)
    gated = gates.judge_gates(facts, policy.pack, metrics, today)
    papers = register.register(
        facts,
        policy.pack,
        gated,
        today=today,
        zone=policy.timezone,
        valid_for=policy.compliance.approval_valid_for,
    )
    anew = baselines.set_anew(facts)
    body = document.project(
        facts,
        now=now,
        verdicts=verdicts,
        finish=finish,
        late=late,
        original=original,
        rebaselined=anew,
        done=done,
        fiscal_year=cost.fiscal_year,
        cost=cost.budget,
        value=value,
        gated=gated,
        tailored=gates.tailoring(facts, policy.pack),
        expected=expected,
        tickets=counts,
        clocked=clocked,
        duties=duties.shown(facts, due, verdicts, policy.timezone),
        register=papers,
        kept=compliance.shown(compliance.answers(facts, gated, papers, policy.compliance, today)),
    )
    figures = {
        **_gate_figures(gates.current(gated)),
        **{f"rag_{name}": _colour(verdict.value) for name, verdict in verdicts.items()},
        "percent_complete": rounded(complete),
        "finish_forecast": finish,
        "schedule_variance_days": None if late is None else Decimal(late),
        **_money_figures(cost.budget, value),
        "explanation": verdicts["overall"].because,
    }
    resets = baselines.yearly_resets(anew, policy.calendar)
    found = findings.exceptions(
        facts,
        resets=resets,
        today=today,
        verdicts=verdicts,
        gated=gated,
        tickets=counts,
        value=value,
        expected=expected,
        budget=cost.budget,
        duties=duties.exceptions(
            facts, due, verdicts, today=today, zone=policy.timezone, terms=policy.actions
        ),
    )
    stale = stale_reason(facts, "budget_line") is not None
    action = findings.corrective_action(facts)
    corrective = {line.budget_code: action for line in facts.money} if action else None
    ledger = ledger_figures(() if stale else facts.money, policy, today, corrective)
    ended = facts.state in ENDED
    return Judgement(
        facts.key,
        body,
        figures,
        [] if ended else found,
        ledger,
        duties.Review() if ended else duties.review(facts, due, verdicts, today),
        min((each.moves_at for _, each in clocked if each.moves_at), default=None),
    )


def _gate_figures(here: gates.GateResult | None) -> dict[str, Any]:
    return {
        "gate_status": here.status if here else None,
        "gate_name": f"{here.gate} {here.name}" if here else None,
        "gate_due": here.due_on if here else None,
    }


def _money_figures(cost: budget.Budget, value: EarnedValue) -> dict[str, Any]:
    return {
        "budget_variance": document.cents(cost.variance),
        "budget_variance_share": rounded(cost.variance_share),
        "available_budget": document.cents(cost.available),
        "cpi": rounded(value.cpi),
        "spi": rounded(value.spi),
        "eac": document.cents(value.eac),
    }


def ledger_figures(
    lines: Sequence[Money], policy: Policy, today: date, corrective: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """What finance reads per budget code, fiscal year and period; `eac` is the forecast at year end.

    `corrective` holds the standing corrective action of a budget code; it is shown beside amber and red.
    """
    rows = []
    actions = corrective or {}
    own = [line for line in lines if not policy.ledgers.is_chargeback(line)]
    for (code, year, period), group in budget.by(own, "budget_code", "fiscal_year", "period").items():
        sums = budget.total(group, calendar=policy.calendar, today=today)
        rule = policy.rules.cost
        verdict = cost_verdict(rule, sums, policy.currency) if rule.measure == "variance_share" else None
        value = verdict.value if verdict else "unknown"
        rows.append(
            {
                "budget_code": code,
                "fiscal_year": year,
                "period": period,
                "currency": group[0].currency,
                "budget_variance": document.cents(sums.variance),
                "budget_variance_share": rounded(sums.variance_share),
                "available_budget": document.cents(sums.available),
                "eac": document.cents(sums.forecast),
                "rag_cost": _colour(value),
                "corrective_action": actions.get(str(code)) if value in ("amber", "red") else None,
            }
        )
    return rows


def _colour(value: str) -> str | None:
    return None if value == "unknown" else value
