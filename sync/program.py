"""What every command shares: the global options, the settings, the clock, the store, and how errors become text."""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from config.settings import Settings
    from portfolio.store.database import Store
    from sync.engine import Run

DONE, FINDINGS, USAGE, HELD, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: all done · done with findings · usage or configuration error · a safety brake holds · interrupted."""


class Refused(click.ClickException):
    """A command that cannot be carried out as given; nothing was touched."""

    exit_code = USAGE


@dataclass
class Program:
    """One invocation of `portico`."""

    config: Path = Path("portico.yaml")
    fixed_now: datetime | None = None
    color: bool = True
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @cached_property
    def settings(self) -> "Settings":
        """The configuration, read once. Raises ConfigurationError with every problem."""
        from config.loading import load  # noqa: PLC0415  (start-up stays fast for --help)
        from mapping import problems  # noqa: PLC0415  (as above)

        return load(self.config, self.environ, checks=[problems])

    def may_write(self) -> Callable[[str], bool]:
        """The kill switch: `safety.write` as the file says it when it is asked."""
        from config.loading import load  # noqa: PLC0415  (as above)
        from sync.switch import Switch  # noqa: PLC0415  (as above)

        return Switch(self.config, lambda: load(self.config, self.environ), self.settings)

    def now(self) -> datetime:
        """The instant to judge at: `--now`, else the clock."""
        return self.fixed_now or datetime.now(UTC)

    def store(self, *, keep: bool = True) -> "Store":
        """Opens the store. Raises StoreError."""
        from portfolio.store.database import open_store  # noqa: PLC0415  (as above)

        return open_store(self.settings.store, keep=keep)

    def run(
        self,
        store: "Store",
        command: str,
        *,
        stop: threading.Event | None = None,
        say: Callable[[str], None] | None = None,
        may_write: Callable[[str], bool] | None = None,
    ) -> "Run":
        """A run of the named command over an open store, at this invocation's instant."""
        from sync.engine import Run  # noqa: PLC0415  (as above)
        from sync.wiring import policy  # noqa: PLC0415  (as above)

        return Run(
            store,
            self.settings,
            policy(self.settings),
            command=command,
            now=self.now(),
            clock=self.now,
            stop=stop,
            say=say or self.progress,
            may_write=may_write or self.may_write(),
        )

    def redact(self, text: str) -> str:
        """Text without any of the configuration's secrets."""
        if "settings" not in self.__dict__:
            return text
        from config.secrets import redact  # noqa: PLC0415  (as above)

        return redact(text, self.settings.secrets)

    def console(self, *, stderr: bool = False) -> "Console":
        """A terminal to print to; plain where output is no terminal or `--no-color` was given."""
        from rich.console import Console  # noqa: PLC0415  (as above)

        return Console(stderr=stderr, no_color=not self.color, highlight=False, soft_wrap=False)

    def progress(self, text: str) -> None:
        """A line about what goes on, on stderr. Nobody reading it stops no run: the store keeps what happened."""
        with suppress(OSError):
            click.echo(self.redact(text), err=True)

    def print_json(self, document: object) -> None:
        """One JSON document on stdout."""
        from portfolio.store.types import plain_json  # noqa: PLC0415  (as above)

        click.echo(self.redact(json.dumps(document, default=plain_json, indent=2, ensure_ascii=False)))


class JsonLines(logging.Formatter):
    """One JSON object per log line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON: at, level, logger, text."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        line = {
            "at": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        return json.dumps(line)


class Redacting(logging.Filter):
    """Takes the secrets out of every log record before any handler sees it."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self.redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the record through, redacted and on one line."""
        record.msg = self.redact(record.getMessage()).replace("\n", "\\n")
        record.args = None
        if record.exc_info:
            record.msg += f" ({type(record.exc_info[1]).__name__})"
            record.exc_info = record.exc_text = None
        return True


def start_logging(program: Program, verbosity: int, form: str) -> None:
    """Sends logs to stderr: warnings by default, more with -v, errors only with -q."""
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines() if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    handler.addFilter(Redacting(program.redact))
    logging.basicConfig(level=levels.get(max(-1, verbosity), logging.DEBUG), handlers=[handler], force=True)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`: one JSON document on stdout instead of text for people."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def report_error(program: Program | None, error: Exception) -> int:
    """The one place where an exception becomes text; returns the exit code."""
    from config.loading import ConfigurationError  # noqa: PLC0415  (only when something went wrong)
    from portfolio.store.failures import StoreError, StoreFailed  # noqa: PLC0415  (as above)

    redact = program.redact if program else str
    if isinstance(error, ConfigurationError):
        click.echo(str(error), err=True)
        click.echo(
            "Nothing was touched. `portico init --schema` and the configuration reference tell what is accepted.",
            err=True,
        )
        return USAGE
    if isinstance(error, StoreError):
        click.echo(redact(f"Error: {error}"), err=True)
        return FINDINGS if isinstance(error, StoreFailed) else USAGE
    if isinstance(error, click.ClickException):
        click.echo(redact(f"Error: {error.format_message()}"), err=True)
        return USAGE
    logging.getLogger("portico").debug("unexpected", exc_info=error)
    click.echo(
        redact(f"Error: unexpected {type(error).__name__}: {error}. Run again with -vv and report it."),
        err=True,
    )
    return FINDINGS
