"""The roadmap's order, what projects wait for, and the colours of the portfolio day by day."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from config.settings import Portfolio
from portfolio.facts import Decision, Facts, Milestone
from portfolio.judge import Policy, judge
from portfolio.overview import colour, judge_portfolio, roadmap, trend, waiting_exceptions

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLICY = Policy.of(Portfolio())


def project(key: str, **values: Any) -> Facts:
    return Facts(key, key, **({"state": "active", "department": "Parks"} | values))


def documents(*facts: Facts) -> list[dict[str, Any]]:
    return [judge(each, now=NOW, policy=POLICY).document for each in facts]


def overview(*facts: Facts) -> dict[str, Any]:
    return judge_portfolio(documents(*facts), today=NOW.date())


def test_the_roadmap_follows_department_priority() -> None:
    rows = overview(
        project("A", department="Water"),
        project("B", priority="2"),
        project("C", priority="1", start_planned=date(2026, 5, 1), finish_baseline=date(2027, 1, 1)),
        project("D"),
    )["roadmap"]
    assert [row["project"] for row in rows] == ["C", "B", "D", "A"]
    assert rows[0]["start"] == "2026-05-01"
    assert rows[0]["baseline_finish"] == "2027-01-01"
    assert [gate["gate"] for gate in rows[0]["gates"]][:2] == ["G0", "G1"]


def test_the_roadmap_orders_the_tools_words_by_what_they_mean() -> None:
    words = (
        "Urgent",
        "1 - Critical",
        "High",
        "P2",
        "medium",
        "3 - Moderate",
        "Low",
        "4",
        "Lowest",
        "?",
        None,
    )
    rows = [
        project(f"{place:02}", priority=word, start_planned=date(2026, 1, 1) + timedelta(days=place))
        for place, word in enumerate(words)
    ]
    found = overview(*reversed(rows))["roadmap"]
    assert [row["project"] for row in found] == [f"{place:02}" for place in range(len(words))]


EQUAL = (
    ("critical", "highest", "urgent", "P1", "1", "0"),
    ("high", "P2", "2 - High"),
    ("medium", "moderate", "normal", "3"),
    ("low", "4"),
    ("lowest", "planning", "5"),
    ("9",),
    ("?", None, "P10"),
)


def order(*projects: Facts, ranks: dict[str, int | None] | None = None) -> list[str]:
    return [row["project"] for row in roadmap(documents(*projects), ranks)]


@pytest.mark.parametrize("words", EQUAL)
def test_words_that_mean_the_same_leave_the_order_to_the_key(words: tuple[str | None, ...]) -> None:
    for other in words:
        assert order(project("A", priority=words[0]), project("B", priority=other)) == ["A", "B"]
        assert order(project("B", priority=words[0]), project("A", priority=other)) == ["A", "B"]


def test_each_group_of_words_comes_before_the_next() -> None:
    for more, less in pairwise(EQUAL):
        assert order(project("A", priority=less[0]), project("B", priority=more[0])) == ["B", "A"]


def test_among_equals_the_earlier_start_comes_first_and_an_unknown_one_last() -> None:
    starts = (("A", None), ("B", date(2026, 5, 1)), ("C", date(2026, 4, 1)))
    assert order(*(project(key, start_planned=start) for key, start in starts)) == ["C", "B", "A"]


def test_a_rank_goes_before_words_and_the_unranked_come_last() -> None:
    some = [project(key, priority=word) for key, word in (("A", "high"), ("B", "low"), ("C", "critical"))]
    assert order(*some, ranks={"A": 2, "B": 1, "C": None}) == ["B", "A", "C"]
    assert order(*some, ranks={"A": None, "B": 1}) == ["B", "C", "A"]
    assert order(*some) == ["C", "A", "B"]


@pytest.mark.parametrize(
    ("forecast", "planned", "shown"),
    [
        (date(2026, 5, 1), date(2026, 4, 1), "2026-05-01"),
        (None, date(2026, 4, 1), "2026-04-01"),
        (None, None, None),
    ],
)
def test_a_road_ends_at_the_forecast_else_at_the_planned_finish(
    forecast: date | None, planned: date | None, shown: str | None
) -> None:
    (row,) = overview(project("A", finish_forecast=forecast, finish_planned=planned))["roadmap"]
    assert row["finish"] == shown


DAYS = tuple(date(2026, month, 1) for month in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ((0, 1, 2, 3), "2026-04-01"),
        ((0, 1, 2), "2026-03-01"),
        ((0, 1), "2026-02-01"),
        ((0,), "2026-01-01"),
        ((), None),
    ],
)
def test_a_milestone_stands_at_the_best_day_that_is_known_of_it(
    known: tuple[int, ...], shown: str | None
) -> None:
    baseline, planned, forecast, achieved = (DAYS[n] if n in known else None for n in range(4))
    # Of what is not achieved the forecast counts, then the plan, then the baseline.
    milestone = Milestone("Pilot", baseline, planned, forecast, achieved)
    (row,) = overview(project("A", milestones=(milestone,)))["roadmap"]
    assert row["milestones"] == [{"name": "Pilot", "on": shown, "achieved": 3 in known}]


def test_a_gate_stands_at_the_day_it_was_decided_else_at_the_day_it_is_due() -> None:
    due = Milestone("G1", None, date(2026, 5, 1), None, None)
    decided = Decision("G1", "approved", date(2026, 4, 1), "Board", None)
    for decisions, on in (((), "2026-05-01"), ((decided,), "2026-04-01")):
        (row,) = overview(project("A", milestones=(due,), decisions=decisions))["roadmap"]
        assert [each["on"] for each in row["gates"] if each["gate"] == "G1"] == [on]


@pytest.mark.parametrize(
    ("ours", "theirs", "because"),
    [
        (date(2026, 5, 1), date(2026, 5, 2), "B is expected to end on 2026-05-02, this one on 2026-05-01."),
        (date(2026, 5, 1), date(2026, 5, 1), None),
        (None, date(2026, 5, 1), None),
        (date(2026, 5, 1), None, None),
    ],
)
def test_waiting_for_a_project_is_told_from_one_day_on(
    ours: date | None, theirs: date | None, because: str | None
) -> None:
    both = documents(
        project("A", depends_on=("B",), finish_forecast=ours), project("B", finish_forecast=theirs)
    )
    assert [each["because"] for each in waiting_exceptions(both)] == ([because] if because else [])


@pytest.mark.parametrize(("ours", "said"), [(None, "an unknown day"), (date(2026, 5, 1), "2026-05-01")])
def test_waiting_for_what_does_not_exist_is_told(ours: date | None, said: str) -> None:
    (told,) = waiting_exceptions(documents(project("A", depends_on=("B",), finish_forecast=ours)))
    assert told["because"] == f"B is expected to end on an unknown day, this one on {said}."


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ({"cost": {"value": "red"}}, "red"),
        ({"cost": {"value": "mauve"}}, "unknown"),
        ({"cost": {"value": None}}, "unknown"),
        ({"cost": None}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_what_is_no_colour_is_unknown(status: dict[str, Any], wanted: str) -> None:
    assert colour({"status": status}, "cost") == wanted


def test_the_trend_counts_each_project_from_its_first_day_by_the_colour_it_kept() -> None:
    def kept(now: str, *points: tuple[str, str | None]) -> dict[str, Any]:
        return {
            "status": {"overall": {"value": now}},
            "trend": [{"as_of": day, "overall": value} for day, value in points],
        }

    found = trend(
        [
            kept("green", ("2026-11-01", "red"), ("2026-11-10", "amber")),
            kept("red", ("2026-11-05", None)),
            kept("amber"),
        ],
        "2026-11-21",
    )
    assert [(each["as_of"], {name: each[name] for name in each if each[name]}) for each in found] == [
        ("2026-11-01", {"as_of": "2026-11-01", "red": 1}),
        ("2026-11-05", {"as_of": "2026-11-05", "red": 1, "unknown": 1}),
        ("2026-11-10", {"as_of": "2026-11-10", "amber": 1, "unknown": 1}),
        ("2026-11-21", {"as_of": "2026-11-21", "green": 1, "amber": 1, "red": 1}),
    ]
