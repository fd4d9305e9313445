"""A village: three tools that live in this process, the configurations Portico is given over time, and runs over them."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from config.loading import load
from config.settings import Settings
from portfolio.judge import Policy
from portfolio.store.database import Store
from portfolio.store.tables import lease, metadata
from sync import crash, wiring
from sync.engine import Run
from sync.outcome import Caps, Report
from sync.reporting import document
from tests.connectors.memory import Memory, MemoryTool
from tests.reliability.invariants import check
from tests.reliability.remote import of_memory

START = datetime(2026, 11, 16, 14, 0, tzinfo=UTC)
SECRET = "canary-4711"
CONFIGURATION = """
version: 1
portfolio: {{name: Village, timezone: America/New_York, fiscal_year_start: "07-01", status_rules: {rules}}}
connections:
  snow:
    tool: servicenow
    url: http://127.0.0.1:1
    auth: {{type: basic, user: portico, password: "${{PASSWORD}}"}}
    read: [{{kind: pm_project}}, {{kind: incident}}]
    write: {{project: {{rag_schedule: {{field: u_rag, values: {{green: Green, amber: Amber, red: Red, unknown: Unknown}}}},
                      rag_cost: u_cost, percent_complete: u_done, explanation: u_why, computed_at: u_at}}}}
  work:
    tool: odata
    url: http://127.0.0.1:2
    read: [{{kind: work_item, scope: "team=a", key: [id]}}, {{kind: work_item, scope: "team=b", key: [id]}}]
    {mapping}
    write: {{to: standing, key: key, project: {{percent_complete: {{field: done, on_drift: {policy}}}, rag_schedule: rag}}}}
  ledger:
    tool: odata
    url: http://127.0.0.1:3
    read: [{{kind: budget_line, scope: lines, key: [id], full: true}}]
    write: {{to: figures, key: [budget_code, fiscal_year, period], budget_line: {{budget_variance: variance}}}}
projects: {{from: [{{connection: snow, kind: pm_project}}]}}
"""
TITLE = "map: {work_item: {title: \"join(' ', ['changed', title])\"}}"
RAG = {"green": "Green", "amber": "Amber", "red": "Red", "unknown": "Unknown"}
YEAR = 2027
"""The fiscal year of START."""


@cache
def settings(rules: str = "state_15_25", mapping: str = "", policy: str = "restore") -> Settings:
    """The village's configuration with these status rules, mapping overrides and drift policy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portico.yaml"
        path.write_text(CONFIGURATION.format(rules=rules, mapping=mapping, policy=policy), encoding="utf-8")
        return load(path, {"PASSWORD": SECRET})


@cache
def _policy(rules: str) -> Policy:
    return wiring.policy(settings(rules))


def project(number: int, finish: str = "2026-12-31", **more: str) -> dict[str, Any]:
    """A project as ServiceNow stores it, to be finished by 2026-12-31."""
    return {
        "number": f"PRJ{number}",
        "short_description": f"Project {number}",
        "state": "2",
        "start_date": "2026-01-01 05:00:00",
        "end_date": f"{finish} 05:00:00",
        "approved_start_date": "2026-01-01 05:00:00",
        "approved_end_date": "2026-12-31 05:00:00",
        **more,
    }


def incident(parent: str, state: str = "1") -> dict[str, Any]:
    """An incident under a project's record."""
    return {"number": "INC", "state": state, "opened_at": "2026-11-01 10:00:00", "parent": parent}


def item(project: str, state: str = "todo", team: str = "a") -> dict[str, Any]:
    """A work item as its table holds it."""
    return {"title": "Work", "project_key": project, "status_category": state, "team": team}


def line(number: int, revised: str, actual: str) -> dict[str, Any]:
    """A ledger line of a project."""
    amounts = {"original_budget": revised, "revised_budget": revised, "encumbered": "0", "actual": actual}
    names = {"project_key": f"PRJ{number}", "budget_code": f"B{number}"}
    return {**names, "fiscal_year": str(YEAR), "currency": "USD", **amounts}


@dataclass
class Village:
    """The tools, one store and the hands to run Portico over them."""

    store: Store
    tools: dict[str, MemoryTool] = field(
        default_factory=lambda: {
            "snow": MemoryTool(),
            "work": MemoryTool(versions=False),
            "ledger": MemoryTool(),
        }
    )
    rules: str = "state_15_25"
    mapping: str = ""
    policy: str = "restore"
    now: datetime = START
    page_size: int = 2

    @property
    def settings(self) -> Settings:
        """The configuration as it is now."""
        return settings(self.rules, self.mapping, self.policy)

    def connect(self, name: str) -> Memory:
        """A connector to one of the tools."""
        return Memory(name, self.tools[name], page_size=self.page_size)

    def start(self, store: Store | None = None) -> Run:
        """A run, not begun yet."""
        return Run(
            store or self.store,
            self.settings,
            _policy(self.rules),
            command="sync",
            now=self.now,
            clock=lambda: self.now,
            say=_quiet,
            connect=self.connect,
        )

    def run(self, *, store: Store | None = None, approve: bool = False, **pull: Any) -> Report:
        """One sync, a quarter of an hour after the last."""
        self.now += timedelta(minutes=15)
        with self.start(store) as run:
            steps(run, approve=approve, **pull)
        return run.report

    def killed_run(self, point: str, hit: int = 1) -> bool:
        """A run that ends at that hit of a crash point as if killed there; False where it never came to it."""
        self.now += timedelta(minutes=15)
        left = hit

        def kill(reached: str) -> None:
            nonlocal left
            left -= reached == point
            if left == 0:
                raise Killed(point)

        run = self.start()
        try:
            with crash.watching(kill):
                run.__enter__()
                steps(run)
                run.__exit__(None, None, None)
        except Killed:
            self.outlive_leases()
            return True
        return False

    def outlive_leases(self) -> None:
        """Lets every lease run out, as it does some minutes after its holder died."""
        with self.store.transaction() as db:
            db.execute(lease.update().values(until=0.0))

    @property
    def judged_by(self) -> Policy:
        """The rules as they are now."""
        return _policy(self.rules)

    def effects(self) -> int:
        """How many fields Portico's account changed so far, in all tools."""
        return sum(len(tool.write_log) for tool in self.tools.values())

    def check(self, *, quiet: bool) -> None:
        """Asserts the invariants over the store and the tools; `quiet`: everything was read."""
        remotes = of_memory(self.settings, self.tools)
        check(
            self.store,
            self.settings,
            self.judged_by,
            remotes,
            now=self.now,
            quiet=quiet,
            secrets=[SECRET],
        )

    def report(self) -> dict[str, Any]:
        """The report document of the newest snapshot."""
        with self.store.reading() as db:
            return document(db, self.settings)


def steps(run: Run, *, approve: bool = False, **pull: Any) -> None:
    """What `portico sync` does."""
    run.pull(list(run.errand.settings.connections), approve=approve, **pull)
    run.plan(Caps(approve=approve))
    run.apply()


class Killed(BaseException):
    """Stands for SIGKILL within this process."""


def _quiet(_text: str) -> None:
    pass


def wipe(store: Store) -> None:
    """Empties every table of a store."""
    with store.transaction() as db:
        for table in reversed(metadata.sorted_tables):
            db.execute(table.delete())


def fill(tools: Mapping[str, MemoryTool]) -> None:
    """Three projects, their incidents, work and budget."""
    for number in range(3):
        tools["snow"].put(f"p{number}", project(number), "pm_project")
        tools["snow"].put(f"i{number}", incident(f"p{number}"), "incident")
        for part, team in enumerate("aab"):
            tools["work"].put(f"w{number}{part}", item(f"PRJ{number}", team=team), "work_item")
        tools["ledger"].put(f"l{number}", line(number, "1000.00", "400.00"), "budget_line")
