"""The words, signs and number formats that people see: the same in every format of the report."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

COLOUR_WORDS = {
    "green": "Green",
    "amber": "Amber",
    "red": "Red",
    "approved_change": "Approved change",
    "unknown": "Unknown",
}

COLOUR_SIGNS = {"green": "●", "amber": "▲", "red": "◆", "approved_change": "■", "unknown": "○"}
"""One shape per colour, for those who see no colour."""

DIMENSION_WORDS = {
    "overall": "Overall",
    "schedule": "Schedule",
    "cost": "Cost",
    "scope": "Scope",
    "quality": "Quality",
}

NONE = "\N{EN DASH}"
"""Stands for unknown wherever a figure would stand."""


def words(value: Any) -> str:
    """A stored word for people: `in_progress` becomes `In progress`; unknown is a dash."""
    text = str(value).replace("_", " ") if value not in (None, "") else ""
    return text[:1].upper() + text[1:] if text else NONE


def not_kept(row: Mapping[str, Any], rules: Sequence[str]) -> str:
    """The rules of governance that are not kept everywhere they are asked, with how often: `Gates kept 1 of 2`."""
    told = [
        f"{words(rule)} {row[rule]['met']} of {row[rule]['of']}"
        for rule in rules
        if row[rule]["met"] < row[rule]["of"]
    ]
    return ", ".join(told) or NONE


def colour_word(value: Any) -> str:
    """The name of a status colour; anything else that was declared, in its own words."""
    return COLOUR_WORDS.get(value) or words(value)


def number(value: Any) -> Decimal | None:
    """The value as Decimal, or None when it is no number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def money(value: Any) -> str:
    """A whole amount with thousands separators: `-1,234,568`. Rounded for reading only."""
    amount = number(value)
    return NONE if amount is None else _minus(f"{amount.quantize(Decimal(1), ROUND_HALF_EVEN):,}")


def exact_money(value: Any) -> str:
    """An amount to the cent with thousands separators, for what has to tie out: `-1,234,567.80`."""
    amount = number(value)
    return NONE if amount is None else _minus(f"{amount:,.2f}")


def short_money(value: Any, sign: str = "") -> str:
    """An amount in three or four signs: `1.24M`, `985K`, `-$12.3K`. `sign` is the currency's."""
    amount = number(value)
    if amount is None:
        return NONE
    before = ("-" if amount < 0 else "") + sign
    amount = abs(amount)
    for limit, letter in ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K")):
        if amount >= limit:
            scaled = amount / limit
            digits = 2 if scaled < 10 else 1 if scaled < 100 else 0  # noqa: PLR2004 - significant digits
            return _minus(f"{before}{scaled:.{digits}f}{letter}")
    return _minus(f"{before}{amount:.0f}")


def percent(value: Any, digits: int = 0) -> str:
    """A share as per cent: 0.15 is `15%`."""
    share = number(value)
    return NONE if share is None else _minus(f"{share * 100:.{digits}f}%")


def signed_percent(value: Any) -> str:
    """A share with its sign and one digit: 0.153 is `+15.3%`."""
    share = number(value)
    return NONE if share is None else _minus(f"{share * 100:+.1f}%")


def signed_days(value: Any) -> str:
    """A number of days with its sign: `+31 d`."""
    days = number(value)
    return NONE if days is None else _minus(f"{days:+.0f} d")


def index(value: Any) -> str:
    """An earned-value index with two digits."""
    found = number(value)
    return NONE if found is None else f"{found:.2f}"


def quantity(value: Any) -> str:
    """A number of hours or points with at most one digit: `1,234.5`, `80`."""
    found = number(value)
    if found is None:
        return NONE
    short = found.quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    return _minus(f"{short:,.0f}" if short == short.to_integral_value() else f"{short:,.1f}")


def unit_value(value: Any, unit: str) -> str:
    """A metric in its unit: `85%`, `12.5 d`, `0.4 a year`."""
    if number(value) is None:
        return NONE
    if unit == "share":
        return percent(value)
    return f"{quantity(value)} d" if unit == "days" else f"{index(value)} a year"


def moves(row: Mapping[str, Any], *, held: bool) -> str:
    """How a project's rank moved since the last review: `↑3`, `↓1`, `=`, `new`; a dash where no review was held."""
    if row["moved"] is None:
        return "new" if held and row["score_before"] is None else NONE
    return f"{'↑' if row['moved'] > 0 else '↓'}{abs(row['moved'])}" if row["moved"] else "="


def remarks(scenario: Mapping[str, Any]) -> list[str]:
    """What has to be known to read a what-if scenario rightly."""
    said = []
    if scenario["assumed"]:
        said.append(
            f"The capacity of {plural(scenario['assumed'], 'person-month')} is assumed: nobody states it."
        )
    if scenario["unknown"]:
        whole = plural(scenario["unknown"], "part")
        said.append(f"{whole} of the plan cannot count: hours or capacity are unknown.")
    return said


def short_word(value: Any) -> str:
    """An input of a score, short: a long number as `1.24M`, anything else on one line."""
    found = number(value)
    return short_money(found) if found is not None and abs(found) >= 1000 else line(value)  # noqa: PLR2004


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def day(value: Any) -> str:
    """A day as `3 Oct 2026`. Other text is shown as it is."""
    found = _date(value)
    return f"{found.day} {found:%b %Y}" if found else str(value or NONE)


def month(value: Any) -> str:
    """A month or the month of a day, as `Oct 2026`. Other text is shown as it is."""
    found = _date(f"{str(value)[:7]}-01")
    return f"{found:%b %Y}" if found else str(value or NONE)


def instant(value: Any) -> str:
    """An instant as `3 Oct 2026, 14:05 UTC`."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or NONE)
    return f"{found.day} {found:%b %Y, %H:%M} UTC"


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def age(seconds: Any) -> str:
    """How long ago: `4 min`, `7 h`, `3 d`."""
    found = number(seconds)
    if found is None:
        return NONE
    for size, sign in ((86400, "d"), (3600, "h"), (60, "min")):
        if found >= size:
            return f"{int(found // size)} {sign}"
    return f"{int(found)} s"


def plural(count: Any, noun: str) -> str:
    """`1 project`, `12 projects`; `1 day`, `3 days`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def line(value: Any) -> str:
    """Any value on one line: lists joined, mappings as `key: value`, unknown a dash."""
    if value is None or value in ("", [], {}):
        return NONE
    if isinstance(value, Mapping):
        return ", ".join(f"{words(key).lower()}: {line(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(line(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())


def printable(text: str) -> str:
    """The text without control characters and signs that turn the direction of writing; line ends stay."""
    return "".join(
        sign for sign in text if sign == "\n" or (unicodedata.category(sign) != "Cc" and sign not in _TURNS)
    )


_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def safe_url(value: Any) -> str | None:
    """The address if it is one a page may link to: http or https, nothing else."""
    text = str(value or "").strip()
    return text if text.casefold().startswith(("https://", "http://")) else None
