"""Judging one project: from its facts and the instant to its part of the report, figures and exceptions.

Which budget counts: on the annual basis the lines of the fiscal year that holds today, and project-length
lines from their inception. A project without a line for this year shows the newest earlier year; unless it
has ended, its cost is then unknown.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from config.fiscal import FiscalCalendar
from config.judging import ActionTerms, ComplianceTerms, EarnedValueTerms, ServiceTerms
from config.presets import GatePack, StatusRules, load_pack, load_rules
from config.settings import Portfolio
from portfolio import (
    budget,
    compliance,
    document,
    duties,
    earned_value,
    earning,
    findings,
    forecast,
    gates,
    register,
    tickets,
)
from portfolio.dimensions import (
    cost_ratio,
    cost_verdict,
    finish_expected,
    judge_dimensions,
    schedule_ratio,
    stale_reason,
)
from portfolio.facts import Facts, Money
from portfolio.service_clock import clock
from portfolio.shown import percent, rounded

__all__ = ["ENDED", "Judgement", "Policy", "judge", "ledger_figures"]

ENDED = ("completed", "cancelled")


@dataclass(frozen=True, slots=True)
class Policy:
    """What projects are judged by. Money is in `currency`; days are counted in `timezone`."""

    rules: StatusRules
    pack: GatePack
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    currency: str = "USD"
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)
    ledgers: budget.LedgerTerms = field(default_factory=budget.LedgerTerms)
    earned_value: EarnedValueTerms = field(default_factory=EarnedValueTerms)
    actions: ActionTerms = field(default_factory=ActionTerms)
    service: ServiceTerms = field(default_factory=ServiceTerms)
    compliance: ComplianceTerms = field(default_factory=ComplianceTerms)

    @classmethod
    def of(cls, portfolio: Portfolio, ledgers: budget.LedgerTerms | None = None) -> "Policy":
        """The policy that the settings declare. Raises PresetError."""
        rules = load_rules(portfolio.status_rules)
        return cls(
            rules=rules.model_copy(update={"obligations": rules.obligations + portfolio.obligations}),
            pack=load_pack(portfolio.gates),
            timezone=portfolio.zone,
            currency=portfolio.currency,
            calendar=portfolio.calendar,
            ledgers=ledgers or budget.LedgerTerms(),
            earned_value=portfolio.earned_value,
            actions=portfolio.actions,
            service=portfolio.service,
            compliance=portfolio.compliance,
        )

    @property
    def fingerprint(self) -> str:
        """A text that changes with anything that could change a judgement."""
        terms = (sorted(self.ledgers.amounts.items()), sorted(self.ledgers.project_basis))
        calendar = (self.calendar.start_month, self.calendar.start_day, self.calendar.label)
        rest = [str(self.timezone), self.currency, calendar, terms]
        models = [
            each.model_dump(mode="json")
            for each in (
                self.rules,
                self.pack,
                self.earned_value,
                self.actions,
                self.service,
                self.compliance,
            )
        ]
        return json.dumps([*models, rest])


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one project's facts.

    `document` is the PROJECT object of the report document, JSON-ready, with `since` left None. `figures` are
    the values to write back, typed and unknown None. `exceptions` and `budget_figures` are rows for the
    document and for the ledgers. `review` is what has to change about its obligations.
    """

    key: str
    document: dict[str, Any]
    figures: dict[str, Any]
    exceptions: list[dict[str, Any]]
    budget_figures: list[dict[str, Any]]
    review: duties.Review


@dataclass(frozen=True, slots=True)
class Cost:
    """The project's budget for the year that counts, or why there is none."""

    fiscal_year: int | None
    budget: budget.Budget
    gap: str | None


def judge(facts: Facts, *, now: datetime, policy: Policy) -> Judgement:
    """Judges one project at an instant."""
    today = now.astimezone(policy.timezone).date()
    cost = cost_of(facts, policy, today)
    plan = current_plan(facts)
    done = progress(facts, policy.earned_value, plan, today)
    complete = done.share
    value = value_of(facts, policy, today, plan, done)
    clocked = [(each, clock(each, now, policy.service, policy.timezone)) for each in facts.tickets]
    counts = tickets.count(clocked, now)
    verdicts = judge_dimensions(
        facts,
        policy.rules,
        today,
        budget=cost.budget,
        budget_gap=cost.gap,
        value=value,
        tickets=counts,
        original_finish=_original_finish(facts),
        currency=policy.currency,
    )
    finish = None if stale_reason(facts, "project") else finish_expected(facts)
    late = (finish - facts.finish_baseline).days if finish and facts.finish_baseline else None
    expected = forecast_of(facts, plan, value, today)
    metrics = _metrics(facts, cost.budget, value, complete)
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
    body = document.project(
        facts,
        now=now,
        verdicts=verdicts,
        finish=finish,
        late=late,
        complete=complete,
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
    here = gates.current(gated)
    figures: dict[str, Any] = {
        "gate_status": here.status if here else None,
        "gate_name": f"{here.gate} {here.name}" if here else None,
        "gate_due": here.due_on if here else None,
        **{f"rag_{name}": _colour(verdict.value) for name, verdict in verdicts.items()},
        "percent_complete": rounded(complete),
        "finish_forecast": finish,
        "schedule_variance_days": None if late is None else Decimal(late),
        "budget_variance": document.cents(cost.budget.variance),
        "budget_variance_share": rounded(cost.budget.variance_share),
        "available_budget": document.cents(cost.budget.available),
        "cpi": rounded(value.cpi),
        "spi": rounded(value.spi),
        "eac": document.cents(value.eac),
        "explanation": verdicts["overall"].because,
    }
    found = findings.exceptions(
        facts,
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
    )


def cost_of(facts: Facts, policy: Policy, today: date) -> Cost:
    """The budget of the fiscal year that holds today, else of the newest earlier one, else the next."""
    year = policy.calendar.year_of(today)
    if stale_reason(facts, "budget_line"):
        return Cost(year, budget.Budget(), None)
    if not facts.money:
        return Cost(year, budget.Budget(), "No budget line belongs to this project.")
    annual = [line for line in facts.money if not policy.ledgers.is_project_basis(line)]
    years = sorted({line.fiscal_year for line in annual if line.fiscal_year is not None})
    shown: int | None = None
    if years:
        shown = max((known for known in years if known <= year), default=years[0])
    lines = budget.newest(
        [line for line in facts.money if line not in annual or line.fiscal_year == shown], policy.ledgers
    )
    gap = None
    if shown is not None and shown != year and facts.state not in ENDED:
        gap = f"There is no budget line for fiscal year {year}; the nearest is for {shown}."
    return Cost(shown, budget.total(lines, calendar=policy.calendar, today=today), gap)


def percent_complete(facts: Facts) -> tuple[Decimal | None, str]:
    """The share of work done: the project's own figure, else done / not cancelled work items by count; and how it came.

    None past `stale_after`.
    """
    own = facts.percent_complete
    entity = "project" if own is not None and not facts.work else "work_item"
    if reason := stale_reason(facts, entity):
        return None, reason
    if own is not None:
        return own, f"The project's own percent complete is {percent(own)}."
    counted = facts.work.todo + facts.work.in_progress + facts.work.done if facts.work else 0
    if facts.work is None or not counted:
        return None, "percent complete is unknown"
    share = Decimal(facts.work.done) / counted
    return share, f"{facts.work.done} of {counted} work items are done: {percent(share)}."


def current_plan(facts: Facts) -> earned_value.Baseline | None:
    """The time-phased baseline that counts, the newest one; None where there is none or its source is stale."""
    if stale_reason(facts, "baseline"):
        return None
    plans = earned_value.baselines(facts.planned_values, facts.start_baseline)
    return plans[-1] if plans else None


def progress(
    facts: Facts, terms: EarnedValueTerms, plan: earned_value.Baseline | None, today: date
) -> earning.Earned:
    """The share of the work that is earned, by the project's method. Time stands still once it has finished."""
    method = earning.method_of(facts, terms)
    if method == "percent_complete":
        share, because = percent_complete(facts)
        return earning.Earned(share, method, because)
    if reason := stale_reason(facts, earning.FED_BY[method]):
        return earning.Earned(None, method, reason)
    at = plan.time_at(_clock(facts, today)) if plan else None
    planned = plan.planned_value(at) / plan.bac if plan and at is not None and plan.bac > 0 else None
    return earning.earned(facts, terms, planned)


def value_of(
    facts: Facts, policy: Policy, today: date, plan: earned_value.Baseline | None, done: earning.Earned
) -> earned_value.EarnedValue:
    """Earned value against the current baseline, cost from the inception of the project.

    Time stands still once it has finished.
    """
    lines = () if stale_reason(facts, "budget_line") else budget.newest(facts.money, policy.ledgers)
    spent = budget.total(lines, calendar=policy.calendar, today=today).actual
    at = plan.time_at(_clock(facts, today)) if plan else None
    return earned_value.measure(
        bac=plan.bac if plan else None,
        pv=plan.planned_value(at) if plan and at is not None else None,
        ev=plan.bac * done.share if plan and done.share is not None else None,
        ac=spent,
        plan=plan.values if plan else None,
        at=at,
        method=done.method,
        earned_by=done.because,
    )


def forecast_of(
    facts: Facts, plan: earned_value.Baseline | None, value: earned_value.EarnedValue, today: date
) -> forecast.Forecast:
    """When the project will finish by its own pace; an ended one is not forecast."""
    if facts.finish_actual or facts.state in ENDED:
        ended = "The project has ended."
        return forecast.Forecast(because=ended, because_spi_t=ended)
    day, told = forecast.by_spi_t(plan, value.ieac_t, value.spi_t)
    if facts.work is None or (reason := stale_reason(facts, "work_item")):
        because = "No work items are linked." if facts.work is None else reason or ""
        return forecast.Forecast(because=because, finish_spi_t=day, because_spi_t=told)
    remaining = facts.work.todo + facts.work.in_progress
    weeks = forecast.history(facts.work.weekly_done, facts.start_actual, today)
    half, most, because = forecast.by_throughput(remaining, weeks, today)
    return forecast.Forecast(remaining, weeks, half, most, because, day, told)


def _clock(facts: Facts, today: date) -> date:
    return min(today, facts.finish_actual or today)


def ledger_figures(
    lines: Sequence[Money], policy: Policy, today: date, corrective: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """What finance reads per budget code, fiscal year and period; `eac` is the forecast at year end.

    `corrective` holds the standing corrective action of a budget code; it is shown beside amber and red.
    """
    rows = []
    actions = corrective or {}
    for (code, year, period), group in budget.by(lines, "budget_code", "fiscal_year", "period").items():
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
                "available_budget": document.cents(sums.available),
                "eac": document.cents(sums.forecast),
                "rag_cost": _colour(value),
                "corrective_action": actions.get(str(code)) if value in ("amber", "red") else None,
            }
        )
    return rows


def _original_finish(facts: Facts) -> date | None:
    if facts.finish_original is not None:
        return facts.finish_original
    plans = earned_value.baselines(facts.planned_values, facts.start_baseline)
    return plans[0].days[-1] if len(plans) > 1 else None


def _metrics(
    facts: Facts, cost: budget.Budget, value: earned_value.EarnedValue, complete: Decimal | None
) -> Mapping[str, Decimal | None]:
    schedule = None if stale_reason(facts, "project") else schedule_ratio(facts, facts.finish_baseline)
    share = cost_ratio(cost)
    spent = cost.actual / cost.revised_budget if cost.actual is not None and cost.revised_budget else None
    return {
        "revised_budget": cost.revised_budget,
        "available": cost.available,
        "actual": cost.actual,
        "forecast": cost.forecast,
        "spent_share": spent,
        "cost_share": share.value if share else None,
        "schedule_share": schedule.value if schedule else None,
        "percent_complete": complete,
        "bac": value.bac,
        "cpi": value.cpi,
        "spi": value.spi,
        "spi_t": value.spi_t,
    }


def _colour(value: str) -> str | None:
    return None if value == "unknown" else value
