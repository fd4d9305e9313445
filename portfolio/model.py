"""The normalized entities, declared as facts: their keys, and what kind of value each key holds.

One declaration serves the store's tables, the mapping's targets and the export. In Python a row of an entity is a plain dict:
text is str, `day` is date, `instant` is an aware UTC datetime, `money` and `share` and `number` are Decimal, `integer` is int,
`flag` is bool, `texts` is a tuple of str, `document` is JSON-like. Unknown is None.
"""

from dataclasses import dataclass
from typing import Any, Literal

FieldType = Literal[
    "text", "day", "instant", "money", "share", "number", "integer", "flag", "texts", "document"
]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an entity. `choices` are the accepted words; empty: any."""

    name: str
    type: FieldType
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """A normalized entity and its own keys (the common keys come on top, see `COMMON`)."""

    name: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The field of that name among the entity's own, or None."""
        return next((each for each in self.fields if each.name == name), None)


def _fields(type_: FieldType, names: str) -> tuple[Field, ...]:
    return tuple(Field(name, type_) for name in names.split())


def _choice(name: str, words: str) -> Field:
    return Field(name, "text", tuple(words.split()))


COMMON = (
    *_fields("text", "connection kind external_id external_key url"),
    *_fields("instant", "source_created_at source_updated_at first_seen_at last_seen_at deleted_at"),
)

COLOURS = ("green", "amber", "red")
DIMENSIONS = ("schedule", "cost", "scope", "quality")
PROJECT_STATES = ("proposed", "active", "on_hold", "completed", "cancelled")
WORK_CATEGORIES = ("todo", "in_progress", "done", "cancelled")
TICKET_CATEGORIES = ("new", "in_progress", "on_hold", "resolved", "closed", "cancelled")
DECISIONS = ("approved", "approved_with_conditions", "rejected", "deferred", "waived")
GATE_STATUSES = ("not_started", "in_progress", "ready", *DECISIONS, "overdue")

GATE_DECISIONS = "gate_decisions"
"""The field of a project for the decisions that its record holds in columns of its own: keys as in `gate_decision`."""

_DECLARED = (
    Entity(
        "project",
        (
            *_fields("text", "key name description department program sponsor manager"),
            _choice("state", " ".join(PROJECT_STATES)),
            *_fields("text", "stage priority tier declared_status"),
            *_fields(
                "day",
                "start_planned finish_planned start_baseline finish_baseline"
                " start_actual finish_actual finish_forecast",
            ),
            Field("percent_complete", "share"),
            Field("budget_codes", "texts"),
            Field(GATE_DECISIONS, "document"),
            Field("sources", "document"),
        ),
    ),
    Entity(
        "work_item",
        (
            *_fields("text", "project_key type title status"),
            _choice("status_category", " ".join(WORK_CATEGORIES)),
            *_fields("text", "assignee reporter priority"),
            *_fields("instant", "created_at started_at"),
            *_fields("day", "start_planned due_on"),
            Field("done_at", "instant"),
            *_fields("number", "estimate_points estimate_hours spent_hours"),
            Field("planned_cost", "money"),
            Field("percent_complete", "share"),
            _choice("earned_value_method", "0/100 50/50 physical_percent level_of_effort"),
            Field("parent_id", "text"),
            Field("blocked", "flag"),
            Field("blocked_reason", "text"),
            *_fields("texts", "labels components"),
        ),
    ),
    Entity(
        "baseline",
        (
            *_fields("text", "project_key name"),
            *_fields("day", "set_on day"),
            Field("planned_value", "money"),
            Field("currency", "text"),
        ),
    ),
    Entity(
        "milestone",
        (
            *_fields("text", "project_key name"),
            *_fields("day", "baseline_on planned_on forecast_on achieved_on"),
        ),
    ),
    Entity(
        "ticket",
        (
            *_fields("text", "project_key number"),
            _choice("type", "incident service_request demand change problem"),
            *_fields("text", "title priority impact urgency state"),
            _choice("state_category", " ".join(TICKET_CATEGORIES)),
            *_fields("instant", "opened_at resolved_at closed_at due_at"),
            Field("breached", "flag"),
            *_fields("text", "escalation assignment_group assignee service"),
            Field("spent_hours", "number"),
            Field("reopened", "integer"),
        ),
    ),
    Entity(
        "outage",
        (
            Field("project_keys", "texts"),
            Field("service", "text"),
            _choice("type", "outage degradation planned"),
            *_fields("instant", "began_at ended_at"),
            Field("cause", "text"),
        ),
    ),
    Entity(
        "risk",
        (
            Field("project_key", "text"),
            _choice("type", "risk issue decision action change"),
            *_fields("text", "title probability impact"),
            Field("score", "number"),
            *_fields("text", "state owner"),
            Field("due_on", "day"),
        ),
    ),
    Entity(
        "deliverable",
        (
            *_fields("text", "project_key type title"),
            _choice("state", "missing draft submitted approved rejected expired"),
            *_fields("text", "version approved_by"),
            Field("approved_at", "instant"),
            Field("content_hash", "text"),
        ),
    ),
    Entity(
        "budget_line",
        (
            *_fields("text", "project_key budget_code fund department cost_center account"),
            Field("fiscal_year", "integer"),
            *_fields("text", "period currency"),
            *_fields("money", "original_budget revised_budget pre_encumbered encumbered actual forecast"),
            Field("available_as_reported", "money"),
            Field("posted_on", "day"),
        ),
    ),
    Entity(
        "allocation",
        (
            *_fields("text", "project_key person role month"),
            *_fields("number", "capacity_hours planned_hours actual_hours"),
        ),
    ),
    Entity(
        "status_report",
        (
            Field("project_key", "text"),
            Field("reported_on", "day"),
            *_fields("text", "by overall schedule cost scope quality text"),
        ),
    ),
    Entity(
        "gate_decision",
        (
            *_fields("text", "project_key gate"),
            _choice("decision", " ".join(DECISIONS)),
            Field("decided_on", "day"),
            *_fields("text", "decided_by note"),
            Field("valid_until", "day"),
        ),
    ),
    Entity(
        "gate",
        (
            *_fields("text", "project_key gate"),
            Field("position", "integer"),
            _choice("status", " ".join(GATE_STATUSES)),
            *_fields("day", "due_on decided_on"),
            *_fields("text", "decided_by note"),
            *_fields("document", "conditions criteria"),
        ),
    ),
    Entity(
        "action",
        (
            Field("project_key", "text"),
            _choice("type", "corrective_action obligation condition"),
            *_fields("text", "title owner"),
            Field("due_on", "day"),
            *_fields("text", "state outcome opened_because"),
        ),
    ),
    Entity(
        "metric",
        (
            *_fields("text", "project_key name"),
            Field("value", "number"),
            Field("unit", "text"),
            Field("as_of", "day"),
            *_fields("text", "snapshot_id because"),
        ),
    ),
)

ENTITIES = {entity.name: entity for entity in _DECLARED}

HIDDEN_FIELDS = (Field("container", "texts"), Field("link_values", "document"), Field("left_scope", "flag"))
"""Stored beside each pulled entity, never exported: the names under which links find it (`container`: ids and keys of the
project, plan, board or parent record in its own tool), the values of link rules (`[[equals, value], ...]`), and whether the
record still exists but is no longer in the scope that is read: it is not deleted, and it counts no more."""
