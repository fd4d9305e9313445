"""The parts of `portfolio:` that say how projects are judged beyond status rules and gate packs."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.parts import Duration, Flag, Part, Text, Texts, Zone

Method = Literal[
    "percent_complete", "0/100", "50/50", "weighted_milestones", "physical_percent", "level_of_effort"
]
PackageMethod = Literal["0/100", "50/50", "physical_percent", "level_of_effort"]
Weight = Annotated[Decimal, Field(gt=0)]


class ActionTerms(Part):
    """How actions are followed up."""

    effect_after: Duration = Field(
        default="30d",
        validate_default=True,
        description="how long after an action is closed its figure must have moved",
    )


class ComplianceTerms(Part):
    """What governance asks of every running project."""

    report_every: Duration = Field(
        default="31d", validate_default=True, description="a status report no older than this"
    )
    approval_valid_for: Duration | None = Field(
        default=None, description="how long an approved deliverable counts; without it for ever"
    )


class EarnedValueTerms(Part):
    """How work earns value.

    `percent_complete`: the project's own share, else work items done of all. `0/100`: an estimate counts when its item is done.
    `50/50`: half of it when the item is started. `weighted_milestones`: the weight of the milestones achieved.
    `physical_percent`: each estimate times its item's share done. `level_of_effort`: as planned, by the passing of time.
    A project's own method goes before that of its tier, and this before `method`. Where it is 0/100, 50/50 or physical_percent,
    a work package with a method of its own (`work_item.earned_value_method`), or else of its type, earns by that one.
    """

    method: Method = "percent_complete"
    by_tier: Mapping[Text, Method] = Field(
        default_factory=dict, description="the method of each tier's projects, where it differs"
    )
    milestone_weights: Mapping[Text, Weight] = Field(
        default_factory=dict,
        description="the weight of a milestone by its name; milestones without one weigh 1 if none is given, else nothing",
    )
    by_type: Mapping[Text, PackageMethod] = Field(
        default_factory=dict,
        description="the method of the work packages of a type, such as `Support: level_of_effort`",
    )
    cost_per_hour: Weight | None = Field(
        default=None,
        description="what an estimated hour costs: makes money of a plan that is worked out from estimates",
    )

    def method_of(self, project: Method | None, tier: str | None) -> Method:
        """The method that counts, from the project's own (or None) and its tier; tiers match in any case."""
        tiers = {name.casefold(): method for name, method in self.by_tier.items()}
        return project or tiers.get((tier or "").casefold()) or self.method

    def method_of_package(self, own: str | None, type_: str | None, project: Method) -> str:
        """The method of a work package, from its own (or None), its type and the project's; types match in any case."""
        types = {name.casefold(): method for name, method in self.by_type.items()}
        return own or types.get((type_ or "").casefold()) or project


class RiskTerms(Part):
    """What the words of the registers count on their scales: a risk's score is probability x impact where its tool gives none.

    A number, and a word that begins with one (`4 - High`), counts as that number unless it is declared otherwise.
    """

    probability: Mapping[Text, Decimal] = Field(
        default_factory=dict, description="what a word for the probability counts, such as `likely: 4`"
    )
    impact: Mapping[Text, Decimal] = Field(
        default_factory=dict, description="what a word for the impact counts, such as `major: 4`"
    )


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock = Annotated[
    str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description='an hour of the day such as "08:00"')
]


class Hours(Part):
    """When a service desk works: hours of the wall clock on some weekdays, without holidays."""

    days: tuple[Weekday, ...] = Field(default=WEEKDAYS[:5], min_length=1)
    begin: Clock = "08:00"
    end: Clock = "17:00"
    holidays: tuple[date, ...] = ()
    timezone: Zone | None = Field(default=None, description="another time zone than the portfolio's")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Hours":
        if self.end <= self.begin:
            raise ValueError(f"end {self.end} must be later than begin {self.begin}")
        return self


class Target(Part):
    """In which time tickets have to be resolved. The first target that fits a ticket counts; what is left out fits any."""

    type: Literal["incident", "service_request", "demand", "change", "problem"] | None = None
    priority: Texts = Field(
        default=(), description="the tool's own words for the priority, such as `1 - Critical`"
    )
    resolve: Duration
    calendar: Text | None = Field(
        default=None,
        description="one of `calendars`: the time counts in its hours only; without it around the clock",
    )


class Level(Part):
    """A step of the escalation chain: who is called when so much of a ticket's time is used up."""

    at: Decimal = Field(gt=0, description="share of the time: 0.75, 1, 1.5")
    to: Text


class ServiceTerms(Part):
    """How the clocks of tickets run where the tool does not tell when a ticket is due, and who is called."""

    calendars: Mapping[Text, Hours] = Field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    pause_on_hold: Flag = Field(default=True, description="time on hold does not count")
    escalation: tuple[Level, ...] = ()

    @model_validator(mode="after")
    def _names_its_calendars(self) -> "ServiceTerms":
        for target in self.targets:
            if target.calendar is not None and target.calendar not in self.calendars:
                there = ", ".join(self.calendars) or "none"
                raise ValueError(f"no calendar {target.calendar!r}; calendars: {there}")
        return self
