"""Measures Portico against the least work possible: `make bench`, or `python -m tests.bench.measure --full`.

Every figure comes from a process of its own against the stub site, with the reference in the same run, and is a ratio to it.
Results go to a JSON file and, as a table and a plot, into docs/explanation/speed.md.
"""

import argparse
import compileall
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from tests.bench import freshness, page, store_alone
from tests.bench.database import postgres
from tests.bench.stub import LAST_MS, PROJECTS

ROOT = Path(__file__).parents[2]
SMALL = 10_000
REPEATED = 3
PACKAGES = ("config", "connectors", "mapping", "portfolio", "reports", "sync", "tests/bench")
JUDGED = (("large", 200_000, 24), ("small", 10_000, 1), ("huge", 1_000_000, 1))
"""Portfolios to judge and report: name, work items, months. The last one takes its time."""
TOUCHED = 1000
TOUCHED_MS = LAST_MS + 90 * 86_400_000
CONFIGURATION = """\
version: 1
portfolio: {{name: Bench, timezone: America/New_York, currency: USD, fiscal_year_start: "07-01", fiscal_year_label: end,
            status_rules: state_15_25, gates: city_default}}
store: {store}
connections:
  jira:
    tool: jira
    url: {url}
    auth: {{type: basic, user: bot@example.gov, token: "${{BENCH_TOKEN}}"}}
    requests_per_second: 1000
    max_workers: {workers}
    read: [{{kind: issue}}]
projects:
  list:
"""
SETTLED = 3
"""After so many runs a new city has nothing left to do."""
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took: seconds of wall and processor, peak memory in MiB."""

    wall: float
    cpu: float
    rss: float


def spend(command: list[str], *, ends: Collection[int] = (0,), **environment: str) -> tuple[Spent, str]:
    """Runs a command to its end, with one of these exit codes. It may keep its compiled modules, as an installed program does."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT, env={**given, **environment}
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode()
    if process.returncode not in ends:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{text}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), text


class Site:
    """The stub in a process of its own."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.stub", str(size)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def post(self, path: str, **body: Any) -> Figures:
        with urlopen(f"{self.url}/bench/{path}", json.dumps(body).encode()) as answer:
            found: Figures = json.load(answer)
        return found

    def requests(self) -> int:
        return sum(self.post("counts")["counts"].values())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def site(size: int) -> Iterator[Site]:
    made = Site(size)
    try:
        yield made
    finally:
        made.stop()


class Store:
    """An empty store, for Portico and for the reference."""

    def __init__(self, kind: str, folder: Path, server: str | None) -> None:
        self.kind = kind
        self.folder = folder
        self.server = server

    def fresh(self) -> None:
        if self.server is None:
            for path in self.folder.glob("*.db*"):
                path.unlink()
            self.url, self.plain = (
                f"sqlite:///{self.folder / 'portico.db'}",
                str(self.folder / "reference.db"),
            )
            return
        import psycopg  # noqa: PLC0415  (only where it is used)

        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as db:
            for name in ("bench", "reference"):
                db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                db.execute(f"CREATE DATABASE {name}")
        self.url = f"{self.server}/bench".replace("postgresql:", "postgresql+psycopg:")
        self.plain = f"{self.server}/reference"

    def log_bytes(self) -> int | None:
        """How much the database has written to its log so far; None where nothing tells."""
        found = self.ask("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
        return None if found is None else int(found)

    def tidy(self) -> None:
        """Lets PostgreSQL do what earlier work left to it, which it would log while something else is measured."""
        self.ask("VACUUM ANALYZE")

    def ask(self, statement: str) -> Any:
        """What PostgreSQL answers in Portico's database; None of SQLite."""
        if self.server is None:
            return None
        import psycopg  # noqa: PLC0415  (only where it is used)

        with psycopg.connect(f"{self.server}/bench", autocommit=True) as db:
            cursor = db.execute(statement)
            row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def portico(at: Site, store: Store, *command: str, workers: int = 8) -> tuple[Spent, Figures]:
    """One run of the program over the site; its counts."""
    path = store.folder / "portico.yaml"
    projects = "".join(
        f"    - {{key: B-{n:02d}, name: Project {n}, links: [{{connection: jira, project: P{n:02d}}}]}}\n"
        for n in range(PROJECTS)
    )
    path.write_text(CONFIGURATION.format(store=store.url, url=at.url, workers=workers) + projects)
    started = [sys.executable, "-m", "sync.cli", "-q", "-c", str(path), *command, "--json"]
    spent, said = spend(started, BENCH_TOKEN="benchtoken")
    found: Figures = json.loads(said[said.index("{") :])
    return spent, found["counts"]


def reference(at: Site, store: Store, *options: str) -> Spent:
    return spend([sys.executable, "-m", "tests.bench.reference", at.url, store.plain, *options])[0]


def beside(ours: list[Spent], theirs: list[Spent], issues: int) -> Figures:
    """Medians of both, and ours in shares of the reference."""
    wall, least = median(each.wall for each in ours), median(each.wall for each in theirs)
    cpu, least_cpu = median(each.cpu for each in ours), median(each.cpu for each in theirs)
    return {
        "issues": issues,
        "portico_s": round(wall, 2),
        "reference_s": round(least, 2),
        "speed_ratio": round(least / wall, 3),
        "cpu_ratio": round(least_cpu / cpu, 3),
        "portico_cpu_us_per_issue": round(cpu / issues * 1e6),
        "rss_mib": round(max(each.rss for each in ours)),
    }


def life(at: Site, store: Store, repeat: int) -> Figures:
    """First read, nothing changed, a thousand changes, forced read of everything: of Portico and of the reference."""
    runs: dict[str, list[Spent]] = {}
    asked: dict[str, int] = {}
    rows: dict[str, int] = {}

    def note(name: str, spent: Spent, counts: Mapping[str, Any] | None = None) -> None:
        runs.setdefault(name, []).append(spent)
        asked[name] = at.requests()
        at.post("set")
        if counts is not None:
            rows[name] = counts["changed"]

    for _ in range(repeat):
        store.fresh()
        at.post("touch", count=0, at=0)
        at.post("set")
        note("reference first", reference(at, store))
        note("first", *portico(at, store, "pull"))
        note("unchanged", *portico(at, store, "pull"))
        store.tidy()
        before = store.log_bytes()
        note("full again", *portico(at, store, "pull", "--full"))
        after = store.log_bytes()
        note("reference again", reference(at, store))
        portico(at, store, "sync")
        at.post("touch", count=TOUCHED, at=TOUCHED_MS)
        at.post("set")
        note("changes", *portico(at, store, "sync"))
        note("reference changes", reference(at, store, "--since", str(TOUCHED_MS)))
    wrong = {name: n for name, n in rows.items() if n != {"first": at.size, "changes": TOUCHED}.get(name, 0)}
    if wrong:
        raise SystemExit(f"{store.kind}: wrong numbers of changed records: {wrong}")
    return {
        "first": beside(runs["first"], runs["reference first"], at.size),
        "full again": beside(runs["full again"], runs["reference again"], at.size),
        "changes": beside(runs["changes"], runs["reference changes"], TOUCHED),
        "unchanged": {"portico_s": round(median(each.wall for each in runs["unchanged"]), 2)},
        "requests": {name: asked[name] for name in ("first", "unchanged", "changes", "full again")},
        "log_mb_per_100000": None
        if before is None or after is None
        else round((after - before) / at.size * 100_000 / 1e6, 2),
    }


def first_read(at: Site, store: Store) -> Figures:
    """The first read alone, of Portico and of the reference."""
    ours, theirs = [], []
    for _ in range(REPEATED):
        store.fresh()
        at.post("set")
        theirs.append(reference(at, store))
        ours.append(portico(at, store, "pull")[0])
    return beside(ours, theirs, at.size)


def slow_line(at: Site, store: Store) -> Figures:
    """Everything at 50 ms per request: eight at a time, one at a time, and the reference."""
    found = {}
    for name, workers in (("eight", 8), ("one", 1)):
        store.fresh()
        at.post("set", latency=0.05)
        found[name] = portico(at, store, "pull", workers=workers)[0].wall
        at_once = at.post("counts")["most_at_once"]
        found[f"{name}_at_once"] = at_once
    at.post("set", latency=0.05)
    least = reference(at, store).wall
    at.post("set")
    return {
        **{name: round(value, 2) for name, value in found.items()},
        "reference": round(least, 2),
        "times_reference": round(found["eight"] / least, 2),
        "times_faster_than_one": round(found["one"] / found["eight"], 2),
    }


def refused(at: Site, store: Store) -> Figures:
    """Every tenth request is refused with Retry-After: 1."""
    store.fresh()
    at.post("set", refuse_every=10)
    spent, counts = portico(at, store, "pull")
    asked = at.requests()
    at.post("set")
    return {
        "s": round(spent.wall, 1),
        "requests": asked,
        "refused": asked // 10,
        "records": counts["records"],
    }


def start_up(store: Store) -> Figures:
    store.fresh()
    spend([sys.executable, "-m", "sync.cli", "--help"])
    helped = [spend([sys.executable, "-m", "sync.cli", "--help"])[0].wall for _ in range(5)]
    loaded = [
        spend([sys.executable, "-c", "import sync.commands.run, connectors.jira"])[0].wall for _ in range(3)
    ]
    return {"help_s": round(median(helped), 2), "loaded_s": round(median(loaded), 2)}


def judged(folder: Path, projects: int, items: int, months: int) -> Figures:
    """A large portfolio judged and reported, in a process of its own."""
    place = folder / f"large-{items}"
    place.mkdir()
    command = [sys.executable, "-m", "tests.bench.large", str(place)]
    found: Figures = json.loads(spend([*command, str(projects), str(items), str(months)])[1])
    shutil.rmtree(place)
    return found


def city(folder: Path) -> Figures:
    """180 projects in eight tools, nothing changed: whole runs, and how many requests one of them makes."""
    place = folder / "city"
    place.mkdir()
    tools = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.city", str(place)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert tools.stdout is not None
    try:
        environment = json.loads(tools.stdout.readline())
        command = [sys.executable, "-m", "sync.cli", "-c", str(place / "portico.yaml")]
        for _ in range(SETTLED):
            spend([*command, "sync"], ends={0, 1}, **environment)
        runs = [spend([*command, "sync"], ends={0, 1}, **environment)[0] for _ in range(5)]
        said = spend([*command, "-vv", "--log-format", "json", "sync"], ends={0, 1}, **environment)[1]
    finally:
        tools.communicate()
        shutil.rmtree(place)
    return {
        "s": round(median(each.wall for each in runs), 2),
        "cpu_s": round(median(each.cpu for each in runs), 2),
        "rss_mib": round(max(each.rss for each in runs)),
        "requests": said.count('"logger": "portico.http"'),
    }


def machine() -> Figures:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


class Results:
    """What was measured so far. A part that fails is named and keeps no other from being measured."""

    def __init__(self, size: int) -> None:
        self.found: Figures = {"machine": machine(), "size": size, "failed": {}}

    def add(self, name: str, measured: Callable[[], Any]) -> None:
        began = time.perf_counter()
        try:
            self.found[name] = measured()
        except (SystemExit, Exception) as error:  # noqa: BLE001  whatever it is, the other parts count
            self.found["failed"][name] = f"{type(error).__name__}: {error}"
        told = self.found.get(name) or self.found["failed"][name]
        print(f"{name} ({time.perf_counter() - began:.0f} s): {json.dumps(told)}", flush=True)


def alone(store: Store, size: int) -> Figures:
    store.fresh()
    return store_alone.measure(store.url, size)


def measure(results: Results, size: int, repeat: int, folder: Path, *, full: bool) -> None:
    """Every part. The start-up comes first: it also leaves the compiled modules that an installation has."""
    for package in PACKAGES:
        compileall.compile_dir(ROOT / package, quiet=1)
    with postgres(folder) as server:
        stores = [Store("sqlite", folder, None)]
        stores += [Store("postgresql", folder, server)] if server else []
        results.add("start-up", lambda: start_up(stores[0]))
        with site(SMALL) as at:
            for store in stores:
                results.add(f"{store.kind} first {SMALL}", partial(first_read, at, store))
        with site(size) as at:
            for store in stores:
                results.add(store.kind, partial(life, at, store, repeat))
            results.add("slow line", lambda: slow_line(at, stores[0]))
        for store in stores:  # last, for it runs in this process, whose peak memory a child would start with
            results.add(f"{store.kind} alone", partial(alone, store, size))
        with site(2000) as at:
            results.add("refused", lambda: refused(at, stores[0]))
    results.add("city", partial(city, folder))
    results.add("freshness", lambda: {str(each): freshness.p95_minutes(each) for each in (100, 500)})
    for name, items, months in JUDGED[: None if full else -1]:
        results.add(name, partial(judged, folder, 1000, items, months))


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--full", action="store_true", help="100,000 issues instead of 10,000")
    given.add_argument("--size", type=int)
    given.add_argument("--repeat", type=int, default=1)
    given.add_argument("--out", type=Path, default=ROOT / "docs/explanation/speed.json")
    asked = given.parse_args()
    size = asked.size or (100_000 if asked.full else SMALL)
    folder = Path(tempfile.mkdtemp(prefix="portico-bench-"))
    results = Results(size)
    try:
        measure(results, size, asked.repeat, folder, full=asked.full)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        asked.out.write_text(json.dumps(results.found, indent=1) + "\n")
        page.write(results.found, asked.out.with_suffix(".md"))
    if results.found["failed"]:
        raise SystemExit(f"not measured: {results.found['failed']}")


if __name__ == "__main__":
    main()
