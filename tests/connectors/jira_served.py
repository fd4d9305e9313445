"""A Jira of the sandbox served on loopback, its connectors, and the hands of its users."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from wsgiref.types import WSGIApplication

import requests
from flask import Flask, request
from requests.auth import AuthBase

from connectors.auth import basic, bearer
from connectors.base import Patch, Plain, Shown, SourceRecord, Stream, Target
from connectors.http import Http
from connectors.jira import Jira
from sandbox.city import build
from sandbox.faults import Faults, Rule
from sandbox.jira import create_app, create_site_app
from sandbox.jira_city import fields_of_the_city, statuses_of_the_city
from sandbox.jira_site import Issue, Product, Site
from sandbox.server import Server, serve
from tests.connectors.contract import Fault
from tests.connectors.jira_contract import Exchange, record

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
TO_DO = {"id": "10000", "name": "To Do", "statusCategory": {"id": 2, "key": "new", "name": "To Do"}}
GATE, DUE, RAG, VARIANCE, COMPUTED, EXPLANATION = (f"customfield_{number}" for number in range(10201, 10207))


_RULES: Mapping[Fault, Rule] = {
    "unauthorized": Rule(do="status", status=401, times=None),
    "rate_limited": Rule(do="status", status=429, retry_after=1, times=None),
    "server_error": Rule(do="status", status=500, times=None),
    "login_page": Rule(do="login_page", times=None),
    "truncated": Rule(do="truncated", times=None),
    "gone": Rule(do="status", status=410, times=None),
    "dropped": Rule(do="drop", times=None),
    "lost_write": Rule(do="drop", methods=("PUT",), after_work=True, times=None),
}


class Served:
    """A Jira with one empty project CON, served on loopback, whose clock moves five seconds per act."""

    def __init__(self, product: Product) -> None:
        self.at = NOON
        self.site = Site(product, lambda: self.at)
        self.site.fields = {each.id: each for each in fields_of_the_city()}
        self.site.statuses = statuses_of_the_city()
        self.site.projects["CON"] = {"id": "10001", "key": "CON", "name": "Contract"}
        self.sent: list[requests.PreparedRequest] = []
        app = create_site_app(self.site)
        self._app = app
        self._record(app)
        self.exchanges: list[Exchange] = []
        record(app, product, self.exchanges)
        self.faults = Faults(app)
        self.server = serve(self.faults)
        self._fronts: list[Server] = []
        self._connected: list[Jira] = []

    def _record(self, app: Flask) -> None:
        def keep() -> None:
            body = request.get_data()
            self.sent.append(
                requests.Request(request.method, request.url, dict(request.headers), data=body).prepare()
            )

        app.before_request_funcs.setdefault(None, []).insert(0, keep)

    def before_each(self, act: Callable[[], None]) -> None:
        """Somebody acts before each request is answered."""
        self._app.before_request_funcs.setdefault(None, []).insert(0, act)

    def tick(self, seconds: float = 5) -> None:
        self.at += timedelta(seconds=seconds)

    def connect(self, *, read_only: bool = False, **options: Any) -> Jira:
        site = self.site
        auth = basic(site.email, site.token) if site.product == "cloud" else bearer(site.token)
        http = Http(self.server.url, auth=auth, sleep=lambda _: None, timeout=10)
        jira = Jira("jira", http, read_only=read_only, now=lambda: self.at, **options)
        self._connected.append(jira)
        return jira

    def front(self, app: WSGIApplication) -> str:
        """Serves another way to this Jira; its address."""
        self._fronts.append(serve(app))
        return self._fronts[-1].url

    def open(self, url: str, auth: AuthBase, **options: Any) -> Jira:
        """A connector that speaks to another address."""
        http = Http(url, auth=auth, sleep=lambda _: None, timeout=10, **options)
        self._connected.append(Jira("jira", http, read_only=False, now=lambda: self.at))
        return self._connected[-1]

    def add(self, count: int, project: str = "CON", **fields: Any) -> list[Issue]:
        found = []
        for _ in range(count):
            self.tick()
            held = {"issuetype": {"name": "Task"}, "status": TO_DO, "summary": f"created {self.at}", **fields}
            found.append(self.site.add(project, held))
        self.tick()
        return found

    def edit(self, issue: Issue, **fields: Any) -> None:
        self.tick()
        self.site.edit(issue, fields)
        self.tick()

    def stop(self) -> None:
        for each in self._connected:
            each.close()
        for server in (self.server, *self._fronts):
            server.stop()


class JiraHarness:
    stream = Stream("issue", scope="project = CON", fields=("fields.summary", "fields.status.name"))
    values: Mapping[str, Plain] = MappingProxyType({
        GATE: "G2 approved", RAG: "Amber", VARIANCE: Decimal("-1250.50"), DUE: "2026-09-30",
        COMPUTED: "2026-07-01T12:00:00Z", EXPLANATION: "Behind plan.\nOver budget.",
    })  # fmt: skip
    paged = True
    absent = "99999"

    def __init__(self, served: Served) -> None:
        self.served = served
        self.secret = served.site.token
        cloud = served.site.product == "cloud"
        extra: set[Fault] = {"repeated_page"} if cloud else {"repeated_page", "short_read"}
        self.faults: frozenset[Fault] = frozenset({*_RULES, *extra})

    @property
    def writes(self) -> int:
        return len(self.served.site.write_log)

    @property
    def requests(self) -> int:
        return len(self.served.site.requests) + len(self.served.faults.hits)

    def connect(self, *, read_only: bool = False) -> Jira:
        return self.served.connect(read_only=read_only, page_size=3, id_page_size=4, overlap_seconds=2)

    def add(self, count: int) -> Sequence[str]:
        return [str(each.id) for each in self.served.add(count)]

    def edit(self, record: str) -> None:
        self.served.edit(self._issue(record), summary=f"edited {self.served.at}")

    def delete(self, record: str) -> None:
        self.served.tick()
        self.served.site.delete(self._issue(record))

    def meddle(self, record: str) -> None:
        self.served.edit(self._issue(record), **{GATE: "by hand"})

    def truth(self) -> Mapping[str, str]:
        return {str(each.id): each.fields["summary"] for each in self.served.site.issues.values()}

    def text(self, record: SourceRecord) -> str:
        return str(record.body["fields"]["summary"])

    def target(self, record: str) -> Target:
        return Target("issue", id=record, fields=tuple(self.values))

    def plant(self, fault: Fault) -> None:
        self.served.site.repeating = fault == "repeated_page"
        self.served.site.withheld = 2 if fault == "short_read" else 0
        self.served.faults.use(*([_RULES[fault]] if fault in _RULES else []))

    def heal(self) -> None:
        self.served.site.repeating, self.served.site.withheld = False, 0
        self.served.faults.use()

    def _issue(self, record: str) -> Issue:
        return self.served.site.issues[int(record)]


class InTheCity:
    """The small city's Jira, served."""

    def __init__(self, product: Product) -> None:
        self.city = build("small", date(2026, 7, 1))
        self.app = create_app(self.city, product=product, now=lambda: NOON)
        self.site: Site = self.app.extensions["portico"]
        self.exchanges: list[Exchange] = []
        record(self.app, product, self.exchanges)
        self.server = serve(self.app)
        site = self.site
        self.auth = basic(site.email, site.token) if product == "cloud" else bearer(site.token)
        self.jira = Jira("jira", Http(self.server.url, auth=self.auth), read_only=False, page_size=40)

    def stop(self) -> None:
        self.jira.close()
        self.server.stop()


def records(jira: Jira, stream: Stream, cursor: Mapping[str, Any] | None = None) -> list[SourceRecord]:
    return [record for page in jira.pull(stream, cursor) for record in page.records]


def look(jira: Jira, key: str, *names: str) -> Shown:
    (shown,) = jira.look([Target("issue", id=key, fields=names)])
    return shown


def push(jira: Jira, key: str, values: Mapping[str, Plain], before: Mapping[str, Plain] | None = None) -> Any:
    (outcome,) = jira.push([Patch(Target("issue", id=key, fields=tuple(values)), values, before or {})])
    return outcome


STREAM = JiraHarness.stream
