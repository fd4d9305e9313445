"""What happened before the demo begins: what the city's people decided and entered, recorded as the commands record it."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from portfolio.facts import Measured
from portfolio.overview import DIMENSIONS
from portfolio.priority import ranking, to_keep
from portfolio.store import manual
from sandbox.city import City, Condition, Project
from sandbox.city.entries import ACTIONS, COMMITTEE, OVERRULED, REBASELINED, STORIES, Undertaken
from sandbox.register import keeps_decisions
from sync.program import Program

REVIEWED = timedelta(days=60)
"""So long ago the steering committee last held a review of the priorities."""
UNTROUBLED = {"status": {name: {"value": "green"} for name in DIMENSIONS}}
MORNING = timedelta(hours=15)
"""From the beginning of a day in UTC to the morning in the city."""


def record(program: Program, city: City) -> None:
    """Records all of it in one transaction."""
    with program.store() as store, store.transaction() as db:
        for project in city.projects:
            _decisions(db, project, program.now())
        _review(db, program, city)
        _stories(db, city)
        _overrides(db, city)
        _baselines(db, city)
        for each in ACTIONS:
            _action(db, city, each)


def _decisions(db: Connection, project: Project, now: datetime) -> None:
    """The gate decisions that the project's board took and that no register holds."""
    for gate in project.gates:
        kept = keeps_decisions(project) and not gate.conditions
        if gate.decision and gate.decided_on and gate.decided_by and not kept:
            manual.decide(
                db,
                project.key,
                gate.key,
                gate.decision,
                decided_on=gate.decided_on,
                by=gate.decided_by.name,
                note=None,
                conditions=[_condition(each) for each in gate.conditions],
                at=now,
                valid_until=gate.valid_until,
            )


def _condition(asked: Condition) -> dict[str, Any]:
    shown: dict[str, Any] = {"text": asked.text, "due_on": asked.due_on.isoformat(), "met_on": None}
    if asked.met:
        day, by, note = asked.met
        shown |= {"met_on": day.isoformat(), "met_by": by.name, "met_note": note}
    return shown


def _review(db: Connection, program: Program, city: City) -> None:
    """A review of the priorities, held when every project of the city was on plan."""
    then = program.now() - REVIEWED
    projects = [
        {
            "key": each.key,
            "name": each.name,
            "department": each.department.name,
            "state": each.state,
            "priority": each.priority,
            "tier": each.tier,
            **UNTROUBLED,
        }
        for each in city.projects
    ]
    manual.keep_review(
        db,
        to_keep(ranking(projects, program.settings.portfolio.priority)),
        held_on=then.astimezone(program.settings.portfolio.zone).date(),
        by=COMMITTEE,
        note="Review of the quarter",
        at=program.now(),
    )


def _stories(db: Connection, city: City) -> None:
    for each in STORIES:
        teller = city.project(each.project).manager.name
        manual.tell(db, each.project, each.text, teller, _then(city, each.days_ago))


def _overrides(db: Connection, city: City) -> None:
    for each in OVERRULED:
        manual.set_override(
            db,
            each.project,
            each.dimension,
            each.value,
            why=each.why,
            by=each.by,
            until=city.today + timedelta(days=each.days - each.days_ago),
            at=_then(city, each.days_ago),
        )


def _baselines(db: Connection, city: City) -> None:
    for each in REBASELINED:
        project = city.project(each.project)
        manual.approve_baseline(
            db,
            each.project,
            start=project.start_actual,
            finish=project.finish_forecast,
            by=each.by,
            why=each.why,
            at=_then(city, each.days_ago),
        )


def _action(db: Connection, city: City, each: Undertaken) -> None:
    project, figure = city.project(each.project), each.figure
    owner = project.sponsor if each.owner == "sponsor" else project.manager
    number = manual.add_action(
        db,
        each.project,
        each.title,
        type_="obligation" if each.because else "corrective_action",
        owner=owner.name,
        due_on=city.today + timedelta(days=each.days - each.days_ago),
        at=_then(city, each.days_ago),
        because=each.because,
        cause=each.title if each.because else None,
        dimension=figure.dimension,
        before=asdict(Measured(figure.measure, figure.value, figure.colour)),
    )
    if each.closed is not None:
        manual.close_action(db, number, each.outcome, _then(city, each.closed))


def _then(city: City, days_ago: int) -> datetime:
    return city.as_of - timedelta(days=days_ago) + MORNING
