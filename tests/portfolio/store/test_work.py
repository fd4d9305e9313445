"""What the store tells of work: packages are the leaves of the breakdown, each item in one of them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import update

from portfolio.facts import Dated, Package
from portfolio.store import entities, work
from portfolio.store.database import open_store
from portfolio.store.tables import entity_tables

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def item(number: int, status: str, **values: Any) -> dict[str, Any]:
    own = {"external_id": str(number), "status_category": status}
    return {"connection": "jira", "kind": "issue", **own, **values}


def test_parents_and_cancelled_items_are_no_packages(store_url: str) -> None:
    rows = [
        item(1, "in_progress", estimate_hours=Decimal(99)),
        item(2, "done", parent_id="1", estimate_hours=Decimal(8)),
        item(3, "done", parent_id="1", estimate_hours=Decimal("2.5"), estimate_points=Decimal(3)),
        item(4, "in_progress", parent_id="1", percent_complete=Decimal("0.4")),
        item(5, "cancelled", estimate_hours=Decimal(7)),
        item(6, "todo", connection="planner", parent_id="4"),
        item(7, "todo"),
    ]
    with open_store(store_url) as store, store.transaction() as db:
        entities.write(db, "work_item", rows, at=NOW, run_id="r")
        table = entity_tables["work_item"]
        db.execute(update(table).where(table.c.external_id != "7").values(project_key="P"))
        found = work.packages(db)

    assert set(found) == {"P"}
    assert sorted(found["P"], key=lambda each: (each.done, each.started)) == [
        Package(items=1, started=False, done=False),
        Package(items=1, started=True, done=False, percent_complete=Decimal("0.4")),
        Package(2, True, True, None, Decimal("10.5"), Decimal(3), 2, 1),
    ]


def test_packages_that_earn_by_another_way_stand_apart(store_url: str) -> None:
    rows = [
        item(1, "todo", type="Story"),
        item(2, "todo", type="Story"),
        item(3, "todo", type="Support"),
        item(4, "todo", type="Support", earned_value_method="level_of_effort"),
    ]
    with open_store(store_url) as store, store.transaction() as db:
        entities.write(db, "work_item", rows, at=NOW, run_id="r")
        db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        found = [(each.items, each.type, each.method) for each in work.packages(db)["P"]]

    assert sorted(found, key=str) == [
        (1, "Support", "level_of_effort"),
        (1, "Support", None),
        (2, "Story", None),
    ]


def test_planned_days_are_gathered_where_no_baseline_is_known(store_url: str) -> None:
    begin, end = date(2026, 11, 2), date(2026, 11, 20)
    rows = [
        item(1, "todo"),
        item(2, "done", parent_id="1", start_planned=begin, due_on=end, planned_cost=Decimal("10.50")),
        item(3, "todo", parent_id="1", start_planned=begin, due_on=end, estimate_hours=Decimal(4)),
        item(4, "todo", due_on=end),
        item(5, "cancelled", due_on=end),
        item(6, "todo", due_on=end),
    ]
    points = [
        {
            "connection": "pmo",
            "kind": "baseline",
            "external_id": "1",
            "day": end,
            "planned_value": Decimal(1),
        },
        {"connection": "pmo", "kind": "baseline", "external_id": "2", "day": end},
    ]
    table, baseline = entity_tables["work_item"], entity_tables["baseline"]
    with open_store(store_url) as store, store.transaction() as db:
        entities.write(db, "work_item", rows, at=NOW, run_id="r")
        entities.write(db, "baseline", points, at=NOW, run_id="r")
        db.execute(update(table).values(project_key="P"))
        db.execute(update(table).where(table.c.external_id == "6").values(project_key="Q"))
        db.execute(update(baseline).where(baseline.c.external_id == "1").values(project_key="Q"))
        db.execute(update(baseline).where(baseline.c.external_id == "2").values(project_key="P"))
        found = work.dated(db)

    assert set(found) == {"P"}, "Q has a baseline"
    assert sorted(found["P"], key=lambda each: each.items) == [
        Dated("jira", None, end, 1),
        Dated("jira", begin, end, 2, Decimal("10.5"), Decimal(4), Decimal(0), 1, 1, 0),
    ]


def test_an_empty_store_has_no_packages(store_url: str) -> None:
    with open_store(store_url) as opened, opened.reading() as db:
        assert work.packages(db) == {}


def test_items_done_are_counted_by_the_week_before_today(store_url: str) -> None:
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    done = [
        midnight,
        midnight - timedelta(seconds=1),
        midnight - timedelta(days=7),
        midnight - timedelta(days=7, seconds=1),
        midnight - timedelta(weeks=12),
        midnight - timedelta(weeks=12, seconds=1),
    ]
    rows = [item(number, "done", done_at=at) for number, at in enumerate(done)]
    rows.append(item(9, "in_progress", done_at=midnight - timedelta(days=1)))
    with open_store(store_url) as store, store.transaction() as db:
        entities.write(db, "work_item", rows, at=NOW, run_id="r")
        db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        found = work.work(db, midnight.date(), midnight - timedelta(days=30))

    assert found["P"].weekly_done == (1, *[0] * 9, 1, 2)


def test_work_is_counted_by_category_and_what_is_late_blocked_or_new_by_its_day(store_url: str) -> None:
    today, since = date(2026, 11, 21), datetime(2026, 10, 22, tzinfo=UTC)
    before, yesterday = since - timedelta(seconds=1), today - timedelta(days=1)
    rows = [
        item(1, "todo", due_on=yesterday, created_at=since),
        item(2, "todo", due_on=today, created_at=before),
        item(3, "todo", blocked=True),
        item(4, "in_progress", due_on=date(2026, 11, 2), blocked=True, created_at=NOW),
        item(5, "in_progress", due_on=date(2026, 12, 1)),
        *(item(number, "done", due_on=yesterday, done_at=since, blocked=True) for number in range(6, 9)),
        item(9, "done", done_at=before),
        *(item(number, "cancelled", due_on=yesterday, done_at=since) for number in range(10, 15)),
    ]
    with open_store(store_url) as store, store.transaction() as db:
        entities.write(db, "work_item", rows, at=NOW, run_id="r")
        db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        found = work.work(db, today, since)["P"]

    assert (found.todo, found.in_progress, found.done, found.cancelled) == (3, 2, 4, 5)
    assert (found.blocked, found.overdue, found.oldest_overdue_on) == (2, 2, date(2026, 11, 2))
    assert (found.added_30d, found.done_30d) == (2, 3)


def test_five_of_six_late_items_are_shown_the_longest_late_first(store_url: str) -> None:
    rows = [
        item(number, "todo", external_key=f"P-{number}", due_on=date(2026, 11, number))
        for number in range(1, 7)
    ]
    with open_store(store_url) as store, store.transaction() as db:
        entities.write(db, "work_item", rows, at=NOW, run_id="r")
        db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        found = work.work(db, date(2026, 11, 21), NOW - timedelta(days=30))["P"]

    assert (found.overdue, found.blocked_sources, found.weekly_done) == (6, (), (0,) * 12)
    assert [each.external_key for each in found.overdue_sources] == [f"P-{number}" for number in range(1, 6)]
