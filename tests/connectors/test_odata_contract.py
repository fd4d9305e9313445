"""The contract of every connector, kept by OData against the simulated service over real HTTP."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest
from flask import Flask

from connectors.auth import basic
from connectors.base import Plain, SourceRecord, Stream, Target
from connectors.http import Http
from connectors.odata import OData
from sandbox.city import City, build
from sandbox.faults import Faults, Rule
from sandbox.odata import PASSWORD, USER, Service, create_app
from sandbox.server import Server, serve
from tests.connectors.contract import ConnectorContract, Fault, Harness

RULES: Mapping[Fault, Rule] = {
    "unauthorized": Rule(status=401, times=None),
    "rate_limited": Rule(status=429, retry_after=1800, times=None),
    "server_error": Rule(status=500, times=None),
    "login_page": Rule(do="login_page", times=None),
    "truncated": Rule(do="truncated", times=None),
    "gone": Rule(status=410, times=None),
    "dropped": Rule(do="drop", times=None),
    "lost_write": Rule(do="drop", methods=("PATCH",), after_work=True, times=None),
}


@pytest.fixture(scope="module")
def city() -> City:
    return build("small", date(2026, 11, 21))


class ODataHarness:
    """The simulated finance service; records are lines of one department."""

    secret = PASSWORD
    stream = Stream(
        "BudgetLines",
        "BudgetLines?$filter=Fund eq 'O''Brien & Co' and Currency ne 'EUR'",
        cursor_field="ModifiedAt",
    )
    values: Mapping[str, Plain] = MappingProxyType(
        {"Forecast": Decimal("999999999999999.99"), "CostCenter": "red"}
    )
    faults: frozenset[Fault] = frozenset([*RULES, "repeated_page", "short_read"])
    paged = True
    absent = "nobody"

    def __init__(self, city: City, make: Callable[[City], Flask] = create_app, change: str = "PATCH") -> None:
        app = make(city)
        self.rules = {
            **RULES,
            "lost_write": Rule(do="drop", methods=(change,), after_work=True, times=None),
        }
        self.service: Service = app.extensions["portico"]
        self.service.page_size = 3
        self._faults = Faults(app)
        self.server: Server = serve(self._faults)
        self._table = self.service.tables["BudgetLines"]
        self._count = 0

    @property
    def writes(self) -> int:
        return len(self.service.write_log)

    @property
    def requests(self) -> int:
        return self.service.requests

    def connect(self, *, read_only: bool = False) -> OData:
        http = Http(self.server.url, auth=basic(USER, PASSWORD), sleep=lambda _seconds: None)
        return OData(
            "erp", http, read_only=read_only, page_size=3, now=lambda: datetime(2030, 1, 1, tzinfo=UTC)
        )

    def add(self, count: int) -> Sequence[str]:
        ids = [f"L{self._count + number}/{number % 3}'%" for number in range(1, count + 1)]
        self._count += count
        for each in ids:
            self._put(each, Fund="O'Brien & Co", Currency="USD", Department=f"{each} created")
        return [each.replace("%", "%25").replace("/", "%2F") for each in ids]

    def edit(self, record: str) -> None:
        self._count += 1
        self._put(self._line(record), Department=f"edited {self._count}")

    def delete(self, record: str) -> None:
        del self._table.rows[self._line(record),]

    def meddle(self, record: str) -> None:
        self._put(self._line(record), CostCenter="purple")

    def truth(self) -> Mapping[str, str]:
        return {
            str(row["Line"]).replace("%", "%25").replace("/", "%2F"): str(row["Department"])
            for row in self._table.rows.values()
            if row["Fund"] == "O'Brien & Co"
        }

    def text(self, record: SourceRecord) -> str:
        return str(record.body["Department"])

    def target(self, record: str) -> Target:
        return Target("BudgetLines", id=record, fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        self.service.repeat_pages = fault == "repeated_page"
        self.service.withhold = 2 if fault == "short_read" else 0
        if fault in RULES:
            self._faults.use(self.rules[fault])

    def heal(self) -> None:
        self.service.repeat_pages, self.service.withhold = False, 0
        self._faults.use()

    def _put(self, line: str, **values: str) -> None:
        with self.service.lock:
            self._table.put({"Line": line, "ModifiedAt": self.service.clock(), **values})

    @staticmethod
    def _line(record: str) -> str:
        return record.replace("%2F", "/").replace("%25", "%")


class TestOData(ConnectorContract):
    @pytest.fixture
    def harness(self, city: City) -> Iterator[Harness]:
        harness = ODataHarness(city)
        yield harness
        harness.server.stop()
