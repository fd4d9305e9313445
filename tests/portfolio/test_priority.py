"""The ranking: bounded, monotone, fair to the unknown, and compared with the last review."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.planning import PRIORITY_INPUTS, Criterion, PriorityTerms
from portfolio.priority import ranking, score, to_keep, value_of, worth

D = Decimal

TERMS = PriorityTerms.model_validate(
    {
        "criteria": {
            "need": {"of": "priority", "weight": 40, "values": {"High": 1, "medium": "0.5", "low": 0}},
            "risk": {"of": "schedule", "weight": 40, "values": {"red": 1, "green": 0}},
            "size": {"of": "revised_budget", "weight": 20, "zero": 100, "full": 300},
        }
    }
)


def project(
    key: str, priority: Any = "medium", schedule: Any = "green", budget: Any = "200.00", **values: Any
) -> dict[str, Any]:
    return {
        "key": key,
        "name": f"Project {key}",
        "department": "Water",
        "state": "active",
        "priority": priority,
        "status": {"schedule": {"value": schedule}},
        "cost": {"revised_budget": budget},
        **values,
    }


def test_the_score_is_the_weighted_mean_of_what_is_known() -> None:
    found: Any = score(project("A", "high", "red", "250.00"), TERMS)
    assert (found.score, found.coverage) == (95, 1)
    assert [(part.criterion, part.worth, part.weight, part.because) for part in found.parts] == [
        ("need", 1, 40, "priority is high: worth 1 of 1, weight 40."),
        ("risk", 1, 40, "schedule is red: worth 1 of 1, weight 40."),
        ("size", D("0.75"), 20, "revised_budget is 250.00: worth 0.75 of 1, weight 20."),
    ]


def test_a_missing_input_lowers_the_coverage_and_is_shown() -> None:
    found: Any = score(project("A", "urgent", "unknown", "250.00"), TERMS)
    assert (found.score, found.coverage) == (75, D("0.2"))
    assert [part.because for part in found.parts[:2]] == [
        "priority is urgent, for which no value is declared: it does not count.",
        "schedule is unknown: it does not count.",
    ]
    assert score(project("A", None, None, None), TERMS).score is None
    assert score(project("A", None, None, None), TERMS).coverage == 0
    assert score(project("A"), PriorityTerms()).coverage == 0


@pytest.mark.parametrize(("schedule_weight", "rank"), [("40", 1), ("40.01", None)])
def test_half_of_the_weight_has_to_be_known_unless_it_is_declared_otherwise(
    schedule_weight: str, rank: int | None
) -> None:
    criteria = {
        "need": {"of": "priority", "weight": 40, "values": {"medium": 1}},
        "risk": {"of": "schedule", "weight": schedule_weight, "values": {"red": 1}},
    }
    half_known = [project("A", schedule="unknown")]
    (row,) = ranking(half_known, PriorityTerms.model_validate({"criteria": criteria}))["rows"]
    assert row["rank"] == rank


def test_an_input_is_found_where_the_project_shows_it() -> None:
    whole = {
        "tier": "large",
        "status": {"cost": {"value": "amber"}, "scope": None},
        "schedule": {"variance_days": 7},
        "ticket_counts": {"breached": 2},
        "work": {"blocked": 1},
        "earned_value": {"cpi": 0.9},
        "compliance": {"score": 0.5},
        "cost": None,
    }
    names = (
        "tier",
        "cost",
        "scope",
        "schedule",
        "variance_days",
        "breached",
        "blocked",
        "cpi",
        "score",
        "actual",
    )
    assert [value_of(whole, name) for name in names] == [
        "large",
        "amber",
        None,
        None,
        7,
        2,
        1,
        0.9,
        0.5,
        None,
    ]
    every = [name for names in PRIORITY_INPUTS.values() for name in names]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("value", "zero", "full", "expected"),
    [
        ("100.00", 100, 300, 0),
        ("300.00", 100, 300, 1),
        ("99.00", 100, 300, 0),
        ("301.00", 100, 300, 1),
        (-0.1, 0, "-0.2", D("0.5")),
        (-0.3, 0, "-0.2", 1),
        (0.3, 0, "-0.2", 0),
    ],
)
def test_a_figure_is_worth_what_the_line_says(value: Any, zero: Any, full: Any, expected: Any) -> None:
    criterion = Criterion.model_validate({"of": "variance", "weight": 1, "zero": zero, "full": full})
    assert worth(value, criterion) == expected


def test_the_ranking_goes_by_score_then_coverage_then_key() -> None:
    rows = ranking(
        [
            project("D", "medium", "unknown", "200.00"),
            project("C", "medium", "unknown", None),
            project("B", "high", "red"),
            project("Z", "high", "red", state="completed"),
            project("Y", "high", "red", state="cancelled"),
            project("A", "high", "red"),
            project("E", None, "unknown", "300.00"),
            project("F", None, "unknown", None),
            project("G", "high", "green", "200.00"),
        ],
        TERMS,
    )["rows"]
    assert [(each["rank"], each["project"], each["score"], each["coverage"]) for each in rows] == [
        (1, "A", 90.0, 1.0),
        (2, "B", 90.0, 1.0),
        (3, "G", 50.0, 1.0),
        (4, "D", 50.0, 0.6),
        (None, "E", 100.0, 0.2),
        (None, "C", 50.0, 0.4),
        (None, "F", None, 0.0),
    ]


@pytest.mark.parametrize(("least", "rank"), [("0.6", 1), ("0.61", None), (0, 1)])
def test_enough_must_be_known_for_a_rank(least: Any, rank: int | None) -> None:
    terms = TERMS.model_copy(update={"min_coverage": D(least)})
    (row,) = ranking([project("A", "high", "unknown")], terms)["rows"]
    assert (row["coverage"], row["rank"]) == (0.6, rank)


def test_the_last_review_tells_what_moved() -> None:
    first = ranking([project("A", "low"), project("B", "medium"), project("C", "high")], TERMS)
    kept: dict[str, Any] = {"held_on": "2026-09-01", "by": "Board", "note": None, "ranking": to_keep(first)}
    assert kept["ranking"]["C"] == {"rank": 1, "score": 50.0}
    now = ranking(
        [project("A", "high", "red"), project("B", "medium"), project("C", "high"), project("N")], TERMS, kept
    )
    assert now["reviewed"] == {"held_on": "2026-09-01", "by": "Board", "note": None}
    assert [
        (each["project"], each["rank"], each["rank_before"], each["score_before"], each["moved"])
        for each in now["rows"]
    ] == [
        ("A", 1, 3, 10.0, 2),
        ("C", 2, 1, 50.0, -1),
        ("B", 3, 2, 30.0, -1),
        ("N", 4, None, None, None),
    ]


def test_a_project_without_a_rank_then_or_now_moved_nowhere() -> None:
    kept = {"ranking": {"A": {"rank": 1, "score": 10}, "B": {"rank": None, "score": None}}}
    rows = ranking([project("A", None, "unknown"), project("B")], TERMS, kept)["rows"]
    assert [(each["project"], each["rank_before"], each["moved"]) for each in rows] == [
        ("B", None, None),
        ("A", 1, None),
    ]


def test_without_criteria_nothing_is_ranked() -> None:
    empty: dict[str, Any] = {"criteria": [], "min_coverage": None, "reviewed": None, "rows": []}
    assert ranking([project("A")], PriorityTerms()) == empty


def test_the_criteria_stand_beside_the_rows() -> None:
    found = ranking([], TERMS)
    assert found["criteria"][2] == {"criterion": "size", "of": "revised_budget", "weight": 20.0}
    assert (found["min_coverage"], found["reviewed"]) == (0.5, None)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"of": "mood", "weight": 1}, "one of state"),
        ({"of": "priority", "weight": 1}, "is a word"),
        ({"of": "priority", "weight": 1, "values": {"a": 1}, "zero": 1}, "is a word"),
        ({"of": "priority", "weight": 1, "values": {"a": 1}, "full": 1}, "is a word"),
        ({"of": "actual", "weight": 1}, "is a figure"),
        ({"of": "actual", "weight": 1, "zero": 1}, "is a figure"),
        ({"of": "actual", "weight": 1, "full": 1}, "is a figure"),
        ({"of": "actual", "weight": 1, "zero": 1, "full": 2, "values": {"a": 1}}, "is a figure"),
        ({"of": "actual", "weight": 1, "zero": 1, "full": 1}, "must differ"),
        ({"of": "actual", "weight": 0, "zero": 1, "full": 2}, "greater than 0"),
        ({"of": "priority", "weight": 1, "values": {"a": 2}}, "less than or equal to 1"),
    ],
)
def test_a_criterion_that_makes_no_sense_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Criterion.model_validate(values)


INPUTS = st.tuples(
    st.sampled_from([None, "high", "medium", "low", "odd"]),
    st.sampled_from(["unknown", "red", "green"]),
    st.one_of(st.none(), st.integers(-1000, 1000).map(str)),
)


@given(INPUTS)
def test_scores_are_bounded(inputs: tuple[Any, Any, Any]) -> None:
    found = score(project("A", *inputs), TERMS)
    assert 0 <= found.coverage <= 1
    assert (found.score is None) == (found.coverage == 0)
    assert found.score is None or 0 <= found.score <= 100


@given(INPUTS, st.integers(-1000, 1000), st.integers(0, 1000))
def test_scores_are_monotone(inputs: tuple[Any, Any, Any], budget: int, more: int) -> None:
    low = score(project("A", inputs[0], inputs[1], str(budget)), TERMS).score
    high = score(project("A", inputs[0], inputs[1], str(budget + more)), TERMS).score
    assert low is not None
    assert high is not None
    assert high >= low


@given(st.lists(INPUTS, max_size=8))
def test_ranks_follow_scores(every: list[tuple[Any, Any, Any]]) -> None:
    rows = ranking([project(f"P{place}", *inputs) for place, inputs in enumerate(every)], TERMS)["rows"]
    ranked = [each for each in rows if each["rank"] is not None]
    assert [each["rank"] for each in ranked] == list(range(1, len(ranked) + 1))
    scores = [each["score"] for each in ranked]
    assert scores == sorted(scores, reverse=True)
    assert len(rows) == len(every)
    assert rows[: len(ranked)] == ranked
