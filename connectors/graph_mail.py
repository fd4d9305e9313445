"""Mail through Microsoft Graph: `sendMail`, and a draft with an upload session where the report is large."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from connectors.base import Finding
from connectors.courier import KEY_HEADER, Parcel
from connectors.errors import (
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Retry,
    Unavailable,
)
from connectors.http import Http
from connectors.upload import upload

INLINE = 2_900_000
"""The largest attachment that goes inside the mail; Graph's limit for the whole request is 4 MB, base64 adds a third
(user: sendMail and "attach large files", Graph documentation)."""
_OK, _CREATED, _ACCEPTED, _FORBIDDEN, _NOT_FOUND, _BUSY = 200, 201, 202, 403, 404, 429


class GraphMail:
    """One sending mailbox. `connect` makes an unsigned client for the address of a large attachment.

    Needs Mail.Send; Mail.ReadWrite for attachments over 2.9 MB and to find an earlier mail again.
    """

    def __init__(
        self, http: Http, *, sender: str, to: tuple[str, ...], connect: Callable[[str], Http]
    ) -> None:
        self._http = http
        self._mailbox = f"/users/{quote(sender)}"
        self._sender = sender
        self._to = to
        self._connect = connect

    def prove(self) -> list[Finding]:
        """The mailbox is there, and whether its sent items can be read. See `Courier.prove`."""
        answer = self._http.request(
            "GET",
            f"{self._mailbox}/messages",
            params={"$top": "1", "$select": "id"},
            ok=(_OK, _FORBIDDEN, _NOT_FOUND),
        )
        if answer.status == _NOT_FOUND:
            raise NotFound(f"Microsoft 365 has no mailbox {self._sender}.", fix="Correct `from`.")
        if answer.status == _OK:
            return [Finding("info", "mail", f"the mailbox {self._sender} can be used")]
        text = f"the account may not read {self._sender}: it cannot tell what arrived, and sends nothing over 2.9 MB"
        return [Finding("warning", "mail", text, "grant Mail.ReadWrite beside Mail.Send")]

    def send(self, parcel: Parcel) -> str:
        """One mail to all recipients; it stands in the mailbox's sent items. See `Courier.send`."""
        if len(parcel.content) > INLINE:
            self._send_large(parcel)
        else:
            attachment = {
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": parcel.name,
                "contentType": parcel.content_type,
                "contentBytes": base64.b64encode(parcel.content).decode(),
            }
            message = {**self._message(parcel), "attachments": [attachment]}
            body = {"message": message, "saveToSentItems": True}
            self._accepted(f"{self._mailbox}/sendMail", body)
        return f"Microsoft 365 accepted it from {self._sender} for {', '.join(self._to)}"

    def arrived(self, parcel: Parcel, since: datetime) -> bool | None:
        """Whether the mailbox holds a sent mail with this key; None where the account may not read it."""
        params = {
            "$filter": f"createdDateTime ge {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "$select": "id,subject,isDraft,internetMessageHeaders",
            "$top": "100",
        }
        path: str | None = f"{self._mailbox}/messages"
        while path:
            answer = self._http.request("GET", path, params=params, ok=(_OK, _FORBIDDEN))
            if answer.status == _FORBIDDEN:
                return None
            page = answer.json if isinstance(answer.json, dict) else {}
            if any(_is(each, parcel.key) for each in page.get("value", ())):
                return True
            path, params = page.get("@odata.nextLink"), {}
        return False

    def close(self) -> None:
        """Releases the sockets."""
        self._http.close()

    def _send_large(self, parcel: Parcel) -> None:
        try:
            place = self._draft(parcel)
        except OutcomeUnknown as error:
            raise Unavailable(
                error.text, fix="A draft may be left in the mailbox; nothing was sent."
            ) from None
        try:
            self._attach(place, parcel)
        except ConnectorError as error:
            self._http.request("DELETE", place, ok=(204, 404), parse="bytes")
            raise Unavailable(error.text, fix=error.fix) if isinstance(error, Retry) else error from None
        self._accepted(f"{place}/send", None)

    def _draft(self, parcel: Parcel) -> str:
        path = f"{self._mailbox}/messages"
        draft = self._http.request("POST", path, json=self._message(parcel), ok=(_CREATED,)).json
        if not isinstance(draft, dict) or not draft.get("id"):
            raise ContractBroken("Graph made a draft without an id.", fix="Try again later.")
        return f"{path}/{quote(str(draft['id']))}"

    def _attach(self, place: str, parcel: Parcel) -> None:
        item = {"attachmentType": "file", "name": parcel.name, "size": len(parcel.content)}
        path = f"{place}/attachments/createUploadSession"
        session = self._http.request("POST", path, json={"AttachmentItem": item}, ok=(_CREATED,)).json
        upload(session, parcel.content, self._connect)

    def _accepted(self, path: str, body: Any) -> None:
        answer = self._http.request("POST", path, json=body, ok=(_ACCEPTED, _FORBIDDEN, _BUSY), parse="bytes")
        if answer.status == _FORBIDDEN:
            raise CredentialsRefused(
                f"Microsoft 365 does not let this account send as {self._sender}.",
                fix="Grant the application permission Mail.Send, and this mailbox in its access scope.",
            )
        if answer.status == _BUSY:
            raise RateLimited("Microsoft 365 takes no mail now (429).", fix="It is tried again later.")

    def _message(self, parcel: Parcel) -> dict[str, Any]:
        return {
            "subject": parcel.subject,
            "body": {"contentType": "html", "content": parcel.html},
            "toRecipients": [{"emailAddress": {"address": each}} for each in self._to],
            "internetMessageHeaders": [{"name": KEY_HEADER, "value": parcel.key}],
        }


def _is(message: Any, key: str) -> bool:
    headers = message.get("internetMessageHeaders") or ()
    named = {str(each.get("name", "")).lower(): each.get("value") for each in headers}
    return not message.get("isDraft") and named.get(KEY_HEADER) == key
