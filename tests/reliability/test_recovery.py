"""What a run finds after a bad one: open writes, records that come back, holds that end. Each test is a defect that was."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from connectors.base import Outcome, Patch, Shown, Target
from connectors.errors import Invalid
from portfolio.store import audit, runs, writes
from portfolio.store.tables import source_record, write
from sync import crash
from sync.applying import Sent, keep
from sync.outcome import Report
from sync.plan import Change
from tests.reliability.village import Village, item, line, project, steps


def stored(village: Village, name: str) -> set[str]:
    columns = source_record.c
    with village.store.reading() as db:
        where = (columns.connection == name, columns.deleted_at.is_(None))
        return set(db.scalars(select(columns.external_id).where(*where)))


def alarms(village: Village) -> set[tuple[str, str]]:
    with village.store.reading() as db:
        return {(each["connection"], each["kind"]) for each in runs.alarms(db)}


def audited(village: Village, what: str) -> list[str]:
    with village.store.reading() as db:
        return [each["subject"] for each in audit.entries(db) if each["what"] == what]


def test_a_write_that_was_killed_before_its_note_is_found_owned_and_audited(village: Village) -> None:
    assert village.killed_run("apply.after_request")
    effects = [(each["field"], each["after"]) for each in village.tools["snow"].write_log]
    village.run()
    with village.store.reading() as db:
        owned = writes.owned(db)
        states = {row.record: row.state for row in db.execute(select(write)) if row.connection == "snow"}

    assert [(each["field"], each["after"]) for each in village.tools["snow"].write_log][
        : len(effects)
    ] == effects
    assert states["p0"] == "applied"
    assert owned["snow", "p0", "u_rag"]["value"] == "Green"
    assert len(audited(village, "write")) == 3 + 3 + 3
    assert len(village.tools["snow"].write_log) == 3 * len(effects)


def test_a_value_of_a_killed_run_is_ours_when_the_wish_changes(village: Village) -> None:
    village.policy = "keep"
    village.run()
    village.tools["work"].put("w00", item("PRJ0", "done"), "work_item")
    assert village.killed_run("apply.after_request", hit=2)
    shown = village.tools["work"].rows["standing(key=PRJ0)"].values["done"]
    village.tools["work"].put("w01", item("PRJ0", "done"), "work_item")
    village.run()

    assert str(shown) == "0.3333"
    assert str(village.tools["work"].rows["standing(key=PRJ0)"].values["done"]) == "0.6667"


def test_a_record_edited_between_the_look_and_the_write_is_left_for_the_next_run(village: Village) -> None:
    tool = village.tools["snow"]
    left = 5

    def edit() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            tool.set("p0", {"u_rag": "by hand"})

    tool.asking = edit
    report = village.run()
    shown = tool.rows["p0"].values["u_rag"]
    village.run()

    assert (report.conflicts, report.outcome) == (1, "findings")
    assert shown == "by hand"
    assert tool.rows["p0"].values["u_rag"] == "Green"


def quarantined_since(village: Village) -> list[object]:
    with village.store.reading() as db:
        return [each["since"] for each in runs.quarantined(db)]


def test_of_a_patch_with_a_refused_field_one_that_the_tool_reshaped_was_taken(village: Village) -> None:
    target = Target("pm_project", "p0", fields=("u_rag", "u_cost"))
    changes = [
        Change("snow", "p0", "PRJ0", "PRJ0", "rag_cost", name, None, "RED", "why", first=True)
        for name in target.fields
    ]
    outcome = Outcome(Patch(target, {}), Shown(target, True, "p0", {"u_cost": "red"}), Invalid("u_rag stays"))
    with village.store.transaction() as db:
        keep(db, Report("R1"), Sent(1, "snow", "p0", changes), outcome, village.now)
        assert [name for _, _, name in writes.owned(db)] == ["u_cost"]
        assert [each["field"] for each in runs.quarantined(db)] == ["u_rag"]


def test_of_a_patch_that_was_taken_in_part_the_rest_is_refused(village: Village) -> None:
    tool = village.tools["snow"]
    tool.stubborn = {"u_rag"}
    report = village.run()
    village.check(quiet=True)
    with village.store.reading() as db:
        held = [(each["external_id"], each["field"], each["fix"]) for each in runs.quarantined(db)]
        told = [each["detail"] for each in audit.entries(db) if each["what"] == "write"]
    written = {change["field"] for each in told if each["connection"] == "snow" for change in each["changes"]}
    assert held == [(f"p{number}", "u_rag", "Let it be written.") for number in range(3)]
    assert written == {"u_done", "u_why", "u_at"}
    assert (report.refused, report.outcome) == (3, "findings")
    assert report.applied == sum(len(each.write_log) for each in village.tools.values())
    effects, since = len(tool.write_log), quarantined_since(village)
    village.run()
    assert len(tool.write_log) == effects
    village.tools["work"].put("w00", item("PRJ0", "done"), "work_item")
    village.run()
    assert len(tool.write_log) > effects
    assert quarantined_since(village) == since

    tool.stubborn = set()
    village.run()
    with village.store.reading() as db:
        assert runs.quarantined(db) == []
    assert {tool.rows[f"p{number}"].values["u_rag"] for number in range(3)} == {"Green"}


def test_a_write_without_an_answer_that_no_look_finds_is_audited_as_unclear(village: Village) -> None:
    assert village.killed_run("apply.after_intent")
    village.run()

    assert audited(village, "write_unclear") == ["snow p0", "snow p1", "snow p2"]
    assert [each["field"] for each in village.tools["snow"].write_log].count("u_rag") == 3


@pytest.mark.parametrize("censuses", [1, 3], ids=["missed", "buried"])
def test_a_record_that_becomes_visible_again_is_read_again(village: Village, censuses: int) -> None:
    village.run()
    village.tools["work"].hidden.add("w00")
    for _ in range(censuses):
        village.run(census=True)
    gone = "w00" not in stored(village, "work")
    village.tools["work"].hidden.clear()
    village.run(census=True)

    assert gone == (censuses > 1)
    assert "w00" in stored(village, "work")
    assert village.report()["projects"][0]["work"]["todo"] == 3


@pytest.mark.parametrize(("of", "to"), ["ab", "ba"])
def test_a_record_that_moves_between_two_scopes_counts_in_the_new_one(
    village: Village, of: str, to: str
) -> None:
    village.tools["work"].put("w09", item("PRJ0", team=of), "work_item")
    village.run()
    village.tools["work"].put("w09", item("PRJ0", "done", team=to), "work_item")
    village.run(census=True)

    assert village.report()["projects"][0]["work"]["done"] == 1
    village.check(quiet=True)


def test_a_record_that_was_never_given_is_noticed_by_the_census(village: Village) -> None:
    village.tools["work"].hidden.add("w00")
    village.run()
    village.run()
    village.tools["work"].hidden.clear()
    village.run()
    before = "w00" in stored(village, "work")
    village.run(census=True)

    assert not before, "its change lies behind the cursor"
    assert "w00" in stored(village, "work")


def test_an_edit_behind_the_cursor_is_found_by_the_weekly_read(village: Village) -> None:
    village.run()
    village.run()
    village.tools["work"].hidden.add("w00")
    village.tools["work"].put("w00", item("PRJ0", "done"), "work_item")
    village.tools["work"].put("w01", item("PRJ0", "done"), "work_item")
    village.run()
    village.tools["work"].hidden.clear()
    village.run(census=True)
    before = village.report()["projects"][0]["work"]["done"]
    village.now += timedelta(days=7)
    village.run()

    assert before == 1, "neither cursor nor ids show it"
    assert village.report()["projects"][0]["work"]["done"] == 2


def test_an_edit_of_a_record_that_was_out_of_sight_is_read(village: Village) -> None:
    village.run()
    village.tools["work"].hidden.add("w00")
    village.tools["work"].put("w00", item("PRJ0", "done"), "work_item")
    village.tools["work"].put("w01", item("PRJ0", "done"), "work_item")
    village.run(census=True)
    village.tools["work"].hidden.clear()
    village.run(census=True)

    assert village.report()["projects"][0]["work"]["done"] == 2


def test_a_read_shorter_than_announced_is_done_again_in_full(village: Village) -> None:
    village.tools["snow"].withhold = 1
    short = village.run()
    village.tools["snow"].withhold = 0
    healed = village.run()

    assert not short.read["snow"].ok
    assert healed.read["snow"].records == 6
    assert stored(village, "snow") == set(village.tools["snow"].rows)


def test_the_alarm_ends_when_the_records_are_back(village: Village) -> None:
    for number in range(10):
        village.tools["snow"].put(f"q{number}", project(number + 10), "pm_project")
    village.run()
    village.tools["snow"].hidden |= {f"q{number}" for number in range(10)}
    held = village.run(census=True)
    still = village.run()
    standing = alarms(village)
    village.tools["snow"].hidden.clear()
    village.run()

    assert (held.outcome, still.outcome) == ("held", "held")
    assert standing == {("snow", "disappeared")}
    assert alarms(village) == set()


def test_a_replacement_that_a_brake_holds_stays_held_until_approved(village: Village) -> None:
    for number in range(10):
        village.tools["ledger"].put(f"m{number}", line(number + 10, "10.00", "1.00"), "budget_line")
    village.run()
    for number in range(10):
        village.tools["ledger"].delete(f"m{number}")
    outcomes = [village.run().outcome, village.run().outcome]
    kept = stored(village, "ledger")
    village.run(approve=True)

    assert outcomes == ["held", "held"]
    assert len(kept) == 13
    assert stored(village, "ledger") == {"l0", "l1", "l2"}
    assert alarms(village) == set()


def test_quarantine_ends_with_its_record(village: Village) -> None:
    village.tools["snow"].put("p9", project(9, start_date="soon"), "pm_project")
    held = village.run().quarantined
    village.tools["snow"].delete("p9")
    for _ in range(2):
        report = village.run(census=True)

    assert held == 1
    assert report.quarantined == 0
    assert report.outcome == "done"


def test_a_tool_that_was_restored_from_a_backup_is_held_then_read_again(village: Village) -> None:
    village.run()
    backup = village.tools["snow"].backup()
    village.tools["snow"].put("p0", project(0, "2027-12-31"), "pm_project")
    village.run()
    red = village.report()["projects"][0]["status"]["schedule"]["value"]
    village.tools["snow"].restore(backup)
    held = village.run(census=True)
    standing = alarms(village)
    village.run(approve=True)
    quiet = village.run(census=True)

    assert red == "red"
    assert held.outcome == "held"
    assert standing == {("snow", "restored")}
    assert village.report()["projects"][0]["status"]["schedule"]["value"] == "green"
    assert village.tools["snow"].rows["p0"].values["u_rag"] == "Green"
    assert (quiet.outcome, quiet.plan.changes, alarms(village)) == ("done", (), set())


class Full(Exception):
    """The disk is full."""


def test_a_store_that_fails_while_reading_leaves_no_reader_behind(village: Village) -> None:
    village.page_size = 1
    before = threading.active_count()

    def fail(point: str) -> None:
        if point == "pull.in_page":
            raise Full

    with crash.watching(fail), pytest.raises(Full), village.start() as run:
        steps(run)

    assert threading.active_count() == before
    assert village.run().outcome == "done"
