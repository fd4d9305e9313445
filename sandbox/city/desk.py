"""The service desk: tickets with their clocks, outages of services, and the registers of risks."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from sandbox.city.names import CAUSES, RISK_TITLES, TICKET_TITLES
from sandbox.city.records import Outage, Person, Risk, Ticket

TicketType = Literal["incident", "service_request", "demand", "change", "problem"]
RiskType = Literal["risk", "issue", "decision", "action", "change"]

PREFIXES = {
    "incident": "INC",
    "service_request": "RITM",
    "demand": "DMND",
    "change": "CHG",
    "problem": "PRB",
    "risk": "RISK",
    "issue": "ISSUE",
    "decision": "DEC",
    "action": "ACT",
    "project_change": "PCR",
    "outage": "OUT",
    "deliverable": "DLV",
    "report": "PSR",
}
DUE_HOURS = {1: 4, 2: 8, 3: 72, 4: 240}
"""Hours to resolve an incident or request, by priority."""
PRIORITIES = {
    (1, 1): 1,
    (1, 2): 2,
    (2, 1): 2,
    (1, 3): 3,
    (2, 2): 3,
    (3, 1): 3,
    (2, 3): 4,
    (3, 2): 4,
    (3, 3): 4,
}
"""Priority from impact and urgency."""
TICKET_TYPES: tuple[TicketType, ...] = ("incident", "service_request", "demand", "change", "problem")
RISK_TYPES: tuple[RiskType, ...] = ("risk", "issue", "decision", "action")


class Numbers:
    """Hands out the desk's numbers, `INC0010001` and on, per prefix."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def take(self, kind: str) -> str:
        """The next number for that kind."""
        self._last[kind] = self._last.get(kind, 10_000) + 1
        return f"{PREFIXES[kind]}{self._last[kind]:07d}"


def ticket(
    as_of: datetime,
    numbers: Numbers,
    project: str | None,
    service: str,
    department: str,
    caller: Person,
    desk: tuple[Person, ...],
    rng: Random,
) -> Ticket:
    """A ticket opened in the last 120 days; the older it is, the likelier it is closed."""
    kind: TicketType = rng.choices(TICKET_TYPES, (50, 25, 10, 10, 5))[0]
    impact, urgency = rng.choices((1, 2, 3), (1, 4, 8), k=2)
    priority = PRIORITIES[impact, urgency]
    age = timedelta(minutes=round(rng.triangular(30, 120 * 1440, 5 * 1440)))
    opened = as_of - age
    allowed = DUE_HOURS[priority] if kind in ("incident", "service_request") else 24 * 45
    due = opened + timedelta(hours=allowed)
    resolved = opened + timedelta(minutes=round(allowed * 60 * rng.uniform(0.1, 1.35)))
    if resolved > as_of or rng.random() < 0.04:
        resolved_at = closed_at = None
        state: Literal["new", "in_progress", "on_hold", "resolved", "closed", "cancelled"] = rng.choices(
            ("new", "in_progress", "on_hold"), (3, 6, 2)
        )[0]
        touched = opened + age * rng.uniform(0, 0.9)
    else:
        resolved_at = touched = resolved
        closed_at, state = None, "resolved"
        if resolved + timedelta(days=5) <= as_of:
            closed_at = touched = resolved + timedelta(days=5)
            state = "closed"
    late = (resolved_at or as_of) - due
    breached = late > timedelta(0)
    return Ticket(
        number=numbers.take(kind),
        type=kind,
        title=rng.choice(TICKET_TITLES[kind]).format(s=service, d=department),
        project=project,
        priority=priority,
        impact=impact,
        urgency=urgency,
        state=state,
        opened_at=opened,
        updated_at=_second(touched),
        due_at=due,
        resolved_at=resolved_at,
        closed_at=closed_at,
        breached=breached,
        escalation=(3 if late > timedelta(days=2) else 2) if breached else 0,
        assignment_group=f"{service} support",
        assignee=None if state == "new" else rng.choice(desk),
        caller=caller,
        service=service,
    )


def call(
    as_of: datetime,
    numbers: Numbers,
    project: str,
    service: str,
    caller: Person,
    team: tuple[Person, ...],
    rng: Random,
    *,
    state: Literal["in_progress", "on_hold"],
    late: bool,
) -> Ticket:
    """An open incident of a user of the project's service: of the last day, or `late`, past its 72 hours."""
    hours = rng.randrange(75, 100) if late else rng.randrange(2, 26)
    opened = as_of - timedelta(hours=hours, minutes=rng.randrange(60))
    due = opened + timedelta(hours=DUE_HOURS[3])
    return Ticket(
        number=numbers.take("incident"),
        type="incident",
        title=rng.choice(TICKET_TITLES["incident"]).format(s=service),
        project=project,
        priority=3,
        impact=2,
        urgency=2,
        state=state,
        opened_at=opened,
        updated_at=opened + timedelta(hours=1),
        due_at=due,
        resolved_at=None,
        closed_at=None,
        breached=late,
        escalation=2 if late else 0,
        assignment_group=f"{service} support",
        assignee=rng.choice(team),
        caller=caller,
        service=service,
    )


def come_back(tickets: tuple[Ticket, ...], rng: Random) -> tuple[Ticket, ...]:
    """The same tickets; of the incidents that somebody has taken up, one in six was reopened."""
    return tuple(
        replace(each, reopened=rng.choice((1, 1, 2)))
        if each.type == "incident" and each.state != "new" and rng.random() < 1 / 6
        else each
        for each in tickets
    )


def outage(
    as_of: datetime, numbers: Numbers, service: str, projects: tuple[str, ...], *, ongoing: bool, rng: Random
) -> Outage:
    """An outage of a service: going on since a few hours, or over within the last 90 days."""
    if ongoing:
        began, ended = as_of - timedelta(minutes=rng.randrange(200, 900)), None
    else:
        began = as_of - timedelta(minutes=rng.randrange(3 * 1440, 90 * 1440))
        ended = began + timedelta(minutes=rng.randrange(20, 700))
    return Outage(
        number=numbers.take("outage"),
        service=service,
        projects=projects,
        type="outage" if ongoing else rng.choices(("outage", "degradation", "planned"), (3, 4, 2))[0],
        began_at=began,
        ended_at=ended,
        cause=rng.choice(CAUSES),
        updated_at=ended or began + timedelta(minutes=15),
    )


def risk(
    as_of: datetime,
    began: datetime,
    numbers: Numbers,
    kind: RiskType,
    words: dict[str, str],
    owner: Person,
    due_in: int,
    rng: Random,
) -> Risk:
    """An entry of a project's registers, opened since `began`, due in `due_in` days or up to 60 later."""
    minutes = max(60, round((as_of - began).total_seconds() / 60))
    opened = as_of - timedelta(minutes=rng.randrange(30, minutes))
    state: Literal["open", "in_progress", "closed"] = rng.choices(
        ("open", "in_progress", "closed"), (4, 3, 3)
    )[0]
    touched = opened + (as_of - opened) * rng.uniform(0, 0.95)
    return Risk(
        number=numbers.take("project_change" if kind == "change" else kind),
        type=kind,
        title=rng.choice(RISK_TITLES[kind]).format(**words),
        probability=rng.randrange(1, 6),
        impact=rng.randrange(1, 6),
        state=state,
        owner=owner,
        due_on=(as_of + timedelta(days=due_in + rng.randrange(60))).date(),
        opened_at=opened,
        updated_at=_second(touched),
    )


def _second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
