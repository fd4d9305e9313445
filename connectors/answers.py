"""Reading what a tool answered: strict JSON, Retry-After, sign-in pages, and which status means what."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import msgspec

from connectors.errors import (
    Conflict,
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    Invalid,
    NotFound,
    StopConnection,
)

CHECK_ADDRESS = "Check url and that the tool's version is supported."
CHECK_ACCOUNT = "Check the user, token or secret of this connection, its expiry, and its rights."
PROXY_ACCOUNT = "Give the proxy's user and password in proxy: http://user:${PASSWORD}@host:port."
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The statuses after which a repeatable call is repeated."""

_REFUSALS: Mapping[int, tuple[type[ConnectorError], str]] = {
    400: (Invalid, ""),
    401: (CredentialsRefused, CHECK_ACCOUNT),
    403: (CredentialsRefused, "Grant the account the right to this resource."),
    404: (NotFound, "Check that the record exists and that the account may see it."),
    407: (StopConnection, PROXY_ACCOUNT),
    409: (Conflict, "The next run reads the record and plans again."),
    410: (ContractBroken, "The tool has withdrawn this interface: update Portico, or check url."),
    412: (Conflict, "The next run reads the record and plans again."),
    413: (Invalid, ""),
    422: (Invalid, ""),
}
_EXACT = msgspec.json.Decoder(float_hook=Decimal)
_LOGIN = re.compile(r"type=[\"']?password|log[\s_-]?[io]n|sign[\s_-]?in|saml|single sign", re.IGNORECASE)
_LOOKED_AT = 1 << 16


class CutShort(ValueError):
    """JSON that ends in the middle."""


def refusal(status: int) -> tuple[type[ConnectorError], str]:
    """The error that an unwanted status means, and its fix."""
    return _REFUSALS.get(status, (ContractBroken, CHECK_ADDRESS))


def strict_json(body: bytes) -> Any:
    """The JSON document in UTF-8; numbers with a fraction or exponent as Decimal.

    Raises CutShort if it ends too early, ValueError if it is anything else (a BOM, NaN, another encoding).
    """
    try:
        return _EXACT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation, RecursionError):
        return _patient_json(body)


def _patient_json(body: bytes) -> Any:
    """The same at half the speed; it also reads halves of surrogate pairs, and tells what is wrong."""
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
            raise CutShort(error.msg) from None
        raise
    except RecursionError:
        raise ValueError("nested too deep") from None
    except InvalidOperation:
        raise ValueError("a number that no computer holds") from None


def looks_like_login(text: str) -> bool:
    """Whether a page, or the address of a redirect, asks to sign in."""
    return _LOGIN.search(text[:_LOOKED_AT]) is not None


def excerpt(body: bytes) -> str:
    """What to quote of an error's body: at most 300 characters, nothing of an HTML page."""
    text = " ".join(body[:4000].decode("utf-8", "replace").split())
    if text[:1] == "<":
        return " with an HTML page"
    return f": {text[:300]}" if text else ""


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds of a Retry-After (whole, fractional, or an HTTP date against the server's Date); else None."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", value):
        return float(value)
    until = http_date(value)
    if until is None:
        return None
    return max(0.0, (until - (http_date(headers.get("Date", "")) or now)).total_seconds())


def http_date(value: str) -> datetime | None:
    """An HTTP date (RFC 9110 section 5.6.7) as an aware instant; None if it is none."""
    try:
        parsed = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
