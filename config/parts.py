"""What every model of the configuration shares: strictness, and the checked kinds of values."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from config import hours


class Part(BaseModel):
    """A frozen part of the settings; a key that it does not have is an error that knows which keys it has."""

    model_config = ConfigDict(
        frozen=True, defer_build=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _name_accepted_keys(cls, data: Any, handler: Callable[[Any], Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            accepted = ", ".join(info.alias or name for name, info in cls.model_fields.items())
            raise ValidationError.from_exception_data(
                cls.__name__, [_with_keys(each, accepted) for each in error.errors(include_url=False)]
            ) from None


def _with_keys(error: Any, accepted: str) -> InitErrorDetails:
    if error["type"] == "extra_forbidden":
        kind = PydanticCustomError("unknown_key", "unknown key", {"accepted": accepted})
    else:
        message = error["msg"].replace("{", "(").replace("}", ")")
        context = {key: str(value) for key, value in (error.get("ctx") or {}).items()}
        kind = PydanticCustomError(error["type"], message, context)
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])


QUOTE = "text: put it in quotes (a bare number loses leading zeros)"
Flag = Annotated[bool, Strict()]
Share = Annotated[Decimal, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
OnDrift = Literal["restore", "keep", "report"]

_DURATION = re.compile(r"(\d{1,6}) ?(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found or not int(found[1]):
        raise ValueError("a duration such as 30s, 15m, 24h, 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6} ?(s|m|h|d|w)$", "examples": ["24h"]}),
]


def base_folder(info: ValidationInfo) -> Path:
    """The folder that relative paths count from: the one of the configuration file."""
    return Path((info.context or {}).get("base", "."))


def _path(value: Any, info: ValidationInfo) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a path")
    return base_folder(info) / Path(value).expanduser()


FilePath = Annotated[
    Path,
    BeforeValidator(_path),
    WithJsonSchema({"type": "string", "description": "relative to the configuration file"}),
]


def _quiet(value: str) -> str:
    hours.parse(value)
    return value


Quiet = Annotated[
    str, AfterValidator(_quiet), Field(description="hours in which nothing is written, such as 22:00-06:00")
]


def is_loopback(host: str) -> bool:
    """True for this machine only: `localhost`, 127.0.0.0/8 and ::1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname
        parts.port  # noqa: B018 - reading it proves that it is a number
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in {"https", "http"} or re.search(r"\s", value):
        raise ValueError("an address such as https://example.gov")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("https:// (plain http:// only for this machine: localhost, 127.0.0.1, ::1)")
    if parts.username or parts.password:
        raise ValueError("an address without user and password (they belong under auth)")
    return value.rstrip("/")


HttpUrl = Annotated[
    str,
    AfterValidator(_http_url),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^https?://"}),
]


def _proxy(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise ValueError("a proxy such as http://proxy.example.gov:3128")
    return value


ProxyUrl = Annotated[str, AfterValidator(_proxy)]


def _sql_url(value: str, info: ValidationInfo) -> str:
    scheme, mark, rest = value.partition("://")
    if not mark or not re.fullmatch(r"[a-z][a-z0-9+_]*", scheme):
        raise ValueError(
            "a SQLAlchemy URL such as sqlite:///portico.db or postgresql+psycopg://user@host/portico"
        )
    if scheme.split("+")[0] != "sqlite" or not rest.startswith("/"):
        return value
    path, question, options = rest[1:].partition("?")
    if not path or path.startswith((":memory:", "file:")):
        return value
    return f"{scheme}:///{base_folder(info) / path}{question}{options}"


SqlUrl = Annotated[
    str, AfterValidator(_sql_url), WithJsonSchema({"type": "string", "examples": ["sqlite:///portico.db"]})
]


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise ValueError("a time zone such as America/New_York") from None
    return value


Zone = Annotated[str, AfterValidator(_zone)]


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[Text, ...], BeforeValidator(_texts, json_schema_input_type=str | tuple[str, ...])]
