"""The report document as flat tables, one per section: what the workbook and the CSV folder hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from portfolio.overview import MONEY
from reports.ahead import sheets
from reports.data import Document
from reports.rollup import DIMENSIONS
from reports.wording import line

ColumnType = Literal["text", "money", "share", "number", "integer", "day", "instant", "flag"]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its key (the header) and what its values are."""

    key: str
    type: ColumnType = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A section: its name (of the sheet and of the file), its columns and its rows by column key."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]


def tables(document: Document) -> list[Table]:
    """Every section of the document, in its order; a section without rows keeps its header."""
    projects = document["projects"]
    return [
        Table("snapshot", _columns("item value"), _snapshot(document)),
        Table("projects", _PROJECT, [_project(each) for each in projects]),
        Table("status", _STATUS, [row for each in projects for row in _status(each)]),
        Table("exceptions", _columns("severity project kind text because since"), document["exceptions"]),
        Table("gates", _GATE, _nested(projects, "gates")),
        Table("criteria", _CRITERION, [row for each in projects for row in _criteria(each)]),
        Table("milestones", _MILESTONE, _nested(projects, "milestones")),
        Table("budget_lines", _BUDGET_LINE, _nested(projects, "budget_lines")),
        Table(
            "earned_value", _EARNED, [{"project": each["key"], **each["earned_value"]} for each in projects]
        ),
        Table("risks", _RISK, _nested(projects, "risks")),
        Table("tickets", _TICKET, _nested(projects, "tickets")),
        Table("outages", _OUTAGE, _nested(projects, "outages")),
        Table("deliverables", _DELIVERABLE, _nested(projects, "deliverables")),
        Table("actions", _ACTION, document.get("actions") or []),
        Table("capacity", _CAPACITY, document["capacity"].get("rows") or []),
        *(Table(each.name, _typed(each.columns), each.rows) for each in sheets(document)),
        Table("trend", _TREND, _nested(projects, "trend")),
        Table("links", _columns("project connection external_key url"), _nested(projects, "links")),
        Table("sources", _SOURCE, document["sources"]),
        Table("ledger", _LEDGER, _ledger(document)),
        Table("ledger_findings", _LEDGER_FINDING, document["ledger"]["findings"]),
        Table("restated", _RESTATED, document["ledger"]["restated"]),
        Table("reconciliation", _RECONCILIATION, document["ledger"]["figures"]),
        Table("quarantine", _QUARANTINE, document["quarantine"]["by_connection"]),
    ]


def _columns(text: str = "", **typed: str) -> tuple[Column, ...]:
    """Text columns first, then those of each type."""
    found = [Column(key) for key in text.split()]
    for type_, keys in typed.items():
        found += [Column(key, type_) for key in keys.split()]  # type: ignore[arg-type]
    return tuple(found)


def _typed(columns: Iterable[tuple[str, str]]) -> tuple[Column, ...]:
    return tuple(column for kind, keys in columns for column in _columns(**{kind: keys}))


_PROJECT = (
    *_columns("key name department program sponsor manager state stage priority"),
    *_columns(" ".join(DIMENSIONS)),
    *_columns(
        "declared gate gate_status",
        day="gate_due start_planned finish_planned finish_baseline finish_forecast",
    ),
    *_columns(integer="variance_days", share="percent_complete"),
    *_columns(integer="fiscal_year", money=" ".join(MONEY), share="variance_share"),
    *_columns(integer="todo in_progress done cancelled blocked overdue open_tickets breached_tickets"),
)
_STATUS = _columns(
    "project dimension value computed declared rule because inputs threshold turn_green override", day="since"
)
_GATE = _columns("project gate name", integer="position") + _columns(
    "status decision decided_by note conditions", day="due_on decided_on"
)
_CRITERION = _columns("project gate criterion because", flag="met")
_MILESTONE = _columns("project name", day="baseline_on planned_on forecast_on achieved_on")
_BUDGET_LINE = _columns(
    "project budget_code fund cost_center account period currency",
    integer="fiscal_year",
    money=" ".join(MONEY[:6]),
    share="share",
)
_EARNED = _columns(
    "project method earned_by planned_by unit",
    money="bac pv ev ac cv sv eac eac_budget_rate eac_cpi_spi eac_bottom_up etc vac",
    number="cpi spi tcpi tcpi_eac earned_schedule sv_t spi_t ieac_t",
)
_RISK = _columns(
    "project type title state owner probability impact source", number="score", day="due_on", flag="open"
)
_TICKET = _columns(
    "project number type title priority state_category escalation source",
    instant="opened_at due_at resolved_at",
    integer="age_days",
    flag="breached",
)
_OUTAGE = _columns("project service type cause source", instant="began_at ended_at")
_DELIVERABLE = _columns("project type title state approved_by source", instant="approved_at")
_ACTION = _columns("project type title owner state outcome", integer="id", day="due_on")
_CAPACITY = _columns(
    "month person role projects", number="capacity_hours planned_hours actual_hours", flag="over"
)
_TREND = _columns("project", day="as_of") + _columns(" ".join(DIMENSIONS), share="percent_complete")
_SOURCE = _columns(
    "connection tool", instant="read_at", integer="age_seconds records", flag="complete stale"
) + _columns("error")
_LEDGER = _columns(
    "connection amount",
    integer="fiscal_year rows rows_counted",
    money="read chargebacks superseded computed difference",
)
_LEDGER_FINDING = _columns("connection kind text items", integer="fiscal_year")
_RESTATED = _columns("connection period", integer="fiscal_year", money="before actual change")
_RECONCILIATION = _columns(
    "connection figure", integer="fiscal_year records records_written", money="computed written difference"
)
_QUARANTINE = _columns("connection kind", integer="count")


def _snapshot(document: Document) -> list[Row]:
    snapshot, portfolio = document["snapshot"], document["portfolio"]
    items: dict[str, Any] = {
        "schema": document["schema"],
        **snapshot,
        "portfolio": portfolio.get("name"),
        "currency": portfolio.get("currency"),
        **{f"view_{key}": value for key, value in document["view"].items()},
        **{f"total_{key}": portfolio["totals"].get(key) for key in MONEY},
    }
    for key in MONEY:
        known = (portfolio["totals"].get("coverage") or {}).get(key)
        items[f"total_{key}_known"] = f"{known['known']} of {known['of']}" if known else None
    return [{"item": key, "value": value} for key, value in items.items()]


def _ledger(document: Document) -> list[Row]:
    return [
        {**total, "amount": name, **amounts}
        for total in document["ledger"]["totals"]
        for name, amounts in {**total["amounts"], "available": _available(total)}.items()
        if amounts["read"] is not None
    ]


def _available(total: Row) -> Row:
    """What the ledger itself says is left, beside what is computed."""
    return {
        "read": total.get("available_as_reported"),
        "chargebacks": None,
        "superseded": None,
        "computed": total.get("available"),
        "difference": total.get("available_difference"),
    }


def _project(project: Row) -> Row:
    return {
        **project,
        **{name: (project["status"].get(name) or {}).get("value") for name in DIMENSIONS},
        "declared": (project["status"].get("overall") or {}).get("declared"),
        "gate": project["gate"].get("current"),
        "gate_status": project["gate"].get("status"),
        "gate_due": project["gate"].get("due_on"),
        **project["schedule"],
        **project["cost"],
        **project["work"],
        "open_tickets": project["ticket_counts"]["open"],
        "breached_tickets": project["ticket_counts"]["breached"],
    }


def _status(project: Row) -> list[Row]:
    return [
        {"project": project["key"], "dimension": name, **project["status"][name]}
        for name in DIMENSIONS
        if name in project["status"]
    ]


def _criteria(project: Row) -> list[Row]:
    return [
        {"project": project["key"], "gate": gate.get("gate"), **item}
        for gate in project["gates"]
        for item in gate.get("criteria") or []
    ]


def _nested(projects: Iterable[Row], key: str) -> list[Row]:
    """The rows of a list in each project, under the project's key; a source becomes the record's own name."""
    return [
        {**row, "project": project["key"]} | ({"source": _record(row["source"])} if row.get("source") else {})
        for project in projects
        for row in project[key]
    ]


def _record(source: Any) -> str:
    return str(source.get("external_key")) if isinstance(source, Mapping) else str(source)


def text(value: Any) -> str | None:
    """A cell of a text column: the text itself; lists and mappings on one line."""
    if value is None or value in ([], {}):
        return None
    return value if isinstance(value, str) else line(value)
