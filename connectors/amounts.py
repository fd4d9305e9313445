"""Amounts, exactly: as ledgers write them in text, and as binary fractions give them away."""

import re
from decimal import Decimal

_PLAIN = re.compile(r"\+?(?:(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]*)?|\.[0-9]+)")
_SIDE = re.compile(r"\s*(CR|DR)\.?$", re.IGNORECASE)
_EXACT_LIMIT = 10**15
_CENTS_SURE_LIMIT = 9 * 10**12


def amount(text: str) -> Decimal:
    """An amount as ledgers write it, for control totals.

    `1,234.56`, `(1,234.56)`, `1,234.56-`, `-1,234.56`, `$5`, `1,234.56 CR` (negative) and `DR`; blank and `-` are 0.
    Raises ValueError for anything else, two signs too: nothing is guessed.
    """
    cleaned = text.replace("$", "", 1).strip()
    if cleaned in {"", "-"}:
        return Decimal(0)
    signs = 0
    if side := _SIDE.search(cleaned):
        cleaned, signs = cleaned[: side.start()].strip(), int(side[1].upper() == "CR")
    if cleaned.startswith("(") and cleaned.endswith(")"):
        cleaned, signs = cleaned[1:-1].strip(), signs + 1
    if cleaned.endswith("-"):
        cleaned, signs = cleaned[:-1].strip(), signs + 1
    if cleaned.startswith("-"):
        cleaned, signs = cleaned[1:].strip(), signs + 1
    if signs > 1 or not _PLAIN.fullmatch(cleaned):
        raise ValueError(f"{text!r} is no amount")
    number = Decimal(cleaned.replace(",", ""))
    return -number if signs else number


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
