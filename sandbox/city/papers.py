"""The project's papers: deliverables per gate, status reports, and who is planned on what."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Literal

from sandbox.city.desk import Numbers
from sandbox.city.names import ROLES
from sandbox.city.plots import Plot
from sandbox.city.records import Allocation, Colour, Deliverable, Gate, Person, StatusReport
from sandbox.city.schedule import Calendar

State = Literal["missing", "draft", "submitted", "approved", "rejected", "expired"]

DOCUMENTS = (
    ("G0", "intake_form", "Intake form"),
    ("G1", "business_case", "Business case"),
    ("G1", "charter", "Project charter"),
    ("G2", "alternatives_analysis", "Alternatives analysis"),
    ("G3", "requirements", "Requirements"),
    ("G3", "procurement_plan", "Procurement plan"),
    ("G4", "project_plan", "Project plan"),
    ("G4", "risk_register", "Risk register"),
    ("G4", "resource_plan", "Resource plan"),
    ("G5", "test_report", "Acceptance test report"),
    ("G5", "acceptance", "Acceptance"),
    ("G5", "training_plan", "Training plan"),
    ("G6", "benefits_review", "Benefits review"),
)
REPORT_EVERY = 14
TEXTS: dict[Colour, str] = {
    "green": "On plan. No decision needed from the sponsor.",
    "amber": "Some pressure on the plan; the team has a way back and asks for attention.",
    "red": "The plan cannot be held. A decision by the sponsor is needed.",
}
CAPACITY = Decimal(152)
"""A full-time month in hours."""


def deliverables(
    plot: Plot,
    name: str,
    plan: tuple[Gate, ...],
    approver: Person,
    numbers: Numbers,
    as_of: datetime,
    rng: Random,
) -> tuple[Deliverable, ...]:
    """What the gates ask for: approved before a passed gate, in the making for the next, else missing."""
    coming = next((gate.key for gate in plan if gate.decided_on is None), None)
    found = []
    for order, (gate_key, kind, title) in enumerate(DOCUMENTS):
        gate = next(each for each in plan if each.key == gate_key)
        state: State = "missing"
        if gate.decided_on is not None:
            state = "approved"
        elif gate_key == coming and plot.state != "proposed":
            state = "draft" if plot.gate_overdue else rng.choice(("draft", "submitted", "approved"))
            if plot.gate_overdue and order % 2:
                state = "missing"
        approved_at = touched = None
        if state == "approved":
            before = min(gate.due_on, as_of.date()) - timedelta(days=rng.randrange(2, 12))
            approved_at = touched = datetime.combine(before, time(15, rng.randrange(0, 60)), UTC)
        version = {"approved": "1.0", "submitted": "0.9", "missing": ""}.get(state, "0.3")
        found.append(
            Deliverable(
                number=numbers.take("deliverable"),
                type=kind,
                title=f"{title}: {name}",
                gate=gate_key,
                state=state,
                version=version,
                approved_by=approver if approved_at else None,
                approved_at=approved_at,
                content=f"{title} of {name}, version {version}",
                updated_at=touched
                or as_of - timedelta(days=rng.randrange(1, 40), minutes=rng.randrange(0, 900)),
            )
        )
    return tuple(found)


def status_reports(
    plot: Plot, dates: Calendar, manager: Person, numbers: Numbers, count: int, rng: Random
) -> tuple[StatusReport, ...]:
    """The last `count` fortnightly reports, oldest first; who let a gate pass, and one in eight, is late with the newest."""
    if plot.declared is None:
        return ()
    last = dates.today - timedelta(days=rng.randrange(1, 12))
    if (rng.random() < 1 / 8 and plot.story == "healthy") or plot.gate_overdue:
        last -= timedelta(days=40)
    if plot.state in ("completed", "cancelled"):
        last = min(last, dates.forecast)
    found = []
    for back in reversed(range(count)):
        day = last - timedelta(days=REPORT_EVERY * back)
        if day <= dates.start:
            continue
        colour: Colour = plot.declared if back < 2 else "green"
        found.append(
            StatusReport(
                number=numbers.take("report"),
                reported_on=day,
                by=manager,
                overall=colour,
                schedule=colour if plot.story != "over_budget" else "green",
                cost=colour if plot.story in ("over_budget", "approved_change") else "green",
                scope=colour if plot.state == "on_hold" else "green",
                quality="green",
                text=TEXTS[colour],
                updated_at=datetime.combine(day, time(16, rng.randrange(0, 60)), UTC),
            )
        )
    return tuple(found)


def allocations(
    plot: Plot,
    dates: Calendar,
    team: tuple[Person, ...],
    ahead: int,
    hours: tuple[int, ...],
    rng: Random,
) -> tuple[Allocation, ...]:
    """Two months back, this one and `ahead` more, within the project's time; actuals for past months.

    A person is planned for one of `hours` a month.
    """
    if plot.state in ("completed", "cancelled", "proposed"):
        return ()
    found = []
    this = dates.today.year * 12 + dates.today.month - 1
    for index in range(this - 2, this + ahead + 1):
        first = date(index // 12, index % 12 + 1, 1)
        if first < dates.start.replace(day=1) or first > dates.forecast:
            continue
        for place, person in enumerate(team):
            planned = Decimal(rng.choice(hours))
            found.append(
                Allocation(
                    person=person,
                    role="Project manager" if place == 0 else ROLES[place % len(ROLES)],
                    month=f"{first:%Y-%m}",
                    capacity_hours=CAPACITY,
                    planned_hours=planned,
                    actual_hours=None if index >= this else planned * Decimal(rng.randrange(70, 131)) / 100,
                    updated_at=datetime.combine(
                        min(first, dates.today) - timedelta(days=rng.randrange(1, 9)), time(10), UTC
                    ),
                )
            )
    return tuple(found)
