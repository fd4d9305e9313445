"""What the invented city holds, as frozen records that the simulated tools derive their rows from.

Words are neutral (`in_progress`, `resolved`, `green`): each tool translates them into its own. Days are dates
in the city's time zone, instants aware UTC, money Decimal in US dollars. Unknown is None.
Every record carries `updated_at`, the instant at which its tool last changed it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

WorkTool = Literal["jira", "planner", "servicenow"]
Ledger = Literal["files", "sql", "odata", "salesforce"]
Tier = Literal["large", "medium", "small"]
Colour = Literal["green", "amber", "red"]


@dataclass(frozen=True, slots=True)
class Person:
    """An invented employee. `id` is a slug (`ada.moreno`), unique; each tool makes its own id of it."""

    id: str
    name: str
    email: str
    title: str
    department: str


@dataclass(frozen=True, slots=True)
class Department:
    """A city department: `code` (`LNI`), its number in the ledger (`0260`), its fund, its ledger."""

    code: str
    name: str
    number: str
    fund: str
    cost_center: str
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class Milestone:
    """A milestone with its four dates; `achieved_on` None: not yet."""

    name: str
    baseline_on: date
    planned_on: date
    forecast_on: date
    achieved_on: date | None


@dataclass(frozen=True, slots=True)
class PlannedValue:
    """One point of a baseline: cumulative planned value at the end of `day`."""

    day: date
    planned_value: Decimal


@dataclass(frozen=True, slots=True)
class Baseline:
    """A time-phased baseline; its last point is the budget at completion. The last baseline counts."""

    name: str
    set_on: date
    points: tuple[PlannedValue, ...]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A piece of work. `number` is unique within the project and starts at 2 (1 is the carrier in Jira).

    `parent` is the number of its epic. `stage` is a column of the plan (a Planner bucket, a phase).
    """

    number: int
    type: Literal["epic", "story", "task", "bug"]
    title: str
    stage: str
    status: Literal["todo", "in_progress", "done", "cancelled"]
    assignee: Person | None
    reporter: Person
    priority: Literal["high", "medium", "low"]
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    due_on: date | None
    done_at: datetime | None
    points: Decimal | None
    estimate_hours: Decimal | None
    spent_hours: Decimal | None
    percent_complete: Decimal
    parent: int | None
    blocked: bool
    blocked_reason: str | None
    labels: tuple[str, ...]

    @property
    def start_planned(self) -> date | None:
        """Two weeks before it is due, as teams here plan."""
        return self.due_on - timedelta(days=14) if self.due_on else None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket. `number` is the desk's own; `escalation` 0 normal, 1 moderate, 2 high, 3 overdue; `reopened` how often."""

    number: str
    type: Literal["incident", "service_request", "demand", "change", "problem"]
    title: str
    project: str | None
    priority: int
    impact: int
    urgency: int
    state: Literal["new", "in_progress", "on_hold", "resolved", "closed", "cancelled"]
    opened_at: datetime
    updated_at: datetime
    due_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    breached: bool
    escalation: int
    assignment_group: str
    assignee: Person | None
    caller: Person
    service: str
    reopened: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage of a service. `projects` are the keys of the projects that touch the service."""

    number: str
    service: str
    projects: tuple[str, ...]
    type: Literal["outage", "degradation", "planned"]
    began_at: datetime
    ended_at: datetime | None
    cause: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk, issue, decision, action or change; probability and impact 1 to 5."""

    number: str
    type: Literal["risk", "issue", "decision", "action", "change"]
    title: str
    probability: int
    impact: int
    state: Literal["open", "in_progress", "closed"]
    owner: Person
    due_on: date | None
    opened_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Deliverable:
    """A document that a gate asks for. `content` stands for the document's text, to be hashed."""

    number: str
    type: str
    title: str
    gate: str
    state: Literal["missing", "draft", "submitted", "approved", "rejected", "expired"]
    version: str
    approved_by: Person | None
    approved_at: datetime | None
    content: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """What an approval with conditions asks for. `met`: when, by whose word and on what proof it was done."""

    text: str
    due_on: date
    met: tuple[date, Person, str] | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate as the team plans and remembers it (`key` as in the pack: G0 to G6). `valid_until` None: for ever."""

    key: str
    name: str
    position: int
    due_on: date
    decided_on: date | None
    decision: Literal["approved", "approved_with_conditions", "rejected", "deferred", "waived"] | None
    decided_by: Person | None
    conditions: tuple[Condition, ...]
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the manager declared on a day."""

    number: str
    reported_on: date
    by: Person
    overall: Colour
    schedule: Colour
    cost: Colour
    scope: Colour
    quality: Colour
    text: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Allocation:
    """A person's hours on a project in a month (`2026-11`); `actual_hours` None: the month is not over."""

    person: Person
    role: str
    month: str
    capacity_hours: Decimal
    planned_hours: Decimal
    actual_hours: Decimal | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One ledger line, a fiscal-year-to-date balance: a budget code's account in a fiscal year.

    `number` is unique in the city and stable. `period` None: the whole year. `forecast` is the expected
    total at year end, None where finance has none.
    """

    number: str
    ledger: Ledger
    project: str | None
    budget_code: str
    fund: str
    department: str
    cost_center: str
    account: str
    account_name: str
    fiscal_year: int
    period: str | None
    currency: str
    original_budget: Decimal
    revised_budget: Decimal
    pre_encumbered: Decimal
    encumbered: Decimal
    actual: Decimal
    forecast: Decimal | None
    posted_on: date
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """What finance says that a fund's lines of a ledger and fiscal year add up to."""

    ledger: Ledger
    fiscal_year: int
    fund: str
    rows: int
    original_budget: Decimal
    revised_budget: Decimal
    pre_encumbered: Decimal
    encumbered: Decimal
    actual: Decimal


@dataclass(frozen=True, slots=True)
class Project:
    """A project with everything that hangs on it. `number` is its ServiceNow number (`PRJ0010014`).

    `in_servicenow` false: no pm_project record, the project is defined only in the configuration's list.
    `work_tool` says where its team works, and `work` is what it does there. A Jira team may keep a plan
    beside it: then `plan` is set too and `rollout` holds the plan's tasks.
    """

    key: str
    number: str
    name: str
    description: str
    story: str
    department: Department
    program: str
    sponsor: Person
    manager: Person
    team: tuple[Person, ...]
    state: Literal["proposed", "active", "on_hold", "completed", "cancelled"]
    stage: Literal["initiating", "planning", "executing", "delivering", "closing"]
    priority: Literal["high", "medium", "low"]
    tier: Tier
    declared_status: Colour | None
    start_planned: date
    finish_planned: date
    start_baseline: date | None
    finish_baseline: date | None
    start_actual: date | None
    finish_actual: date | None
    finish_forecast: date | None
    percent_complete: Decimal | None
    budget_codes: tuple[str, ...]
    ledger: Ledger | None
    service: str
    in_servicenow: bool
    work_tool: WorkTool
    jira_key: str | None
    plan: str | None
    created_at: datetime
    updated_at: datetime
    work: tuple[WorkItem, ...]
    rollout: tuple[WorkItem, ...]
    milestones: tuple[Milestone, ...]
    baselines: tuple[Baseline, ...]
    budget: tuple[BudgetLine, ...]
    tickets: tuple[Ticket, ...]
    risks: tuple[Risk, ...]
    deliverables: tuple[Deliverable, ...]
    gates: tuple[Gate, ...]
    reports: tuple[StatusReport, ...]
    allocations: tuple[Allocation, ...]

    @property
    def has_office_plan(self) -> bool:
        """The project office keeps its time-phased baseline; otherwise only the team's tool holds planned days."""
        return self.work_tool == "planner" or self.key[-1] not in "78"

    @property
    def carrier(self) -> str | None:
        """The Jira issue that carries the project's fields, if the team works in Jira."""
        return f"{self.jira_key}-1" if self.jira_key else None

    @property
    def plan_tasks(self) -> tuple[WorkItem, ...]:
        """The tasks of the project's plan, if it has one."""
        return self.work if self.work_tool == "planner" else self.rollout


@dataclass(frozen=True, slots=True)
class City:
    """The whole invented city on the day `today`."""

    name: str
    size: str
    seed: int
    today: date
    as_of: datetime
    """The instant up to which things happened: the first of `today` in UTC."""
    timezone: str
    departments: tuple[Department, ...]
    people: tuple[Person, ...]
    projects: tuple[Project, ...]
    outages: tuple[Outage, ...]
    desk: tuple[Ticket, ...]
    """Tickets that concern no project."""
    overhead: tuple[BudgetLine, ...]
    """Budget lines that belong to no project: each department's operating lines."""

    def project(self, key: str) -> Project:
        """The project of that key. Raises KeyError."""
        for each in self.projects:
            if each.key == key:
                return each
        raise KeyError(key)

    def tickets(self) -> Iterator[Ticket]:
        """Every ticket: those of projects, then the desk's other ones."""
        for project in self.projects:
            yield from project.tickets
        yield from self.desk

    def budget_lines(self, ledger: Ledger | None = None) -> Iterator[BudgetLine]:
        """Every budget line of a ledger (None: of all)."""
        for project in self.projects:
            yield from (line for line in project.budget if ledger in (None, line.ledger))
        yield from (line for line in self.overhead if ledger in (None, line.ledger))

    def control_totals(self, ledger: Ledger | None = None) -> tuple[ControlTotal, ...]:
        """What finance announces per ledger, fiscal year and fund, ordered by these."""
        groups: dict[tuple[Ledger, int, str], list[BudgetLine]] = {}
        for line in self.budget_lines(ledger):
            groups.setdefault((line.ledger, line.fiscal_year, line.fund), []).append(line)
        return tuple(
            ControlTotal(
                *group,
                rows=len(lines),
                original_budget=sum((line.original_budget for line in lines), Decimal(0)),
                revised_budget=sum((line.revised_budget for line in lines), Decimal(0)),
                pre_encumbered=sum((line.pre_encumbered for line in lines), Decimal(0)),
                encumbered=sum((line.encumbered for line in lines), Decimal(0)),
                actual=sum((line.actual for line in lines), Decimal(0)),
            )
            for group, lines in sorted(groups.items())
        )
