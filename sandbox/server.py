"""Serves a simulated tool on loopback, in this process, for as long as its `Server` is not stopped."""

import socket
import threading
from types import TracebackType
from typing import Any, Self
from wsgiref.types import WSGIApplication

HOST = "127.0.0.1"
THREADS = 8
POLL_SECONDS = 1.0


class Server:
    """A running server: `url` (no trailing slash) and `port`. Stop it once; also a context manager."""

    def __init__(self, app: WSGIApplication, port: int = 0) -> None:
        from waitress import create_server, wasyncore  # noqa: PLC0415 - only the sandbox serves with waitress

        self._wasyncore = wasyncore
        self._sockets: dict[int, Any] = {}
        listening = socket.create_server((HOST, port))
        self._listener = create_server(
            app, map=self._sockets, sockets=[listening], threads=THREADS, ident="sandbox"
        )
        self.port = int(self._listener.effective_port)
        self.url = f"http://{HOST}:{self.port}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sandbox-{self.port}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wasyncore.loop(timeout=POLL_SECONDS, map=self._sockets, count=1)

    def stop(self) -> None:
        """Stops listening, ends the worker threads, closes every connection. A second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._listener.pull_trigger()
        self._thread.join()
        self._listener.task_dispatcher.shutdown()
        self._wasyncore.close_all(self._sockets, ignore_all=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(app: WSGIApplication, port: int = 0) -> Server:
    """Starts `app` on 127.0.0.1 (port 0: a free one) with HTTP/1.1 keep-alive; it answers when this returns.

    Raises OSError when the port is taken.
    """
    return Server(app, port)
