"""Signs Graph requests with tokens that `msal` gets from Entra ID by client credentials."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests import PreparedRequest
from requests.auth import AuthBase

from connectors.errors import ConnectorError, ContractBroken, CredentialsRefused, StopConnection, Unavailable

AUTHORITY = "https://login.microsoftonline.com"
SCOPE = "https://graph.microsoft.com/.default"
_EARLY_SECONDS = 300.0
_DEFAULT_LIFE_SECONDS = 300.0


class GraphCredentials(AuthBase):
    """A bearer token for an app registration, kept until shortly before it expires, fetched once for all.

    `credential` is a client secret, or what `msal` takes for a certificate (`private_key` with
    `public_certificate`, or `private_key_pfx_path` with `passphrase`). National clouds have another
    `authority` (host) and `scope` (Graph's address + `/.default`). While the authority cannot answer, the
    last token serves until it expires.
    """

    def __init__(
        self,
        client_id: str,
        credential: str | Mapping[str, str],
        *,
        tenant: str,
        authority: str = AUTHORITY,
        scope: str = SCOPE,
        ca_file: str | None = None,
        proxy: str | None = None,
        timeout: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client_id = client_id
        self._credential = credential
        self._authority = f"{authority.rstrip('/')}/{tenant}"
        self._scope = scope
        self._session = _Session(timeout, ca_file, proxy)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._app: Any = None
        self._token: str | None = None
        self._renewal = self._expires = 0.0

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no log and no error may show."""
        own = (self._credential,) if isinstance(self._credential, str) else tuple(self._credential.values())
        return (*own, self._token) if self._token else own

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
            self._app = self._token = None

    def _fetch(self) -> None:
        try:
            answer = self._application().acquire_token_for_client(scopes=[self._scope])
        except ConnectorError:
            raise
        except requests.exceptions.SSLError:
            text = f"{self._authority} has a certificate that cannot be verified."
            raise StopConnection(text, fix="Set ca_file to your certificate authority's bundle.") from None
        except requests.RequestException as error:
            text = f"{self._authority} did not answer ({type(error).__name__})."
            raise Unavailable(
                text, fix="Check the authority, the network, the proxy and the firewall."
            ) from None
        except Exception as error:  # noqa: BLE001 - msal raises many kinds, and none may leave a connector
            raise self._broken(error) from None
        token = answer.get("access_token")
        if token:
            self._token = str(token)
            life = float(answer.get("expires_in") or _DEFAULT_LIFE_SECONDS)
            self._renewal = self._monotonic() + max(life - _EARLY_SECONDS, life / 2)
            self._expires = self._monotonic() + life
            return
        self._app = None
        said = str(answer.get("error_description") or answer.get("error") or "no token").splitlines()[0]
        for secret in self.secrets:
            said = said.replace(secret, "***")
        text = f"{self._authority} gave no token: {said} (correlation id {answer.get('correlation_id')})"
        raise CredentialsRefused(text, fix=_CHECK_APP)

    def _application(self) -> Any:
        import msal  # noqa: PLC0415 - heavy, and only this way of signing in needs it

        if self._app is None:
            try:
                self._app = msal.ConfidentialClientApplication(
                    self._client_id,
                    authority=self._authority,
                    client_credential=self._credential,
                    instance_discovery=False,
                    http_client=self._session,
                )
            except ValueError:
                text = f"{self._authority} does not know its tenant, or the app's credential is unusable."
                raise CredentialsRefused(text, fix=_CHECK_APP) from None
        return self._app

    def _broken(self, error: Exception) -> ConnectorError:
        if type(error).__name__ == "MsalServiceError":
            return Unavailable(f"{self._authority} failed.", fix="The next run tries again.")
        return ContractBroken(
            f"{self._authority} answered something that msal cannot use ({type(error).__name__}).",
            fix=_CHECK_APP,
        )


class _Session(requests.Session):
    """A session that knows its time-out, trusts only what it was told, and follows no redirect."""

    def __init__(self, timeout: float, ca_file: str | None, proxy: str | None) -> None:
        super().__init__()
        self._timeout = timeout
        self.trust_env = False
        self.verify = ca_file or True
        if proxy:
            self.proxies = {"http": proxy, "https": proxy}

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        options.setdefault("timeout", self._timeout)
        options["allow_redirects"] = False
        return super().request(method, url, *args, **options)


_CHECK_APP = (
    "Check tenant, client_id and the client secret (its expiry, and that it is the value and not the id)."
)
