"""What is past its time goes, and only that: the audit log stays verifiable, and a hold stops everything."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from portfolio.store import audit
from portfolio.store.database import Store, open_store
from portfolio.store.retention import Terms, expire
from portfolio.store.tables import entity_tables, source_record

DAY = timedelta(days=1)
NOW = datetime(2027, 1, 1, tzinfo=UTC)
TERMS = Terms(raw=100 * DAY, audit=100 * DAY)


@pytest.fixture
def full(store_url: str) -> Iterator[Store]:
    """Ten audit entries and three deleted records, one every 30 days before today, and one record that is live."""
    store = open_store(store_url)
    with store.transaction() as db:
        for number in range(10, 0, -1):
            said: dict[str, Any] = {
                "run_id": "r",
                "who": "ana",
                "what": "write",
                "subject": "s",
                "detail": {},
            }
            audit.record(db, at=NOW - number * 30 * DAY, **said)
        for number in range(4):
            key = {"connection": "jira", "kind": "issue", "external_id": str(number)}
            at = NOW - number * 90 * DAY
            stamps = {"first_seen_at": at, "last_seen_at": at, "deleted_at": at if number else None}
            body = {"scope": "s", "hash": "h", "body": {"a": number}, "owned": {}, "missing": 0}
            db.execute(source_record.insert().values(**key, **stamps, **body))
            db.execute(entity_tables["work_item"].insert().values(**key, **stamps, project_key=f"P{number}"))
    yield store
    store.close()


def bodies(store: Store) -> list[Any]:
    """Numbers of the records whose bodies are kept."""
    with store.reading() as db:
        rows = db.scalars(select(source_record.c.body).order_by(source_record.c.external_id))
        return [body["a"] for body in rows if body]


def test_what_is_past_its_time_goes_and_the_log_stays_whole(full: Store) -> None:
    with full.transaction() as db:
        first = expire(db, TERMS, at=NOW, run_id="one")
        again = expire(db, TERMS, at=NOW, run_id="two")
        later = expire(db, TERMS, at=NOW + 30 * DAY, run_id="three")
        numbers = [each["number"] for each in audit.entries(db)]

        assert (first, again, later) == (
            {"raw": 2, "audit": 7},
            {"raw": 0, "audit": 0},
            {"raw": 1, "audit": 1},
        )
        assert numbers == [9, 10, 11, 12]
        assert audit.first_broken(db) is None
    assert bodies(full) == [0]


@pytest.mark.parametrize(
    ("harm", "at"),
    [
        ("DELETE FROM audit WHERE number = 8", 8),
        ("DELETE FROM audit WHERE number = 10", 10),
        ("UPDATE audit SET subject = 'x' WHERE number = 9", 9),
        ("DELETE FROM audit WHERE number = 11", 1),
    ],
)
def test_a_log_whose_beginning_went_still_shows_what_was_altered(full: Store, harm: str, at: int) -> None:
    with full.transaction() as db:
        expire(db, TERMS, at=NOW, run_id="one")
        db.execute(text(harm))
        assert audit.first_broken(db) == at


def test_a_hold_keeps_the_records_of_its_project_and_the_whole_log(full: Store) -> None:
    held = Terms(raw=TERMS.raw, audit=TERMS.audit, hold=("P2",))
    with full.transaction() as db:
        assert expire(db, held, at=NOW, run_id="one") == {"raw": 1, "audit": 0}
        assert next(audit.entries(db))["number"] == 1
    assert bodies(full) == [0, 1, 2]


def test_nothing_goes_unless_it_is_said(full: Store) -> None:
    with full.transaction() as db:
        assert expire(db, Terms(), at=NOW, run_id="one") == {"raw": 0, "audit": 0}
        assert audit.first_broken(db) is None
    assert bodies(full) == [0, 1, 2, 3]
