"""Three processes of the real program over one PostgreSQL, killed and frozen at random; then peace, and every invariant.

15 seconds, 60 with `PORTICO_NIGHTLY=1`. The seed is printed; `PORTICO_SEED` sets it.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select, text

from portfolio.store.tables import lease
from tests.end_to_end.office import TOLD_BY as TOOLS
from tests.reliability.invariants import KEPT
from tests.reliability.process import start
from tests.reliability.test_crash_points import Town

SECONDS = 60 if os.environ.get("PORTICO_NIGHTLY") else 12
SEED = int(os.environ.get("PORTICO_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PROCESSES = 3


class Nemesis:
    """Keeps three processes at work and does to them what hosts, people and power cuts do."""

    def __init__(self, town: Town, engine: Engine, chance: random.Random) -> None:
        self.town = town
        self.engine = engine
        self.chance = chance
        self.working: list[ForkServerProcess] = []
        self.frozen: list[ForkServerProcess] = []
        self.done: Counter[str] = Counter()
        self.ended: Counter[int | None] = Counter()

    def act(self) -> None:
        """Starts what is missing, and does one thing."""
        self.reap()
        while len(self.working) < PROCESSES:
            self.working.append(self.begin())
        act = self.chance.choices([self.kill, self.freeze, self.wake, self.edit], [1, 4, 3, 2])[0]
        act()

    def begin(self) -> ForkServerProcess:
        """One more `portico sync`."""
        full = ["--full"] if self.chance.random() < 0.3 else []
        self.town.later(seconds=20)
        arguments = ["-c", str(self.town.config), "--now", self.town.now.isoformat(), "sync", "--approve"]
        return start([*arguments, *full, *TOOLS], self.town.environment, self.town.folder / "said")

    def reap(self) -> None:
        """Lets go of the processes that have ended."""
        for each in [each for each in self.working if not each.is_alive()]:
            self.working.remove(each)
            if each in self.frozen:
                self.frozen.remove(each)
            self.ended[each.exitcode] += 1

    def kill(self) -> None:
        """SIGKILL, also to one that is frozen."""
        self.chance.choice(self.working).kill()
        self.done["killed"] += 1

    def freeze(self) -> None:
        """SIGSTOP to one; where it holds a connection, every second time for longer than its leases last."""
        awake = [each for each in self.working if each not in self.frozen and each.is_alive()]
        if len(awake) < 2:
            return
        holders = self.holders()
        victim = self.chance.choice([each for each in awake if each.pid in holders] or awake)
        if not _signalled(victim, signal.SIGSTOP):
            return
        self.frozen.append(victim)
        self.done["frozen"] += 1
        if victim.pid in holders and self.chance.random() < 0.5:
            self.outlive_leases(holders[victim.pid])

    def holders(self) -> dict[int | None, str]:
        """Who holds a connection: process id to owner."""
        with self.engine.connect() as db:
            owners = db.scalars(select(lease.c.owner).where(lease.c.until > 0, lease.c.owner != ""))
            return {int(each.split(":")[1]): each for each in owners}

    def outlive_leases(self, owner: str) -> None:
        """The leases of a frozen process run out, except where it was frozen in the middle of a transaction."""
        with self.engine.begin() as db:
            held = select(lease.c.name).where(lease.c.owner == owner).with_for_update(skip_locked=True)
            names = list(db.scalars(held))
            db.execute(lease.update().where(lease.c.name.in_(names)).values(until=0.0))
        self.done["leases run out"] += len(names)

    def wake(self) -> None:
        """SIGCONT to the one that has been frozen longest."""
        if self.frozen:
            _signalled(self.frozen.pop(0), signal.SIGCONT)

    def edit(self) -> None:
        """People change records, and our fields by hand, in both tools."""
        self.town.edit()
        self.done["edited"] += 1

    def end(self) -> None:
        """Wakes all, and waits for them."""
        while self.frozen:
            self.wake()
        for each in self.working:
            each.join(120)
        self.reap()
        assert self.working == []

    def stop(self) -> None:
        """Leaves no process behind, whatever happened."""
        for each in self.working:
            each.kill()
            each.join(10)


def _signalled(process: ForkServerProcess, number: signal.Signals) -> bool:
    """Whether the process got the signal; one that has just ended gets none."""
    try:
        os.kill(process.pid or 0, number)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def nemesis(postgres: str, tmp_path: Path) -> Iterator[Nemesis]:
    administration = create_engine(f"{postgres}/postgres", isolation_level="AUTOCOMMIT")
    with administration.connect() as db:
        db.execute(text("CREATE DATABASE three"))
    administration.dispose()
    engine = create_engine(f"{postgres}/three")
    with Town(tmp_path, f"{postgres}/three") as town:
        town.run("sync", *TOOLS)
        made = Nemesis(town, engine, random.Random(SEED))
        yield made
        made.stop()
    engine.dispose()


def test_three_processes_killed_and_frozen_at_random_leave_nothing_broken(nemesis: Nemesis) -> None:
    sys.stdout.write(f"PORTICO_SEED={SEED}\n")
    town = nemesis.town
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        nemesis.act()
        time.sleep(nemesis.chance.uniform(0.1, 0.5))
    nemesis.end()
    sys.stdout.write(f"{dict(nemesis.done)} ended with {dict(nemesis.ended)}\n")

    assert nemesis.done.keys() >= {"killed", "frozen"}
    said = (town.folder / "said").read_text(encoding="utf-8")
    assert nemesis.ended.keys() <= {0, 1, -signal.SIGKILL}, said[-3000:]
    assert "Traceback" not in said, said
    town.check(quiet=False)
    outcomes: list[Any] = [town.sync("--approve", *TOOLS).json for _ in range(3)]
    assert outcomes[-1]["outcome"] == "done", outcomes[-1]
    town.check(quiet=True)
    _nothing_further(town)


def _nothing_further(town: Town) -> None:
    rows, written = {name: len(town.rows(name)) for name in KEPT}, town.writes()
    for _ in range(5):
        assert town.sync("--full", *TOOLS).json["counts"]["planned"] == 0
    assert town.writes() == written
    assert {name: len(town.rows(name)) for name in KEPT} == rows
