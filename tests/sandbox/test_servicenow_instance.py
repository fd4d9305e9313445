"""The simulated instance behaves as the reference says the real one does, and carries the city."""

import base64
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sandbox.city import City, build
from sandbox.servicenow import INSTANCE, PASSWORD, USER, Instance, create_app

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
AUTH = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


@pytest.fixture(scope="module")
def city() -> City:
    return build("small", date(2026, 11, 20))


class Desk:
    """A signed-in client of the instance."""

    def __init__(self, city: City) -> None:
        app = create_app(city, now=lambda: NOW)
        self.tool: Instance = app.extensions["portico"]
        self.client: FlaskClient = app.test_client()

    def get(self, table: str, query: str = "", **params: str) -> TestResponse:
        asked = {"sysparm_query": query, **{f"sysparm_{name}": value for name, value in params.items()}}
        return self.client.get(f"/api/now/table/{table}", query_string=asked, headers=AUTH)

    def rows(self, table: str, query: str = "", **params: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get(table, query, **params).get_json()["result"]
        return rows

    def patch(self, table: str, id_: str, **values: Any) -> TestResponse:
        return self.client.patch(f"/api/now/table/{table}/{id_}", json=values, headers=AUTH)


@pytest.fixture
def desk(city: City) -> Desk:
    return Desk(city)


def test_the_city_is_there(desk: Desk, city: City) -> None:
    projects = desk.rows("pm_project", fields="u_portico_key,project_manager.name,department.name")
    assert {row["u_portico_key"] for row in projects} == {p.key for p in city.projects if p.in_servicenow}
    managers = {p.key: p.manager.name for p in city.projects}
    assert all(row["project_manager.name"] == managers[row["u_portico_key"]] for row in projects)
    tables = {
        "incident": "incident",
        "problem": "problem",
        "change": "change_request",
        "demand": "dmn_demand",
    }
    tickets = Counter(ticket.type for ticket in city.tickets())
    for type_, table in tables.items():
        assert len(desk.rows(table)) == tickets[type_]  # type: ignore[index] # the city's own words
    assert len(desk.rows("cmdb_ci_outage")) == len(city.outages)


def test_no_credentials_are_401(desk: Desk) -> None:
    assert desk.client.get("/api/now/table/incident").status_code == 401


def test_unknown_fields_and_terms_are_dropped(desk: Desk) -> None:
    everything = len(desk.rows("incident"))
    assert 0 < len(desk.rows("incident", "active=true")) < everything
    assert len(desk.rows("incident", "activ=true")) == everything
    assert desk.rows("incident", limit="1", fields="number,nonsense").pop().keys() == {"number"}


def test_or_belongs_to_the_condition_before_it(desk: Desk) -> None:
    found = desk.rows("incident", "active=true^priority=3^ORpriority=4")
    assert found
    assert all(row["active"] == "true" and row["priority"] in ("3", "4") for row in found)
    either = desk.rows("incident", "active=true^priority=3^NQactive=false")
    assert {row["priority"] for row in either if row["active"] == "true"} <= {"3"}
    assert "false" in {row["active"] for row in either}


def test_row_rules_apply_after_the_limit(desk: Desk) -> None:
    ids = [row["sys_id"] for row in desk.rows("incident", "ORDERBYsys_id", limit="5")]
    desk.tool.rights.hidden.update(ids[:3])
    answer = desk.get("incident", "ORDERBYsys_id", limit="5")
    assert [row["sys_id"] for row in answer.get_json()["result"]] == ids[3:]
    assert int(answer.headers["X-Total-Count"]) > 5
    assert answer.headers["Link"].startswith(f"<{INSTANCE}/")
    assert desk.client.get(f"/api/now/table/incident/{ids[0]}", headers=AUTH).status_code == 404


def test_display_values_and_references(desk: Desk) -> None:
    bare = desk.rows("pm_project", limit="1", exclude_reference_link="true")[0]
    linked = desk.rows("pm_project", limit="1")[0]
    shown = desk.rows("pm_project", limit="1", display_value="all")[0]
    assert linked["project_manager"]["value"] == bare["project_manager"]
    assert linked["project_manager"]["link"].endswith(f"/sys_user/{bare['project_manager']}")
    assert shown["project_manager"]["display_value"] != bare["project_manager"]
    assert shown["start_date"]["value"][11:] != shown["start_date"]["display_value"][11:]


def test_a_write_counts_and_stamps_only_what_changed(desk: Desk) -> None:
    row = desk.rows("pm_project", limit="1")[0]
    first = desk.patch("pm_project", row["sys_id"], u_rag_overall="red").get_json()["result"]
    again = desk.patch("pm_project", row["sys_id"], u_rag_overall="red").get_json()["result"]
    assert first["sys_mod_count"] == again["sys_mod_count"] == str(int(row["sys_mod_count"]) + 1)
    assert first["sys_updated_on"] == "2026-11-20 15:00:00"
    assert [(write["field"], write["after"]) for write in desk.tool.write_log] == [("u_rag_overall", "red")]


def test_what_may_not_be_written_is_passed_over(desk: Desk) -> None:
    row = desk.rows("pm_project", limit="1")[0]
    desk.tool.rights.unwritable["pm_project"] = {"u_explanation"}
    answer = desk.patch(
        "pm_project", row["sys_id"], u_explanation="x", u_rag_cost="purple", u_nothing="x", sys_mod_count="99"
    )
    assert answer.status_code == 200
    assert answer.get_json()["result"]["sys_mod_count"] == row["sys_mod_count"]
    assert desk.tool.write_log == []


def test_over_the_quota_it_asks_for_half_an_hour(desk: Desk) -> None:
    desk.tool.quota = 1
    assert desk.get("incident", limit="1").status_code == 200
    refused = desk.get("incident", limit="1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1800")


def test_a_page_that_takes_too_long_fails_inside_a_200(desk: Desk) -> None:
    desk.tool.rows_in_time = 3
    beside = desk.get("incident", limit="4")
    assert beside.status_code == 200
    assert {"result", "error", "status"} <= beside.get_json().keys()
    desk.tool.cancelled = "torn"
    assert desk.get("incident", limit="4").get_json(silent=True) is None
    assert desk.get("incident", limit="3").get_json()["result"]


def test_the_dictionary_knows_inherited_columns(desk: Desk) -> None:
    entries = desk.rows("sys_dictionary", "nameINpm_project,planned_task,task^elementISNOTEMPTY")
    by_table = {(row["name"], row["element"]) for row in entries}
    assert {("task", "number"), ("planned_task", "start_date"), ("pm_project", "u_rag_overall")} <= by_table
    choices = desk.rows("sys_choice", "name=pm_project^element=u_rag_overall^ORDERBYsequence")
    assert [row["value"] for row in choices] == ["green", "amber", "red", "approved_change", "unknown"]


def test_a_table_that_is_not_installed(desk: Desk) -> None:
    assert desk.get("no_such_table").status_code == 400


def test_the_count_sees_what_row_rules_hide(desk: Desk) -> None:
    rows = desk.rows("incident")
    desk.tool.rights.hidden.add(rows[0]["sys_id"])
    stats = desk.client.get("/api/now/stats/incident?sysparm_count=true", headers=AUTH).get_json()
    assert stats == {"result": {"stats": {"count": str(len(rows))}}}
    assert len(desk.rows("incident")) == len(rows) - 1
