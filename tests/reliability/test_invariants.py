"""Each invariant's check can fail: a store, tool or log altered by hand is named by its number; a sound one has no violation."""

import random
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import delete, insert, text, update

from connectors.errors import Unavailable
from portfolio.store import runs
from portfolio.store.tables import (
    audit,
    connection,
    entity_tables,
    history,
    judgement,
    quarantine,
    scope,
    snapshot,
    source_record,
    write,
)
from tests.reliability.invariants import canonical, check, check_further_runs, violations
from tests.reliability.remote import of_memory
from tests.reliability.village import SECRET, Village, item


def found(village: Village, outputs: tuple[str, ...] = ()) -> list[str]:
    return violations(
        village.store,
        village.settings,
        village.judged_by,
        of_memory(village.settings, village.tools),
        now=village.now,
        secrets=[SECRET],
        outputs=outputs,
    )


@pytest.fixture
def busy(village: Village) -> Village:
    """A village with a history: edits, drift, a killed run."""
    village.run()
    village.tools["work"].put("w00", item("PRJ0", "done"), "work_item")
    village.tools["snow"].set("p1", {"u_rag": "by hand"})
    village.killed_run("apply.after_request")
    village.run(census=True)
    return village


def test_a_sound_history_has_no_violation_and_further_runs_add_nothing(busy: Village) -> None:
    assert found(busy) == []
    check_further_runs(busy.store, busy.run, busy.effects)


def _lost(village: Village) -> None:
    village.tools["work"].put("w99", item("PRJ0"), "work_item")


def _served_otherwise(village: Village) -> None:
    village.tools["work"].rows["w00"].body["title"] = "Another"


def _two_rows(village: Village) -> None:
    with village.store.transaction() as db:
        names = {"connection": "work", "kind": "work_item", "external_id": "w00"}
        db.execute(insert(entity_tables["risk"]).values(**names, first_seen_at=village.now))


def _history_gap(village: Village) -> None:
    with village.store.transaction() as db:
        db.execute(update(history).where(history.c.field == "status_category").values(before="done"))


def _quarantined_twice(village: Village) -> None:
    entry = {
        "connection": "work",
        "kind": "work_item",
        "external_id": "w00",
        "field": "",
        "reason": "bad",
        "since": village.now,
        "run_id": "R",
        "write": False,
    }
    with village.store.transaction() as db:
        db.execute(insert(quarantine), [entry, entry])


def _cursor_ahead(village: Village) -> None:
    _lost(village)
    with village.store.transaction() as db:
        db.execute(update(scope).where(scope.c.connection == "work").values(cursor={"change": 999}))


def _written_twice(village: Village) -> None:
    log = village.tools["snow"].write_log
    log.append(log[0])


def _written_late(village: Village) -> None:
    log = village.tools["work"].write_log
    log.append(next(each for each in log if each["field"] == "done"))


def _foreign_field(village: Village) -> None:
    village.tools["snow"].write_log.append({"id": "p0", "field": "state", "before": "2", "after": "3"})


def _altered_audit(village: Village) -> None:
    with village.store.transaction() as db:
        db.execute(update(audit).where(audit.c.number == 2).values(who="somebody"))


def _unaudited(village: Village) -> None:
    with village.store.transaction() as db:
        last = db.execute(text("SELECT max(number) FROM audit")).scalar()
        db.execute(delete(audit).where(audit.c.number == last))


def _money(village: Village) -> None:
    table = entity_tables["budget_line"]
    with village.store.transaction() as db:
        db.execute(update(table).where(table.c.external_id == "l0").values(revised_budget=Decimal("1000.01")))


def _altered_judgement(village: Village) -> None:
    with village.store.transaction() as db:
        db.execute(update(judgement).values(hash="0"))


def _untold_hold(village: Village) -> None:
    with village.store.transaction() as db:
        db.execute(update(connection).where(connection.c.name == "snow").values(state="held"))


def _old_alarm(village: Village) -> None:
    with village.store.transaction() as db:
        runs.raise_alarm(db, "snow", "disappeared", "gone", village.now)


def _vanished_row(village: Village) -> None:
    table = entity_tables["work_item"]
    with village.store.transaction() as db:
        db.execute(update(table).where(table.c.external_id == "w00").values(deleted_at=village.now))


def _dishonest_run(village: Village) -> None:
    with village.store.transaction() as db:
        db.execute(update(connection).where(connection.c.name == "snow").values(state="failed"))


def _dishonest_snapshot(village: Village) -> None:
    village.tools["work"].failing = Unavailable("no connection")
    village.run()
    with village.store.transaction() as db:
        db.execute(update(snapshot).values(complete=True))


def _left_open(village: Village) -> None:
    with village.store.transaction() as db:
        db.execute(update(write).values(state="unknown"))


def _not_replayable(village: Village) -> None:
    table = entity_tables["work_item"]
    with village.store.transaction() as db:
        db.execute(update(table).where(table.c.external_id == "w00").values(title="Otherwise"))


def _secret(village: Village) -> None:
    with village.store.transaction() as db:
        db.execute(update(source_record).values(url=f"http://portico:{SECRET}@host/"))


@pytest.mark.parametrize(
    ("number", "harm"),
    [
        ("I1", _lost),
        ("I1", _served_otherwise),
        ("I2", _two_rows),
        ("I2", _history_gap),
        ("I2", _quarantined_twice),
        ("I3", _cursor_ahead),
        ("I4", _written_twice),
        ("I4", _written_late),
        ("I6", _foreign_field),
        ("I9", _altered_audit),
        ("I9", _unaudited),
        ("I10", _money),
        ("I11", _altered_judgement),
        ("I12", _untold_hold),
        ("I12", _old_alarm),
        ("I13", _vanished_row),
        ("I14", _dishonest_run),
        ("I14", _dishonest_snapshot),
        ("I15", _left_open),
        ("I16", _not_replayable),
        ("I18", _secret),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__.strip("_"),
)
def test_harm_is_named(busy: Village, number: str, harm: Callable[[Village], None]) -> None:
    harm(busy)

    assert number in {each.partition(":")[0] for each in found(busy)}


def test_a_secret_in_an_output_is_named(busy: Village) -> None:
    assert [each.partition(":")[0] for each in found(busy, ("token " + SECRET,))] == ["I18"]


def test_check_asserts(busy: Village) -> None:
    _lost(busy)
    with pytest.raises(AssertionError, match="I1: work work_item w99 is served but not stored"):
        check(
            busy.store,
            busy.settings,
            busy.judged_by,
            of_memory(busy.settings, busy.tools),
            now=busy.now,
        )


def test_an_echo_is_named(busy: Village) -> None:
    def rewritten() -> int:
        busy.tools["snow"].set("p0", {"u_rag": "by hand"})
        return busy.effects()

    with pytest.raises(AssertionError, match="I7"):
        check_further_runs(busy.store, busy.run, rewritten)


def test_the_order_of_pages_makes_no_difference(village: Village) -> None:
    village.tools["work"].shuffle = random.Random(1)
    village.tools["work"].twice = True
    village.tools["snow"].faults = [None, None, Unavailable("no connection")]
    village.run()
    village.run()
    with village.store.reading() as db:
        one = canonical(db)
    with village.store.transaction() as db:
        for table in (scope, source_record, *entity_tables.values()):
            db.execute(table.delete())
    village.tools["work"].shuffle, village.tools["work"].twice, village.page_size = None, False, 100
    village.run()
    with village.store.reading() as db:
        assert canonical(db) == one
