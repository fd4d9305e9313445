"""Amounts, exactly: as ledgers write them in text, and as binary fractions give them away."""

import re
from decimal import Decimal, InvalidOperation

_PLAIN = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?")
_EXACT_LIMIT = 10**15
_CENTS_SURE_LIMIT = 9 * 10**12


def amount(text: str) -> Decimal:
    """An amount as ledgers write it, for control totals.

    `1,234.56`, `(1,234.56)`, `1,234.56-`, `$5`; blank and `-` are 0.
    Raises ValueError for anything else: nothing is guessed.
    """
    cleaned = text.strip().replace("$", "").strip()
    if cleaned in {"", "-"}:
        return Decimal(0)
    negative = cleaned.startswith("(") and cleaned.endswith(")")
    if negative:
        cleaned = cleaned[1:-1].strip()
    elif cleaned.endswith("-"):
        negative, cleaned = True, cleaned[:-1].strip()
    if not _PLAIN.fullmatch(cleaned):
        raise ValueError(f"{text!r} is no amount")
    try:
        number = Decimal(cleaned.replace(",", ""))
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount") from None
    return -number if negative else number


def from_float(number: float) -> Decimal:
    """The decimal number that a 15-digit program (a spreadsheet, SQLite's REAL) meant by a binary fraction.

    Raises ValueError where the cents cannot be known any more: beyond 15 digits, or not finite.
    """
    exact = Decimal(repr(number))
    if not exact.is_finite() or abs(exact) >= _EXACT_LIMIT:
        raise ValueError("more digits than this kind of number keeps (15): send it as text")
    kept = Decimal(f"{number:.15g}")
    if exact != kept and abs(exact) >= _CENTS_SURE_LIMIT:
        raise ValueError("its last digits are lost (this kind of number keeps 15): send it as text")
    return kept


def plain_text(number: Decimal) -> str:
    """The number without exponent and without trailing zeros."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
