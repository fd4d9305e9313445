"""The invented city's rows in ServiceNow: projects, tasks, service desk, outages, risks, status reports."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from sandbox.city import City, Project, Risk, WorkItem
from sandbox.city.money import planned_cost
from sandbox.servicenow_desk import RESOLUTION, flag, load_ticket, person_id, service_id
from sandbox.servicenow_plans import load_plans
from sandbox.servicenow_schema import CITY_TABLES
from sandbox.servicenow_tables import Clock, Tables, stamp, sys_id

BOT = "portico.bot"

_PROJECT_STATES = {"proposed": "-5", "active": "2", "on_hold": "5", "completed": "3", "cancelled": "4"}
_WORK_STATES = {"todo": "1", "in_progress": "2", "done": "3", "cancelled": "7"}
_RISK_STATES = {"open": "1", "in_progress": "2", "closed": "3"}
_RISK_TABLES = {
    "risk": "risk",
    "issue": "issue",
    "decision": "dmn_decision",
    "action": "project_action",
    "change": "project_change_request",
}
_PRIORITIES = {"high": "2", "medium": "3", "low": "4"}
_STATUS = {"green": "green", "amber": "yellow", "red": "red"}


def tables_of(city: City, now: Clock) -> Tables:
    """The instance's tables, filled with the city; rows carry the instants of the city's last changes."""
    tables = Tables(CITY_TABLES, now)
    _people(city, tables)
    _services(city, tables)
    load_plans(city, tables)
    for project in city.projects:
        if project.in_servicenow:
            _project(city, tables, project)
        for risk in project.risks:
            _risk(city, tables, project, risk)
    for ticket in city.tickets():
        load_ticket(tables, ticket)
    for outage in city.outages:
        tables.load(
            "cmdb_ci_outage",
            {
                "sys_id": sys_id("outage", outage.number),
                "number": outage.number,
                "short_description": outage.cause,
                "cmdb_ci": service_id(outage.service),
                "type": outage.type,
                "begin": stamp(outage.began_at),
                "end": stamp(outage.ended_at),
                "u_project_keys": ",".join(outage.projects),
                "sys_updated_on": stamp(outage.updated_at),
            },
        )
    return tables


def _people(city: City, tables: Tables) -> None:
    for department in city.departments:
        tables.load(
            "cmn_department",
            {
                "sys_id": sys_id("department", department.code),
                "name": department.name,
                "id": department.code,
            },
        )
    for person in city.people:
        tables.load(
            "sys_user",
            {
                "sys_id": person_id(person),
                "user_name": person.id,
                "name": person.name,
                "email": person.email,
                "title": person.title,
                "active": "true",
                "time_zone": city.timezone,
            },
        )
    tables.load(
        "sys_user",
        {
            "sys_id": sys_id("person", BOT),
            "user_name": BOT,
            "name": "Portico Integration",
            "active": "true",
            "web_service_access_only": "true",
            "time_zone": city.timezone,
        },
    )
    for role in ("snc_platform_rest_api_access", "it_project_manager", "itil"):
        tables.load("sys_user_role", {"sys_id": sys_id("role", role), "name": role})
        tables.load(
            "sys_user_has_role",
            {
                "sys_id": sys_id("has_role", role),
                "user": sys_id("person", BOT),
                "role": sys_id("role", role),
            },
        )
    for name, value in (
        ("instance_id", sys_id("instance", city.name)),
        ("instance_name", "city-sandbox"),
        ("glide.war", "glide-sandbox"),
    ):
        tables.load("sys_properties", {"sys_id": sys_id("property", name), "name": name, "value": value})


def _services(city: City, tables: Tables) -> None:
    tickets = list(city.tickets())
    services = {each.service for each in tickets} | {each.service for each in city.outages}
    services |= {each.service for each in city.projects}
    tables.load(
        "contract_sla", {"sys_id": RESOLUTION, "name": "Resolution", "target": "resolution", "type": "SLA"}
    )
    for name in sorted(services):
        tables.load("cmdb_ci_service", {"sys_id": service_id(name), "name": name})
    for name in sorted({each.assignment_group for each in tickets}):
        tables.load("sys_user_group", {"sys_id": sys_id("group", name), "name": name})
    for name in sorted({each.program for each in city.projects if each.program}):
        tables.load(
            "pm_program", {"sys_id": sys_id("program", name), "short_description": name, "number": name}
        )


def _project(city: City, tables: Tables, project: Project) -> None:
    at = _clock(city)
    id_ = sys_id("project", project.number)
    tables.load(
        "pm_project",
        {
            "sys_id": id_,
            "number": project.number,
            "short_description": project.name,
            "description": project.description,
            "state": _PROJECT_STATES[project.state],
            "phase": project.stage,
            "priority": _PRIORITIES[project.priority],
            "project_manager": person_id(project.manager),
            "sponsor": person_id(project.sponsor),
            "department": sys_id("department", project.department.code),
            "primary_program": sys_id("program", project.program),
            "primary_portfolio": sys_id("portfolio", project.department.code),
            "business_service": service_id(project.service),
            "active": flag(on=project.state not in ("completed", "cancelled")),
            "start_date": at(project.start_planned, 8),
            "end_date": at(project.finish_planned, 17),
            "approved_start_date": at(project.start_baseline, 8),
            "approved_end_date": at(project.finish_baseline, 17),
            "work_start": at(project.start_actual, 8),
            "work_end": at(project.finish_actual, 17),
            "u_forecast_end_date": _day(project.finish_forecast),
            "u_tier": project.tier,
            "u_budget_codes": ",".join(project.budget_codes),
            "u_portico_key": project.key,
            "percent_complete": _percent(project.percent_complete),
            "status": _STATUS.get(project.declared_status or "", ""),
            "u_project_key": project.key,
            "sys_created_on": stamp(project.created_at),
            "sys_updated_on": stamp(project.updated_at),
        },
    )
    for milestone in project.milestones:
        tables.load(
            "pm_project_task",
            {
                "sys_id": sys_id("milestone", project.number, milestone.name),
                "number": f"{project.number}-{milestone.name}"[:40],
                "short_description": milestone.name,
                "milestone": "true",
                "top_task": id_,
                "parent": id_,
                "u_project_key": project.key,
                "state": "3" if milestone.achieved_on else "1",
                "start_date": at(milestone.planned_on, 17),
                "end_date": at(milestone.planned_on, 17),
                "approved_end_date": at(milestone.baseline_on, 17),
                "u_forecast_end_date": _day(milestone.forecast_on),
                "work_end": at(milestone.achieved_on, 17),
                "sys_updated_on": stamp(project.updated_at),
            },
        )
    if project.work_tool == "servicenow":
        for item in project.work:
            _work(tables, project, item, at)
    for report in project.reports:
        tables.load(
            "project_status",
            {
                "sys_id": sys_id("report", report.number),
                "number": report.number,
                "project": id_,
                "as_on": _day(report.reported_on),
                "overall_health": _STATUS[report.overall],
                "schedule": _STATUS[report.schedule],
                "cost": _STATUS[report.cost],
                "scope": _STATUS[report.scope],
                "resources": _STATUS[report.quality],
                "executive_summary": report.text,
                "u_reported_by": person_id(report.by),
                "sys_created_by": report.by.id,
                "sys_updated_on": stamp(report.updated_at),
            },
        )


def _work(tables: Tables, project: Project, item: WorkItem, at: Callable[[date | None, int], str]) -> None:
    id_ = sys_id("project", project.number)
    tables.load(
        "pm_project_task",
        {
            "sys_id": sys_id("work", project.number, str(item.number)),
            "number": f"{project.number}-{item.number}",
            "short_description": item.title,
            "milestone": "false",
            "top_task": id_,
            "parent": sys_id("work", project.number, str(item.parent)) if item.parent else id_,
            "state": _WORK_STATES[item.status],
            "priority": _PRIORITIES[item.priority],
            "assigned_to": person_id(item.assignee) if item.assignee else "",
            "opened_by": person_id(item.reporter),
            "opened_at": stamp(item.created_at),
            "work_start": stamp(item.started_at),
            "work_end": stamp(item.done_at),
            "closed_at": stamp(item.done_at),
            "start_date": at(item.start_planned, 8),
            "end_date": at(item.due_on, 17),
            "cost": str(planned_cost(project, item) or ""),
            "due_date": at(item.due_on, 17),
            "percent_complete": _percent(item.percent_complete),
            "effort": _duration(item.estimate_hours),
            "work_effort": _duration(item.spent_hours),
            "u_blocked": flag(on=item.blocked),
            "u_blocked_reason": item.blocked_reason or "",
            "u_project_key": project.key,
            "active": flag(on=item.status in ("todo", "in_progress")),
            "sys_created_on": stamp(item.created_at),
            "sys_updated_on": stamp(item.updated_at),
        },
    )


def _risk(city: City, tables: Tables, project: Project, risk: Risk) -> None:
    tables.load(
        _RISK_TABLES[risk.type],
        {
            "sys_id": sys_id("risk", risk.number),
            "number": risk.number,
            "short_description": risk.title,
            "parent": sys_id("project", project.number) if project.in_servicenow else "",
            "u_project_key": project.key,
            "probability": str(risk.probability),
            "impact": str(risk.impact),
            "state": _RISK_STATES[risk.state],
            "assigned_to": person_id(risk.owner),
            "due_date": _clock(city)(risk.due_on, 17),
            "opened_at": stamp(risk.opened_at),
            "active": flag(on=risk.state != "closed"),
            "sys_created_on": stamp(risk.opened_at),
            "sys_updated_on": stamp(risk.updated_at),
        },
    )


def _clock(city: City) -> Callable[[date | None, int], str]:
    zone = ZoneInfo(city.timezone)

    def at(day: date | None, hour: int) -> str:
        return stamp(datetime.combine(day, time(hour), zone)) if day else ""

    return at


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _percent(share: Decimal | None) -> str:
    return "" if share is None else f"{share * 100:.2f}".rstrip("0").rstrip(".")


def _duration(hours: Decimal | None) -> str:
    """A duration as ServiceNow shows it: a date-time counted from 1970-01-01 00:00:00."""
    return "" if hours is None else stamp(datetime.fromtimestamp(int(hours * 3600), UTC))
