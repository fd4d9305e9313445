"""Ways to sign a request: fixed secrets, and OAuth tokens that are fetched, kept and renewed.

Each object declares its `secrets`, so that `Http` keeps them out of every text.
"""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
from requests import PreparedRequest
from requests.auth import AuthBase

from connectors.errors import ContractBroken, CredentialsRefused
from connectors.http import Http

_EARLY_SECONDS = 60.0
_DEFAULT_LIFE_SECONDS = 300.0


class _Header(AuthBase):
    """One fixed header."""

    def __init__(self, name: str, value: str, secrets: tuple[str, ...]) -> None:
        self._name = name
        self._value = value
        self.secrets = secrets

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers[self._name] = self._value
        return request


def basic(user: str, token: str) -> AuthBase:
    """Basic authentication, in UTF-8."""
    pair = base64.b64encode(f"{user}:{token}".encode()).decode()
    return _Header("Authorization", f"Basic {pair}", (token, pair))


def bearer(token: str) -> AuthBase:
    """A fixed bearer token (a personal access token)."""
    return _Header("Authorization", f"Bearer {token}", (token,))


def api_key(header: str, key: str) -> AuthBase:
    """A key in a header of the tool's choice."""
    return _Header(header, key, (key,))


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _OAuth(AuthBase):
    """A bearer token from an endpoint: kept until shortly before it expires, fetched once for all threads."""

    def __init__(
        self, http: Http, secret: str, form: Callable[[], Mapping[str, str]], monotonic: Callable[[], float]
    ) -> None:
        self._http = http
        self._secret = secret
        self._form = form
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0
        self.secrets: tuple[str, ...] = (secret,)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token()}"
        return request

    def token(self) -> str:
        """The token to send now. `CredentialsRefused` if it is refused, `Retry` if nobody answers."""
        with self._lock:
            if self._token is None or self._monotonic() >= self._until:
                self._token, life = _fetched(self._http, self._form())
                self._until = self._monotonic() + max(life - _EARLY_SECONDS, life / 2)
                self.secrets = (self._secret, self._token)
            return self._token

    def renew(self) -> None:
        """Forgets the token: the tool refused it."""
        with self._lock:
            self._token = None


class ClientCredentials(_OAuth):
    """OAuth 2 client credentials (RFC 6749 section 4.4), with client id and secret in the form."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        scope: str | None = None,
        *,
        extra: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        proxy: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        fields = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            **({"scope": scope} if scope else {}),
            **(extra or {}),
        }
        http = Http(
            token_url,
            secrets=(client_secret,),
            ca_file=ca_file,
            proxy=proxy,
            sleep=sleep,
            monotonic=monotonic,
        )
        super().__init__(http, client_secret, lambda: fields, monotonic)


class JwtBearer(_OAuth):
    """OAuth 2 JWT bearer grant (RFC 7523) for `subject`, signed RS256 with a PEM private key.

    Each assertion has a `jti` of its own: ServiceNow takes one only once.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        subject: str,
        private_key: str,
        *,
        audience: str,
        ca_file: str | None = None,
        proxy: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        def form() -> Mapping[str, str]:
            claims = {
                "iss": client_id,
                "sub": subject,
                "aud": audience,
                "exp": now() + timedelta(minutes=3),
                "jti": uuid4().hex,
            }
            return {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": _signed(claims, private_key),
            }

        http = Http(
            token_url, secrets=(private_key,), ca_file=ca_file, proxy=proxy, sleep=sleep, monotonic=monotonic
        )
        super().__init__(http, private_key, form, monotonic)


def _signed(claims: Mapping[str, Any], private_key: str) -> str:
    import jwt  # noqa: PLC0415 - heavy, and only this grant needs it

    try:
        return jwt.encode(dict(claims), private_key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        text = "The private key of the JWT grant cannot be used."
        raise CredentialsRefused(text, fix="Give an unencrypted RSA private key in PEM form.") from None


def _fetched(http: Http, form: Mapping[str, str]) -> tuple[str, float]:
    """The access token and its life in seconds. A refusal carries `error` (RFC 6749 section 5.2)."""
    answer = http.request("POST", http.base_url, data=form, idempotent=True, ok=(200, 400, 401, 403))
    said = answer.json if isinstance(answer.json, dict) else {}
    if answer.status != requests.codes.ok:
        reason = http.redact(
            f"{said.get('error', answer.status)} {said.get('error_description', '')}".strip()
        )
        text = f"{http.base_url} refused to give a token: {reason}"
        raise CredentialsRefused(
            text, fix="Check client id, secret or key, their expiry, and the granted scopes."
        )
    token = said.get("access_token")
    if not isinstance(token, str) or not token:
        raise ContractBroken(f"{http.base_url} gave no access_token.", fix="Check the token address.")
    try:
        life = float(said.get("expires_in") or _DEFAULT_LIFE_SECONDS)
    except (TypeError, ValueError):
        life = _DEFAULT_LIFE_SECONDS
    return token, life
