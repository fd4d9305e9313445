"""The report's figures are those that the city's raw records give, worked out here in another way: by plain sums."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

import pytest

from sandbox.city import BudgetLine, City, Project, Ticket, WorkItem
from tests.end_to_end.office import Office
from tests.end_to_end.whole_city import FISCAL_YEAR, TODAY, without_forecast

CARRIER = {"proposed": "todo", "completed": "done", "cancelled": "cancelled"}
"""The state of the Jira issue that carries a project's fields; otherwise it is in progress."""
AMOUNTS = ("original_budget", "revised_budget", "pre_encumbered", "encumbered", "actual", "forecast")
Amounts = dict[str, Decimal | None]


def test_work_is_counted_as_the_tools_show_it(whole_city: Office, shown: Mapping[str, Any]) -> None:
    expected = {each.key: work(each) for each in whole_city.city.projects}

    assert {key: project["work"] for key, project in shown.items()} == expected
    assert sum(each["overdue"] or 0 for each in expected.values()) > 100
    assert sum(each["blocked"] or 0 for each in expected.values()) > 20


def test_money_adds_up_per_project(whole_city: Office, shown: Mapping[str, Any]) -> None:
    names = (*AMOUNTS, "available", "variance")
    expected = {each.key: texts(money(whole_city.city, each)) for each in whole_city.city.projects}

    assert {key: {name: each["cost"][name] for name in names} for key, each in shown.items()} == expected
    assert sum(each["variance"] is not None for each in expected.values()) > 100
    assert sum(each["variance"] is not None and each["forecast"] is None for each in expected.values()) > 5
    for project in shown.values():
        variance, revised = project["cost"]["variance"], project["cost"]["revised_budget"]
        share = None if variance is None or Decimal(revised) == 0 else Decimal(variance) / Decimal(revised)
        assert project["cost"]["variance_share"] == (
            None if share is None else pytest.approx(float(share), abs=1e-6)
        )


def test_totals_are_the_sums_of_what_is_known(whole_city: Office, report: Any) -> None:
    every = [money(whole_city.city, each) for each in whole_city.city.projects]
    totals = report["portfolio"]["totals"]
    for name in (*AMOUNTS, "available", "variance"):
        known = [value for each in every if (value := each[name]) is not None]
        assert totals[name] == f"{sum(known, Decimal(0)):.2f}", name
        assert totals["coverage"][name] == {"known": len(known), "of": len(every)}, name


def test_the_store_holds_the_ledgers_to_the_cent(whole_city: Office) -> None:
    rows = [row for row in whole_city.rows("budget_line") if row["deleted_at"] is None]
    for control in whole_city.city.control_totals():
        where = [
            row
            for row in rows
            if (row["fiscal_year"], row["fund"]) == (control.fiscal_year, control.fund)
            and row["connection"] == {"files": "ledger"}.get(control.ledger, control.ledger)
            and row["external_id"] != "EXAMPLE-OF-A-BAD-ROW"
        ]
        assert len(where) == control.rows, control
        for name in AMOUNTS[:-1]:
            total = sum((row[name] for row in where), Decimal(0))
            assert total == getattr(control, name), (control, name)


def test_the_drop_folders_csv_gives_the_same_sums(whole_city: Office) -> None:
    with (whole_city.folder / "finance" / "in" / "budget_2026.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        lines = list(csv.DictReader(file))
    rows = [
        row
        for row in whole_city.rows("budget_line")
        if row["connection"] == "ledger" and row["fiscal_year"] == FISCAL_YEAR - 1
    ]
    for name in AMOUNTS:
        given = [Decimal(line[name]) for line in lines if line[name]]
        kept = [row[name] for row in rows if row[name] is not None]
        assert (sum(kept), len(kept)) == (sum(given), len(given)), name


def test_the_schedule_is_late_by_the_days_between_the_dates(
    whole_city: Office, shown: Mapping[str, Any]
) -> None:
    expected = {}
    for project in whole_city.city.projects:
        finish = project.finish_actual or project.finish_forecast
        known = finish is not None and project.finish_baseline is not None
        expected[project.key] = (finish - project.finish_baseline).days if known else None  # type: ignore[operator]

    assert {key: each["schedule"]["variance_days"] for key, each in shown.items()} == expected
    assert sum(1 for days in expected.values() if days) > 50
    for project in whole_city.city.projects:
        schedule = shown[project.key]["schedule"]
        for name in ("start_planned", "finish_planned", "finish_baseline"):
            day = getattr(project, name)
            assert schedule[name] == (day.isoformat() if day else None), (project.key, name)


def test_tickets_are_counted_per_project(whole_city: Office, shown: Mapping[str, Any]) -> None:
    expected = {
        each.key: Counter(t.type for t in each.tickets if is_open(t)) for each in whole_city.city.projects
    }
    counts = {key: each["ticket_counts"] for key, each in shown.items()}

    assert {key: each["by_type"] for key, each in counts.items()} == expected
    assert {key: each["open"] for key, each in counts.items()} == {
        key: each.total() for key, each in expected.items()
    }
    assert sum(each["open"] for each in counts.values()) > 50


def test_earned_value_follows_from_the_register_and_the_ledgers(
    whole_city: Office, shown: Mapping[str, Any]
) -> None:
    seen = Counter[str]()
    for project in whole_city.city.projects:
        if not project.has_office_plan or not project.baselines:
            continue
        value = shown[project.key]["earned_value"]
        points = [(project.start_baseline or TODAY, Decimal(0))] + [
            (each.day, each.planned_value) for each in project.baselines[-1].points
        ]
        bac, pv = points[-1][1], planned(points, min(TODAY, project.finish_actual or TODAY))
        spent = sum((each.actual for each in _every_line(whole_city.city, project)), Decimal(0))
        assert (value["bac"], value["pv"], value["ac"]) == (cents(bac), cents(pv), cents(spent)), project.key
        assert value["method"] == METHODS.get(project.tier, "percent_complete")
        if project.tier == "large":
            achieved = sum(each.achieved_on is not None for each in project.milestones)
            assert value["ev"] == cents(bac * achieved / len(project.milestones)), project.key
        if value["ev"] is None:
            assert value["reasons"]["ev"], project.key
            continue
        ev = Decimal(value["ev"])
        assert Decimal(value["cv"]) == pytest.approx(ev - spent, abs=Decimal("0.01"))
        assert Decimal(value["sv"]) == pytest.approx(ev - pv, abs=Decimal("0.011"))
        if ev and spent > 0:
            assert value["cpi"] == pytest.approx(float(ev / spent), abs=1e-5)
            assert float(value["eac"]) == pytest.approx(float(bac * spent / ev), rel=1e-5)
            assert float(value["vac"]) == pytest.approx(float(bac - bac * spent / ev), rel=1e-4, abs=0.05)
        if pv:
            assert value["spi"] == pytest.approx(float(ev / pv), abs=1e-5)
        seen[project.tier] += 1
    assert min(seen.values()) > 10, seen


METHODS = {"small": "50/50", "large": "weighted_milestones"}
"""As the sandbox's configuration declares them by tier."""


def cents(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.01"), ROUND_HALF_UP))


def planned(points: list[tuple[date, Decimal]], day: date) -> Decimal:
    """The plan at the end of a day, on straight lines between its points."""
    if day <= points[0][0]:
        return Decimal(0)
    for (begin, low), (end, high) in pairwise(points):
        if day <= end:
            return low + (high - low) * (day - begin).days / (end - begin).days
    return points[-1][1]


def _every_line(city: City, project: Project) -> list[BudgetLine]:
    return [each for each in city.budget_lines() if each.budget_code in project.budget_codes]


def test_counts_are_counts_of_the_projects(report: Any) -> None:
    counts = report["portfolio"]["counts"]
    for dimension in ("overall", "schedule", "cost", "scope", "quality"):
        colours = Counter(each["status"][dimension]["value"] for each in report["projects"])
        assert {name: count for name, count in counts[dimension].items() if count} == colours
    assert counts["projects"] == len(report["projects"])


def is_open(ticket: Ticket) -> bool:
    return ticket.state not in {"resolved", "closed", "cancelled"}


def work(project: Project) -> dict[str, int | None]:
    """What the tools show of a project's work: Planner knows neither epics nor cancelled tasks; none is unknown."""
    items: list[WorkItem] = []
    if project.work_tool != "planner":
        items += project.work
    items += [each for each in project.plan_tasks if each.type != "epic" and each.status != "cancelled"]
    if not items and not project.carrier:
        return dict.fromkeys(("todo", "in_progress", "done", "cancelled", "blocked", "overdue"))
    counts = Counter[str](each.status for each in items)
    is_open = [each for each in items if each.status in {"todo", "in_progress"}]
    due = [each.due_on for each in is_open if each.due_on]
    if project.carrier:
        state = CARRIER.get(project.state, "in_progress")
        counts[state] += 1
        due += [project.finish_planned] if state in {"todo", "in_progress"} else []
    return {
        **{name: counts[name] for name in ("todo", "in_progress", "done", "cancelled")},
        "blocked": sum(each.blocked for each in is_open),
        "overdue": sum(day < TODAY for day in due),
    }


def lines_of(city: City, project: Project) -> list[BudgetLine]:
    """This fiscal year's lines of a project's budget codes; without any, those of the newest year before."""
    codes = set(project.budget_codes)
    lines = [
        replace(each, forecast=None) if without_forecast(each) else each
        for each in city.budget_lines()
        if each.budget_code in codes
    ]
    years = [each.fiscal_year for each in lines if each.fiscal_year <= FISCAL_YEAR]
    return [each for each in lines if each.fiscal_year == max(years)] if years else []


def money(city: City, project: Project) -> Amounts:
    """A project's amounts: each known only if it is known of every line; the variance account by account."""
    lines = lines_of(city, project)
    found: Amounts = {}
    for name in AMOUNTS:
        values = [getattr(each, name) for each in lines]
        found[name] = sum(values, Decimal(0)) if values and None not in values else None
    if not lines:
        return {**found, "available": None, "variance": None}
    found["available"] = sum(
        (each.revised_budget - each.pre_encumbered - each.encumbered - each.actual for each in lines),
        Decimal(0),
    )
    accounts: dict[tuple[str, ...], list[BudgetLine]] = {}
    for each in lines:
        accounts.setdefault((each.budget_code, each.fund, each.cost_center, each.account), []).append(each)
    found["variance"] = sum((_variance(some) for some in accounts.values()), Decimal(0))
    return found


def _variance(lines: list[BudgetLine]) -> Decimal:
    revised = sum((each.revised_budget for each in lines), Decimal(0))
    forecasts = [each.forecast for each in lines if each.forecast is not None]
    if len(forecasts) == len(lines):
        return revised - sum(forecasts, Decimal(0))
    return revised - sum((each.encumbered + each.actual for each in lines), Decimal(0))


def texts(amounts: Amounts) -> dict[str, str | None]:
    return {name: None if value is None else f"{value:.2f}" for name, value in amounts.items()}
