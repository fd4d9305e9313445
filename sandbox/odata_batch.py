"""`$batch` of the simulated OData services: many requests in one multipart body, each changeset whole or not at all."""

import itertools
from collections.abc import Callable, Mapping
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from flask import Flask, Response, request

_numbers = itertools.count(1)
_PASSED_ON = ("Authorization", "Cookie", "X-CSRF-Token")


def register(app: Flask, keep: Callable[[], Any], restore: Callable[[Any], None]) -> None:
    """Adds `/$batch`. `keep` remembers the state before a changeset, `restore` takes it back."""
    app.add_url_rule("/$batch", "batch", lambda: _batch(app, keep, restore), methods=["POST"])


def _batch(app: Flask, keep: Callable[[], Any], restore: Callable[[Any], None]) -> Response:
    head = b"Content-Type: " + request.headers.get("Content-Type", "").encode() + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + request.get_data())
    if not message.is_multipart():
        return Response("a batch is multipart/mixed", 415)
    passed = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    replies, v2 = [], "DataServiceVersion" in app.extensions
    go_on = "continue-on-error" in request.headers.get("Prefer", "") or v2
    for part in message.iter_parts():
        if part.is_multipart():
            before, answers = keep(), []
            for each in part.iter_parts():
                answers.append(_sent(app, each, passed))
                if answers[-1].status_code >= 400:
                    restore(before)
                    answers = answers[-1:]
                    break
            failed = answers[-1].status_code >= 400
            replies.append(_http(answers[0]) if failed else _nested([_http(each) for each in answers]))
        else:
            if v2 and not bytes(part.get_payload(decode=True) or b"").lstrip().startswith(b"GET "):
                return Response("OData V2 takes changes in a changeset only", 400)
            answer = _sent(app, part, passed)
            failed = answer.status_code >= 400
            replies.append(_http(answer))
        if failed and not go_on:
            break
    boundary, body = _wrapped(replies)
    return Response(body, 202, content_type=f"multipart/mixed; boundary={boundary}")


def _sent(app: Flask, part: Message, passed: Mapping[str, str]) -> Any:
    content = part.get_payload(decode=True)
    head, _, body = bytes(content if isinstance(content, bytes) else b"").lstrip().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, address, _version = first.split(" ")
    headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    with app.test_client(use_cookies=False) as client:
        return client.open(f"/{address}", method=method, headers={**passed, **headers}, data=body)


def _http(answer: Any) -> bytes:
    kept = {name: answer.headers[name] for name in ("Content-Type", "ETag") if name in answer.headers}
    headers = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return f"{head}HTTP/1.1 {answer.status}\r\n{headers}\r\n".encode() + bytes(answer.get_data())


def _nested(replies: list[bytes]) -> bytes:
    boundary, body = _wrapped(replies)
    return f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode() + body


def _wrapped(parts: list[bytes]) -> tuple[str, bytes]:
    boundary = f"reply_{next(_numbers)}"
    inner = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return boundary, inner + f"--{boundary}--\r\n".encode()
