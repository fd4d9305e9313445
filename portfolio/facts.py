"""The typed facts of one project, as the store gathers them and the judging functions read them.

All money is Decimal in the portfolio's currency, shares are 0..1, instants aware UTC, days dates. Unknown is None.
Nothing here judges.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from config.judging import Method


@dataclass(frozen=True, slots=True)
class Source:
    """A source record that a fact came from."""

    connection: str
    external_key: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Counts of work items by category; `overdue` and `blocked` count open items, `*_30d` the last thirty days."""

    todo: int = 0
    in_progress: int = 0
    done: int = 0
    cancelled: int = 0
    blocked: int = 0
    overdue: int = 0
    added_30d: int = 0
    done_30d: int = 0
    weekly_done: tuple[int, ...] = ()
    """Items done in each of the last weeks before today, oldest first."""
    oldest_overdue_on: date | None = None
    blocked_sources: tuple[Source, ...] = ()
    overdue_sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """Work items at the bottom of the breakdown, not cancelled, that are alike in what earns value, summed.

    `started` and `done` hold for all of them, and so do `percent_complete`, `type` and their own `method` (None: the
    project's). `with_*` counts those that have the estimate, whose sum stands beside it.
    """

    items: int
    started: bool
    done: bool
    percent_complete: Decimal | None = None
    estimate_hours: Decimal = Decimal(0)
    estimate_points: Decimal = Decimal(0)
    with_estimate_hours: int = 0
    with_estimate_points: int = 0
    type: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Dated:
    """Work packages of one connection that are planned for the same days, summed; `with_*` counts those that have the figure.

    They are gathered only where no baseline is known.
    """

    connection: str
    start_on: date | None
    finish_on: date | None
    items: int
    planned_cost: Decimal = Decimal(0)
    estimate_hours: Decimal = Decimal(0)
    estimate_points: Decimal = Decimal(0)
    with_planned_cost: int = 0
    with_estimate_hours: int = 0
    with_estimate_points: int = 0


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone with its four dates."""

    name: str
    baseline_on: date | None
    planned_on: date | None
    forecast_on: date | None
    achieved_on: date | None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Money:
    """One project's part of its budget lines for a fund, cost centre, budget code, fiscal year and period, `share` applied.

    `available_as_reported` is what the ledger itself says is left: it is held against ours and enters no figure.
    """

    budget_code: str
    fund: str | None
    cost_center: str | None
    account: str | None
    fiscal_year: int | None
    period: str | None
    currency: str
    original_budget: Decimal | None
    revised_budget: Decimal | None
    pre_encumbered: Decimal | None
    encumbered: Decimal | None
    actual: Decimal | None
    forecast: Decimal | None
    share: Decimal = Decimal(1)
    source: Source | None = None
    available_as_reported: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlannedValue:
    """One point of a time-phased baseline: cumulative planned value at the end of `day`."""

    name: str
    set_on: date | None
    day: date
    planned_value: Decimal


@dataclass(frozen=True, slots=True)
class BaselineDates:
    """The dates of one of the project's baselines; `by` and `why` where it was approved here. `set_on` None: the first known."""

    set_on: date | None
    start: date | None
    finish: date | None
    by: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """An open or recently closed ticket of the project."""

    number: str
    type: str
    title: str
    priority: str | None
    state_category: str
    opened_at: datetime | None
    due_at: datetime | None
    resolved_at: datetime | None
    breached: bool | None
    escalation: str | None
    source: Source
    on_hold: tuple[tuple[datetime, datetime | None], ...] = ()
    """The spans in which it was seen on hold; the last one is open while it is."""
    reopened: int = 0
    """How often it came back from resolved or closed: as its tool counts, or as often as was seen."""
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk, issue, decision, action or change of the project. `state` is the team's own word; `open` tells if it stands."""

    type: str
    title: str
    score: Decimal | None
    state: str | None
    owner: str | None
    due_on: date | None
    open: bool
    source: Source
    probability: str | None = None
    impact: str | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage of a service that the project touches; `ended_at` None: it goes on."""

    service: str | None
    type: str | None
    began_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    source: Source


@dataclass(frozen=True, slots=True)
class Deliverable:
    """A document or product that gates ask for."""

    type: str
    title: str | None
    state: str
    approved_by: str | None
    approved_at: datetime | None
    source: Source
    content_hash: str | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The newest status that a manager declared."""

    reported_on: date | None
    by: str | None
    overall: str | None
    schedule: str | None
    cost: str | None
    scope: str | None
    quality: str | None
    text: str | None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a gate decision; `met_on` None: still open."""

    text: str
    due_on: date | None
    met_on: date | None = None
    met_by: str | None = None
    met_note: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A recorded gate decision; the newest per gate counts. One that names nobody (`decided_by` None) does not count."""

    gate: str
    decision: str
    decided_on: date
    decided_by: str | None
    note: str | None
    conditions: tuple[Condition, ...] = ()
    valid_until: date | None = None
    """Its last day; None: it stands."""
    source: Source | None = None
    """The tool's record that holds it; None: recorded by command."""


@dataclass(frozen=True, slots=True)
class Override:
    """A manager's reasoned, expiring colour for a dimension (or `overall`)."""

    dimension: str
    value: str
    why: str
    by: str
    until: date


@dataclass(frozen=True, slots=True)
class Measured:
    """How a dimension stood: its measure, the measure's value where it was known, and the computed colour."""

    measure: str
    value: Decimal | None
    colour: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action that is kept here: a manager's corrective action, or an obligation that a threshold opened.

    `cause` is the duty it was opened for, `dimension` the figure it is meant for, `before` how that stood when it was opened.
    """

    id: int
    type: str
    title: str
    owner: str | None
    due_on: date | None
    opened_at: datetime
    closed_at: datetime | None = None
    outcome: str | None = None
    because: str | None = None
    cause: str | None = None
    dimension: str | None = None
    before: Measured | None = None
    recovered_on: date | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the judging functions know of one project at one instant."""

    key: str
    name: str
    department: str | None = None
    program: str | None = None
    sponsor: str | None = None
    manager: str | None = None
    description: str | None = None
    state: str | None = None
    stage: str | None = None
    priority: str | None = None
    tier: str | None = None
    declared_status: str | None = None
    start_planned: date | None = None
    finish_planned: date | None = None
    start_baseline: date | None = None
    finish_baseline: date | None = None
    start_actual: date | None = None
    finish_actual: date | None = None
    baseline_dates: tuple[BaselineDates, ...] = ()
    """Every pair of baseline dates that it has had, the first one first; empty where they never changed."""
    finish_forecast: date | None = None
    percent_complete: Decimal | None = None
    budget_codes: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    """The projects that have to finish before this one can."""
    earned_value_method: Method | None = None
    """The method declared for this project alone."""
    work: Work | None = None
    packages: tuple[Package, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    money: tuple[Money, ...] = ()
    planned_values: tuple[PlannedValue, ...] = ()
    dated: tuple[Dated, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    risks: tuple[Risk, ...] = ()
    outages: tuple[Outage, ...] = ()
    deliverables: tuple[Deliverable, ...] = ()
    report: StatusReport | None = None
    decisions: tuple[Decision, ...] = ()
    overrides: tuple[Override, ...] = ()
    actions: tuple[Action, ...] = ()
    source: Source | None = None
    """The record that defines the project."""
    links: tuple[Source, ...] = ()
    """One record per tool to click through to."""
    stale: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Entity name to the connections that feed it here and are past `stale_after`."""
