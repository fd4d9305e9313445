"""Column types: how each declared kind of value lies in SQLite and PostgreSQL.

Money is an integer count of minor units (hundredths), shares and numbers an integer count of millionths, so that sums
in SQL are exact on both databases. Instants are UTC. Text loses U+0000, which PostgreSQL cannot hold.
"""

import json
import zlib
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
import simplejson
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Dialect, Integer, LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from portfolio.model import FieldType

_CANONICAL = msgspec.json.Encoder(order="sorted")
_AS_SENT = msgspec.json.Encoder(order="sorted", decimal_format="number")
_WITH_DECIMALS = msgspec.json.Decoder(float_hook=Decimal)
MILLIONTH = Decimal("0.000001")


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime. A naive one is a defect of the caller and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, without zone where the database keeps none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive instant {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database: aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """A Decimal amount as minor units. An amount with more places than the currency has raises ValueError."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To minor units, exactly."""
        if value is None:
            return None
        minor = value.scaleb(2)
        if minor != minor.to_integral_value():
            raise ValueError(f"amount {value} has more than two places")
        return int(minor)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """From minor units."""
        return None if value is None else Decimal(value).scaleb(-2)


class Number(TypeDecorator[Decimal]):
    """A Decimal as millionths; further places are rounded half to even."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To millionths."""
        return None if value is None else int(value.quantize(MILLIONTH, ROUND_HALF_EVEN).scaleb(6))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """From millionths, without trailing zeros."""
        if value is None:
            return None
        number = Decimal(value).scaleb(-6).normalize()
        return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


def words(value: str) -> str:
    """The text as both databases hold it."""
    if value.isascii() and "\x00" not in value:
        return value
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


class Words(TypeDecorator[str]):
    """Text without U+0000 and without lone surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To text that both databases hold."""
        return None if value is None else words(value)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} cannot stand in a document")


def instant_text(value: datetime) -> str:
    """An instant as UTC ISO 8601 with `Z`."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_DUMPED = json.JSONEncoder(default=_plain, sort_keys=True, separators=(",", ":"))


_PATIENT: json.JSONEncoder = simplejson.JSONEncoder(
    use_decimal=True, default=_plain, sort_keys=True, separators=(",", ":")
)


def dump(document: object) -> str:
    """A document as compact JSON, keys sorted, ASCII only, Decimals as strings: equal documents give equal text."""
    return _DUMPED.encode(document)


def canonical(document: object) -> bytes:
    """A document or dataclass as JSON with sorted keys, to be hashed or kept; much faster than `dump`, but not ASCII only."""
    try:
        return _CANONICAL.encode(document)
    except (TypeError, ValueError):
        return dump(document).encode()


def as_sent(body: object) -> bytes:
    """A record's body as JSON with sorted keys, in which an exact number stays a number, as its tool sent it.

    Read back it is translated to the same row: as text, 2026.0 would be no year.
    """
    try:
        return _AS_SENT.encode(body)
    except (TypeError, ValueError):
        return _PATIENT.encode(body).encode()


def sent(text: str | bytes) -> Any:
    """The body of a record out of its JSON; a number with a fraction or an exponent is a Decimal."""
    try:
        return _WITH_DECIMALS.decode(text)
    except msgspec.DecodeError:
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal)


class Dumped(str):
    """JSON text of a document, ready to be stored as it is."""

    __slots__ = ()


def bound_document(value: Any) -> str:
    """A JSON-like value as the text that stands in its column."""
    return value if type(value) is Dumped else canonical(value).decode()


def parsed(text: str | bytes) -> Any:
    """The document of a JSON text; what the quick reader refuses (a lone surrogate), the patient one takes."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


class Document(TypeDecorator[Any]):
    """A JSON-like value as text. Tuples come back as lists, Decimals and dates as strings."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To JSON text."""
        return None if value is None else bound_document(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From JSON text."""
        return None if value is None else parsed(value)


class Body(TypeDecorator[Any]):
    """A source record as its tool sent it, as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To JSON text."""
        return value if value is None or type(value) is Dumped else as_sent(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From JSON text."""
        return None if value is None else sent(value)


class Values(TypeDecorator[Any]):
    """A record's plain values by field, as text. They come back as they were given: a number as a Decimal."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To JSON text."""
        return value if value is None or type(value) is Dumped else as_sent(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From JSON text."""
        if value is None:
            return None
        return {name: Decimal(each) if type(each) is int else each for name, each in sent(value).items()}


class Packed(TypeDecorator[Any]):
    """A JSON-like value as compressed text: what is kept whole for years and never searched in."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """To compressed JSON text."""
        return None if value is None else zlib.compress(dump(value).encode())

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From compressed JSON text."""
        return None if value is None else parsed(zlib.decompress(value))


def column_type(kind: FieldType) -> TypeEngine[Any]:
    """The column type of a declared kind of value."""
    types: dict[FieldType, TypeEngine[Any]] = {
        "text": Words(),
        "day": Date(),
        "instant": Instant(),
        "money": Money(),
        "share": Number(),
        "number": Number(),
        "integer": Integer(),
        "flag": Boolean(),
        "texts": Document(),
        "document": Document(),
    }
    return types[kind]


def plain_json(value: object) -> object:
    """The JSON form of the values of an entity: decimals as text, instants with `Z`, days ISO. For `json.dumps(default=...)`."""
    return _plain(value)


def json_like(document: Any) -> Any:
    """A document as it comes back from the store: decimals and dates as text, tuples as lists."""
    return parsed(dump(document))
