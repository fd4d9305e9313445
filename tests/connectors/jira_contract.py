"""Holds what Jira tests send, and what the sandbox answers, against the vendor's contracts."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, request
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from sandbox.jira_site import Product
from tests import wire

ROOT = Path(__file__).parents[2]
CONTRACTS = Path(os.environ.get("PORTICO_CONTRACTS", ROOT.parent / "shared/contracts"))
_ASKED: dict[Product, tuple[str, ...]] = {
    "cloud": ("jira-cloud-v3.json", "jira-software-cloud.fixed.json"),
    "datacenter": ("jira-dc-10.3.fixed.json",),
}
_ANSWERED: dict[Product, tuple[str, ...]] = {
    "cloud": ("jira-cloud-v3.cut.json", "jira-cloud-v3.json", "jira-software-cloud.fixed.json"),
    "datacenter": ("jira-dc-10.3.fixed.json",),
}
"""The vendor's own schemas of answers are stricter than its own examples: the relaxed copies are for them."""
_OF_BOTH = "jira-dc-10.3.fixed.json"
_UNDESCRIBED = ("/rest/pat/", "/oauth/token")
"""What the contracts leave out: personal access tokens, and where tokens are issued."""
_CHECKED: set[tuple[object, ...]] = set()


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `ours`: the connector sent it, and not a client of the vendor's."""

    ours: bool
    product: Product
    method: str
    path: str
    query: str
    body: bytes
    content_type: str
    status: int
    answer: bytes


def record(app: Flask, product: Product, into: list[Exchange]) -> None:
    """Keeps every exchange of a sandbox app; what a fault answers in its place is not Jira's, and is not kept."""

    @app.after_request
    def keep(response: Response) -> Response:
        path = request.path
        if (place := path.find("/rest/")) > 0:
            path = path[place:]
        into.append(
            Exchange(
                request.user_agent.string == "portico", product, request.method, path,
                request.query_string.decode(), request.get_data(),
                request.content_type or "", response.status_code, response.get_data(),
            )
        )  # fmt: skip
        return response


def available() -> bool:
    """Whether the contracts are here."""
    return (CONTRACTS / _OF_BOTH).exists()


@cache
def contract(name: str) -> Any:
    """A contract, its server being http://jira.test. Data Center's types the names of `fields` as objects: they are texts."""
    document = json.loads((CONTRACTS / name).read_text(encoding="utf-8"))
    if name == _OF_BOTH:
        search = document["paths"]["/rest/api/2/search"]["get"]["parameters"]
        (fields,) = (each["schema"] for each in search if each["name"] == "fields")
        fields["items"] = {"type": "string"}
    document["servers"] = [{"url": "http://jira.test"}]
    return OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))  # type: ignore[arg-type]


def violations(exchanges: Sequence[Exchange]) -> list[str]:
    """What breaks a contract, each once; exchanges that were found good in this process are passed over."""
    found = []
    for each in exchanges:
        mark = (each.product, each.method, each.path, each.query, each.body, each.status, each.answer)
        if mark in _CHECKED or each.path.startswith(_UNDESCRIBED):
            continue
        problem = (_request_problem(each) if each.ours else None) or _answer_problem(each)
        if problem is None:
            _CHECKED.add(mark)
        else:
            found.append(
                f"{each.method} {each.path}?{each.query} {each.body!r} → {each.status} {each.answer[:300]!r}: {problem}"
            )
    return list(dict.fromkeys(found))


def problem(seen: wire.Exchange) -> str | None:
    """What breaks a contract in what any test exchanged, whoever asked."""
    each = Exchange(
        ours=True,
        product="cloud" if seen.tool == "cloud" else "datacenter",
        method=seen.method,
        path=seen.path,
        query=seen.query,
        body=seen.body,
        content_type=seen.headers.get("Content-Type", ""),
        status=seen.status,
        answer=seen.answer,
    )
    if each.path.startswith(_UNDESCRIBED):
        return None
    return _request_problem(each) or _answer_problem(each)


def refused(name: str, each: Exchange) -> Exception | None:
    """Why a contract refuses a request."""
    try:
        contract(name).validate_request(RequestsOpenAPIRequest(_prepared(each)))
    except OpenAPIError as error:
        return error
    return None


def _contracts(each: Exchange, names: Sequence[str]) -> Sequence[str]:
    """Cloud's version 2 has no contract of its own here: what both products have is Data Center's."""
    return (_OF_BOTH,) if each.path.startswith("/rest/api/2/") else names


def _request_problem(each: Exchange) -> str | None:
    found = [refused(name, each) for name in _contracts(each, _ASKED[each.product])]
    return None if None in found else f"request: {[_told(error) for error in found]}"


def _answer_problem(each: Exchange) -> str | None:
    if each.status >= 400 or not each.answer:
        return None
    response = requests.Response()
    response.status_code = each.status
    response._content = each.answer
    response.headers["Content-Type"] = "application/json"
    errors = []
    for name in _contracts(each, _ANSWERED[each.product]):
        try:
            contract(name).validate_response(
                RequestsOpenAPIRequest(_prepared(each)), RequestsOpenAPIResponse(response)
            )
        except OpenAPIError as error:
            errors.append(_told(error))
        else:
            return None
    return f"answer: {errors}"


def _told(error: Exception | None) -> str:
    cause = getattr(error, "__cause__", None)
    details = [str(each.message) for each in getattr(cause, "schema_errors", ())]
    return f"{type(error).__name__} {error} {details}"


def _prepared(each: Exchange) -> requests.PreparedRequest:
    headers = {"Authorization": "Basic eA=="}
    if each.body:
        headers["Content-Type"] = each.content_type
    url = f"http://jira.test{each.path}" + (f"?{each.query}" if each.query else "")
    return requests.Request(each.method, url, headers, data=each.body).prepare()
