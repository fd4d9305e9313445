"""Measures Portico against the least work possible: `make bench`, or `python -m tests.bench.measure --full`.

Every figure comes from a process of its own against the stub site, with the reference in the same run, and is a ratio to it.
Results go to a JSON file and, as a table and a plot, into docs/explanation/speed.md.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from tests.bench import page, store_alone
from tests.bench.database import postgres
from tests.bench.stub import LAST_MS, PROJECTS

ROOT = Path(__file__).parents[2]
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
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process took: seconds of wall and processor, peak memory in MiB."""

    wall: float
    cpu: float
    rss: float


def spend(command: list[str], **environment: str) -> tuple[Spent, str]:
    """Runs a command to its end. It may keep its compiled modules, as an installed program does."""
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
    if process.returncode:
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
        note("full again", *portico(at, store, "pull", "--full"))
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
    }


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


def start_up(at: Site, store: Store) -> Figures:
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


def machine() -> Figures:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--full", action="store_true", help="100,000 issues instead of 10,000")
    given.add_argument("--size", type=int)
    given.add_argument("--repeat", type=int, default=1)
    given.add_argument("--out", type=Path, default=ROOT / "docs/explanation/speed.json")
    asked = given.parse_args()
    size = asked.size or (100_000 if asked.full else 10_000)
    folder = Path(tempfile.mkdtemp(prefix="portico-bench-"))
    results: Figures = {"machine": machine(), "size": size}
    try:
        with postgres(folder) as server, site(size) as at:
            stores = [
                Store("sqlite", folder, None),
                *([Store("postgresql", folder, server)] if server else []),
            ]
            for store in stores:
                results[store.kind] = life(at, store, asked.repeat)
                store.fresh()
                results[store.kind]["store alone"] = store_alone.measure(store.url, size)
                print(store.kind, json.dumps(results[store.kind]), flush=True)
            results["slow line"] = slow_line(at, stores[0])
            results["start-up"] = start_up(at, stores[0])
        results["large"] = judged(folder, 1000, 200_000, 24)
        results["small"] = judged(folder, 1000, 10_000, 1)
        results["huge"] = judged(folder, 1000, 1_000_000, 1) if asked.full else None
        with site(2000) as at:
            results["refused"] = refused(at, stores[0])
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)
    asked.out.write_text(json.dumps(results, indent=1) + "\n")
    page.write(results, asked.out.with_suffix(".md"))
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
