"""Days (of the portfolio's time zone) and instants (aware UTC) out of source values."""

import re
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from mapping.bad_value import BadValueError

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?\s?(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)
_YEAR = re.compile(r"(?:FY|FISCAL YEAR)?\s*(\d{4}|\d\d)", re.ASCII | re.IGNORECASE)
_YEARS = re.compile(
    r"(?:FY|FISCAL YEAR)?\s*(\d{4}|\d\d)\s*[-/]\s*(?:FY)?\s*(\d{4}|\d\d)", re.ASCII | re.IGNORECASE
)
_CENTURY = 2000


def instant(value: Any, zone: ZoneInfo, naive: ZoneInfo, form: str | None) -> datetime:
    """An instant as aware UTC. A time without a zone is read in `naive`, a bare day starts in `zone`."""
    found = _read(value, form)
    if not isinstance(found, datetime):
        return datetime(found.year, found.month, found.day, tzinfo=zone).astimezone(UTC)
    return _utc(found if found.tzinfo else found.replace(tzinfo=naive))


def day(value: Any, zone: ZoneInfo, naive: ZoneInfo, form: str | None) -> date:
    """A day. An instant is the day it falls on in `zone`; with `form`, a text is the day that it names."""
    found = _read(value, form)
    if not isinstance(found, datetime):
        return found
    if found.tzinfo is None:
        if form or naive is zone:
            return found.date()
        found = found.replace(tzinfo=naive)
    try:
        return found.astimezone(zone).date()
    except OverflowError:
        raise BadValueError("a time out of range") from None


def _utc(value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise BadValueError("a time out of range") from None


def _read(value: Any, form: str | None) -> date | datetime:
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise BadValueError("not a date or time (a number does not say what it counts)")
    text = value.strip()
    try:
        if form:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone comes from the context
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        if _INSTANT.fullmatch(text):
            if " " in text or not text.isupper():
                text = text.upper().replace(",", ".").replace(" +", "+").replace(" Z", "Z")
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    wanted = f"like {form}" if form else "YYYY-MM-DD or ISO 8601 (other texts need format:)"
    raise BadValueError(f"not a date {wanted}")


def instant_text(value: datetime) -> str:
    """An instant as ISO 8601 in UTC with `Z`."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def fiscal_year(value: Any, label: Literal["end", "start"]) -> int | None:
    """The label named by `2027`, `FY27`, `FY2026-27` or a number; None if it is no label (a day, perhaps)."""
    if isinstance(value, bool):
        raise BadValueError("not a fiscal year")
    if isinstance(value, float) or (
        not isinstance(value, str | date) and hasattr(value, "to_integral_value")
    ):
        value = str(value).removesuffix(".0")
    text = str(value).strip() if isinstance(value, int | str) else ""
    if found := _YEAR.fullmatch(text):
        return _year(found[1])
    if found := _YEARS.fullmatch(text):
        first, last = _year(found[1]), _year(found[2])
        if last != first + 1:
            raise BadValueError("not two years in a row")
        return last if label == "end" else first
    if not isinstance(value, str | date):
        raise BadValueError("not a fiscal year")
    return None


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) > 2 else year + _CENTURY  # noqa: PLR2004 - two digits mean this century
