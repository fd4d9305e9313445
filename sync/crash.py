"""Named points at which a test may end this process as a power cut would: a test seam, free when it is not used.

`PORTICO_CRASH=pull.after_page` ends the process (SIGKILL) at that point's first hit, `pull.after_page:3` at its third.
A test in this process watches the points itself.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

VARIABLE = "PORTICO_CRASH"
Watch = Callable[[str], None]


def killer(environ: Mapping[str, str]) -> Watch | None:
    """What ends this process where `PORTICO_CRASH` says; None where it says nothing."""
    named, _, nth = environ.get(VARIABLE, "").partition(":")
    if not named:
        return None
    left = int(nth or 1)

    def kill(point: str) -> None:
        nonlocal left
        left -= point == named
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


_watch = killer(os.environ)


def reach(point: str) -> None:
    """Says that the program has come to `point`. Nothing happens unless a test asked for it."""
    if _watch is not None:
        _watch(point)


@contextmanager
def watching(watch: Watch | None) -> Iterator[None]:
    """Calls `watch` with each point that is reached inside the block; what it raises ends the run there."""
    global _watch  # noqa: PLW0603  one seam for the whole process
    before, _watch = _watch, watch
    try:
        yield
    finally:
        _watch = before
