"""Every request of the Planner connector against Microsoft's own description of Graph."""

import json
import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from openapi_core.exceptions import OpenAPIError
from ruamel.yaml import YAML

from connectors.base import Patch, Stream, Target
from tests.connectors.graph_site import PLAN, running_site

ROOT = Path(__file__).parents[2]
CONTRACT = (
    Path(os.environ.get("PORTICO_CONTRACTS", ROOT.parent / "shared/contracts")) / "graph-v1.0.fixed.yml"
)
RAG = "categories:category10,category11,category12"
HOST = "https://graph.microsoft.com"
NOT_DESCRIBED = {"/v1.0/organization"}

pytestmark = pytest.mark.skipif(not CONTRACT.is_file(), reason=f"no Graph contract at {CONTRACT}")


def contract() -> OpenAPI:
    spec = YAML(typ="safe").load(CONTRACT)
    spec["servers"] = [{"url": HOST}]
    return OpenAPI.from_dict(spec)


@pytest.fixture(scope="module")
def described() -> OpenAPI:
    return contract()


class Wire:
    """Keeps each request that arrives, and each part of a batch, as if sent to Graph itself."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self.kept: list[requests.Request] = []

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
        self.kept.append(
            requests.Request(environ["REQUEST_METHOD"], address, headers=headers, data=data, json=body)
        )
        for part in (body or {}).get("requests", ()):
            own = {"Authorization": headers["Authorization"]}
            self.kept.append(requests.Request(part["method"], f"{HOST}/v1.0{part['url']}", headers=own))
        return self._app({**environ, "wsgi.input": BytesIO(sent)}, start_response)


def test_requests_are_as_microsoft_describes_them(described: OpenAPI) -> None:
    with running_site() as site:
        site.tenant.page_size = 2
        for number in range(5):
            site.tenant.add_task(site.plan, f"Task {number}", bucketId=site.bucket, description="x")
        target = Target(
            "status_task",
            key=(("plan", PLAN), ("title", "Portico status"), ("marker", "OIT-014")),
            fields=(RAG, "details.description"),
        )
        planner = site.connect(write_fields=(RAG,))
        wire = Wire(site.counted.app)
        site.counted.app = wire
        planner.check()
        planner.describe("status_task")
        list(planner.pull(Stream("task", PLAN), None))
        planner.census(Stream("task", "group:Licenses & Inspections"))
        for colour in ("category10", "category12", None):
            (shown,) = planner.look([target])
            values = {RAG: colour, "details.description": f"Now {colour}", "dueDateTime": "2027-03-14"}
            (outcome,) = planner.push([Patch(target, values, shown.values, shown.version)])
            assert outcome.error is None
        planner.close()
    asked = [each for each in wire.kept if urlsplit(str(each.url)).path not in NOT_DESCRIBED]
    for request in asked:
        described.validate_request(RequestsOpenAPIRequest(request.prepare()))
    assert len(asked) > 40
    assert {each.method for each in asked} == {"GET", "POST", "PATCH"}


def test_the_description_would_refuse_a_write_without_its_etag(described: OpenAPI) -> None:
    request = requests.Request(
        "PATCH",
        f"{HOST}/v1.0/planner/tasks/MDAwMDAwMDAwNS1wb3J0aWNvLWlk",
        headers={"Authorization": "Bearer t"},
        json={"appliedCategories": {"category10": True}},
    )
    with pytest.raises(OpenAPIError):
        described.validate_request(RequestsOpenAPIRequest(request.prepare()))
