"""The seam for delivering reports: what is carried, and what every way of carrying it does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.base import Finding

KEY_HEADER = "x-portico-delivery"
"""The header by which a mail is found again (Graph accepts custom headers that begin with `x-`)."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One edition of a report on its way; `key` tells it from every other.

    `text` and `html` are its short form, `card` the same as an Adaptive Card in JSON; `name`, `content` and
    `content_type` are the report itself.
    """

    key: str
    subject: str
    text: str
    html: str
    card: bytes
    name: str
    content: bytes
    content_type: str


class Courier(Protocol):
    """One way to one place."""

    def prove(self) -> Sequence[Finding]:
        """What can be told of the place without sending anything. Raises ConnectorError where it is of no use."""
        ...

    def send(self, parcel: Parcel) -> str:
        """Carries the parcel once and returns what the place answered, in words.

        Raises OutcomeUnknown where it may have arrived, any other ConnectorError where it surely did not.
        """
        ...

    def arrived(self, parcel: Parcel, since: datetime) -> bool | None:
        """Whether a parcel with this key arrived since then; None where the place cannot tell.

        Raises ConnectorError where it cannot be asked now.
        """
        ...

    def close(self) -> None:
        """Releases what it holds."""
        ...
