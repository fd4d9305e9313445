"""The one way to speak HTTP: time-outs, retries, pace per host, size limit, strict JSON, redaction.

Only this module retries, and only calls that may be repeated. A write is sent at most once: when no clear
answer comes back it is `OutcomeUnknown`, and the next run reads and compares. No exception of `requests` or
`urllib3` leaves.
"""

import base64
import json as plain_json
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
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
    ProxyError,
    ReadTimeoutError,
)
from urllib3.util import Url, parse_url

from connectors.answers import (
    CHECK_ACCOUNT,
    CHECK_ADDRESS,
    PROXY_ACCOUNT,
    RETRIED,
    CutShort,
    excerpt,
    looks_like_login,
    refusal,
    retry_after,
    strict_json,
)
from connectors.deadline import DeadlineAdapter, deadline
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    OutcomeUnknown,
    RateLimited,
    Retry,
    StopConnection,
    Unavailable,
)
from connectors.limits import Budget, budget_of, resets_at
from connectors.pace import pace_of

_LOG = logging.getLogger("portico.http")

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
_PROXY_ASKS = "Tunnel connection failed: 407"
_CHUNK = 1 << 16
_MOST_AT_ONCE = 32
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


class _Again(Exception):
    """A failure that a repeatable call survives: the error if it was the last try, the least wait."""

    def __init__(self, error: Retry, minimum: float = 0.0) -> None:
        super().__init__(error.text)
        self.error = error
        self.minimum = minimum


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


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Http:
    """One connection's HTTP session to one base address.

    `timeout` bounds one attempt, head and body; `longest_wait` is the longest Retry-After that is waited
    for. `secrets` never appear in an error text or a log line, nor do the `secrets` that `auth` declares. At most
    `side_by_side` requests to the host are under way at a time, half as many after an answer 429. Plain http is
    accepted for loopback only. `tenant` parts the paces of tenants that share a host. `budget` is what the tool said last
    of its limits: near one, requests go half as fast. Redirects are never followed. No cookie is kept: in a session that
    a tool begins, our requests would wait for each other. The proxies, certificates and .netrc of the environment are
    ignored: `proxy` and `ca_file` say it all.
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
        side_by_side: int = _MOST_AT_ONCE,
        tenant: str = "",
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
        self.budget: Budget | None = None
        self._pace = pace_of((self._base.netloc or "") + tenant, monotonic)
        if requests_per_second:
            self._pace.at_most(requests_per_second)
        self._pace.side_by_side(side_by_side)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.auth = auth
        self._session.verify = ca_file or True
        self._session.mount("https://", DeadlineAdapter(pool_maxsize=_MOST_AT_ONCE))
        self._session.mount("http://", DeadlineAdapter(pool_maxsize=_MOST_AT_ONCE))
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
        """Sends one request and returns the answer if its status is in `ok`; else raises a `ConnectorError`.

        `idempotent` (default: GET, HEAD, OPTIONS): the call may be repeated. Such calls are retried on
        connection errors, time-outs, 408, 425, 429, 500, 502, 503, 504 and answers cut short. Of the others,
        an unclear ending is `OutcomeUnknown`; one that surely never reached the tool is `Unavailable`. The body
        of an error (400 and above) comes without our secrets, for it is quoted to people. An absolute
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
        """The text without any secret of this connection: plain, URL-encoded, JSON-escaped or in Base64."""
        known = {each for each in (*self._secrets, *getattr(self._auth, "secrets", ())) if each}
        for secret in sorted(known, key=len, reverse=True):
            encoded = base64.b64encode(secret.encode()).decode()
            escaped = plain_json.dumps(secret)[1:-1]
            within = plain_json.dumps(escaped)[1:-1]
            quoted = (quote(secret, safe=""), quote(secret), quote_plus(secret))
            for form in (within, escaped, secret, *quoted, encoded):
                text = text.replace(form, "•••")
        return text

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        minimum = failure.minimum if isinstance(failure, _Again) else 0.0
        backoff = min(_BACKOFF_CAP, _BACKOFF_SECONDS * 2.0 ** (state.attempt_number - 1))
        return max(minimum, backoff) * self._random.uniform(1.0, 1.3)

    def _once(self, call: _Call) -> Answer:
        response, body = self._send(call)
        if response.status_code == requests.codes.unauthorized and isinstance(self._auth, Renewable):
            self._auth.renew()
            response, body = self._send(call)
        if response.status_code >= requests.codes.bad_request:
            body = self.redact(body.decode("utf-8", "replace")).encode()
        if response.status_code not in call.ok:
            self._refuse(call, response, body)
        return Answer(
            status=response.status_code,
            headers=response.headers,
            url=response.url,
            body=body,
            json=self._json(call, response, body) if call.parse == "json" else None,
        )

    def _send(self, call: _Call) -> tuple[requests.Response, bytes]:
        with self._pace.lane() as began:
            response, body = self._exchange(call)
        told = budget_of(response.headers, self._now())
        if told is not None:
            self.budget = told
            self._pace.near_limit(near=told.near_limit)
        if response.status_code == requests.codes.too_many_requests:
            self._pace.refused(began)
        else:
            self._pace.answered()
        return response, body

    def _exchange(self, call: _Call) -> tuple[requests.Response, bytes]:
        delay = self._pace.reserve(self._monotonic())
        if delay > 0:
            self._sleep(delay)
        began = self._monotonic()
        with deadline(self._timeout):
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
                body = self._read(call, response)
            finally:
                response.close()
        self._log(call, str(response.status_code), began, len(body))
        return response, body

    def _read(self, call: _Call, response: requests.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                parts.append(chunk)
                size += len(chunk)
                if size > self._max_bytes:
                    said = f"answered more than {self._max_bytes} bytes"
                    raise self._error(ContractBroken, call, said, "Ask for smaller pages.")
        except ReadTimeoutError:
            self._unclear(call, "did not finish its answer in time")
        except HTTPError:
            self._unclear(call, "cut its answer short")
        return b"".join(parts)

    def _json(self, call: _Call, response: requests.Response, body: bytes) -> Any:
        if not body.strip():
            return None
        media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if "html" in media or body.lstrip()[:1] == b"<":
            if looks_like_login(body.decode("utf-8", "replace")):
                said = "answered a sign-in page instead of data"
                raise self._error(CredentialsRefused, call, said, CHECK_ACCOUNT)
            said = "answered an HTML page instead of data"
            raise self._error(ContractBroken, call, said, CHECK_ADDRESS)
        if media and "json" not in media:
            raise self._error(ContractBroken, call, f"answered {media} instead of JSON", CHECK_ADDRESS)
        try:
            return strict_json(body)
        except CutShort:
            self._unclear(call, "cut its JSON short")
        except ValueError as error:
            said = f"answered broken JSON ({error})"
            raise self._error(ContractBroken, call, said, CHECK_ADDRESS) from None

    def _refuse(self, call: _Call, response: requests.Response, body: bytes) -> NoReturn:
        status = response.status_code
        said = f"answered {status}" + excerpt(body)
        if status in RETRIED or status >= 500:  # noqa: PLR2004 - HTTP's own classes
            self._later(call, response, said)
        if 300 <= status < 400:  # noqa: PLR2004 - HTTP's own classes
            target = response.headers.get("Location", "")
            if looks_like_login(target):
                said = f"answered {status} to a sign-in page"
                raise self._error(CredentialsRefused, call, said, CHECK_ACCOUNT)
            said = f"answered {status} and points to {target.partition('?')[0]}"
            raise self._error(ContractBroken, call, said, "Put the final address into url.")
        kind, fix = refusal(status)
        raise self._error(kind, call, said, fix)

    def _later(self, call: _Call, response: requests.Response, said: str) -> NoReturn:
        status = response.status_code
        minimum = retry_after(response.headers, self._now())
        least = minimum or 0.0
        if minimum is None and (at := resets_at(response.headers)) is not None:
            until = (at - self._now()).total_seconds()
            least = until if 0.0 < until <= self._longest_wait else 0.0
        if least > self._longest_wait and call.repeatable:
            text = self._text(call, f"{said}; it asks to wait {least:g} s")
            fix = "Sync less often, or ask for a higher quota."
            raise RateLimited(text, retry_after=minimum, fix=fix)
        self._pace.pause(self._monotonic() + min(least, self._longest_wait))
        if status == requests.codes.too_many_requests and call.repeatable:
            raise _Again(RateLimited(self._text(call, said), retry_after=minimum), least)
        self._unclear(call, said, minimum=least, again=status in RETRIED)

    def _no_answer(self, call: _Call, error: requests.RequestException) -> NoReturn:
        reason = error.args[0] if error.args else None
        if isinstance(reason, MaxRetryError):
            reason = reason.reason
        if isinstance(reason, ProxyError) and _PROXY_ASKS in str(reason):
            said = "cannot be reached: the proxy wants to know who asks (407)"
            raise self._error(StopConnection, call, said, PROXY_ACCOUNT) from None
        if "CERTIFICATE_VERIFY_FAILED" in str(reason):
            said = "has a certificate that cannot be verified"
            fix = "Set ca_file to your certificate authority's bundle, or renew the server's certificate."
            raise self._error(StopConnection, call, said, fix) from None
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
            said = "has an address that cannot be used"
            raise self._error(ContractBroken, call, said, CHECK_ADDRESS) from None
        if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError) or isinstance(
            reason, NewConnectionError | ConnectTimeoutError
        ):
            text = self._text(call, f"cannot be reached ({_why(reason)})")
            fix = "Check the address, the network, the proxy and the firewall."
            raise _Again(Unavailable(text, fix=fix)) from None
        late = isinstance(error, requests.Timeout)
        self._unclear(call, "did not answer in time" if late else "dropped the connection")

    def _unclear(self, call: _Call, said: str, *, minimum: float = 0.0, again: bool = True) -> NoReturn:
        if not call.repeatable:
            said = f"{said}; the write may have been applied"
            fix = "Nothing to do: the next run reads the record and compares."
            raise self._error(OutcomeUnknown, call, said, fix) from None
        error = Unavailable(self._text(call, said), fix="The next run tries again.")
        raise (_Again(error, minimum) if again else error) from None

    def _error(self, kind: type[ConnectorError], call: _Call, said: str, fix: str) -> ConnectorError:
        return kind(self._text(call, said), fix=fix)

    def _text(self, call: _Call, said: str) -> str:
        return self.redact(f"{call.method} {call.shown_url}: {self._base.netloc} {said}")

    def _log(self, call: _Call, ending: str, began: float, size: int) -> None:
        spent = round((self._monotonic() - began) * 1000)
        _LOG.debug("%s", self.redact(f"{call.method} {call.shown_url} {ending} {spent} ms {size} bytes"))

    def _url(self, path_or_url: str) -> str:
        if not re.match(r"(?i)[a-z][a-z0-9+.-]*://", path_or_url):
            return f"{self.base_url}/{path_or_url.lstrip('/')}"
        link = _parsed(path_or_url)
        if link is None or link.auth or _origin(link) != _origin(self._base):
            shown = path_or_url.partition("?")[0]
            text = f"{self._base.netloc} gave a link to another place: {shown}"
            raise ContractBroken(self.redact(text), fix=CHECK_ADDRESS)
        return path_or_url


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


def _why(reason: object) -> str:
    name = type(reason).__name__
    if name == "NameResolutionError":
        return "its name does not resolve"
    if name == "ConnectTimeoutError":
        return "no connection in time"
    return "connection refused" if "refused" in str(reason).lower() else "no connection"
