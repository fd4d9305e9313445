"""A scope of a database as statements.

Guarded to be one reading SELECT, walked by keyset, values kept through JSON.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from connectors.amounts import from_float
from connectors.errors import ContractBroken
from connectors.instants import instant_text

TABLE = re.compile(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?")
OVERLAP = timedelta(minutes=5)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_FORBIDDEN = re.compile(
    r"\b(insert|update|delete|merge|into|create|drop|alter|truncate|grant|revoke|copy|call|exec|execute"
    r"|attach|pragma)\b"
)
_DAY_LENGTH = len("2026-07-01")


def select_all(scope: str) -> sa.Select[Any]:
    """SELECT * over a SELECT, a table or a view.

    Raises ContractBroken for anything but one reading statement.
    """
    scope = scope.strip()
    everything: sa.Select[Any] = sa.select(sa.literal_column("*"))
    if TABLE.fullmatch(scope):
        schema, _, table = scope.rpartition(".")
        return everything.select_from(sa.table(table, schema=schema or None))
    statement = scope.rstrip(";").rstrip()
    bare = _QUOTED.sub(" ", statement).lower()
    if bare.split(None, 1)[:1] not in (["select"], ["with"]) or ";" in bare or _FORBIDDEN.search(bare):
        fix = "write one SELECT (or WITH … SELECT), or name a table or view"
        raise ContractBroken(f"not a single reading statement: {scope[:80]!r}", fix=fix)
    return everything.select_from(sa.text(f"({statement.replace(':', chr(92) + ':')}\n) portico_scope"))


def columns(names: Sequence[str]) -> list[sa.ColumnClause[Any]]:
    """Columns by name, quoted where the dialect needs it."""
    return [sa.column(name) for name in names]


def after(names: Sequence[str], last: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Keyset condition: the tuple of these columns comes after `last`."""
    found = columns(names)
    return sa.or_(*[
        sa.and_(*[found[earlier] == last[earlier] for earlier in range(at)], found[at] > last[at])
        for at in range(len(found))
    ])  # fmt: skip


def since(name: str, packed: Mapping[str, str]) -> sa.ColumnElement[bool]:
    """From a kept value on, less the overlap where it is an instant.

    A late commit is read again, never missed.
    """
    value = unpacked(packed)
    if isinstance(value, datetime):
        value -= OVERLAP
    elif isinstance(value, str):
        value = _earlier(value)
    column: sa.ColumnClause[Any] = sa.column(name)
    return column >= sa.literal(value)


def _earlier(text: str) -> str:
    """An instant in ISO text less the overlap, in the same form; any other text as it is."""
    try:
        instant = datetime.fromisoformat(text) - OVERLAP
    except (ValueError, OverflowError):
        return text
    if len(text) <= _DAY_LENGTH:
        return text
    shown = instant.isoformat(sep=text[_DAY_LENGTH])
    return shown.replace("+00:00", "Z") if text.endswith("Z") else shown


def packed(value: Any) -> dict[str, str]:
    """A change field's value as JSON that keeps its type."""
    match value:
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case int():
            return {"integer": str(value)}
        case float():
            return {"float": repr(value)}
        case Decimal():
            return {"decimal": str(value)}
    return {"text": str(value)}


def unpacked(value: Mapping[str, str]) -> Any:
    """What `packed` packed."""
    ((kind, text),) = value.items()
    match kind:
        case "datetime":
            return datetime.fromisoformat(text)
        case "date":
            return date.fromisoformat(text)
        case "integer":
            return int(text)
        case "float":
            return float(text)
        case "decimal":
            return Decimal(text)
    return text


def in_future(value: Any, now: datetime) -> bool:
    """True for a date or instant past now, in text too; a day of grace where the zone is not known."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return False
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            return value > now
        value = value.date()
    return isinstance(value, date) and value > (now + timedelta(days=1)).date()


def json_like(value: Any) -> Any:
    """A column's value as it stands in a record.

    Raises ValueError for a binary fraction that lost its digits.
    """
    match value:
        case None | str() | bool() | int() | Decimal():
            return value
        case float():
            return from_float(value)
        case datetime() if value.tzinfo is not None:
            return instant_text(value)
        case date() | time():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case dict() | list():
            return value
    return str(value)


def key_text(value: Any) -> str | None:
    """A key column's value as text."""
    plain = json_like(value)
    if plain is None or isinstance(plain, str):
        return plain
    return format(plain, "f") if isinstance(plain, Decimal) else str(plain)
