import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import requests

from sandbox.server import THREADS, serve


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = str(environ["REMOTE_PORT"]).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def test_one_session_keeps_one_connection() -> None:
    with serve(hello) as server, requests.Session() as session:
        ports = {session.get(server.url, timeout=5).text for _ in range(5)}
    assert len(ports) == 1


def test_eight_requests_are_served_at_once() -> None:
    together = Barrier(THREADS, timeout=30)

    def meet(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        together.wait()
        return hello(environ, start_response)

    with serve(meet) as server, ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: requests.get(server.url, timeout=60).status_code, range(THREADS)))
    assert answers == [200] * THREADS


def test_stop_ends_connections_and_frees_the_port() -> None:
    server = serve(hello)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as idle:
        server.stop()
        server.stop()
        assert idle.recv(1) == b""
    with serve(hello, server.port) as again:
        assert requests.get(again.url, timeout=5).ok


def test_a_taken_port_is_an_error() -> None:
    with serve(hello) as server, pytest.raises(OSError, match="in use"):
        serve(hello, server.port)
