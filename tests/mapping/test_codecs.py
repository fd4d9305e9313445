"""Codecs: what they read, what they refuse, and the law decode(encode(x)) == x."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.fiscal import FiscalCalendar
from mapping.codecs import CODECS, BadValueError, Context

CITY = Context(ZoneInfo("America/New_York"), "USD", FiscalCalendar(), ZoneInfo("America/New_York"))
UTC_SOURCE = Context(ZoneInfo("America/New_York"), "USD", FiscalCalendar(), ZoneInfo("UTC"))
CENTS = st.integers(-(10**16), 10**16).map(lambda cents: Decimal(cents).scaleb(-2))
WORDS = (
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1).map(str.strip).filter(bool)
)
SINGLE = WORDS.filter(lambda word: not set(word) & set(";,|\n"))
LAWS: dict[str, st.SearchStrategy[Any]] = {
    "text": WORDS,
    "texts": st.lists(SINGLE, unique=True).map(tuple),
    "flag": st.booleans(),
    "document": st.lists(st.integers()),
    "amount": CENTS.filter(lambda value: abs(value) < 10**15),
    "number": st.decimals(-(10**9), 10**9, allow_nan=False, places=6),
    "integer": st.integers(-(10**9) + 1, 10**9 - 1),
    "share": st.decimals(0, 1, allow_nan=False, places=4),
    "percent": st.decimals(0, 1, allow_nan=False, places=6),
    "hours": st.decimals(0, 10**6, allow_nan=False, places=4),
    "period": st.integers(0, 16).map(lambda number: f"{number:03d}"),
    "date": st.dates(),
    "datetime": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    "fiscal_year": st.integers(1000, 9999),
    "month": st.dates().map(lambda day: day.isoformat()[:7]),
}


def decode(name: str, value: Any, context: Context = CITY, form: str | None = None) -> Any:
    return CODECS[name].decode(value, context, form)


def test_every_codec_has_its_law() -> None:
    assert set(LAWS) == set(CODECS)


@pytest.mark.parametrize("name", sorted(LAWS))
@given(data=st.data())
def test_what_was_encoded_is_decoded_to_the_same(name: str, data: st.DataObject) -> None:
    value = data.draw(LAWS[name])
    assert decode(name, CODECS[name].encode(value, CITY, None)) == value


@given(st.dates(date(1000, 1, 1)))
def test_the_law_holds_with_a_format(day: date) -> None:
    form = "%d/%m/%Y"
    assert decode("date", CODECS["date"].encode(day, CITY, form), form=form) == day


@pytest.mark.parametrize("name", sorted(set(CODECS) - {"document"}))
@given(value=st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.text()))
def test_a_codec_reads_a_value_or_gives_a_reason(name: str, value: Any) -> None:
    try:
        decode(name, value)
        reason = "none is needed"
    except BadValueError as error:
        reason = str(error)
    assert reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1234.5", "1234.50"),
        ("1,234.50", "1234.50"),
        ("12,345,678.90", "12345678.90"),
        ("$1,234.50", "1234.50"),
        ("-$5", "-5.00"),
        ("$-5", "-5.00"),
        ("(1,234.50)", "-1234.50"),
        ("($5.00)", "-5.00"),
        ("$(5.00)", "refused"),
        ("135.48-", "-135.48"),
        ("-135.48-", "refused"),
        ("(-5)", "refused"),
        ("5 CR", "-5.00"),
        ("5CR", "-5.00"),
        ("5 DR", "5.00"),
        ("(5) CR", "refused"),
        ("USD 5.00", "5.00"),
        ("5.00 USD", "5.00"),
        ("EUR 5.00", "refused"),
        ("\u22125.00", "-5.00"),
        ("1,23", "refused"),
        ("1.234,56", "refused"),
        ("1,2345.00", "refused"),
        ("1e5", "refused"),
        ("5.005", "refused"),
        ("5.5000", "5.50"),
        ("-", "refused"),
        (".", "refused"),
        ("n/a", "refused"),
        ("=1+1", "refused"),
        ("\u0661\u0662", "refused"),
        ("9" * 16, "refused"),
        ("1" * 15, "111111111111111.00"),
        (Decimal("0.1"), "0.10"),
        (5, "5.00"),
        (1234.5600000000001, "1234.56"),
        (0.005, "refused"),
        (float("nan"), "refused"),
        (float("inf"), "refused"),
        (Decimal("1e999999"), "refused"),
        (True, "refused"),
        (["5"], "refused"),
    ],
)
def test_amounts(text: Any, expected: str) -> None:
    try:
        found = str(decode("amount", text))
    except BadValueError:
        found = "refused"
    assert found == expected


@pytest.mark.parametrize(
    ("codec", "value", "expected"),
    [
        ("share", "0.45", Decimal("0.45")),
        ("share", "45%", Decimal("0.45")),
        ("share", "45", None),
        ("share", 1, Decimal(1)),
        ("percent", "45", Decimal("0.45")),
        ("percent", 45.5, Decimal("0.455")),
        ("percent", "45 %", Decimal("0.45")),
        ("percent", "101", None),
        ("percent", -1, None),
        ("hours", 5400, Decimal("1.5")),
        ("hours", "1970-01-02 01:30:00", Decimal("25.5")),
        ("integer", "12", 12),
        ("integer", "1.5", None),
        ("integer", Decimal("3.0"), 3),
        ("period", "3", "003"),
        ("period", "P13", "013"),
        ("period", 0, "000"),
        ("period", "17", None),
        ("period", "July", None),
        ("fiscal_year", "2027", 2027),
        ("fiscal_year", 2027, 2027),
        ("fiscal_year", Decimal("2027.0"), 2027),
        ("fiscal_year", "FY27", 2027),
        ("fiscal_year", "FY15-16", 2016),
        ("fiscal_year", "2015/2016", 2016),
        ("fiscal_year", "FY15-17", None),
        ("fiscal_year", "2026-07-01", 2027),
        ("fiscal_year", "next", None),
        ("month", "2026-07", "2026-07"),
        ("month", "2026-08-01T02:00:00Z", "2026-07"),
        ("month", "2026-13", None),
        ("flag", "Yes", True),
        ("flag", "0", False),
        ("flag", "perhaps", None),
        ("texts", "1402; 1403,1402", ("1402", "1403")),
        ("texts", ["a", None, "a", " b "], ("a", "b")),
        ("text", {"value": "Green"}, "Green"),
        ("text", {"display_value": "Ada", "value": "u1", "link": "x"}, "Ada"),
        ("text", {"link": "x", "value": "u1"}, "u1"),
        ("text", {"errorMessage": "x"}, None),
        ("text", ["a"], None),
        ("text", "nul\x00 lone\ud800", "nul\ufffd lone\ufffd"),
    ],
)
def test_readings(codec: str, value: Any, expected: Any) -> None:
    try:
        found = decode(codec, value)
    except BadValueError:
        found = None
    assert found == expected


@pytest.mark.parametrize(
    ("value", "context", "form", "expected"),
    [
        ("2026-07-01", CITY, None, date(2026, 7, 1)),
        ("2026-07-01T03:00:00.000Z", CITY, None, date(2026, 6, 30)),
        ("2026-07-01T03:00:00.000+0000", CITY, None, date(2026, 6, 30)),
        ("2026-07-01 03:00:00", CITY, None, date(2026, 7, 1)),
        ("2026-07-01 03:00:00", UTC_SOURCE, None, date(2026, 6, 30)),
        ("01/07/2026", CITY, "%d/%m/%Y", date(2026, 7, 1)),
        ("2026-07-01T00:00:00Z", CITY, "%Y-%m-%dT%H:%M:%SZ", date(2026, 7, 1)),
        (datetime(2026, 7, 1, 3, tzinfo=UTC), CITY, None, date(2026, 6, 30)),
        (date(2026, 7, 1), CITY, None, date(2026, 7, 1)),
        ("2024-02-29", CITY, None, date(2024, 2, 29)),
        ("2026-02-29", CITY, None, None),
        ("07/01/2026", CITY, None, None),
        ("20260701", CITY, None, None),
        ("2026-W01-1", CITY, None, None),
        (1782864000, CITY, None, None),
    ],
)
def test_days(value: Any, context: Context, form: str | None, expected: date | None) -> None:
    try:
        found = decode("date", value, context, form)
    except BadValueError:
        found = None
    assert found == expected


@pytest.mark.parametrize(
    ("value", "context", "expected"),
    [
        ("2026-07-01T03:00:00.5Z", CITY, datetime(2026, 7, 1, 3, 0, 0, 500000, tzinfo=UTC)),
        ("2024-01-05T10:11:12.000-0700", CITY, datetime(2024, 1, 5, 17, 11, 12, tzinfo=UTC)),
        ("2015-03-30T18:36:49.2407981Z", CITY, datetime(2015, 3, 30, 18, 36, 49, 240798, tzinfo=UTC)),
        ("2026-07-01 03:00:00", UTC_SOURCE, datetime(2026, 7, 1, 3, tzinfo=UTC)),
        ("2026-07-01 03:00:00", CITY, datetime(2026, 7, 1, 7, tzinfo=UTC)),
        ("2026-07-01", CITY, datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("2026-11-01 01:30:00", CITY, datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("yesterday", CITY, None),
        ("0001-01-01T00:00:00+14:00", CITY, None),
    ],
)
def test_instants(value: str, context: Context, expected: datetime | None) -> None:
    try:
        found = decode("datetime", value, context)
    except BadValueError:
        found = None
    assert found == expected


def test_an_atlassian_document_becomes_its_text() -> None:
    document = {
        "type": "doc",
        "version": 1,
        "content": [
            {
                "type": "paragraph",
                "content": [{"type": "text", "text": "Ask "}, {"type": "mention", "attrs": {"text": "@Ada"}}],
            },
            {
                "type": "unknown",
                "content": [{"type": "paragraph", "content": [{"type": "text", "text": "second"}]}],
            },
        ],
    }
    assert decode("text", document) == "Ask @Ada\nsecond"
