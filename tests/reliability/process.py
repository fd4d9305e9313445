"""The real program as a process of its own, started within milliseconds: forked from a server that has imported it."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import sqlalchemy as sa

from sync import crash
from sync.cli import main

RENAME = "PORTICO_KILL_RENAME"
"""Names the file that the process dies just before putting into its place."""
STATEMENT = "PORTICO_KILL_STATEMENT"
"""Names the SQL statement after which the process dies, as `INSERT INTO figures:2` (the second that begins so)."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["__main__", __name__, "connectors.jira", "connectors.servicenow.connector"])


def start(arguments: list[str], environment: Mapping[str, str], said: Path) -> ForkServerProcess:
    """Starts one command; what it says is appended to the file."""
    process = _FORKS.Process(target=_live, args=(arguments, dict(environment), str(said)))
    process.start()
    return process


def _live(arguments: list[str], environment: dict[str, str], said: str) -> None:
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.update(environment)
    _die_after(environment.get(STATEMENT, ""))
    _die_before_renaming_to(environment.get(RENAME, ""))
    with crash.watching(crash.killer(environment)):
        code = main(arguments)
    sys.stdout.flush()
    os._exit(code)


def _die_before_renaming_to(name: str) -> None:
    """Kills this process when a file is complete and about to replace the one of this name."""

    def look(event: str, said: tuple[object, ...]) -> None:
        if event == "os.rename" and Path(str(said[1])).name == name:
            os.kill(os.getpid(), signal.SIGKILL)

    if name:
        sys.addaudithook(look)


def _die_after(statement: str) -> None:
    """Kills this process when a database has done the statement, and before anything more is said to it."""
    beginning, _, nth = statement.partition(":")
    left = int(nth or 1)

    def look(*said: object) -> None:
        nonlocal left
        left -= " ".join(str(said[2]).split()).startswith(beginning)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if beginning:
        sa.event.listen(sa.Engine, "after_cursor_execute", look)
