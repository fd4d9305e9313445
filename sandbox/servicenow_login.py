"""Who may sign in to the simulated instance: a user with a password, OAuth tokens, and API keys.

- `/oauth_token.do` reads a form only; a JSON body is refused
- it gives the token in use until that token ends, with the rest of its life
- an assertion (JWT) has to name the client as issuer and audience, and counts once (`jti`)
- an API key opens the tables of its access policy and no others
- every answer begins a session (`JSESSIONID`); `kept_sessions` counts the requests that carry one back
"""

import base64
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Request

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEY_HEADER = "x-sn-apikey"
CLOCK_SKEW_SECONDS = 300
_NEVER = datetime.min.replace(tzinfo=UTC)

Answer = tuple[dict[str, Any], int]


@dataclass
class Login:
    """The accounts of an instance; all of them act as its integration user."""

    client_id: str = "portico-client"
    client_secret: str = "portico-client-secret"  # noqa: S105 - it guards nothing
    public_key: str | None = None
    """PEM of the key that signs the client's assertions; None: the instance takes none."""
    keys: dict[str, Collection[str] | None] = field(default_factory=dict)
    """API keys, each with the tables that its access policy names (None: all)."""
    life_seconds: int = 1800
    issued: int = 0
    refused: int = 0
    kept_sessions: int = 0
    _token: str = ""
    _until: datetime = _NEVER
    _used: set[str] = field(default_factory=set)

    def token(self, request: Request, user: str, password: str, now: datetime) -> Answer:
        """What `/oauth_token.do` answers."""
        form = request.form
        grants: dict[str, Callable[[], bool]] = {
            "client_credentials": lambda: True,
            "password": lambda: (form.get("username"), form.get("password")) == (user, password),
            JWT_GRANT: lambda: self._vouched(form.get("assertion", ""), user, now),
        }
        granted = grants.get(form.get("grant_type", ""))
        if granted is None:
            return {"error": "unsupported_grant_type", "error_description": "unsupported_grant_type"}, 401
        known = form.get("client_id") == self.client_id
        if form["grant_type"] != JWT_GRANT:
            known = known and form.get("client_secret") == self.client_secret
            if not known:
                return {"error": "invalid_client", "error_description": "invalid_client"}, 401
        if not granted():
            return {"error": "access_denied", "error_description": "access_denied"}, 401
        if now >= self._until:
            self._token, self._until = secrets.token_hex(16), now + timedelta(seconds=self.life_seconds)
            self.issued += 1
        left = int((self._until - now).total_seconds())
        return {
            "access_token": self._token,
            "scope": "useraccount",
            "token_type": "Bearer",
            "expires_in": left,
        }, 200

    def revoke(self) -> None:
        """Ends the token in use before its time."""
        self._until = _NEVER

    def knows(self, request: Request, user: str, password: str, now: datetime) -> bool:
        """Whether the request is signed by an account."""
        key = request.headers.get(KEY_HEADER)
        if key is not None:
            return key in self.keys
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        said = request.headers.get("Authorization", "")
        return said == f"Basic {pair}" or (now < self._until and said == f"Bearer {self._token}")

    def opens(self, request: Request, table: str) -> bool:
        """Whether the access policy of the request's key, if it has one, names the table."""
        tables = self.keys.get(request.headers.get(KEY_HEADER, ""))
        return tables is None or table in tables

    def _vouched(self, assertion: str, user: str, now: datetime) -> bool:
        import jwt  # noqa: PLC0415 - heavy, and few rehearse with an assertion

        lenient: Any = {"verify_exp": False, "require": ["iss", "sub", "aud", "exp", "jti"]}
        try:
            claims = jwt.decode(
                assertion,
                self.public_key or "",
                algorithms=["RS256"],
                audience=self.client_id,
                issuer=self.client_id,
                options=lenient,
            )
        except (jwt.PyJWTError, ValueError):
            return False
        fresh = claims["exp"] + CLOCK_SKEW_SECONDS > now.timestamp() and claims["jti"] not in self._used
        self._used.add(claims["jti"])
        return fresh and claims["sub"] == user
