"""The stories that the city's projects tell: what is true of a project, and what its manager says."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from sandbox.city.records import Colour, WorkTool


@dataclass(frozen=True, slots=True)
class Plot:
    """What shapes a project's figures.

    `elapsed` is the share of the baseline's duration that has gone by, `slip` the schedule variance as a
    share of that duration, `overrun` the year's forecast above the revised budget as a share of it, `lag` how
    far the work is behind the plan, `blocked` how many open items are stuck. `growth` is the work that was added in the
    last weeks as a share of what there was, `calls` how many open incidents its users have, and `late_calls` how many of
    them are past their time.
    """

    story: str
    state: Literal["proposed", "active", "on_hold", "completed", "cancelled"] = "active"
    elapsed: tuple[float, float] = (0.30, 0.70)
    slip: tuple[float, float] = (-0.03, 0.08)
    overrun: tuple[float, float] = (-0.06, 0.04)
    lag: float = 0.0
    declared: Colour | None = "green"
    blocked: int = 0
    gate_overdue: bool = False
    rebaselined: bool = False
    budgeted: bool = True
    outage: bool = False
    growth: float = 0.0
    calls: int = 0
    late_calls: int = 0


PLOTS = {
    plot.story: plot
    for plot in (
        Plot("healthy", lag=-0.05),
        Plot("late", slip=(0.30, 0.45), lag=0.18, declared="red", growth=0.2),
        Plot("slipping", slip=(0.17, 0.24), lag=0.10, declared="amber"),
        Plot("over_budget", overrun=(0.30, 0.42), declared="red"),
        Plot(
            "watermelon",
            slip=(0.28, 0.40),
            overrun=(0.27, 0.33),
            lag=0.20,
            elapsed=(0.55, 0.75),
            growth=0.3,
            calls=21,
            late_calls=5,
        ),
        Plot("approved_change", slip=(0.0, 0.04), rebaselined=True, declared="amber", elapsed=(0.5, 0.7)),
        Plot("blocked", blocked=3, lag=0.06, declared="amber"),
        Plot("outage", outage=True, declared="amber", calls=24, late_calls=7),
        Plot("gate_overdue", gate_overdue=True, elapsed=(0.53, 0.60)),
        Plot("no_budget", budgeted=False),
        Plot("completed", state="completed", elapsed=(1.05, 1.2), slip=(-0.06, 0.04), calls=22, late_calls=1),
        Plot("proposed", state="proposed", elapsed=(-0.35, -0.15), declared=None, budgeted=False),
        Plot("on_hold", state="on_hold", slip=(0.16, 0.24), lag=0.15, declared="amber"),
        Plot("cancelled", state="cancelled", lag=0.3, declared="red"),
    )
}

WEIGHTS = {
    "healthy": 40,
    "slipping": 10,
    "late": 6,
    "over_budget": 6,
    "watermelon": 4,
    "approved_change": 3,
    "blocked": 5,
    "outage": 2,
    "gate_overdue": 5,
    "no_budget": 3,
    "completed": 7,
    "proposed": 5,
    "on_hold": 3,
    "cancelled": 1,
}


@dataclass(frozen=True, slots=True)
class Named:
    """A project that stands in every size of the city, with its story."""

    number: int
    name: str
    department: str
    story: str
    tool: WorkTool
    jira_key: str | None = None
    plan: str | None = None
    in_servicenow: bool = True


NAMED = (
    Named(7, "Park reservations", "PKR", "healthy", "jira", "PARKS"),
    Named(9, "Tax portal sign-in", "REV", "completed", "jira", "TAXID"),
    Named(14, "Permit portal", "LNI", "watermelon", "jira", "PERMIT", "Permit rollout", in_servicenow=False),
    Named(21, "Water billing replacement", "WTR", "late", "jira", "WATER"),
    Named(28, "Body camera storage", "POL", "over_budget", "servicenow"),
    Named(30, "Zoning map viewer", "PLN", "on_hold", "planner", plan="Zoning map viewer"),
    Named(33, "Street work orders", "STR", "approved_change", "jira", "STREETS"),
    Named(36, "Fire station connectivity", "FIR", "blocked", "planner", plan="Fire station connectivity"),
    Named(41, "City network refresh", "OIT", "outage", "servicenow"),
    Named(45, "Clinic scheduling", "PBH", "gate_overdue", "jira", "CLINIC"),
    Named(
        52,
        "Library kiosk pilot",
        "LIB",
        "no_budget",
        "planner",
        plan="Library kiosk pilot",
        in_servicenow=False,
    ),
    Named(60, "Digital hiring", "HRD", "proposed", "servicenow"),
)

DEPENDS_ON = {"OIT-014": ("OIT-041",), "OIT-033": ("OIT-021",)}
"""Projects that have to wait for others, as the configuration declares it; the second one waits for a late one."""


def draw(rng: Random) -> Plot:
    """A story for a project without a fixed one."""
    return PLOTS[rng.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]]
