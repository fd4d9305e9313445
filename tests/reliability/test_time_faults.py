"""Time misbehaves: F11, F37, F46, F47, F66. Clocks jump, days change, leap days and daylight saving come."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.fiscal import FiscalCalendar
from connectors.errors import Unavailable
from mapping.codecs import CODECS, Context
from portfolio.store import runs
from sync.assess import today_of
from sync.guards import quiet
from tests.conftest import missing
from tests.reliability.town import Town
from tests.sync.test_run import body

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
ZONES = sorted(
    available_timezones() & {"America/New_York", "Pacific/Kiritimati", "Pacific/Niue", "Asia/Kolkata", "UTC"}
)


def schedules(town: Town) -> list[str]:
    return [each["status"]["schedule"]["value"] for each in town.report()["projects"]]


@pytest.mark.parametrize("step", [-timedelta(hours=2), -timedelta(days=365), timedelta(days=3)])
def test_a_clock_that_jumps_loses_nothing_and_writes_nothing(town: Town, step: timedelta) -> None:
    town.run()
    town.run()
    writes = len(town.snow.write_log)
    town.now += step
    jumped = town.run()
    town.snow.put("id0", body(0, short_description="Renamed after the jump"))
    after = town.run()

    assert jumped.read["snow"].changed == 0
    assert len(town.snow.write_log) == writes
    assert after.read["snow"].changed == 1
    assert any("Renamed" in each["name"] for each in town.report()["projects"])


def test_a_read_stamped_by_a_clock_since_set_back_is_not_fresh_for_ever(town: Town) -> None:
    town.now += timedelta(days=365)
    town.run()
    town.now -= timedelta(days=365)
    town.snow.failing = Unavailable("down")
    town.run()
    source = next(each for each in town.report()["sources"] if each["connection"] == "snow")

    assert source["stale"]
    assert set(schedules(town)) == {"unknown"}


def test_a_census_counted_by_a_clock_since_set_back_is_taken_again(town: Town) -> None:
    town.now += timedelta(days=365)
    town.run()
    town.run()
    town.now -= timedelta(days=365)
    town.snow.delete("id3")
    town.run()
    town.run(census=True)

    assert "id3" not in town.stored()


def test_a_host_asleep_for_days_makes_one_run_of_it(town: Town) -> None:
    town.run()
    town.now += timedelta(days=3)
    report = town.run()

    assert report.outcome == "done"
    with town.store.reading() as db:
        assert len(runs.recent(db)) == 2


def at(local: datetime) -> datetime:
    return local.replace(tzinfo=NEW_YORK).astimezone(UTC)


def test_the_portfolios_day_ends_at_its_own_midnight(town: Town) -> None:
    town.now = at(datetime(2027, 6, 30, 23, 40))  # noqa: DTZ001
    town.run()
    last = town.report()["snapshot"]
    town.run()
    first = town.report()["snapshot"]

    assert (last["as_of"], first["as_of"]) == ("2027-06-30", "2027-07-01")
    assert last["id"] != first["id"]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2027, 3, 14), 23), (date(2026, 11, 1), 25), (date(2028, 2, 29), 24)]
)
def test_a_day_has_as_many_runs_as_it_has_hours_and_one_judgement(town: Town, day: date, hours: int) -> None:
    begin = datetime.combine(day, time(0, 30), NEW_YORK).astimezone(UTC)
    town.now = begin - timedelta(minutes=15)
    town.run()
    judged = []
    for hour in range(1, hours):
        town.now = begin + timedelta(hours=hour) - timedelta(minutes=15)
        judged.append(town.run(write=False).counts()["judged_anew"])
    town.now = begin + timedelta(hours=hours) - timedelta(minutes=15)
    town.run(write=False)

    assert set(judged) == {0}
    assert today_of(town.settings, begin + timedelta(hours=hours - 1)) == day
    assert today_of(town.settings, town.now) == day + timedelta(days=1)


def test_quiet_hours_follow_the_clock_on_the_wall(town: Town) -> None:
    town.reconfigure(quiet="01:30-03:30")
    gap, fold = datetime(2027, 3, 14, 7, 0, tzinfo=UTC), datetime(2026, 11, 1, 5, 45, tzinfo=UTC)

    assert gap.astimezone(NEW_YORK).hour == 3
    assert quiet(town.settings, "snow", gap)
    assert quiet(town.settings, "snow", fold)
    assert quiet(town.settings, "snow", fold + timedelta(hours=1))
    assert quiet(town.settings, "snow", gap + timedelta(minutes=30)) is None


def decode(name: str, value: object, zone: ZoneInfo, naive: ZoneInfo | None = None) -> object:
    return CODECS[name].decode(value, Context(zone, "USD", FiscalCalendar(), naive or zone), None)


@given(st.dates(date(1900, 1, 1)), st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_a_day_without_a_time_is_never_shifted(day: date, zone: str, source: str) -> None:
    assert decode("date", day.isoformat(), ZoneInfo(zone), ZoneInfo(source)) == day


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()),  # noqa: DTZ001
    st.sampled_from(ZONES),
)
def test_an_instant_with_an_offset_means_the_same_in_every_zone(moment: datetime, zone: str) -> None:
    whole = moment.replace(second=0, microsecond=0).astimezone(UTC)

    assert decode("datetime", whole.isoformat(), ZoneInfo(zone)) == whole


def test_the_hour_that_comes_twice_and_the_one_that_never_comes_are_instants() -> None:
    twice = decode("datetime", "2026-11-01 01:30:00", NEW_YORK, CHICAGO)
    never = decode("datetime", "2027-03-14 02:30:00", NEW_YORK, CHICAGO)

    assert twice == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert never == datetime(2027, 3, 14, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "year"),
    [("2027-07-01T03:59:59+00:00", 2027), ("2027-07-01T04:00:00+00:00", 2028)],
)
def test_the_fiscal_year_turns_at_the_portfolios_midnight(moment: str, year: int) -> None:
    day = datetime.fromisoformat(moment).astimezone(NEW_YORK).date()

    assert FiscalCalendar().year_of(day) == year


@given(st.dates(date(2, 1, 1), date(9997, 12, 31)))
def test_every_day_lies_in_the_fiscal_year_that_begins_before_it(day: date) -> None:
    calendar = FiscalCalendar()
    label = calendar.year_of(day)

    assert calendar.first_day(label) <= day < calendar.first_day(label + 1)


def test_a_leap_day_is_a_day_like_any_other(town: Town) -> None:
    town.snow.put("id0", body(0, approved_end_date="2028-02-29 05:00:00", end_date="2028-03-01 05:00:00"))
    town.run()
    schedule = next(each for each in town.report()["projects"] if each["key"] == "PRJ0000")["schedule"]

    assert schedule["finish_baseline"] == "2028-02-29"
    assert schedule["variance_days"] == 1


LEDGER = """
version: 1
portfolio: {timezone: America/New_York}
store: sqlite:///portico.db
connections:
  ledger:
    tool: files
    path: in
    read: [{kind: budget_line, scope: budget.csv, key: [Budget code], full: true, amounts: period}]
"""


def faked(library: Path, folder: Path, clock: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program under another clock; the monotonic one stays real."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "sync.cli", "-c", str(folder / "portico.yaml"), *arguments],
        env={
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAKETIME": clock,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_real_process_lives_through_the_new_fiscal_year_and_a_clock_set_back(tmp_path: Path) -> None:
    try:
        import libfaketime  # noqa: PLC0415
    except ImportError:
        missing("libfaketime")
    library = Path(str(libfaketime.__file__)).parent / "vendor/libfaketime/src/libfaketime.so.1"
    if not library.exists():
        missing("the library of libfaketime")
    (tmp_path / "in").mkdir()
    rows = "Budget code,Fiscal year,Revised budget,Actual\nC1,2027,100.00,50.00\n"
    (tmp_path / "in/budget.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "portico.yaml").write_text(LEDGER, encoding="utf-8")
    before = faked(library, tmp_path, "@2027-07-01 03:59:40", "sync")
    after = faked(library, tmp_path, "@2027-07-01 04:00:01", "sync")
    back = faked(library, tmp_path, "@2027-07-01 02:00:00", "sync")
    status = json.loads(faked(library, tmp_path, "@2027-07-01 04:10:00", "status", "--json").stdout)
    shown = tmp_path / "report.json"
    faked(library, tmp_path, "@2027-07-01 04:10:00", "report", "--format", "json", "-o", str(shown))

    for each in (before, after, back):
        assert each.returncode in {0, 1}, each.stderr
        assert "Traceback" not in each.stderr
    assert {each["outcome"] for each in status["runs"]} <= {"done", "findings"}
    assert status["runs"][0]["started_at"].startswith("2027-07-01T04:00:0")
    assert json.loads(shown.read_text(encoding="utf-8"))["snapshot"]["taken_at"].startswith("2027-07-01T0")
