"""What would happen if: a project slips, a mandate comes, somebody leaves. Nothing is changed; before and after are compared.

Conventions of our own, each stated in the result: slips come first, then mandates, then leaves. Only months from this one on
move. For a month of which nobody states a person's capacity, the newest capacity stated before it counts, else the first one.
A mandate's hours go to those who have the role (or work for the department's projects) in the month, in proportion to their
hours there. Hours that a project goes without are made up after its end at its own pace.
"""

from calendar import monthrange
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from config.planning import Leave, Mandate, Scenario
from portfolio.capacity import hours
from portfolio.overview import ENDED, waiting
from portfolio.shown import days, number, plain
from portfolio.staffing import (
    NOTHING,
    Balance,
    Load,
    Place,
    Staffing,
    balances,
    month_of,
    moved,
    places,
)

Project = Mapping[str, Any]

FARTHEST = 120
"""Months from this one to which a mandate reaches at most; a plan for the year 9999 is a mistake."""

DAYS_A_MONTH = Decimal(146_097) / 4800
"""The mean of the Gregorian calendar: 146,097 days in 400 years."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Staffing as a scenario leaves it, and the hours of mandates for which there is nobody."""

    plan: Staffing
    unplaced: Decimal


def whatif(
    name: str, scenario: Scenario, plan: Staffing, projects: Sequence[Project], *, today: date
) -> dict[str, Any]:
    """The scenario's before and after, JSON-ready.

    `{name, items, problems, from, before, after, months, people, projects, waiting, assumed, unknown}`. `projects` lists
    those that suffer (`hours_missing` more, `later_days`) and those that gain; an item that names what is not there changes
    nothing and is a problem.
    """
    begin = month_of(today)
    problems = list(faults(scenario, plan, projects))
    outcome = applied(scenario, plan, projects, begin)
    where = places(plan, begin) | places(outcome.plan, begin)
    assumed = {place for place in where if place not in plan.stated}
    before = balances(carried(plan, where), where)
    after = balances(left(carried(outcome.plan, where), scenario.leaves), where)
    effects = _projects(scenario, plan, projects, before, after, begin)
    finishes = {each["key"]: _finish(each) for each in projects}
    return {
        "name": name,
        "items": [*_told(scenario)],
        "problems": problems,
        "from": begin,
        "before": _totals(before, NOTHING),
        "after": _totals(after, outcome.unplaced),
        "months": _months(before, after),
        "people": _people(before, after),
        "projects": effects,
        "waiting": _waiting(projects, finishes, effects),
        "assumed": len(assumed & {(each.who, each.month) for each in after}),
        "unknown": plan.unknown + len(where) - len(after),
    }


def faults(scenario: Scenario, plan: Staffing, projects: Iterable[Project]) -> Iterable[str]:
    """What the scenario names that is not there."""
    known = list(projects)
    keys = {each["key"] for each in known}
    departments = {each["department"] for each in known}
    people, jobs = {load.who for load in plan.loads}, {load.role for load in plan.loads}
    for slip in scenario.slips:
        if slip.project not in keys:
            yield f"There is no project {slip.project}."
        elif slip.project not in {load.project for load in plan.loads}:
            yield f"Nobody is planned on {slip.project}: only its finish moves."
    for mandate in scenario.mandates:
        if mandate.role is not None and mandate.role not in jobs:
            yield f"Nobody is planned as {mandate.role}."
        if mandate.department is not None and mandate.department not in departments:
            yield f"There is no department {mandate.department}."
    for leave in scenario.leaves:
        if leave.person not in people:
            yield f"Nothing is planned of {leave.person}."


def applied(scenario: Scenario, plan: Staffing, projects: Iterable[Project], begin: str) -> Outcome:
    """The staffing after the scenario's slips and mandates; leaves take capacity, see `left`."""
    slipped = {each.project: 0 for each in scenario.slips}
    for each in scenario.slips:
        slipped[each.project] += each.months
    loads = [
        replace(load, month=moved(load.month, slipped[load.project]))
        if load.project in slipped and load.month >= begin
        else load
        for load in plan.loads
    ]
    members: dict[str | None, set[str]] = {}
    for project in projects:
        members.setdefault(project["department"], set()).add(project["key"])
    last = min(max((load.month for load in plan.loads), default=""), moved(begin, FARTHEST))
    added, unplaced = [], NOTHING
    for mandate in scenario.mandates:
        month = max(mandate.begin, begin)
        while month <= min(mandate.until or last, last):
            shares = list(_shares(mandate, loads, members.get(mandate.department, set()), month))
            added += shares
            unplaced += NOTHING if shares else mandate.hours
            month = moved(month, 1)
    return Outcome(replace(plan, loads=(*loads, *added)), unplaced)


def _shares(mandate: Mandate, loads: Iterable[Load], keys: Collection[str], month: str) -> Iterable[Load]:
    fitting: dict[str, Decimal] = {}
    for load in loads:
        fits = load.role == mandate.role if mandate.role is not None else load.project in keys
        if fits and load.month == month:
            fitting[load.who] = fitting.get(load.who, NOTHING) + load.hours
    whole = sum(fitting.values(), NOTHING)
    for who, some in sorted(fitting.items()) if whole else ():
        yield Load(None, who, mandate.role, month, mandate.hours * some / whole)


def carried(plan: Staffing, where: Iterable[Place]) -> Staffing:
    """The staffing with a capacity for every place whose person states one for any month."""
    known: dict[str, list[str]] = {}
    for who, month in sorted(plan.stated):
        known.setdefault(who, []).append(month)
    stated = dict(plan.stated)
    for who, month in where:
        if (who, month) not in stated and who in known:
            before = [each for each in known[who] if each < month]
            stated[who, month] = plan.stated[who, before[-1] if before else known[who][0]]
    return replace(plan, stated=stated)


def left(plan: Staffing, leaves: Iterable[Leave]) -> Staffing:
    """The staffing without the capacity of those who leave: none after the day, of its month the part before it."""
    gone: dict[str, date] = {}
    for leave in leaves:
        gone[leave.person] = min(leave.on, gone.get(leave.person, leave.on))
    return replace(
        plan, stated={place: there * _present(place, gone) for place, there in plan.stated.items()}
    )


def _present(place: Place, gone: Mapping[str, date]) -> Decimal:
    who, month = place
    if who not in gone or month < month_of(gone[who]):
        return Decimal(1)
    if month > month_of(gone[who]):
        return NOTHING
    day = gone[who]
    return Decimal(day.day - 1) / monthrange(day.year, day.month)[1]


def _totals(found: Sequence[Balance], unplaced: Decimal) -> dict[str, Any]:
    return {
        "hours_over": _sum(each.over for each in found),
        "overloads": sum(each.over > 0 for each in found),
        "hours_missing": _sum(some for each in found for some in each.missing.values()),
        "hours_unplaced": number(hours(unplaced)),
    }


def _sum(values: Iterable[Decimal]) -> float | int | None:
    return number(hours(sum(values, NOTHING)))


def _months(before: Sequence[Balance], after: Sequence[Balance]) -> list[dict[str, Any]]:
    return [
        {
            "month": month,
            **{
                f"{what}_{when}": _sum(
                    (each.over if what == "over" else each.planned + each.outside)
                    for each in found
                    if each.month == month
                )
                for what in ("demand", "over")
                for when, found in (("before", before), ("after", after))
            },
        }
        for month in sorted({each.month for each in (*before, *after)})
    ]


def _people(before: Sequence[Balance], after: Sequence[Balance]) -> list[dict[str, Any]]:
    """The months of people whose overload differs, the most added first."""
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old.over != new.over]
    changed.sort(key=lambda pair: (pair[0].over - pair[1].over, pair[1].month, pair[1].who))
    return [
        {
            "person": new.who,
            "role": ", ".join(sorted({*old.roles, *new.roles})) or None,
            "month": new.month,
            "capacity_hours": number(hours(new.capacity)),
            "over_before": number(hours(old.over)),
            "over_after": number(hours(new.over)),
            "projects": sorted(key for key in {*old.missing, *new.missing} if key),
        }
        for old, new in changed
    ]


def _projects(
    scenario: Scenario,
    plan: Staffing,
    projects: Sequence[Project],
    before: Sequence[Balance],
    after: Sequence[Balance],
    begin: str,
) -> list[dict[str, Any]]:
    slips: dict[str, int] = {}
    for each in scenario.slips:
        slips[each.project] = slips.get(each.project, 0) + each.months
    found = []
    lost, still, rates = _missing(before), _missing(after), paces(plan, begin)
    for project in projects:
        key = project["key"]
        old, new = lost.get(key, NOTHING), still.get(key, NOTHING)
        if old == new and key not in slips:
            continue
        found.append(_effect(project, slips.get(key, 0), old, new, rates.get(key, NOTHING)))
    return sorted(found, key=lambda each: (-each["later_days"], -each["hours_missing"], each["project"]))


def _missing(found: Iterable[Balance]) -> dict[str, Decimal]:
    """The hours that each project goes without, to the millionth: parts of parts leave a dust that is no difference."""
    whole: dict[str, Decimal] = {}
    for each in found:
        for key, some in each.missing.items():
            whole[key] = whole.get(key, NOTHING) + some
    return {key: round(some, 6) for key, some in whole.items()}


def paces(plan: Staffing, begin: str) -> dict[str, Decimal]:
    """The hours a month that each project plans from a month on, over the months in which it plans any."""
    planned: dict[str, dict[str, Decimal]] = {}
    for load in plan.loads:
        if load.project and load.month >= begin and load.hours:
            months = planned.setdefault(load.project, {})
            months[load.month] = months.get(load.month, NOTHING) + load.hours
    return {key: sum(months.values(), NOTHING) / len(months) for key, months in planned.items()}


def later(start: date, months: int) -> int | None:
    """The days to the same day so many months later (the last day of a month that is shorter); None past the calendar."""
    year, month = (int(part) for part in moved(month_of(start), months).split("-"))
    if year > date.max.year:
        return None
    day = min(start.day, monthrange(year, month)[1])
    return (date(year, month, day) - start).days


def _effect(project: Project, months: int, old: Decimal, new: Decimal, rate: Decimal) -> dict[str, Any]:
    """`rate` is the project's pace; a project that goes without hours has planned some, so it has one."""
    finish = _finish(project)
    own = later(date.fromisoformat(finish), months) if finish else None
    slipped = own if own is not None else int((months * DAYS_A_MONTH).to_integral_value(ROUND_CEILING))
    more = new - old
    caught = more / rate * DAYS_A_MONTH if more > 0 else NOTHING
    extra = int(caught.to_integral_value(ROUND_CEILING))
    return {
        "project": project["key"],
        "name": project["name"],
        "hours_missing_before": number(hours(old)),
        "hours_missing_after": number(hours(new)),
        "hours_missing": number(hours(more)),
        "finish": finish,
        "finish_after": _moved_day(finish, slipped + extra),
        "later_days": slipped + extra,
        "because": _because(slipped, more, rate, extra),
    }


def _moved_day(day: str | None, by: int) -> str | None:
    if day is None:
        return None
    try:
        return (date.fromisoformat(day) + timedelta(days=by)).isoformat()
    except OverflowError:
        return None


def _because(slipped: int, more: Decimal, rate: Decimal, extra: int) -> str:
    said = [f"It slips by {days(slipped)}."] if slipped else []
    if more > 0:
        said.append(f"{plain(more)} h more are missing: {days(extra)} at its {plain(rate)} h a month.")
    elif more < 0:
        said.append(f"{plain(-more)} h fewer are missing.")
    return " ".join(said)


def _waiting(
    projects: Sequence[Project], finishes: Mapping[str, str | None], effects: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Projects that wait for one that ends later than before, and what that makes of it."""
    moved_to = {**finishes, **{each["project"]: each["finish_after"] or each["finish"] for each in effects}}
    found = []
    for project in projects:
        if project["state"] in ENDED:
            continue
        before, after = waiting(project, finishes), waiting(project, moved_to)
        found += [
            {
                "project": project["key"],
                "waits_for": new["project"],
                "late_days_before": old["late_days"],
                "late_days_after": new["late_days"],
            }
            for old, new in zip(before, after, strict=True)
            if old["late_days"] != new["late_days"]
        ]
    return found


def _finish(project: Project) -> str | None:
    schedule = project["schedule"]
    found: str | None = schedule["finish_actual"] or schedule["finish_forecast"] or schedule["finish_planned"]
    return found


def _told(scenario: Scenario) -> Iterable[str]:
    for slip in scenario.slips:
        yield f"{slip.project} slips by {slip.months} month{'s' if slip.months > 1 else ''}."
    for each in scenario.mandates:
        whom = f"role {each.role}" if each.role is not None else f"department {each.department}"
        until = f" until {each.until}" if each.until else ""
        yield f"{each.name}: {plain(each.hours)} h a month for {whom} from {each.begin}{until}."
    for leave in scenario.leaves:
        yield f"{leave.person} leaves on {leave.on.isoformat()}."
