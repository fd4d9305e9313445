"""Decisions by command: two people at once, and nothing that one of them recorded is lost."""

import threading
from datetime import UTC, date, datetime

import pytest

from portfolio.store import manual
from portfolio.store.database import open_store

NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
DAY = date(2026, 11, 16)
CONDITIONS = [{"text": text, "due_on": None, "met_on": None} for text in ("security plan", "training plan")]
WAIT_SECONDS = 0.5


@pytest.fixture
def url(store_url: str) -> str:
    """A store that is there; each person opens it for themselves, as another process does."""
    open_store(store_url).close()
    return store_url


def decided(url: str, verdict: str, by: str) -> None:
    with open_store(url) as store, store.transaction() as db:
        conditions = CONDITIONS if verdict == "conditional" else []
        manual.decide(
            db, "P-1", "G2", verdict, decided_on=DAY, by=by, note=None, conditions=conditions, at=NOW
        )


def met(url: str, number: int, between: threading.Thread | None = None) -> None:
    with open_store(url) as store, store.transaction() as db:
        held = manual.last_decision(db, "P-1", "G2")
        assert held is not None
        if between is not None:
            between.start()
            between.join(WAIT_SECONDS)
        manual.meet_condition(db, held, number, met_on=DAY, by=f"person {number}", note=None, at=NOW)


def test_two_conditions_met_by_two_people_at_once_are_both_met(url: str) -> None:
    decided(url, "conditional", "board")
    other = threading.Thread(target=met, args=(url, 2))
    met(url, 1, between=other)
    other.join()
    with open_store(url) as store, store.reading() as db:
        last = manual.decisions(db)["P-1"][-1]
    assert [each.met_on for each in last.conditions] == [DAY, DAY]


def test_two_verdicts_at_once_are_both_on_record_and_all_agree_which_counts(url: str) -> None:
    start = threading.Barrier(2)

    def decide(verdict: str) -> None:
        start.wait()
        decided(url, verdict, verdict)

    hands = [threading.Thread(target=decide, args=(each,)) for each in ("passed", "failed")]
    for each in hands:
        each.start()
    for each in hands:
        each.join()
    with open_store(url) as store, store.reading() as db:
        every = manual.decisions(db)["P-1"]
        counts = manual.last_decision(db, "P-1", "G2")
    assert {each.decision for each in every} == {"passed", "failed"}
    assert counts is not None
    assert counts.decision == every[-1].decision
