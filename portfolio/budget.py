"""Budget arithmetic with encumbrance: per project, fund, cost centre, budget code, fiscal year and period.

available = revised - pre_encumbered - encumbered - actual; variance = revised - forecast, or revised -
encumbered - actual where the forecast is unknown; negative is over. `forecast` is the expected total at year
end.

An amount that a ledger leaves empty is unknown, and a sum that misses a part is unknown: never a smaller
number that looks whole. Two gaps are none: a column that a ledger never fills while another ledger does
(budgets from one file, actuals from another), and spending in a period that has not begun.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal

from config.fiscal import FiscalCalendar
from portfolio.facts import Money

Amounts = Literal["period", "year_to_date", "inception_to_date"]
Column = Literal["original_budget", "revised_budget", "pre_encumbered", "encumbered", "actual", "forecast"]

COLUMNS: tuple[Column, ...] = (
    "original_budget",
    "revised_budget",
    "pre_encumbered",
    "encumbered",
    "actual",
    "forecast",
)
LAST_REGULAR_PERIOD = 12
CARRIED_PERIOD = "000"
_VARIANCE_INPUTS: tuple[Column, ...] = ("revised_budget", "encumbered", "actual", "forecast")
_SPENDING = ("pre_encumbered", "encumbered", "actual")


@dataclass(frozen=True, slots=True)
class Budget:
    """The amounts of some budget lines and what follows from them. Unknown is None."""

    original_budget: Decimal | None = None
    revised_budget: Decimal | None = None
    pre_encumbered: Decimal | None = None
    encumbered: Decimal | None = None
    actual: Decimal | None = None
    forecast: Decimal | None = None
    variance: Decimal | None = None

    @property
    def available(self) -> Decimal | None:
        """What may still be committed: revised - pre_encumbered - encumbered - actual."""
        parts = (self.pre_encumbered, self.encumbered, self.actual)
        if self.revised_budget is None or None in parts:
            return None
        return self.revised_budget - sum((part for part in parts if part is not None), Decimal(0))

    @property
    def variance_share(self) -> Decimal | None:
        """`variance / revised`; undefined where nothing is budgeted."""
        if self.variance is None or not self.revised_budget:
            return None
        return self.variance / self.revised_budget

    @property
    def variance_original(self) -> Decimal | None:
        """The same against the budget as it was first adopted: `original_budget - revised_budget + variance`."""
        if self.variance is None or self.revised_budget is None or self.original_budget is None:
            return None
        return self.original_budget - self.revised_budget + self.variance


@dataclass(frozen=True, slots=True)
class LedgerTerms:
    """How ledgers speak: which connections send cumulative amounts, and which carry project-length budgets.

    A connection that is not named sends amounts per period for budgets that lapse with their fiscal year.
    `chargebacks`: per connection (field, pattern) of the lines that bill a cost which another line has spent already.
    """

    amounts: Mapping[str, Amounts] = field(default_factory=dict)
    project_basis: frozenset[str] = frozenset()
    chargebacks: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def amounts_of(self, line: Money) -> Amounts:
        """What the line's amounts cover."""
        return self.amounts.get(line.source.connection, "period") if line.source else "period"

    def is_chargeback(self, line: Money) -> bool:
        """True for a line that is not counted, because its cost is counted where it was spent."""
        rules = self.chargebacks.get(line.source.connection, ()) if line.source else ()
        return any(fnmatchcase(str(getattr(line, name) or ""), pattern) for name, pattern in rules)

    def is_project_basis(self, line: Money) -> bool:
        """True for a project-length budget: its ledger is declared so, or the line names no fiscal year."""
        named = line.source is not None and line.source.connection in self.project_basis
        return named or line.fiscal_year is None


def total(lines: Sequence[Money], *, calendar: FiscalCalendar, today: date) -> Budget:
    """The sum of the lines, which must hold amounts per period or have passed `newest`.

    Where some lines have a forecast and some have none, variance is worked out per account and year and then
    summed: an overrun that one account forecasts is not hidden by another that forecasts nothing.
    """
    sums = {column: _sum(lines, column, calendar, today) for column in COLUMNS}
    if sums["forecast"] is None and any(line.forecast is not None for line in lines):
        return Budget(**sums, variance=_variance_of_accounts(lines, calendar, today))
    inputs = {name: sums[name] for name in _VARIANCE_INPUTS}
    return Budget(**sums, variance=variance(**inputs))


def variance(
    revised_budget: Decimal | None,
    encumbered: Decimal | None,
    actual: Decimal | None,
    forecast: Decimal | None,
) -> Decimal | None:
    """`revised - forecast`, or `revised - encumbered - actual` without a forecast; negative is over."""
    if revised_budget is None:
        return None
    if forecast is not None:
        return revised_budget - forecast
    if encumbered is None or actual is None:
        return None
    return revised_budget - encumbered - actual


def newest(lines: Sequence[Money], terms: LedgerTerms) -> list[Money]:
    """The lines to sum: of cumulative amounts only the newest period of each account (and fiscal year); no chargebacks."""
    kept: list[Money] = []
    latest: dict[tuple[object, ...], list[Money]] = {}
    for line in lines:
        if terms.is_chargeback(line):
            continue
        amounts = terms.amounts_of(line)
        if amounts == "period":
            kept.append(line)
            continue
        year = line.fiscal_year if amounts == "year_to_date" else None
        connection = line.source.connection if line.source else None
        key = (connection, line.budget_code, line.fund, line.cost_center, line.account, year)
        known = latest.setdefault(key, [])
        if known and _moment(known[0]) > _moment(line):
            continue
        if known and _moment(known[0]) < _moment(line):
            known.clear()
        known.append(line)
    return kept + [line for group in latest.values() for line in group]


def of_year(lines: Sequence[Money], year: int | None, terms: LedgerTerms) -> list[Money]:
    """The lines that count for a fiscal year (None: no year's): its own, and project-length ones from their inception."""
    own = [line for line in lines if terms.is_project_basis(line) or line.fiscal_year == year]
    return newest(own, terms)


def carry_forward_pending(lines: Sequence[Money], sums: Budget) -> Decimal | None:
    """What last year's encumbrances (period 000) take of a budget that does not hold them yet; None where they explain nothing.

    Between the first day of a fiscal year and the vote that re-appropriates them the year is overdrawn by as much at most.
    """
    carried = sum(
        (line.encumbered or Decimal(0) for line in lines if line.period == CARRIED_PERIOD), Decimal(0)
    )
    available = sums.available
    return carried if available is not None and -carried <= available < 0 else None


def period_start(calendar: FiscalCalendar, year: int, period: int) -> date:
    """The first day of a period; 0 (carried forward) begins with the year.

    Periods 13 and up (closing entries) have no days of their own: they stand on the last day of the year.
    """
    first = calendar.first_day(year)
    if period > LAST_REGULAR_PERIOD:
        return calendar.first_day(year + 1) - timedelta(days=1)
    months = first.month - 1 + max(period - 1, 0)
    return first.replace(year=first.year + months // 12, month=months % 12 + 1)


def by(lines: Iterable[Money], *keys: str) -> dict[tuple[object, ...], list[Money]]:
    """The lines grouped by fields of `Money`: fund, cost_center, budget_code, fiscal_year, period."""
    groups: dict[tuple[object, ...], list[Money]] = {}
    for line in lines:
        groups.setdefault(tuple(getattr(line, key) for key in keys), []).append(line)
    return groups


def _variance_of_accounts(lines: Sequence[Money], calendar: FiscalCalendar, today: date) -> Decimal | None:
    silent = {name: _silent(lines, name) for name in _VARIANCE_INPUTS}
    whole = Decimal(0)
    for group in by(lines, "budget_code", "fund", "cost_center", "account", "fiscal_year").values():
        inputs = {name: _sum(group, name, calendar, today, silent[name]) for name in _VARIANCE_INPUTS}
        part = variance(**inputs)
        if part is None:
            return None
        whole += part
    return whole


def _sum(
    lines: Sequence[Money],
    column: Column,
    calendar: FiscalCalendar,
    today: date,
    silent: frozenset[str] | None = None,
) -> Decimal | None:
    skipped = _silent(lines, column) if silent is None else silent
    known: list[Decimal] = []
    for line in lines:
        amount: Decimal | None = getattr(line, column)
        if amount is not None:
            known.append(amount)
        elif not (
            _connection(line) in skipped or (column in _SPENDING and _not_begun(line, calendar, today))
        ):
            return None
    return sum(known, Decimal(0)) if known else None


def _silent(lines: Sequence[Money], column: Column) -> frozenset[str]:
    """The ledgers that never fill the column, provided that another one does."""
    speaking = {_connection(line) for line in lines if getattr(line, column) is not None}
    return frozenset({_connection(line) for line in lines} - speaking) if speaking else frozenset()


def _connection(line: Money) -> str:
    return line.source.connection if line.source else ""


def _not_begun(line: Money, calendar: FiscalCalendar, today: date) -> bool:
    if line.fiscal_year is None:
        return False
    if line.period is None or not line.period.isdecimal():
        return calendar.first_day(line.fiscal_year) > today
    return period_start(calendar, line.fiscal_year, int(line.period)) > today


def _moment(line: Money) -> tuple[int, str]:
    return (line.fiscal_year or 0, line.period or "")
