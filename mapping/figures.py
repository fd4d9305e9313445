"""Figures to field values: what Portico writes, in the form that the target's rule asks for."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from config.connections import FieldTarget
from mapping.days import instant_text

Plain = str | Decimal | bool | None
Figure = str | Decimal | int | date | datetime | None

_PLACES = {
    "percent_complete": 4,
    "budget_variance_share": 4,
    "cpi": 3,
    "spi": 3,
    "schedule_variance_days": 0,
    "budget_variance": 2,
    "available_budget": 2,
    "eac": 2,
}
UNKNOWN = "unknown"
PLANNER_PERCENT = "percentComplete"
"""Planner's own percentage of a task: whole numbers 0 to 100 (Graph plannerTask)."""
TEXT_LIMIT = 255
"""The shortest limit of the text fields in use (a Jira text field); longer texts are cut with an ellipsis."""

DESCRIPTION_LIMIT = 4000
"""For a Planner description, whose limit is undocumented: longer than any explanation should be."""


def encode(figure: str, value: Figure, target: FieldTarget) -> Plain:
    """The plain value that a figure has in its target field; None clears the field.

    Money is rounded to cents, shares to 4 places, indices to 3, days to whole ones (half up). Words go
    through `values` (or `categories`, where the answer is the label's id). An unknown figure is
    `values.unknown`, else None. A word without an entry is written as it is, but `approved_change` counts as
    `amber` where only that has one.
    """
    if value is None or value == UNKNOWN:
        return (target.categories or target.values).get(UNKNOWN)
    if isinstance(value, datetime):
        return instant_text(value.replace(microsecond=0))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | int):
        return rounded(figure, Decimal(value) * (100 if target.field == PLANNER_PERCENT else 1), target.field)
    if target.categories is not None:
        return target.categories.get(_word(value, target))
    if value in target.values or _word(value, target) in target.values:
        return target.values[_word(value, target)]
    return cut(value, DESCRIPTION_LIMIT if target.field == "details.description" else TEXT_LIMIT)


def rounded(figure: str, value: Decimal, field: str | None = None) -> Decimal:
    """A number with the fixed places of its figure, so that the same figure is always the same text."""
    places = 0 if field == PLANNER_PERCENT else _PLACES.get(figure, 2)
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + Decimal(0)


def cut(text: str, limit: int) -> str:
    """A text of at most `limit` characters; a longer one ends in an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _word(value: str, target: FieldTarget) -> str:
    words = target.categories or target.values
    return "amber" if value == "approved_change" and value not in words else value
