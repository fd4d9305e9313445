"""Jira while everybody is at work in it: edits, new issues, deletions, moves and permission changes between any two requests.

With `PORTICO_NIGHTLY=1` over 20,000 issues, otherwise 400. After the last change, a run and the censuses that confirm a
disappearance, the store holds what the account may see: nothing missed, nothing that is not there.
"""

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import request

from config.loading import load
from connectors.auth import basic
from connectors.base import Stream
from connectors.http import Http
from connectors.jira import Jira
from mapping.loading import load as load_mapping
from portfolio.store.database import open_store
from portfolio.store.live import stands
from portfolio.store.tables import entity_tables
from sandbox.jira_site import Issue, Product
from sync.engine import Run
from sync.wiring import policy
from tests.connectors.jira_served import NOON, TO_DO, Served

ROOT = Path(__file__).parents[2]
NIGHTLY = bool(os.environ.get("PORTICO_NIGHTLY"))
SIZE = 20_000 if NIGHTLY else 400
PAGE, IDS = (100, 1000) if NIGHTLY else (20, 60)
CONFIGURATION = """
version: 1
store: sqlite:///portico.db
connections:
  jira:
    tool: jira
    url: http://127.0.0.1:1
    auth: {type: basic, user: portico, token: "${T}"}
    read: [{kind: issue, scope: project = CON}]
"""


class Town:
    """A Jira of many issues, and the people who change it at every request that is not a write."""

    def __init__(self, product: Product, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.served = Served(product)
        site = self.served.site
        site.projects["OUT"] = {"id": "10002", "key": "OUT", "name": "Elsewhere"}
        for number in range(1, SIZE + 1):
            at = NOON - timedelta(days=30) + timedelta(seconds=60 * number * 400 / SIZE)
            fields = {"issuetype": {"name": "Task"}, "status": TO_DO, "summary": f"issue {number}"}
            site.issues[10_000 + number] = Issue(10_000 + number, f"CON-{number}", "CON", fields, at, at)
        self.next = SIZE
        self.busy = False
        self.changes = 0
        config = folder / "portico.yaml"
        config.write_text(CONFIGURATION, encoding="utf-8")
        self.settings = load(config, {"T": "token-4711"})
        self.store = open_store(self.settings.store)
        self.served.before_each(self.change)

    def change(self) -> None:
        if not self.busy or not request.path.endswith(("/jql", "/search", "/bulkfetch")):
            return
        acts = [self.edit, self.edit, self.insert, self.delete, self.leave, self.come, self.hide, self.show]
        with self.served.site.lock:
            for _ in range(self.chance.randint(0, 3)):
                self.served.at += timedelta(seconds=self.chance.choice([0, 1, 7, 40]))
                self.changes += 1
                self.chance.choice(acts)()

    def some(self, project: str = "CON") -> Issue:
        issues = self.served.site.issues
        while True:
            found = issues[self.chance.choice(self.ids())]
            if found.project == project or self.chance.random() < 0.01:
                return found

    def ids(self) -> list[int]:
        return list(self.served.site.issues)

    def edit(self) -> None:
        self.served.site.edit(self.some(), {"summary": f"edited at {self.changes}"})

    def insert(self) -> None:
        self.next += 1
        fields = {"issuetype": {"name": "Task"}, "status": TO_DO, "summary": f"new at {self.changes}"}
        at, id_ = self.served.site.stamp(), 10_000 + self.next
        self.served.site.issues[id_] = Issue(id_, f"CON-{self.next}", "CON", fields, at, at, changed_at=at)

    def delete(self) -> None:
        self.served.site.delete(self.some())

    def leave(self) -> None:
        self.move(self.some(), "OUT")

    def come(self) -> None:
        if any(each.project == "OUT" for each in self.served.site.issues.values()):
            self.move(self.some("OUT"), "CON")

    def move(self, issue: Issue, project: str) -> None:
        self.next += 1
        issue.former_keys = (*issue.former_keys, issue.key)
        issue.project, issue.key = project, f"{project}-{self.next}"
        self.served.site.edit(issue, {})

    def hide(self) -> None:
        self.served.site.hidden.add(self.some().id)

    def show(self) -> None:
        if self.served.site.hidden:
            self.served.site.hidden.remove(self.chance.choice(sorted(self.served.site.hidden)))

    def sync(self, *, census: bool) -> None:
        self.served.at += timedelta(minutes=15)
        workers = self.chance.choice([1, 4])
        with Run(
            self.store, self.settings, policy(self.settings), command="sync", now=self.served.at,
            clock=lambda: self.served.at,
            connect=lambda _: self.served.connect(page_size=PAGE, id_page_size=IDS, workers=workers, window=IDS * 5),
        ) as run:  # fmt: skip
            run.pull(["jira"], census=census, approve=True)
        (result,) = run.report.read.values()
        assert result.error is None or self.busy, result.error

    def held(self) -> dict[str, str]:
        item = entity_tables["work_item"]
        with self.store.reading() as db:
            rows: Any = db.execute(item.select().where(stands(item)))
            return {row.external_id: f"{row.external_key} {row.title}" for row in rows}

    def truth(self) -> dict[str, str]:
        site = self.served.site
        return {
            str(each.id): f"{each.key} {each.fields['summary']}"
            for each in site.issues.values()
            if each.project == "CON" and each.id not in site.hidden
        }

    def stop(self) -> None:
        self.served.stop()
        self.store.close()


@pytest.fixture(params=["cloud", "datacenter"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    made = Town(request.param, tmp_path, seed=20_261_122)
    yield made
    made.stop()


def test_churn_between_any_two_pages_misses_nothing_and_leaves_no_phantom(town: Town) -> None:
    town.busy = True
    for number in range(4):
        town.sync(census=number % 2 == 1)
    town.busy = False
    for _ in range(2):
        town.served.at += timedelta(hours=1)
        town.sync(census=True)
    held, truth = town.held(), town.truth()
    assert town.changes > SIZE / 20
    missed = {id_: text for id_, text in truth.items() if held.get(id_) != text}
    phantom = held.keys() - truth.keys()
    print(f"{len(truth)} issues, {town.changes} changes: {len(missed)} missed, {len(phantom)} phantom")  # noqa: T201 - as below
    assert (missed, phantom) == ({}, set())


@contextmanager
def site_of(size: int, product: Product) -> Iterator[str]:
    """A Jira of so many issues in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.stub", str(size), "--product", product]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as stub:  # noqa: S603 - our own
        assert stub.stdout is not None
        try:
            yield stub.stdout.readline().strip()
        finally:
            stub.kill()


def peak_of_reading(size: int, product: Product) -> int:
    """The most bytes that a read of so many issues held at a time, after its first page."""
    stream = Stream("issue", fields=load_mapping("jira", "issue").paths)
    with site_of(size, product) as url:
        jira = Jira("jira", Http(url, auth=basic("a", "token")), read_only=True, id_page_size=500, window=500)
        pages = jira.pull(stream, None)
        count = len(next(pages).records)
        tracemalloc.start()
        count += sum(len(page.records) for page in pages)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        jira.close()
    assert count >= size
    return peak


@pytest.mark.parametrize("product", ["cloud", "datacenter"])
def test_reading_more_issues_takes_no_more_memory(product: Product) -> None:
    sizes = (10_000, 100_000) if NIGHTLY else (1_000, 4_000)
    few, many = (peak_of_reading(size, product) for size in sizes)
    print(f"{product}: peak {few} bytes for {sizes[0]} issues, {many} bytes for {sizes[1]}")  # noqa: T201 - the nightly figures
    assert many < few * 1.1
