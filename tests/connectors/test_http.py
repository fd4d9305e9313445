import base64
import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
import trustme

from connectors import errors
from connectors.auth import ClientCredentials, JwtBearer, api_key, basic, bearer
from connectors.errors import (
    Conflict,
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    Invalid,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    StopConnection,
    Unavailable,
)
from connectors.http import Http
from connectors.pace import Pace, pace_of

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)

Play = Callable[["Exchange"], None]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    received: bytes
    client: tuple[str, int]


class Exchange(BaseHTTPRequestHandler):
    """One request and the hands to answer it, well or badly."""

    protocol_version = "HTTP/1.1"
    server: "Tool"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(
        self, status: int = 200, body: bytes = b"{}", kind: str = "application/json", **headers: str
    ) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def play(self) -> None:
        received = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(Seen(self.path, dict(self.headers), received, self.client_address))
        plays = self.server.plays
        (plays.pop(0) if len(plays) > 1 else plays[0])(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_CONNECT = play  # noqa: N815 - the base class's names


class Tool(ThreadingHTTPServer):
    """A tool whose answers are played in order; the last one repeats."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *plays: Play) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.plays = list(plays)
        self.seen: list[Seen] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def tool(*plays: Play) -> Iterator[Tool]:
    server = Tool(*plays)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int = 200, body: bytes = b"{}", kind: str = "application/json", **headers: str) -> Play:
    return lambda exchange: exchange.answer(status, body, kind, **headers)


@contextmanager
def http(url: str, **options: Any) -> Iterator[tuple[Http, list[float]]]:
    slept: list[float] = []
    client = Http(url, sleep=slept.append, now=lambda: NOW, **options)
    try:
        yield client, slept
    finally:
        client.close()


def test_an_answer_is_strict_json_with_exact_numbers() -> None:
    body = b'{"amount": 12345678901234567.10, "count": 3}'
    with tool(says(200, body)) as server, http(server.url + "/base/") as (client, _):
        answer = client.request("GET", "/path", params={"q": "a b"})
    assert answer.json == {"amount": Decimal("12345678901234567.10"), "count": 3}
    assert server.seen[0].path == "/base/path?q=a+b"


@pytest.mark.parametrize(
    "body",
    [b'{"a": NaN}', b'{"a": Infinity}', b"\xef\xbb\xbf{}", b'{"a": "\xe9"}', b"{]", b"1 2", b"[" * 100_000],
)
def test_what_is_not_json_breaks_the_contract(body: bytes) -> None:
    with tool(says(200, body)) as server, http(server.url) as (client, _):
        with pytest.raises((ContractBroken, Unavailable)):
            client.request("GET", "/")


def test_decimals_are_sent_exactly() -> None:
    with tool(says(204, b"")) as server, http(server.url) as (client, _):
        answer = client.request("PUT", "/", json={"amount": Decimal("0.10"), "text": "ü"}, ok=(204,))
    assert server.seen[0].received == b'{"amount": 0.10, "text": "\\u00fc"}'
    assert server.seen[0].headers["Content-Type"] == "application/json"
    assert answer.json is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Invalid), (401, CredentialsRefused), (403, CredentialsRefused), (404, NotFound),
        (409, Conflict), (410, ContractBroken), (412, Conflict), (413, Invalid),
        (418, ContractBroken), (422, Invalid),
        (201, ContractBroken),
    ],
)  # fmt: skip
def test_each_status_has_one_meaning(status: int, expected: type[ConnectorError]) -> None:
    for method in ("GET", "POST"):
        with tool(says(status, b'{"why": "because"}')) as server, http(server.url) as (client, slept):
            with pytest.raises(expected, match="because"):
                client.request(method, "/")
        assert slept == []
        assert len(server.seen) == 1


def test_the_caller_may_want_a_refusal() -> None:
    with tool(says(403, b'{"why": "because"}')) as server, http(server.url) as (client, _):
        assert client.request("GET", "/", ok=(200, 403)).json == {"why": "because"}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_read_is_repeated_until_it_works(status: int) -> None:
    with tool(says(status), says(status), says(200, b"[1]")) as server, http(server.url) as (client, slept):
        assert client.request("GET", "/").json == [1]
    assert len(server.seen) == 3
    assert len(slept) == 2
    assert 1.0 <= slept[0] <= 1.3
    assert 2.0 <= slept[1] <= 2.6


def test_a_read_gives_up_after_its_attempts() -> None:
    with tool(says(503)) as server, http(server.url, attempts=3) as (client, _):
        with pytest.raises(Unavailable, match="503"):
            client.request("GET", "/")
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("header", "least"),
    [
        ("7", 7.0),
        ("2.5", 2.5),
        (format_datetime(NOW + timedelta(seconds=20), usegmt=True), 20.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 1.0),
        ("soon", 1.0),
    ],
)
def test_retry_after_is_the_least_wait(header: str, least: float) -> None:
    with (
        tool(says(429, Retry_After=header), says(200)) as server,
        http(server.url) as (client, slept),
    ):
        client.request("GET", "/")
    assert least <= slept[0] <= least * 1.3
    assert len(server.seen) == 2


def test_retry_after_as_a_date_is_measured_by_the_servers_clock() -> None:
    theirs = NOW + timedelta(days=3)
    headers = {
        "Date": format_datetime(theirs, usegmt=True),
        "Retry-After": format_datetime(theirs + timedelta(seconds=5), usegmt=True),
    }
    with tool(says(503, b"", **headers), says(200)) as server, http(server.url) as (client, slept):
        client.request("GET", "/")
    assert 5.0 <= slept[0] <= 6.5


def test_too_long_a_wait_is_left_to_the_next_run() -> None:
    with tool(says(429, Retry_After="1800")) as server, http(server.url) as (client, slept):
        with pytest.raises(RateLimited) as caught:
            client.request("GET", "/")
    assert caught.value.retry_after == 1800
    assert slept == []
    assert len(server.seen) == 1


def test_a_pause_asked_of_one_holds_for_all_who_speak_to_the_host() -> None:
    with (
        tool(says(429, Retry_After="30"), says(200)) as server,
        http(server.url) as (first, _),
        http(server.url) as (second, slept),
    ):
        first.request("GET", "/")
        second.request("GET", "/")
    assert 25 <= slept[0] <= 30


def test_requests_keep_their_pace() -> None:
    clock = [100.0]

    def monotonic() -> float:
        return clock[0]

    with (
        tool(says(200)) as server,
        http(server.url, requests_per_second=2, monotonic=monotonic) as (first, slept),
        http(server.url, monotonic=monotonic) as (second, slept_too),
    ):
        first.request("GET", "/")
        second.request("GET", "/")
        first.request("GET", "/")
    assert slept == [1.0]
    assert slept_too == [0.5]


def test_no_more_requests_are_under_way_than_allowed_whoever_asks() -> None:
    running, most, lock = 0, 0, threading.Lock()
    three = threading.Barrier(3, timeout=30)

    def slow(exchange: Exchange) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait()
        time.sleep(0.02)
        with lock:
            running -= 1
        says(200)(exchange)

    with (
        tool(*[slow] * 12) as server,
        http(server.url, side_by_side=3) as (first, _),
        http(server.url, side_by_side=8) as (second, _),
        ThreadPoolExecutor(12) as pool,
    ):
        asked = [pool.submit(each.request, "GET", "/") for each in (first, second) * 6]
        assert [each.result().status for each in asked] == [200] * 12
    assert most == 3


def test_a_refusal_halves_what_is_under_way_and_answers_widen_it_again() -> None:
    pace = Pace()
    pace.side_by_side(8)
    with pace.lane() as one, pace.lane() as other:
        pace.refused(one)
        pace.refused(other)
    assert pace.width == 4
    for wanted in (2, 1, 1):
        with pace.lane() as began:
            pace.refused(began)
        assert pace.width == wanted
    widths = []
    for _ in range(40):
        pace.answered()
        widths.append(pace.width)
    assert widths[:6] == [2, 2, 3, 3, 3, 4]
    assert widths[-1] == 8


def test_a_tool_that_answers_429_is_asked_by_fewer_at_a_time() -> None:
    with (
        tool(says(429, Retry_After="0"), says(200)) as server,
        http(server.url, side_by_side=8) as (client, _),
    ):
        client.request("GET", "/")
        assert pace_of(server.url.removeprefix("http://"), time.monotonic).width == 4


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_write_is_never_repeated(status: int) -> None:
    with tool(says(status, Retry_After="1"), says(200)) as server, http(server.url) as (client, _):
        for method in ("POST", "PUT", "PATCH"):
            server.plays = [says(status)]
            server.seen.clear()
            with pytest.raises(OutcomeUnknown):
                client.request(method, "/", json={})
            assert len(server.seen) == 1


def test_a_write_declared_repeatable_is_repeated() -> None:
    with tool(says(503), says(200, b"[]")) as server, http(server.url) as (client, _):
        assert client.request("POST", "/search", json={}, idempotent=True).json == []
    assert len(server.seen) == 2


def test_a_write_without_an_answer_is_unknown() -> None:
    def hang_up(exchange: Exchange) -> None:
        exchange.close_connection = True

    with tool(hang_up) as server, http(server.url) as (client, _), pytest.raises(OutcomeUnknown):
        client.request("PUT", "/", json={})
    assert len(server.seen) == 1


def test_a_write_answered_with_half_a_document_is_unknown() -> None:
    with tool(says(200, b'{"id": "1')) as server, http(server.url) as (client, _):
        with pytest.raises(OutcomeUnknown):
            client.request("PUT", "/", json={})


def test_a_write_that_never_left_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with http(f"http://127.0.0.1:{closed.getsockname()[1]}") as (client, slept):
            with pytest.raises(Unavailable, match="connection refused"):
                client.request("POST", "/", json={})
            assert slept == []
            with pytest.raises(Unavailable):
                client.request("GET", "/")
            assert len(slept) == 3


def drip(part: str) -> Play:
    def play(exchange: Exchange) -> None:
        exchange.close_connection = True
        if part == "head":
            exchange.wfile.write(b"HTTP/1.1 200 OK\r\n")
        else:
            exchange.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"
            )
        for _ in range(400):
            exchange.wfile.write(b"X-A: b\r\n" if part == "head" else b" ")
            exchange.wfile.flush()
            time.sleep(0.05)

    return play


@pytest.mark.parametrize("part", ["head", "body"])
def test_the_deadline_holds_however_slowly_bytes_drip(part: str) -> None:
    with tool(drip(part)) as server, http(server.url, timeout=0.3, attempts=1) as (client, _):
        began = time.monotonic()
        with pytest.raises(Unavailable, match="in time"):
            client.request("GET", "/")
        assert time.monotonic() - began < 10


def test_silence_is_unavailable() -> None:
    with (
        tool(lambda _: time.sleep(0.5)) as server,
        http(server.url, timeout=5, read_timeout=0.1, attempts=1) as (client, _),
    ):
        with pytest.raises(Unavailable, match="in time"):
            client.request("GET", "/")
        with pytest.raises(OutcomeUnknown, match="in time"):
            client.request("POST", "/", json={})


def chunked_then_cut(exchange: Exchange) -> None:
    exchange.close_connection = True
    exchange.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n"
    )


def announced_then_cut(exchange: Exchange) -> None:
    exchange.close_connection = True
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1]")


@pytest.mark.parametrize(
    "play", [chunked_then_cut, announced_then_cut, says(200, b'[{"a": 1}, {"b'), says(200, b"[1, ")]
)
def test_an_answer_cut_short_is_fetched_again(play: Play) -> None:
    with tool(play, says(200, b"[1]")) as server, http(server.url) as (client, _):
        assert client.request("GET", "/").json == [1]
    with tool(play) as server, http(server.url) as (client, _), pytest.raises(Unavailable):
        client.request("GET", "/")
    assert len(server.seen) == 4


def test_an_answer_too_large_is_refused() -> None:
    bomb = gzip.compress(b"[" + b" " * 3_000_000 + b"]")
    for play in (says(200, b" " * 5000), says(200, bomb, Content_Encoding="gzip")):
        with tool(play) as server, http(server.url, max_bytes=4096) as (client, _):
            with pytest.raises(ContractBroken, match="more than 4096 bytes"):
                client.request("GET", "/")
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("play", "expected"),
    [
        (says(200, b"<html><form>Sign in</form></html>", "text/html"), CredentialsRefused),
        (says(200, b"<html><input type='password'></html>", "application/json"), CredentialsRefused),
        (says(200, b"<html>We are being upgraded</html>", "text/html"), ContractBroken),
        (says(200, b"hello", "text/plain"), ContractBroken),
        (says(302, b"", Location="/login.jsp?os_destination=x"), CredentialsRefused),
        (says(301, b"", Location="https://elsewhere.example/api"), ContractBroken),
    ],
)
def test_pages_and_redirects_are_no_answers(play: Play, expected: type[ConnectorError]) -> None:
    with tool(play) as server, http(server.url) as (client, _), pytest.raises(expected):
        client.request("GET", "/")
    assert len(server.seen) == 1


def test_next_links_stay_with_the_host() -> None:
    with tool(says(200, b"[]")) as server, http(server.url, auth=bearer("t0k3n")) as (client, _):
        client.request("GET", f"{server.url}/next?page=2")
        for link in (
            f"http://localhost:{server.server_port}/next",
            f"https://127.0.0.1:{server.server_port}/next",
            f"http://127.0.0.1:{server.server_port}@evil.example/next",
            f"http://user@127.0.0.1:{server.server_port}/next",
            "http://127.0.0.1/next",
        ):
            with pytest.raises(ContractBroken, match="another place"):
                client.request("GET", link)
    assert [each.path for each in server.seen] == ["/next?page=2"]


@pytest.mark.parametrize(
    "url", ["http://jira.example", "ftp://127.0.0.1", "https://u:p@host.example", "jira"]
)
def test_an_unsafe_address_is_refused(url: str) -> None:
    with pytest.raises(StopConnection) as caught:
        Http(url)
    assert caught.value.fix


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    authority, wrong = trustme.CA(), trustme.CA()
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    authority.cert_pem.write_to_path(ours)
    wrong.cert_pem.write_to_path(theirs)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(theirs))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    context = SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with tool(says(200, b"[1]")) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http:", "https:")
        with http(url, ca_file=str(ours)) as (client, _):
            assert client.request("GET", "/").json == [1]
        with http(url) as (client, _), pytest.raises(StopConnection, match="certificate") as caught:
            client.request("GET", "/")
    assert "ca_file" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "ends"),
    [("other.example.gov", NOW + timedelta(days=3650)), ("127.0.0.1", NOW - timedelta(days=300))],
    ids=["another name", "expired"],
)
def test_a_certificate_that_does_not_hold_is_refused(name: str, ends: datetime, tmp_path: Path) -> None:
    authority, bundle = trustme.CA(), tmp_path / "ours.pem"
    authority.cert_pem.write_to_path(bundle)
    context = SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_before=NOW - timedelta(days=900), not_after=ends).configure_cert(context)
    with tool(says(200, b"[1]")) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http:", "https:")
        with http(url, ca_file=str(bundle)) as (client, _), pytest.raises(StopConnection) as caught:
            client.request("GET", "/")
        assert "certificate" in str(caught.value)
        assert server.seen == []


def test_a_name_that_does_not_resolve_is_unavailable_also_for_a_write() -> None:
    with http("https://tool.invalid") as (client, slept), pytest.raises(Unavailable) as caught:
        client.request("PUT", "/items/1", json={})
    assert "its name does not resolve" in str(caught.value)
    assert slept == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_named_without_its_password(scheme: str) -> None:
    with tool(says(407, b"who are you?")) as proxy:
        address = proxy.url.replace("//", "//portico:pr0xy-secret@")
        host = "127.0.0.1:1" if scheme == "http" else "jira.example.gov"
        with (
            http(f"{scheme}://{host}", proxy=address) as (client, _),
            pytest.raises(StopConnection) as caught,
        ):
            client.request("GET", "/")
    assert "407" in str(caught.value)
    assert "Give the proxy's user" in caught.value.fix
    assert "pr0xy-secret" not in f"{caught.value} {caught.value.fix}"


def test_a_proxy_that_is_not_there_is_unavailable_whatever_its_port() -> None:
    with http("https://jira.example.gov", proxy="http://127.0.0.1:14070") as (client, _):
        with pytest.raises(Unavailable) as caught:
            client.request("GET", "/")
        assert "connection refused" in str(caught.value)


def test_no_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    secret = 'pa$$ "w/rd'
    told = [
        secret,
        json.dumps(secret)[1:-1],
        "pa%24%24%20%22w%2Frd",
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(f"bot:{secret}".encode()).decode(),
    ]
    body = " ".join(told).encode()
    with (
        caplog.at_level(logging.DEBUG, logger="portico.http"),
        tool(says(400, body)) as server,
        http(server.url, auth=basic("bot", secret), secrets=["other-secret"]) as (client, _),
    ):
        with pytest.raises(Invalid) as caught:
            client.request("GET", "/other-secret", params={"token": "query-secret"})
    for each in (*told, "other-secret", "query-secret"):
        assert each not in str(caught.value)
        assert each not in caplog.text
    assert "•••" in str(caught.value)
    (line,) = [record for record in caplog.records if record.name == "portico.http"]
    assert line.getMessage().startswith(f"GET {server.url}/••• 400 ")


def test_a_connection_is_kept_alive() -> None:
    with tool(says(200, b"[1]")) as server, http(server.url) as (client, _):
        for _ in range(3):
            client.request("GET", "/")
    assert len({each.client for each in server.seen}) == 1


def test_fixed_secrets_sign_each_request() -> None:
    with tool(says(200)) as server:
        for auth in (basic("bot", "ü"), bearer("t0k3n"), api_key("X-Key", "k3y")):
            with http(server.url, auth=auth) as (client, _):
                client.request("GET", "/")
    first, second, third = (each.headers for each in server.seen)
    assert first["Authorization"] == "Basic " + base64.b64encode("bot:ü".encode()).decode()
    assert second["Authorization"] == "Bearer t0k3n"
    assert third["X-Key"] == "k3y"


def token(number: int, life: int = 3600) -> Play:
    return says(200, json.dumps({"access_token": f"token-{number}", "expires_in": life}).encode())


def test_a_token_is_fetched_once_and_renewed_when_it_expires() -> None:
    clock = [0.0]
    with tool(token(1), token(2)) as issuer, tool(says(200)) as server:
        auth = ClientCredentials(
            f"{issuer.url}/token", "portico", "s3cr3t", "read", monotonic=lambda: clock[0]
        )
        with http(server.url, auth=auth) as (client, _):
            client.request("GET", "/")
            client.request("GET", "/")
            clock[0] = 3600.0
            client.request("GET", "/")
    assert [each.headers["Authorization"] for each in server.seen] == [
        "Bearer token-1", "Bearer token-1", "Bearer token-2",
    ]  # fmt: skip
    assert len(issuer.seen) == 2
    assert b"grant_type=client_credentials" in issuer.seen[0].received
    assert b"scope=read" in issuer.seen[0].received


def test_many_threads_fetch_one_token() -> None:
    def slowly(exchange: Exchange) -> None:
        time.sleep(0.1)
        token(len(issuer.seen))(exchange)

    with tool(slowly) as issuer:
        auth = ClientCredentials(issuer.url, "portico", "s3cr3t")
        threads = [threading.Thread(target=auth.token) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert len(issuer.seen) == 1


def test_a_refused_token_is_renewed_once_even_for_a_write() -> None:
    def guard(exchange: Exchange) -> None:
        exchange.answer(200 if exchange.headers["Authorization"] == "Bearer token-2" else 401)

    with tool(token(1), token(2), token(3)) as issuer, tool(guard) as server:
        with http(server.url, auth=ClientCredentials(issuer.url, "portico", "s3cr3t")) as (client, _):
            client.request("POST", "/", json={})
            assert len(server.seen) == 2
            server.plays = [says(401)]
            with pytest.raises(CredentialsRefused):
                client.request("GET", "/")
    assert len(server.seen) == 4
    assert len(issuer.seen) == 3


def test_a_refused_grant_names_the_reason_without_the_secret() -> None:
    body = b'{"error": "invalid_client", "error_description": "secret s3cr3t has expired"}'
    with tool(says(401, body)) as issuer, tool(says(200)) as server:
        with http(server.url, auth=ClientCredentials(issuer.url, "portico", "s3cr3t")) as (client, _):
            with pytest.raises(CredentialsRefused, match="invalid_client") as caught:
                client.request("GET", "/")
    assert "s3cr3t" not in str(caught.value)
    assert server.seen == []


def test_a_jwt_grant_is_signed_with_the_key() -> None:
    jwt = pytest.importorskip("jwt")
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    with tool(token(1)) as issuer:
        auth = JwtBearer(
            f"{issuer.url}/token", "client", "bot@city.example", pem, audience="https://login.example"
        )
        assert auth.token() == "token-1"
    form = dict(pair.split("=") for pair in issuer.seen[0].received.decode().split("&"))
    claims = jwt.decode(
        form["assertion"], key.public_key(), algorithms=["RS256"], audience="https://login.example"
    )
    assert (claims["iss"], claims["sub"]) == ("client", "bot@city.example")
    with tool(token(1)) as issuer, pytest.raises(CredentialsRefused, match="private key"):
        JwtBearer(issuer.url, "client", "bot", "no key", audience="x").token()


def test_every_error_belongs_to_one_group() -> None:
    for name, kind in vars(errors).items():
        if (
            isinstance(kind, type)
            and kind is not errors.ConnectorError
            and kind.__module__ == errors.__name__
        ):
            groups = [errors.Retry, errors.SkipRecord, errors.StopConnection]
            assert sum(issubclass(kind, group) for group in groups) == 1, name
