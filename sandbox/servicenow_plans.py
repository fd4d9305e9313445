"""The invented city's portfolios, programs, allocations, cost plans and expense lines in ServiceNow."""

from datetime import date, timedelta

from sandbox.city import City, Project
from sandbox.servicenow_tables import Tables, stamp, sys_id


def load_plans(city: City, tables: Tables) -> None:
    """Puts the rows in, for the projects that ServiceNow knows."""
    for department in city.departments:
        tables.load(
            "pm_portfolio",
            {
                "sys_id": sys_id("portfolio", department.code),
                "number": f"PORT{department.number}",
                "name": f"{department.name} portfolio",
                "state": "charter",
                "active": "true",
            },
        )
    for project in city.projects:
        if project.in_servicenow:
            _allocations(tables, project)
            _money(tables, project)


def _allocations(tables: Tables, project: Project) -> None:
    for place, each in enumerate(project.allocations):
        first = date.fromisoformat(f"{each.month}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        plan = sys_id("resource_plan", project.number, str(place))
        shared = {
            "task": sys_id("project", project.number),
            "state": "allocated",
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "actual_hours": "" if each.actual_hours is None else str(each.actual_hours),
            "sys_updated_on": stamp(each.updated_at),
        }
        tables.load(
            "resource_plan",
            {
                **shared,
                "sys_id": plan,
                "number": f"RPLN{project.number[3:]}{place:03}",
                "resource_type": "user",
                "role": each.role,
                "user_resource": sys_id("person", each.person.id),
                "planned_hours": str(each.planned_hours),
            },
        )
        tables.load(
            "resource_allocation",
            {
                **shared,
                "sys_id": sys_id("resource_allocation", project.number, str(place)),
                "number": f"RALC{project.number[3:]}{place:03}",
                "resource_plan": plan,
                "user": sys_id("person", each.person.id),
                "allocated_hours": str(each.planned_hours),
            },
        )


def _money(tables: Tables, project: Project) -> None:
    for line in project.budget:
        plan = sys_id("cost_plan", line.number)
        task = sys_id("project", project.number)
        period = sys_id("fiscal_period", str(line.fiscal_year))
        tables.load(
            "fiscal_period",
            {
                "sys_id": period,
                "name": f"FY{line.fiscal_year}",
                "fiscal_start_date_time": f"{line.fiscal_year - 1}-07-01 04:00:00",
            },
        )
        tables.load(
            "cost_plan",
            {
                "sys_id": plan,
                "number": f"CP{line.number}",
                "name": line.account_name,
                "task": task,
                "start_fiscal_period": period,
                "end_fiscal_period": period,
                "total_planned_cost": str(line.revised_budget),
                "total_actual_cost": str(line.actual),
                "sys_updated_on": stamp(line.updated_at),
            },
        )
        tables.load(
            "fm_expense_line",
            {
                "sys_id": sys_id("expense", line.number),
                "number": f"EXP{line.number}",
                "short_description": line.account_name,
                "summary_type": "run_business",
                "state": "processed",
                "task": task,
                "cost_plan": plan,
                "date": line.posted_on.isoformat(),
                "amount": str(line.actual),
                "sys_updated_on": stamp(line.updated_at),
            },
        )
