"""A mailbox and a document library of the simulated Microsoft 365, and the addresses to which large files go in parts.

Permissions are application roles: Mail.Send to send, Mail.ReadWrite to make drafts and to read, Files.ReadWrite.All to upload.
"""

import base64
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Flask, Response, jsonify, request

Json = dict[str, Any]
INLINE_LIMIT = 3 * 1024 * 1024
PART_STEP = 320 * 1024


@dataclass
class Office:
    """What was sent and uploaded. `dropped`: so many mails are sent without an answer; `busy`: so many sendMail get 429."""

    now: Callable[[], datetime]
    roles_of: Callable[[str], tuple[str, ...] | None]
    drive: str = "pmo"
    mailboxes: tuple[str, ...] = ()
    """Those there are; none named: every one."""
    sent: list[Json] = field(default_factory=list)
    drafts: dict[str, Json] = field(default_factory=dict)
    files: dict[str, list[bytes]] = field(default_factory=dict)
    """Per path the versions of a file, newest last."""
    changed: dict[str, datetime] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    uploads: dict[str, Json] = field(default_factory=dict)
    dropped: int = 0
    busy: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def deliver(self, message: Json) -> None:
        """Moves a message into the sent items."""
        stamp = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        self.sent.append({**message, "isDraft": False, "createdDateTime": stamp})

    def keep(self, path: str, content: bytes) -> Json:
        """A new version of a file; returns its drive item."""
        self.files.setdefault(path, []).append(content)
        self.changed[path] = self.now()
        return self.item(path)

    def item(self, path: str) -> Json:
        """The drive item of a file."""
        return {
            "id": f"item-{sorted(self.files).index(path)}",
            "name": path.rpartition("/")[2],
            "size": len(self.files[path][-1]),
            "eTag": f'"{len(self.files[path])}"',
            "webUrl": f"https://fairhaven.example/sites/pmo/{path}",
            "lastModifiedDateTime": self.changed[path].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _refused(status: int, code: str, message: str) -> Response:
    answer = jsonify({"error": {"code": code, "message": message}})
    answer.status_code = status
    return answer


def _told(status: int, body: Json | None = None) -> Response:
    answer = jsonify(body) if body is not None else Response("", content_type="application/json")
    answer.status_code = status
    return answer


def attach(app: Flask, office: Office) -> None:
    """Adds mail, files and upload addresses to a Graph application."""

    def allowed(role: str) -> Response | None:
        roles = office.roles_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if roles is None:
            return _refused(401, "InvalidAuthenticationToken", "Access token validation failure.")
        return None if role in roles else _refused(403, "ErrorAccessDenied", "Access is denied.")

    @app.post("/v1.0/users/<mailbox>/sendMail")
    def send_mail(mailbox: str) -> Response:
        with office.lock:
            return allowed("Mail.Send") or _send_mail(office, mailbox, request.get_json())

    @app.get("/v1.0/users/<mailbox>/messages")
    def messages(mailbox: str) -> Response:
        with office.lock:
            return allowed("Mail.ReadWrite") or _messages(office, mailbox, request.args)

    @app.post("/v1.0/users/<mailbox>/messages")
    def draft(mailbox: str) -> Response:
        with office.lock:
            return allowed("Mail.ReadWrite") or _draft(office, mailbox, request.get_json())

    @app.delete("/v1.0/users/<mailbox>/messages/<number>")
    def discard(mailbox: str, number: str) -> Response:  # noqa: ARG001 - drafts have ids of their own
        with office.lock:
            return allowed("Mail.ReadWrite") or _told(204 if office.drafts.pop(number, None) else 404)

    @app.post("/v1.0/users/<mailbox>/messages/<number>/attachments/createUploadSession")
    def attachment(mailbox: str, number: str) -> Response:  # noqa: ARG001 - as above
        with office.lock:
            item = request.get_json()["AttachmentItem"]
            session = _session(office, {"draft": number, "name": item["name"], "size": item["size"]}, 201)
            return allowed("Mail.ReadWrite") or session

    @app.post("/v1.0/users/<mailbox>/messages/<number>/send")
    def send_draft(mailbox: str, number: str) -> Response:  # noqa: ARG001 - as above
        with office.lock:
            return allowed("Mail.Send") or _send_draft(office, number)

    @app.put("/v1.0/drives/<drive>/root:/<path:path>:/content")
    def put(drive: str, path: str) -> Response:  # noqa: ARG001 - there is one library
        with office.lock:
            if path in office.locked:
                return _refused(423, "resourceLocked", "The resource is locked.")
            status = 200 if path in office.files else 201
            return allowed("Files.ReadWrite.All") or _told(status, office.keep(path, request.get_data()))

    @app.get("/v1.0/drives/<drive>")
    def library(drive: str) -> Response:
        missing = _refused(404, "itemNotFound", "The resource could not be found.")
        return allowed("Files.ReadWrite.All") or (
            _told(200, {"id": drive, "driveType": "documentLibrary"}) if drive == office.drive else missing
        )

    @app.get("/v1.0/drives/<drive>/root:/<path:path>")
    def item(drive: str, path: str) -> Response:  # noqa: ARG001 - as above
        with office.lock:
            missing = _refused(404, "itemNotFound", "The resource could not be found.")
            return missing if path not in office.files else _told(200, office.item(path))

    @app.post("/v1.0/drives/<drive>/root:/<path:path>:/createUploadSession")
    def file_session(drive: str, path: str) -> Response:  # noqa: ARG001 - as above
        with office.lock:
            return allowed("Files.ReadWrite.All") or _session(office, {"path": path, "size": None}, 200)

    @app.put("/upload/<key>")
    def part(key: str) -> Response:
        with office.lock:
            return _part(office, key, dict(request.headers), request.get_data())


def _send_mail(office: Office, mailbox: str, body: Json) -> Response:
    if office.busy > 0:
        office.busy -= 1
        return _refused(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
    message = body["message"]
    size = sum(len(base64.b64decode(each["contentBytes"])) for each in message.get("attachments", ()))
    if size > INLINE_LIMIT:
        return _refused(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    bad = [h for h in message.get("internetMessageHeaders", ()) if not h["name"].lower().startswith("x-")]
    if bad:
        return _refused(
            400, "InvalidInternetMessageHeader", "The internet message header should start with x-."
        )
    office.deliver({**message, "from": mailbox})
    if office.dropped > 0:
        office.dropped -= 1
        return _refused(504, "GatewayTimeout", "The gateway did not answer in time.")
    return _told(202)


def _messages(office: Office, mailbox: str, query: Mapping[str, str]) -> Response:
    if office.mailboxes and mailbox not in office.mailboxes:
        return _refused(404, "ErrorInvalidUser", f"The requested user '{mailbox}' is invalid.")
    found = re.fullmatch(r"createdDateTime ge (\S+)", query.get("$filter", ""))
    since = found[1] if found else ""
    fields = query.get("$select", "").split(",")
    shown = [
        {name: each.get(name) for name in fields}
        for each in (*office.sent, *office.drafts.values())
        if each["from"] == mailbox and each["createdDateTime"] >= since
    ]
    return _told(200, {"value": shown})


def _draft(office: Office, mailbox: str, message: Json) -> Response:
    stamp = office.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    number = f"draft-{len(office.drafts) + len(office.sent) + 1}"
    office.drafts[number] = {
        **message,
        "id": number,
        "from": mailbox,
        "isDraft": True,
        "createdDateTime": stamp,
        "attachments": [],
    }
    return _told(201, {"id": number, "subject": message.get("subject")})


def _send_draft(office: Office, number: str) -> Response:
    draft = office.drafts.pop(number, None)
    if draft is None:
        return _refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    office.deliver(draft)
    return _told(202)


def _session(office: Office, upload: Json, status: int) -> Response:
    key = f"u{len(office.uploads) + 1}"
    office.uploads[key] = {**upload, "content": b""}
    return _told(
        status, {"uploadUrl": f"{request.url_root}upload/{key}?tempauth=open", "nextExpectedRanges": ["0-"]}
    )


def _part(office: Office, key: str, headers: Mapping[str, str], content: bytes) -> Response:
    upload = office.uploads.get(key)
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("Content-Range", ""))
    if upload is None or found is None:
        return _refused(404, "itemNotFound", "The upload session was not found.")
    if "Authorization" in headers:
        return _refused(401, "unauthenticated", "An upload address takes no token.")
    start, end, whole = (int(each) for each in found.groups())
    if start < len(upload["content"]):
        return _refused(416, "invalidRange", "The range was received already.")
    if start > len(upload["content"]) or end - start + 1 != len(content):
        return _refused(400, "invalidRange", "The parts must come in order.")
    if end + 1 < whole and len(content) % PART_STEP:
        return _refused(400, "invalidRange", "A part must be a multiple of 320 KiB.")
    upload["content"] += content
    if end + 1 < whole:
        return _told(202, {"nextExpectedRanges": [f"{end + 1}-"]})
    if "draft" in upload:
        office.drafts[upload["draft"]]["attachments"].append(
            {"name": upload["name"], "contentBytes": base64.b64encode(upload["content"]).decode()}
        )
        return _told(201)
    return _told(201, office.keep(upload["path"], upload["content"]))
