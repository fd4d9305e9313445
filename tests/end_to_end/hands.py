"""Hands in the simulated tools: people who change what Portico wrote, and eyes that see what its fields show."""

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.servicenow_tables import Row
from tests.end_to_end.office import Office

JIRA_PROJECT, SNOW_PROJECT = "OIT-014", "OIT-036"
"""A project whose fields a Jira issue carries, and one whose fields its ServiceNow record carries."""
STATUS_TASK = "Portico status"


def carrier(office: Office, key: str = JIRA_PROJECT) -> Any:
    return of_jira(office, key)


def of_jira(office: Office, key: str) -> Any:
    name = office.city.project(key).carrier
    return office.state("jira").find(name) if name else None


def of_snow(office: Office, key: str) -> Row | None:
    rows = office.state("snow").tables.rows("pm_project")
    return next((row for row in rows if row["u_portico_key"] == key), None)


def _by_hand_in_jira(office: Office) -> None:
    office.state("jira").edit(carrier(office), {"customfield_10201": "by hand"})


def _by_hand_in_snow(office: Office) -> None:
    row = of_snow(office, SNOW_PROJECT)
    assert row is not None
    office.state("snow").tables.edit("pm_project", row["sys_id"], by="hand", u_gate_status="by hand")


def _by_hand_in_planner(office: Office) -> None:
    tenant = office.state("planner").tenant
    task = next(id_ for id_, each in tenant.tasks.items() if each["title"] == STATUS_TASK)
    tenant.edit_task(task, appliedCategories={"category10": True, "category11": True, "category12": False})


def _by_hand_in_sql(office: Office) -> None:
    with sqlite3.connect(office.folder / "finance" / "ledger.db") as database:
        database.execute("UPDATE portico_variance SET available_budget = '1.00'")
    database.close()


def _by_hand_in_odata(office: Office) -> None:
    table = office.state("odata").tables["BudgetFigures"]
    place = next(iter(table.rows))
    table.put({**table.rows[place], "AvailableBudget": Decimal("1.00")})


def _by_hand_in_salesforce(office: Office) -> None:
    org = office.state("salesforce")
    org.put("Portico_Figure__c", {"Available_Budget__c": Decimal("1.00")}, next(iter(_figures(office))))


def _figures(office: Office) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = office.state("salesforce").tables["Portico_Figure__c"].rows
    return rows


DRIFT: dict[str, Callable[[Office], None]] = {
    "jira": _by_hand_in_jira,
    "snow": _by_hand_in_snow,
    "planner": _by_hand_in_planner,
    "sql": _by_hand_in_sql,
    "odata": _by_hand_in_odata,
    "salesforce": _by_hand_in_salesforce,
}


def filled(office: Office) -> dict[str, Any]:
    """What Portico's fields show in each tool now, but for the stamps that move with every write."""
    jira = {
        each.carrier: {
            name: of_jira(office, each.key).fields.get(name)
            for name in ("customfield_10201", "customfield_10202", "customfield_10203", "customfield_10204")
        }
        for each in office.city.projects
        if each.carrier
    }
    names = ("u_gate_status", "u_gate_due", "u_rag_overall", "u_rag_cost", "u_budget_variance")
    snow = {
        row["number"]: {name: row[name] for name in names}
        for row in office.state("snow").tables.rows("pm_project")
    }
    planner = {
        each["planId"]: {name for name, on in each["appliedCategories"].items() if on}
        for each in office.state("planner").tenant.tasks.values()
        if each["title"] == STATUS_TASK
    }
    with sqlite3.connect(office.folder / "finance" / "ledger.db") as database:
        sql = database.execute(
            "SELECT budget_code, fiscal_year, period, budget_variance, available_budget, eac, rag_cost"
            " FROM portico_variance ORDER BY 1, 2, 3"
        ).fetchall()
    database.close()
    figures = ("BudgetVariance", "AvailableBudget", "Eac", "RagCost")
    odata = {
        place: {name: row[name] for name in figures}
        for place, row in office.state("odata").tables["BudgetFigures"].rows.items()
    }
    fields = ("Budget_Variance__c", "Available_Budget__c", "Eac__c", "Rag_Cost__c")
    salesforce = {id_: {name: row[name] for name in fields} for id_, row in _figures(office).items()}
    found = {
        "jira": jira,
        "snow": snow,
        "planner": planner,
        "sql": sql,
        "odata": odata,
        "salesforce": salesforce,
    }
    assert all(found.values())
    return found
