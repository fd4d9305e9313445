"""The real program is killed (-9) around and in the middle of a batch of finance figures, and run again.

The tool and the store then hold what a run that was never killed leaves there, each value written once.
"""

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from os import kill
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa
from flask import Flask

from portfolio.store.writes import OPEN
from sandbox import finance, odata, odata_v2, salesforce
from sandbox.city import City, build
from sandbox.server import Server, serve
from sync import crash
from tests.end_to_end.office import rows, run
from tests.reliability.process import start

HEAD = """\
version: 1
portfolio: {{name: Ledger, timezone: America/New_York, fiscal_year_start: '07-01'}}
store: sqlite:///{folder}/portico.db
connections:
  ledger:
"""
SQL = """\
    tool: sql
    url: sqlite:///{folder}/ledger.db
    read: [{{kind: budget_line, scope: SELECT * FROM v_budget, key: [line], full: true, amounts: year_to_date}}]
    write:
      budget_line:
        to: figures
        key: [budget_code, fiscal_year, period]
        budget_variance: budget_variance
        eac: eac
"""
ODATA = """\
    tool: odata
    url: {url}
    auth: {{type: basic, user: portico.bot, password: "${{LEDGER_PASSWORD}}"}}
    requests_per_second: 1000
    read: [{{kind: budget_line, scope: BudgetLines, amounts: year_to_date}}]
    write:
      budget_line:
        to: BudgetFigures
        key: {{budget_code: BudgetCode, fiscal_year: FiscalYear, period: Period}}
        budget_variance: BudgetVariance
        eac: Eac
"""
SALESFORCE = """\
    tool: salesforce
    url: {url}
    auth: {{type: bearer, token: "${{LEDGER_TOKEN}}"}}
    requests_per_second: 1000
    read:
      - kind: budget_line
        scope: >-
          SELECT Name, Budget_Code__c, Fund__c, Department__c, Cost_Center__c, Account__c, Fiscal_Year__c, Period__c,
          Currency__c, Original_Budget__c, Revised_Budget__c, Encumbered__c, Actual__c, Forecast__c FROM Budget_Line__c
        amounts: year_to_date
    write:
      budget_line:
        to: Portico_Figure__c
        key: {{budget_code: Budget_Code__c, fiscal_year: Fiscal_Year__c, period: Period__c}}
        budget_variance: Budget_Variance__c
        eac: Eac__c
"""
SECRETS = {"LEDGER_PASSWORD": odata.PASSWORD, "LEDGER_TOKEN": salesforce.TOKEN}
POINTS = ("apply.after_intent", "apply.after_request", "apply.after_settle:2")
WEB: Mapping[str, tuple[Callable[[City], Flask], str, str]] = {
    "odata": (odata.create_app, ODATA, "BudgetFigures"),
    "odata_v2": (odata_v2.create_app, ODATA, "BudgetFigures"),
    "salesforce": (salesforce.create_app, SALESFORCE, "Portico_Figure__c"),
}
TOOLS = ("sql", *WEB)
STAMPS = {"Id", "Name", "ModifiedAt", "CreatedDate", "SystemModstamp", "portico_updated_at", "_updated_at"}


class Log(list[dict[str, Any]]):
    """A tool's write log; with the n-th record the writer is killed, and the tool fails from there on."""

    severed_at: int | None = None
    writer: int | None = None

    def __iadd__(self, entries: Iterable[dict[str, Any]], /) -> Self:  # type: ignore[misc, override]
        self.extend(entries)
        if self.severed_at is not None:
            self.severed_at -= 1
            if self.severed_at == 0 and self.writer is not None:
                kill(self.writer, signal.SIGKILL)
            if self.severed_at <= 0:
                raise ConnectionAbortedError
        return self


@dataclass(frozen=True, slots=True)
class State:
    """What is compared: the tool's figures, how often each value was written, the ledger as reported, open intents."""

    figures: list[tuple[str, ...]]
    written: list[str]
    ledger: Any
    remembered: list[tuple[Any, ...]]
    unsettled: list[Any]


class Ledger:
    """One finance tool with the city's lines, and the program over it."""

    def __init__(self, tool: str, city: City, folder: Path) -> None:
        self.tool, self.folder = tool, folder
        self.now = datetime(2026, 11, 21, 15, tzinfo=UTC)
        self.server: Server | None = None
        self.log = Log()
        text = SQL
        if tool == "sql":
            finance.write_database(city, folder / "ledger.db")
        else:
            make, text, _ = WEB[tool]
            self.app = make(city)
            self.app.extensions["portico"].write_log = self.log
            self.server = serve(self.app)
        url = self.server.url if self.server else ""
        config = (HEAD + text).format(folder=folder, url=url)
        (folder / "portico.yaml").write_text(config, encoding="utf-8")

    def arguments(self, *command: str) -> list[str]:
        """A command a minute later."""
        self.now += timedelta(minutes=1)
        return ["-c", str(self.folder / "portico.yaml"), "--now", self.now.isoformat(), *command]

    def killed(self, *, at: str = "", record: int | None = None) -> None:
        """A sync that is killed at a crash point, or when the tool comes to the n-th record of its batch."""
        self.log.severed_at = record
        said = self.folder / "said"
        program = start(self.arguments("sync"), {**SECRETS, crash.VARIABLE: at}, said)
        self.log.writer = program.pid
        program.join(60)
        self.log.severed_at = None
        assert program.exitcode == -signal.SIGKILL, said.read_text(encoding="utf-8")

    def sync(self) -> Any:
        """An undisturbed sync's counts."""
        ran = run(*self.arguments("sync", "--json"), environment=SECRETS)
        assert ran.code == 0, ran.err
        return ran.json["counts"]

    def state(self) -> State:
        """What is there now."""
        store = f"sqlite:///{self.folder / 'portico.db'}"
        ledger = run(*self.arguments("report", "--format", "json"), environment=SECRETS).json["ledger"]
        return State(
            figures=sorted(self.figures()),
            written=sorted(f"{each.get('record')} {each['field']} {each['after']}" for each in self.log),
            ledger=ledger,
            remembered=sorted(
                (each["record"], each["field"], str(each["value"])) for each in rows(store, "ownership")
            ),
            unsettled=[each for each in rows(store, "write") if each["state"] in OPEN],
        )

    def figures(self) -> Iterator[tuple[str, ...]]:
        """The figures that the tool holds, without ids and instants."""
        for row in self._rows():
            yield tuple(f"{name}={value}" for name, value in sorted(row.items()) if name not in STAMPS)

    def _rows(self) -> list[dict[str, Any]]:
        if self.tool != "sql":
            return list(self.app.extensions["portico"].tables[WEB[self.tool][2]].rows.values())
        engine = sa.create_engine(f"sqlite:///{self.folder / 'ledger.db'}")
        try:
            with engine.connect() as db:
                if not sa.inspect(db).has_table("figures"):
                    return []
                return [dict(row) for row in db.execute(sa.text("SELECT * FROM figures")).mappings()]
        finally:
            engine.dispose()

    def stop(self) -> None:
        """Ends the server."""
        if self.server:
            self.server.stop()


@pytest.fixture(scope="module")
def city() -> City:
    return build("small", date(2026, 11, 21))


@pytest.fixture(scope="module")
def twins(city: City, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, State]:
    """What undisturbed runs leave."""
    found = {}
    for tool in TOOLS:
        ledger = Ledger(tool, city, tmp_path_factory.mktemp(tool))
        try:
            ledger.sync()
            found[tool] = ledger.state()
        finally:
            ledger.stop()
    return found


@pytest.fixture
def ledger(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(request.param, city, tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("ledger", TOOLS, indirect=True)
@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_around_a_batch_ends_as_one_never_killed(
    ledger: Ledger, twins: Mapping[str, State], point: str
) -> None:
    ledger.killed(at=point)
    assert ledger.sync()["conflicts"] == 0
    assert ledger.state() == twins[ledger.tool]
    assert ledger.sync()["planned"] == 0


@pytest.mark.parametrize("ledger", WEB, indirect=True)
def test_a_batch_severed_halfway_is_completed_by_the_next_run(
    ledger: Ledger, twins: Mapping[str, State]
) -> None:
    twin = twins[ledger.tool]
    ledger.killed(record=3)
    assert 0 < len(list(ledger.figures())) < len(twin.figures)
    ledger.sync()
    assert ledger.state() == twin
    assert ledger.sync()["planned"] == 0
