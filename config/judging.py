"""The parts of `portfolio:` that say how projects are judged beyond status rules and gate packs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from config.parts import Duration, Part, Text

Method = Literal[
    "percent_complete", "0/100", "50/50", "weighted_milestones", "physical_percent", "level_of_effort"
]
Weight = Annotated[Decimal, Field(gt=0)]


class ActionTerms(Part):
    """How actions are followed up."""

    effect_after: Duration = Field(
        default="30d",
        validate_default=True,
        description="how long after an action is closed its figure must have moved",
    )


class EarnedValueTerms(Part):
    """How work earns value.

    `percent_complete`: the project's own share, else work items done of all. `0/100`: an estimate counts when its item is done.
    `50/50`: half of it when the item is started. `weighted_milestones`: the weight of the milestones achieved.
    `physical_percent`: each estimate times its item's share done. `level_of_effort`: as planned, by the passing of time.
    A project's own method goes before that of its tier, and this before `method`.
    """

    method: Method = "percent_complete"
    by_tier: Mapping[Text, Method] = Field(
        default_factory=dict, description="the method of each tier's projects, where it differs"
    )
    milestone_weights: Mapping[Text, Weight] = Field(
        default_factory=dict,
        description="the weight of a milestone by its name; milestones without one weigh 1 if none is given, else nothing",
    )

    def method_of(self, project: Method | None, tier: str | None) -> Method:
        """The method that counts, from the project's own (or None) and its tier; tiers match in any case."""
        tiers = {name.casefold(): method for name, method in self.by_tier.items()}
        return project or tiers.get((tier or "").casefold()) or self.method
