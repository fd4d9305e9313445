"""ServiceNow's own bad days, through the whole program."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.office import Office, Ran, by

BAD_ROW = "finance/in/budget_example_of_a_bad_row.csv"


def test_a_spent_quota_stops_its_connection_alone_and_the_next_run_goes_on(tmp_path: Path) -> None:
    with Office(tmp_path) as office:
        (office.folder / BAD_ROW).unlink()
        snow = office.state("snow")
        snow.quota, snow.retry_after = 20, 1800
        limited = office.sync()
        connections = by(limited.json["connections"], "connection")
        assert limited.code == 1
        assert {name for name, each in connections.items() if not each["ok"]} == {"snow"}
        assert "1800 s" in connections["snow"]["error"]
        assert "snow: 0 of 5000 requests left" in office.run("status").out
        assert office.writes()["snow"] == 0
        assert office.writes()["jira"] > 0
        kept = len(office.rows("source_record"))
        asked = len(snow.requests)

        snow.quota = None
        healed = office.sync()
        assert healed.code == 0, healed.out
        assert len(office.rows("source_record")) > kept
        assert asked < len(snow.requests)
        assert office.writes()["snow"] > 0
        snow.quota = 5000
        assert office.sync().json["counts"]["planned"] == 0
        assert "snow: 5000 requests granted until " in office.run("status").out


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with Office(tmp_path_factory.mktemp("office")) as office:
        (office.folder / BAD_ROW).unlink()
        assert office.sync().code == 0
        assert office.sync().code == 0
        yield office


def live(office: Office, kind: str) -> set[str]:
    return {
        row["external_id"]
        for row in office.rows("source_record")
        if (row["connection"], row["kind"]) == ("snow", kind) and row["deleted_at"] is None
    }


def counted(office: Office) -> Ran:
    """A sync a day later, which brings the census."""
    office.later(hours=25)
    return office.sync()


def test_a_recorded_deletion_needs_no_census_and_an_unrecorded_one_needs_two(running: Office) -> None:
    tables = running.state("snow").tables
    tables.audited.add("risk")
    audited, other = next(iter(live(running, "risk"))), next(iter(live(running, "cmdb_ci_outage")))
    running.later(hours=1)
    tables.delete("risk", audited)
    tables.delete("cmdb_ci_outage", other)
    assert running.sync().code == 0
    assert audited not in live(running, "risk")
    for _ in range(2):
        assert other in live(running, "cmdb_ci_outage")
        counted(running)
    assert other not in live(running, "cmdb_ci_outage")


def test_rights_that_are_lost_are_an_alarm_and_no_deletion(running: Office) -> None:
    snow = running.state("snow")
    before = live(running, "pm_project_task")
    snow.rights.hidden.update(sorted(before)[: len(before) // 2])
    for _ in range(2):
        ran = counted(running)
        assert ran.code == 3
    assert live(running, "pm_project_task") == before
    alarms = running.run("status", "--json").json["alarms"]
    (text,) = [each["text"] for each in alarms if each["connection"] == "snow"]
    assert "no longer visible; nothing is deleted" in text
    snow.rights.hidden.clear()
    assert counted(running).code == 0
    assert not [
        each for each in running.run("status", "--json").json["alarms"] if each["connection"] == "snow"
    ]


def test_a_change_that_moves_no_stamp_is_seen_by_the_weekly_read(running: Office) -> None:
    id_ = min(live(running, "pm_project_task"))
    row = running.state("snow").tables.find("pm_project_task", id_)
    row["short_description"] = "Changed by a script"

    def title() -> str:
        (found,) = [each["title"] for each in running.rows("work_item") if each["external_id"] == id_]
        return str(found)

    counted(running)
    assert title() != "Changed by a script"
    running.later(days=7)
    running.sync()
    assert title() == "Changed by a script"


def test_too_many_recorded_deletions_wait_for_a_person(running: Office) -> None:
    tables = running.state("snow").tables
    tables.audited.add("pm_project_task")
    before = live(running, "pm_project_task")
    for id_ in sorted(before)[: len(before) // 2]:
        tables.delete("pm_project_task", id_)
    assert running.sync().code == 3
    assert live(running, "pm_project_task") == before
