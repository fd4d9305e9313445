"""How an account proves itself to a tool: one model per `auth.type`."""

from datetime import date
from typing import Literal

from pydantic import Field, SecretStr

from config.parts import HttpUrl, Part, Text

Secret = SecretStr


class _Credential(Part):
    expires: date | None = Field(
        default=None, description="the day on which it ends: `check` and `status` warn 30 days ahead"
    )


class Basic(_Credential):
    """A user with a password, or with an API token in its place."""

    type: Literal["basic"]
    user: Text
    password: Secret | None = Field(default=None, description="the password")
    token: Secret | None = Field(default=None, description="an API token (Jira Cloud)")

    @property
    def secret(self) -> SecretStr:
        """What stands behind the user in the header: the token, else the password."""
        return self.token or self.password or SecretStr("")


class Bearer(_Credential):
    """A token that is sent as it is: a personal access token, or one from your own token service."""

    type: Literal["bearer"]
    token: Secret


class ApiKey(_Credential):
    """A key in a header of its own."""

    type: Literal["api_key"]
    api_key: Secret
    header: Text | None = Field(
        default=None, description="the header's name, where the tool has no fixed one"
    )


class ClientCredentials(_Credential):
    """OAuth 2.0 client credentials: an application account."""

    type: Literal["oauth2_client_credentials"]
    client_id: Text
    client_secret: Secret
    tenant: Text | None = Field(default=None, description="the Microsoft Entra tenant (Planner)")
    token_url: HttpUrl | None = Field(
        default=None, description="where tokens are issued, if the tool has no fixed place"
    )
    scope: Text | None = Field(default=None, description="the scope to ask for, if the tool has no fixed one")


class JwtBearer(_Credential):
    """A signed assertion exchanged for a token."""

    type: Literal["jwt_bearer"]
    client_id: Text
    user: Text
    private_key: Secret
    token_url: HttpUrl | None = None


class Certificate(_Credential):
    """A certificate of a Microsoft Entra application; `private_key` is PEM text, usually `${file:...}`."""

    type: Literal["certificate"]
    client_id: Text
    private_key: Secret
    certificate: Text = Field(description="the public certificate as PEM text, usually ${file:...}")
    passphrase: Secret | None = None
    tenant: Text | None = None


class ManagedIdentity(Part):
    """The identity of the Azure machine that Portico runs on."""

    type: Literal["managed_identity"]
    client_id: Text | None = Field(default=None, description="of a user-assigned identity")
