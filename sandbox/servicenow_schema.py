"""The tables of the simulated instance: base system names and codes, and the city's own `u_` columns."""

from sandbox.servicenow_tables import Column, Table


def _texts(names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names.split())


def _times(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type="glide_date_time") for name in names.split())


def _flags(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type="boolean") for name in names.split())


def _to(table: str, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type="reference", reference=table, max_length=32) for name in names.split())


def _money(names: str) -> tuple[Column, ...]:
    return tuple(Column(name, type="currency") for name in names.split())


def _choice(name: str, *pairs: str, type_: str = "integer") -> Column:
    """A choice column; each pair is written `value=Label`."""
    return Column(
        name, type=type_, choices=tuple((pair.partition("=")[0], pair.partition("=")[2]) for pair in pairs)
    )


_HEALTH = ("green=Green", "yellow=Yellow", "red=Red")
_RAG = ("green=Green", "amber=Amber", "red=Red", "approved_change=Approved change", "unknown=Unknown")
_PLAN_STATES = (
    "-5=Pending",
    "1=Open",
    "2=Work in Progress",
    "3=Closed Complete",
    "4=Closed Incomplete",
    "7=Closed Skipped",
)
_LEVELS = ("1=1 - Very low", "2=2 - Low", "3=3 - Moderate", "4=4 - High", "5=5 - Very high")

_TASK = Table(
    "task",
    "Task",
    (
        *_texts("number short_description description correlation_id u_project_key close_notes"),
        *(Column(name, type="journal_input", max_length=4000) for name in ("comments", "work_notes")),
        _choice(
            "state",
            "1=Open",
            "2=Work in Progress",
            "3=Closed Complete",
            "4=Closed Incomplete",
            "7=Closed Skipped",
        ),
        _choice("priority", "1=1 - Critical", "2=2 - High", "3=3 - Moderate", "4=4 - Low", "5=5 - Planning"),
        _choice("impact", "1=1 - High", "2=2 - Medium", "3=3 - Low"),
        _choice("urgency", "1=1 - High", "2=2 - Medium", "3=3 - Low"),
        _choice("escalation", "0=Normal", "1=Moderate", "2=High", "3=Overdue"),
        *_flags("active made_sla"),
        *_times("opened_at closed_at due_date sla_due work_start work_end"),
        *_to("sys_user", "opened_by assigned_to"),
        *_to("sys_user_group", "assignment_group"),
        *_to("cmdb_ci_service", "cmdb_ci business_service"),
        *_to("task", "parent"),
    ),
    display="number",
)

_PLANNED_TASK = Table(
    "planned_task",
    "Planned Task",
    (
        _choice("state", *_PLAN_STATES),
        *_times("start_date end_date approved_start_date approved_end_date"),
        Column("percent_complete", "Percent complete", "decimal"),
        Column("cost", "Planned cost", "currency"),
        Column("effort", "Planned effort", "glide_duration"),
        Column("work_effort", "Actual effort", "glide_duration"),
        _choice("status", *_HEALTH, type_="string"),
        *_flags("milestone key_milestone u_blocked"),
        *_to("planned_task", "top_task"),
        Column("u_forecast_end_date", "Forecast end date", "glide_date"),
        *_texts("u_blocked_reason"),
    ),
    parent="task",
    display="number",
)

_PM_PROJECT = Table(
    "pm_project",
    "Project",
    (
        _choice("state", *_PLAN_STATES, "5=On Hold"),
        _choice(
            "phase",
            "initiating=Initiating",
            "planning=Planning",
            "executing=Executing",
            "delivering=Delivering",
            "closing=Closing",
            type_="string",
        ),
        *_to("sys_user", "project_manager sponsor"),
        *_to("cmn_department", "department"),
        *_to("pm_program", "primary_program"),
        *_to("pm_portfolio", "primary_portfolio"),
        *_texts("u_budget_codes u_tier"),
        Column("u_portico_key", "Portfolio key", max_length=40),
        Column("u_gate_status", "Gate status", max_length=40),
        Column("u_gate_due", "Gate due", "glide_date"),
        _choice("u_rag_overall", *_RAG, type_="string"),
        _choice("u_rag_cost", *_RAG, type_="string"),
        Column("u_budget_variance", "Budget variance", "decimal"),
        Column("u_explanation", "Why this status", max_length=1000),
        Column("u_computed_at", "Status computed", "glide_date_time"),
    ),
    parent="planned_task",
    display="short_description",
)

CITY_TABLES = (
    Table(
        "sys_user",
        "User",
        (
            *_texts("user_name name email title time_zone"),
            *_flags("active web_service_access_only locked_out"),
        ),
    ),
    Table("sys_user_group", "Group", _texts("name")),
    Table("sys_user_role", "Role", _texts("name")),
    Table("sys_user_has_role", "User Role", (*_to("sys_user", "user"), *_to("sys_user_role", "role"))),
    Table("sys_properties", "System Property", _texts("name value")),
    Table("cmn_department", "Department", _texts("name id")),
    Table("cmdb_ci_service", "Service", _texts("name")),
    _TASK,
    _PLANNED_TASK,
    _PM_PROJECT,
    Table(
        "pm_portfolio",
        "Portfolio",
        (
            *_texts("number name category"),
            *_to("sys_user", "portfolio_manager"),
            *_flags("active"),
            _choice(
                "state",
                "define=Define",
                "analyse=Analyse",
                "approve=Approve",
                "charter=Charter",
                type_="string",
            ),
        ),
    ),
    Table(
        "pm_program",
        "Program",
        (*_to("sys_user", "program_manager"), *_to("pm_portfolio", "portfolio")),
        parent="planned_task",
        display="short_description",
    ),
    Table("pm_project_task", "Project Task", (), parent="planned_task", display="short_description"),
    Table(
        "project_status",
        "Status Report",
        (
            *_texts("number executive_summary comments"),
            *_to("pm_project", "project"),
            *_to("sys_user", "u_reported_by"),
            Column("as_on", "As on", "glide_date"),
            *(
                _choice(name, *_HEALTH, type_="string")
                for name in ("overall_health", "schedule", "cost", "scope", "resources")
            ),
        ),
        display="number",
    ),
    Table(
        "incident",
        "Incident",
        (
            _choice("state", "1=New", "2=In Progress", "3=On Hold", "6=Resolved", "7=Closed", "8=Canceled"),
            _choice(
                "hold_reason",
                "1=Awaiting Caller",
                "3=Awaiting Problem",
                "4=Awaiting Vendor",
                "5=Awaiting Change",
            ),
            *_times("resolved_at"),
            Column("reopen_count", type="integer"),
            *_to("sys_user", "caller_id"),
            *_texts("category close_code"),
        ),
        parent="task",
        display="number",
    ),
    Table(
        "problem",
        "Problem",
        (
            _choice(
                "state",
                "101=New",
                "102=Assess",
                "103=Root Cause Analysis",
                "104=Fix in Progress",
                "106=Resolved",
                "107=Closed",
            ),
            *_times("resolved_at"),
        ),
        parent="task",
        display="number",
    ),
    Table(
        "change_request",
        "Change Request",
        (
            _choice(
                "state",
                "-5=New",
                "-4=Assess",
                "-3=Authorize",
                "-2=Scheduled",
                "-1=Implement",
                "0=Review",
                "3=Closed",
                "4=Canceled",
            ),
            *_times("start_date end_date"),
            *_texts("type"),
        ),
        parent="task",
        display="number",
    ),
    Table(
        "sc_request",
        "Request",
        (_choice("state", *_PLAN_STATES), *_texts("request_state stage")),
        parent="task",
        display="number",
    ),
    Table(
        "sc_req_item",
        "Requested Item",
        (
            _choice("state", *_PLAN_STATES),
            *_texts("stage"),
            *_to("sc_request", "request"),
        ),
        parent="task",
        display="number",
    ),
    Table(
        "dmn_demand",
        "Demand",
        (
            _choice(
                "state",
                "1=Draft",
                "2=Submitted",
                "3=Screening",
                "4=Qualified",
                "5=Approved",
                "6=Completed",
                "7=Deferred",
            ),
        ),
        parent="task",
        display="number",
    ),
    *(
        Table(
            name,
            label,
            (_choice("state", *_PLAN_STATES), _choice("probability", *_LEVELS), _choice("impact", *_LEVELS)),
            parent="task",
            display="number",
        )
        for name, label in (
            ("risk", "Risk"),
            ("issue", "Issue"),
            ("dmn_decision", "Decision"),
            ("project_action", "Action"),
            ("project_change_request", "Project Change Request"),
        )
    ),
    Table(
        "resource_plan",
        "Resource Plan",
        (
            *_texts("number state resource_type role"),
            *_to("planned_task", "task"),
            *_to("sys_user", "user_resource"),
            *_to("sys_user_group", "group_resource"),
            *(Column(name, type="glide_date") for name in ("start_date", "end_date")),
            *(Column(name, type="decimal") for name in ("planned_hours", "actual_hours")),
        ),
        display="number",
    ),
    Table(
        "resource_allocation",
        "Resource Allocation",
        (
            *_texts("number state"),
            *_to("resource_plan", "resource_plan"),
            *_to("planned_task", "task"),
            *_to("sys_user", "user"),
            *(Column(name, type="glide_date") for name in ("start_date", "end_date")),
            *(
                Column(name, type="decimal")
                for name in ("requested_hours", "allocated_hours", "actual_hours")
            ),
        ),
        display="number",
    ),
    Table(
        "cost_plan",
        "Cost Plan",
        (
            *_texts("number name expense_type"),
            *_to("planned_task", "task"),
            *_to("fiscal_period", "start_fiscal_period end_fiscal_period"),
            *_money("total_planned_cost total_actual_cost"),
        ),
        display="name",
    ),
    Table(
        "fiscal_period",
        "Fiscal Period",
        (*_texts("name"), Column("fiscal_start_date_time", type="glide_date_time")),
    ),
    Table(
        "fm_expense_line",
        "Expense Line",
        (
            *_texts("number short_description state summary_type source_table source_id"),
            *_to("planned_task", "task"),
            *_to("cost_plan", "cost_plan"),
            *(Column(name, type="glide_date") for name in ("date", "process_date")),
            *_money("amount"),
        ),
        display="number",
    ),
    Table(
        "sys_audit_delete",
        "Deleted Record",
        _texts("tablename documentkey display_value"),
        display="documentkey",
    ),
    Table("contract_sla", "SLA Definition", _texts("name target type")),
    Table(
        "task_sla",
        "Task SLA",
        (
            *_to("task", "task"),
            *_to("contract_sla", "sla"),
            *_texts("stage"),
            *_flags("has_breached active"),
            *_times("start_time end_time planned_end_time"),
        ),
        display="sys_id",
    ),
    Table(
        "cmdb_ci_outage",
        "Outage",
        (
            *_texts("number short_description u_project_keys"),
            *_to("cmdb_ci_service", "cmdb_ci"),
            _choice(
                "type", "outage=Outage", "degradation=Degradation", "planned=Planned Outage", type_="string"
            ),
            *_times("begin end"),
        ),
        display="number",
    ),
)
