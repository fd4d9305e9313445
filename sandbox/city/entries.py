"""What the city's people told Portico by command in the weeks before its day: stories, actions, an override, a re-baseline.

Days are counted back from the city's day. The projects are those that stand in every size.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sandbox.city.records import Colour

COMMITTEE = "IT steering committee"
REPORT = "Change report to the steering committee"
"""The duty that the configuration declares."""
POLICY = "the duty begins at 25%. Source: Fairhaven project policy 4."


@dataclass(frozen=True, slots=True)
class Story:
    """How a project's manager told its story."""

    project: str
    days_ago: int
    text: str


@dataclass(frozen=True, slots=True)
class Overruled:
    """A colour that a person set in place of the computed one, for `days`."""

    project: str
    days_ago: int
    days: int
    dimension: str
    value: Colour
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class Figure:
    """How a dimension stood when an action was opened for it."""

    dimension: str
    colour: Colour
    measure: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Undertaken:
    """An action, to be done within `days`; `closed` so many days ago, None while it is open. `because` makes it a duty."""

    project: str
    days_ago: int
    days: int
    title: str
    figure: Figure
    owner: Literal["manager", "sponsor"] = "manager"
    because: str | None = None
    closed: int | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Rebaselined:
    """The approval of a project's plan as its new baseline."""

    project: str
    days_ago: int
    by: str
    why: str


STORIES = (
    Story(
        "OIT-014",
        9,
        "The pilot counter is content and the team is confident. The counters' new wishes are being taken in; "
        "dates and budget are under review.",
    ),
    Story(
        "OIT-036",
        4,
        "Three tasks wait for the vendor and for the firewall team. Both have promised an answer within the week, "
        "and the finish still holds.",
    ),
)
OVERRULED = (
    Overruled(
        "OIT-021",
        10,
        45,
        "scope",
        "green",
        "The new items split one deliverable of the contract into steps; nothing was added to it",
        "Head of the PMO",
    ),
)
ACTIONS = (
    Undertaken(
        "OIT-033",
        70,
        30,
        REPORT,
        Figure("schedule", "red", "variance_share", Decimal("0.35")),
        because=f"The schedule variance is 35%; {POLICY}",
        closed=52,
        outcome="Handed in; the committee approved online payment and a later finish",
    ),
    Undertaken(
        "OIT-007",
        50,
        20,
        "Agree on fixed dates for the map layer with the vendor",
        Figure("schedule", "amber", "variance_share", Decimal("0.18")),
        closed=34,
        outcome="The vendor signed the dates; the finish is back within its limit",
    ),
    Undertaken(
        "OIT-028",
        40,
        30,
        REPORT,
        Figure("cost", "red", "variance_share", Decimal("0.45")),
        owner="sponsor",
        because=f"The cost variance is 45%; {POLICY}",
        closed=25,
        outcome="Handed in; the committee wants old footage on cheaper storage",
    ),
    Undertaken(
        "OIT-028",
        24,
        45,
        "Move footage older than a year to cheaper storage",
        Figure("cost", "red", "variance_share", Decimal("0.41")),
    ),
    Undertaken(
        "OIT-041",
        6,
        30,
        "Staff the network help line with a second shift until the rollout ends",
        Figure("quality", "red", "breach_share", Decimal("0.38")),
    ),
)
REBASELINED = (
    Rebaselined(
        "OIT-041",
        45,
        COMMITTEE,
        "The maker delivers the switches late; the committee accepts the later finish",
    ),
)
