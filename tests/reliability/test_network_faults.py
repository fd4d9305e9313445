"""The network fails between Portico and a real server: F22, F23, F24, F32, and what is next to them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from config.loading import load
from config.settings import Settings
from connectors.auth import basic
from connectors.base import Connector, Stream
from connectors.errors import OutcomeUnknown, Unavailable
from connectors.http import Http
from connectors.servicenow import ServiceNow
from portfolio.store.database import open_store
from sandbox.city import build
from sandbox.server import serve
from sandbox.servicenow import PASSWORD, USER, create_app
from tests.connectors.memory import Memory, MemoryTool
from tests.reliability.chaos import Action, Chaos, Fault
from tests.sync.test_run import CONFIGURATION, City

DAY = date(2026, 11, 16)
PROJECTS = 10
"""Project records in the small city's instance."""
OWN = (
    (
        "rag_overall: {field: u_rag, values: {green: Green, amber: Amber, red: Red, unknown: Unknown}}",
        "gate_status: u_gate_status",
    ),
    ("u_why", "u_explanation"),
    ("u_at", "u_computed_at"),
)


@dataclass
class Wire(City):
    """A city whose ServiceNow is a real server behind a proxy that misbehaves."""

    instance: Any = None
    proxy: Chaos | None = None

    def connect(self, name: str) -> Connector:  # type: ignore[override]
        if name != "snow":
            return Memory(name, self.tools[name])
        return ServiceNow(name, self.http(), read_only=False, page_size=4)

    def http(self, **more: Any) -> Http:
        assert self.proxy is not None
        given: dict[str, Any] = {"timeout": 1.0, "attempts": 2, "sleep": lambda _: None, **more}
        return Http(self.proxy.url, auth=basic(USER, PASSWORD), **given)

    @property
    def chaos(self) -> Chaos:
        assert self.proxy is not None
        return self.proxy

    def writes(self) -> list[tuple[str, str]]:
        """What Portico wrote: (record, field)."""
        return [(each["record"], each["field"]) for each in self.instance.write_log if each["by"] == USER]


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    text = CONFIGURATION
    for before, after in OWN:
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "portico.yaml"
    path.write_text(f"{text}\nstore: sqlite:///{tmp_path / 'portico.db'}\n", encoding="utf-8")
    settings: Settings = load(path, {"PASSWORD": PASSWORD})
    app = create_app(build("small", DAY), now=lambda: datetime(2026, 11, 16, 12, tzinfo=UTC))
    with serve(app) as server, Chaos(server.port) as proxy, open_store(settings.store) as store:
        other = MemoryTool()
        other.put("inc1", {"number": "INC1", "state": "1", "opened_at": "2026-11-01 10:00:00"})
        yield Wire(store, settings, {"other": other}, instance=app.extensions["portico"], proxy=proxy)


def ids(wire: Wire) -> set[str]:
    return {row["sys_id"] for row in wire.instance.tables.rows("pm_project")}


def test_the_proxy_passes_on_what_it_is_given(wire: Wire) -> None:
    report = wire.run()

    assert report.read["snow"].records == PROJECTS
    assert wire.writes()
    assert wire.run().outcome == report.outcome
    assert len({line.split()[0] for line in wire.chaos.requests}) == 2


@pytest.mark.parametrize("action", ["cut", "reset", "drip", "black_hole", "garbage", "refuse"])
def test_a_read_over_a_broken_wire_is_unavailable_in_bounded_time(wire: Wire, action: Action) -> None:
    wire.chaos.use(Fault(action))
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        wire.http().request("GET", "/api/now/table/pm_project")

    assert time.monotonic() - began < 15
    assert wire.chaos.hits == 2
    assert PASSWORD not in caught.value.text


@pytest.mark.parametrize("action", ["cut", "reset", "garbage", "black_hole"])
def test_one_broken_answer_is_asked_again_and_no_record_is_lost(wire: Wire, action: Action) -> None:
    wire.chaos.use(Fault(action, after=3, times=1))
    report = wire.run()

    assert wire.chaos.hits == 1
    assert report.read["snow"].ok
    assert report.read["snow"].records == PROJECTS


@pytest.mark.parametrize("action", ["cut", "reset", "drip", "black_hole"])
def test_a_wire_that_breaks_in_the_middle_of_a_read_harms_only_its_connection(
    wire: Wire, action: Action
) -> None:
    wire.chaos.use(Fault(action, after=4))
    began = time.monotonic()
    broken = wire.run()
    spent = time.monotonic() - began
    part = len(wire.stored())
    wire.chaos.use(None)
    healed = wire.run()

    assert spent < 30
    assert broken.read["other"].ok
    assert broken.read["snow"].error
    assert broken.outcome == "findings"
    assert broken.applied == 0
    assert part < PROJECTS
    assert healed.read["snow"].ok
    assert len(wire.stored()) == PROJECTS


@pytest.mark.parametrize("action", ["lose_answer", "cut", "black_hole"])
def test_a_write_without_an_answer_is_unknown_and_has_one_effect(wire: Wire, action: Action) -> None:
    wire.chaos.use(Fault(action, "PATCH", keep=40))
    lost = wire.run()
    wire.chaos.use(None)
    after = wire.writes()
    healed = wire.run()
    again = wire.run()

    assert lost.unknown > 0
    assert lost.applied == 0
    assert bool(after) is (action != "black_hole")
    assert len(wire.writes()) == len(set(wire.writes()))
    assert (healed.unknown, again.applied) == (0, 0)
    assert all(line.split()[0] != "PATCH" for line in wire.chaos.requests[-3:])


def test_broken_connections_give_their_sockets_back(wire: Wire) -> None:
    wire.chaos.use(Fault("cut"))
    client = wire.http()

    def open_files() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    def broken() -> None:
        with pytest.raises(Unavailable):
            client.request("GET", "/api/now/table/pm_project")

    broken()
    before = open_files()
    for _ in range(20):
        broken()
    client.close()

    assert open_files() <= before + 8


def test_a_write_over_a_dripping_wire_ends_at_the_deadline(wire: Wire) -> None:
    wire.chaos.use(Fault("drip", "PATCH"))
    one = wire.http()
    record = next(iter(ids(wire)))
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        one.request("PATCH", f"/api/now/table/pm_project/{record}", json={"u_explanation": "x"})

    assert time.monotonic() - began < 10


def test_a_read_stopped_after_a_page_goes_on_from_there(wire: Wire) -> None:
    wire.chaos.use(None)
    wire.run()
    first = ServiceNow("snow", wire.http(), read_only=True, page_size=4)
    pages = first.pull(Stream("pm_project", fields=("number",)), None)
    page = next(pages)
    wire.chaos.use(Fault("refuse"))
    first.close()
    broken = ServiceNow("snow", wire.http(), read_only=True, page_size=4)
    with pytest.raises(Unavailable):
        list(broken.pull(Stream("pm_project", fields=("number",)), page.cursor))
    wire.chaos.use(None)
    rest = broken.pull(Stream("pm_project", fields=("number",)), page.cursor)
    seen = {record.id for record in page.records} | {record.id for each in rest for record in each.records}

    assert seen == wire.stored()
