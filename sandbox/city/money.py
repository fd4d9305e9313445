"""A project's ledger lines over two fiscal years, and each department's operating lines."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from sandbox.city.names import ACCOUNTS
from sandbox.city.plots import Plot
from sandbox.city.records import BudgetLine, Department, Project, WorkItem
from sandbox.city.schedule import CONTINGENCY, Calendar, planned_share

CENT = Decimal("0.01")
DRAIN = "5210"
"""Overruns show on professional services."""
SERVICES = "5200"
LEAST_SHARE = 0.005
"""A fiscal year that holds less of the project than this has no lines."""


def fiscal_year(day: date) -> int:
    """The label (end year) of the fiscal year that starts on 1 July."""
    return day.year + (day.month >= 7)


def fiscal_years(today: date) -> tuple[int, int]:
    """The last fiscal year and the current one."""
    return fiscal_year(today) - 1, fiscal_year(today)


def budget_at_completion(rng: Random, tier: str) -> Decimal:
    """The whole project's budget, in round thousands."""
    low, high = {"large": (900, 2_400), "medium": (250, 900), "small": (60, 250)}[tier]
    return Decimal(rng.randrange(low, high) * 1000)


class Ledgers:
    """Numbers and posts budget lines; one per city."""

    def __init__(self, today: date) -> None:
        self.today = today
        self._posted = 0

    def project_lines(
        self,
        key: str,
        code: str,
        department: Department,
        plot: Plot,
        dates: Calendar,
        bac: Decimal,
        rng: Random,
    ) -> tuple[BudgetLine, ...]:
        """The lines of a project that has a budget: per fiscal year that it touches, one per account."""
        found: list[BudgetLine] = []
        overrun = rng.uniform(*plot.overrun)
        for year in fiscal_years(self.today):
            opens, closes = date(year - 1, 7, 1), date(year, 6, 30)
            if dates.finish < opens or dates.start > closes:
                continue
            share = planned_share(dates, closes) - planned_share(dates, opens - timedelta(days=1))
            if year == fiscal_years(self.today)[0]:
                share = planned_share(dates, closes)
            if share < LEAST_SHARE:
                continue
            current = closes >= self.today and plot.state != "completed"
            spent = share
            if current:
                so_far = planned_share(dates, self.today) - planned_share(dates, opens - timedelta(days=1))
                spent = max(0.0, so_far - plot.lag) * (1 + max(0.0, overrun))
            for number, name, weight in ACCOUNTS:
                revised = _dollars(bac, share * weight)
                original = revised - (
                    _dollars(bac, share * 0.02) if number == DRAIN and rng.random() < 0.4 else 0
                )
                if current and plot.rebaselined:
                    original = _dollars(revised, 1 / (1 + CONTINGENCY))
                extra = revised * Decimal(str(round(overrun * (1 / weight if number == DRAIN else 0), 4)))
                forecast = (revised + extra).quantize(CENT)
                actual = _cents(bac, spent * weight * rng.uniform(0.94, 1.03))
                if current:
                    forecast = max(forecast, actual)
                    encumbered = (
                        (forecast - actual) * Decimal(str(round(rng.uniform(0.25, 0.6), 2)))
                    ).quantize(CENT)
                    asked = ((forecast - actual) * Decimal(str(round(rng.uniform(0, 0.15), 2)))).quantize(
                        CENT
                    )
                else:
                    forecast, encumbered, asked = actual, Decimal(0), Decimal(0)
                found.append(
                    self._line(
                        project=key,
                        code=code,
                        department=department,
                        account=(number, name),
                        year=year,
                        amounts=(original, revised, asked, encumbered, actual),
                        forecast=forecast,
                        posted_on=min(closes, self.today - timedelta(days=rng.randrange(2, 20))),
                    )
                )
        return tuple(found)

    def operating_lines(self, department: Department, rng: Random) -> tuple[BudgetLine, ...]:
        """A department's own lines, which belong to no project; chargebacks received are negative."""
        found = []
        for year in fiscal_years(self.today):
            closes = date(year, 6, 30)
            gone = min(1.0, (self.today - date(year - 1, 7, 1)).days / 365)
            for number, name in (
                ("5100", "Personnel"),
                (SERVICES, "Services and supplies"),
                ("5900", "Chargebacks received"),
            ):
                sign = -1 if number == "5900" else 1
                revised = Decimal(sign * rng.randrange(120, 900) * 1000)
                actual = (revised * Decimal(str(round(gone * rng.uniform(0.93, 1.02), 4)))).quantize(CENT)
                found.append(
                    self._line(
                        project=None,
                        code=f"{department.number}00",
                        department=department,
                        account=(number, name),
                        year=year,
                        amounts=(revised, revised, Decimal(0), Decimal(0), actual),
                        forecast=revised if closes >= self.today else actual,
                        posted_on=min(closes, self.today - timedelta(days=rng.randrange(2, 20))),
                    )
                )
        return tuple(found)

    def adjusted(self, lines: tuple[BudgetLine, ...]) -> tuple[BudgetLine, ...]:
        """Last year's services as the database's accountants closed them once more: period 013 replaces what stood."""
        last, newest = fiscal_years(self.today)[0], self.today - timedelta(days=2)
        found = []
        for line in lines:
            if (line.ledger, line.account, line.fiscal_year) != ("sql", SERVICES, last):
                continue
            self._posted += 1
            actual = (line.actual * Decimal("1.01")).quantize(CENT)
            posted_on = min(line.posted_on + timedelta(days=20), newest)
            found.append(
                replace(
                    line,
                    number=f"BL{self._posted:07d}",
                    period="013",
                    actual=actual,
                    forecast=actual,
                    posted_on=posted_on,
                    updated_at=datetime.combine(posted_on, time(3, 15), UTC),
                )
            )
        return tuple(found)

    def _line(
        self,
        *,
        project: str | None,
        code: str,
        department: Department,
        account: tuple[str, str],
        year: int,
        amounts: tuple[Decimal, Decimal, Decimal, Decimal, Decimal],
        forecast: Decimal | None,
        posted_on: date,
    ) -> BudgetLine:
        self._posted += 1
        original, revised, pre_encumbered, encumbered, actual = (amount.quantize(CENT) for amount in amounts)
        return BudgetLine(
            number=f"BL{self._posted:07d}",
            ledger=department.ledger,
            project=project,
            budget_code=code,
            fund=department.fund,
            department=department.name,
            cost_center=department.cost_center,
            account=account[0],
            account_name=account[1],
            fiscal_year=year,
            period=None,
            currency="USD",
            original_budget=original,
            revised_budget=revised,
            pre_encumbered=pre_encumbered,
            encumbered=encumbered,
            actual=actual,
            forecast=None if forecast is None else forecast.quantize(CENT),
            posted_on=posted_on,
            updated_at=datetime.combine(posted_on, time(3, 15), UTC),
        )


def _dollars(whole: Decimal, share: float) -> Decimal:
    return (whole * Decimal(str(round(share, 6)))).quantize(Decimal(1))


def _cents(whole: Decimal, share: float) -> Decimal:
    return (whole * Decimal(str(round(share, 8)))).quantize(CENT)


def planned_cost(project: Project, item: WorkItem) -> Decimal | None:
    """An item's part of the project's budget by its hours; None for an epic, and in a project without a budget."""
    hours = sum((each.estimate_hours for each in project.work if each.estimate_hours), Decimal(0))
    if not project.baselines or not item.estimate_hours:
        return None
    whole = project.baselines[-1].points[-1].planned_value
    return (whole * item.estimate_hours / hours).quantize(Decimal("0.01"))
