"""Holds what tests send to the simulated ServiceNow, and what it answers, against the vendor's published interface."""

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from tests.wire import Exchange

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = (
    Path(os.environ.get("PORTICO_CONTRACTS", ROOT.parent / "shared/contracts"))
    / "servicenow-table.fixed.json"
)
UNDESCRIBED = frozenset(["/oauth_token.do"])
"""What the contract leaves out: where tokens are issued."""
UNDECLARED = (202, 400)
"""Answers that instances give although the published interface does not declare them."""
_BATCH = "/api/now/v1/batch"
_ROWS = 5


def available() -> bool:
    """Whether the contract is here."""
    return CONTRACT.exists()


def problem(each: Exchange) -> str | None:
    """What breaks the contract, if anything does."""
    if each.path in UNDESCRIBED:
        return None
    sent = RequestsOpenAPIRequest(
        requests.Request(each.method, f"http://snow.test{each.address}", dict(each.headers), data=each.body)
    )
    try:
        _contract().validate_request(sent)
    except OpenAPIError as error:
        return f"request: {error!r} {error.__cause__!r}"
    for part in _parts(each):
        if found := problem(part):
            return f"part {part}: {found}"
    if each.status in UNDECLARED or each.broken_off:
        return None
    given = requests.Response()
    given.status_code = each.status
    given._content = _cut(each.answer)
    given.headers.update(each.answer_headers)
    try:
        _contract().validate_response(sent, RequestsOpenAPIResponse(given))
    except OpenAPIError as error:
        return f"answer: {error!r} {error.__cause__!r}"
    return None


def _parts(each: Exchange) -> Iterator[Exchange]:
    """The requests inside a batch that were served, each with its answer."""
    if each.path != _BATCH or each.status != requests.codes.ok:
        return
    served = {part["id"]: part for part in json.loads(each.answer)["serviced_requests"]}
    for part in json.loads(each.body)["rest_requests"]:
        address, answer = urlsplit(part["url"]), served.get(part["id"])
        if answer is not None:
            yield replace(
                each,
                method=part["method"],
                path=address.path,
                query=address.query,
                headers={**each.headers, **{one["name"]: one["value"] for one in part.get("headers", [])}},
                body=b64decode(part.get("body", "")),
                status=answer["status_code"],
                answer=b64decode(answer["body"]),
                answer_headers={one["name"]: one["value"] for one in answer["headers"]},
            )


def _cut(body: bytes) -> bytes:
    """An answer with the first rows of its list: they are all made alike."""
    document = json.loads(body) if body else None
    if not isinstance(document, dict) or not isinstance(document.get("result"), list):
        return body
    return json.dumps({**document, "result": document["result"][:_ROWS]}).encode()


@cache
def _contract() -> OpenAPI:
    """The contract; the values of a 429's headers are examples there, written as the only ones.

    The vendor's own client numbers its batches, where the contract knows texts.
    """
    document = json.loads(CONTRACT.read_text(encoding="utf-8"))
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].get("429", {}).pop("headers", None)
    batch = document["paths"][_BATCH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    batch["properties"]["batch_request_id"] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    return OpenAPI.from_dict(document)
