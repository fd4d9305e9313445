"""Earned schedule, both forecasts and re-baselines of 180 projects, worked out anew from the formulas of the reference.

Nothing here asks the functions that the program computes with. ES = C + (EV - PV_C) / (PV_C+1 - PV_C), SV(t) = ES - AT,
SPI(t) = ES / AT, IEAC(t) = PD / SPI(t) (Lipke); EV = the sum of budget x earned fraction; the four EACs, ETC, VAC and both TCPI
as the PMI set has them.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.city import City, Project
from tests.end_to_end.office import Office
from tests.end_to_end.whole_city import TODAY, Rows

HERE = ZoneInfo("America/New_York")
MIDNIGHT = datetime(2026, 11, 20, tzinfo=HERE)
COST_PER_HOUR = 300
"""As the sandbox's configuration declares it."""
WEEK = timedelta(days=7)

Plan = list[tuple[date, Fraction]]
"""The days on which periods end with what is planned until then; the first one is the start, with nothing."""


@pytest.fixture(scope="module")
def work(entities: dict[str, Rows]) -> dict[str, Rows]:
    """Every work item by its project."""
    found: dict[str, Rows] = defaultdict(list)
    for row in entities["work_item"]:
        found[row["project_key"]].append(row)
    return found


def leaves(items: Rows) -> Rows:
    """The work packages: not cancelled, and no other item stands below them."""
    above = {(each["connection"], each["parent_id"]) for each in items}
    return [
        each
        for each in items
        if each["status_category"] != "cancelled" and (each["connection"], each["external_id"]) not in above
    ]


def plan_of(project: Project, items: Rows) -> tuple[Plan, str]:
    """The newest baseline of the project office; without one the planned days of the work, evenly day by day."""
    if project.has_office_plan and project.baselines:
        start = project.start_baseline or TODAY
        points = [(each.day, Fraction(each.planned_value)) for each in project.baselines[-1].points]
        return [(start, Fraction(0)), *(each for each in points if each[0] > start)], "money"
    packages = leaves(items)
    due = [each for each in packages if each["due_on"]]
    if not packages or len(due) * 5 < len(packages) * 4:
        return [], ""
    weights, unit = planned_weights(due)
    daily: dict[date, Fraction] = defaultdict(Fraction)
    for each, weight in zip(due, weights, strict=True):
        last = date.fromisoformat(each["due_on"])
        first = min(date.fromisoformat(each["start_planned"] or each["due_on"]), last)
        for day in days_of(first, last):
            daily[day] += weight / ((last - first).days + 1)
    begin, end = min(daily), max(daily)
    found, so_far = [(begin - timedelta(days=1), Fraction(0))], Fraction(0)
    for day in days_of(begin, end):
        so_far += daily[day]
        if day == end or (day + timedelta(days=1)).day == 1:
            found.append((day, so_far))
    return found, unit


def days_of(first: date, last: date) -> list[date]:
    return [first + timedelta(days=each) for each in range((last - first).days + 1)]


def planned_weights(packages: Rows) -> tuple[list[Fraction], str]:
    for name, unit, factor in (
        ("planned_cost", "money", 1),
        ("estimate_hours", "money", COST_PER_HOUR),
        ("estimate_points", "points", 1),
    ):
        if all(each[name] is not None for each in packages):
            return [Fraction(str(each[name])) * factor for each in packages], unit
    return [Fraction(1)] * len(packages), "items"


def earned_share(project: Project, row: Mapping[str, Any] | None, items: Rows) -> Fraction | None:
    """The part of the budget that is earned: by tier as the sandbox declares it, in small projects by type of the package."""
    if project.tier == "large":
        reached = sum(each.achieved_on is not None for each in project.milestones)
        return Fraction(reached, len(project.milestones))
    if project.tier == "medium":
        own = row["percent_complete"] if row else None
        if own is not None:
            return Fraction(str(own))
        counted = [each for each in items if each["status_category"] != "cancelled"]
        done = sum(each["status_category"] == "done" for each in counted)
        return Fraction(done, len(counted)) if counted else None
    packages = leaves(items)
    weights = [Fraction(1)] * len(packages)
    for name in ("estimate_points", "estimate_hours"):
        if all(each[name] is not None for each in packages):
            weights = [Fraction(str(each[name])) for each in packages]
    fractions = [fraction(each) for each in packages]
    if not sum(weights) or None in fractions:
        return None
    return sum((w * (f or 0) for w, f in zip(weights, fractions, strict=True)), Fraction(0)) / sum(weights)


def fraction(package: Mapping[str, Any]) -> Fraction | None:
    """Bugs earn 0/100, plans' tasks what is physically done, all else half when it is started."""
    kind, state = package["type"].casefold(), package["status_category"]
    if state == "done":
        return Fraction(1)
    if kind == "bug":
        return Fraction(0)
    if kind == "task":
        known = package["percent_complete"]
        return (
            Fraction(0)
            if known is None and state == "todo"
            else None
            if known is None
            else Fraction(str(known))
        )
    return Fraction(1, 2) if state == "in_progress" else Fraction(0)


def periods_until(plan: Plan, day: date) -> Fraction:
    """AT: whole periods gone by and the part of the one that runs; past the end at the last period's length."""
    if day <= plan[0][0]:
        return Fraction(0)
    ends = [each for each, _ in plan]
    gone = max((place for place, end in enumerate(ends[:-1]) if end < day), default=0)
    return gone + Fraction((day - ends[gone]).days, (ends[gone + 1] - ends[gone]).days)


def value_at(plan: Plan, at: Fraction) -> Fraction:
    if at >= len(plan) - 1:
        return plan[-1][1]
    low, high = plan[int(at)][1], plan[int(at) + 1][1]
    return low + (high - low) * (at - int(at))


def earned_schedule(plan: Plan, ev: Fraction) -> Fraction:
    values = [value for _, value in plan]
    if ev <= 0:
        return Fraction(0)
    if ev >= values[-1]:
        return Fraction(values.index(values[-1]))
    whole = sum(value <= ev for value in values) - 1
    return whole + (ev - values[whole]) / (values[whole + 1] - values[whole])


def day_after(plan: Plan, periods: Fraction) -> date:
    whole = min(int(periods), len(plan) - 2)
    begin, end = plan[whole][0], plan[whole + 1][0]
    return begin + timedelta(days=ceil((periods - whole) * (end - begin).days))


def spent_on(city: City, project: Project) -> Fraction | None:
    lines = [each.actual for each in city.budget_lines() if each.budget_code in project.budget_codes]
    return Fraction(sum(lines)) if lines else None


def test_earned_schedule_follows_from_plan_and_progress(
    whole_city: Office, shown: Mapping[str, Any], entities: dict[str, Rows], work: dict[str, Rows]
) -> None:
    rows = {each["key"]: each for each in entities["project"]}
    seen: dict[str, int] = defaultdict(int)
    for project in whole_city.city.projects:
        value, items = shown[project.key]["earned_value"], work[project.key]
        plan, unit = plan_of(project, items)
        share = earned_share(project, rows.get(project.key), items)
        if not plan:
            assert value["bac"] is None, project.key
            assert value["reasons"]["earned_schedule"], project.key
            continue
        at = periods_until(plan, min(TODAY, project.finish_actual or TODAY))
        expected: dict[str, Fraction | None] = dict.fromkeys(("earned_schedule", "sv_t", "spi_t", "ieac_t"))
        if share is not None:
            es = earned_schedule(plan, plan[-1][1] * share)
            spi_t = es / at if at else None
            expected = {
                "earned_schedule": es,
                "sv_t": es - at,
                "spi_t": spi_t,
                "ieac_t": (len(plan) - 1) / spi_t if spi_t else None,
            }
        for name, figure in expected.items():
            told = None if figure is None else pytest.approx(float(figure), abs=2e-6, rel=1e-6)
            assert value[name] == told, (project.key, name)
            assert (figure is None) == (name in value["reasons"]), (project.key, name)
        assert value["unit"] == unit, project.key
        seen[f"{project.tier} {unit}"] += expected["spi_t"] is not None
        _check_estimates(value, plan, share, at, spent_on(whole_city.city, project), unit)
    assert {"large money", "medium money", "small money"} <= set(seen), seen
    assert sum(seen.values()) > 140, seen
    assert any(not each.endswith("money") for each in seen), seen


def _check_estimates(
    value: Mapping[str, Any], plan: Plan, share: Fraction | None, at: Fraction, ac: Fraction | None, unit: str
) -> None:
    """EV and what is estimated from it, where the plan is counted in money and the cost is known."""
    if unit != "money" or share is None:
        assert value["ev"] is None
        assert value["eac"] is None
        return
    bac, pv = plan[-1][1], value_at(plan, at)
    ev = bac * share
    assert float(value["ev"]) == pytest.approx(float(ev), abs=0.006)
    assert float(value["pv"]) == pytest.approx(float(pv), abs=0.006)
    if ac is None:
        assert (value["cpi"], value["tcpi"], value["eac_budget_rate"]) == (None, None, None)
        return
    rest = bac - ev
    cpi, spi = (ev / ac if ac > 0 else None), (ev / pv if pv > 0 else None)
    eac = bac / cpi if cpi else None
    expected = {
        "cpi": cpi,
        "spi": spi,
        "eac": eac,
        "eac_budget_rate": ac + rest,
        "eac_cpi_spi": ac + rest / (cpi * spi) if cpi and spi else None,
        "etc": eac - ac if eac is not None else None,
        "vac": bac - eac if eac is not None else None,
        "tcpi": rest / (bac - ac) if rest > 0 and ac < bac else None,
        "tcpi_eac": rest / (eac - ac) if eac is not None and rest > 0 and ac < eac else None,
    }
    for name, figure in expected.items():
        if figure is None:
            assert value[name] is None, name
        else:
            assert float(value[name]) == pytest.approx(float(figure), abs=0.006, rel=1e-5), name


def test_the_estimate_of_the_rest_is_the_hours_left(
    whole_city: Office, shown: Mapping[str, Any], work: dict[str, Rows]
) -> None:
    known = 0
    for project in whole_city.city.projects:
        packages, ac = leaves(work[project.key]), spent_on(whole_city.city, project)
        told = shown[project.key]["earned_value"]
        in_money = told["unit"] in ("money", None)
        hours = [each["estimate_hours"] for each in packages]
        if not packages or None in hours or ac is None or not in_money:
            assert told["eac_bottom_up"] is None or not in_money, project.key
            continue
        left = sum(
            Fraction(str(each["estimate_hours"])) * (1 - Fraction(str(each["percent_complete"] or 0)))
            for each in packages
            if each["status_category"] != "done"
        )
        assert float(told["eac_bottom_up"]) == pytest.approx(float(ac + left * COST_PER_HOUR), abs=0.006)
        known += 1
    assert known > 10


def weeks_until(counts: list[int], remaining: int, wanted: Fraction) -> int:
    """The first week by whose end the chance of having done what remains is large enough, by counting every possible past.

    Each coming week is one of the past ones, each as likely as the others: after k weeks there are len(counts) ** k futures.
    """
    futures = {0: 1}
    for week in range(1, 521):
        following: dict[int, int] = defaultdict(int)
        for done, many in futures.items():
            for count in counts:
                following[min(remaining, done + count)] += many
        futures = following
        if futures.get(remaining, 0) >= wanted * len(counts) ** week:
            return week
    raise AssertionError("more than ten years")


def test_the_pace_of_the_team_tells_the_finish(
    whole_city: Office, shown: Mapping[str, Any], work: dict[str, Rows]
) -> None:
    known = 0
    for project in whole_city.city.projects:
        told, items = shown[project.key]["forecast"], work[project.key]
        if project.state in ("completed", "cancelled"):
            assert (told["finish_50"], told["finish_85"], told["remaining"]) == (None, None, None)
            continue
        if not items:
            assert (told["finish_50"], told["because"]) == (None, "No work items are linked.")
            continue
        remaining = sum(each["status_category"] in ("todo", "in_progress") for each in items)
        done = [MIDNIGHT - datetime.fromisoformat(each["done_at"]) for each in items if each["done_at"]]
        counts = [sum(WEEK * back < each <= WEEK * (back + 1) for each in done) for back in range(12)]
        first = max((back + 1 for back, count in enumerate(counts) if count), default=0)
        counts = counts[: (TODAY - project.start_actual).days // 7 if project.start_actual else first]
        assert (told["remaining"], told["weekly_done"]) == (remaining, counts[::-1]), project.key
        if sum(counts) < 5:
            assert (told["finish_50"], told["finish_85"]) == (None, None), project.key
            continue
        for name, chance in (("finish_50", Fraction(1, 2)), ("finish_85", Fraction(85, 100))):
            day = TODAY + WEEK * weeks_until(counts, remaining, chance)
            assert told[name] == day.isoformat(), (project.key, name)
        known += 1
    assert known > 50


def test_spi_t_tells_the_finish(
    whole_city: Office, shown: Mapping[str, Any], entities: dict[str, Rows], work: dict[str, Rows]
) -> None:
    rows = {each["key"]: each for each in entities["project"]}
    known = 0
    for project in whole_city.city.projects:
        told = shown[project.key]["forecast"]["finish_spi_t"]
        plan, _ = plan_of(project, work[project.key])
        share = earned_share(project, rows.get(project.key), work[project.key])
        at = periods_until(plan, TODAY) if plan else Fraction(0)
        if project.state in ("completed", "cancelled") or not share or not at:
            assert told is None, project.key
            continue
        spi_t = earned_schedule(plan, plan[-1][1] * share) / at
        assert told == day_after(plan, (len(plan) - 1) / spi_t).isoformat(), project.key
        known += 1
    assert known > 100


def test_every_new_baseline_is_counted(whole_city: Office, shown: Mapping[str, Any]) -> None:
    changed = 0
    for project in whole_city.city.projects:
        plans = project.baselines if project.has_office_plan else ()
        schedule = shown[project.key]["schedule"]
        assert schedule["rebaselined_on"] == [each.set_on.isoformat() for each in plans[1:]], project.key
        first = plans[0].points[-1].day if len(plans) > 1 else None
        assert schedule["finish_original"] == (first.isoformat() if first else None)
        finish = project.finish_actual or project.finish_forecast
        if first is not None and finish is not None:
            assert schedule["variance_days_original"] == (finish - first).days
        told = [each for each in shown[project.key]["baselines"] if each["name"] != "dates"]
        assert [(each["name"], each["planned_value"]) for each in told] == [
            (each.name, f"{each.points[-1].planned_value:.2f}") for each in plans
        ]
        changed += len(plans) > 1
    assert changed > 2
