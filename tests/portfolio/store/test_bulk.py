"""Rows that go to the database in sets arrive as rows that go alone, and what cannot be kept is refused, not bent."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from portfolio.model import ENTITIES
from portfolio.store import bulk, entities
from portfolio.store.database import Store, open_store
from portfolio.store.failures import StoreFailed
from portfolio.store.tables import PULLED, RECORD_KEY, entity_tables

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MANY = bulk.COPIED_FROM + bulk.AT_ONCE + 3
VALUES: dict[str, Any] = {
    "text": "Straße\x00 \ud800 ✓",
    "day": date(2026, 2, 28),
    "instant": datetime(2026, 3, 8, 1, 59, 59, 123456, tzinfo=timezone(timedelta(hours=-5))),
    "money": Decimal("-999999999999999.99"),
    "share": Decimal("0.333333"),
    "number": Decimal("12.5"),
    "integer": -(2**31) + 1,
    "flag": True,
    "texts": ("ä", "b"),
    "document": {"at": NOW, "of": [Decimal("1.10"), None]},
}


@pytest.fixture
def store(store_url: str) -> Any:
    with open_store(store_url) as opened:
        yield opened


def rows_of(entity: str, count: int, **more: Any) -> list[dict[str, Any]]:
    filled = {each.name: VALUES[each.type] for each in ENTITIES[entity].fields}
    key = {"connection": "tool", "kind": "thing"}
    return [
        {**(filled if number % 2 else {}), **key, "external_id": str(number), **more}
        for number in range(count)
    ]


def kept(store: Store, entity: str) -> dict[str, dict[str, Any]]:
    with store.reading() as db:
        rows = db.execute(select(entity_tables[entity])).mappings()
        return {row["external_id"]: {**row, "external_id": ""} for row in rows}


@pytest.mark.parametrize("entity", PULLED)
def test_a_set_is_kept_as_a_row_alone_is(store: Store, entity: str) -> None:
    with store.transaction() as db:
        for alone in rows_of(entity, 2):
            entities.write(db, entity, [alone], at=NOW, run_id="r")
    one = kept(store, entity)
    for _new_then_known in range(2):
        with store.transaction() as db:
            entities.write(db, entity, rows_of(entity, MANY), at=NOW, run_id="r")
        found = kept(store, entity)
        assert len(found) == MANY
        assert all(found[str(number)] == one[str(number % 2)] for number in range(MANY))


@pytest.mark.parametrize("count", [1, MANY])
def test_a_naive_instant_is_refused(store: Store, count: int) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="naive instant"), store.transaction() as db:
        entities.write(db, "work_item", rows_of("work_item", count, created_at=naive), at=NOW, run_id="r")


def test_a_whole_number_is_never_cut(store: Store) -> None:
    rows = rows_of("budget_line", MANY, fiscal_year=2**31)
    with pytest.raises(OverflowError), store.transaction() as db:
        entities.write(db, "budget_line", rows, at=NOW, run_id="r")


def test_what_every_row_has_in_common_is_given_once(store: Store) -> None:
    table = entity_tables["ticket"]
    same = {"connection": "tool", "kind": "thing", "first_seen_at": NOW}
    rows = [{"external_id": str(number), "title": None} for number in range(MANY)]
    with store.transaction() as db:
        bulk.insert(db, table, rows, same=same)
        bulk.upsert(db, table, rows, RECORD_KEY, columns=["external_id", "title"], same=same)
        found = db.execute(select(table.c.connection, table.c.first_seen_at)).all()

    assert set(found) == {("tool", NOW)}
    assert len(found) == MANY


def insert_after_the_end(store: Store, url: str) -> None:
    other = create_engine(url)
    with store.transaction() as db:
        number = db.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with other.begin() as killer:
            killer.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (number,))
        other.dispose()
        bulk.insert(db, entity_tables["ticket"], rows_of("ticket", MANY))


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_server_that_dies_within_a_copy_is_told_as_any_other_failure(store: Store, store_url: str) -> None:
    with pytest.raises(StoreFailed, match="lost its connection"):
        insert_after_the_end(store, store_url)
