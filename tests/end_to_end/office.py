"""One city's office: the simulated tools over it, its configuration and store, and the real program run on them."""

import contextlib
import io
import json
import logging
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from unittest import mock
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, select
from sqlalchemy.engine import make_url

from config.loading import load
from config.settings import Settings
from portfolio.store.database import open_store
from portfolio.store.tables import metadata
from sandbox.city import Size, build, day
from sandbox.city.build import TIMEZONE
from sandbox.servicenow import USER
from sandbox.tools import ENVIRONMENT, start
from sync.cli import main
from sync.wiring import policy
from tests.connectors.graph_wire import Wire
from tests.reliability import invariants
from tests.reliability.remote import of_connectors

SLOW, FAST = "requests_per_second: 50", "requests_per_second: 1000"
"""The pace of the sandbox's configuration, and one that does not hold a test up."""
TOLD_BY = ("jira", "snow")
"""Tools whose log names the records as Portico does."""
WEB_TOOLS = ("jira", "snow", "odata", "salesforce", "planner")
HERE = ZoneInfo(TIMEZONE)
"""The zone of the city's portfolio."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ran:
    """What one invocation of the program came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def present() -> datetime:
    """Now; where the portfolio's day ends within two hours, the next one's beginning: a test moves no figure by midnight."""
    now = datetime.now(UTC).replace(microsecond=0)
    midnight = datetime.combine(day(now + timedelta(hours=2)), time(), HERE)
    return max(now, midnight.astimezone(UTC))


class Office:
    """Everything stands in `folder`. `now` is the instant that commands judge at; tools live in the present."""

    def __init__(
        self,
        folder: Path,
        *,
        store: str | None = None,
        size: Size = "small",
        now: datetime | None = None,
    ) -> None:
        self.folder = folder
        self.now = now or present()
        self.city = build(size, day(self.now))
        self.tools = start(self.city, folder)
        graph = self.tools.faults["planner"]
        graph.app = self.to_graph = Wire(graph.app)
        self.environment: dict[str, str] = dict(self.tools.environment)
        self.config = folder / "portico.yaml"
        self.store = store or f"sqlite:///{folder / 'portico.db'}"
        self.configure()

    def configure(self, *changes: tuple[str, str]) -> None:
        """Writes the configuration with texts replaced; each of them must be there."""
        text = self.tools.configuration()
        for before, after in (
            (SLOW, FAST),
            ("store: sqlite:///portico.db", f"store: {self.store}"),
            *changes,
        ):
            assert before in text, before
            text = text.replace(before, after)
        self.config.write_text(text, encoding="utf-8")

    def later(self, **interval: float) -> None:
        """Lets time pass for the next commands."""
        self.now += timedelta(**interval)

    def run(self, *arguments: str | Path) -> Ran:
        """One command of the program at `now`, in this process."""
        return run("-c", self.config, "--now", self.now.isoformat(), *arguments, environment=self.environment)

    def sync(self, *arguments: str) -> Ran:
        """One `sync --json`, a minute after the last command."""
        self.later(minutes=1)
        return self.run("sync", "--json", *arguments)

    def report(self) -> Any:
        """The report document of the newest snapshot."""
        return self.run("report", "--format", "json").json

    def writes(self) -> dict[str, int]:
        """How many writes each web tool accepted from the program so far."""
        return {
            tool: sum(each.get("by", USER) == USER for each in log)
            for tool, log in self.tools.writes().items()
        }

    def rows(self, table: str) -> Rows:
        """A table of the store."""
        return rows(self.store, table)

    def state(self, tool: str) -> Any:
        """What a simulated web tool holds, for hands to edit."""
        return self.tools.apps[tool].extensions["portico"]

    def heal(self) -> None:
        """Takes every fault away."""
        for faults in self.tools.faults.values():
            faults.use()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            if kind is None:
                self.check(quiet=False)
                assert self.to_graph.violations() == []
        finally:
            self.tools.stop()

    def check(self, *, quiet: bool, outputs: Sequence[str] = ()) -> None:
        """Asserts the invariants over the store and the tools that tell who wrote what; `quiet`: everything was read."""
        if not self.rows("run"):
            return
        settings = _loaded(self.config, self.config.read_bytes(), tuple(self.environment.items()))
        with open_store(settings.store) as store:
            invariants.check(
                store,
                settings,
                policy(settings),
                of_connectors(settings, TOLD_BY, self.tools.writes(), ask=quiet),
                now=self.now,
                quiet=quiet,
                secrets=[each for each in self.environment.values() if each],
                outputs=outputs,
            )


@lru_cache(maxsize=8)
def _loaded(config: Path, _text: bytes, environment: tuple[tuple[str, str], ...]) -> Settings:
    return load(config, dict(environment))


def run(*arguments: str | Path, environment: Mapping[str, str]) -> Ran:
    """The program in this process, with no secrets but those given; signals and logging are as before afterwards."""
    inherited = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    out, err = io.StringIO(), io.StringIO()
    with (
        _as_it_was(),
        mock.patch.dict(os.environ, {**inherited, "COLUMNS": "80", **environment}, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main([str(each) for each in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _as_it_was() -> Iterator[None]:
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        for number, handler in signals.items():
            signal.signal(number, handler)
        root.handlers[:] = handlers
        root.setLevel(level)


def rows(store: str, table: str) -> Rows:
    """A table of a store, in the order of its primary key; empty where there is no store."""
    url = make_url(store)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return []
    engine = create_engine(url)
    columns = metadata.tables[table]
    try:
        with engine.connect() as db:
            found = db.execute(select(columns).order_by(*columns.primary_key)).mappings()
            return [dict(row) for row in found]
    finally:
        engine.dispose()


def by(documents: Sequence[Mapping[str, Any]], name: str) -> dict[Any, Mapping[str, Any]]:
    """Documents by the value of one of their keys, which must be unique."""
    found = {each[name]: each for each in documents}
    assert len(found) == len(documents)
    return found
