"""A Teams workflow ("When a Teams webhook request is received") on loopback: takes cards, answers 202."""

import json
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request

MOST_BYTES = 28_000


@dataclass
class Channel:
    """The cards that stand in the channel. `busy`: so many posts get 429; `dropped`: so many get no clear answer."""

    signature: str = "sandbox-workflow"
    cards: list[dict[str, Any]] = field(default_factory=list)
    busy: int = 0
    dropped: int = 0


def create_app(channel: Channel) -> Flask:
    """The workflow; its address is `/workflows/pmo?sig=SIGNATURE`."""
    app = Flask("sandbox.teams")
    app.extensions["portico"] = channel

    @app.post("/workflows/pmo")
    def post() -> Response:
        if request.args.get("sig") != channel.signature:
            return _told(401, {"error": {"code": "DirectApiInvalidAuthorizationScheme"}})
        if channel.busy > 0:
            channel.busy -= 1
            return _told(429, {"error": {"code": "WorkflowRunThrottled"}})
        message = request.get_json(silent=True) or {}
        attachments = message.get("attachments")
        if message.get("type") != "message" or not attachments or len(request.get_data()) > MOST_BYTES:
            return _told(400, {"error": {"code": "TriggerInputSchemaMismatch"}})
        channel.cards += [each["content"] for each in attachments]
        if channel.dropped > 0:
            channel.dropped -= 1
            return _told(502, {"error": {"code": "BadGateway"}})
        return _told(202, None)

    return app


def _told(status: int, body: dict[str, Any] | None) -> Response:
    return Response("" if body is None else json.dumps(body), status=status, content_type="application/json")
