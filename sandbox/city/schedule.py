"""A project's dates: baseline, plan, forecast, actual; milestones, gates, and the time-phased baseline."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Literal

from sandbox.city.names import MILESTONES
from sandbox.city.plots import Plot
from sandbox.city.records import Baseline, Condition, Gate, Milestone, Person, PlannedValue

Stage = Literal["initiating", "planning", "executing", "delivering", "closing"]

GATES = (
    ("G0", "Intake triage", 0.0),
    ("G1", "Business case", 0.10),
    ("G2", "Alternatives and funding", 0.20),
    ("G3", "Procurement and solution", 0.35),
    ("G4", "Readiness and baseline", 0.45),
    ("G5", "Go-live acceptance", 0.95),
)
"""The small-city process: key, name, where in the baseline the gate stands."""
CONDITION = "Name a second approver in the department"
MET = "Load one month of real records into the test system"
PROOF = "Protocol of the trial load, signed by the department"
ACCEPTED_FOR = timedelta(days=365)
"""So long a system may run on its go-live acceptance."""
REVIEW = ("G6", "Benefits review")
REVIEW_DAYS = 180
"""The last gate stands this long after the finish."""
CONTINGENCY = 0.35
"""How much longer and dearer an approved change made a project."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A project's dates. `first_finish` is the finish of the first baseline, before any approved change."""

    today: date
    start: date
    first_finish: date
    finish: date
    forecast: date
    rebaselined_on: date | None

    @property
    def days(self) -> int:
        """Length of the current baseline."""
        return (self.finish - self.start).days

    @property
    def elapsed(self) -> float:
        """Share of the current baseline that has gone by, 0 to 1."""
        return min(1.0, max(0.0, (self.today - self.start).days / self.days))

    def at(self, share: float) -> date:
        """The day at that share of the current baseline."""
        return self.start + timedelta(days=round(self.days * share))

    def forecast_at(self, share: float) -> date:
        """When what the baseline puts at `share` is expected now: the slip grows with the share."""
        slip = (self.forecast - self.finish).days
        return self.at(share) + timedelta(days=round(slip * max(0.0, share)))


def calendar(plot: Plot, today: date, rng: Random) -> Calendar:
    """Dates on which the plot holds today."""
    days = rng.randrange(240, 430)
    elapsed = rng.uniform(*plot.elapsed)
    slip = rng.uniform(*plot.slip)
    start = today - timedelta(days=round(days * elapsed))
    finish = start + timedelta(days=days)
    first_finish, rebaselined_on = finish, None
    if plot.rebaselined:
        first_finish = start + timedelta(days=round(days / (1 + CONTINGENCY)))
        rebaselined_on = today - timedelta(days=rng.randrange(25, 60))
    forecast = finish + timedelta(days=round(days * slip))
    if plot.state == "completed":
        forecast = min(forecast, today - timedelta(days=12))
    elif plot.state != "proposed":
        forecast = max(forecast, today + timedelta(days=20))
    return Calendar(today, start, first_finish, finish, forecast, rebaselined_on)


def progress(plot: Plot, dates: Calendar) -> float:
    """Share of the work that is done today."""
    if plot.state == "completed":
        return 1.0
    if plot.state == "proposed":
        return 0.0
    return min(0.95, max(0.05, _curve(dates.elapsed) - plot.lag))


def stage(plot: Plot, dates: Calendar, done: float) -> Stage:
    """The life-cycle phase that the team says it is in."""
    if plot.state == "completed":
        return "closing"
    if plot.state == "proposed":
        return "initiating"
    if dates.elapsed < 0.24:
        return "planning"
    return "delivering" if done > 0.85 else "executing"


def milestones(plot: Plot, dates: Calendar) -> tuple[Milestone, ...]:
    """The six usual ones, reached when their expected day has come."""
    found = []
    stretch = (dates.first_finish - dates.start).days / dates.days
    for name, share in MILESTONES:
        forecast = dates.forecast_at(share)
        reached = forecast <= dates.today and plot.state != "proposed"
        first = dates.start + timedelta(days=round(dates.days * share * stretch))
        found.append(Milestone(name, first, dates.at(share), forecast, forecast if reached else None))
    return tuple(found)


def gates(plot: Plot, dates: Calendar, board: Person) -> tuple[Gate, ...]:
    """Gates of the small-city process, decided where their day has come; an overdue one stays undecided."""
    days = [(key, name, dates.start + timedelta(days=int(dates.days * share))) for key, name, share in GATES]
    ended = dates.forecast if plot.state == "completed" else dates.finish
    days.append((*REVIEW, ended + timedelta(days=REVIEW_DAYS)))
    found = []
    for position, (key, name, due) in enumerate(days):
        passed = due < dates.today and plot.state != "proposed"
        if position >= 4 and plot.gate_overdue:
            passed = False
        conditional = passed and key == "G4" and plot.story in ("late", "slipping", "blocked")
        ends = due + ACCEPTED_FOR if passed and key == "G5" else None
        found.append(
            Gate(
                key=key,
                name=name,
                position=position,
                due_on=due,
                decided_on=due if passed else None,
                decision=("approved_with_conditions" if conditional else "approved") if passed else None,
                decided_by=board if passed else None,
                conditions=_conditions(due, dates.today, board) if conditional else (),
                valid_until=ends,
            )
        )
    return tuple(found)


def _conditions(decided: date, today: date, board: Person) -> tuple[Condition, ...]:
    """What an approval asked for: one thing that nobody has done, and one that was done within three weeks."""
    done = decided + timedelta(days=21)
    trial = Condition(MET, decided + timedelta(days=30), (done, board, PROOF) if done < today else None)
    return Condition(CONDITION, decided + timedelta(days=45)), trial


def baselines(dates: Calendar, budget: Decimal) -> tuple[Baseline, ...]:
    """Monthly cumulative planned value up to `budget`; an approved change has two, the first one smaller."""
    set_on = dates.at(0.02)
    if dates.rebaselined_on is None:
        return (Baseline("Original", set_on, _points(dates.start, dates.finish, budget)),)
    first = (budget / Decimal(str(1 + CONTINGENCY))).quantize(Decimal(1))
    return (
        Baseline("Original", set_on, _points(dates.start, dates.first_finish, first)),
        Baseline("Approved change 1", dates.rebaselined_on, _points(dates.start, dates.finish, budget)),
    )


def planned_share(dates: Calendar, day: date) -> float:
    """Share of the current baseline's money that is planned by the end of `day`."""
    return _curve(min(1.0, max(0.0, (day - dates.start).days / dates.days)))


def _curve(share: float) -> float:
    return share * share * (3 - 2 * share)


def _points(start: date, finish: date, budget: Decimal) -> tuple[PlannedValue, ...]:
    days = (finish - start).days
    found = []
    day = _month_end(start)
    while day < finish:
        share = Decimal(str(round(_curve((day - start).days / days), 6)))
        found.append(PlannedValue(day, (budget * share).quantize(Decimal("0.01"))))
        day = _month_end(day + timedelta(days=1))
    return (*found, PlannedValue(finish, budget))


def _month_end(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)
