"""One finance tool with the city's ledger, the real program over it, and the ways to kill that in the middle of its work."""

import csv
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from os import kill
from pathlib import Path
from typing import Any, Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import sqlalchemy as sa
from flask import Flask

from portfolio.store.writes import OPEN
from sandbox import finance, odata, odata_v2, salesforce
from sandbox.city import City
from sandbox.server import Server, serve
from sync import crash
from tests.end_to_end.office import rows, run
from tests.reliability.process import RENAME, STATEMENT, start

HEAD = """\
version: 1
portfolio: {{name: Ledger, timezone: America/New_York, fiscal_year_start: '07-01'}}
store: sqlite:///{folder}/portico.db
connections:
  ledger:
"""
SQL = """\
    tool: sql
    url: {url}
    read: [{{kind: budget_line, scope: SELECT * FROM v_budget, key: [line], full: true, amounts: year_to_date}}]
    write:
      budget_line:
        to: figures
        key: [budget_code, fiscal_year, period]
        budget_variance: budget_variance
        eac: eac
"""
FILES = """\
    tool: files
    path: in
    read: [{{kind: budget_line, scope: "budget_*.*", key: [line], amounts: year_to_date}}]
    write: {{budget_line: [budget_variance, eac]}}
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
          Currency__c, Original_Budget__c, Revised_Budget__c, Pre_Encumbered__c, Encumbered__c, Actual__c,
          Forecast__c FROM Budget_Line__c
        amounts: year_to_date
    write:
      budget_line:
        to: Portico_Figure__c
        key: {{budget_code: Budget_Code__c, fiscal_year: Fiscal_Year__c, period: Period__c}}
        budget_variance: Budget_Variance__c
        eac: Eac__c
"""
JOBS = SALESFORCE.replace("    requests_per_second", "    bulk_from: 3\n    requests_per_second").replace(
    "{{budget_code: Budget_Code__c, fiscal_year: Fiscal_Year__c, period: Period__c}}",
    "{{key: Portico_Key__c}}",
)
SECRETS = {"LEDGER_PASSWORD": odata.PASSWORD, "LEDGER_TOKEN": salesforce.TOKEN}
WEB: Mapping[str, tuple[Callable[[City], Flask], str, str]] = {
    "odata": (odata.create_app, ODATA, "BudgetFigures"),
    "odata_v2": (odata_v2.create_app, ODATA, "BudgetFigures"),
    "salesforce": (salesforce.create_app, SALESFORCE, "Portico_Figure__c"),
    "salesforce_jobs": (salesforce.create_app, JOBS, "Portico_Figure__c"),
}
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


@dataclass
class Door:
    """What stands before a tool: as soon as it has done the awaited request's work, the writer is killed."""

    app: WSGIApplication
    awaited: tuple[str, str] | None = None
    """Method and the pattern of the path."""
    writer: int | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = list(self.app(environ, start_response))
        method, pattern = self.awaited or ("", "")
        if environ["REQUEST_METHOD"] == method and fnmatchcase(str(environ["PATH_INFO"]), pattern):
            self.awaited = None
            assert self.writer is not None
            kill(self.writer, signal.SIGKILL)
        return answer


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

    def __init__(self, tool: str, city: City, folder: Path, database: str = "") -> None:
        self.tool, self.folder = tool, folder
        self.database = database or f"sqlite:///{folder / 'ledger.db'}"
        self.now = datetime(2026, 11, 21, 15, tzinfo=UTC)
        self.server: Server | None = None
        self.log = Log()
        text, url = SQL, self.database
        if tool == "files":
            finance.write_drop_folder(city, folder / "in")
            text = FILES
        elif tool == "sql":
            lines = finance.write_database(city, folder / "ledger.db")
            if database:
                _copy(lines, database)
        else:
            make, text, _ = WEB[tool]
            self.app = make(city)
            self.app.extensions["portico"].write_log = self.log
            self.door = Door(self.app)
            self.server = serve(self.door)
            url = self.server.url
        config = (HEAD + text).format(folder=folder, url=url)
        (folder / "portico.yaml").write_text(config, encoding="utf-8")

    def arguments(self, *command: str) -> list[str]:
        """A command a minute later."""
        self.now += timedelta(minutes=1)
        return ["-c", str(self.folder / "portico.yaml"), "--now", self.now.isoformat(), *command]

    def killed(
        self,
        *,
        at: str = "",
        record: int | None = None,
        request: tuple[str, str] | None = None,
        statement: str = "",
        rename: str = "",
    ) -> None:
        """A sync that is killed: at a crash point, when the tool comes to the n-th record of its batch, when it has done
        a request's work, after the n-th statement that begins so (`INSERT INTO figures:2`), or just before a file of
        that name is put into its place.
        """
        self.log.severed_at = record
        said = self.folder / "said"
        environment = {**SECRETS, crash.VARIABLE: at, STATEMENT: statement, RENAME: rename}
        program = start(self.arguments("sync"), environment, said)
        self.log.writer = program.pid
        if self.server:
            self.door.writer, self.door.awaited = program.pid, request
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
            yield tuple(
                f"{name}={_exact(value)}" for name, value in sorted(row.items()) if name not in STAMPS
            )

    def _rows(self) -> list[dict[str, Any]]:
        if self.tool == "files":
            table = self.folder / "out/budget_line.csv"
            text = table.read_text(encoding="utf-8") if table.exists() else ""
            return list(csv.DictReader(text.splitlines()))
        if self.tool != "sql":
            return list(self.app.extensions["portico"].tables[WEB[self.tool][2]].rows.values())
        engine = sa.create_engine(self.database)
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


def _copy(lines: Path, database: str) -> None:
    """The ledger of the SQLite file in another database."""
    with sqlite3.connect(lines) as file:
        found = file.execute("SELECT * FROM budget_lines")
        names = [each[0] for each in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found]
    table = sa.Table("v_budget", sa.MetaData(), *(sa.Column(name, sa.String(190)) for name in names))
    engine = sa.create_engine(database)
    with engine.begin() as db:
        table.create(db)
        db.execute(sa.insert(table), [{name: _text(value) for name, value in row.items()} for row in rows])
    engine.dispose()


def _exact(value: Any) -> Any:
    """An amount in cents: MariaDB shows six places."""
    return value.quantize(Decimal("0.01")) if isinstance(value, Decimal) else value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
