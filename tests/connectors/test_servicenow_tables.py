"""Every table with a shipped mapping, from the simulated instance through the connector to typed rows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.judging import ServiceTerms, Target
from config.settings import Portfolio
from connectors.auth import basic
from connectors.base import Cursor, SourceRecord, Stream
from connectors.http import Http
from connectors.servicenow import ServiceNow
from connectors.servicenow.clocks import Clocks
from connectors.servicenow.table import Reader
from mapping import Translated, Translator, context_of, load
from mapping.loading import shipped
from mapping.rules import MappingError
from portfolio.facts import Source, Ticket
from portfolio.model import Row
from portfolio.service_clock import clock as clock_of
from sandbox.city import City, build
from sandbox.servicenow_city import tables_of
from sandbox.servicenow_schema import CITY_TABLES
from sandbox.servicenow_tables import Table, Tables, sys_id
from tests.connectors.snow_served import SECRET, ServiceNowHarness, running

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
CITY = build("small", date(2026, 11, 20))
PORTFOLIO = Portfolio(timezone="America/New_York")
IN_SNOW = [project for project in CITY.projects if project.in_servicenow]
NAMES = {
    "pm_portfolio": "project",
    "pm_program": "project",
    "pm_project": "project",
    "pm_project_task": "work_item",
    "project_status": "status_report",
    "dmn_demand": "ticket",
    "risk": "risk",
    "issue": "risk",
    "dmn_decision": "risk",
    "project_action": "risk",
    "project_change_request": "risk",
    "resource_plan": "allocation",
    "resource_allocation": "allocation",
    "cost_plan": "budget_line",
    "fm_expense_line": "budget_line",
    "incident": "ticket",
    "problem": "ticket",
    "change_request": "ticket",
    "sc_request": "ticket",
    "sc_req_item": "ticket",
    "sc_task": "ticket",
    "cmdb_ci_outage": "outage",
}
WITHOUT_ROWS = {"sc_request", "sc_task"}
BESIDE = ("task_sla", "sys_user", "sys_user_group")
"""Tables that fill nothing of their own: they come with the records that point to them."""
CODES = {
    "dmn_demand": {
        "1": "new",
        "2": "new",
        "3": "in_progress",
        "4": "in_progress",
        "5": "resolved",
        "6": "closed",
        "7": "on_hold",
    },
    "pm_project": {"5": "on_hold"},
}
"""Codes that differ between instances: an administrator maps them."""


@pytest.fixture(scope="module")
def city() -> City:
    return CITY


@pytest.fixture(scope="module")
def snow() -> Iterator[ServiceNowHarness]:
    with running(lambda: NOW, tables_of(CITY, lambda: NOW)) as harness:
        yield harness


@pytest.fixture
def fresh() -> Iterator[ServiceNowHarness]:
    with running(lambda: NOW, tables_of(CITY, lambda: NOW)) as harness:
        yield harness


def overrides(kind: str) -> dict[str, Any]:
    from config.connections import MapRule  # noqa: PLC0415

    words = CODES.get(kind, {})
    field = "state" if kind == "pm_project" else "state_category"
    return {field: MapRule(values=words)} if words else {}


def pulled(
    snow: ServiceNowHarness, kind: str, cursor: Cursor | None = None, scope: str = ""
) -> tuple[list[SourceRecord], Cursor]:
    connector: ServiceNow = snow.connect(page_size=200)
    pages = list(connector.pull(Stream(kind, scope, fields=load("servicenow", kind).paths), cursor))
    connector.close()
    return [record for page in pages for record in page.records], pages[-1].cursor


def translated(kind: str, records: Sequence[SourceRecord]) -> list[Translated]:
    translator = Translator(load("servicenow", kind, overrides(kind)), context_of(PORTFOLIO))
    return [translator.translate(record.body) for record in records]


def rows(snow: ServiceNowHarness, kind: str, scope: str = "") -> list[Row]:
    found = translated(kind, pulled(snow, kind, scope=scope)[0])
    assert [each.rejects for each in found if each.rejects] == []
    return [each.row for each in found if each.row is not None]


def test_each_table_fills_its_entity() -> None:
    assert set(NAMES) == set(shipped("servicenow"))
    assert {kind: load("servicenow", kind).entity.name for kind in NAMES} == NAMES


@pytest.mark.parametrize("kind", sorted(NAMES.keys() - WITHOUT_ROWS))
def test_each_table_translates_without_a_reject(snow: ServiceNowHarness, kind: str) -> None:
    found = rows(snow, kind)
    assert found
    ids = {value for row in found for value in row.values() if isinstance(value, str) and is_id(value)}
    assert ids <= {row["parent_id"] for row in found if "parent_id" in row}, "words, not references"


@pytest.mark.parametrize("kind", sorted(WITHOUT_ROWS))
def test_requests_and_their_tasks_come_in_every_state(kind: str) -> None:
    tables = Tables((*CITY_TABLES, Table("sc_task", "Catalog Task", (), parent="task")), lambda: NOW)
    categories = {
        "-5": "on_hold",
        "1": "new",
        "2": "in_progress",
        "3": "closed",
        "4": "cancelled",
        "7": "cancelled",
    }
    with running(lambda: NOW, tables) as snow:
        group = tables.load("sys_user_group", {"sys_id": sys_id("group"), "name": "Desk"})["sys_id"]
        for state in categories:
            at = {"opened_at": "2026-11-20 10:00:00", "sys_updated_on": "2026-11-20 10:00:00"}
            row = {"number": f"REQ{state}", "state": state, "priority": "2", "assignment_group": group, **at}
            tables.load(kind, {"sys_id": sys_id(kind, state), **row})
        found = {row["number"]: row for row in rows(snow, kind)}
    assert {number: row["state_category"] for number, row in found.items()} == {
        f"REQ{state}": category for state, category in categories.items()
    }
    assert {(row["type"], row["priority"], row["assignment_group"]) for row in found.values()} == {
        ("service_request", "2 - High", "Desk")
    }


@pytest.mark.parametrize("kind", BESIDE)
def test_a_table_that_fills_nothing_of_its_own_is_refused_with_what_is_accepted(kind: str) -> None:
    with pytest.raises(MappingError, match=kind) as caught:
        load("servicenow", kind)
    assert caught.value.accepted.startswith("entity: one of project, work_item")


def is_id(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def test_projects_come_with_their_words(snow: ServiceNowHarness) -> None:
    found = {row["key"]: row for row in rows(snow, "pm_project")}
    for project in IN_SNOW:
        row = found[project.number]
        shown = (
            row["manager"],
            row["sponsor"],
            row["department"],
            row["program"],
            row["state"],
            row["stage"],
        )
        assert shown == (
            project.manager.name, project.sponsor.name, project.department.name,
            project.program, project.state, project.stage,
        )  # fmt: skip
        assert (row["start_planned"], row["finish_baseline"]) == (
            project.start_planned,
            project.finish_baseline,
        )
        assert row["percent_complete"] == project.percent_complete


def test_tickets_come_with_the_clock_of_their_sla(snow: ServiceNowHarness) -> None:
    kinds = {
        "incident": "incident",
        "problem": "problem",
        "change": "change_request",
        "service_request": "sc_req_item",
    }
    for type_, kind in kinds.items():
        found = {row["number"]: row for row in rows(snow, kind)}
        for ticket in CITY.tickets():
            if ticket.type == type_:
                row = found[ticket.number]
                assert row["state_category"] in (ticket.state, "closed")
                assert row["due_at"] == ticket.due_at
                assert row["breached"] == (ticket.breached if ticket.due_at else row["breached"])


def test_a_change_in_review_is_made_and_waits_for_its_closing(snow: ServiceNowHarness) -> None:
    wanted = {
        ticket.number for ticket in CITY.tickets() if (ticket.type, ticket.state) == ("change", "resolved")
    }
    found = {row["number"]: row for row in rows(snow, "change_request", "state=0")}
    assert set(found) == wanted
    for row in found.values():
        assert (row["state"], row["state_category"]) == ("Review", "resolved")
        assert row["resolved_at"] is not None


def test_durations_are_hours_and_money_is_exact(snow: ServiceNowHarness) -> None:
    spent = {
        f"{p.number}-{item.number}": item.spent_hours
        for p in IN_SNOW
        for item in p.work
        if p.work_tool == "servicenow"
    }
    records, _ = pulled(snow, "pm_project_task", scope="milestone=false")
    for record, found in zip(records, translated("pm_project_task", records), strict=True):
        assert found.row is not None
        assert found.row["spent_hours"] == spent[record.key or ""]
    lines = [line for project in IN_SNOW for line in project.budget]
    assert sum(row["actual"] for row in rows(snow, "fm_expense_line")) == sum(line.actual for line in lines)
    plans = rows(snow, "cost_plan")
    assert sum(row["revised_budget"] for row in plans) == sum(line.revised_budget for line in lines)
    assert {row["fiscal_year"] for row in plans} == {line.fiscal_year for line in lines}


def test_allocations_are_of_people_by_month(snow: ServiceNowHarness) -> None:
    wanted = sorted(
        (each.person.name, each.role, each.month, each.planned_hours)
        for p in IN_SNOW
        for each in p.allocations
    )
    for kind in ("resource_plan", "resource_allocation"):
        assert (
            sorted((r["person"], r["role"], r["month"], r["planned_hours"]) for r in rows(snow, kind))
            == wanted
        )


def test_only_processed_expense_lines_count(fresh: ServiceNowHarness) -> None:
    line = next(fresh.tool.tables.rows("fm_expense_line"))
    fresh.tool.tables.edit("fm_expense_line", line["sys_id"], "ada", state="pending")
    (row,) = rows(fresh, "fm_expense_line", f"number={line['number']}")
    assert row["actual"] is None


def test_an_amount_in_another_currency_is_refused_not_added_up(fresh: ServiceNowHarness) -> None:
    fresh.tool.currency = "EUR"
    found = translated("fm_expense_line", pulled(fresh, "fm_expense_line")[0])
    refused = [each for each in found if each.rejects]
    assert refused
    assert {(each.field, each.reason) for found in refused for each in found.rejects} == {
        ("actual", "an amount in €, not in USD")
    }
    assert all(each.row is None or not each.row["actual"] for each in found)


class TestClocks:
    """task_sla where it is, else a declared target; never made_sla of an open ticket."""

    opened = NOW - timedelta(hours=5)
    number = "INC9999999"

    def incident(self, snow: ServiceNowHarness, **values: str) -> str:
        made = {"number": self.number, "state": "2", "active": "true", "priority": "2", "made_sla": "true"}
        stamps = {"opened_at": "2026-11-20 10:00:00", "sys_updated_on": "2026-11-20 10:00:00"}
        row = {"sys_id": sys_id("incident", "x"), **made, **stamps, **values}
        return snow.tool.tables.load("incident", row)["sys_id"]

    def sla(self, snow: ServiceNowHarness, place: int, target: str = "resolution", **values: str) -> None:
        definition = {"sys_id": sys_id("definition", target), "name": target, "target": target, "type": "SLA"}
        if target == "supplier":
            definition |= {"target": "resolution", "type": "OLA"}
        snow.tool.tables.load("contract_sla", definition)
        row = {
            "task": sys_id("incident", "x"), "sla": definition["sys_id"], "stage": "in_progress", "active": "true",
            "has_breached": "false", "sys_id": sys_id("task_sla", str(place)), **values,
        }  # fmt: skip
        snow.tool.tables.load("task_sla", row)

    def row(self, snow: ServiceNowHarness) -> Row:
        (row,) = rows(snow, "incident", f"number={self.number}")
        return row

    def test_the_promise_to_the_customer_counts(self, fresh: ServiceNowHarness) -> None:
        self.incident(fresh, due_date="2026-11-21 00:00:00")
        self.sla(
            fresh,
            1,
            "response",
            planned_end_time="2026-11-20 10:15:00",
            stage="completed",
            has_breached="true",
        )
        self.sla(fresh, 2, "supplier", planned_end_time="2026-11-20 11:00:00")
        self.sla(fresh, 3, planned_end_time="2026-11-20 12:00:00", stage="cancelled", active="false")
        self.sla(fresh, 4, planned_end_time="2026-11-20 16:00:00")
        row = self.row(fresh)
        assert (row["due_at"], row["breached"]) == (datetime(2026, 11, 20, 16, tzinfo=UTC), False)

    def test_a_paused_clock_has_no_due_time(self, fresh: ServiceNowHarness) -> None:
        self.incident(fresh, state="3", sla_due="2026-11-20 12:00:00", due_date="2026-11-20 12:00:00")
        self.sla(fresh, 1, planned_end_time="2026-11-20 12:00:00", stage="paused")
        row = self.row(fresh)
        assert (row["due_at"], row["breached"], row["state_category"]) == (None, False, "on_hold")

    def test_a_closed_ticket_keeps_the_clock_that_it_was_closed_under(self, fresh: ServiceNowHarness) -> None:
        self.incident(fresh, state="7", active="false", resolved_at="2026-11-20 11:30:00")
        ended = {"stage": "completed", "active": "false"}
        self.sla(fresh, 1, planned_end_time="2026-11-20 12:00:00", **ended)
        self.sla(fresh, 2, planned_end_time="2026-11-20 11:00:00", **ended)
        self.sla(fresh, 3, planned_end_time="2026-11-20 13:00:00", stage="cancelled", active="false")
        row = self.row(fresh)
        assert (row["due_at"], row["breached"]) == (datetime(2026, 11, 20, 12, tzinfo=UTC), False)

    def test_made_sla_of_an_open_ticket_says_nothing(self, fresh: ServiceNowHarness) -> None:
        self.incident(fresh, made_sla="true")
        assert self.row(fresh)["breached"] is None
        self.incident(fresh, made_sla="false", state="7", active="false")
        assert self.row(fresh)["breached"] is True
        self.incident(fresh, made_sla="true", state="7", active="false")
        assert self.row(fresh)["breached"] is False

    def test_a_reopened_ticket_runs_again(self, fresh: ServiceNowHarness) -> None:
        self.incident(fresh, resolved_at="2026-11-20 11:00:00", reopen_count="1")
        self.sla(fresh, 1, planned_end_time="2026-11-20 12:00:00", stage="completed", active="false")
        self.sla(fresh, 2, planned_end_time="2026-11-20 14:00:00")
        ticket = self.ticket(self.row(fresh))
        found = clock_of(ticket, NOW, ServiceTerms(), ZoneInfo("UTC"))
        assert (found.due_at, found.breached) == (datetime(2026, 11, 20, 14, tzinfo=UTC), True)
        assert found.elapsed == timedelta(hours=5)

    def test_without_an_sla_the_declared_target_of_the_priority_counts(
        self, fresh: ServiceNowHarness
    ) -> None:
        self.incident(fresh)
        terms = ServiceTerms(
            targets=(
                Target(priority=("2 - High",), resolve=timedelta(hours=4)),
                Target(resolve=timedelta(days=90)),
            )
        )
        found = clock_of(self.ticket(self.row(fresh)), NOW, terms, ZoneInfo("UTC"))
        assert (found.due_at, found.breached) == (datetime(2026, 11, 20, 14, tzinfo=UTC), True)
        earlier = clock_of(self.ticket(self.row(fresh)), NOW - timedelta(hours=2), terms, ZoneInfo("UTC"))
        assert earlier.breached is False, "at an instant, not as the tool last said"

    def test_an_instance_that_hides_its_clocks_is_read_without_them(self, fresh: ServiceNowHarness) -> None:
        self.incident(fresh, due_date="2026-11-21 00:00:00")
        fresh.tool.rights.closed.add("task_sla")
        assert self.row(fresh)["due_at"] == datetime(2026, 11, 21, tzinfo=UTC)

    @staticmethod
    def ticket(row: Row) -> Ticket:
        names = (
            "number",
            "type",
            "title",
            "priority",
            "state_category",
            "opened_at",
            "due_at",
            "resolved_at",
            "breached",
        )
        number, type_, title, priority, state, opened, due, resolved, breached = (row[name] for name in names)
        return Ticket(
            number,
            type_,
            title,
            priority,
            state,
            opened,
            due,
            resolved,
            breached,
            None,
            Source("snow", number),
        )


class TestWords:
    """A renamed group or person moves none of the records that point to it."""

    def test_records_behind_a_renamed_group_are_read_again(self) -> None:
        clock = [NOW]
        tables = tables_of(CITY, lambda: clock[0])
        with running(lambda: clock[0], tables) as snow:
            records, cursor = pulled(snow, "incident")
            group = records[0].body["assignment_group"]
            behind = {each.id for each in records if each.body["assignment_group"] == group}
            clock[0] += timedelta(hours=2)
            quiet, cursor = pulled(snow, "incident", cursor)
            assert {each.id for each in quiet} <= {
                each.id
                for each in records
                if each.updated_at and each.updated_at > NOW - timedelta(minutes=5)
            }
            tables.edit("sys_user_group", group, "ada", name="Renamed desk")
            clock[0] += timedelta(minutes=15)
            again, cursor = pulled(snow, "incident", cursor)
            assert {each.id for each in again} >= behind
            assert {each.body["assignment_group.name"] for each in again if each.id in behind} == {
                "Renamed desk"
            }
            assert not any(name.endswith(".sys_updated_on") for name in again[0].body)
            clock[0] += timedelta(hours=1)
            assert pulled(snow, "incident", cursor)[0] == []

    def test_a_ticket_whose_clock_moves_alone_is_read_again(self) -> None:
        clock = [NOW]
        tables = tables_of(CITY, lambda: clock[0])
        with running(lambda: clock[0], tables) as snow:
            records, cursor = pulled(snow, "incident", scope="active=true")
            moved = next(each for each in records if each.body.get("task_sla"))
            sla = next(row for row in tables.rows("task_sla") if row["task"] == moved.id)
            other = next(
                row for row in tables.rows("task_sla") if row["task"] not in {each.id for each in records}
            )
            clock[0] += timedelta(hours=2)
            for row in (sla, other):
                tables.edit("task_sla", row["sys_id"], "system", planned_end_time="2026-12-24 12:00:00")
            clock[0] += timedelta(minutes=15)
            _, later = pulled(snow, "incident", cursor, scope="active=true")
            (again,) = [
                each
                for each in pulled(snow, "incident", cursor, scope="active=true")[0]
                if each.id == moved.id
            ]
            assert again.body["task_sla"]["planned_end_time"] == "2026-12-24 12:00:00"
            asked = [
                params["sysparm_query"] for _, _, params in snow.tool.requests if "sysparm_query" in params
            ]
            assert not any("task_sla.sys_updated_on" in each for each in asked), "no column of a ticket"
            clock[0] += timedelta(hours=1)
            assert pulled(snow, "incident", later, scope="active=true")[0] == []

    def test_clocks_that_do_not_tell_what_moved_cost_only_freshness(self, fresh: ServiceNowHarness) -> None:
        http = Http(fresh.server.url, auth=basic(fresh.tool.user, SECRET))
        assert Clocks(Reader(http, 200)).moved("2020-01-01 00:00:00")
        fresh.tool.drops = lambda term: term.startswith("sys_updated_on>")
        assert Clocks(Reader(http, 200)).moved("2026-12-01 00:00:00") == ()
        fresh.tool.rights.closed.add("task_sla")
        assert Clocks(Reader(http, 200)).moved("2020-01-01 00:00:00") == ()
        http.close()

    def test_an_instance_that_drops_the_question_costs_only_freshness(self, fresh: ServiceNowHarness) -> None:
        _, cursor = pulled(fresh, "incident")
        fresh.tool.drops = lambda term: "." in term.partition(">")[0]
        assert pulled(fresh, "incident", cursor)[0] == []


def test_a_table_without_a_shipped_mapping_fills_an_entity_by_mapping(snow: ServiceNowHarness) -> None:
    from config.connections import MapRule  # noqa: PLC0415

    mapping = load(
        "servicenow", "fiscal_period", {"name": MapRule.model_validate({"from": "name"})}, entity="milestone"
    )
    connector = snow.connect()
    (page,) = [p for p in connector.pull(Stream("fiscal_period", fields=mapping.paths), None) if p.last]
    connector.close()
    found = [Translator(mapping, context_of(PORTFOLIO)).translate(each.body) for each in page.records]
    assert all(each.row and each.row["name"].startswith("FY") for each in found)


def test_a_duration_of_any_length_is_hours() -> None:
    translator = Translator(load("servicenow", "pm_project_task"), context_of(PORTFOLIO))

    def read(text: str) -> tuple[Decimal | None, list[str]]:
        found = translator.translate({"effort": text})
        return (found.row or {}).get("estimate_hours"), [each.field for each in found.rejects]

    assert read("1970-01-01 00:30:00") == (Decimal("0.5"), [])
    assert read("1970-02-15 06:00:00") == (Decimal(1086), [])
    assert read("1971-01-01 00:00:00") == (Decimal(8760), [])
    assert read("1970-02-30 06:00:00") == (None, ["estimate_hours"])
    assert read("2026-11-20 06:00:00") == (None, ["estimate_hours"])


def test_amounts_of_any_locale_are_read_or_refused() -> None:
    translator = Translator(load("servicenow", "fm_expense_line"), context_of(PORTFOLIO))

    def read(shown: str) -> tuple[Decimal | None, list[str]]:
        body = {"state": "processed", "amount": {"value": "1", "display_value": shown}}
        found = translator.translate(body)
        return (found.row or {}).get("actual"), [each.reason for each in found.rejects]

    assert read("$1,250.50") == (Decimal("1250.50"), [])
    assert read("USD 1,250.50") == (Decimal("1250.50"), [])
    assert read("($1,250.50)") == (Decimal("-1250.50"), [])
    for shown in ("€1,250.50", "£1,250.50", "EUR 1,250.50", "1.250,50 €"):
        assert read(shown)[0] is None
        assert read(shown)[1]
