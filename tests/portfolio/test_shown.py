"""How figures are rounded and written: to the cent half up, a share away from its limit, zero without a sign."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from portfolio import shown
from portfolio.document import cents

D = Decimal


@pytest.mark.parametrize(
    ("value", "amount", "money", "plain"),
    [
        ("0", "0.00", "USD 0.00", "0"),
        ("0.0049", "0.00", "USD 0.00", "0"),
        ("0.005", "0.01", "USD 0.01", "0.01"),
        ("-0.005", "-0.01", "USD -0.01", "-0.01"),
        ("80", "80.00", "USD 80.00", "80"),
        ("100", "100.00", "USD 100.00", "100"),
        ("35.104", "35.10", "USD 35.10", "35.1"),
        ("1234567.895", "1234567.90", "USD 1,234,567.90", "1234567.9"),
    ],
)
def test_an_amount_is_rounded_half_up_to_the_cent(value: str, amount: str, money: str, plain: str) -> None:
    assert shown.amount(D(value)) == str(cents(D(value))) == amount
    assert shown.money(D(value), "USD") == money
    assert shown.plain(D(value)) == plain


def test_what_rounds_to_nothing_carries_no_sign() -> None:
    nearly = D("-0.00000001")
    assert (shown.amount(nearly), shown.plain(nearly), str(shown.rounded(nearly))) == ("0.00", "0", "0")
    assert (shown.percent(D("-0")), str(cents(nearly))) == ("0%", "0.00")


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("0.1234564", "0.123456"), ("0.1234565", "0.123457"), ("1.50", "1.5"), ("100", "100"), ("-0.1", "-0.1")],
)
def test_a_share_has_at_most_six_places(value: str, rounded: str) -> None:
    assert str(shown.rounded(D(value))) == rounded
    assert shown.number(D(value)) == float(rounded)


@pytest.mark.parametrize(
    ("share", "words"),
    [("0.15", "15%"), ("0.150001", "15.01%"), ("-0.150001", "-15.01%"), ("0", "0%"), ("1", "100%")],
)
def test_a_share_past_its_limit_never_reads_as_the_limit(share: str, words: str) -> None:
    assert shown.percent(D(share)) == words


@pytest.mark.parametrize(("value", "words"), [("0.95", "0.950"), ("0.9499999", "0.949"), ("1", "1.000")])
def test_an_index_below_its_limit_never_reads_as_the_limit(value: str, words: str) -> None:
    assert shown.index(D(value)) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 days"), (1, "1 day"), (2, "2 days")])
def test_days_are_counted_in_words(count: int, words: str) -> None:
    assert shown.days(count) == words


def test_what_is_unknown_stays_unknown_and_days_and_instants_are_iso() -> None:
    assert [each(None) for each in (shown.amount, shown.number, shown.rounded)] == [None] * 3
    assert (shown.instant(None), shown.day(None), shown.number(7)) == (None, None, 7)
    assert shown.day(date(2026, 11, 21)) == "2026-11-21"
    there = timezone(timedelta(hours=-5))
    assert shown.instant(datetime(2026, 11, 21, 7, 0, 1, 5, tzinfo=there)) == "2026-11-21T12:00:01Z"
    assert shown.instant(datetime(2026, 11, 21, 12, tzinfo=UTC)) == "2026-11-21T12:00:00Z"
