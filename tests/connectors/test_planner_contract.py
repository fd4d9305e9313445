"""Every request of the Planner connector against Microsoft's own description of Graph."""

import pytest
import requests
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from openapi_core.exceptions import OpenAPIError

from connectors.base import Patch, Stream, Target
from tests.connectors.graph_site import PLAN, running_site
from tests.connectors.graph_wire import CONTRACT, HOST, contract

RAG = "categories:category10,category11,category12"

pytestmark = pytest.mark.skipif(not CONTRACT.is_file(), reason=f"no Graph contract at {CONTRACT}")


def test_requests_are_as_microsoft_describes_them() -> None:
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
    asked = site.wire.asked()
    assert site.wire.violations() == []
    assert len(asked) > 20
    assert {each.method for each in asked} == {"GET", "POST", "PATCH"}


def test_the_description_would_refuse_a_write_without_its_etag() -> None:
    request = requests.Request(
        "PATCH",
        f"{HOST}/v1.0/planner/tasks/MDAwMDAwMDAwNS1wb3J0aWNvLWlk",
        headers={"Authorization": "Bearer t"},
        json={"appliedCategories": {"category10": True}},
    )
    with pytest.raises(OpenAPIError):
        contract().validate_request(RequestsOpenAPIRequest(request.prepare()))
