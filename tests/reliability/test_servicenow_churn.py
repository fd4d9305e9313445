"""A ServiceNow table that changes between any two pages: edits, inserts, deletes, moves, and rights that come and go."""

import json
import os
import random
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from connectors.base import Cursor, Stream
from connectors.http import Http
from connectors.servicenow import ServiceNow
from sandbox.server import serve
from sandbox.servicenow_tables import sys_id
from tests.connectors.snow_served import ServiceNowHarness, running

NIGHTLY = bool(os.environ.get("PORTICO_NIGHTLY"))
SIZES = [(20_000, 500)] if NIGHTLY else [(900, 60)]
STREAM = Stream("pm_project", "active=true", fields=("short_description",))


class Clock:
    """Time that goes on by itself a little with every request."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 20, 6, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def on(self, **interval: float) -> None:
        self.instant += timedelta(**interval)


@dataclass
class Reader:
    """Reads as a run does: pages with their cursor, then the census, and everything again if that knows more.

    An id that two censuses miss is gone.
    """

    connector: ServiceNow
    cursor: Cursor | None = None
    held: dict[str, tuple[str, str]] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)

    def run(self) -> None:
        self._pull(self.cursor)
        ids = self.connector.census(STREAM).ids or frozenset()
        if ids - self.held.keys():
            self._pull(None)
        for absent in set(self.held) - ids:
            if absent in self.missed:
                del self.held[absent]
        self.missed = set(self.held) - ids

    def _pull(self, cursor: Cursor | None) -> None:
        for page in self.connector.pull(STREAM, cursor):
            self.cursor = page.cursor
            for gone in page.gone:
                self.held.pop(gone, None)
            for record in page.records:
                self.held[record.id] = (str(record.body["short_description"]), record.version or "")


class Churn:
    """A busy office: before each request it does something to the table."""

    def __init__(self, snow: ServiceNowHarness, clock: Clock, seed: int) -> None:
        self.snow = snow
        self.clock = clock
        self.random = random.Random(seed)
        self.at_work = False
        self.done = dict.fromkeys(("edit", "insert", "delete", "move", "hide", "show"), 0)
        snow.app.before_request_funcs.setdefault(None, []).insert(0, self)

    def __call__(self) -> None:
        self.clock.on(seconds=1)
        if not self.at_work:
            return
        self.at_work = False
        with self.snow.tool.lock:
            for _ in range(12):
                act = self.random.choice(
                    [self.edit] * 5 + [self.insert, self.delete, self.move, self.hide, self.show]
                )
                act()
        self.at_work = True

    def _any(self) -> str:
        return self.random.choice(list(self.snow.tool.tables._rows["pm_project"]))

    def edit(self) -> None:
        self.done["edit"] += 1
        self.snow.edit(self._any())

    def insert(self) -> None:
        self.done["insert"] += 1
        self.snow.add(1)

    def delete(self) -> None:
        self.done["delete"] += 1
        self.snow.delete(self._any())

    def move(self) -> None:
        """Into the scope or out of it."""
        self.done["move"] += 1
        id_ = self._any()
        row = self.snow.tool.tables.find("pm_project", id_)
        assert row is not None
        self.snow.edit(id_, active="false" if row["active"] == "true" else "true")

    def hide(self) -> None:
        self.done["hide"] += 1
        self.snow.tool.rights.hidden.add(self._any())

    def show(self) -> None:
        """A right that comes back: the record itself does not change."""
        if self.snow.tool.rights.hidden:
            self.done["show"] += 1
            self.snow.tool.rights.hidden.discard(min(self.snow.tool.rights.hidden))

    def truth(self) -> dict[str, tuple[str, str]]:
        return {
            row["sys_id"]: (row["short_description"], row["sys_mod_count"])
            for row in self.snow.tool.tables.rows("pm_project")
            if row["active"] == "true" and row["sys_id"] not in self.snow.tool.rights.hidden
        }


@pytest.fixture
def office() -> Iterator[tuple[ServiceNowHarness, Clock]]:
    clock = Clock()
    with running(clock.now) as snow:
        yield snow, clock


def fill(snow: ServiceNowHarness, count: int) -> None:
    """Many rows of few seconds, as imports leave them."""
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    for place in range(count):
        at = (begin + timedelta(seconds=place // 40)).strftime("%Y-%m-%d %H:%M:%S")
        snow.load(place, at=at, sys_id=sys_id("churn", str(place)))


@pytest.mark.parametrize(("rows", "page_size"), SIZES)
@pytest.mark.parametrize("seed", range(1 if not NIGHTLY else 5))
@pytest.mark.parametrize("audited", [False, True])
def test_nothing_is_missed_and_nothing_is_made_up(
    office: tuple[ServiceNowHarness, Clock],
    rows: int,
    page_size: int,
    seed: int,
    audited: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    snow, clock = office
    fill(snow, rows)
    if audited:
        snow.tool.tables.audited.add("pm_project")
    churn = Churn(snow, clock, seed)
    reader = Reader(snow.connect(page_size=page_size))
    for _ in range(2):
        churn.at_work = True
        reader.run()
        churn.at_work = False
        clock.on(minutes=15)
    for _ in range(2):
        reader.run()
        clock.on(minutes=15)
    truth = churn.truth()
    missed = truth.keys() - reader.held.keys()
    phantom = reader.held.keys() - truth.keys()
    stale = {id_ for id_, shown in reader.held.items() if id_ in truth and truth[id_] != shown}
    print(f"{rows} rows, {churn.done}: {len(missed)} missed, {len(phantom)} phantom, {len(stale)} stale")  # noqa: T201
    assert min(churn.done.values()) > 5
    assert (missed, phantom, stale) == (set(), set(), set())
    reader.connector.close()


def test_paging_by_offset_would_lose_records(office: tuple[ServiceNowHarness, Clock]) -> None:
    """The churn is worth something: the usual way to page fails under it."""
    snow, clock = office
    fill(snow, 900)
    churn = Churn(snow, clock, 1)
    connector = snow.connect()
    steady = set(churn.truth())
    found: set[str] = set()
    churn.at_work = True
    page: Callable[[int], list[str]] = lambda offset: [  # noqa: E731 - read where it stands
        row["sys_id"]
        for row in connector._http.request(
            "GET",
            "/api/now/table/pm_project",
            params={
                "sysparm_query": "active=true^ORDERBYsys_updated_on",
                "sysparm_offset": str(offset),
                "sysparm_limit": "60",
                "sysparm_fields": "sys_id",
            },
        ).json["result"]
    ]
    for offset in range(0, 1000, 60):
        found.update(page(offset))
    churn.at_work = False
    connector.close()
    assert (steady & churn.truth().keys()) - found


def incidents(size: int) -> WSGIApplication:
    """An instance of so many incidents, one per second, none of which it keeps in memory; no clock is attached to them."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    def row(place: int) -> dict[str, str]:
        at = f"{begin + timedelta(seconds=place):%Y-%m-%d %H:%M:%S}"
        words = {
            "short_description": "A street light is out " * 5,
            "state": "2",
            "assignment_group.name": "Desk",
        }
        return {"sys_id": f"{place:032x}", "number": f"INC{place:07}", "sys_updated_on": at, **words}

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = {name: each[0] for name, each in parse_qs(environ["QUERY_STRING"]).items()}
        after = datetime.fromisoformat(asked["sysparm_query"].split("sys_updated_on>")[1][:19])
        first = max(0, round((after.replace(tzinfo=UTC) - begin).total_seconds()) + 1)
        places = range(first, min(size, first + int(asked["sysparm_limit"])))
        headers = [("Content-Type", "application/json"), ("X-Total-Count", str(max(0, size - first)))]
        start_response("200 OK", headers)
        return [json.dumps({"result": [row(place) for place in places]}).encode()]

    return answer


def peak_of_reading(size: int) -> int:
    """The most bytes that a read of so many incidents held at a time, the stub's one page included."""
    stream = Stream("incident", fields=("short_description", "state", "assignment_group.name"))
    with serve(incidents(size)) as server:
        connector = ServiceNow("snow", Http(server.url, requests_per_second=None), read_only=True)
        tracemalloc.start()
        count = sum(len(page.records) for page in connector.pull(stream, None))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        connector.close()
    assert count == size
    return peak


def test_reading_more_incidents_takes_no_more_memory() -> None:
    sizes = (10_000, 100_000) if NIGHTLY else (2_000, 6_000)
    few, many = (peak_of_reading(size) for size in sizes)
    print(f"peak {few} bytes for {sizes[0]} incidents, {many} bytes for {sizes[1]}")  # noqa: T201 - the nightly figures
    assert many < few * 1.1
