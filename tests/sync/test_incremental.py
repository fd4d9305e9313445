"""What is judged after some records changed is what a judgement of everything gives, whatever changed."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, event, select, update

from config.loading import load
from config.settings import Settings
from portfolio.store import entities, manual, records, runs, touched
from portfolio.store.database import Store, open_store
from portfolio.store.history import leave
from portfolio.store.records import Read
from portfolio.store.tables import assessed, entity_tables
from portfolio.store.tables import touched as notes
from sync.assess import Assessed, assess
from sync.reporting import document
from sync.wiring import policy

START = datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
CONFIGURATION = """
version: 1
portfolio: {name: Test, timezone: America/New_York, fiscal_year_start: "07-01", status_rules: state_15_25}
store: "sqlite://"
connections:
  work: {tool: jira, url: "http://127.0.0.1:1", auth: {type: basic, user: u, token: "${TOKEN}"},
         read: [{kind: issue, scope: all}]}
projects:
  from: [{connection: work, kind: issue}]
  list:
    - {key: P0, name: P0, budget_codes: [{budget_code: "14", share: 0.5}], links: [{connection: work, project: A}]}
    - {key: P1, name: P1, budget_codes: [{budget_code: "14", share: 0.5}, "15"], links: [{connection: work, project: B}]}
    - {key: P2, name: P2, links: [{connection: work, project: C}, {connection: work, issue: I4}]}
"""
Act = Callable[["Desk"], None]


class Desk:
    """A store whose rows are written by hand, and the clock."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.policy = policy(settings)
        self.now = START
        self.runs = 0
        with store.transaction() as db:
            records.keep_cursor(db, Read("work", "issue", "all"))

    def put(self, db: Connection, entity: str, id_: str, container: str, **values: Any) -> None:
        row = {
            "connection": "work",
            "kind": "issue",
            "external_id": id_,
            "external_key": id_.upper(),
            "container": [container],
            "link_values": [],
            **values,
        }
        entities.write(db, entity, [row], at=self.now, run_id=f"R{self.runs}")

    def assess(self) -> Assessed:
        self.runs += 1
        self.now += timedelta(minutes=15)
        with self.store.transaction() as db:
            runs.note_connection(db, "work", "jira", state="ok", tried_at=self.now, read_at=self.now)
            return assess(db, self.settings, self.policy, now=self.now, run_id=f"R{self.runs}")

    def assess_everything(self) -> Assessed:
        """Forgets every link and by what was judged, and begins anew. Leaves nothing."""
        with self.store.transaction() as db, db.begin_nested() as trial:
            for name, table in entity_tables.items():
                column = {"outage": "project_keys"}.get(name, "project_key")
                if column in table.c and name != "project":
                    db.execute(update(table).values({column: None}))
            db.execute(delete(assessed))
            found = assess(db, self.settings, self.policy, now=self.now, run_id="again")
            trial.rollback()
        return found


@pytest.fixture
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    path = tmp_path_factory.mktemp("desk") / "portico.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    settings = load(path, {"TOKEN": "canary-4711"})

    @contextmanager
    def desk(url: str = "sqlite://") -> Iterator[Desk]:
        with open_store(url) as store:
            yield Desk(store, settings)

    return desk


def _in_store(act: Callable[[Desk, Connection], Any]) -> Act:
    def done(desk: Desk) -> None:
        with desk.store.transaction() as db:
            act(desk, db)

    return done


def _item(id_: str, container: str, state: str, parent: str | None, hours: int) -> Act:
    values = {"title": id_, "status_category": state, "parent_id": parent, "estimate_hours": Decimal(hours)}
    done = {"done_at": START - timedelta(days=3)} if state == "done" else {}
    return _in_store(lambda desk, db: desk.put(db, "work_item", id_, container, **values, **done))


def _ticket(id_: str, container: str, service: str, state: str) -> Act:
    values = {
        "number": id_,
        "service": service,
        "state_category": state,
        "opened_at": START - timedelta(days=2),
    }
    return _in_store(lambda desk, db: desk.put(db, "ticket", id_, container, **values))


def _outage(id_: str, container: str, service: str) -> Act:
    began = {"service": service, "began_at": START - timedelta(hours=5)}
    return _in_store(lambda desk, db: desk.put(db, "outage", id_, container, **began))


def _line(id_: str, code: str, actual: int) -> Act:
    amounts = {"revised_budget": Decimal(100), "actual": Decimal(actual), "forecast": Decimal(actual)}
    values = {"budget_code": code, "fiscal_year": 2027, "currency": "USD", **amounts}
    return _in_store(lambda desk, db: desk.put(db, "budget_line", id_, "none", **values))


def _project(id_: str, key: str, finish: int) -> Act:
    dates = {"finish_baseline": date(2026, 12, 1), "finish_forecast": date(2026, 12, finish)}
    return _in_store(lambda desk, db: desk.put(db, "project", id_, "", key=key, name=key, **dates))


def _gone(id_: str) -> Act:
    return _in_store(
        lambda desk, db: records.bury(db, Read("work", "issue", "all"), [id_], at=desk.now, run_id="gone")
    )


def _left(id_: str) -> Act:
    def left(desk: Desk, db: Connection) -> None:
        table = entity_tables["work_item"]
        leave(db, "work_item", table.c.external_id == id_, at=desk.now, run_id="left")

    return _in_store(left)


def _acted(key: str) -> Act:
    return _in_store(
        lambda desk, db: manual.add_action(
            db, key, "Act", type_="action", owner=None, due_on=date(2026, 11, 20), at=desk.now
        )
    )


def _closed(number: int) -> Act:
    return _in_store(lambda desk, db: manual.close_action(db, number, "done", desk.now))


def _told(key: str) -> Act:
    return _in_store(lambda desk, db: manual.tell(db, key, f"Told {desk.runs}", "boss", desk.now))


def _overridden(key: str, colour: str) -> Act:
    day = date(2026, 11, 20)
    return _in_store(
        lambda desk, db: manual.set_override(db, key, "cost", colour, why="w", by="b", until=day, at=desk.now)
    )


def _later(desk: Desk) -> None:
    desk.now += timedelta(days=1)


ITEMS = st.sampled_from(["i0", "i1", "i2", "i3", "i4"])
PLACES = st.sampled_from(["A", "B", "C", "nowhere"])
KEYS = st.sampled_from(["P0", "P1", "P2"])
SERVICES = st.sampled_from(["water", "roads"])
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.builds(_item, ITEMS, PLACES, st.sampled_from(["todo", "in_progress", "done", "cancelled"]),
              st.sampled_from([None, "i0", "i1", "i2"]), st.integers(1, 5)),
    st.builds(_ticket, st.sampled_from(["t0", "t1"]), PLACES, SERVICES, st.sampled_from(["new", "resolved"])),
    st.builds(_outage, st.sampled_from(["o0", "o1"]), PLACES, SERVICES),
    st.builds(_line, st.sampled_from(["l0", "l1"]), st.sampled_from(["14", "15", "16"]), st.integers(50, 150)),
    st.builds(_project, st.sampled_from(["p0", "p1"]), st.sampled_from(["P0", "P1", "P9"]), st.integers(1, 28)),
    st.builds(_gone, st.sampled_from(["i0", "i1", "t0", "o0", "l0", "p0"])),
    st.builds(_left, ITEMS),
    st.builds(_acted, KEYS), st.builds(_closed, st.integers(1, 3)), st.builds(_told, KEYS),
    st.builds(_overridden, KEYS, st.sampled_from(["green", "red"])),
    st.just(_later),
)  # fmt: skip


@examples(
    max_examples=500 if os.environ.get("PORTICO_NIGHTLY") else 25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history_of=st.lists(st.lists(ACTS, max_size=3), min_size=1, max_size=6))
def test_judged_incrementally_is_judged_from_scratch(
    history_of: list[list[Act]], opened: Callable[..., Any]
) -> None:
    with opened() as desk:
        for acts in history_of:
            for act in acts:
                act(desk)
            kept = desk.assess()
            whole = desk.assess_everything()
            assert whole.judged == kept.judged
            assert not whole.is_new


@pytest.fixture
def filled(opened: Callable[..., Any], store_url: str) -> Iterator[Desk]:
    with opened(store_url) as desk:
        for act in (
            _item("i0", "A", "todo", None, 1),
            _item("i1", "B", "todo", None, 1),
            _line("l0", "15", 90),
        ):
            act(desk)
        desk.assess()
        yield desk


@pytest.mark.parametrize(
    "acts",
    [
        [_item("i1", "B", "todo", "i0", 1), _item("i1", "B", "todo", None, 1)],
        [_item("i1", "B", "todo", "i0", 1), _gone("i1")],
        [_line("l0", "14", 90), _line("l0", "16", 90)],
        [_ticket("t0", "A", "water", "new"), _outage("o0", "B", "water"), _ticket("t0", "C", "water", "new")],
        [_ticket("t0", "A", "water", "new"), _outage("o0", "B", "water"), _gone("t0")],
        [_project("p0", "P0", 20), _project("p0", "P9", 20), _gone("p0")],
        [_item("i4", "nowhere", "todo", None, 1), _left("i4")],
        [_acted("P1"), _closed(1), _told("P2"), _overridden("P0", "red")],
    ],
    ids=["child", "lost child", "code", "service", "lost ticket", "key", "linked record", "entered"],
)
def test_what_looks_at_a_record_from_another_project_is_judged_too(filled: Desk, acts: list[Act]) -> None:
    for act in acts:
        act(filled)
        kept = filled.assess()
        assert kept.changed
        assert filled.assess_everything().judged == kept.judged


def test_a_ticket_that_time_alone_breaches_is_judged_when_it_does(filled: Desk) -> None:
    due = filled.now + timedelta(hours=1)
    with filled.store.transaction() as db:
        values = {"number": "t0", "state_category": "new", "opened_at": START, "due_at": due}
        filled.put(db, "ticket", "t0", "A", **values)
    told = [filled.assess() for _ in range(6)]
    breached = [each.judged["P0"].body["ticket_counts"]["breached"] for each in told]

    assert breached == [0, 0, 0, 0, 1, 1]
    assert [each.changed for each in told] == [1, 0, 0, 0, 1, 0]
    assert [each.is_new for each in told] == [True, False, False, False, True, False]


def test_a_ticket_of_no_project_breaches_when_its_time_has_come_although_nothing_was_touched(
    filled: Desk,
) -> None:
    with filled.store.transaction() as db:
        values = {"number": "t9", "state_category": "new", "opened_at": START}
        filled.put(db, "ticket", "t9", "nowhere", **values, due_at=filled.now + timedelta(hours=1))
    told = []
    for _ in range(6):
        kept = filled.assess()
        with filled.store.reading() as db:
            told.append((document(db, filled.settings)["tickets"]["desk"]["breached"], kept.is_new))

    assert told == [(0, True), (0, False), (0, False), (0, False), (1, True), (1, False)]


def _asked(desk: Desk) -> list[str]:
    """The statements of an assessment."""
    said: list[str] = []
    event.listen(desk.store.engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    desk.assess()
    return said


def test_only_the_project_of_a_touched_record_is_judged_again(filled: Desk) -> None:
    _item("i0", "A", "done", None, 1)(filled)
    before = filled.assess()
    _item("i1", "C", "in_progress", None, 1)(filled)
    after = filled.assess()

    assert {key for key in after.judged if after.judged[key] != before.judged[key]} == {"P1", "P2"}
    assert after.changed == 2


def test_where_nothing_was_touched_no_entity_is_read(filled: Desk) -> None:
    said = _asked(filled)

    assert not [each for each in said if "FROM work_item" in each or "FROM history" in each]
    assert not [
        each for each in said if each.startswith(("INSERT", "DELETE")) and "INTO connection" not in each
    ]


def test_more_notes_than_are_looked_at_judge_everything(
    filled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(touched, "MOST", 1)
    for act in (_item("i0", "B", "done", None, 1), _item("i1", "C", "done", None, 1)):
        act(filled)
    after = filled.assess()

    assert after.judged == filled.assess_everything().judged
    assert after.changed == 3
    with filled.store.reading() as db:
        assert db.execute(select(notes)).all() == []


def test_a_rehearsal_takes_no_note_away(filled: Desk) -> None:
    _item("i0", "B", "done", None, 1)(filled)
    with filled.store.transaction() as db, db.begin_nested() as trial:
        assert touched.take(db)
        trial.rollback()
    assert filled.assess().changed == 2
