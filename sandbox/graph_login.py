"""The sign-in authority beside the simulated Graph: OpenID discovery and Entra ID's client credentials."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

ROLES = (
    "Tasks.ReadWrite.All",
    "Group.Read.All",
    "User.ReadBasic.All",
    "Mail.Send",
    "Mail.ReadWrite",
    "Files.ReadWrite.All",
)


class Authority:
    """Applications of one tenant, the tokens they hold, and the answers of the token endpoint.

    A token is a bearer text in the shape of a JWT, with claims `tid`, `appid`, `roles`, `exp`; nobody checks
    its signature. `revoke()` makes every token that was given so far invalid.
    """

    def __init__(
        self, now: Callable[[], datetime], *, tenant: str, lifetime: timedelta = timedelta(hours=1)
    ) -> None:
        self.now = now
        self.tenant = tenant
        self.lifetime = lifetime
        self.applications: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.issued = 0
        self._tokens: dict[str, tuple[datetime, tuple[str, ...]]] = {}

    def register(self, client_id: str, credential: str, roles: tuple[str, ...] = ROLES) -> None:
        """An app registration with its secret or certificate (PEM text), and its application permissions."""
        self.applications[client_id] = (credential, roles)

    def admit(self, token: str, roles: tuple[str, ...] = ROLES) -> None:
        """Lets a fixed token in, for clients that are configured with `bearer`. It never expires."""
        self._tokens[token] = (datetime.max.replace(tzinfo=self.now().tzinfo), roles)

    def roles_of(self, token: str) -> tuple[str, ...] | None:
        """The permissions of a token, None if it is unknown or has expired."""
        expires, roles = self._tokens.get(token, (None, ()))
        return roles if expires is not None and expires > self.now() else None

    def revoke(self) -> None:
        """Forgets every token."""
        self._tokens.clear()

    def discovery(self, base_url: str) -> dict[str, Any]:
        """The OpenID configuration document, with endpoints below `base_url`."""
        return {
            "issuer": f"{base_url}/{self.tenant}/v2.0",
            "authorization_endpoint": f"{base_url}/{self.tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base_url}/{self.tenant}/oauth2/v2.0/token",
            "jwks_uri": f"{base_url}/{self.tenant}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def token(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body of the token endpoint."""
        known = self.applications.get(form.get("client_id", ""))
        if form.get("grant_type") != "client_credentials":
            return 400, self._refusal("unsupported_grant_type", 70003, "The grant type is not supported.")
        if known is None:
            return 400, self._refusal(
                "unauthorized_client", 700016, "The application was not found in the directory."
            )
        if not _proven(known[0], form):
            return 401, self._refusal("invalid_client", 7000215, "Invalid client secret provided.")
        if not form.get("scope", "").endswith("/.default"):
            return 400, self._refusal(
                "invalid_scope", 1002012, "The scope of client credentials must end in /.default."
            )
        token = self._issue(form["client_id"], form["scope"].removesuffix("/.default"), known[1])
        return 200, {
            "token_type": "Bearer",
            "expires_in": int(self.lifetime.total_seconds()),
            "access_token": token,
        }

    def _issue(self, client_id: str, audience: str, roles: tuple[str, ...]) -> str:
        self.issued += 1
        expires = self.now() + self.lifetime
        claims = {
            "aud": audience,
            "tid": self.tenant,
            "appid": client_id,
            "roles": roles,
            "exp": int(expires.timestamp()),
        }
        token = ".".join(
            (_encoded({"typ": "JWT", "alg": "RS256"}), _encoded(claims), secrets.token_urlsafe(16))
        )
        self._tokens[token] = (expires, roles)
        return token

    def _refusal(self, error: str, code: int, text: str) -> dict[str, Any]:
        stamp = self.now().strftime("%Y-%m-%d %H:%M:%SZ")
        return {
            "error": error,
            "error_description": f"AADSTS{code}: {text}",
            "error_codes": [code],
            "timestamp": stamp,
            "trace_id": "00000000-0000-0000-0000-000000000001",
            "correlation_id": "00000000-0000-0000-0000-000000000002",
        }


def _proven(credential: str, form: Mapping[str, str]) -> bool:
    """Whether the caller holds the secret, or the private key of the certificate."""
    if not credential.startswith("-----BEGIN CERTIFICATE"):
        return form.get("client_secret") == credential
    import jwt  # noqa: PLC0415 - heavy, and few rehearse with a certificate
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    key = load_pem_x509_certificate(credential.encode()).public_key()
    unchecked = {"verify_aud": False}
    try:
        jwt.decode(form.get("client_assertion", ""), key, algorithms=["RS256", "PS256"], options=unchecked)  # type: ignore[arg-type]
    except jwt.PyJWTError:
        return False
    return True


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
