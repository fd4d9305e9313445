"""A card in a Teams channel, through a Power Automate workflow ("When a Teams webhook request is received").

Office 365 connectors (webhook.office.com) are retired. The workflow answers 202 before the card stands in the channel.
"""

from datetime import datetime
from urllib.parse import urlsplit

import simplejson

from connectors.base import Finding
from connectors.courier import Parcel
from connectors.errors import Invalid, RateLimited
from connectors.http import Http

MOST_BYTES = 27_000
"""What a message may hold: Teams takes about 28 KB."""

BUSY = 429


class Teams:
    """One workflow, by its address; the address is a secret."""

    def __init__(self, http: Http, *, url: str) -> None:
        self._http = http
        self._url = url

    def prove(self) -> list[Finding]:
        """A workflow can be proved by a card only. See `Courier.prove`."""
        return [Finding("info", "teams", "the workflow is proved by the first card")]

    def send(self, parcel: Parcel) -> str:
        """Posts the card once. See `Courier.send`."""
        message = {
            "type": "message",
            "attachments": [
                {
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": None,
                    "content": simplejson.loads(parcel.card),
                }
            ],
        }
        size = len(simplejson.dumps(message).encode())
        if size > MOST_BYTES:
            raise Invalid(
                f"The card has {size} bytes; Teams takes {MOST_BYTES}.", fix="Narrow the report by filters."
            )
        answer = self._http.request("POST", self._url, json=message, ok=(200, 202, 429), parse="bytes")
        if answer.status == BUSY:
            raise RateLimited("The Teams workflow takes no card now (429).", fix="It is tried again later.")
        return "the Teams workflow took the card"

    def arrived(self, parcel: Parcel, since: datetime) -> None:
        """A workflow tells nothing of earlier cards."""

    def close(self) -> None:
        """Releases the sockets."""
        self._http.close()


def base_of(url: str) -> str:
    """Scheme and host of a workflow's address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
