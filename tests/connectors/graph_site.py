"""A Graph on loopback for tests: one group, one plan, counted requests, faults on demand.

Whatever a test asks of it is held against Microsoft's description at its end.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from connectors.auth import bearer
from connectors.http import Http
from connectors.planner import Planner
from sandbox.faults import Faults
from sandbox.graph import Graph, empty_graph, graph_app
from sandbox.server import serve
from tests.connectors.graph_wire import Wire

SECRET = "s3cr3t-bearer-of-graph"
PLAN = "Permit rollout"


def no_sleep(_seconds: float) -> None:
    return


class Counted:
    """Passes requests on and counts them."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self._numbers = itertools.count(1)
        self.requests = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.requests = next(self._numbers)
        return self.app(environ, start_response)


class Site:
    """The running service, its state, and the plan that tests work in."""

    def __init__(self, graph: Graph, counted: Counted, faults: Faults, wire: Wire, url: str) -> None:
        self.graph = graph
        self.wire = wire
        self.tenant = graph.tenant
        self.counted = counted
        self.faults = faults
        self.url = f"{url}/v1.0"
        self.group = self.tenant.add_group("Licenses & Inspections")
        labels = {"category1": "Blocked", "category10": "Green", "category11": "Amber"}
        self.plan = self.tenant.add_plan(self.group, PLAN, labels=labels)
        self.bucket = self.tenant.add_bucket(self.plan, "Build")
        self.waits: list[float] = []

    def connect(
        self,
        *,
        read_only: bool = False,
        page_size: int = 200,
        plans: tuple[str, ...] = (PLAN,),
        write_fields: tuple[str, ...] = (),
        zone: tzinfo = UTC,
        tenant: str = "",
    ) -> Planner:
        http = Http(self.url, auth=bearer(SECRET), sleep=no_sleep)
        return Planner(
            "planner",
            http,
            read_only=read_only,
            plans=plans,
            write_fields=write_fields,
            zone=zone,
            tenant=tenant,
            page_size=page_size,
            workers=3,
            sleep=self.waits.append,
        )


@contextmanager
def running_site() -> Iterator[Site]:
    graph = empty_graph()
    graph.authority.admit(SECRET)
    faults = Faults(graph_app(graph), tool="planner")
    counted = Counted(faults)
    wire = Wire(counted)
    server = serve(wire)
    try:
        yield Site(graph, counted, faults, wire, server.url)
    finally:
        server.stop()
    if wire.violations():
        pytest.fail("\n".join(wire.violations()))
