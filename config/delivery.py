"""Where a report goes: a folder, a mailbox, a Teams channel, a SharePoint library."""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from config.parts import FilePath, HttpUrl, Part, Text, is_loopback

_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("a mail address such as pmo@example.gov")
    return value


def _addresses(value: Any) -> Any:
    return tuple(dict.fromkeys((value,) if isinstance(value, str) else value))


Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[
    tuple[Address, ...],
    Field(min_length=1, max_length=500),
    BeforeValidator(_addresses, json_schema_input_type=str | tuple[str, ...]),
]


def _workflow(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError("the https:// address of a Teams workflow")
    return value


class Smtp(Part):
    """A mail server."""

    host: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`none` only for this machine"
    )
    user: Text | None = None
    password: SecretStr | None = None
    ca_file: FilePath | None = None

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError("security: starttls or tls (none only for this machine)")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password together, or neither")
        return self


class Mail(Part):
    """A mail with a short summary and the report attached: by Microsoft 365 or by a mail server."""

    to: Addresses
    sender: Address = Field(alias="from", description="the mailbox that sends")
    through: Text | None = Field(
        default=None, description="the planner connection whose Microsoft 365 account sends"
    )
    smtp: Smtp | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.through is None) == (self.smtp is None):
            raise ValueError("one of: through, smtp")
        return self


class Teams(Part):
    """A card in a channel, through a Power Automate workflow that starts at a Teams webhook request."""

    url: Annotated[SecretStr, AfterValidator(_workflow)] = Field(
        description="the workflow's address: who has it can post"
    )
    link: HttpUrl | None = Field(default=None, description="where the whole report can be read")


class SharePoint(Part):
    """A file in a document library. The same name each time: the library keeps the versions."""

    through: Text = Field(description="the planner connection whose Microsoft 365 account uploads")
    drive: Text = Field(description="the library's drive id")
    path: Annotated[str, Field(pattern=r'^[^/"*:<>?\\|][^"*:<>?\\|]*[^/"*:<>?\\|\s.]$')] = Field(
        description="folders and file name in the library"
    )


class Delivery(Part):
    """Where a report goes; to each place that is named."""

    folder: FilePath | None = None
    mail: Mail | None = None
    teams: Teams | None = None
    sharepoint: SharePoint | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.places:
            raise ValueError("one or more of: folder, mail, teams, sharepoint")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the places, in the order in which they are served."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)
