"""How fast a host is spoken to: one pace per host, shared by everything in the process that speaks to it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

_NEAR_INTERVAL = 0.1
"""Seconds between requests near a limit where nobody asked for a slower pace."""


class Pace:
    """When the next request to a host may start, and how many may be under way. Safe to share between threads.

    After a refusal (429) half as many may be under way; for each round of answers without another, one more again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interval = 0.0
        self._next = 0.0
        self._near = False
        self._free = threading.Condition(self._lock)
        self._most: int | None = None
        self._width = 0
        self._running = 0
        self._answered = 0
        self._halvings = 0

    def at_most(self, requests_per_second: float) -> None:
        """Limits the rate; the lowest rate that any user of the host asks for holds for all."""
        with self._lock:
            self._interval = max(self._interval, 1.0 / requests_per_second)

    def side_by_side(self, requests: int) -> None:
        """Limits the requests under way at one time; the lowest number that any user of the host asks for holds for all."""
        with self._lock:
            self._most = requests if self._most is None else min(self._most, requests)
            self._width = min(self._width or self._most, self._most)

    @property
    def width(self) -> int:
        """How many requests may be under way now."""
        return self._width

    def reserve(self, now: float) -> float:
        """Takes the next slot and says how many seconds to wait for it."""
        with self._lock:
            start = max(now, self._next)
            self._next = start + (max(2 * self._interval, _NEAR_INTERVAL) if self._near else self._interval)
            return start - now

    def near_limit(self, *, near: bool) -> None:
        """What the tool said last of its limit: near it, requests go half as fast."""
        with self._lock:
            self._near = near

    def pause(self, until: float) -> None:
        """Lets nobody start before `until`: the host asked one of us to wait."""
        with self._lock:
            self._next = max(self._next, until)

    @contextmanager
    def lane(self) -> Iterator[int]:
        """Waits until a request may be under way, and is one within the block; yields what `refused` has to be told."""
        with self._free:
            self._free.wait_for(lambda: self._most is None or self._running < self._width)
            self._running += 1
            began = self._halvings
        try:
            yield began
        finally:
            with self._free:
                self._running -= 1
                self._free.notify()

    def refused(self, began: int) -> None:
        """A request was answered 429. Those that were under way together are refused together: that halves once."""
        with self._free:
            if began == self._halvings:
                self._halvings += 1
                self._width, self._answered = max(1, self._width // 2), 0

    def answered(self) -> None:
        """A request was answered otherwise."""
        with self._free:
            self._answered += 1
            if self._most is not None and self._answered >= self._width < self._most:
                self._width, self._answered = self._width + 1, 0
                self._free.notify()


_PACES: WeakValueDictionary[tuple[str, Callable[[], float]], Pace] = WeakValueDictionary()
_LOCK = threading.Lock()


def pace_of(host: str, monotonic: Callable[[], float]) -> Pace:
    """The one pace of that host (and port), as measured by that clock."""
    with _LOCK:
        return _PACES.setdefault((host, monotonic), Pace())
