"""Numbers out of source values: strict, exact, never through a binary float."""

import re
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from mapping.bad_value import BadValueError

CENT = Decimal("0.01")
MAX_DIGITS = 15
"""Digits before the point of an amount: what a ledger can hold and 64-bit minor units too."""
NUMBER_DIGITS = 12
"""Digits before the point of any other number: 64-bit millionths hold them."""
INTEGER_DIGITS = 9

_SYMBOLS = "$€£¥"
_MEANT = {"€": ("EUR",), "£": ("GBP", "GIP", "FKP", "SHP", "EGP"), "¥": ("JPY", "CNY")}
_WITHOUT_DOLLARS = ("EUR", "GBP", "JPY", "CNY", "CHF")
_AMOUNT = re.compile(r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]*)?|\.[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_CODE = re.compile(r"([A-Z]{3})\s*(?=[-(0-9$.])|(?<=[0-9).-])\s*([A-Z]{3})")
_SIDE = re.compile(r"\s*(CR|DR)\.?", re.IGNORECASE)
_CLOCK = re.compile(r"197\d-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
"""A duration as a time since 1970; one of ten years is a date."""


def _exact(value: Any) -> Decimal | None:
    """A number that already is one, as Decimal; None for anything else."""
    if isinstance(value, bool):
        raise BadValueError("true or false where a number belongs")
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, Decimal):
        found = value
    elif isinstance(value, float):
        found = Decimal(repr(value))
    else:
        return None
    if not found.is_finite():
        raise BadValueError("not a finite number")
    return found


def _bounded(value: Decimal, digits: int) -> Decimal:
    if value and value.adjusted() >= digits:
        raise BadValueError(f"more than {digits} digits")
    return value + Decimal(0) if value else Decimal(0)


def number(value: Any) -> Decimal:
    """A plain decimal number."""
    found = _exact(value)
    if found is None:
        if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
            raise BadValueError("not a number")
        found = Decimal(value.strip())
    return _bounded(found, NUMBER_DIGITS)


def integer(value: Any) -> int:
    """A whole number."""
    found = number(value)
    if found != found.to_integral_value():
        raise BadValueError("not a whole number")
    return int(_bounded(found, INTEGER_DIGITS))


def amount(value: Any, currency: str) -> Decimal:
    """An amount of money, in `currency`, to the cent.

    Understands `1,234.50`, `$1,234.50`, `(1,234.50)`, `1,234.50-`, `1,234.50 CR` (negative) and `DR`, and
    the currency's own code or sign. Another currency, a comma that groups no thousands, or a fraction of a cent is
    refused.
    """
    found = _exact(value)
    if found is not None:
        cents = found.quantize(CENT, ROUND_HALF_EVEN) if abs(found) < Decimal(10) ** MAX_DIGITS else found
        noise = isinstance(value, float) and abs(found - cents) < Decimal("0.000001")
        return _cents(cents if noise else found)
    if not isinstance(value, str):
        raise BadValueError("not an amount")
    return _cents(_amount_text(value.replace("\u2212", "-").replace("\u00a0", " ").strip(), currency))


def _amount_text(text: str, currency: str) -> Decimal:
    code = _CODE.search(text)
    if code and (code[1] or code[2]) != currency:
        raise BadValueError(f"an amount in {code[1] or code[2]}, not in {currency}")
    for symbol in _SYMBOLS:
        if symbol in text and not _may_mean(symbol, currency):
            raise BadValueError(f"an amount in {symbol}, not in {currency}")
    text = (text[: code.start()] + text[code.end() :] if code else text).strip()
    signs = 0
    if side := _SIDE.search(text):
        if side.end() != len(text):
            raise BadValueError("not an amount")
        text, signs = text[: side.start()].strip(), int(side[1].upper() == "CR")
    if text.startswith("(") and text.endswith(")"):
        text, signs = text[1:-1].strip(), signs + 1
    if text.endswith("-"):
        text, signs = text[:-1].strip(), signs + 1
    symbols = 0
    while text[:1] and text[0] in f"+-{_SYMBOLS}":
        signs += text[0] == "-"
        symbols += text[0] != "-"
        text = text[1:].strip()
    if text[-1:] and text[-1] in _SYMBOLS:
        text, symbols = text[:-1].strip(), symbols + 1
    if signs > 1 or symbols > 1 or not _AMOUNT.fullmatch(text):
        raise BadValueError("not an amount")
    found = Decimal(text.replace(",", ""))
    return -found if signs else found


def _may_mean(symbol: str, currency: str) -> bool:
    return currency in _MEANT[symbol] if symbol in _MEANT else currency not in _WITHOUT_DOLLARS


def _cents(value: Decimal) -> Decimal:
    value = _bounded(value, MAX_DIGITS)
    if value != value.quantize(CENT):
        raise BadValueError("a fraction of a cent")
    return value.quantize(CENT)


def share(value: Any) -> Decimal:
    """A share from 0 to 1: `0.45`, or `45%`. A bare `45` is refused: its rule says `convert: percent`."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return percent(value)
    found = number(value)
    if not 0 <= found <= 1:
        raise BadValueError("not between 0 and 1 (percentages need convert: percent)")
    return found


def percent(value: Any) -> Decimal:
    """A share from percentage points: `45` or `45%` is 0.45."""
    found = number(value.strip().removesuffix("%") if isinstance(value, str) else value)
    if not 0 <= found <= 100:  # noqa: PLR2004 - a hundred per cent
        raise BadValueError("not between 0 and 100 per cent")
    return found.scaleb(-2)


def hours(value: Any) -> Decimal:
    """Hours to four places, from seconds (Jira) or a duration counted as a time since 1970 (ServiceNow)."""
    if isinstance(value, str) and _CLOCK.fullmatch(value.strip()):
        try:
            length = datetime.fromisoformat(value.strip()) - datetime(1970, 1, 1)  # noqa: DTZ001 - a length of time
        except ValueError:
            raise BadValueError("not a duration") from None
        seconds = Decimal(length.days * 86400 + length.seconds)
    else:
        seconds = number(value)
    return (seconds / 3600).quantize(Decimal("0.0001"))


def period(value: Any) -> str:
    """An accounting period `000` to `016`, from `1`, `01`, `P01`, `001` or a number."""
    text = value.strip().upper().removeprefix("P") if isinstance(value, str) else value
    found = integer(text)
    if not 0 <= found <= 16:  # noqa: PLR2004 - 12 months and the closing periods
        raise BadValueError("not a period from 000 to 016")
    return f"{found:03d}"
