"""What the store tells of tickets: the spans on hold and the reopenings that reads have seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from portfolio.store import desk, entities
from portfolio.store.database import open_store
from portfolio.store.tables import entity_tables

FIRST = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_hold_begins_and_ends_when_the_tool_says_so_not_when_it_was_read(store_url: str) -> None:
    def row(state: str, stamp: datetime | None = None) -> dict[str, Any]:
        own = {"external_id": "1", "number": "INC1", "state_category": state, "source_updated_at": stamp}
        return {"connection": "snow", "kind": "incident", **own}

    reads = [
        (row("on_hold"), FIRST),
        (row("in_progress", FIRST + HOUR), FIRST + 5 * HOUR),
        (row("resolved", FIRST + 6 * HOUR), FIRST + 7 * HOUR),
        (row("on_hold", FIRST + 8 * HOUR), FIRST + 9 * HOUR),
    ]
    with open_store(store_url) as store, store.transaction() as db:
        for number, (record, at) in enumerate(reads):
            entities.write(db, "ticket", [record], at=at, run_id=f"r{number}")
        db.execute(update(entity_tables["ticket"]).values(project_key="P"))
        (found,) = desk.tickets(db)["P"]

    assert found.on_hold == ((FIRST, FIRST + HOUR), (FIRST + 8 * HOUR, None))
    assert found.reopened == 1
    assert found.state_category == "on_hold"


@pytest.mark.parametrize(("counted", "told"), [(None, 1), (0, 1), (3, 3)])
def test_the_tool_knows_of_reopenings_that_no_read_has_seen(
    store_url: str, counted: int | None, told: int
) -> None:
    own = {
        "connection": "snow",
        "kind": "incident",
        "external_id": "1",
        "number": "INC1",
        "reopened": counted,
    }
    with open_store(store_url) as store, store.transaction() as db:
        for number, state in enumerate(("resolved", "in_progress")):
            at = FIRST + number * HOUR
            entities.write(db, "ticket", [{**own, "state_category": state}], at=at, run_id=f"r{number}")
        (found,) = desk.unlinked(db)

    assert found.reopened == told


def test_the_desk_holds_the_open_tickets_of_no_project(store_url: str) -> None:
    def row(number: int, state: str, **values: Any) -> dict[str, Any]:
        own = {"external_id": str(number), "number": f"INC{number}", "state_category": state}
        return {"connection": "snow", "kind": "incident", "opened_at": FIRST - number * HOUR, **own, **values}

    rows = [row(1, "new"), row(2, "on_hold"), row(3, "resolved"), row(4, "new"), row(5, "in_progress")]
    table = entity_tables["ticket"]
    with open_store(store_url) as store, store.transaction() as db:
        entities.write(db, "ticket", rows, at=FIRST, run_id="r")
        db.execute(update(table).where(table.c.external_id == "4").values(project_key="P"))
        db.execute(update(table).where(table.c.external_id == "5").values(deleted_at=FIRST))
        found = desk.unlinked(db)

    assert [each.number for each in found] == ["INC2", "INC1"]
    assert len(found[0].on_hold) == 1
