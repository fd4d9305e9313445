"""Files in a SharePoint or OneDrive library through Microsoft Graph: one name, whose versions the library keeps."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.base import Finding
from connectors.courier import Parcel
from connectors.errors import CredentialsRefused, NotFound, Retry
from connectors.http import Answer, Http
from connectors.upload import upload

AT_ONCE = 4 * 1024 * 1024
"""The largest file that goes in one request: what every cloud accepts; above it an upload session carries the parts."""
_OK, _CREATED, _FORBIDDEN, _NOT_FOUND, _LOCKED = 200, 201, 403, 404, 423


class GraphFiles:
    """One file of one library. `connect` makes an unsigned client for the address of a large upload.

    Needs Sites.Selected with a write grant on the site, or Files.ReadWrite.All.
    """

    def __init__(self, http: Http, *, drive: str, path: str, connect: Callable[[str], Http]) -> None:
        self._http = http
        self._path = path
        self._drive = f"/drives/{quote(drive)}"
        self._item = f"{self._drive}/root:/{quote(path, safe='')}"
        self._connect = connect

    def prove(self) -> list[Finding]:
        """The library is there. See `Courier.prove`."""
        answer = self._http.request("GET", self._drive, ok=(_OK, _FORBIDDEN, _NOT_FOUND))
        if answer.status == _OK:
            return [Finding("info", "sharepoint", "the library is there")]
        raise NotFound(
            "The library of this drive id is not there, or this account cannot see it.",
            fix="Take the id from GET /sites/{id}/drives, and grant the application the site.",
        )

    def send(self, parcel: Parcel) -> str:
        """Puts the report in the place of the earlier one, which becomes a version. See `Courier.send`.

        An upload that is repeated replaces itself, so that a lost answer is simply asked for again.
        """
        if len(parcel.content) <= AT_ONCE:
            answer = self._http.request(
                "PUT",
                f"{self._item}:/content",
                data=parcel.content,
                headers={"Content-Type": "application/octet-stream"},
                idempotent=True,
                ok=(_OK, _CREATED, _FORBIDDEN, _LOCKED),
            )
            self._check(answer)
            return self._told(answer.json)
        body = {"item": {"@microsoft.graph.conflictBehavior": "replace"}}
        opened = self._http.request(
            "POST", f"{self._item}:/createUploadSession", json=body, ok=(_OK, _FORBIDDEN, _LOCKED)
        )
        self._check(opened)
        upload(opened.json, parcel.content, self._connect)
        return self._told(None)

    def arrived(self, parcel: Parcel, since: datetime) -> bool:
        """Whether the file was replaced by one of this size since then."""
        answer = self._http.request("GET", self._item, ok=(_OK, _NOT_FOUND))
        item = answer.json if answer.status == _OK and isinstance(answer.json, dict) else {}
        changed = str(item.get("lastModifiedDateTime") or "")
        if item.get("size") != len(parcel.content) or not changed:
            return False
        return datetime.fromisoformat(changed) >= since.replace(microsecond=0)

    def close(self) -> None:
        """Releases the sockets."""
        self._http.close()

    def _check(self, answer: Answer) -> None:
        if answer.status == _FORBIDDEN:
            raise CredentialsRefused(
                f"Microsoft 365 does not let this account write {self._path}.",
                fix="Grant the application Sites.Selected and a write permission on the site.",
            )
        if answer.status == _LOCKED:
            raise Retry(
                f"{self._path} is locked: someone has it open in Office.", fix="It is tried again later."
            )

    def _told(self, item: Any) -> str:
        url = item.get("webUrl") if isinstance(item, dict) else None
        return f"{self._path} is in the library{f': {url}' if url else ''}"
