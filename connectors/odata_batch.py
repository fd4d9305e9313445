"""`$batch` of OData V2 and V4: many requests in one multipart body, each write in a changeset of its own.

A changeset is atomic, so that each record is written whole or not at all, and one that is refused harms no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import simplejson

from connectors.answers import strict_json
from connectors.errors import ContractBroken

_BOUNDARY = "portico_batch"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a batch, its address relative to the service root."""

    method: str
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request."""

    status: int
    headers: Mapping[str, str]
    url: str
    json: Any = None
    text: str = ""


def content_type() -> str:
    """The content type of a batch."""
    return f"multipart/mixed; boundary={_BOUNDARY}"


def packed(asks: Sequence[Ask]) -> bytes:
    """The requests as one body."""
    parts = []
    for number, ask in enumerate(asks, start=1):
        part = _part(ask, number)
        if ask.method != "GET":
            inner = f"changeset_{number}"
            head = f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n"
            part = f"{head}--{inner}\r\n{part}\r\n--{inner}--\r\n"
        parts.append(f"--{_BOUNDARY}\r\n{part}\r\n")
    return ("".join(parts) + f"--{_BOUNDARY}--\r\n").encode()


def unpacked(body: bytes, media: str, asks: Sequence[Ask]) -> list[Reply | None]:
    """The replies in the order of the requests; None for those that were not answered.

    Raises ContractBroken where the body is no batch answer.
    """
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + media.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise ContractBroken(
            "the service answered a batch with no multipart body", fix="report it to its owner"
        )
    replies: list[Reply | None] = []
    for part, ask in zip(message.iter_parts(), asks, strict=False):
        inner = next(iter(part.iter_parts()), None) if part.is_multipart() else part
        replies.append(None if inner is None else _reply(inner.get_payload(decode=True), ask))
    return replies + [None] * (len(asks) - len(replies))


def _part(ask: Ask, number: int) -> str:
    body = "" if ask.body is None else simplejson.dumps(ask.body, use_decimal=True, allow_nan=False)
    length = {"Content-Length": str(len(body.encode()))} if body else {}
    headers = "".join(f"{name}: {value}\r\n" for name, value in {**ask.headers, **length}.items())
    head = (
        f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n"
    )
    return f"{head}{ask.method} {ask.address} HTTP/1.1\r\n{headers}\r\n{body}"


def _reply(content: Any, ask: Ask) -> Reply:
    head, _, body = bytes(content).replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004 - version and status
        raise ContractBroken(
            "the service answered a batch with a part that is no answer", fix="report it to its owner"
        )
    headers = {
        name.strip().title(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    text = body.decode("utf-8", "replace").strip()
    try:
        found = strict_json(body) if text and "json" in headers.get("Content-Type", "json").lower() else None
    except ValueError:
        raise ContractBroken(
            "the service answered a batch with broken JSON", fix="report it to its owner"
        ) from None
    return Reply(int(words[1]), headers, ask.address, found, text[:300])
