"""The words of the configuration that are fixed: tools, kinds, figures, choices."""

from importlib.resources import files

TOOLS = ("jira", "servicenow", "planner", "salesforce", "odata", "sql", "files")
LEDGER_TOOLS = ("salesforce", "odata", "sql", "files")
"""Tools whose `kind` is the normalized entity to fill."""

ENTITIES = (
    "project",
    "work_item",
    "baseline",
    "milestone",
    "ticket",
    "outage",
    "risk",
    "deliverable",
    "budget_line",
    "allocation",
    "status_report",
    "gate_decision",
    "gate",
    "action",
    "metric",
)
JIRA_KINDS = ("issue", "project", "sprint", "worklog", "version", "component", "board")
PLANNER_KINDS = ("task",)

PROJECT_FIGURES = (
    "gate_status",
    "gate_name",
    "gate_due",
    "rag_overall",
    "rag_schedule",
    "rag_cost",
    "rag_scope",
    "rag_quality",
    "percent_complete",
    "finish_forecast",
    "schedule_variance_days",
    "budget_variance",
    "budget_variance_share",
    "available_budget",
    "cpi",
    "spi",
    "eac",
    "explanation",
    "computed_at",
    "snapshot_id",
)
BUDGET_FIGURES = (
    "budget_variance",
    "budget_variance_share",
    "available_budget",
    "eac",
    "rag_cost",
    "corrective_action",
)
STAMPS = ("computed_at", "snapshot_id")
"""Figures that a budget line may carry beside its own, for the mark of when and from which snapshot."""

UNKNOWN = "unknown"
COLOURS = ("green", "amber", "red", "approved_change")
GATE_STATUSES = (
    "not_started",
    "in_progress",
    "ready",
    "approved",
    "approved_with_conditions",
    "rejected",
    "deferred",
    "waived",
    "overdue",
)

LINK_NAMES = {
    "jira": ("project", "issue"),
    "servicenow": ("record", "project"),
    "planner": ("plan", "task"),
    "salesforce": ("record", "budget_code"),
    "odata": ("record", "budget_code"),
    "sql": ("record", "budget_code"),
    "files": ("budget_code", "record"),
}
"""What a project's link may name in each tool."""


def kinds_of(tool: str) -> tuple[str, ...]:
    """The kinds that a tool can be asked for; empty where every name may exist (a ServiceNow table)."""
    return {"jira": JIRA_KINDS, "planner": PLANNER_KINDS, "servicenow": ()}.get(tool, ENTITIES)


def words_of(figure: str) -> tuple[str, ...]:
    """The words that a figure can take and `values:` may translate; one of no words has only `unknown`."""
    if figure.startswith("rag_"):
        return (*COLOURS, UNKNOWN)
    if figure == "gate_status":
        return (*GATE_STATUSES, UNKNOWN)
    return (UNKNOWN,)


def packaged(folder: str) -> tuple[str, ...]:
    """The names of the presets shipped in `config/<folder>/`, without their ending."""
    found = files("config").joinpath(folder)
    if not found.is_dir():
        return ()
    return tuple(
        sorted(each.name.removesuffix(".yaml") for each in found.iterdir() if each.name.endswith(".yaml"))
    )
