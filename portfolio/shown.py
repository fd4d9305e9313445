"""How figures stand in sentences and in the report document."""

from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal

_CENT = Decimal("0.01")
_SIX_PLACES = Decimal("0.000001")


def amount(value: Decimal | None) -> str | None:
    """Money as the document's decimal string with two places."""
    return None if value is None else str(value.quantize(_CENT, ROUND_HALF_UP) + 0)


def number(value: Decimal | int | None) -> float | int | None:
    """A share or an index as a JSON number with at most six places."""
    if value is None or isinstance(value, int):
        return value
    return float(rounded(value) or 0)


def rounded(value: Decimal | None) -> Decimal | None:
    """A share or an index with at most six places."""
    return None if value is None else value.quantize(_SIX_PLACES, ROUND_HALF_UP).normalize() + 0


def figure(value: Decimal, rounding: str) -> str:
    """A figure in a sentence, with at most six places and none in vain, rounded as `decimal` names it."""
    return f"{value.quantize(_SIX_PLACES, rounding).normalize() + 0:f}"


def instant(value: datetime | None) -> str | None:
    """An instant as UTC ISO 8601 with Z."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def day(value: date | None) -> str | None:
    """A day as YYYY-MM-DD."""
    return None if value is None else value.isoformat()


def money(value: Decimal, currency: str) -> str:
    """An amount in a sentence: `USD 1,234.50`."""
    return f"{currency} {value.quantize(_CENT, ROUND_HALF_UP):,}"


def percent(share: Decimal) -> str:
    """A share in a sentence: `12.5%`.

    Rounded away from zero, so that what is past a limit never reads as being at it.
    """
    return f"{(share * 100).quantize(_CENT, ROUND_UP).normalize() + 0:f}%"


def index(value: Decimal) -> str:
    """An index in a sentence: `0.857`.

    Rounded down, so that what is below a limit never reads as being at it.
    """
    return str(value.quantize(Decimal("0.001"), ROUND_DOWN))


def days(count: int) -> str:
    """A number of days in a sentence: `1 day`, `30 days`."""
    return f"{count} day" if count == 1 else f"{count} days"


def plain(value: Decimal | int) -> str:
    """A quantity in a sentence, at most two digits after the point and none in vain: `80`, `35.1`."""
    return f"{Decimal(value).quantize(_CENT, ROUND_HALF_UP).normalize() + 0:f}"
