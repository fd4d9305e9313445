"""How the project office itself does: whether projects end on time and on budget, and how fast and how true its process is.

Every metric counts dated events of the last 24 months: what finished, was decided, was answered or was changed. Each is shown
with its definition, with n (the events that could be judged) and with how many there were; a share without events is unknown.
The definitions are conventions of our own, so they stand beside the figures.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from portfolio.gates import PASSED
from portfolio.shown import number, rounded
from portfolio.staffing import month_of, moved

Project = Mapping[str, Any]

MONTHS = 24
AHEAD = timedelta(days=90)
"""How long before the finish its forecast is compared with it."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a day, and what it is worth for a metric; None: it cannot be judged."""

    day: str
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its events in a project up to today, what they are called, and how values of several become one."""

    name: str
    title: str
    definition: str
    unit: Literal["share", "days", "per_year"]
    better: Literal["higher", "lower"]
    events: Callable[[Project, date], Iterable[Event]]
    what: str


def _finished(project: Project) -> str | None:
    finish: str | None = project["schedule"]["finish_actual"]
    return finish if project["state"] == "completed" else None


def _flag(*, good: bool) -> Decimal:
    return Decimal(1) if good else Decimal(0)


def on_time(project: Project, _today: date) -> Iterator[Event]:
    """One for a completed project: 1 if it finished no later than its first baseline."""
    day = _finished(project)
    if day is not None:
        schedule = project["schedule"]
        due = schedule.get("finish_original") or schedule["finish_baseline"]
        yield Event(day, None if due is None else _flag(good=day <= due))


def on_time_as_approved(project: Project, _today: date) -> Iterator[Event]:
    """One for a completed project: 1 if it finished no later than its current baseline, approved changes included."""
    day = _finished(project)
    if day is not None:
        due = project["schedule"]["finish_baseline"]
        yield Event(day, None if due is None else _flag(good=day <= due))


def on_budget(project: Project, _today: date) -> Iterator[Event]:
    """One for a completed project: 1 if its actual cost is no more than its budget at completion (AC <= BAC)."""
    day = _finished(project)
    if day is not None:
        value = project["earned_value"]
        spent, budget = value.get("ac"), value.get("bac")
        known = spent is not None and budget is not None
        yield Event(day, _flag(good=Decimal(spent) <= Decimal(budget)) if known else None)


def gate_cycle(project: Project, _today: date) -> Iterator[Event]:
    """One for each passed gate: the days since the gate before it was passed; the first one is not judged."""
    passed = [each for each in project["gates"] if each["status"] in PASSED and each["decided_on"]]
    passed.sort(key=lambda each: each["position"])
    for before, gate in pairwise(passed):
        days = (date.fromisoformat(gate["decided_on"]) - date.fromisoformat(before["decided_on"])).days
        skipped = gate["position"] != before["position"] + 1
        yield Event(gate["decided_on"], None if skipped or days < 0 else Decimal(days))


REQUESTS = ("service_request", "demand")


def turnaround(project: Project, _today: date) -> Iterator[Event]:
    """One for each request that was resolved or closed: the days since it was opened."""
    for each in project["tickets"]:
        end = each.get("resolved_at") or each.get("closed_at")
        if each["type"] in REQUESTS and each["state_category"] in ("resolved", "closed") and end:
            begin = each["opened_at"]
            seconds = _seconds(begin, end) if begin else None
            yield Event(end[:10], None if seconds is None or seconds < 0 else seconds / 86_400)


def _seconds(begin: str, end: str) -> Decimal:
    return Decimal((datetime.fromisoformat(end) - datetime.fromisoformat(begin)) // timedelta(seconds=1))


def forecast_error(project: Project, _today: date) -> Iterator[Event]:
    """One for a completed project: the days between its finish and what was forecast 90 days before it."""
    day = _finished(project)
    if day is None:
        return
    asked = (date.fromisoformat(day) - AHEAD).isoformat()
    told = [point for point in project["trend"] if point["as_of"] <= asked and point.get("finish_forecast")]
    value = None
    if told:
        newest = max(told, key=lambda point: str(point["as_of"]))["finish_forecast"]
        value = Decimal(abs((date.fromisoformat(day) - date.fromisoformat(newest)).days))
    yield Event(day, value)


def milestone_error(project: Project, _today: date) -> Iterator[Event]:
    """One for each milestone that was achieved: the days between that and its planned day, early or late."""
    for each in project["milestones"]:
        done, planned = each["achieved_on"], each["planned_on"]
        if done:
            days = abs((date.fromisoformat(done) - date.fromisoformat(planned)).days) if planned else None
            yield Event(done, None if days is None else Decimal(days))


def rebaselines(project: Project, today: date) -> Iterator[Event]:
    """One for each month in which the project ran: how often it was re-baselined in it."""
    schedule = project["schedule"]
    begin = schedule["start_actual"] or schedule["start_planned"]
    end = schedule["finish_actual"]
    if project["state"] == "proposed" or (project["state"] in ("completed", "cancelled") and end is None):
        return
    if begin is None:
        yield Event(today.isoformat(), None)
        return
    changed = Counter(day[:7] for day in schedule.get("rebaselined_on") or ())
    month, last = begin[:7], min(end or "~", today.isoformat())[:7]
    month = max(month, moved(month_of(today), 1 - MONTHS))
    while month <= last:
        yield Event(f"{month}-01", Decimal(changed[month]))
        month = moved(month, 1)


METRICS = (
    Metric(
        "on_time",
        "On time",
        "completed projects that finished no later than their first baseline ÷ completed projects",
        "share",
        "higher",
        on_time,
        "completed projects",
    ),
    Metric(
        "on_time_as_approved",
        "On time as approved",
        "the same against the current baseline, approved changes included",
        "share",
        "higher",
        on_time_as_approved,
        "completed projects",
    ),
    Metric(
        "on_budget",
        "On budget",
        "completed projects whose actual cost is no more than their budget at completion ÷ completed projects",
        "share",
        "higher",
        on_budget,
        "completed projects",
    ),
    Metric(
        "gate_cycle",
        "Gate cycle time",
        "median days from passing a gate to passing the next one",
        "days",
        "lower",
        gate_cycle,
        "passed gates that follow another",
    ),
    Metric(
        "turnaround",
        "Request turnaround",
        "median days from opening a service request or demand to its end",
        "days",
        "lower",
        turnaround,
        "requests that ended",
    ),
    Metric(
        "forecast_error",
        "Forecast error",
        "median days between the finish and what was forecast 90 days before it; needs snapshots of then",
        "days",
        "lower",
        forecast_error,
        "completed projects",
    ),
    Metric(
        "milestone_error",
        "Milestone error",
        "median days between the planned day of a milestone and the day it was achieved, early or late",
        "days",
        "lower",
        milestone_error,
        "achieved milestones",
    ),
    Metric(
        "rebaseline_rate",
        "Re-baselines",
        "re-baselines ÷ months that projects ran, times 12: per project and year",
        "per_year",
        "lower",
        rebaselines,
        "months that projects ran",
    ),
)


def combined(unit: str, values: Sequence[Decimal]) -> Decimal | None:
    """The values of several events as one figure: the mean of shares, twelve times the mean of rates, the median of days."""
    if not values:
        return None
    if unit == "days":
        return Decimal(median(values))
    mean = sum(values, Decimal(0)) / len(values)
    return mean * 12 if unit == "per_year" else mean


def pmo(projects: Sequence[Project], today: date) -> dict[str, Any]:
    """`{from, until, metrics}`, JSON-ready: each metric whole, per month, and per department (there only months with events)."""
    months = [moved(month_of(today), back) for back in range(1 - MONTHS, 1)]
    return {
        "from": months[0],
        "until": months[-1],
        "metrics": [_metric(each, projects, today, months) for each in METRICS],
    }


def _metric(
    metric: Metric, projects: Sequence[Project], today: date, months: Sequence[str]
) -> dict[str, Any]:
    last = today.isoformat()
    by_department: dict[str, list[Event]] = {}
    for project in projects:
        events = [
            each for each in metric.events(project, today) if months[0] <= each.day[:7] and each.day <= last
        ]
        by_department.setdefault(project["department"] or "", []).extend(events)
    every = [event for events in by_department.values() for event in events]
    figure = _figure(metric, every)
    return {
        "metric": metric.name,
        "title": metric.title,
        "definition": metric.definition,
        "unit": metric.unit,
        "better": metric.better,
        **figure,
        "because": _because(metric, figure),
        "months": [
            {"month": month, **_figure(metric, found)} for month, found in _by_month(every, months).items()
        ],
        "departments": [
            {
                "department": name or None,
                **_figure(metric, events),
                "months": [
                    {"month": month, **_figure(metric, found)}
                    for month, found in _by_month(events, months).items()
                    if found
                ],
            }
            for name, events in sorted(by_department.items(), key=lambda pair: (not pair[0], pair[0]))
        ],
    }


def _by_month(events: Iterable[Event], months: Sequence[str]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {month: [] for month in months}
    for each in events:
        found[each.day[:7]].append(each)
    return found


def _figure(metric: Metric, events: Sequence[Event]) -> dict[str, Any]:
    values = [each.value for each in events if each.value is not None]
    return {
        "value": number(rounded(combined(metric.unit, values))),
        "n": len(values),
        "of": len(events),
    }


def _because(metric: Metric, figure: Mapping[str, Any]) -> str:
    if not figure["of"]:
        return f"There were no {metric.what} in these {MONTHS} months."
    return f"{figure['n']} of {figure['of']} {metric.what} in these {MONTHS} months can be judged."
