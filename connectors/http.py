"""The one way to speak HTTP: time-outs, retries, pace per host, size limit, strict JSON, redaction.

Only this module retries, and only calls that may be repeated. A write is sent at most once: when no clear
answer comes back it is `OutcomeUnknown`, and the next run reads and compares. No exception of `requests` or
`urllib3` leaves.
"""

import base64
import json as stdlib_json
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NoReturn, Protocol, runtime_checkable
from urllib.parse import quote, quote_plus

import requests
import simplejson
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
)
from urllib3.util import Url, parse_url

from connectors.errors import (
    Conflict,
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    Invalid,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Retry,
    StopConnection,
    Unavailable,
)
from connectors.pace import pace_of

_LOG = logging.getLogger("portico.http")

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
_LOGIN = re.compile(r"type=[\"']?password|log[\s_-]?[io]n|sign[\s_-]?in|saml|single sign", re.IGNORECASE)
_CHUNK = 1 << 16
_BACKOFF_SECONDS = 1.0
_BACKOFF_CAP = 30.0

Params = Mapping[str, Any] | Sequence[tuple[str, Any]]
Parse = Literal["json", "bytes"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tool answered. `json` is None for an empty body; a number with a fraction is Decimal."""

    status: int
    headers: Mapping[str, str]
    url: str
    body: bytes = b""
    json: Any = None


@runtime_checkable
class Renewable(Protocol):
    """An authentication whose token can be replaced once when the tool answers 401."""

    def renew(self) -> None:
        """Forgets the token in use; the next request gets a new one."""
        ...


class _Again(Exception):  # noqa: N818 - a signal to the retry loop, never seen outside
    """A failure that a repeatable call survives: the error if it was the last try, the least seconds to wait."""

    def __init__(self, error: Retry, minimum: float = 0.0) -> None:
        super().__init__(error.text)
        self.error = error
        self.minimum = minimum


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Http:
    """One connection's HTTP session to one base address.

    `timeout` bounds one attempt as a whole, body included; `longest_wait` is the longest Retry-After that is
    waited for. `secrets` never appear in an error text or a log line, nor do the ones that `auth` declares in its
    `secrets`. Plain http is accepted for loopback only. Redirects are never followed. The environment's proxies,
    certificates and .netrc are ignored: `proxy` and `ca_file` say it all.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: AuthBase | None = None,
        secrets: Sequence[str] = (),
        ca_file: str | None = None,
        proxy: str | None = None,
        timeout: float = 60.0,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
        requests_per_second: float | None = None,
        max_bytes: int = 64 * 1024 * 1024,
        headers: Mapping[str, str] | None = None,
        attempts: int = 4,
        longest_wait: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
        random: random.Random | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._base = _checked_base(self.base_url)
        self._auth = auth
        self._secrets = tuple(secrets)
        self._timeout = timeout
        self._timeouts = (min(connect_timeout, timeout), min(read_timeout, timeout))
        self._max_bytes = max_bytes
        self._attempts = attempts
        self._longest_wait = longest_wait
        self._sleep = sleep
        self._monotonic = monotonic
        self._now = now
        self._random = random or _fresh_random()
        self._pace = pace_of(self._base.netloc or "", monotonic)
        if requests_per_second:
            self._pace.at_most(requests_per_second)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = auth
        self._session.verify = ca_file or True
        if proxy:
            self._session.proxies = {"http": proxy, "https": proxy}
        self._session.headers.update(
            {"Accept": "application/json", "User-Agent": "portico", **(headers or {})}
        )

    def request(
        self,
        method: str,
        path_or_url: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: bytes | str | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        ok: Collection[int] = (200,),
        parse: Parse = "json",
    ) -> Answer:
        """Sends one request and returns the answer if its status is in `ok`; any other ending is a `ConnectorError`.

        `idempotent` (default: GET, HEAD, OPTIONS) tells that the call may be repeated: such calls are retried on
        connection errors, time-outs, 408, 425, 429, 500, 502, 503, 504 and answers cut short. Of the others, an
        unclear ending is `OutcomeUnknown`; one that surely never reached the tool is `Unavailable`. An absolute
        address (a next link) must be on the base address's scheme and host.
        """
        method = method.upper()
        call = _Call(
            method=method,
            url=self._url(path_or_url),
            params=params,
            body=data if json is None else simplejson.dumps(json, use_decimal=True, allow_nan=False).encode(),
            headers={**({"Content-Type": "application/json"} if json is not None else {}), **(headers or {})},
            repeatable=method in _REPEATABLE if idempotent is None else idempotent,
            ok=frozenset(ok),
            parse=parse,
        )
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts if call.repeatable else 1),
            wait=self._wait,
            retry=retry_if_exception_type(_Again),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, call)
        except _Again as again:
            raise again.error from None

    def close(self) -> None:
        """Releases the sockets."""
        self._session.close()

    def redact(self, text: str) -> str:
        """The text without any secret of this connection, in plain, URL-encoded and Base64 form."""
        known = {each for each in (*self._secrets, *getattr(self._auth, "secrets", ())) if each}
        for secret in sorted(known, key=len, reverse=True):
            for form in (
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                base64.b64encode(secret.encode()).decode(),
            ):
                text = text.replace(form, "•••")
        return text

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        minimum = failure.minimum if isinstance(failure, _Again) else 0.0
        backoff = min(_BACKOFF_CAP, _BACKOFF_SECONDS * 2.0 ** (state.attempt_number - 1))
        return max(minimum, backoff) * self._random.uniform(1.0, 1.3)

    def _once(self, call: "_Call") -> Answer:
        response, body = self._send(call)
        if response.status_code == requests.codes.unauthorized and isinstance(self._auth, Renewable):
            self._auth.renew()
            response, body = self._send(call)
        if response.status_code not in call.ok:
            self._refuse(call, response, body)
        return Answer(
            status=response.status_code,
            headers=response.headers,
            url=response.url,
            body=body,
            json=self._json(call, response, body) if call.parse == "json" else None,
        )

    def _send(self, call: "_Call") -> tuple[requests.Response, bytes]:
        delay = self._pace.reserve(self._monotonic())
        if delay > 0:
            self._sleep(delay)
        began = self._monotonic()
        try:
            response = self._session.request(
                call.method,
                call.url,
                params=call.params,
                data=call.body,
                headers=dict(call.headers),
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            self._log(call, "no answer", began, 0)
            self._no_answer(call, error)
        try:
            body = self._read(call, response, began)
        finally:
            response.close()
        self._log(call, str(response.status_code), began, len(body))
        return response, body

    def _read(self, call: "_Call", response: requests.Response, began: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                parts.append(chunk)
                size += len(chunk)
                if size > self._max_bytes:
                    raise self._error(
                        ContractBroken,
                        call,
                        f"answered more than {self._max_bytes} bytes",
                        "Ask for smaller pages.",
                    )
                if self._monotonic() - began > self._timeout:
                    self._unclear(call, f"did not finish its answer within {self._timeout:g} s")
        except HTTPError:
            self._unclear(call, "cut its answer short")
        return b"".join(parts)

    def _json(self, call: "_Call", response: requests.Response, body: bytes) -> Any:
        if not body.strip():
            return None
        media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if "html" in media or body.lstrip()[:1] == b"<":
            self._page(call, body)
        if media and "json" not in media:
            raise self._error(ContractBroken, call, f"answered {media} where JSON was due", _CHECK_ADDRESS)
        try:
            return stdlib_json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=_no_constant)
        except stdlib_json.JSONDecodeError as error:
            if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
                self._unclear(call, "cut its JSON short")
            raise self._error(
                ContractBroken, call, f"answered broken JSON ({error.msg})", _CHECK_ADDRESS
            ) from None
        except (ValueError, RecursionError) as error:
            raise self._error(
                ContractBroken, call, f"answered broken JSON ({error})", _CHECK_ADDRESS
            ) from None

    def _page(self, call: "_Call", body: bytes) -> NoReturn:
        text = body[:_CHUNK].decode("utf-8", "replace")
        if _LOGIN.search(text):
            raise self._error(
                CredentialsRefused, call, "answered a sign-in page instead of data", _CHECK_ACCOUNT
            )
        raise self._error(ContractBroken, call, "answered an HTML page instead of data", _CHECK_ADDRESS)

    def _refuse(self, call: "_Call", response: requests.Response, body: bytes) -> NoReturn:
        status = response.status_code
        said = f"answered {status}" + _excerpt(body)
        if status in _RETRIED or status >= 500:  # noqa: PLR2004 - HTTP's own classes
            minimum = _retry_after(response.headers, self._now())
            if minimum is not None and minimum > self._longest_wait and call.repeatable:
                text = self._text(call, f"{said}; it asks to wait {minimum:g} s")
                raise RateLimited(
                    text, retry_after=minimum, fix="Sync less often, or ask for a higher quota."
                )
            self._pace.pause(self._monotonic() + min(minimum or 0.0, self._longest_wait))
            if status == requests.codes.too_many_requests and call.repeatable:
                raise _Again(RateLimited(self._text(call, said), retry_after=minimum), minimum or 0.0)
            self._unclear(call, said, minimum=minimum or 0.0, again=status in _RETRIED)
        if 300 <= status < 400:  # noqa: PLR2004 - HTTP's own classes
            target = response.headers.get("Location", "")
            if _LOGIN.search(target):
                raise self._error(
                    CredentialsRefused, call, f"answered {status} to a sign-in page", _CHECK_ACCOUNT
                )
            said = f"answered {status} and points to {target.partition('?')[0]}"
            raise self._error(ContractBroken, call, said, "Put the final address into url.")
        kind, fix = _REFUSALS.get(status, (ContractBroken, _CHECK_ADDRESS))
        raise self._error(kind, call, said, fix)

    def _no_answer(self, call: "_Call", error: requests.RequestException) -> NoReturn:
        reason = error.args[0] if error.args else None
        if isinstance(reason, MaxRetryError):
            reason = reason.reason
        if "CERTIFICATE_VERIFY_FAILED" in str(reason):
            raise self._error(
                StopConnection,
                call,
                "has a certificate that cannot be verified",
                "Set ca_file to your certificate authority's bundle, or renew the server's certificate.",
            ) from None
        if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
            raise self._error(
                ContractBroken, call, "has an address that cannot be used", _CHECK_ADDRESS
            ) from None
        if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)) or isinstance(
            reason, (NewConnectionError, ConnectTimeoutError)
        ):
            text = self._text(call, "cannot be reached (" + _why(reason) + ")")
            raise _Again(
                Unavailable(text, fix="Check the address, the network, the proxy and the firewall.")
            ) from None
        self._unclear(
            call,
            "did not answer in time" if isinstance(error, requests.Timeout) else "dropped the connection",
        )

    def _unclear(self, call: "_Call", said: str, *, minimum: float = 0.0, again: bool = True) -> NoReturn:
        if not call.repeatable:
            fix = "Nothing to do: the next run reads the record and compares."
            raise self._error(OutcomeUnknown, call, f"{said}; the write may have been applied", fix) from None
        error = Unavailable(self._text(call, said), fix="The next run tries again.")
        raise (_Again(error, minimum) if again else error) from None

    def _error(self, kind: type[ConnectorError], call: "_Call", said: str, fix: str) -> ConnectorError:
        return kind(self._text(call, said), fix=fix)

    def _text(self, call: "_Call", said: str) -> str:
        return self.redact(f"{call.method} {call.shown_url}: {self._base.netloc} {said}")

    def _log(self, call: "_Call", ending: str, began: float, size: int) -> None:
        milliseconds = round((self._monotonic() - began) * 1000)
        _LOG.debug(
            "%s", self.redact(f"{call.method} {call.shown_url} {ending} {milliseconds} ms {size} bytes")
        )

    def _url(self, path_or_url: str) -> str:
        if not re.match(r"(?i)[a-z][a-z0-9+.-]*://", path_or_url):
            return f"{self.base_url}/{path_or_url.lstrip('/')}"
        link = _parsed(path_or_url)
        if link is None or link.auth or _origin(link) != _origin(self._base):
            shown = path_or_url.partition("?")[0]
            raise ContractBroken(
                self.redact(f"{self._base.netloc} gave a link to another place: {shown}"), fix=_CHECK_ADDRESS
            )
        return path_or_url


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    params: Params | None
    body: bytes | str | Mapping[str, str] | None
    headers: Mapping[str, str]
    repeatable: bool
    ok: frozenset[int]
    parse: Parse

    @property
    def shown_url(self) -> str:
        """The address without its query, which may hold secrets."""
        return self.url.partition("?")[0]


_CHECK_ADDRESS = "Check url and that the tool's version is supported."
_CHECK_ACCOUNT = "Check the user, token or secret of this connection, its expiry, and its rights."
_REFUSALS: Mapping[int, tuple[type[ConnectorError], str]] = {
    400: (Invalid, ""),
    401: (CredentialsRefused, _CHECK_ACCOUNT),
    403: (CredentialsRefused, "Grant the account the right to this resource."),
    404: (NotFound, "Check that the record exists and that the account may see it."),
    409: (Conflict, ""),
    410: (ContractBroken, "The tool has withdrawn this interface: update Portico, or check url."),
    412: (Conflict, ""),
    413: (Invalid, ""),
    422: (Invalid, ""),
}


def _fresh_random() -> random.Random:
    return random.Random()


def _parsed(url: str) -> Url | None:
    try:
        return parse_url(url)
    except LocationParseError:
        return None


def _origin(url: Url) -> tuple[str, str, int]:
    scheme = (url.scheme or "").lower()
    return scheme, (url.host or "").lower(), url.port or (443 if scheme == "https" else 80)


def _checked_base(base_url: str) -> Url:
    base = _parsed(base_url)
    if base is None or base.scheme not in ("http", "https") or not base.host:
        raise StopConnection("The connection's url is not an http address.", fix="Write it as https://host/…")
    if base.auth:
        raise StopConnection(f"The url of {base.host} holds a password.", fix="Move it into auth.")
    if base.scheme == "http" and base.host.lower() not in _LOOPBACK:
        raise StopConnection(f"The url of {base.host} is not encrypted.", fix="Use https.")
    return base


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _why(reason: object) -> str:
    name = type(reason).__name__
    if name == "NameResolutionError":
        return "its name does not resolve"
    if name == "ConnectTimeoutError":
        return "no connection in time"
    return "connection refused" if "refused" in str(reason).lower() else "no connection"


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:4000].decode("utf-8", "replace").split())
    if text[:1] == "<":
        return " with an HTML page"
    return f": {text[:300]}" if text else ""


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds of a Retry-After (whole, fractional, or an HTTP date against the server's own Date); else None."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", value):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    return max(0.0, (until - (_http_date(headers.get("Date", "")) or now)).total_seconds())


def _http_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed
