from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import get_args

import pytest

from sandbox.city import City, Ledger, Project, Size, build, day

TODAY = date(2026, 11, 20)
SIZES: tuple[Size, ...] = get_args(Size)


@cache
def city(size: Size) -> City:
    return build(size, TODAY)


def by_story(story: str, here: City | None = None) -> Project:
    (found,) = (each for each in (here or city("small")).projects if each.story == story)
    return found


def slip(project: Project) -> float:
    assert project.finish_forecast
    assert project.finish_baseline
    assert project.start_baseline
    days = (project.finish_baseline - project.start_baseline).days
    return (project.finish_forecast - project.finish_baseline).days / days


def overrun(project: Project, year: int = 2027) -> Decimal:
    lines = [line for line in project.budget if line.fiscal_year == year]
    revised = sum((line.revised_budget for line in lines), Decimal(0))
    return sum((line.forecast or Decimal(0) for line in lines), Decimal(0)) / revised - 1


@pytest.mark.parametrize("today", [TODAY, date(2028, 2, 29), date(2027, 7, 1), date(2027, 6, 30)])
def test_the_same_day_and_seed_give_the_same_city(today: date) -> None:
    assert build("small", today) == build("small", today)
    assert build("small", today, seed=8) != build("small", today)


def test_the_citys_day_and_its_fiscal_year_begin_at_its_own_midnight() -> None:
    midnight = datetime(2027, 7, 1, 4, tzinfo=UTC)
    assert day(midnight - timedelta(seconds=1)) == date(2027, 6, 30)
    assert day(midnight) == date(2027, 7, 1)


@pytest.mark.parametrize(("size", "count"), [("small", 12), ("city", 180), ("large", 1000)])
def test_sizes(size: Size, count: int) -> None:
    assert len(city(size).projects) == count


@pytest.mark.parametrize("size", SIZES)
def test_names_are_unique(size: Size) -> None:
    here = city(size)
    names = [
        [each.key for each in here.projects],
        [each.number for each in here.projects],
        [each.name for each in here.projects],
        [each.jira_key for each in here.projects if each.jira_key],
        [each.plan for each in here.projects if each.plan],
        [code for each in here.projects for code in each.budget_codes],
        [each.id for each in here.people],
        [each.number for each in here.tickets()],
        [each.number for each in here.outages],
        [line.number for line in here.budget_lines()],
        [each.number for project in here.projects for each in project.risks],
        [each.number for project in here.projects for each in project.deliverables],
        [each.number for project in here.projects for each in project.reports],
    ]
    for each in names:
        assert len(set(each)) == len(each)
    for project in here.projects:
        assert len({item.number for item in project.work}) == len(project.work)


@pytest.mark.parametrize("size", SIZES)
def test_everything_happened_before_the_day(size: Size) -> None:
    here = city(size)
    assert here.as_of == datetime(2026, 11, 20, tzinfo=UTC)
    stamps = [each.updated_at for each in here.projects]
    stamps += [each.created_at for each in here.projects]
    for ticket in here.tickets():
        stamps += [ticket.updated_at, ticket.opened_at, ticket.resolved_at or ticket.opened_at]
    stamps += [each.updated_at for each in here.outages]
    stamps += [line.updated_at for line in here.budget_lines()]
    for project in here.projects:
        stamps += [each.updated_at for each in project.risks]
        stamps += [each.updated_at for each in project.deliverables]
        stamps += [each.updated_at for each in project.reports]
        stamps += [each.updated_at for each in project.allocations]
        for item in (*project.work, *project.rollout):
            stamps += [item.updated_at, item.created_at, item.started_at or item.created_at]
            assert item.created_at <= item.updated_at
            assert (item.done_at is None) == (item.status != "done")
    assert max(stamps) <= here.as_of


@pytest.mark.parametrize("size", SIZES)
def test_the_lines_add_up_to_the_control_totals(size: Size) -> None:
    here = city(size)
    for ledger in get_args(Ledger):
        lines = list(here.budget_lines(ledger))
        totals = here.control_totals(ledger)
        assert sum(each.rows for each in totals) == len(lines) > 0
        for figure in ("original_budget", "revised_budget", "pre_encumbered", "encumbered", "actual"):
            whole = sum((getattr(line, figure) for line in lines), Decimal(0))
            assert sum((getattr(each, figure) for each in totals), Decimal(0)) == whole
    assert {line.fiscal_year for line in here.budget_lines()} == {2026, 2027}


@pytest.mark.parametrize("size", SIZES)
def test_amounts_are_cents_and_forecasts_are_not_below_actuals(size: Size) -> None:
    for line in city(size).budget_lines():
        for amount in (line.original_budget, line.revised_budget, line.encumbered, line.actual):
            assert amount == amount.quantize(Decimal("0.01"))
        assert line.forecast is not None
        if line.revised_budget > 0:
            assert line.forecast >= line.actual


@pytest.mark.parametrize("size", ["city", "large"])
def test_the_tools_share_the_work(size: Size) -> None:
    projects = city(size).projects
    tools = Counter(each.work_tool for each in projects)
    assert 0.4 < tools["jira"] / len(projects) < 0.6
    assert 0.25 < tools["planner"] / len(projects) < 0.42
    assert tools["servicenow"] > 0
    assert 0 < sum(not each.in_servicenow for each in projects) < len(projects) / 10
    assert all(each.in_servicenow for each in projects if each.work_tool == "servicenow")
    assert len({each.department.code for each in projects}) == 12
    assert len({each.state for each in projects}) == 5
    assert sum(each.story == "watermelon" for each in projects) >= 3


def test_every_size_holds_the_named_projects() -> None:
    small = {each.key for each in city("small").projects}
    for size in SIZES:
        assert small <= {each.key for each in city(size).projects}


def test_the_small_city_tells_twelve_stories() -> None:
    assert len({each.story for each in city("small").projects}) == 12


def test_permit_portal_is_the_watermelon() -> None:
    project = by_story("watermelon")
    assert (project.key, project.name, project.budget_codes) == ("OIT-014", "Permit portal", ("1402",))
    assert (project.jira_key, project.carrier, project.plan) == ("PERMIT", "PERMIT-1", "Permit rollout")
    assert project.plan_tasks == project.rollout != ()
    assert project.declared_status == "green"
    assert slip(project) > 0.25
    assert overrun(project) > Decimal("0.25")


def test_the_healthy_project_is_healthy() -> None:
    project = by_story("healthy")
    assert project.declared_status == "green"
    assert slip(project) <= 0.15
    assert overrun(project) <= Decimal("0.15")
    assert not any(item.blocked for item in project.work)


def test_late_and_dear() -> None:
    assert slip(by_story("late")) > 0.25
    assert overrun(by_story("late")) < Decimal("0.15")
    assert slip(by_story("over_budget")) < 0.15
    assert overrun(by_story("over_budget")) > Decimal("0.25")


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 7, 1), 2027),
        (date(2027, 1, 1), 2027),
        (date(2027, 6, 30), 2027),
        (date(2028, 2, 29), 2028),
    ],
)
def test_the_stories_hold_on_any_day(day: date, year: int) -> None:
    here = build("small", day)
    assert slip(by_story("healthy", here)) <= 0.15
    assert overrun(by_story("healthy", here), year) <= Decimal("0.15")
    assert slip(by_story("watermelon", here)) > 0.25
    assert overrun(by_story("watermelon", here), year) > Decimal("0.25")
    assert slip(by_story("late", here)) > 0.25
    assert overrun(by_story("over_budget", here), year) > Decimal("0.25")
    assert slip(by_story("approved_change", here)) <= 0.15


def test_the_approved_change_is_red_only_against_the_first_baseline() -> None:
    project = by_story("approved_change")
    first, current = project.baselines
    assert first.points[-1].day < current.points[-1].day == project.finish_baseline
    assert slip(project) <= 0.15
    assert project.finish_forecast
    assert project.start_baseline
    original = (first.points[-1].day - project.start_baseline).days
    assert (project.finish_forecast - first.points[-1].day).days / original > 0.25
    assert [each.type for each in project.risks].count("change") == 1


def test_blocked_outage_and_overdue_gate() -> None:
    assert sum(item.blocked for item in by_story("blocked").work) == 3
    going_on = [each for each in city("small").outages if each.ended_at is None]
    assert [each.projects for each in going_on] == [(by_story("outage").key,)]
    gate = next(each for each in by_story("gate_overdue").gates if each.decided_on is None)
    assert gate.key == "G4"
    assert gate.due_on < TODAY - timedelta(days=14)
    papers = {each.type: each.state for each in by_story("gate_overdue").deliverables}
    assert papers["project_plan"] != "approved"


def test_without_budget_data_nothing_is_known_of_cost() -> None:
    project = by_story("no_budget")
    assert (project.budget, project.budget_codes, project.baselines, project.ledger) == ((), (), (), None)


def test_completed_proposed_and_on_hold() -> None:
    completed = by_story("completed")
    assert completed.finish_actual
    assert completed.finish_actual < TODAY
    assert completed.percent_complete == 1
    proposed = by_story("proposed")
    assert (proposed.work, proposed.percent_complete, proposed.finish_baseline) == ((), None, None)
    assert proposed.start_planned > TODAY
    assert by_story("on_hold").state == "on_hold"


def test_baselines_rise_to_the_budget() -> None:
    for project in city("city").projects:
        for baseline in project.baselines:
            values = [point.planned_value for point in baseline.points]
            assert values == sorted(values)
            assert values[-1] > 0
