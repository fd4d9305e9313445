"""ServiceNow's own Python client works against the simulated instance: proof that it answers as instances do."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from pysnc import ServiceNowClient
from pysnc.auth import ServiceNowClientCredentialsFlow
from pysnc.exceptions import AuthenticationException, NotFoundException, RequestException, RoleException
from werkzeug.serving import make_server

from config.loading import load
from connectors.auth import basic
from connectors.base import Connector, Stream
from connectors.errors import StopConnection
from connectors.http import Http
from connectors.servicenow import ServiceNow
from sandbox.city import build
from sandbox.servicenow import PASSWORD, USER, Instance, create_app
from sync import wiring
from tests.connectors.snow_served import ids_of

CITY = build("small", date(2026, 11, 20))
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
WAYS = {
    "basic": {"type": "basic", "user": USER, "password": "${PASSWORD}"},
    "client credentials": {
        "type": "oauth2_client_credentials", "client_id": "portico-client", "client_secret": "${CLIENT_SECRET}",
    },
}  # fmt: skip


@dataclass
class Served:
    tool: Instance
    url: str
    ca_file: str

    def client(self, auth: object = (USER, PASSWORD)) -> ServiceNowClient:
        return ServiceNowClient(self.url, auth, verify=self.ca_file, auto_retry=False)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return str(ca_file), context


@pytest.fixture
def snow(certified: tuple[str, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    ca_file, context = certified
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)  # goes before what a client of it is told
    app = create_app(CITY, now=lambda: NOW)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Served(app.extensions["portico"], f"https://127.0.0.1:{server.server_port}", ca_file)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def closing() -> Iterator[Callable[[ServiceNowClient], ServiceNowClient]]:
    made: list[ServiceNowClient] = []

    def keep(client: ServiceNowClient) -> ServiceNowClient:
        made.append(client)
        return client

    yield keep
    for client in made:
        client.session.close()


Keep = Callable[[ServiceNowClient], ServiceNowClient]


def test_it_reads_what_our_connector_reads(snow: Served, closing: Keep) -> None:
    record = closing(snow.client()).GlideRecord("pm_project_task", batch_size=7)
    record.add_active_query()
    record.query()
    theirs = {row.get_value("sys_id"): row for row in record}
    http = Http(snow.url, auth=basic(USER, PASSWORD), ca_file=snow.ca_file)
    connector = ServiceNow("snow", http, read_only=True)
    ours = ids_of(connector, Stream("pm_project_task", "active=true", fields=("number",)))
    connector.close()
    assert len(theirs) > 20
    assert set(theirs) == set(ours)
    assert snow.tool.login.kept_sessions > 0, "their session keeps its cookies, ours does not"


def test_stored_and_display_values(snow: Served, closing: Keep) -> None:
    record = closing(snow.client()).GlideRecord("pm_project")
    record.add_encoded_query("u_portico_keyISNOTEMPTY")
    record.order_by("number")
    record.limit = 1
    record.query()
    assert record.next()
    project = next(each for each in CITY.projects if each.number == record.get_value("number"))
    assert record.get_display_value("project_manager") == project.manager.name
    assert record.get_value("project_manager") != project.manager.name
    assert record.get_display_value("state") != record.get_value("state")


def test_one_record_is_read_written_and_deleted(snow: Served, closing: Keep) -> None:
    client = closing(snow.client())
    made = client.GlideRecord("pm_project")
    made.initialize()
    made.set_value("short_description", "Made by the vendor's client")
    id_ = made.insert()
    found = client.GlideRecord("pm_project")
    assert found.get(id_)
    assert found.get_value("short_description") == "Made by the vendor's client"
    found.set_value("u_gate_status", "G2")
    assert found.update() == id_
    assert snow.tool.tables.find("pm_project", id_)["u_gate_status"] == "G2"  # type: ignore[index] # it is there
    assert found.delete()
    assert not client.GlideRecord("pm_project").get(id_)


def test_many_records_go_through_the_batch_interface(snow: Served, closing: Keep) -> None:
    client = closing(snow.client())
    record = client.GlideRecord("risk")
    record.limit = 5
    record.query()
    for row in record:
        row.set_value("short_description", "in one batch")
    assert record.update_multiple()
    told = client.GlideRecord("risk")
    told.add_query("short_description", "in one batch")
    told.query()
    assert len(told) == 5
    assert told.delete_multiple()
    assert not [row for row in snow.tool.tables.rows("risk") if row["short_description"] == "in one batch"]


def test_a_query_too_long_for_an_address_goes_through_a_batch(snow: Served, closing: Keep) -> None:
    ids = [row["sys_id"] for row in snow.tool.tables.rows("incident")]
    record = closing(snow.client()).GlideRecord("incident", batch_size=500)
    record.add_query("sys_id", "IN", ",".join((ids * 400)[:400]))
    record.query()
    assert len(record) == len(set(ids))


def test_refusals_are_what_it_expects(snow: Served, closing: Keep) -> None:
    client = closing(snow.client())
    snow.tool.rights.closed.add("problem")
    with pytest.raises(RoleException):
        client.GlideRecord("problem").query()
    with pytest.raises(RequestException):
        client.GlideRecord("no_such_table").query()
    with pytest.raises(AuthenticationException):
        closing(snow.client((USER, "wrong"))).GlideRecord("problem").query()
    with pytest.raises(NotFoundException):
        client.table_api.get(client.GlideRecord("incident"), "f" * 32)
    snow.tool.rows_in_time = 3
    with pytest.raises(RequestException):
        client.GlideRecord("incident").query()


def test_client_credentials(snow: Served, closing: Keep) -> None:
    login = snow.tool.login
    client = closing(snow.client(ServiceNowClientCredentialsFlow(login.client_id, login.client_secret)))
    record = client.GlideRecord("sc_req_item")
    record.query()
    assert len(record) > 0
    assert login.issued == 1
    with pytest.raises(AuthenticationException):
        snow.client(ServiceNowClientCredentialsFlow(login.client_id, "wrong"))


class _Tunnel(BaseHTTPRequestHandler):
    """What a city's proxy does with https: it joins the two ends and understands nothing."""

    def log_message(self, *_args: object) -> None: ...

    def do_CONNECT(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pour, args=(there, self.connection))
            back.start()
            _pour(self.connection, there)
            back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(65536):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def tunnel() -> Iterator[tuple[str, list[str]]]:
    """A proxy's address, and the hosts that it was asked for."""
    seen: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Tunnel) as server:
        server.seen = seen  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("way", sorted(WAYS))
def test_our_connector_trusts_a_private_authority_and_goes_by_the_proxy_that_are_named(
    snow: Served, tmp_path: Path, way: str
) -> None:
    def connector(**named: str) -> Connector:
        (tmp_path / "portico.yaml").write_text(
            json.dumps({
                "version": 1,
                "portfolio": {"name": "P", "timezone": "UTC", "currency": "USD"},
                "store": "sqlite:///p.db",
                "connections": {
                    "snow": {
                        "tool": "servicenow", "url": snow.url, "auth": WAYS[way], "read": [{"kind": "risk"}], **named,
                    }
                },
            }),
            encoding="utf-8",
        )  # fmt: skip
        secrets = {"PASSWORD": PASSWORD, "CLIENT_SECRET": snow.tool.login.client_secret}
        return wiring.connector(load(tmp_path / "portico.yaml", secrets), "snow")

    stream = Stream("risk", fields=("number",))
    trusting = connector(ca_file=snow.ca_file)
    assert len(ids_of(trusting, stream)) == len(list(snow.tool.tables.rows("risk"))) > 0
    assert snow.tool.login.issued == (way == "client credentials")
    trusting.close()
    asked = len(snow.tool.requests)
    doubting = connector()
    with pytest.raises(StopConnection, match="certificate") as refused:
        ids_of(doubting, stream)
    assert "ca_file" in refused.value.fix
    doubting.close()
    with tunnel() as (address, tunnelled):
        around = connector(ca_file=snow.ca_file, proxy=address)
        assert ids_of(around, stream)
        around.close()
    assert len(snow.tool.requests) > asked
    assert set(tunnelled) == {snow.url.removeprefix("https://")}
    assert len(tunnelled) == (2 if way == "client credentials" else 1), "the token by the same way"
