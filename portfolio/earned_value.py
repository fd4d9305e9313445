"""Earned value and earned schedule.

Each figure that cannot be computed is None with a reason; none is infinite.
Definitions and the answers at the edges follow the PMI set and Lipke's Earned Schedule Concept; every
published example of the reference is a test. Money is Decimal in one currency; times count periods of the
baseline.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

from portfolio.facts import PlannedValue

METHOD = "percent_complete"
NO_BASELINE = "no baseline"
NO_COST = "no actual cost yet"
MONEY = "money"
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A time-phased plan: `days[n]` and cumulative `values[n]` end period n; 0 is the start with value 0."""

    days: tuple[date | None, ...]
    values: tuple[Decimal, ...]
    unit: str = MONEY
    """What the values count: money, hours, points or items."""
    told: str = "baseline"
    """Where the plan comes from."""
    name: str = "baseline"
    set_on: date | None = None

    @property
    def bac(self) -> Decimal:
        """Budget at completion: the last planned value."""
        return self.values[-1]

    @property
    def periods(self) -> int:
        """Planned duration in periods."""
        return len(self.values) - 1

    def time_at(self, day: date) -> Decimal | None:
        """Periods from the start to the end of `day`, linear within a period.

        Past the plan it goes on at the last period's length. None in the first period of a plan whose start
        is unknown.
        """
        first = self.days[0]
        if first is not None and day <= first:
            return Decimal(0)
        for index in range(1, len(self.days)):
            begin, end = self.days[index - 1], self.days[index]
            if end is not None and day <= end:
                if begin is None:
                    return _ONE if day == end else None
                return index - 1 + Decimal((day - begin).days) / Decimal((end - begin).days)
        begin, end = self.days[-2], self.days[-1]
        if begin is None or end is None:
            return None
        return self.periods + Decimal((day - end).days) / Decimal((end - begin).days)

    def day_at(self, at: Decimal) -> date | None:
        """The day at a time in periods, the opposite of `time_at`; rounded up to a whole day."""
        whole = min(int(at), self.periods - 1)
        begin, end = self.days[whole], self.days[whole + 1]
        if begin is None or end is None:
            return None
        try:
            return begin + timedelta(days=ceil((at - whole) * (end - begin).days))
        except OverflowError:
            return None

    def planned_value(self, at: Decimal) -> Decimal:
        """Planned value so far at a time in periods: linear between period ends, the whole after the last."""
        if at >= self.periods:
            return self.bac
        whole = int(at)
        return self.values[whole] + (self.values[whole + 1] - self.values[whole]) * (at - whole)


def baselines(points: Sequence[PlannedValue], start: date | None) -> list[Baseline]:
    """Every baseline among the points, the original first and the current last.

    `start` is where planned value is zero.
    """
    versions: dict[tuple[bool, date, str], list[PlannedValue]] = {}
    for point in points:
        key = (point.set_on is not None, point.set_on or date.min, point.name)
        versions.setdefault(key, []).append(point)
    return [_baseline(versions[key], start) for key in sorted(versions)]


def _baseline(points: Sequence[PlannedValue], start: date | None) -> Baseline:
    ordered = sorted(points, key=lambda point: point.day)
    zero = start
    if ordered[0].planned_value == 0 and (start is None or ordered[0].day <= start):
        zero = ordered.pop(0).day if len(ordered) > 1 else ordered[0].day
    if zero is not None and ordered[0].day <= zero:
        zero = None
    return Baseline(
        days=(zero, *(point.day for point in ordered)),
        values=(Decimal(0), *(point.planned_value for point in ordered)),
        name=ordered[0].name,
        set_on=ordered[0].set_on,
        told=f"baseline {ordered[0].name}{f' of {ordered[0].set_on}' if ordered[0].set_on else ''}",
    )


def earned_schedule(values: Sequence[Decimal], ev: Decimal) -> Decimal:
    """When the plan meant to have earned `ev`, in periods: C + (EV - PV_C) / (PV_C+1 - PV_C) (Lipke).

    `values` are cumulative planned values, index 0 being the start with 0. A flat period counts as earned, no
    value earned is time 0, and all of it is the first time at which the plan reaches its end.
    """
    if ev <= 0:
        return Decimal(0)
    bac = values[-1]
    if ev >= bac:
        return Decimal(next(index for index, value in enumerate(values) if value >= bac))
    whole = max(index for index, value in enumerate(values) if value <= ev)
    return whole + (ev - values[whole]) / (values[whole + 1] - values[whole])


@dataclass(frozen=True, slots=True)
class EarnedValue:
    """One project at one instant; `reasons` says why of each None, `findings` what looks odd in the data."""

    bac: Decimal | None = None
    pv: Decimal | None = None
    ev: Decimal | None = None
    ac: Decimal | None = None
    cv: Decimal | None = None
    sv: Decimal | None = None
    cpi: Decimal | None = None
    spi: Decimal | None = None
    eac: Decimal | None = None
    eac_budget_rate: Decimal | None = None
    eac_cpi_spi: Decimal | None = None
    eac_bottom_up: Decimal | None = None
    etc: Decimal | None = None
    vac: Decimal | None = None
    tcpi: Decimal | None = None
    tcpi_eac: Decimal | None = None
    earned_schedule: Decimal | None = None
    sv_t: Decimal | None = None
    spi_t: Decimal | None = None
    ieac_t: Decimal | None = None
    method: str = METHOD
    earned_by: str | None = None
    """How the method came to its share of the budget."""
    planned_by: str | None = None
    """Where planned value comes from."""
    unit: str | None = None
    """What planned value counts; where it is not money, the amounts are None and the indices stand."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


class _Sheet:
    """Figures and reasons while they are worked out."""

    def __init__(self) -> None:
        self.values: dict[str, Decimal] = {}
        self.reasons: dict[str, str] = {}

    def put(self, name: str, value: Decimal | None, reason: str = "") -> Decimal | None:
        if value is None:
            self.reasons[name] = reason
        else:
            self.values[name] = value
        return value

    def missing(self, *names: str) -> str:
        """Why the first of the inputs that is None is None."""
        return next((self.reasons[name] for name in names if name in self.reasons), "")


def measure(
    *,
    bac: Decimal | None,
    pv: Decimal | None,
    ev: Decimal | None,
    ac: Decimal | None,
    bottom_up_etc: Decimal | None = None,
    plan: Sequence[Decimal] | None = None,
    at: Decimal | None = None,
    method: str = METHOD,
    earned_by: str | None = None,
    no_plan: str = NO_BASELINE,
) -> EarnedValue:
    """All figures from cumulative inputs.

    `plan` are cumulative planned values from time 0, `at` the time now in periods. `ac` is cost incurred,
    never encumbrances. Indices stay exact; rounding is the reader's. `no_plan` says why there is no `bac`.
    """
    sheet = _Sheet()
    if bac is None or bac <= 0:
        bac = pv = ev = None
    sheet.put("bac", bac, no_plan)
    sheet.put("pv", pv, no_plan if bac is None else "the plan says nothing of this day")
    sheet.put("ev", ev, no_plan if bac is None else earned_by or "percent complete is unknown")
    sheet.put("ac", ac, "actual cost is unknown")
    _variances(sheet, pv, ev, ac)
    _estimates(sheet, bac, ev, ac, bottom_up_etc)
    _times(sheet, ev, plan, at)
    figures: Mapping[str, Any] = sheet.values
    found = _findings(bac, pv, ev, ac)
    return EarnedValue(**figures, method=method, earned_by=earned_by, reasons=sheet.reasons, findings=found)


AMOUNTS = (
    "bac",
    "pv",
    "ev",
    "cv",
    "sv",
    "cpi",
    "eac",
    "eac_budget_rate",
    "eac_cpi_spi",
    "etc",
    "vac",
    "tcpi",
    "tcpi_eac",
)
"""What takes planned value to be money, or compares it with money."""


def without_amounts(value: EarnedValue, unit: str) -> EarnedValue:
    """The same of a plan that counts something else than money: how it stands in time, and no amounts."""
    reason = f"the plan is counted in {unit}, not in money"
    reasons = {**value.reasons, **dict.fromkeys(AMOUNTS, reason)}
    cleared: Mapping[str, Any] = dict.fromkeys(AMOUNTS)
    return replace(value, **cleared, reasons=reasons, findings=())


def _variances(sheet: _Sheet, pv: Decimal | None, ev: Decimal | None, ac: Decimal | None) -> None:
    if ev is None or ac is None:
        for name in ("cv", "cpi"):
            sheet.put(name, None, sheet.missing("ev", "ac"))
    else:
        sheet.put("cv", ev - ac)
        reason = NO_COST if ac == 0 else "actual cost is negative"
        sheet.put("cpi", ev / ac if ac > 0 else None, reason)
    if ev is None or pv is None:
        for name in ("sv", "spi"):
            sheet.put(name, None, sheet.missing("ev", "pv"))
    else:
        sheet.put("sv", ev - pv)
        sheet.put("spi", ev / pv if pv > 0 else None, "nothing is planned yet")


def _estimates(
    sheet: _Sheet, bac: Decimal | None, ev: Decimal | None, ac: Decimal | None, bottom_up_etc: Decimal | None
) -> None:
    names = ("eac", "eac_budget_rate", "eac_cpi_spi", "etc", "vac", "tcpi", "tcpi_eac")
    if bac is None or ev is None or ac is None:
        for name in names:
            sheet.put(name, None, sheet.missing("bac", "ev", "ac"))
    else:
        cpi, spi = sheet.values.get("cpi"), sheet.values.get("spi")
        rest = bac - ev
        nothing_earned = sheet.missing("cpi") or "nothing is earned yet"
        eac = sheet.put("eac", bac / cpi if cpi else None, nothing_earned)
        sheet.put("eac_budget_rate", ac + rest)
        both = cpi * spi if cpi and spi else None
        sheet.put("eac_cpi_spi", ac + rest / both if both else None, sheet.missing("spi") or nothing_earned)
        sheet.put("etc", eac - ac if eac is not None else None, nothing_earned)
        sheet.put("vac", bac - eac if eac is not None else None, nothing_earned)
        sheet.put("tcpi", *to_complete(bac, ev, ac, bac))
        sheet.put("tcpi_eac", *(to_complete(bac, ev, ac, eac) if eac is not None else (None, nothing_earned)))
    bottom_up = ac + bottom_up_etc if ac is not None and bottom_up_etc is not None else None
    sheet.put("eac_bottom_up", bottom_up, "no estimate of the rest in hours, or no cost per hour")


def to_complete(bac: Decimal, ev: Decimal, ac: Decimal, target: Decimal) -> tuple[Decimal | None, str]:
    """TCPI: the efficiency the rest of the work needs to end at `target` (BAC or an EAC), or None and why."""
    if ev >= bac:
        return None, "the work is done"
    if ac >= target:
        return None, "the budget is exhausted"
    return (bac - ev) / (target - ac), ""


def _times(sheet: _Sheet, ev: Decimal | None, plan: Sequence[Decimal] | None, at: Decimal | None) -> None:
    if ev is None or not plan or plan[-1] <= 0:
        for name in ("earned_schedule", "sv_t", "spi_t", "ieac_t"):
            sheet.put(name, None, sheet.missing("ev") or NO_BASELINE)
        return
    earned = earned_schedule(plan, ev)
    sheet.put("earned_schedule", earned)
    sheet.put("sv_t", earned - at if at is not None else None, "the start of the baseline is unknown")
    reason = "the baseline has not begun" if at is not None else "the start of the baseline is unknown"
    spi_t = sheet.put("spi_t", earned / at if at else None, reason)
    sheet.put(
        "ieac_t",
        (len(plan) - 1) / spi_t if spi_t else None,
        sheet.missing("spi_t") or "nothing is earned yet",
    )


def _findings(
    bac: Decimal | None, pv: Decimal | None, ev: Decimal | None, ac: Decimal | None
) -> tuple[str, ...]:
    found = []
    if ac is not None and ac < 0:
        found.append("The cumulative actual cost is negative.")
    if ev and ac == 0:
        found.append("Value is earned without cost: are actuals missing?")
    if ac is not None and ac > 0 and ev == 0:
        found.append("Cost is incurred and nothing is earned.")
    if bac is not None and ev is not None and ev > bac:
        found.append("More is earned than was budgeted: scope grew without a new baseline.")
    if ev and pv == 0:
        found.append("Value is earned before any was planned.")
    return tuple(found)
