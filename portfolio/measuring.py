"""What is measured of one project before it is judged: its cost, its plan, what it has earned, when it will finish.

Which budget counts: on the annual basis the lines of the fiscal year that holds today, and project-length
lines from their inception. A project without a line for this year shows the newest earlier year; unless it
has ended, its cost is then unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from config.judging import EarnedValueTerms
from portfolio import budget, earned_value, earning, forecast, planning
from portfolio.dimensions import cost_ratio, schedule_ratio, stale_reason
from portfolio.facts import Facts
from portfolio.policy import Policy
from portfolio.shown import percent

ENDED = ("completed", "cancelled")


@dataclass(frozen=True, slots=True)
class Cost:
    """The project's budget for the year that counts, or why there is none."""

    fiscal_year: int | None
    budget: budget.Budget
    gap: str | None


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
    lines = budget.of_year(facts.money, shown, policy.ledgers)
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
    work = facts.work
    if work is None or not (counted := work.todo + work.in_progress + work.done):
        return None, "percent complete is unknown"
    share = Decimal(work.done) / counted
    return share, f"{work.done} of {counted} work items are done: {percent(share)}."


def current_plan(facts: Facts, terms: EarnedValueTerms) -> tuple[earned_value.Baseline | None, str]:
    """The time-phased plan that counts, and why there is none.

    It is the newest baseline; without any, the planned days of the work itself. None where its source is stale.
    """
    if reason := stale_reason(facts, "baseline"):
        return None, reason
    if plans := earned_value.baselines(facts.planned_values, facts.start_baseline):
        return plans[-1], ""
    if reason := stale_reason(facts, "work_item"):
        return None, reason
    return planning.plan_of(facts.dated, terms)


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
    facts: Facts,
    policy: Policy,
    today: date,
    plan: earned_value.Baseline | None,
    done: earning.Earned,
    no_plan: str,
) -> earned_value.EarnedValue:
    """Earned value against the current plan, cost from the inception of the project.

    Time stands still once it has finished. `no_plan` is why there is no plan.
    """
    lines = () if stale_reason(facts, "budget_line") else budget.newest(facts.money, policy.ledgers)
    spent = budget.total(lines, calendar=policy.calendar, today=today).actual
    at = plan.time_at(_clock(facts, today)) if plan else None
    found = earned_value.measure(
        bac=plan.bac if plan else None,
        pv=plan.planned_value(at) if plan and at is not None else None,
        ev=plan.bac * done.share if plan and done.share is not None else None,
        ac=spent,
        bottom_up_etc=None
        if stale_reason(facts, "work_item")
        else earning.bottom_up(facts.packages, policy.earned_value),
        plan=plan.values if plan else None,
        at=at,
        method=done.method,
        earned_by=done.because,
        no_plan=no_plan,
    )
    if plan is None:
        return found
    found = replace(found, planned_by=plan.told, unit=plan.unit)
    return found if plan.unit == earned_value.MONEY else earned_value.without_amounts(found, plan.unit)


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


def metrics_of(
    facts: Facts, cost: budget.Budget, value: earned_value.EarnedValue, complete: Decimal | None
) -> Mapping[str, Decimal | None]:
    """The figures that criteria of gates may name."""
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
