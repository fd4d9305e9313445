"""Every request that reaches the simulated Graph, held against Microsoft's own description of it."""

import json
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from openapi_core.exceptions import OpenAPIError
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
CONTRACT = (
    Path(os.environ.get("PORTICO_CONTRACTS", ROOT.parent / "shared/contracts")) / "graph-v1.0.fixed.yml"
)
HOST = "https://graph.microsoft.com"
NOT_DESCRIBED = re.compile(
    r"GET /v1\.0/organization|GET /v1\.0/drives/[^/]+(/root:/[^/:]+)?|DELETE /v1\.0/users/[^/]+/messages/[^/]+"
)
"""Calls that the description leaves out."""


@lru_cache
def contract() -> OpenAPI:
    """Microsoft's description, read once."""
    spec = YAML(typ="safe").load(CONTRACT)
    spec["servers"] = [{"url": HOST}]
    return OpenAPI.from_dict(spec)


class Wire:
    """Keeps each request that arrives, and each part of a batch, as if sent to Graph itself."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self.kept: list[requests.Request] = []
        self._seen: set[str] = set()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = json.loads(sent) if sent and "json" in environ.get("CONTENT_TYPE", "") else None
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").title(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        address = f"{HOST}{environ['REQUEST_URI']}"
        if "CONTENT_TYPE" in environ:
            headers["Content-Type"] = environ["CONTENT_TYPE"]
        data = sent if body is None else None
        self._keep(
            requests.Request(environ["REQUEST_METHOD"], address, headers=headers, data=data, json=body)
        )
        for part in (body or {}).get("requests", ()):
            own = {"Authorization": headers.get("Authorization", ""), **part.get("headers", {})}
            inner = part.get("body")
            self._keep(requests.Request(part["method"], f"{HOST}/v1.0{part['url']}", headers=own, json=inner))
        return self.app({**environ, "wsgi.input": BytesIO(sent)}, start_response)

    def _keep(self, request: requests.Request) -> None:
        """Notes a request, once for all that are alike but for who asks."""
        told = f"{request.method} {request.url} {sorted(request.headers)} {request.json} {len(request.data or b'')}"
        if told not in self._seen:
            self._seen.add(told)
            self.kept.append(request)

    def asked(self) -> list[requests.Request]:
        """The requests to Graph itself that the description covers."""
        paths = [(each, urlsplit(str(each.url)).path) for each in self.kept]
        return [
            each
            for each, path in paths
            if path.startswith("/v1.0/") and not NOT_DESCRIBED.fullmatch(f"{each.method} {path}")
        ]

    def violations(self) -> list[str]:
        """What the description refuses, and why; nothing can be told where it is not there."""
        return [text for each in self.asked() if CONTRACT.is_file() and (text := _refusal(each))]


def _refusal(request: requests.Request) -> str:
    try:
        contract().validate_request(RequestsOpenAPIRequest(request.prepare()))
    except OpenAPIError as error:
        return f"{request.method} {request.url}: {error}: {_cause(error)}"
    return ""


def _cause(error: Any) -> str:
    return str(getattr(error, "__cause__", None) or "")[:300]
