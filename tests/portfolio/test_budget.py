"""Budget arithmetic, unknown amounts, cumulative ledgers, and the fiscal calendar's published vectors."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.fiscal import FiscalCalendar
from portfolio.budget import (
    Budget,
    LedgerTerms,
    by,
    carry_forward_pending,
    newest,
    of_year,
    period_start,
    total,
    variance,
)
from portfolio.facts import Money, Source

D = Decimal

CALENDAR = FiscalCalendar(7, 1, "end")
TODAY = date(2026, 11, 21)


def line(**values: Any) -> Money:
    given_: dict[str, Any] = {
        "budget_code": "1402",
        "fund": "010",
        "cost_center": "CC1",
        "account": "5000",
        "fiscal_year": 2027,
        "period": None,
        "currency": "USD",
        "original_budget": None,
        "revised_budget": None,
        "pre_encumbered": None,
        "encumbered": None,
        "actual": None,
        "forecast": None,
        "source": Source("ledger", "row 1"),
    }
    for name, value in values.items():
        given_[name] = D(value) if name in AMOUNTS and value is not None else value
    return Money(**given_)


AMOUNTS = ("original_budget", "revised_budget", "pre_encumbered", "encumbered", "actual", "forecast")


def whole(**values: Any) -> Money:
    return line(**({"pre_encumbered": 0, "encumbered": 0, "actual": 0} | values))


def summed(*lines: Money) -> Budget:
    return total(lines, calendar=CALENDAR, today=TODAY)


@pytest.mark.parametrize(
    ("revised", "pre_encumbered", "encumbered", "spent", "available"),
    [
        (100_000, 0, 0, 0, 100_000),
        (115_000, 0, 0, 0, 115_000),
        (115_000, 10_000, 0, 0, 105_000),
        (115_000, 0, 10_250, 0, 104_750),
        (115_000, 0, 4_250, 6_000, 104_750),
        (115_000, 0, 0, 10_100, 104_900),
        (115_000, 0, 0, 9_800, 105_200),
    ],
)
def test_the_steps_of_a_budget_line(
    revised: int, pre_encumbered: int, encumbered: int, spent: int, available: int
) -> None:
    found = summed(
        line(revised_budget=revised, pre_encumbered=pre_encumbered, encumbered=encumbered, actual=spent)
    )
    assert found.available == available


@pytest.mark.parametrize(
    ("amounts", "wanted"),
    [
        ((100, 30, 50, 90), 10),  # revised - forecast
        ((100, 30, 50, 130), -30),  # negative is over
        ((100, 30, 50, None), 20),  # no forecast: revised - encumbered - actual
        ((100, None, 50, None), None),
        ((100, 30, None, None), None),
        ((None, 30, 50, 90), None),
        ((100, None, None, 90), 10),
    ],
)
def test_variance(amounts: tuple[int | None, ...], wanted: int | None) -> None:
    revised, encumbered, actual, forecast = (None if each is None else D(each) for each in amounts)
    assert variance(revised, encumbered, actual, forecast) == wanted


def test_variance_share_is_undefined_without_a_budget() -> None:
    assert summed(whole(revised_budget=0, forecast=10)).variance_share is None
    assert summed(whole(revised_budget=200, forecast=230)).variance_share == D("-0.15")


def test_an_unknown_part_makes_the_sum_unknown() -> None:
    found = summed(
        whole(revised_budget=100, actual=10, forecast=90),
        whole(revised_budget=50, actual=None, account="6000"),
    )
    assert found.revised_budget == 150
    assert found.actual is None
    assert found.available is None


def test_no_line_is_unknown_not_zero() -> None:
    assert summed() == Budget()


def test_a_column_that_one_ledger_never_fills_comes_from_the_other() -> None:
    planned = line(revised_budget=100, source=Source("plan", "row 1"))
    spent = whole(actual=40, encumbered=5, revised_budget=None, source=Source("books", "row 1"))
    found = summed(planned, spent)
    assert (found.revised_budget, found.actual, found.available, found.variance) == (
        D(100),
        D(40),
        D(55),
        D(55),
    )


def test_budget_and_spending_may_stand_under_different_accounts() -> None:
    planned = line(revised_budget=100, source=Source("plan", "row 1"), account=None)
    spent = whole(actual=40, encumbered=5, source=Source("books", "row 1"))
    assert summed(planned, spent).variance == 55


@pytest.mark.parametrize(
    ("year", "period", "today", "actual"),
    [
        (2027, "006", "2026-11-30", 20),
        (2027, "006", "2026-12-01", None),
        (2027, None, "2026-06-30", 20),
        (2027, None, "2026-07-01", None),
        (2027, "Adj", "2026-06-30", 20),
        (2027, "Adj", "2026-07-01", None),
        (None, None, "2026-06-30", None),
    ],
)
def test_spending_of_a_period_to_come_is_not_missing(
    year: int | None, period: str | None, today: str, actual: int | None
) -> None:
    past = whole(revised_budget=50, actual=20, forecast=50, period="001")
    coming = line(revised_budget=50, forecast=50, fiscal_year=year, period=period)
    assert total([past, coming], calendar=CALENDAR, today=date.fromisoformat(today)).actual == actual


@pytest.mark.parametrize(
    ("available", "pending"),
    [("-500.01", None), ("-500", 500), ("-0.01", 500), ("0", None), ("0.01", None), (None, None)],
)
def test_encumbrances_carried_forward_explain_an_overdrawn_year_up_to_their_amount(
    available: str | None, pending: int | None
) -> None:
    lines = [
        line(period="000", encumbered=300),
        line(period="000", encumbered=200, account="6000"),
        line(period="000", account="7000"),
        line(period="001", encumbered=9000),
    ]
    zero = D(0)
    sums = Budget(
        revised_budget=None if available is None else D(available),
        pre_encumbered=zero,
        encumbered=zero,
        actual=zero,
    )
    assert carry_forward_pending(lines, sums) == pending
    assert carry_forward_pending(lines[-1:], sums) is None


def test_a_forecast_overrun_is_not_hidden_by_an_account_without_forecast() -> None:
    over = whole(revised_budget=100, actual=50, forecast=120)
    silent = whole(revised_budget=100, actual=10, account="6000")
    found = summed(over, silent)
    assert found.forecast is None
    assert found.variance == -20 + 90


def test_year_to_date_amounts_are_replaced_not_added() -> None:
    terms = LedgerTerms(amounts={"ledger": "year_to_date"})
    september, october = whole(actual=30, period="003"), whole(actual=45, period="004")
    other = whole(actual=1, period="003", account="6000")
    last_year = whole(actual=500, period="012", fiscal_year=2026)
    kept = newest([october, september, other, last_year], terms)
    assert sorted(each.actual or D(0) for each in kept) == [1, 45, 500]
    assert newest([september, october], LedgerTerms()) == [september, october]


def test_every_line_of_the_newest_period_of_an_account_is_kept() -> None:
    terms = LedgerTerms(amounts={"ledger": "year_to_date"})
    old, one, two = (
        whole(actual=1, period="003"),
        whole(actual=2, period="004"),
        whole(actual=3, period="004"),
    )
    for lines in ([old, one, two], [one, old, two], [one, two, old]):
        assert newest(lines, terms) == [one, two]


def test_inception_to_date_amounts_keep_the_newest_of_all_years() -> None:
    terms = LedgerTerms(amounts={"ledger": "inception_to_date"})
    kept = newest([whole(actual=500, fiscal_year=2026, period="012"), whole(actual=520, period="001")], terms)
    assert [each.actual for each in kept] == [520]


def test_a_fiscal_year_holds_its_own_lines_and_project_length_ones() -> None:
    capital = whole(actual=7, fiscal_year=2025, source=Source("capital", "row 1"))
    grant = whole(actual=5, fiscal_year=None)
    own, other = whole(actual=1), whole(actual=2, fiscal_year=2026)
    terms = LedgerTerms(project_basis=frozenset({"capital"}))
    assert of_year([capital, grant, own, other], 2027, terms) == [capital, grant, own]


def test_children_add_up_to_their_parent() -> None:
    lines = [
        whole(revised_budget=index * 100, actual=index * 30, forecast=index * 110, fund=f"0{index % 3}")
        for index in range(1, 10)
    ]
    for key in ("fund", "cost_center", "budget_code", "fiscal_year", "period"):
        parts = [summed(*group) for group in by(lines, key).values()]
        assert sum(part.variance or 0 for part in parts) == summed(*lines).variance
        assert sum(part.available or 0 for part in parts) == summed(*lines).available


money = st.decimals(min_value=-(10**9), max_value=10**9, places=2)


@given(revised=money, pre_encumbered=money, encumbered=money, actual=money)
def test_available_and_consumed_make_the_revised_budget(
    revised: D, pre_encumbered: D, encumbered: D, actual: D
) -> None:
    found = Budget(
        revised_budget=revised, pre_encumbered=pre_encumbered, encumbered=encumbered, actual=actual
    )
    assert found.available is not None
    assert found.available + pre_encumbered + encumbered + actual == revised


@pytest.mark.parametrize(
    ("day", "start_month", "end_label", "start_label", "period"),
    [
        ("2026-07-01", 7, 2027, 2026, 1),
        ("2026-06-30", 7, 2026, 2025, 12),
        ("2024-02-29", 7, 2024, 2023, 8),
        ("1999-02-03", 4, 1999, 1998, 11),
        ("2025-10-01", 10, 2026, 2025, 1),
        ("2026-03-15", 1, 2026, 2026, 3),
    ],
)
def test_the_fiscal_calendar(
    day: str, start_month: int, end_label: int, start_label: int, period: int
) -> None:
    on = date.fromisoformat(day)
    assert FiscalCalendar(start_month, 1, "end").year_of(on) == end_label
    assert FiscalCalendar(start_month, 1, "start").year_of(on) == start_label
    assert FiscalCalendar(start_month, 1, "end").period_of(on) == f"{period:03}"


@given(
    day=st.dates(date(1990, 1, 1), date(2060, 12, 31)),
    month=st.integers(1, 12),
    label=st.sampled_from(["start", "end"]),
)
def test_a_period_holds_its_days(day: date, month: int, label: Any) -> None:
    calendar = FiscalCalendar(month, 1, label)
    year, period = calendar.year_of(day), int(calendar.period_of(day))
    following = calendar.first_day(year + 1) if period == 12 else period_start(calendar, year, period + 1)
    assert period_start(calendar, year, period) <= day < following


def test_closing_and_carried_forward_periods_have_the_years_last_and_first_day() -> None:
    assert period_start(CALENDAR, 2027, 0) == date(2026, 7, 1)
    assert {period_start(CALENDAR, 2027, special) for special in (13, 16)} == {date(2027, 6, 30)}


def test_a_line_keeps_its_amounts_when_grouped() -> None:
    first = whole(actual=1)
    second = replace(first, period="001")
    assert by([first, second], "budget_code", "period") == {
        ("1402", None): [first],
        ("1402", "001"): [second],
    }
