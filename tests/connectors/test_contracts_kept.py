"""What holds every test's exchanges against the vendors' contracts hears all of them, and can fail."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.conftest import missing
from tests.connectors import jira_contract, snow_contract
from tests.connectors.jira_served import Served
from tests.connectors.snow_served import SECRET, ServiceNowHarness, running
from tests.wire import WIRE, Exchange, Wire, breaches

ROW = {"sys_id": "0" * 32, "number": "PRJ0000001"}


@pytest.fixture(autouse=True)
def contracts() -> None:
    if not (snow_contract.available() and jira_contract.available()):
        missing("the vendors' contracts (set PORTICO_CONTRACTS)")


@pytest.fixture
def snow() -> Iterator[ServiceNowHarness]:
    with running(lambda: datetime.now(UTC)) as harness:
        harness.add(2)
        yield harness


def exchange(**change: Any) -> Exchange:
    kept = Exchange(
        tool="servicenow",
        client="portico",
        method="GET",
        path="/api/now/table/pm_project",
        query="sysparm_limit=500&sysparm_display_value=false",
        headers={"Authorization": "Basic eA==", "Accept": "application/json"},
        body=b"",
        status=200,
        answer=json.dumps({"result": [ROW]}).encode(),
        answer_headers={"Content-Type": "application/json"},
    )
    return replace(kept, **change)


def batch(url: str, answer: object = None) -> Mapping[str, Any]:
    body = {"batch_request_id": 1, "rest_requests": [{"id": "1", "method": "GET", "url": url}]}
    served = {
        "id": "1",
        "status_code": 200,
        "status_text": "OK",
        "body": base64.b64encode(json.dumps(answer or {"result": [ROW]}).encode()).decode(),
        "headers": [{"name": "Content-Type", "value": "application/json"}],
        "execution_time": 1,
    }
    told = {"batch_request_id": "1", "serviced_requests": [served], "unserviced_requests": []}
    return {
        "method": "POST",
        "path": "/api/now/v1/batch",
        "query": "",
        "headers": {"Authorization": "Basic eA==", "Content-Type": "application/json"},
        "body": json.dumps(body).encode(),
        "answer": json.dumps(told).encode(),
    }


def test_servicenow_exchanges_that_keep_the_contract() -> None:
    assert breaches([exchange(), exchange(**batch("/api/now/table/risk?sysparm_limit=5"))]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "/api/now/table/Pm_Project"}, "request"),
        ({"path": "/api/now/attachment"}, "PathNotFound"),
        ({"query": "sysparm_limit=20000"}, "request"),
        ({"query": "sysparm_no_count=True"}, "request"),
        ({"headers": {"Accept": "application/json"}}, "Security"),
        ({"answer": b'{"result": {}}'}, "answer"),
        ({"answer": b'{"records": []}'}, "answer"),
        (batch("/api/now/table/risk?sysparm_limit=0"), "part"),
        (batch("/api/now/table/risk", {"result": 3}), "part"),
    ],
)
def test_servicenow_exchanges_that_break_it(change: Mapping[str, Any], said: str) -> None:
    (problem,) = breaches([exchange(**change)])
    assert said in problem


def test_a_wrong_request_is_heard_whoever_sends_it(
    snow: ServiceNowHarness, cloud: Served, datacenter: Served
) -> None:
    WIRE.take()
    url = f"{snow.server.url}/api/now/table/pm_project"
    requests.get(url, {"sysparm_offset": "-1"}, auth=(snow.tool.user, SECRET), timeout=5)
    for served, version in ((cloud, 3), (datacenter, 2)):
        requests.get(f"{served.server.url}/rest/api/{version}/issue/CON-1/secrets", timeout=5)
        served.exchanges.clear()
    first, *others = breaches(WIRE.take())
    assert "sysparm_offset" in first
    assert ["/secrets" in each for each in others] == [True, True]


def test_alike_is_what_differs_in_numbers_and_names_alone(snow: ServiceNowHarness) -> None:
    wire = Wire()
    wire.listen()

    def heard(path: str, body: object = None, **query: str) -> int:
        url, auth = f"{snow.server.url}/api/now/{path}", (snow.tool.user, SECRET)
        requests.request("POST" if body else "GET", url, params=query, json=body, auth=auth, timeout=5)
        return len(wire.take())

    ids = sorted(snow.truth())
    assert heard(f"table/pm_project/{ids[0]}") == 1
    assert heard(f"table/pm_project/{ids[1]}") == 0
    assert heard("table/pm_project", sysparm_query=f"sys_idIN{','.join(ids)}") == 1
    assert heard("table/pm_project", sysparm_query=f"sys_idIN{','.join(ids * 40)}") == 0
    assert heard("table/pm_project", sysparm_query="active=true", sysparm_limit="10000") == 1
    assert heard("table/pm_project", sysparm_query="active=true", sysparm_limit="10001") == 1
    assert heard("table/incident", sysparm_query="active=true", sysparm_limit="10001") == 1
    assert heard("table/pm_project", {"short_description": "x", "active": True}) == 1
    assert heard("table/pm_project", {"short_description": "y", "active": True}) == 1, "another word"
    assert heard("table/pm_project", {"short_description": 3, "active": True}) == 1
    breaches(wire.take())
    WIRE.take()
