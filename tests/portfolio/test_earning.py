"""How work earns value: each method's arithmetic, its edges, and the laws that hold for all of them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.judging import EarnedValueTerms, Method
from config.settings import Portfolio
from portfolio.earning import earned, method_of
from portfolio.facts import Facts, Milestone, Package, PlannedValue
from portfolio.judge import Policy, judge

D = Decimal

DAY = date(2026, 6, 1)
BY_ITEMS: tuple[Method, ...] = ("0/100", "50/50", "physical_percent")


def package(items: int, hours: int | None, *, status: str, part: str | None = None) -> Package:
    return Package(
        items=items,
        started=status != "todo",
        done=status == "done",
        percent_complete=None if part is None else D(part),
        estimate_hours=D(hours or 0),
        with_estimate_hours=items if hours is not None else 0,
    )


WORK = (
    package(2, 30, status="done"),
    package(1, 50, status="in_progress", part="0.4"),
    package(3, 20, status="todo"),
)


def of(method: Method, facts: Facts, planned: D | None = None, **terms: Any) -> tuple[D | None, str]:
    found = earned(facts, EarnedValueTerms(method=method, **terms), planned)
    assert found.method == method
    return found.share, found.because


@pytest.mark.parametrize(
    ("method", "share", "because"),
    [
        ("0/100", "0.3", "30 of 100 hours are done: 30%."),
        ("50/50", "0.55", "30 of 100 hours are done and 50 started: 55%."),
        ("physical_percent", "0.5", "50 of 100 hours are physically done: 50%."),
    ],
)
def test_work_packages_are_weighed_by_their_hours(method: Method, share: str, because: str) -> None:
    assert of(method, Facts("K", "N", packages=WORK)) == (D(share), because)


def test_one_item_without_hours_makes_points_count_and_without_points_the_items() -> None:
    pointed = [
        replace(each, estimate_points=D(each.items * 2), with_estimate_points=each.items) for each in WORK
    ]
    pointed[0] = replace(pointed[0], with_estimate_hours=1)
    assert of("0/100", Facts("K", "N", packages=tuple(pointed)))[1] == "4 of 12 points are done: 33.34%."
    pointed[2] = replace(pointed[2], with_estimate_points=2)
    assert of("0/100", Facts("K", "N", packages=tuple(pointed)))[1] == "2 of 6 items are done: 33.34%."


def test_work_that_does_not_say_how_far_it_is_leaves_the_physical_share_unknown() -> None:
    silent = (package(2, 10, status="done"), package(4, 10, status="in_progress"))
    share, because = of("physical_percent", Facts("K", "N", packages=silent))
    assert (share, because) == (None, "4 work packages in progress do not say how much of them is done.")
    waiting = (package(2, 10, status="done"), package(4, 30, status="todo"))
    assert of("physical_percent", Facts("K", "N", packages=waiting))[0] == D("0.25")


def test_what_is_done_counts_whole_whatever_its_share_says() -> None:
    assert (
        of("physical_percent", Facts("K", "N", packages=(package(1, 8, status="done", part="0.5"),)))[0] == 1
    )


@pytest.mark.parametrize(
    ("done", "words"),
    [
        ("0", "0 of 100 hours are done: 0%."),
        ("1", "1 of 100 hours are done: 1%."),
        ("10.125", "10.13 of 100 hours are done: 10.13%."),
    ],
)
def test_hours_are_told_to_two_places_at_most(done: str, words: str) -> None:
    part = replace(package(1, 0, status="done"), estimate_hours=D(done))
    rest = replace(package(1, 0, status="todo"), estimate_hours=100 - D(done))
    assert of("0/100", Facts("K", "N", packages=(part, rest)))[1] == words


@pytest.mark.parametrize("method", BY_ITEMS)
def test_nothing_to_earn_by_is_unknown(method: Method) -> None:
    nothing = (None, "There are no work packages to earn by.")
    assert of(method, Facts("K", "N")) == nothing
    assert of(method, Facts("K", "N", packages=(package(1, 0, status="done"),))) == nothing


MIXED = (
    replace(WORK[0], type="Story"),
    replace(WORK[1], type="Story", method="physical_percent"),
    replace(WORK[2], type="Support"),
)


def test_a_package_earns_by_its_own_method_else_its_types_else_the_projects() -> None:
    found = earned(
        Facts("K", "N", packages=MIXED),
        EarnedValueTerms(method="50/50", by_type={"support": "level_of_effort", "Story": "0/100"}),
        D("0.25"),
    )
    assert found.because == (
        "55 of 100 hours are earned (0/100 30 of 30; physical_percent 20 of 50; level_of_effort 5 of 20): 55%."
    )
    assert [(each.method, each.items, each.weight, each.earned) for each in found.parts] == [
        ("0/100", 2, D(30), D(30)),
        ("physical_percent", 1, D(50), D(20)),
        ("level_of_effort", 3, D(20), D(5)),
    ]
    assert (found.share, found.method) == (D("0.55"), "50/50")


def test_two_methods_are_told_apart_already() -> None:
    found = of("0/100", Facts("K", "N", packages=MIXED[:2]))[1]
    assert found == "50 of 80 hours are earned (0/100 30 of 30; physical_percent 20 of 50): 62.5%."


def test_level_of_effort_needs_a_plan_for_single_packages_too() -> None:
    share, because = of("50/50", Facts("K", "N", packages=MIXED), by_type={"Support": "level_of_effort"})
    assert (share, because) == (
        None,
        "Level of effort earns what is planned, and there is no time-phased baseline.",
    )
    alone = Facts("K", "N", packages=MIXED[2:])
    share, because = of("0/100", alone, D("0.6"), by_type={"Support": "level_of_effort"})
    assert (share, because) == (D("0.6"), "12 of 20 hours are planned by today: 60%.")


def test_a_method_that_looks_at_the_whole_project_asks_no_package() -> None:
    facts = Facts("K", "N", packages=MIXED, milestones=MILESTONES)
    assert of("weighted_milestones", facts, by_type={"Story": "0/100"})[0] == D(2) / 3
    assert of("level_of_effort", facts, D("0.1"), by_type={"Story": "0/100"})[0] == D("0.1")


MILESTONES = (
    Milestone("Kick-off", DAY, DAY, DAY, DAY),
    Milestone("Design accepted", DAY, DAY, DAY, DAY),
    Milestone("Go-live", DAY, DAY, DAY, None),
)


def test_milestones_weigh_what_is_declared_or_all_the_same() -> None:
    facts = Facts("K", "N", milestones=MILESTONES)
    assert of("weighted_milestones", facts)[1] == "2 of 3 milestones are achieved, weight 2 of 3: 66.67%."
    declared = {"kick-off ": D("0.1"), "Go-Live": D("0.3")}
    share, because = of("weighted_milestones", facts, milestone_weights=declared)
    assert (share, because) == (D("0.25"), "2 of 3 milestones are achieved, weight 0.1 of 0.4: 25%.")


def test_without_a_weighted_milestone_nothing_is_known() -> None:
    assert of("weighted_milestones", Facts("K", "N")) == (None, "No milestone is known.")
    unknown = {"Somewhere else": D(1)}
    found = of("weighted_milestones", Facts("K", "N", milestones=MILESTONES), milestone_weights=unknown)
    assert found == (None, "No milestone carries a weight.")


def test_level_of_effort_earns_what_is_planned() -> None:
    assert of("level_of_effort", Facts("K", "N"), D("0.6"))[0] == D("0.6")
    assert of("level_of_effort", Facts("K", "N"))[0] is None


@pytest.mark.parametrize(
    ("own", "tier", "wanted"),
    [
        ("0/100", "small", "0/100"),
        (None, "Small", "50/50"),
        (None, "medium", "physical_percent"),
        (None, None, "physical_percent"),
    ],
)
def test_a_projects_own_method_goes_before_its_tiers_and_this_before_the_portfolios(
    own: Method | None, tier: str | None, wanted: str
) -> None:
    terms = EarnedValueTerms(method="physical_percent", by_tier={"small": "50/50"})
    assert method_of(Facts("K", "N", tier=tier, earned_value_method=own), terms) == wanted


PACKAGES = st.lists(
    st.builds(
        package,
        st.integers(1, 50),
        st.integers(1, 500),
        status=st.sampled_from(("todo", "in_progress", "done")),
        part=st.sampled_from(("0", "0.25", "0.5", "1")),
    ),
    min_size=1,
)


@given(PACKAGES)
def test_a_share_lies_between_nothing_and_all_and_half_credit_never_earns_less_than_none(
    packages: list[Package],
) -> None:
    facts = Facts("K", "N", packages=tuple(packages))
    nothing, half, physical = (of(method, facts)[0] for method in BY_ITEMS)
    assert nothing is not None
    assert half is not None
    assert physical is not None
    assert 0 <= nothing <= half <= 1
    assert nothing <= physical <= 1
    if all(each.done for each in packages):
        assert nothing == half == physical == 1


@given(PACKAGES, st.sampled_from(BY_ITEMS))
def test_finishing_work_never_lowers_what_is_earned(packages: list[Package], method: Method) -> None:
    before = of(method, Facts("K", "N", packages=tuple(packages)))[0]
    finished = replace(packages[0], started=True, done=True)
    after = of(method, Facts("K", "N", packages=(finished, *packages[1:])))[0]
    assert before is not None
    assert after is not None
    assert after >= before


@given(PACKAGES, st.sampled_from(BY_ITEMS))
def test_the_unit_of_estimates_does_not_matter(packages: list[Package], method: Method) -> None:
    facts = Facts("K", "N", packages=tuple(packages))
    larger = tuple(replace(each, estimate_hours=each.estimate_hours * 8) for each in packages)
    assert of(method, facts)[0] == of(method, replace(facts, packages=larger))[0]


PLAN = tuple(PlannedValue("v1", date(2026, 1, 1), date(2026, n, 1), D(100 * (n - 1))) for n in range(2, 12))
PROJECT = Facts(
    "K",
    "N",
    start_baseline=date(2026, 1, 1),
    percent_complete=D("0.9"),
    planned_values=PLAN,
    packages=WORK,
    milestones=MILESTONES,
)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "ev", "complete"),
    [
        ("percent_complete", "900.00", 0.9),
        ("0/100", "300.00", 0.3),
        ("50/50", "550.00", 0.55),
        ("weighted_milestones", "666.67", 0.666667),
        ("physical_percent", "500.00", 0.5),
        ("level_of_effort", "500.00", 0.5),
    ],
)
def test_the_method_makes_earned_value_and_percent_complete_and_is_shown(
    method: str, ev: str, complete: float
) -> None:
    policy = Policy.of(Portfolio.model_validate({"earned_value": {"method": method}}))
    document = judge(PROJECT, now=NOW, policy=policy).document
    assert document["earned_value"]["ev"] == ev
    assert document["earned_value"]["method"] == method
    assert document["earned_value"]["earned_by"].endswith("%.")
    assert document["schedule"]["percent_complete"] == complete


@pytest.mark.parametrize(
    ("method", "entity"),
    [("50/50", "work_item"), ("weighted_milestones", "milestone"), ("level_of_effort", "baseline")],
)
def test_a_stale_source_leaves_nothing_earned(method: str, entity: str) -> None:
    policy = Policy.of(Portfolio.model_validate({"earned_value": {"method": method}}))
    stale = replace(PROJECT, stale={entity: ("pmo",)})
    document = judge(stale, now=NOW, policy=policy).document
    assert document["earned_value"]["ev"] is None
    assert document["schedule"]["percent_complete"] is None
    assert document["earned_value"]["earned_by"] == "The last good read of pmo is older than its limit."


def test_another_method_is_another_policy() -> None:
    terms: tuple[dict[str, Any], ...] = ({}, {"method": "0/100"}, {"by_tier": {"small": "0/100"}})
    made = {Policy.of(Portfolio.model_validate({"earned_value": each})).fingerprint for each in terms}
    assert len(made) == 3
