"""A large portfolio judged and reported: its rows are put into the store directly, in a process of its own.

`python -m tests.bench.large FOLDER PROJECTS ITEMS MONTHS` prints one JSON object: seconds (wall and processor) of a judgement
of everything, of one after 1,000 changed items in 50 projects, of one after nothing changed, and of the report.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, literal, select

from config.loading import load
from config.settings import Settings
from portfolio.judge import Policy
from portfolio.store import entities, records, runs
from portfolio.store.database import Store, open_store
from portfolio.store.records import Read
from portfolio.store.tables import judgement, snapshot
from reports import formats
from sync.assess import Assessed, assess
from sync.reporting import document
from sync.wiring import policy

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
PAGE = 2000
CHANGED, IN_PROJECTS = 1000, 50
CONFIGURATION = """\
version: 1
portfolio: {{name: Large, timezone: America/New_York, fiscal_year_start: "07-01", status_rules: state_15_25, gates: city_default}}
store: {store}
connections:
  jira: {{tool: jira, url: "http://127.0.0.1:1", auth: {{type: basic, user: u, token: "${{TOKEN}}"}},
         read: [{{kind: issue, scope: all}}]}}
projects:
  list:
"""
PROJECT = (
    "    - {{key: P{0:04d}, name: Project {0}, department: D{1}, manager: M{2}, start_baseline: 2025-01-01,"
    " finish_baseline: 2026-12-{3:02d}, finish_forecast: 2027-01-{3:02d}, budget_codes: ['{0}'],"
    " links: [{{connection: jira, project: C{0:04d}}}]}}\n"
)
Row = dict[str, Any]


class Portfolio:
    """A store full of rows, and the hands to change some and to judge."""

    def __init__(self, folder: Path, projects: int, items: int, url: str | None) -> None:
        self.projects = projects
        self.items = items
        self.chance = random.Random(3)
        path = folder / "portico.yaml"
        listed = "".join(PROJECT.format(n, n % 20, n % 90, n % 28 + 1) for n in range(projects))
        path.write_text(CONFIGURATION.format(store=url or f"sqlite:///{folder / 'large.db'}") + listed)
        self.settings: Settings = load(path, {"TOKEN": "bench-token"})
        self.policy: Policy = policy(self.settings)
        self.store: Store = open_store(self.settings.store)

    def _row(self, kind: str, number: int, /, **values: Any) -> Row:
        key, project = f"{kind}-{number}", number % self.projects
        common = {
            "connection": "jira",
            "kind": kind,
            "external_id": key,
            "external_key": key,
            "link_values": [],
        }
        return {**common, "url": f"https://bench.example/{key}", "container": [f"C{project:04d}"], **values}

    def item(self, number: int, at: datetime) -> Row:
        state = self.chance.choice(["todo", "in_progress", "done", "done"])
        done = at - timedelta(days=self.chance.randrange(90)) if state == "done" else None
        return self._row(
            "issue",
            number,
            title=f"Item {number} as of {at}",
            type="Story",
            status=state,
            status_category=state,
            created_at=at - timedelta(days=self.chance.randrange(400)),
            done_at=done,
            due_on=(at + timedelta(days=self.chance.randrange(-60, 90))).date(),
            estimate_hours=Decimal(self.chance.randrange(1, 20)),
            blocked=self.chance.random() < 0.05,
        )

    def line(self, number: int) -> Row:
        amounts = {name: Decimal(self.chance.randrange(60, 130)) * 1000 for name in ("actual", "forecast")}
        values = {"budget_code": str(number), "fiscal_year": 2027, "currency": "USD"}
        return self._row("line", number, **values, revised_budget=Decimal(100_000), **amounts)

    def ticket(self, number: int) -> Row:
        opened = NOW - timedelta(days=self.chance.randrange(60))
        state = self.chance.choice(["new", "in_progress", "resolved"])
        return self._row("ticket", number, number=f"T{number}", state_category=state, opened_at=opened)

    def milestone(self, number: int) -> Row:
        days = {
            name: (NOW + timedelta(days=self.chance.randrange(-200, 200))).date()
            for name in ("baseline_on", "planned_on")
        }
        return self._row("milestone", number, name=f"Milestone {number}", **days)

    def write(self, entity: str, rows: Iterator[Row], count: int) -> None:
        for _ in range(0, count, PAGE):
            some = list(islice(rows, PAGE))
            with self.store.transaction() as db:
                entities.write(db, entity, some, at=NOW, run_id="seed", stored=None if count < PAGE else ())

    def fill(self) -> None:
        with self.store.transaction() as db:
            records.keep_cursor(db, Read("jira", "issue", "all"))
        some = self.projects
        self.write("work_item", (self.item(n, NOW) for n in range(self.items)), self.items)
        self.write("budget_line", (self.line(n) for n in range(some)), some)
        self.write("ticket", (self.ticket(n) for n in range(3 * some)), 3 * some)
        self.write("milestone", (self.milestone(n) for n in range(5 * some)), 5 * some)

    def change(self, at: datetime) -> None:
        numbers = islice((n for n in range(self.items) if n % self.projects < IN_PROJECTS), CHANGED)
        self.write("work_item", (self.item(n, at) for n in numbers), CHANGED)

    def judge(self, at: datetime) -> Assessed:
        with self.store.transaction() as db:
            runs.note_connection(db, "jira", "jira", state="ok", tried_at=at, read_at=at)
            return assess(db, self.settings, self.policy, now=at, run_id=f"R{at}")

    def past(self, months: int) -> None:
        """Lets every project have been judged otherwise in each month before."""
        with self.store.transaction() as db:
            (now,) = db.execute(select(snapshot)).mappings()
            for back in range(1, months):
                day = now["as_of"] - timedelta(days=30 * back)
                number, taken = -back, now["taken_at"] - timedelta(days=30 * back)
                row = {**now, "id": f"S{back}", "number": number, "as_of": day, "taken_at": taken}
                db.execute(insert(snapshot).values(**row))
                copied = [literal(number).label(c.name) if c.name == "snapshot" else c for c in judgement.c]
                rows = select(*copied).where(judgement.c.snapshot == now["number"])
                db.execute(insert(judgement).from_select(judgement.c.keys(), rows))

    def report(self) -> dict[str, Any]:
        with self.store.reading() as db:
            return document(db, self.settings)


def timed(act: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = act()
    spent = {"s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return {name: round(value, 2) for name, value in spent.items()}, made


def measure(folder: Path, projects: int, items: int, months: int, url: str | None = None) -> dict[str, Any]:
    """Seconds of each step, wall and processor."""
    held = Portfolio(folder, projects, items, url)
    held.fill()
    found: dict[str, Any] = {"projects": projects, "items": items, "months": months}
    found["first"], _ = timed(lambda: held.judge(NOW))
    held.past(months)
    found["new day"], _ = timed(lambda: held.judge(NOW + timedelta(days=1)))
    at = NOW + timedelta(days=1, hours=1)
    held.change(at)
    found["changes"], after = timed(lambda: held.judge(at))
    if after.changed > IN_PROJECTS:
        raise SystemExit(f"{after.changed} projects changed, {IN_PROJECTS} were touched")
    found["unchanged"], _ = timed(lambda: held.judge(at + timedelta(minutes=15)))
    if months > 1:
        built, told = timed(held.report)
        for form in ("json", "html"):
            written, _ = timed(lambda form=form: formats.write(told, form, folder / f"report.{form}"))  # type: ignore[misc]
            found[form] = {name: round(built[name] + written[name], 2) for name in built}
    held.store.close()
    return found


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("folder", type=Path)
    for name in ("projects", "items", "months"):
        given.add_argument(name, type=int)
    given.add_argument("--store")
    asked = given.parse_args()
    print(json.dumps(measure(asked.folder, asked.projects, asked.items, asked.months, asked.store)))


if __name__ == "__main__":
    main()
