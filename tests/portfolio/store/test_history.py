"""What was true when, and known since when."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from portfolio.store import entities, history, records, snapshots
from portfolio.store.database import Store, open_store
from portfolio.store.records import Read
from portfolio.store.tables import entity_tables

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ITEM = {"connection": "jira", "kind": "issue", "external_id": "1", "external_key": "A-1"}


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store(store_url) as opened:
        yield opened


def kept(db: Any) -> list[tuple[Any, ...]]:
    changes = history.history_of(db, "P", None)
    return [(each["field"], each["before"], each["after"], each["valid_at"], each["at"]) for each in changes]


@pytest.mark.parametrize(
    ("told", "valid_at"),
    [
        (None, LATER),
        (NOW + timedelta(hours=3), NOW + timedelta(hours=3)),
        (LATER + timedelta(hours=1), LATER),
    ],
    ids=["the tool tells nothing", "the tool's stamp", "a clock that is ahead"],
)
def test_a_change_is_true_from_the_sources_stamp_and_never_later_than_known(
    store: Store, told: datetime | None, valid_at: datetime
) -> None:
    with store.transaction() as db:
        entities.write(db, "work_item", [{**ITEM, "title": "old"}], at=NOW, run_id="r1")
        db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        changed = {**ITEM, "title": "new", "source_updated_at": told}
        entities.write(db, "work_item", [changed], at=LATER, run_id="r2")

        assert kept(db) == [("title", "old", "new", valid_at, LATER)]


def test_a_deletion_and_a_return_are_history(store: Store) -> None:
    gone, back = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    with store.transaction() as db:
        entities.write(db, "work_item", [ITEM], at=NOW, run_id="r1")
        db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        for _ in range(2):
            records.bury(db, Read("jira", "issue", ""), ["1"], at=gone, run_id="r2")
        entities.write(db, "work_item", [ITEM], at=back, run_id="r3")

        assert kept(db) == [
            ("deleted_at", None, "2026-11-21T10:00:00Z", gone, gone),
            ("deleted_at", "2026-11-21T10:00:00Z", None, back, back),
        ]


def test_a_move_is_kept_and_shown_when_asked_for(store: Store) -> None:
    with store.transaction() as db:
        for number, container in enumerate((["PERMIT"], ["PERMIT"], ["PARKS"])):
            at = NOW + timedelta(hours=number)
            entities.write(db, "work_item", [{**ITEM, "container": container}], at=at, run_id="r")
            db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        (move,) = history.history_of(db, "P", "container")

        assert history.history_of(db, "P", None) == []
        assert (move["before"], move["after"]) == (["PERMIT"], ["PARKS"])


def judged(**figures: Any) -> snapshots.Judged:
    body = {"status": {"overall": {"value": figures.pop("overall", "green")}}, "earned_value": figures}
    return snapshots.Judged("P", "f", body, {}, "state_15_25@1 city_default@1")


def keep(db: Any, day: date, one: snapshots.Judged | None) -> int:
    number = (last.number if (last := snapshots.newest(db)) else 0) + 1
    snapshots.keep(
        db,
        snapshot_id=f"S{number}",
        run_id="r",
        taken_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        as_of=day,
        complete=True,
        portfolio={},
        sources=[],
        changed={"P": one},
    )
    return number


def test_a_trend_reaches_back_for_years_by_month_and_for_a_month_by_day(store: Store) -> None:
    first, today = date(2024, 6, 3), date(2026, 11, 20)
    days = [first + timedelta(days=3 * n) for n in range((today - first).days // 3 + 1)]
    with store.transaction() as db:
        for n, day in enumerate(days):
            number = keep(db, day, judged(cpi=n))
        points = snapshots.trends(db, number, today)["P"]

    recent = [day for day in days if day > today - snapshots.DAILY]
    months = {(day.year, day.month): day for day in days if day not in recent}
    assert [each["as_of"] for each in points] == [str(day) for day in (*months.values(), *recent)]
    assert len(months) >= 24
    assert [each["cpi"] for each in points] == [days.index(day) for day in (*months.values(), *recent)]
    assert set(points[0]) == {"as_of", *snapshots.FIGURES} - set(snapshots.COLOURED[1:])


def test_the_turns_of_a_figure_name_the_rules(store: Store) -> None:
    with store.transaction() as db:
        for day, value in enumerate((1, 1, 2), start=1):
            keep(db, date(2026, 11, day), judged(cpi=value))
        keep(db, date(2026, 11, 9), None)
        turns = snapshots.turns(db, "P", "cpi")

    assert [(each.before, each.after, each.as_of.day) for each in turns] == [
        (None, 1, 1),
        (1, 2, 3),
        (2, None, 9),
    ]
    assert turns[0].rules == "state_15_25@1 city_default@1"
