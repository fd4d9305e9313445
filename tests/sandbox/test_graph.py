from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox.city import City, build
from sandbox.graph import create_app

HEADERS = {"Authorization": "Bearer sandbox-graph"}


@pytest.fixture(scope="module")
def city() -> City:
    return build("small", date(2026, 11, 21))


@pytest.fixture
def client(city: City) -> FlaskClient:
    return create_app(city).test_client()


def plan_ids(client: FlaskClient) -> dict[str, str]:
    return {
        plan["title"]: plan_id
        for plan_id, plan in client.application.extensions["portico"].tenant.plans.items()
    }


def got(client: FlaskClient, path: str) -> Any:
    return client.get(f"/v1.0{path}", headers=HEADERS).get_json()


def test_every_planner_project_has_its_plan_and_its_open_work(city: City, client: FlaskClient) -> None:
    plans = plan_ids(client)
    projects = [each for each in city.projects if each.plan]
    assert set(plans) == {each.plan for each in projects}
    for project in projects:
        expected = sorted(
            each.title for each in project.plan_tasks if each.type != "epic" and each.status != "cancelled"
        )
        shown = got(
            client, f"/planner/plans/{plans[str(project.plan)]}/tasks?$filter=percentComplete eq 100&$top=1"
        )
        assert sorted(each["title"] for each in shown["value"]) == expected


def test_nobody_without_a_token_is_let_in(client: FlaskClient) -> None:
    answer = client.get("/v1.0/groups")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_a_batch_holds_twenty_requests(client: FlaskClient) -> None:
    for size, status in ((20, 200), (21, 400)):
        parts = [{"id": str(number), "method": "GET", "url": "/groups"} for number in range(size)]
        assert client.post("/v1.0/$batch", headers=HEADERS, json={"requests": parts}).status_code == status


def test_a_write_needs_the_etag_it_saw(client: FlaskClient) -> None:
    plan = next(iter(plan_ids(client).values()))
    task = got(client, f"/planner/plans/{plan}/tasks")["value"][0]
    url = f"/v1.0/planner/tasks/{task['id']}"
    statuses = [
        client.patch(url, headers={**HEADERS, **extra}, json={"priority": 1}).status_code
        for extra in ({}, {"If-Match": "x"}, {"If-Match": 'W/"x"'}, {"If-Match": task["@odata.etag"]})
    ]
    assert statuses == [400, 400, 412, 204]
    assert client.application.extensions["portico"].write_log == [
        {"record": task["id"], "field": "priority", "before": task["priority"], "after": 1}
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"percentComplete": 101},
        {"priority": 11},
        {"title": ""},
        {"appliedCategories": {"category26": True}},
        {"assignments": {"someone": {"orderHint": " !"}}},
        {"startDateTime": "2027-01-02T00:00:00Z", "dueDateTime": "2027-01-01T00:00:00Z"},
        {"lastModifiedDateTime": "2027-01-01T00:00:00Z"},
    ],
)
def test_a_body_that_breaks_a_rule_is_refused(client: FlaskClient, body: dict[str, Any]) -> None:
    plan = next(iter(plan_ids(client).values()))
    task = got(client, f"/planner/plans/{plan}/tasks")["value"][0]
    headers = {**HEADERS, "If-Match": task["@odata.etag"]}
    assert client.patch(f"/v1.0/planner/tasks/{task['id']}", headers=headers, json=body).status_code == 400
    assert got(client, f"/planner/tasks/{task['id']}")["@odata.etag"] == task["@odata.etag"]
