"""The parts of `portfolio:` that look ahead: capacity with its what-if scenarios, and priority."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.parts import Part, Share, Text

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description='a month such as "2027-01"')]
TicketType = Literal["incident", "service_request", "demand", "change", "problem"]
Hours = Annotated[Decimal, Field(gt=0)]


class Slip(Part):
    """A project that begins its remaining work later."""

    project: Text
    months: Annotated[int, Field(ge=1, le=120, strict=True)]


class Mandate(Part):
    """Work that comes from outside: so many hours a month for a role, or for those who work for a department."""

    name: Text = "Mandate"
    role: Text | None = None
    department: Text | None = None
    hours: Hours = Field(description="hours a month, of all its people together")
    begin: Month = Field(alias="from", description="the first month")
    until: Month | None = Field(default=None, description="the last month; without it as far as plans reach")

    @model_validator(mode="after")
    def _one_place(self) -> "Mandate":
        if (self.role is None) == (self.department is None):
            raise ValueError("exactly one of role, department")
        if self.until is not None and self.until < self.begin:
            raise ValueError(f"until {self.until} must not be before from {self.begin}")
        return self


class Leave(Part):
    """A person who leaves: from that day on there is no time of theirs."""

    person: Text
    on: date = Field(description="the first day without them, YYYY-MM-DD")


class Scenario(Part):
    """What would happen if. Slips come first, then mandates, then leaves, in whatever order they are written."""

    slips: tuple[Slip, ...] = ()
    mandates: tuple[Mandate, ...] = ()
    leaves: tuple[Leave, ...] = ()


class CapacityTerms(Part):
    """Capacity against demand."""

    hours_per_ticket: Mapping[TicketType, Hours] = Field(
        default_factory=dict,
        description="hours of work in a ticket of each type, where the tool does not measure them; a type without: unknown",
    )
    scenarios: Mapping[Text, Scenario] = Field(
        default_factory=dict, description="what-if scenarios that the report shows; they change nothing"
    )


PRIORITY_INPUTS = {
    "project": ("state", "stage", "priority", "tier", "program", "department", "sponsor", "manager"),
    "status": ("overall", "schedule", "cost", "scope", "quality"),
    "schedule": ("variance_days", "percent_complete"),
    "cost": (
        "original_budget",
        "revised_budget",
        "encumbered",
        "actual",
        "forecast",
        "available",
        "variance",
        "variance_share",
    ),
    "earned_value": ("cpi", "spi", "spi_t", "bac", "eac", "vac"),
    "work": ("todo", "in_progress", "done", "blocked", "overdue"),
    "ticket_counts": ("open", "breached", "oldest_days"),
    "compliance": ("score",),
}
"""What a criterion can be about: section of the project's object in the report document to the keys there."""

WORDS = frozenset((*PRIORITY_INPUTS["project"], *PRIORITY_INPUTS["status"]))
"""The inputs that are words and need `values`; the others are figures and need `zero` and `full`."""


class Criterion(Part):
    """One criterion of the scoring model: what it looks at, its weight, and what each value is worth, 0 to 1."""

    of: Text
    weight: Hours
    values: Mapping[Text, Share] = Field(
        default_factory=dict,
        description="of words: what each is worth; a word that is missing here is unknown",
    )
    zero: Decimal | None = Field(default=None, description="of a figure: the value that is worth 0")
    full: Decimal | None = Field(default=None, description="of a figure: the value that is worth 1")

    @model_validator(mode="after")
    def _fits_its_input(self) -> "Criterion":
        known = [name for names in PRIORITY_INPUTS.values() for name in names]
        if self.of not in known:
            raise ValueError(f"of {self.of!r}: one of {', '.join(known)}")
        if self.of in WORDS and (not self.values or self.zero is not None or self.full is not None):
            raise ValueError(f"{self.of} is a word: name what each is worth in values, and no zero or full")
        if self.of not in WORDS and (self.values or self.zero is None or self.full is None):
            raise ValueError(f"{self.of} is a figure: name zero and full, and no values")
        if self.zero is not None and self.zero == self.full:
            raise ValueError("zero and full must differ")
        return self


class PriorityTerms(Part):
    """How projects are ranked. Without criteria they are not."""

    criteria: Mapping[Text, Criterion] = Field(default_factory=dict)
    min_coverage: Share = Field(
        default=Decimal("0.5"),
        description="a project of whose criteria less than this (by weight) is known is shown and not ranked",
    )
