"""A time-phased plan from the planned days of work packages, for a project that has no baseline.

Each package is planned evenly from its planned start through its due day, or on its due day where no start is known. It weighs
its planned cost if every package has one; else its hours (money, where `cost_per_hour` is declared), else its points, else one.
The tools' days move when people move them: such a plan is the present one and no frozen baseline, and says so.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from config.judging import EarnedValueTerms
from portfolio.earned_value import MONEY, Baseline
from portfolio.facts import Dated

FEWEST_DATED = Decimal("0.8")
"""The share of the packages that must have a due day: with fewer there is no plan."""
_DAY = timedelta(days=1)


def plan_of(dated: Sequence[Dated], terms: EarnedValueTerms) -> tuple[Baseline | None, str]:
    """The plan by month ends, and why there is none. Packages without a due day stay out of it."""
    items = sum(each.items for each in dated)
    if not items:
        return None, "no baseline, and no work to plan"
    known = [each for each in dated if each.finish_on is not None]
    with_day = sum(each.items for each in known)
    if Decimal(with_day) < FEWEST_DATED * items:
        return None, f"no baseline, and only {with_day} of {items} work packages have a due day"
    unit, spans = _spans(known, terms)
    bac = sum((weight for *_, weight in spans), Decimal(0))
    if not bac:
        return None, "no baseline, and the planned work weighs nothing"
    first = min(begin for begin, _, _ in spans) - _DAY
    days = _ends(first, max(end for _, end, _ in spans))
    values = tuple(sum((_planned(span, day) for span in spans), Decimal(0)) for day in days)
    names = " and ".join(sorted({each.connection for each in known}))
    what = "costs" if all(each.with_planned_cost == each.items for each in known) else "estimates"
    told = f"planned days and {what} of {with_day} work packages in {names}, as they are now"
    return Baseline((first, *days), (Decimal(0), *values), unit, told), ""


Span = tuple[date, date, Decimal]
"""First and last planned day, and weight."""


def _spans(known: Sequence[Dated], terms: EarnedValueTerms) -> tuple[str, list[Span]]:
    def of(name: str, factor: Decimal = Decimal(1)) -> list[Span]:
        found = []
        for each in known:
            end = each.finish_on or date.min
            begin = min(each.start_on or end, end)
            weight = Decimal(each.items) if name == "items" else getattr(each, name)
            found.append((begin, end, weight * factor))
        return found

    def has(name: str) -> bool:
        return all(getattr(each, f"with_{name}") == each.items for each in known)

    if has("planned_cost"):
        return MONEY, of("planned_cost")
    if has("estimate_hours"):
        rate = terms.cost_per_hour
        return (MONEY, of("estimate_hours", rate)) if rate else ("hours", of("estimate_hours"))
    return ("points", of("estimate_points")) if has("estimate_points") else ("items", of("items"))


def _planned(span: Span, day: date) -> Decimal:
    begin, end, weight = span
    if day < begin:
        return Decimal(0)
    if day >= end:
        return weight
    return weight * ((day - begin).days + 1) / ((end - begin).days + 1)


def _ends(first: date, last: date) -> list[date]:
    """The month ends after `first` and before `last`, and `last`."""
    found = []
    day = _month_end(first + _DAY)
    while day < last:
        found.append(day)
        day = _month_end(day + _DAY)
    return [*found, last]


def _month_end(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - _DAY
