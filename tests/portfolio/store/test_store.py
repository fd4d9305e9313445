"""The store, with the same promises on SQLite and PostgreSQL."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text, update

from portfolio.store import audit, entities, history, records, runs, snapshots
from portfolio.store.database import SchemaOutdated, Store, faults, open_store
from portfolio.store.records import Read
from portfolio.store.tables import audit as audit_table
from portfolio.store.tables import entity_tables, source_record
from portfolio.store.types import json_like

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
READ = Read("snow", "pm_project", "")


@dataclass(frozen=True)
class Record:
    id: str
    body: dict[str, Any]
    key: str | None = None
    url: str | None = None
    version: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    owned: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def store(store_url: str) -> Any:
    with open_store(store_url) as opened:
        yield opened


def line(**values: Any) -> dict[str, Any]:
    return {"connection": "ledger", "kind": "budget_line", "external_id": "1", "external_key": "1", **values}


@pytest.mark.parametrize("amount", ["999999999999999.99", "-0.01", "0.00", "0.30"])
def test_money_survives_exactly(store: Store, amount: str) -> None:
    with store.transaction() as db:
        entities.write(db, "budget_line", [line(actual=Decimal(amount))], at=NOW, run_id="r")
        stored = db.scalars(select(entity_tables["budget_line"].c.actual)).one()

    assert stored == Decimal(amount)


def test_sums_of_money_in_sql_are_exact(store: Store) -> None:
    rows = [line(external_id=str(n), actual=Decimal(a)) for n, a in enumerate(("0.10", "0.20", "-0.30"))]
    with store.transaction() as db:
        entities.write(db, "budget_line", rows, at=NOW, run_id="r")
        total = db.execute(text("SELECT SUM(actual) FROM budget_line")).scalar()

    assert total == 0


def test_an_amount_with_more_places_than_cents_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="more than two places"), store.transaction() as db:
        entities.write(db, "budget_line", [line(actual=Decimal("0.001"))], at=NOW, run_id="r")


def test_instants_come_back_aware_and_text_loses_only_what_no_database_holds(store: Store) -> None:
    item = {
        "connection": "jira",
        "kind": "issue",
        "external_id": "1",
        "title": "a\x00b\ud800 ✓",
        "created_at": NOW,
    }
    with store.transaction() as db:
        entities.write(db, "work_item", [item], at=NOW, run_id="r")
        row = db.execute(select(entity_tables["work_item"])).one()

    assert row.created_at == NOW
    assert row.created_at.tzinfo is not None
    assert row.title == "ab? ✓"


def test_a_known_record_is_not_changed_and_a_changed_one_is(store: Store) -> None:
    with store.transaction() as db:
        first = records.observe(db, READ, [Record("1", {"a": Decimal("1.10")})], NOW)
        again = records.observe(db, READ, [Record("1", {"a": Decimal("1.10")})], LATER)
        other = records.observe(db, READ, [Record("1", {"a": Decimal("1.20")})], LATER)

    assert [len(each) for each in (first, again, other)] == [1, 0, 1]


def test_owned_values_are_kept_although_the_record_is_known(store: Store) -> None:
    with store.transaction() as db:
        records.observe(db, READ, [Record("1", {}, version="1", owned={"rag": None})], NOW)
        changed = records.observe(db, READ, [Record("1", {}, version="2", owned={"rag": "Red"})], LATER)
        row = db.execute(select(source_record)).one()

    assert changed == []
    assert (row.owned, row.version) == ({"rag": "Red"}, "2")


def test_owned_values_come_back_as_the_tool_showed_them(store: Store) -> None:
    shown = {"share": Decimal("0.25"), "whole": Decimal(5), "text": "5", "flag": True, "empty": None}
    with store.transaction() as db:
        records.observe(db, READ, [Record("1", {}, owned=shown)], NOW)
        read = db.scalars(select(source_record.c.owned)).one()
        records.show(db, "snow", "1", {"share": Decimal("0.50")}, None, LATER)
        written = db.scalars(select(source_record.c.owned)).one()

    assert read == shown
    assert written == shown | {"share": Decimal("0.50")}
    assert {name: type(value) for name, value in written.items()} == {
        name: type(value) for name, value in shown.items()
    }


def test_an_older_observation_never_replaces_a_newer(store: Store) -> None:
    with store.transaction() as db:
        records.observe(db, READ, [Record("1", {}, owned={"rag": "Green"})], LATER)
        records.show(db, "snow", "1", {"rag": "Red"}, "9", NOW)
        row = db.execute(select(source_record)).one()

    assert row.owned == {"rag": "Green"}


def test_each_changed_field_is_one_history_row_and_stamps_are_none(store: Store) -> None:
    item = {
        "connection": "jira",
        "kind": "issue",
        "external_id": "1",
        "external_key": "A-1",
        "title": "old",
        "due_on": None,
    }
    with store.transaction() as db:
        entities.write(db, "work_item", [item], at=NOW, run_id="r1")
        db.execute(update(entity_tables["work_item"]).values(project_key="P"))
        entities.write(db, "work_item", [{**item, "source_updated_at": LATER}], at=LATER, run_id="r2")
        entities.write(
            db, "work_item", [{**item, "title": "new", "due_on": date(2026, 12, 1)}], at=LATER, run_id="r3"
        )
        changes = history.history_of(db, "P", None)

    assert [(c["field"], c["before"], c["after"], c["run_id"]) for c in changes] == [
        ("title", "old", "new", "r3"),
        ("due_on", None, "2026-12-01", "r3"),
    ]


def test_quarantine_keeps_its_since_and_a_dropped_value_stays_dropped_until_it_changes(store: Store) -> None:
    entry = {
        "connection": "ledger",
        "kind": "budget_line",
        "external_id": "7",
        "external_key": "7",
        "field": "actual",
        "value": "n/a",
        "reason": "no amount",
        "fix": "",
    }
    with store.transaction() as db:
        for at in (NOW, LATER):
            runs.hold_back(db, [entry], of_write=False, at=at, run_id="r")
        (held,) = runs.quarantined(db)
        runs.drop(db, held["id"], "known", LATER)
        runs.hold_back(db, [entry], of_write=False, at=LATER, run_id="r")
        dropped = runs.quarantined(db)
        runs.hold_back(db, [{**entry, "value": "nil"}], of_write=False, at=LATER, run_id="r")
        changed = runs.quarantined(db)

    assert held["since"] == NOW
    assert dropped == []
    assert [each["value"] for each in changed] == ["nil"]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit SET subject = 'x' WHERE number = 2",
        "DELETE FROM audit WHERE number = 2",
        "UPDATE audit SET number = 9 WHERE number = 1",
    ],
)
def test_an_altered_audit_log_shows_itself(store: Store, harm: str) -> None:
    with store.transaction() as db:
        for number in range(3):
            audit.record(
                db, at=NOW, run_id="r", who="ana", what="write", subject=str(number), detail={"n": Decimal(1)}
            )
        whole = audit.first_broken(db)
        db.execute(text(harm))
        broken = audit.first_broken(db)
        assert db.execute(select(audit_table)).all()

    assert whole is None
    assert broken is not None


def test_a_rehearsal_sees_its_own_changes_and_leaves_none(store_url: str) -> None:
    with open_store(store_url):
        pass
    with open_store(store_url, keep=False) as rehearsal:
        with rehearsal.transaction() as db:
            records.observe(db, READ, [Record("1", {})], NOW)
        with rehearsal.reading() as db:
            seen = records.stored_ids(db, READ)
    with open_store(store_url) as after, after.reading() as db:
        kept = records.stored_ids(db, READ)

    assert (seen, kept) == ({"1"}, set())


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as db:
            records.observe(db, READ, [Record("1", {})], NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.reading() as db:
        assert records.stored_ids(db, READ) == set()


def test_a_fresh_schema_equals_the_declared_tables(store: Store) -> None:
    assert faults(store) == []


def test_another_schema_is_refused_with_what_to_do(store_url: str) -> None:
    with open_store(store_url):
        pass
    engine = create_engine(store_url)
    with engine.begin() as db:
        db.execute(text("DELETE FROM alembic_version"))
    engine.dispose()

    with pytest.raises(SchemaOutdated, match="portico db upgrade"):
        open_store(store_url)


def judged(key: str, value: str) -> snapshots.Judged:
    body = {
        "status": {"overall": {"value": value}},
        "schedule": {"percent_complete": None, "variance_days": None},
        "cost": {"variance": None},
        "earned_value": {"cpi": None, "spi": None},
    }
    return snapshots.Judged(key, "f", json_like(body), {})


def test_a_snapshot_shows_the_newest_judgement_of_each_project_up_to_it(store: Store) -> None:
    with store.transaction() as db:
        for number, changed in enumerate(
            [{"A": judged("A", "green"), "B": judged("B", "red")}, {"A": judged("A", "red")}, {"B": None}]
        ):
            snapshots.keep(
                db,
                snapshot_id=f"S{number}",
                run_id="r",
                taken_at=NOW + timedelta(days=number),
                as_of=(NOW + timedelta(days=number)).date(),
                complete=True,
                portfolio={},
                sources=[],
                changed=changed,  # type: ignore[arg-type]
            )
        shown = [
            {
                key: each.body["status"]["overall"]["value"]
                for key, each in snapshots.judgements(db, number).items()
            }
            for number in (1, 2, 3)
        ]
        trend = [
            (point["as_of"], point["overall"]) for point in snapshots.trends(db, 3, date(2026, 11, 23))["A"]
        ]
        then = snapshots.newest(db, until=NOW + timedelta(days=1))

    assert shown == [{"A": "green", "B": "red"}, {"A": "red", "B": "red"}, {"A": "red"}]
    assert trend == [("2026-11-21", "green"), ("2026-11-22", "red")]
    assert then is not None
    assert then.id == "S1"


def test_what_sqlite_committed_outlives_a_power_cut(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'portico.db'}") as store, store.reading() as db:
        found = [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]

    assert found == ["wal", 2]
