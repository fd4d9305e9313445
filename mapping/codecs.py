"""Codecs: how a source value becomes a typed value, and how that is written as text again.

For every codec and every value `x` of its own kind, `decode(encode(x)) == x`. A codec never guesses: what it
cannot read for certain raises `BadValueError` with the reason. An empty source value never reaches a codec.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from config.fiscal import FiscalCalendar
from mapping import days, numbers, texts
from mapping.bad_value import BadValueError

__all__ = ["CODECS", "BadValueError", "Codec", "Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """What the portfolio says about time and money.

    `zone` is the portfolio's time zone, in which days are counted; `naive` that of source times without one.
    """

    zone: ZoneInfo
    currency: str
    calendar: FiscalCalendar
    naive: ZoneInfo


@dataclass(frozen=True, slots=True)
class Codec:
    """A decode/encode pair. `format` is the strptime format of text dates, where one is declared."""

    name: str
    decode: Callable[[Any, Context, str | None], Any]
    encode: Callable[[Any, Context, str | None], Any]


def _plain(decode: Callable[[Any], Any], encode: Callable[[Any], Any]) -> tuple[Any, Any]:
    """A pair that needs neither context nor format."""
    return (lambda value, _context, _format: decode(value)), (lambda value, _context, _format: encode(value))


def _decimal(value: Decimal) -> str:
    return format(value, "f")


def _as_instant(value: Any, context: Context, form: str | None) -> datetime:
    return days.instant(value, context.zone, context.naive, form)


def _as_day(value: Any, context: Context, form: str | None) -> date:
    return days.day(value, context.zone, context.naive, form)


def _write_instant(value: datetime, context: Context, form: str | None) -> str:
    return value.astimezone(context.naive).strftime(form) if form else days.instant_text(value)


def _write_day(value: date, _context: Context, form: str | None) -> str:
    return value.strftime(form) if form else value.isoformat()


def _as_amount(value: Any, context: Context, _format: str | None) -> Decimal:
    return numbers.amount(value, context.currency)


def _write_amount(value: Decimal, _context: Context, _format: str | None) -> str:
    return _decimal(value)


def _as_fiscal_year(value: Any, context: Context, form: str | None) -> int:
    label = days.fiscal_year(value, context.calendar.label)
    return context.calendar.year_of(_as_day(value, context, form)) if label is None else label


def _write_fiscal_year(value: int, _context: Context, _format: str | None) -> str:
    return f"FY{value:04d}"


def _as_month(value: Any, context: Context, form: str | None) -> str:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value.strip(), re.ASCII):
        return value.strip()
    return _as_day(value, context, form).isoformat()[:7]


CODECS: Mapping[str, Codec] = {
    each.name: each
    for each in (
        Codec("text", *_plain(texts.text, str)),
        Codec("texts", *_plain(texts.many, list)),
        Codec("flag", *_plain(texts.flag, lambda value: "true" if value else "false")),
        Codec("document", *_plain(lambda value: value, lambda value: value)),
        Codec("amount", _as_amount, _write_amount),
        Codec("number", *_plain(numbers.number, _decimal)),
        Codec("integer", *_plain(numbers.integer, str)),
        Codec("share", *_plain(numbers.share, _decimal)),
        Codec("percent", *_plain(numbers.percent, lambda value: _decimal(value * 100))),
        Codec("hours", *_plain(numbers.hours, lambda value: _decimal(value * 3600))),
        Codec("period", *_plain(numbers.period, str)),
        Codec("date", _as_day, _write_day),
        Codec("datetime", _as_instant, _write_instant),
        Codec("fiscal_year", _as_fiscal_year, _write_fiscal_year),
        Codec("month", _as_month, lambda value, _context, _format: value),
    )
}
