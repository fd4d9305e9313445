"""One run over tools that live in this process, with the same promises on both databases."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from config.loading import load
from config.settings import Settings
from connectors.base import Outcome, Patch
from connectors.errors import ContractBroken, CredentialsRefused, RateLimited, Unavailable
from portfolio.store import audit, leases, manual, records, runs
from portfolio.store.database import Store, open_store
from portfolio.store.records import Read
from portfolio.store.tables import entity_tables, judgement, lease
from sync.engine import Run
from sync.lookback import rebuilt
from sync.outcome import Caps, Report
from sync.reporting import document
from sync.wiring import policy
from tests.connectors.memory import Memory, MemoryTool

START = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
CONFIGURATION = """
version: 1
portfolio: {name: Test, timezone: America/New_York, fiscal_year_start: "07-01"}
connections:
  snow:
    tool: servicenow
    url: http://127.0.0.1:1
    auth: {type: basic, user: portico, password: "${PASSWORD}"}
    read: [{kind: pm_project}]
    write: {project: {rag_overall: {field: u_rag, values: {green: Green, amber: Amber, red: Red, unknown: Unknown}},
                      explanation: u_why, computed_at: u_at}}
  other:
    tool: servicenow
    url: http://127.0.0.1:2
    auth: {type: basic, user: portico, password: "${PASSWORD}"}
    read: [{kind: incident, scope: active=true}]
projects:
  from: [{connection: snow, kind: pm_project}]
  rules: [{connection: other, kind: incident, value: u_project, equals: key}]
"""


def body(number: int, **more: str) -> dict[str, Any]:
    """A project as ServiceNow stores it: on time, a year long."""
    return {
        "number": f"PRJ{number:04}",
        "short_description": f"Project {number}",
        "state": "2",
        "start_date": "2026-01-01 05:00:00",
        "end_date": "2026-12-31 05:00:00",
        "approved_start_date": "2026-01-01 05:00:00",
        "approved_end_date": "2026-12-31 05:00:00",
        **more,
    }


def incident(number: int, **more: str) -> dict[str, Any]:
    """An open incident of the first project."""
    return {
        "number": f"INC{number}",
        "state": "1",
        "active": "true",
        "opened_at": "2026-11-01 10:00:00",
        "u_project": "PRJ0000",
        **more,
    }


def open_tickets(city: "City") -> int:
    return int(city.report()["projects"][0]["ticket_counts"]["open"])


@dataclass
class City:
    """A store, two tools, and the hands to run Portico over them."""

    store: Store
    settings: Settings
    tools: dict[str, MemoryTool] = field(default_factory=dict)
    now: datetime = START

    def connect(self, name: str) -> Memory:
        return Memory(name, self.tools[name], page_size=10)

    def start(self, **given: Any) -> Run:
        return Run(
            self.store,
            self.settings,
            policy(self.settings),
            **{
                "command": "sync",
                "now": self.now,
                "clock": lambda: self.now,
                "connect": self.connect,
                **given,
            },
        )

    def run(self, *, caps: Caps | None = None, write: bool = True, **pull: Any) -> Report:
        self.now += timedelta(minutes=15)
        with self.start() as run:
            run.pull(list(self.settings.connections), **pull)
            run.plan(caps or Caps())
            if write:
                run.apply()
        return run.report

    def report(self) -> dict[str, Any]:
        with self.store.reading() as db:
            return document(db, self.settings)

    def stored(self) -> set[str]:
        with self.store.reading() as db:
            return records.stored_ids(db, Read("snow", "pm_project", ""))


@pytest.fixture
def city(store_url: str, tmp_path: Path) -> Iterator[City]:
    path = tmp_path / "portico.yaml"
    path.write_text(f"{CONFIGURATION}\nstore: {store_url}\n", encoding="utf-8")
    settings = load(path, {"PASSWORD": "canary-4711"})
    with open_store(settings.store) as store:
        made = City(store, settings, {"snow": MemoryTool(), "other": MemoryTool()})
        for number in range(25):
            made.tools["snow"].put(f"id{number}", body(number))
        for number in range(12):
            made.tools["other"].put(f"inc{number}", incident(number))
        yield made


def test_the_first_run_fills_the_fields_and_five_more_write_nothing(city: City) -> None:
    first = city.run()
    further = [city.run() for _ in range(5)]
    log = city.tools["snow"].write_log

    assert first.outcome == "done"
    assert first.records_written == 25
    assert [each.counts()["planned"] for each in further] == [0] * 5
    assert [each.counts()["judged_anew"] for each in further] == [0] * 5
    assert len(log) == first.applied


def test_a_rehearsal_writes_nothing(city: City) -> None:
    report = city.run(write=False)

    assert report.plan.changes
    assert city.tools["snow"].write_log == []


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("no connection"),
        ContractBroken("HTML instead of JSON"),
        CredentialsRefused("401"),
        RateLimited("429", retry_after=3600),
        RuntimeError("a defect"),
    ],
    ids=["down", "html", "401", "429", "defect"],
)
def test_a_tool_that_fails_keeps_its_rows_and_fields_and_is_named(city: City, failure: Any) -> None:
    city.run()
    fields_before = {id_: dict(row.values) for id_, row in city.tools["snow"].rows.items()}
    city.tools["snow"].failing = failure
    report = city.run(census=True)
    shown = city.report()
    source = next(each for each in shown["sources"] if each["connection"] == "snow")

    assert report.outcome == "findings"
    assert report.read["other"].ok
    assert city.stored() == set(city.tools["snow"].rows)
    assert {id_: dict(row.values) for id_, row in city.tools["snow"].rows.items()} == fields_before
    assert source["stale"]
    assert source["error"]
    assert len(shown["projects"]) == 25


def test_a_tool_past_its_limit_makes_its_figures_unknown(city: City) -> None:
    city.run()
    known = city.report()["projects"][0]["status"]["schedule"]["value"]
    city.tools["snow"].failing = Unavailable("no connection")
    city.now += timedelta(hours=25)
    city.run()

    assert known == "green"
    assert {each["status"]["schedule"]["value"] for each in city.report()["projects"]} == {"unknown"}


def test_a_read_shorter_than_announced_deletes_and_writes_nothing(city: City) -> None:
    city.run()
    city.tools["snow"].withhold = 3
    city.tools["snow"].put("id1", body(1, short_description="Renamed"))
    written = len(city.tools["snow"].write_log)
    report = city.run(full=True)

    assert not report.read["snow"].ok
    assert city.stored() == set(city.tools["snow"].rows)
    assert len(city.tools["snow"].write_log) == written


def test_a_record_is_deleted_when_two_censuses_and_a_read_by_id_agree(city: City) -> None:
    city.run()
    city.tools["snow"].delete("id3")
    after_one = (city.run(census=True), city.stored())[1]
    after_two = (city.run(census=True), city.stored())[1]

    assert "id3" in after_one
    assert "id3" not in after_two
    assert len(city.report()["projects"]) == 24


def test_records_that_leave_their_scope_hold_nothing_count_no_more_and_are_not_deleted(city: City) -> None:
    city.run()
    before = open_tickets(city)
    for number in range(6):
        city.tools["other"].put(f"inc{number}", incident(number, state="7", active="false"))
    left = city.run(census=True)
    further = [city.run(census=True) for _ in range(2)]
    with city.store.reading() as db:
        ticket = entity_tables["ticket"]
        deleted = db.scalars(select(ticket.c.external_id).where(ticket.c.deleted_at.is_not(None))).all()

    assert [each.outcome for each in (left, *further)] == ["done"] * 3
    assert (before, open_tickets(city)) == (12, 6)
    assert deleted == []


def test_what_left_its_scope_still_counts_on_the_days_before(city: City) -> None:
    city.run()
    then = city.now
    city.now += timedelta(days=1)
    city.tools["other"].put("inc0", incident(0, state="7", active="false"))
    city.run(census=True)
    with city.store.reading() as db:
        past = rebuilt(
            db, city.settings, policy(city.settings), as_of=then.date(), known_at=None, now=city.now
        )

    assert past["projects"][0]["ticket_counts"]["open"] == 12
    assert open_tickets(city) == 11


def test_a_judgement_that_stands_on_a_new_day_is_not_made_again_all_day(city: City) -> None:
    def marks() -> dict[str, str]:
        with city.store.reading() as db:
            return {row.project_key: row.facts for row in db.execute(select(judgement))}

    city.run()
    first = marks()
    city.now += timedelta(days=1)
    city.run()
    second = marks()
    city.run()

    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())
    assert marks() == second


def test_a_record_that_returns_to_its_scope_counts_again(city: City) -> None:
    city.run()
    city.tools["other"].put("inc0", incident(0, state="7", active="false"))
    city.run(census=True)
    away = open_tickets(city)
    city.tools["other"].put("inc0", incident(0))
    city.run()

    assert (away, open_tickets(city)) == (11, 12)


def test_a_record_that_returns_without_a_change_of_its_own_is_read_at_the_census(city: City) -> None:
    city.run()
    row = city.tools["other"].rows["inc0"]
    row.body["active"] = "false"
    city.run(census=True)
    away = open_tickets(city)
    row.body["active"] = "true"
    city.run(census=True)

    assert (away, open_tickets(city)) == (11, 12)


def test_mass_disappearance_is_held_until_a_person_approves(city: City) -> None:
    city.run()
    for number in range(10):
        city.tools["snow"].delete(f"id{number}")
    held = city.run(census=True)
    with city.store.reading() as db:
        alarms = runs.alarms(db)
    stored = city.stored()
    for _ in range(2):
        city.run(census=True, approve=True)

    assert held.outcome == "held"
    assert [each["kind"] for each in alarms] == ["disappeared"]
    assert len(stored) == 25
    assert len(city.stored()) == 15


def test_a_value_changed_by_hand_is_restored_with_its_reason(city: City) -> None:
    city.run()
    city.tools["snow"].set("id0", {"u_rag": "Purple"})
    report = city.run()
    restored = [each for each in report.plan.changes if each.field == "u_rag"]

    assert city.tools["snow"].rows["id0"].values["u_rag"] != "Purple"
    assert "changed by hand to 'Purple'" in restored[0].why


def test_a_lost_answer_is_unknown_and_heals_without_a_second_write(city: City) -> None:
    city.tools["snow"].lose_answers = True
    first = city.run()
    written = len(city.tools["snow"].write_log)
    city.tools["snow"].lose_answers = False
    second = city.run()
    third = city.run()

    assert first.unknown == 25
    assert (second.applied, third.applied) == (0, 0)
    assert len(city.tools["snow"].write_log) == written


def test_a_bad_value_is_quarantined_with_its_reason_and_nothing_else_is_lost(city: City) -> None:
    city.tools["snow"].put("id0", body(0, approved_end_date="soon"))
    report = city.run()
    with city.store.reading() as db:
        (entry,) = runs.quarantined(db)
    city.tools["snow"].put("id0", body(0))
    healed = city.run()

    assert report.outcome == "findings"
    assert (entry["connection"], entry["external_id"], entry["value"]) == ("snow", "id0", "soon")
    assert entry["reason"]
    assert len(city.report()["projects"]) == 25
    assert healed.quarantined == 0


def test_a_cap_holds_the_whole_connection(city: City) -> None:
    held = city.run(caps=Caps(max_changes=24))

    assert held.outcome == "held"
    assert city.tools["snow"].write_log == []
    assert city.run(caps=Caps(max_changes=24, approve=True)).applied > 0


def test_many_changed_colours_are_held_by_the_share(city: City) -> None:
    city.run()
    for number in range(10):
        city.tools["snow"].put(f"id{number}", body(number, end_date="2028-12-31 05:00:00"))
    held = city.run()
    written = len(city.tools["snow"].write_log)

    assert held.outcome == "held"
    assert "10 of 25" in held.held[0].reason
    assert city.run(caps=Caps(approve=True)).records_written == 10
    assert len(city.tools["snow"].write_log) > written


def test_writing_switched_off_plans_but_writes_nothing(city: City) -> None:
    off = city.settings.safety.model_copy(update={"write": False})
    city.settings = city.settings.model_copy(update={"safety": off})
    report = city.run()

    assert report.plan.changes
    assert city.tools["snow"].write_log == []


def test_every_write_is_audited_and_the_log_is_whole(city: City) -> None:
    report = city.run()
    with city.store.reading() as db:
        entries = [each for each in audit.entries(db) if each["what"] == "write"]
        assert audit.first_broken(db) is None

    assert sum(len(each["detail"]["changes"]) for each in entries) == report.applied
    assert {each["run_id"] for each in entries} == {report.run_id}


def test_only_projects_whose_facts_changed_are_judged_again(city: City) -> None:
    city.run()
    city.tools["snow"].put("id4", body(4, end_date="2027-06-30 05:00:00"))

    assert city.run().counts()["judged_anew"] == 1


def test_an_interrupted_run_stops_before_it_writes(city: City) -> None:
    stop = threading.Event()
    stop.set()
    with city.start(stop=stop) as run:
        run.pull(list(city.settings.connections))
        run.plan(Caps())
        run.apply()

    assert run.report.interrupted
    assert city.tools["snow"].write_log == []


def test_a_run_over_named_connections_writes_to_no_other(city: City) -> None:
    city.now += timedelta(minutes=15)
    with city.start() as run:
        run.pull(list(city.settings.connections))
        run.plan(Caps(), ["other"])
        run.apply()

    assert run.report.plan.changes == ()
    assert city.tools["snow"].write_log == []


def test_a_connection_that_another_process_holds_is_left_alone(city: City) -> None:
    with city.store.transaction() as db:
        other = leases.take(db, "snow", "elsewhere.example:1:aaaa")
    held = city.run()
    asked = city.tools["snow"].requests
    with city.store.transaction() as db:
        assert other is not None
        leases.release(db, other)
    after = city.run()

    assert held.outcome == "findings"
    assert "elsewhere.example" in (held.read["snow"].error or "")
    assert held.read["other"].ok
    assert asked == 0
    assert after.records_written == 25


def test_a_run_whose_connection_was_taken_over_commits_nothing_more_there(city: City) -> None:
    taken: list[object] = []

    def steal(name: str) -> Memory:
        if name == "snow":
            with open_store(city.settings.store) as other, other.transaction() as db:
                db.execute(update(lease).where(lease.c.name == "snow").values(until=0.0))
                taken.append(leases.take(db, "snow", "elsewhere.example:1:aaaa"))
        return city.connect(name)

    with city.start(connect=steal) as run:
        run.pull(list(city.settings.connections))
        run.plan(Caps())
        run.apply()

    assert taken[0] is not None
    assert run.report.outcome == "findings"
    assert city.stored() == set()
    assert city.tools["snow"].write_log == []


@pytest.mark.parametrize("outcome", ["findings", "held"])
def test_nothing_is_written_where_the_read_cannot_be_trusted(city: City, outcome: str) -> None:
    city.run()
    snow = city.tools["snow"]
    with city.store.transaction() as db:
        manual.set_override(
            db,
            "PRJ0000",
            "overall",
            "red",
            by="manager",
            why="a strike",
            until=date(2027, 1, 1),
            at=city.now,
        )
    before = len(snow.write_log)
    if outcome == "findings":
        snow.faults = [Unavailable("nobody answers", fix="wait")]
    else:
        snow.hidden = {f"id{number}" for number in range(10, 25)}
    troubled = city.run(census=True)
    held = len(snow.write_log)
    snow.hidden = set()
    city.run(census=True)

    assert troubled.outcome == outcome
    assert held == before
    assert len(snow.write_log) > before


class Cut(Memory):
    """A connector whose connection is cut once the tool has applied the first write."""

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        self._write(patches[0])
        raise Unavailable("the connection was cut", fix="wait")
        yield


def test_a_write_that_was_cut_off_is_found_and_audited_by_the_next_run(city: City) -> None:
    with city.start(connect=lambda name: Cut(name, city.tools[name])) as run:
        run.pull(list(city.settings.connections))
        run.plan(Caps())
        run.apply()
    (cut,) = {each["id"] for each in city.tools["snow"].write_log}
    city.run()

    with city.store.reading() as db:
        told = [each["detail"] for each in audit.entries(db) if each["detail"].get("record") == cut]
    assert [each["answer"] for each in told] == ["found as intended by a later run"]


def test_a_plan_right_after_a_run_is_empty_without_another_read(city: City) -> None:
    city.run()
    with city.start() as run:
        assert run.plan(Caps()).changes == ()


def test_a_record_that_was_just_read_counts_although_the_list_of_ids_lacks_it(city: City) -> None:
    city.run()
    city.tools["snow"].put("id3", body(3, short_description="Renamed"))
    city.tools["snow"].unlisted = {"id3"}
    report = city.run(census=True)

    assert report.read["snow"].deleted == 0
    assert "id3" in city.stored()


def test_a_run_that_loses_a_connection_while_it_reads_commits_no_further_page(city: City) -> None:
    taken: list[object] = []
    snow = city.tools["snow"]

    def met(store: Store) -> bool:
        with store.reading() as db:
            row = runs.connections(db).get("snow")
            return row is not None and row.tenant is not None

    def steal() -> None:
        if taken or snow.requests == 1:
            return
        with open_store(city.settings.store) as other:
            while not met(other):
                time.sleep(0.01)
            with other.transaction() as db:
                db.execute(update(lease).where(lease.c.name == "snow").values(until=0.0))
                taken.append(leases.take(db, "snow", "elsewhere.example:1:aaaa"))

    snow.asking = steal
    with city.start() as run:
        run.pull(list(city.settings.connections))

    assert taken[0] is not None
    assert run.report.read["snow"].busy
    assert city.stored() == set()


def test_a_connection_lost_between_plan_and_writing_stops_alone(city: City) -> None:
    with city.start() as run:
        run.pull(list(city.settings.connections))
        run.plan(Caps())
        with open_store(city.settings.store) as other, other.transaction() as db:
            db.execute(update(lease).where(lease.c.name == "snow").values(until=0.0))
            assert leases.take(db, "snow", "elsewhere.example:1:aaaa")
        run.apply()

    assert run.report.outcome == "findings"
    assert "snow" in run.report.unread
    assert city.tools["snow"].write_log == []


def test_a_portfolio_setting_that_changes_days_translates_what_is_stored_again(city: City) -> None:
    city.run()
    before = city.report()["projects"][0]["schedule"]["finish_baseline"]
    moved = city.settings.portfolio.model_copy(update={"timezone": "Pacific/Honolulu"})
    city.settings = city.settings.model_copy(update={"portfolio": moved})
    city.run()

    assert before == "2026-12-31"
    assert city.report()["projects"][0]["schedule"]["finish_baseline"] == "2026-12-30"
