"""The simulated instance as the ServiceNow tests use it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from requests.auth import AuthBase

from connectors.auth import basic
from connectors.base import Connector, Cursor, Outcome, Page, Patch, Plain, SourceRecord, Stream, Target
from connectors.http import Http
from connectors.servicenow import ServiceNow
from sandbox.faults import Faults, Rule
from sandbox.server import serve
from sandbox.servicenow import Instance, create_table_app
from sandbox.servicenow_schema import CITY_TABLES
from sandbox.servicenow_tables import Tables, sys_id
from tests.connectors.contract import Fault

SECRET = "s3cr3t-of-servicenow"

_FAULTS: Mapping[Fault, Rule] = {
    "unauthorized": Rule(status=401, times=None),
    "rate_limited": Rule(status=429, retry_after=1800, times=None),
    "server_error": Rule(status=500, times=None),
    "login_page": Rule(do="login_page", times=None),
    "truncated": Rule(do="truncated", times=None),
    "gone": Rule(status=410, times=None),
    "dropped": Rule(do="drop", times=None),
    "lost_write": Rule(do="drop", methods=("PATCH",), after_work=True, times=None),
}


class ServiceNowHarness:
    secret = SECRET
    stream = Stream("pm_project", scope="active=true^ORstate=2", fields=("short_description",))
    values: Mapping[str, Plain] = MappingProxyType({
        "u_gate_status": "G2 approved",
        "u_rag_overall": "amber",
        "u_budget_variance": Decimal("-1250.5"),
        "u_gate_due": "2026-12-01",
        "u_computed_at": "2026-11-20T13:00:00Z",
    })  # fmt: skip
    faults: frozenset[Fault] = frozenset([*_FAULTS, "repeated_page"])
    paged = True
    absent = sys_id("project", "absent")

    def __init__(self, now: Callable[[], datetime], tables: Tables | None) -> None:
        self.tool = Instance(tables or Tables(CITY_TABLES, now), password=SECRET)
        self.app = create_table_app(self.tool)
        self.faulty = Faults(self.app)
        self.server = serve(self.faulty)
        self._made = 0

    @property
    def writes(self) -> int:
        return sum(1 for write in self.tool.write_log if write["by"] == self.tool.user)

    @property
    def requests(self) -> int:
        return len(self.tool.requests)

    def connect(self, *, read_only: bool = False, auth: AuthBase | None = None, **options: Any) -> ServiceNow:
        signed = auth or basic(self.tool.user, SECRET)
        http = Http(self.server.url, auth=signed, sleep=lambda _: None)
        return ServiceNow("snow", http, read_only=read_only, **{"page_size": 3, **options})

    def add(self, count: int) -> Sequence[str]:
        return [self._insert() for _ in range(count)]

    def _insert(self, table: str = "pm_project", **values: str) -> str:
        self._made += 1
        number = f"PRJ{self._made:07}"
        row = {"number": number, "short_description": f"{number} created", "active": "true", **values}
        return self.tool.tables.insert(table, row, "ada.moreno")["sys_id"]

    def load(self, place: int, /, *, at: str, **values: str) -> str:
        """A project that was last changed long ago, whatever the clock says."""
        row = {"number": f"OLD{place:07}", "short_description": f"old {place}", "active": "true", **values}
        id_ = sys_id("old", str(place))
        return self.tool.tables.load("pm_project", {"sys_id": id_, "sys_updated_on": at, **row})["sys_id"]

    def edit(self, record: str, **values: str) -> None:
        row = self.tool.tables.find("pm_project", record)
        assert row is not None
        values = values or {"short_description": f"{row['number']} edited {row['sys_mod_count']}"}
        self.tool.tables.edit("pm_project", record, "ada.moreno", **values)

    def delete(self, record: str) -> None:
        self.tool.tables.delete("pm_project", record)

    def meddle(self, record: str) -> None:
        self.edit(record, u_rag_overall="red")

    def truth(self) -> Mapping[str, str]:
        return {row["sys_id"]: row["short_description"] for row in self.tool.tables.rows("pm_project")}

    def text(self, record: SourceRecord) -> str:
        return str(record.body["short_description"])

    def target(self, record: str) -> Target:
        return Target("pm_project", id=record, fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        if fault == "repeated_page":
            self.tool.drops = lambda term: not term.startswith("ORDERBY")
        else:
            self.faulty.use(_FAULTS[fault])

    def heal(self) -> None:
        self.faulty.use()
        self.tool.drops = lambda _: False


@contextmanager
def running(now: Callable[[], datetime], tables: Tables | None = None) -> Iterator[ServiceNowHarness]:
    """A harness, served."""
    harness = ServiceNowHarness(now, tables)
    try:
        yield harness
    finally:
        harness.server.stop()


def ids_of(connector: Connector, stream: Stream, cursor: Cursor | None = None) -> list[str]:
    return [record.id for page in connector.pull(stream, cursor) for record in page.records]


def last(connector: Connector, stream: Stream, cursor: Cursor | None = None) -> Page:
    *_, page = connector.pull(stream, cursor)
    return page


def patched(connector: Connector, record: str, **values: Plain) -> Outcome:
    (shown,) = connector.look([Target("pm_project", record, fields=tuple(values))])
    (outcome,) = connector.push([Patch(shown.target, values, shown.values, shown.version)])
    return outcome
