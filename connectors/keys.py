"""Natural keys as one identity text, and amounts as the ledgers write them."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

_PLAIN = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d+)?")


def natural_id(values: Iterable[str]) -> str:
    """The parts of a natural key joined by `/`; a `/` or `%` inside a part is percent-encoded, so no two keys meet."""
    return "/".join(value.replace("%", "%25").replace("/", "%2F") for value in values)


def natural_parts(identity: str) -> tuple[str, ...]:
    """The parts that `natural_id` joined."""
    return tuple(part.replace("%2F", "/").replace("%25", "%") for part in identity.split("/"))


def amount(text: str) -> Decimal:
    """An amount as ledgers write it, for control totals: `1,234.56`, `(1,234.56)`, `1,234.56-`, `$5`; blank and `-` are 0.

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
