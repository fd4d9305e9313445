"""The contract of every connector, kept by Salesforce against the simulated organisation over real HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest

from connectors.auth import bearer
from connectors.base import Plain, SourceRecord, Stream, Target
from connectors.http import Http
from connectors.salesforce import Salesforce
from sandbox.city import City, build
from sandbox.faults import Faults, Rule
from sandbox.salesforce import TOKEN, Org, create_app
from sandbox.server import serve
from tests.connectors.contract import ConnectorContract, Fault, Harness

OBJECT = "Budget_Line__c"
RULES: Mapping[Fault, Rule] = {
    "unauthorized": Rule(status=401, times=None),
    "rate_limited": Rule(status=429, retry_after=1800, times=None),
    "server_error": Rule(status=500, times=None),
    "login_page": Rule(do="login_page", times=None),
    "truncated": Rule(do="truncated", times=None),
    "gone": Rule(status=410, times=None),
    "dropped": Rule(do="drop", times=None),
    "lost_write": Rule(do="drop", path="*/composite/*", after_work=True, times=None),
}


@pytest.fixture(scope="module")
def city() -> City:
    return build("small", date(2026, 11, 21))


class SalesforceHarness:
    """The simulated organisation; records are the lines of one fund with quotes in its name."""

    secret = TOKEN
    stream = Stream(
        OBJECT,
        r"SELECT Department__c FROM Budget_Line__c WHERE Fund__c = 'O\'Brien order by' OR Fund__c = 'x'",
    )
    values: Mapping[str, Plain] = MappingProxyType(
        {"Forecast__c": Decimal("-12345678.90"), "Cost_Center__c": "red"}
    )
    faults: frozenset[Fault] = frozenset([*RULES, "repeated_page", "short_read"])
    paged = True
    absent = "a0B000000999999AAA"

    def __init__(self, city: City) -> None:
        app = create_app(city)
        self.org: Org = app.extensions["portico"]
        self.org.page_size = 3
        self._faults = Faults(app)
        self.server = serve(self._faults)
        self._count = 0

    @property
    def writes(self) -> int:
        return len(self.org.write_log)

    @property
    def requests(self) -> int:
        return self.org.requests

    def connect(self, *, read_only: bool = False) -> Salesforce:
        http = Http(self.server.url, auth=bearer(TOKEN), sleep=lambda _seconds: None)
        return Salesforce("sf", http, read_only=read_only, now=lambda: datetime(2030, 1, 1, tzinfo=UTC))

    def add(self, count: int) -> Sequence[str]:
        ids = []
        for _ in range(count):
            self._count += 1
            values = {"Fund__c": "O'Brien order by", "Department__c": f"created {self._count}"}
            with self.org.lock:
                ids.append(self.org.put(OBJECT, values))
        return ids

    def edit(self, record: str) -> None:
        self._count += 1
        self._put(record, Department__c=f"edited {self._count}")

    def delete(self, record: str) -> None:
        with self.org.lock:
            self.org.put(OBJECT, {"IsDeleted": True}, record)

    def meddle(self, record: str) -> None:
        self._put(record, Cost_Center__c="purple")

    def truth(self) -> Mapping[str, str]:
        return {
            each: str(row["Department__c"])
            for each, row in self.org.tables[OBJECT].rows.items()
            if row["Fund__c"] == "O'Brien order by" and not row["IsDeleted"]
        }

    def text(self, record: SourceRecord) -> str:
        return str(record.body["Department__c"])

    def target(self, record: str) -> Target:
        return Target(OBJECT, id=record, fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        self.org.repeat_pages = fault == "repeated_page"
        self.org.withhold = 2 if fault == "short_read" else 0
        if fault in RULES:
            self._faults.use(RULES[fault])

    def heal(self) -> None:
        self.org.repeat_pages, self.org.withhold = False, 0
        self._faults.use()

    def _put(self, record: str, **values: str) -> None:
        with self.org.lock:
            self.org.put(OBJECT, values, record)


class TestSalesforce(ConnectorContract):
    @pytest.fixture
    def harness(self, city: City) -> Iterator[Harness]:
        harness = SalesforceHarness(city)
        yield harness
        harness.server.stop()
