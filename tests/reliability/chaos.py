"""A TCP proxy that misbehaves: it stands between a client and a server on loopback and breaks chosen exchanges.

All I/O of one connection is done by one thread, so that a close really sends FIN, and an abort RST.
"""

import select
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

Action = Literal["cut", "reset", "lose_answer", "drip", "black_hole", "garbage", "refuse"]
PIECE = 1 << 16
TICK = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to an exchange whose request begins with `method`.

    `after` such exchanges pass first, then `times` fail (None: all). `keep` bytes of the answer arrive before a `cut` (an
    end) or a `reset` (an abort). `lose_answer` lets the server do its work and then aborts. `drip` gives a byte a tick.
    `refuse` aborts new connections at once, whatever they would ask.
    """

    action: Action
    method: str = ""
    after: int = 0
    times: int | None = None
    keep: int = 300


class Chaos:
    """The proxy; `url` is where to connect. Use as a context; `fault` may be replaced at any time, None: it only passes on."""

    def __init__(self, port: int, fault: Fault | None = None) -> None:
        self._upstream = port
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TICK)
        self._threads: list[threading.Thread] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[str] = []
        self.use(fault)

    def use(self, fault: Fault | None) -> None:
        """Another fault from now on; counting begins anew."""
        self.fault, self._seen, self.hits = fault, 0, 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)
        self._listener.close()

    def _start(self, work: object, *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                if self.fault is not None and self.fault.action == "refuse":
                    self.hits += 1
                    _abort(client)
                else:
                    self._start(self._serve, client)

    def _due(self, head: bytes) -> Fault | None:
        fault = self.fault
        self.requests.append(head.split(b"\r\n", 1)[0].decode("latin-1"))
        if fault is None or not head.startswith(fault.method.encode()):
            return None
        self._seen += 1
        if self._seen <= fault.after or (fault.times is not None and self.hits >= fault.times):
            return None
        self.hits += 1
        return fault

    def _serve(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self._upstream)) as server,
        ):
            fault: Fault | None = None
            left = 0
            while not self._stop.is_set():
                readable, _, _ = select.select([client, server], [], [], TICK)
                if client in readable:
                    data = client.recv(PIECE)
                    if not data:
                        return
                    if data[:1].isalpha() and b" HTTP/1.1\r\n" in data:
                        fault = self._due(data)
                        left = fault.keep if fault else 0
                    if fault is None or fault.action != "black_hole":
                        server.sendall(data)
                if server in readable:
                    data = server.recv(PIECE)
                    if not data:
                        return
                    if fault is None:
                        client.sendall(data)
                    elif self._spoil(client, fault, data, left):
                        return
                    left -= len(data)

    def _spoil(self, client: socket.socket, fault: Fault, data: bytes, left: int) -> bool:
        """Whether the connection is over."""
        if fault.action == "drip":
            for byte in data:
                if self._stop.wait(TICK):
                    return True
                client.sendall(bytes([byte]))
            return False
        if fault.action == "garbage":
            client.sendall(b"\x00\xff no protocol of ours \r\n\r\n")
            return True
        if fault.action == "lose_answer":
            _abort(client)
            return True
        client.sendall(data[:left])
        if len(data) < left:
            return False
        if fault.action == "reset":
            _abort(client)
        return True


def _abort(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
