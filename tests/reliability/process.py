"""The real program as a process of its own, started within milliseconds: forked from a server that has imported it."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sync import crash
from sync.cli import main

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
    with crash.watching(crash.killer(environment)):
        code = main(arguments)
    sys.stdout.flush()
    os._exit(code)
