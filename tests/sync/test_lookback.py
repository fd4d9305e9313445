"""Reports of days that are over: as they are known now, and as they were known then."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.loading import load
from config.settings import Settings
from connectors.errors import Unavailable
from portfolio.store import manual, past, tables
from portfolio.store.database import Store, open_store
from sync import lookback
from sync.engine import Run
from sync.reporting import NoSnapshot, document
from sync.wiring import policy
from tests.connectors.memory import Memory, MemoryTool

ZONE = ZoneInfo("America/New_York")
FIRST = date(2026, 11, 16)
CONFIGURATION = """
version: 1
portfolio: {name: Test, timezone: America/New_York, fiscal_year_start: "07-01", status_rules: state_15_25}
connections:
  snow: {tool: servicenow, url: "http://127.0.0.1:1", auth: {type: basic, user: u, password: "${PASSWORD}"},
         read: [{kind: pm_project}]}
  desk: {tool: servicenow, url: "http://127.0.0.1:2", auth: {type: basic, user: u, password: "${PASSWORD}"},
         read: [{kind: incident}]}
  jira: {tool: jira, url: "http://127.0.0.1:3", auth: {type: basic, user: u, token: "${PASSWORD}"},
         read: [{kind: issue, scope: "project in (A, B)"}]}
  ledger: {tool: files, path: finance, read: [{kind: budget_line, scope: "budget.csv", key: [budget_code]}]}
projects:
  from: [{connection: snow, kind: pm_project}]
  list: [{key: P0, name: P0, budget_codes: ["1400"], links: [{connection: jira, project: A}]},
         {key: P1, name: P1, budget_codes: ["1401"], links: [{connection: jira, project: B}]}]
  rules: [{connection: desk, kind: incident, value: u_project, equals: key}]
"""
NAMES = ("snow", "desk", "jira", "ledger")


def project(number: int, **more: str) -> dict[str, Any]:
    """A project as ServiceNow stores it: on time, a year long."""
    dates = {"start_date": "2026-01-01 05:00:00", "end_date": "2026-12-31 05:00:00"}
    approved = {f"approved_{name}": day for name, day in dates.items()}
    return {
        "number": f"P{number}",
        "short_description": f"P{number}",
        "state": "2",
        **dates,
        **approved,
        **more,
    }


def issue(container: str = "A", state: str = "new", due: str | None = None) -> dict[str, Any]:
    """An issue as Jira gives it."""
    status = {"name": state, "statusCategory": {"key": state}}
    return {"fields": {"project": {"key": container}, "summary": "S", "status": status, "duedate": due}}


def line(code: str, forecast: int, actual: int = 100) -> dict[str, Any]:
    """A row of the ledger."""
    amounts = {"revised_budget": "1000.00", "forecast": f"{forecast}.00", "actual": f"{actual}.00"}
    return {"budget_code": code, "fiscal_year": "2027", "currency": "USD", **amounts}


def incident(key: str, state: str = "1") -> dict[str, Any]:
    """An incident as ServiceNow stores it."""
    return {"number": "INC1", "state": state, "opened_at": "2026-11-01 10:00:00", "u_project": key}


@dataclass
class Office:
    """A store, four tools, and a clock; each edit has its instant."""

    store: Store
    settings: Settings
    now: datetime = datetime(2026, 11, 16, tzinfo=UTC)
    tools: dict[str, MemoryTool] = field(default_factory=lambda: {name: MemoryTool() for name in NAMES})

    def at(self, day: int, hour: int = 9, minute: int = 0) -> None:
        """Lets the time come: an hour in New York, so many days after the first."""
        local = datetime(FIRST.year, FIRST.month, FIRST.day, hour, minute, tzinfo=ZONE) + timedelta(days=day)
        self.now = local.astimezone(UTC)

    def put(self, name: str, id_: str, body: dict[str, Any]) -> None:
        """Somebody writes a record now, and the tool stamps it so."""
        tool = self.tools[name]
        tool.put(id_, {**tool.rows[id_].body, **body} if id_ in tool.rows else body)
        tool.began = self.now - timedelta(seconds=tool.change)

    def sync(self) -> dict[str, Any]:
        """Reads and judges; returns the report."""
        with Run(
            self.store,
            self.settings,
            policy(self.settings),
            command="sync",
            now=self.now,
            clock=lambda: self.now,
            connect=lambda name: Memory(name, self.tools[name]),
        ) as run:
            run.pull(NAMES, census=True, approve=True)
            run.assess()
        return self.report()

    def report(self, until: datetime | None = None) -> dict[str, Any]:
        with self.store.reading() as db:
            return document(db, self.settings, until=until)

    def day(self, number: int) -> date:
        return FIRST + timedelta(days=number)

    def end(self, number: int) -> datetime:
        return lookback.end_of(self.settings, self.day(number))

    def as_of(self, number: int, known_at: datetime | None = None) -> dict[str, Any]:
        rules = policy(self.settings)
        with self.store.reading() as db:
            return lookback.rebuilt(
                db, self.settings, rules, as_of=self.day(number), known_at=known_at, now=self.now
            )


def opened(url: str, folder: Path) -> Office:
    path = folder / "portico.yaml"
    (folder / "finance").mkdir(exist_ok=True)
    path.write_text(f"{CONFIGURATION}\nstore: {url}\n", encoding="utf-8")
    office = Office(open_store(url), load(path, {"PASSWORD": "canary-4711"}))
    office.at(0)
    for number in (0, 1):
        office.put("snow", f"id{number}", project(number))
        office.put("ledger", f"row{number}", line(f"140{number}", 1000))
    for number in range(3):
        office.put("jira", f"i{number}", issue())
    return office


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    made = opened(store_url, tmp_path)
    yield made
    made.store.close()


def shown(document: dict[str, Any]) -> dict[str, Any]:
    """All that is judged of projects; where to click through to is as of now, and what counts by day needs a change that day.

    The flow of tickets is told by the weeks that end on the report's own day.
    """
    return {
        "projects": [{**each, "links": None} for each in document["projects"]],
        "portfolio": {**document["portfolio"], "trend": None},
        "ledger": ledgers_of(document),
        "tickets": {**document["tickets"], "flow": None},
        **{name: document[name] for name in SECTIONS},
    }


SECTIONS = ("exceptions", "capacity", "compliance", "roadmap", "actions", "priority", "pmo")


def ledgers_of(document: dict[str, Any]) -> Any:
    """Totals and findings; what the tools' fields show and what was restated belongs to the report of that day alone."""
    found = document["ledger"]
    return {name: found[name] for name in ("totals", "findings")} if found else None


def of(document: dict[str, Any], key: str) -> dict[str, Any]:
    return next(each for each in document["projects"] if each["key"] == key)


def test_what_a_tool_tells_late_was_true_then_but_not_known(office: Office) -> None:
    office.at(0, 23)
    office.sync()
    office.tools["snow"].failing = Unavailable("down")
    office.at(1, 8)
    office.put("snow", "id0", {"end_date": "2028-12-31 05:00:00"})
    office.at(1, 22)
    office.sync()
    office.tools["snow"].failing = None
    office.at(2)
    office.sync()

    assert of(office.as_of(0), "P0")["status"]["schedule"]["value"] == "green"
    assert of(office.as_of(1), "P0")["status"]["schedule"]["value"] == "red"
    assert of(office.as_of(1, office.end(1)), "P0")["schedule"]["finish_forecast"] == "2026-12-31"


def test_a_record_that_was_moved_created_or_deleted_counts_where_it_was(office: Office) -> None:
    office.sync()
    office.at(1)
    office.put("jira", "i0", issue("B"))
    office.put("jira", "i9", issue("B"))
    office.tools["jira"].delete("i1")
    for hour in (10, 11):
        office.at(1, hour)
        office.sync()
    office.at(3)
    office.sync()
    work = [[of(office.as_of(day), key)["work"]["todo"] for key in ("P0", "P1")] for day in (0, 1, 3)]

    assert work == [[3, None], [1, 2], [1, 2]]


def test_a_ticket_that_came_back_later_had_not_come_back(office: Office) -> None:
    for day, state in enumerate(("1", "6", "1")):
        office.at(day)
        office.put("desk", "t0", incident("P0", state))
        office.sync()

    assert [of(office.as_of(day), "P0")["ticket_counts"]["reopened"] for day in (1, 2)] == [0, 1]


def test_a_forecast_is_held_against_what_the_snapshots_said_90_days_before_the_finish(office: Office) -> None:
    office.sync()
    office.at(100)
    office.put("snow", "id0", {"state": "3", "work_end": "2027-02-20 17:00:00"})
    office.put("snow", "id1", {"end_date": "2027-06-30 05:00:00"})
    found = {each["metric"]: each for each in office.sync()["pmo"]["metrics"]}

    assert (found["forecast_error"]["n"], found["forecast_error"]["of"]) == (1, 1)
    assert found["forecast_error"]["value"] == (date(2027, 2, 20) - date(2026, 12, 31)).days


def test_what_changed_since_the_last_report_is_told_per_project_in_words(office: Office) -> None:
    first = office.sync()
    office.at(8)
    office.put("ledger", "row0", line("1400", 1500))
    office.put("jira", "i0", issue(state="done"))
    later = office.sync()
    words = {key: [each["text"] for each in of(later, key)["changes"]] for key in ("P0", "P1")}

    assert (first["snapshot"]["changes_since"], later["snapshot"]["changes_since"]) == (None, str(FIRST))
    assert all(of(first, key)["changes"] == [] for key in words)
    assert words == {
        "P0": [
            "Overall went from green to red.",
            "Cost went from green to red.",
            "Done was 0%, is 33%.",
            "The forecast rose by USD 500.00 to USD 1,500.00.",
            "1 work item more done: 1.",
        ],
        "P1": [],
    }


def test_a_day_that_is_over_has_the_ledgers_of_then(office: Office) -> None:
    first = ledgers_of(office.sync())
    office.at(1)
    office.put("ledger", "row0", line("1400", 1500, actual=700))
    now = ledgers_of(office.sync())

    assert first["totals"]
    assert first != now
    assert [ledgers_of(office.as_of(day)) for day in (0, 1)] == [first, now]


def test_what_managers_entered_counts_from_its_instant(office: Office) -> None:
    office.sync()
    office.at(1)
    with office.store.transaction() as db:
        manual.set_override(db, "P0", "cost", "red", why="w", by="ana", until=office.day(9), at=office.now)
        manual.tell(db, "P0", "It burns.", "ana", office.now)
        action = manual.add_action(
            db, "P0", "Act", type_="corrective_action", owner="ana", due_on=office.day(5), at=office.now
        )
    office.at(2)
    with office.store.transaction() as db:
        manual.close_action(db, action, "done", office.now)
    office.sync()
    before, while_open, after = (office.as_of(day) for day in (0, 1, 2))

    assert [of(each, "P0")["status"]["cost"]["value"] for each in (before, while_open)] == ["green", "red"]
    assert [of(each, "P0")["narrative"] is None for each in (before, while_open)] == [True, False]
    assert [[one["state"] for one in each["actions"]] for each in (before, while_open, after)] == [
        [], ["open"], ["closed"],
    ]  # fmt: skip


def test_a_source_not_read_since_the_day_makes_its_figures_of_the_day_unknown(office: Office) -> None:
    office.sync()
    office.at(1)
    office.sync()
    office.tools["snow"].failing = Unavailable("down")
    office.at(4)
    office.sync()
    unread = [of(office.as_of(day), "P0")["status"]["schedule"]["value"] for day in (0, 1, 4)]
    office.tools["snow"].failing = None
    office.sync()

    assert unread == ["green", "unknown", "unknown"]
    assert of(office.as_of(1), "P0")["status"]["schedule"]["value"] == "green"


@pytest.mark.parametrize(
    ("day", "known_at", "said"),
    [
        (-1, None, "the earliest day is 2026-11-16"),
        (9, None, "yet to come"),
        (2, 1, "yet to come"),
        (-1, -1, "the earliest day is 2026-11-16"),
    ],
)
def test_a_day_of_which_nothing_is_known_is_refused(
    office: Office, day: int, known_at: int | None, said: str
) -> None:
    office.sync()
    office.at(3)
    office.sync()

    with pytest.raises(NoSnapshot, match=said):
        office.as_of(day, None if known_at is None else office.end(known_at))


def test_other_rules_add_a_judgement_and_an_old_report_stays_the_same_to_the_byte(office: Office) -> None:
    office.put("snow", "id0", {"end_date": "2027-03-15 05:00:00"})
    office.sync()
    until = office.now + timedelta(hours=1)
    old = json.dumps(office.report(until))
    office.at(0, 15)
    assert office.sync()["snapshot"]["id"] == json.loads(old)["snapshot"]["id"]
    assert json.dumps(office.report(until)) == old
    office.at(0, 16)
    rules = office.settings.portfolio.model_copy(update={"status_rules": "federal_10_30", "name": "Renamed"})
    office.settings = office.settings.model_copy(update={"portfolio": rules})
    new = office.sync()
    office.at(4)
    office.put("ledger", "row0", line("1400", 2000))
    with office.store.transaction() as db:
        manual.add_action(db, "P0", "x", type_="corrective_action", owner="a", due_on=None, at=office.now)
    office.sync()
    judged = json.loads(old)

    assert json.dumps(office.report(until)) == old
    assert of(judged, "P0")["status"]["schedule"]["rule"] == "state_15_25@1"
    assert of(new, "P0")["status"]["schedule"]["rule"] == "federal_10_30@1"
    assert of(new, "P0")["trend"][-1]["as_of"] == str(FIRST)


def test_looking_back_leaves_nothing_behind(office: Office) -> None:
    office.sync()
    office.at(1)
    office.put("jira", "i0", issue("B", "done"))
    now = office.sync()
    office.as_of(0)

    assert office.report() == now
    assert shown(office.as_of(1)) == shown(now)


def test_every_table_is_a_source_of_facts_or_none() -> None:
    no_facts = {
        "source_record", "run", "scope", "connection", "lease", "alarm", "quarantine", "snapshot", "judgement",
        "ownership", "write", "audit", "delivery", "review", "touched", "assessed",
    }  # fmt: skip
    facts = {*tables.entity_tables, "history", *(each.name for each in past.ENTERED)}

    assert facts | no_facts == set(tables.metadata.tables)


Edit = Callable[[Office], None]
CODES = st.sampled_from(["1400", "1401", "9999"])
KEYS = st.sampled_from(["P0", "P1"])


def _delete(name: str, id_: str) -> Edit:
    def edit(office: Office) -> None:
        office.tools[name].rows.pop(id_, None)

    return edit


def _decide(office: Office, key: str, verdict: str) -> None:
    day = office.now.astimezone(ZONE).date()
    with office.store.transaction() as db:
        manual.decide(
            db, key, "G0", verdict, decided_on=day, by="board", note=None, conditions=[], at=office.now
        )


def _override(office: Office, key: str, value: str) -> None:
    with office.store.transaction() as db:
        manual.set_override(db, key, "cost", value, why="w", by="b", until=office.day(3), at=office.now)


EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.builds(
        lambda n, month, state: lambda office: office.put(
            "snow", f"id{n}", project(n, end_date=f"2027-{month:02}-01 05:00:00", state=state)
        ),
        st.integers(0, 2),
        st.integers(1, 12),
        st.sampled_from(["1", "2", "3"]),
    ),
    st.builds(
        lambda n, container, state, due: lambda office: office.put("jira", f"i{n}", issue(container, state, due)),
        st.integers(0, 4),
        st.sampled_from(["A", "B", "C"]),
        st.sampled_from(["new", "indeterminate", "done"]),
        st.sampled_from([None, "2026-11-17", "2026-12-24"]),
    ),
    st.builds(
        lambda n, code, forecast: lambda office: office.put("ledger", f"row{n}", line(code, forecast)),
        st.integers(0, 2),
        CODES,
        st.integers(800, 1500),
    ),
    st.builds(
        lambda n, key, state: lambda office: office.put("desk", f"t{n}", incident(key, state)),
        st.integers(0, 1),
        KEYS,
        st.sampled_from(["1", "3", "6"]),
    ),
    st.builds(_delete, st.sampled_from(["jira", "desk", "ledger", "snow"]), st.sampled_from(["i0", "t0", "row1", "id1"])),
    st.builds(lambda key, verdict: lambda office: _decide(office, key, verdict), KEYS, st.sampled_from(["approved", "deferred"])),
    st.builds(lambda key, value: lambda office: _override(office, key, value), KEYS, st.sampled_from(["red", "green"])),
)  # fmt: skip
DAYS = st.lists(st.lists(EDITS, max_size=4), min_size=2, max_size=4)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(days=DAYS)
def test_a_day_as_known_at_its_end_is_what_its_last_snapshot_showed(
    days: list[list[Edit]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    office = opened("sqlite://", tmp_path_factory.mktemp("office"))
    taken = []
    for number, edits in enumerate(days):
        office.at(number, 12)
        for edit in edits:
            edit(office)
        for minute in (0, 30):
            office.at(number, 22, minute)
            report = office.sync()
        taken.append(shown(report))
    office.at(len(days) - 1, 23)
    try:
        for number, then in enumerate(taken):
            assert shown(office.as_of(number, office.end(number))) == then
            assert shown(office.as_of(number)) == then
        assert shown(office.as_of(len(days) - 1)) == shown(office.report())
    finally:
        office.store.close()
