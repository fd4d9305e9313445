"""Signs Graph requests with tokens that `msal` gets from Entra ID by client credentials."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest
from requests.auth import AuthBase

from connectors.errors import ContractBroken, CredentialsRefused, StopConnection, Unavailable

AUTHORITY = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
_TIMEOUT_SECONDS = 30.0
_EARLY_SECONDS = 300.0
_DEFAULT_LIFE_SECONDS = 300.0


class GraphToken(AuthBase):
    """A bearer token for Graph, kept until shortly before it expires, fetched once for all threads.

    `make` builds msal's application and returns the function that asks it for a token; `place` names the
    authority in errors. While the authority cannot answer, the last token serves until it expires.
    """

    def __init__(
        self,
        place: str,
        make: Callable[[], Callable[[], Mapping[str, Any]]],
        *,
        secrets: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._make = make
        self._own_secrets = tuple(secrets)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ask: Callable[[], Mapping[str, Any]] | None = None
        self._token: str | None = None
        self._renewal = self._expires = 0.0

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no log and no error may show."""
        return (*self._own_secrets, self._token) if self._token else self._own_secrets

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Signs the request."""
        request.headers["Authorization"] = f"Bearer {self.token()}"
        return request

    def token(self) -> str:
        """The token to send now.

        Raises `CredentialsRefused` when the authority refuses, `Unavailable` when it cannot answer and no
        earlier token is still good, `StopConnection` when its certificate cannot be verified.
        """
        with self._lock:
            if self._token is None or self._monotonic() >= self._renewal:
                try:
                    self._fetch()
                except Unavailable:
                    if self._token is None or self._monotonic() >= self._expires:
                        raise
            return str(self._token)

    def renew(self) -> None:
        """Forgets the token and msal's cache: Graph refused it."""
        with self._lock:
            self._ask = self._token = None

    def _fetch(self) -> None:
        answer = self._answer()
        token = answer.get("access_token")
        if token:
            self._token = str(token)
            life = float(answer.get("expires_in") or _DEFAULT_LIFE_SECONDS)
            self._renewal = self._monotonic() + max(life - _EARLY_SECONDS, life / 2)
            self._expires = self._monotonic() + life
            return
        self._ask = None
        said = str(answer.get("error_description") or answer.get("error") or "no token").splitlines()[0]
        for secret in self.secrets:
            said = said.replace(secret, "•••")
        text = f"{self._place} gave no token: {said} (correlation id {answer.get('correlation_id')})"
        raise CredentialsRefused(text, fix=_CHECK_APP)

    def _answer(self) -> Mapping[str, Any]:
        try:
            if self._ask is None:
                self._ask = self._make()
            return self._ask()
        except requests.exceptions.SSLError:
            text = f"{self._place} has a certificate that cannot be verified."
            raise StopConnection(text, fix="Set ca_file to your certificate authority's bundle.") from None
        except requests.RequestException as error:
            text = f"{self._place} did not answer ({type(error).__name__})."
            raise Unavailable(
                text, fix="Check the authority, the network, the proxy and the firewall."
            ) from None
        except ValueError:
            text = f"{self._place} does not know its tenant, or the app's credential is unusable."
            raise CredentialsRefused(text, fix=_CHECK_APP) from None
        except Exception as error:  # noqa: BLE001 - msal raises many kinds, and none may leave a connector
            if type(error).__name__ == "MsalServiceError":
                raise Unavailable(f"{self._place} failed.", fix="The next run tries again.") from None
            text = f"{self._place} gave an answer that msal cannot use ({type(error).__name__})."
            raise ContractBroken(text, fix=_CHECK_APP) from None


def with_secret(
    client_id: str,
    client_secret: str,
    *,
    tenant: str,
    authority: str = AUTHORITY,
    graph: str = GRAPH,
    ca_file: str | None = None,
    proxy: str | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> GraphToken:
    """Signs as an app registration with a client secret. National clouds have other addresses."""
    place = f"{authority.rstrip('/')}/{tenant}"
    make = _confidential(client_id, client_secret, place, graph, _Session(ca_file, proxy))
    return GraphToken(place, make, secrets=(client_secret,), monotonic=monotonic)


def with_certificate(
    client_id: str,
    private_key: str,
    certificate: str,
    *,
    tenant: str,
    passphrase: str | None = None,
    authority: str = AUTHORITY,
    graph: str = GRAPH,
    ca_file: str | None = None,
    proxy: str | None = None,
) -> GraphToken:
    """Signs as an app registration with a certificate; `private_key` and `certificate` are PEM texts."""
    place = f"{authority.rstrip('/')}/{tenant}"
    credential = {"private_key": private_key, "public_certificate": certificate}
    if passphrase:
        credential["passphrase"] = passphrase
    make = _confidential(client_id, credential, place, graph, _Session(ca_file, proxy))
    return GraphToken(place, make, secrets=(private_key, passphrase or ""))


def with_managed_identity(client_id: str | None = None, *, graph: str = GRAPH) -> GraphToken:
    """Signs as the identity of the Azure machine (or of `client_id`, one assigned to it)."""

    def make() -> Callable[[], Mapping[str, Any]]:
        import msal  # noqa: PLC0415 - heavy, and only this way of signing in needs it

        identity = (
            msal.UserAssignedManagedIdentity(client_id=client_id)
            if client_id
            else msal.SystemAssignedManagedIdentity()
        )
        client = msal.ManagedIdentityClient(identity, http_client=_Session(None, None))
        return lambda: dict(client.acquire_token_for_client(resource=_root(graph)))

    return GraphToken("the machine's managed identity", make)


def _confidential(
    client_id: str, credential: str | Mapping[str, str], place: str, graph: str, session: requests.Session
) -> Callable[[], Callable[[], Mapping[str, Any]]]:
    def make() -> Callable[[], Mapping[str, Any]]:
        import msal  # noqa: PLC0415 - heavy, and only this way of signing in needs it

        app = msal.ConfidentialClientApplication(
            client_id,
            authority=place,
            client_credential=credential,
            instance_discovery=False,
            http_client=session,
        )
        return lambda: dict(app.acquire_token_for_client(scopes=[f"{_root(graph)}/.default"]))

    return make


def _root(graph: str) -> str:
    parts = urlsplit(graph)
    return f"{parts.scheme}://{parts.netloc}"


class _Session(requests.Session):
    """A session that waits for a bounded time, trusts only what it was told, and follows no redirect."""

    def __init__(self, ca_file: str | None, proxy: str | None) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = ca_file or True
        if proxy:
            self.proxies = {"http": proxy, "https": proxy}

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        options.setdefault("timeout", _TIMEOUT_SECONDS)
        options["allow_redirects"] = False
        return super().request(method, url, *args, **options)


_CHECK_APP = (
    "Check tenant, client_id and the client secret (its expiry, and that it is the value and not the id)."
)
