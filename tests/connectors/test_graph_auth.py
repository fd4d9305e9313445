"""The real msal against a sign-in authority on loopback, over TLS."""

import logging
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import trustme
from flask import Flask, request
from werkzeug.serving import make_server

from config.connections import CLOUDS
from connectors.base import Stream
from connectors.errors import CredentialsRefused, StopConnection, Unavailable
from connectors.graph_auth import GraphToken, with_certificate, with_managed_identity, with_secret
from connectors.http import Http
from connectors.planner import Planner
from sandbox.faults import Faults, Rule
from sandbox.graph import TENANT_ID, Graph, empty_graph, graph_app
from sandbox.graph_login import ROLES
from sandbox.server import serve

SECRET = "s3cr3t~of.the-app"
CLIENT = "31359c7f-bd7e-475c-86db-fdb8c937548e"


class Clock:
    """Time that tests move, for both sides of the wire."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


@dataclass
class Cloud:
    graph: Graph
    faults: Faults
    url: str
    ca_file: str
    clock: Clock

    def credentials(self, secret: str = SECRET, *, tenant: str = TENANT_ID) -> GraphToken:
        return with_secret(
            CLIENT,
            secret,
            tenant=tenant,
            authority=self.url,
            graph=f"{self.url}/v1.0",
            ca_file=self.ca_file,
            monotonic=self.clock.monotonic,
        )

    def planner(self, credentials: GraphToken) -> Planner:
        http = Http(f"{self.url}/v1.0", auth=credentials, ca_file=self.ca_file, attempts=1)
        return Planner("planner", http, read_only=True, plans=("Permit rollout",), tenant=TENANT_ID)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    clock = Clock()
    graph = empty_graph(clock.now)
    graph.authority.register(CLIENT, SECRET)
    plan = graph.tenant.add_plan(graph.tenant.add_group("Parks"), "Permit rollout")
    graph.tenant.add_task(plan, "Wire the desk")
    faults = Faults(graph_app(graph))
    server = make_server("127.0.0.1", 0, faults, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Cloud(graph, faults, f"https://127.0.0.1:{server.server_port}", str(ca_file), clock)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def titles(planner: Planner) -> list[str]:
    return [
        str(record.body["title"])
        for page in planner.pull(Stream("task", "Permit rollout"), None)
        for record in page.records
    ]


def test_one_token_serves_many_requests(cloud: Cloud) -> None:
    planner = cloud.planner(cloud.credentials())
    identity = planner.check()
    assert (identity.tenant, identity.findings) == (TENANT_ID, [])
    assert titles(planner) == ["Wire the desk"]
    assert cloud.graph.authority.issued == 1
    planner.close()


def test_a_token_is_replaced_before_it_expires(cloud: Cloud) -> None:
    cloud.graph.authority.lifetime = timedelta(seconds=200)
    credentials = cloud.credentials()
    first = credentials.token()
    cloud.clock.seconds = 90
    assert credentials.token() == first
    cloud.clock.seconds = 110
    assert credentials.token() != first


def test_a_token_that_graph_refuses_is_replaced_once(cloud: Cloud) -> None:
    planner = cloud.planner(cloud.credentials())
    planner.check()
    cloud.graph.authority.revoke()
    assert titles(planner) == ["Wire the desk"]
    assert cloud.graph.authority.issued == 2
    planner.close()


def test_the_last_token_serves_while_the_authority_is_down(cloud: Cloud) -> None:
    cloud.graph.authority.lifetime = timedelta(seconds=200)
    credentials = cloud.credentials()
    token = credentials.token()
    cloud.faults.use(Rule(path="*/token", status=503, times=None))
    cloud.clock.seconds = 110
    assert credentials.token() == token
    cloud.clock.seconds = 210
    with pytest.raises(Unavailable):
        credentials.token()


def test_a_wrong_secret_is_refused_without_being_told(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    wrong = "wr0ng~s3cr3t"
    with caplog.at_level(logging.DEBUG), pytest.raises(CredentialsRefused) as caught:
        cloud.credentials(wrong).token()
    assert "AADSTS7000215" in caught.value.text
    assert wrong not in f"{caught.value.text} {caught.value.fix} {caplog.text}"


def test_a_certificate_signs_in_as_a_secret_does(cloud: Cloud) -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    known, other = (authority.issue_cert("portico", key_type=trustme.KeyType.RSA) for _ in range(2))
    cloud.graph.authority.register(CLIENT, known.cert_chain_pems[0].bytes().decode())
    assert signer(cloud, known).token()
    with pytest.raises(CredentialsRefused):
        signer(cloud, other).token()


@pytest.mark.parametrize("client", [None, CLIENT])
def test_a_managed_identity_signs_in_without_a_secret(
    cloud: Cloud, client: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Flask("the machine's own endpoint")
    asked: list[tuple[str, str]] = []

    @machine.get("/msi/token")
    def token() -> dict[str, str]:
        asked.append((request.headers["X-IDENTITY-HEADER"], request.args["resource"]))
        assert request.args.get("client_id") == client
        given = cloud.graph.authority._issue(CLIENT, request.args["resource"], ROLES)
        return {"access_token": given, "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer"}

    with serve(machine) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "of-this-machine")
        planner = cloud.planner(with_managed_identity(client, graph=f"{cloud.url}/v1.0"))
        assert titles(planner) == ["Wire the desk"]
        planner.close()
    assert asked == [("of-this-machine", cloud.url)]


@pytest.mark.parametrize("name", sorted(CLOUDS))
def test_a_token_is_for_the_clouds_own_graph(cloud: Cloud, name: str) -> None:
    graph, _ = CLOUDS[name]
    token = with_secret(
        CLIENT, SECRET, tenant=TENANT_ID, authority=cloud.url, graph=graph, ca_file=cloud.ca_file
    ).token()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert f"{claims['aud']}/v1.0" == graph


def signer(cloud: Cloud, pair: trustme.LeafCert) -> GraphToken:
    return with_certificate(
        CLIENT,
        pair.private_key_pem.bytes().decode(),
        pair.cert_chain_pems[0].bytes().decode(),
        tenant=TENANT_ID,
        authority=cloud.url,
        ca_file=cloud.ca_file,
    )


def test_an_unknown_tenant_is_refused(cloud: Cloud) -> None:
    with pytest.raises(CredentialsRefused, match="tenant"):
        cloud.credentials(tenant="elsewhere").token()


def test_a_certificate_of_another_authority_stops(cloud: Cloud, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    cloud.ca_file = str(other)
    with pytest.raises(StopConnection, match="certificate"):
        cloud.credentials().token()


def test_an_authority_that_cannot_be_reached_is_unavailable(cloud: Cloud) -> None:
    cloud.url = "https://127.0.0.1:1"
    with pytest.raises(Unavailable):
        cloud.credentials().token()


def test_a_token_endpoint_without_json_breaks_no_rule(cloud: Cloud) -> None:
    cloud.faults.use(Rule(path="*/token", do="login_page", times=None))
    with pytest.raises(StopConnection):
        cloud.credentials().token()
