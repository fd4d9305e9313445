"""Ways to sign in to Jira: tokens with scopes, service accounts, private authorities, proxies, paths; and what goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from threading import Thread
from urllib.request import ProxyHandler, Request, build_opener
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import trustme

from connectors.auth import ClientCredentials, basic, bearer
from connectors.base import Stream
from connectors.errors import CredentialsRefused, StopConnection
from sandbox.jira_gateway import SCOPES, Mount, gateway, issuer
from tests.connectors.jira_served import GATE, STREAM, Served, push, records

BROWSED = "https://fairhaven.atlassian.example"


def behind_the_gateway(cloud: Served, scopes: frozenset[str] = SCOPES) -> str:
    cloud.site.base_url = BROWSED
    cloud.site.scoped["scoped-token"] = scopes
    url = cloud.front(gateway(cloud.faults, cloud.site))
    return f"{url}/ex/jira/{cloud.site.cloud_id}"


def test_a_token_with_scopes_works_at_the_gateway_and_nowhere_else(cloud: Served) -> None:
    cloud.site.boards = [{"id": 1, "name": "b", "type": "scrum", "location": {"projectKey": "CON"}}]
    cloud.site.sprints = {1: [{"id": 5, "name": "s", "state": "active"}]}
    cloud.add(3)
    signed = basic(cloud.site.email, "scoped-token")
    jira = cloud.open(behind_the_gateway(cloud), signed)
    assert jira.check().tenant == BROWSED
    (page,) = jira.pull(STREAM, None)
    assert len(page.records) == 3
    assert {each.url for each in page.records} == {f"{BROWSED}/browse/CON-{number}" for number in (1, 2, 3)}
    assert push(jira, "CON-1", {GATE: "G1"}).error is None
    assert len(records(jira, Stream("sprint", scope="CON"))) == 1
    with pytest.raises(CredentialsRefused, match="401") as caught:
        cloud.open(cloud.server.url, signed).check()
    assert "https://api.atlassian.com/ex/jira/CLOUD_ID" in caught.value.fix
    assert "/_edge/tenant_info" in caught.value.fix


@pytest.mark.parametrize("missing", ["read:jira-work", "read:jira-user"])
def test_a_missing_scope_is_named(cloud: Served, missing: str) -> None:
    url = behind_the_gateway(cloud, SCOPES - {missing})
    with pytest.raises(CredentialsRefused, match="scope does not match") as caught:
        cloud.open(url, basic(cloud.site.email, "scoped-token")).check()
    assert missing in caught.value.fix


def test_a_token_that_may_only_read_writes_nothing(cloud: Served) -> None:
    cloud.add(1)
    url = behind_the_gateway(cloud, SCOPES - {"write:jira-work"})
    with pytest.raises(CredentialsRefused, match="scope does not match"):
        push(cloud.open(url, basic(cloud.site.email, "scoped-token")), "CON-1", {GATE: "G1"})
    assert cloud.site.write_log == []


def test_a_service_account_gets_tokens_and_renews_them(cloud: Served) -> None:
    cloud.add(2)
    tokens = cloud.front(issuer(cloud.site, "portico", "s3cret")) + "/oauth/token"
    jira = cloud.open(
        behind_the_gateway(cloud), ClientCredentials(tokens, "portico", "s3cret", sleep=lambda _: None)
    )
    assert len(records(jira, STREAM)) == 2
    cloud.at += timedelta(hours=2)
    assert len(records(jira, STREAM)) == 2
    assert len(cloud.site.issued) == 2
    refused = cloud.open(
        behind_the_gateway(cloud), ClientCredentials(tokens, "portico", "wrong", sleep=lambda _: None)
    )
    with pytest.raises(CredentialsRefused, match="access_denied"):
        refused.check()


def test_failed_sign_ins_that_ask_for_a_captcha_are_told(either: Served) -> None:
    either.site.captcha = True
    with pytest.raises(CredentialsRefused, match="CAPTCHA") as caught:
        either.connect().check()
    assert "browser" in caught.value.fix


def test_an_expired_token_is_refused_by_name(either: Served) -> None:
    token = either.site.token
    jira = either.connect()
    either.site.token = "another"
    with pytest.raises(CredentialsRefused, match="401") as caught:
        jira.check()
    assert "expiry" in caught.value.fix
    assert token not in f"{caught.value} {caught.value.fix}"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None: ...


@contextmanager
def over_tls(app: Mount, authority: trustme.CA) -> Iterator[str]:
    context = SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        server.base_environ["HTTPS"] = "on"
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_data_center_under_a_path_and_a_private_authority(datacenter: Served, tmp_path: Path) -> None:
    datacenter.add(2)
    authority, bundle = trustme.CA(), tmp_path / "city.pem"
    authority.cert_pem.write_to_path(bundle)
    with over_tls(Mount(datacenter.faults, "/jira"), authority) as host:
        jira = datacenter.open(f"{host}/jira", bearer(datacenter.site.token), ca_file=str(bundle))
        assert jira.check().tenant == f"{host}/jira"
        (page,) = jira.pull(STREAM, None)
        assert [each.url for each in page.records] == [
            f"{host}/jira/browse/CON-1",
            f"{host}/jira/browse/CON-2",
        ]
        assert push(jira, "CON-1", {GATE: "G1"}).error is None
        jira.close()
        with pytest.raises(StopConnection, match="certificate") as caught:
            datacenter.open(f"{host}/jira", bearer(datacenter.site.token)).check()
        assert "ca_file" in caught.value.fix


class _Proxy(BaseHTTPRequestHandler):
    """Forwards what is sent to it whole, as a forward proxy for plain http does."""

    def log_message(self, *_args: object) -> None: ...

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        again = Request(self.path, body or None, dict(self.headers), method=self.command)  # noqa: S310 - loopback
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        with build_opener(ProxyHandler({})).open(again) as answer:
            told = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(told)))
            if "X-AAccountId" in answer.headers:
                self.send_header("X-AAccountId", answer.headers["X-AAccountId"])
            self.end_headers()
            self.wfile.write(told)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls


def test_a_proxy_is_used_where_one_is_named(either: Served) -> None:
    either.add(2)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    server.seen = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site = either.site
    auth = basic(site.email, site.token) if site.product == "cloud" else bearer(site.token)
    jira = either.open(either.server.url, auth, proxy=f"http://127.0.0.1:{server.server_port}")
    try:
        assert len(records(jira, replace(STREAM, scope=""))) == 2
        assert len(server.seen) >= 4  # type: ignore[attr-defined]
    finally:
        jira.close()
        server.shutdown()
        thread.join()
        server.server_close()
