"""How fast a host is spoken to: one pace per host, shared by everything in the process that speaks to it."""

import threading
from collections.abc import Callable
from weakref import WeakValueDictionary


class Pace:
    """When the next request to a host may start. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interval = 0.0
        self._next = 0.0

    def at_most(self, requests_per_second: float) -> None:
        """Limits the rate; the lowest rate that any user of the host asks for holds for all."""
        with self._lock:
            self._interval = max(self._interval, 1.0 / requests_per_second)

    def reserve(self, now: float) -> float:
        """Takes the next slot and says how many seconds to wait for it."""
        with self._lock:
            start = max(now, self._next)
            self._next = start + self._interval
            return start - now

    def pause(self, until: float) -> None:
        """Lets nobody start before `until`: the host asked one of us to wait."""
        with self._lock:
            self._next = max(self._next, until)


_PACES: WeakValueDictionary[tuple[str, Callable[[], float]], Pace] = WeakValueDictionary()
_LOCK = threading.Lock()


def pace_of(host: str, monotonic: Callable[[], float]) -> Pace:
    """The one pace of that host (and port), as measured by that clock."""
    with _LOCK:
        return _PACES.setdefault((host, monotonic), Pace())
