"""What keeps a run from writing: an automation that fights it, quiet hours, another tenant, the kill switch."""

import threading
from datetime import UTC, datetime, time, timedelta

import pytest

from config import hours
from config.loading import load
from sync.engine import Run
from sync.guards import quiet
from sync.outcome import Caps, Report
from sync.switch import Switch
from sync.wiring import policy
from tests.reliability.town import Town
from tests.sync.test_run import body


def test_a_field_that_an_automation_keeps_rewriting_is_parked_with_an_alarm(town_of_both: Town) -> None:
    town = town_of_both
    town.snow.automation = (("u_rag", "Purple"),)
    town.run()
    restored = []
    for _ in range(6):
        town.automate()
        restored.append(town.run())
    values = {row.values["u_rag"] for row in town.snow.rows.values()}

    assert [report.records_written for report in restored] == [5, 5, 5, 0, 0, 0]
    assert values == {"Purple"}
    assert restored[-1].outcome == "findings"
    assert "ID0 u_rag (shows 'Purple')" in town.alarms()["snow", "ping_pong"]


def test_approval_restores_a_parked_field_and_ends_its_alarm(town: Town) -> None:
    town.snow.automation = (("u_rag", "Purple"),)
    town.run()
    for _ in range(4):
        town.automate()
        town.run()
    approved = town.run(caps=Caps(approve=True))
    quiet = town.run()

    assert approved.records_written == 5
    assert {row.values["u_rag"] for row in town.snow.rows.values()} == {"Unknown"}
    assert quiet.outcome == "done"
    assert town.alarms() == {}


def test_hand_edits_weeks_apart_are_never_parked(town: Town) -> None:
    town.run()
    for _ in range(5):
        town.snow.set("id0", {"u_rag": "Purple"})
        assert town.run().records_written == 1
        town.now += timedelta(days=8)
        town.run()

    assert town.snow.rows["id0"].values["u_rag"] == "Unknown"


def test_a_connection_that_turns_into_another_tenant_is_neither_read_nor_written(town: Town) -> None:
    town.run()
    town.snow.tenant = "production"
    town.snow.put("id0", body(0, end_date="2027-06-30 05:00:00"))
    before = len(town.snow.write_log)
    refused = town.run(census=True)

    assert refused.outcome == "findings"
    assert refused.read["snow"].records == 0
    assert "`portico sync --approve`" in refused.read["snow"].fix
    assert "filled from city-of-test" in town.alarms()["snow", "tenant"]
    assert len(town.snow.write_log) == before
    assert refused.read["other"].ok


def test_another_tenant_that_a_person_approves_is_read_from_its_beginning(town: Town) -> None:
    town.run()
    town.run()
    town.snow.tenant = "production"
    town.snow.rows["id3"].body["short_description"] = "Another project of that number"
    approved = town.run(census=True, approve=True)

    assert approved.read["snow"].ok
    assert "Another project of that number" in {each["name"] for each in town.report()["projects"]}


def test_a_configuration_that_points_elsewhere_is_recognised_before_its_first_read(town: Town) -> None:
    town.run()
    snow = town.settings.connections["snow"].model_copy(update={"url": "http://127.0.0.1:3"})
    town.settings = town.settings.model_copy(
        update={"connections": {**town.settings.connections, "snow": snow}}
    )
    same = town.run()
    town.snow.tenant = "production"
    moved = snow.model_copy(update={"url": "http://127.0.0.1:4"})
    town.settings = town.settings.model_copy(
        update={"connections": {**town.settings.connections, "snow": moved}}
    )

    assert same.outcome == "done"
    assert "is production" in str(town.run().read["snow"].error)


def test_another_tenant_is_noticed_before_a_write_even_where_it_was_read(town: Town) -> None:
    town.run()
    town.run()
    before = len(town.snow.write_log)
    town.snow.tenant = "production"
    town.snow.set("id0", {"u_rag": "Purple"})
    report = town.run()

    assert report.read["snow"].ok
    assert report.plan.changes
    assert report.outcome == "findings"
    assert len(town.snow.write_log) == before
    assert ("snow", "tenant") in town.alarms()


def test_an_approved_tenant_is_read_in_full_and_written(town: Town) -> None:
    town.run()
    town.snow.tenant = "merged-city"
    town.run(census=True)
    accepted = town.run(caps=Caps(approve=True), approve=True, census=True)
    after = town.run(census=True)

    assert accepted.read["snow"].records == 5
    assert (accepted.outcome, after.outcome) == ("done", "done")
    assert town.alarms() == {}


def test_quiet_hours_let_writes_wait_but_show_the_plan(town: Town) -> None:
    town.reconfigure(quiet="22:00-06:00")
    town.now = datetime(2026, 11, 17, 2, 45, tzinfo=UTC)
    at_night = town.run()
    waiting = town.report()
    town.now = datetime(2026, 11, 17, 10, 45, tzinfo=UTC)
    at_six = town.run()

    assert at_night.plan.changes
    assert at_night.counts()["waiting"] == {"snow": "quiet hours 22:00-06:00"}
    assert at_night.applied == 0
    assert len(waiting["projects"]) == 5
    assert at_six.records_written == 5


def test_quiet_hours_of_one_connection_are_its_own(town: Town) -> None:
    snow = town.settings.connections["snow"]
    own = snow.safety.model_copy(update={"quiet": "00:00-23:59"})
    town.settings = town.settings.model_copy(
        update={"connections": {**town.settings.connections, "snow": snow.model_copy(update={"safety": own})}}
    )

    assert quiet(town.settings, "snow", town.now) == "00:00-23:59"
    assert quiet(town.settings, "other", town.now) is None


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59", "12:00"]),
        ("12:00 - 13:30", ["12:00", "13:29"], ["13:30", "11:59", "00:00"]),
    ],
)
def test_hours_hold_their_begin_and_not_their_end(text: str, within: list[str], outside: list[str]) -> None:
    found = hours.parse(text)

    assert all(found.hold(time.fromisoformat(each)) for each in within)
    assert not any(found.hold(time.fromisoformat(each)) for each in outside)


@pytest.mark.parametrize("text", ["22-6", "25:00-06:00", "22:00-22:00", "at night"])
def test_hours_that_are_none_are_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(ValueError, match="22:00-06:00"):
        hours.parse(text)


def switched(town: Town, after: int) -> Report:
    """A run whose configuration file says `write: false` after so many writes."""
    path = town.settings.file
    text = path.read_text(encoding="utf-8")
    environ = {"PASSWORD": "canary-4711"}
    switch = Switch(path, lambda: load(path, environ), town.settings)
    began = len(town.snow.write_log)

    def flip(name: str) -> bool:
        if len({each["id"] for each in town.snow.write_log[began:]}) >= after:
            path.write_text(f"{text}safety: {{write: false}}\n", encoding="utf-8")
        return switch(name)

    town.now += timedelta(minutes=15)
    with Run(
        town.store,
        town.settings,
        policy(town.settings),
        command="sync",
        now=town.now,
        clock=lambda: town.now,
        connect=town.connect,
        may_write=flip,
    ) as run:
        run.pull(list(town.settings.connections))
        run.plan(Caps())
        run.apply()
    path.write_text(text, encoding="utf-8")
    return run.report


def test_the_kill_switch_in_the_file_stops_within_one_request(town: Town) -> None:
    report = switched(town, after=2)

    assert report.records_written == 2
    assert report.waiting == {"snow": "writing was switched off"}
    assert len({each["id"] for each in town.snow.write_log}) == 2
    assert town.run().records_written == 3


def test_a_broken_file_keeps_what_the_kill_switch_said_before(town: Town) -> None:
    path = town.settings.file
    switch = Switch(path, lambda: load(path, {"PASSWORD": "x"}), town.settings)
    path.write_text("version: 1\nconnections: [", encoding="utf-8")

    assert switch("snow")


def test_a_stop_ends_writing_after_the_request_under_way(town: Town) -> None:
    stop = threading.Event()
    town.now += timedelta(minutes=15)

    def clock() -> datetime:
        if town.snow.write_log:
            stop.set()
        return town.now

    with Run(
        town.store,
        town.settings,
        policy(town.settings),
        command="sync",
        now=town.now,
        clock=clock,
        stop=stop,
        connect=town.connect,
    ) as run:
        run.pull(list(town.settings.connections))
        run.plan(Caps())
        run.apply()

    assert run.report.interrupted
    assert run.report.records_written == 1
    assert town.run().records_written == 4
