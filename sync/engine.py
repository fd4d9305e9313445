"""One run: pull, assess, plan, brake, apply, each step in its own words; commands call the steps they need."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection as Db

from config.settings import Settings
from connectors.base import Connector
from connectors.errors import ConnectorError
from portfolio.judge import Policy
from portfolio.store import leases, runs, snapshots, writes
from portfolio.store.database import Store
from portfolio.store.failures import StoreFailed
from sync import guards, settling, sighting
from sync import plan as planning
from sync.assess import Assessed, assess, quarantine
from sync.crash import reach
from sync.errand import FAILED, HELD_BACK, READ, Errand
from sync.outcome import Caps, Report, told
from sync.plan import Plan, Sight
from sync.pull import Puller, Result, tool_of
from sync.reading import Tool
from sync.sighting import Seen
from sync.wanting import wanted
from sync.wishes import Wanted
from sync.writing import Writer

_LOG = logging.getLogger("portico.run")
PORTFOLIO = "*"
"""The lock under which one process at a time judges and keeps a snapshot."""


class Run:
    """One run over one store. Use as a context: it notes its start and end, and closes the connectors."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        policy: Policy,
        *,
        command: str,
        now: datetime,
        clock: Callable[[], datetime],
        stop: threading.Event | None = None,
        say: Callable[[str], None] = _LOG.info,
        connect: Callable[[str], Connector] | None = None,
        may_write: Callable[[str], bool] | None = None,
    ) -> None:
        self.errand = Errand(store, settings, now, clock, stop or threading.Event(), say, connect, may_write)
        self.policy = policy
        self._command = command
        self._named = frozenset(settings.connections)
        self._wanted: list[Wanted] = []
        self._seen = Seen()

    @property
    def report(self) -> Report:
        """What the run came to so far."""
        return self.errand.report

    def __enter__(self) -> Self:
        with self.errand.store.transaction() as db:
            runs.start(db, self.report.run_id, self._command, self.errand.now)
        reach("run.started")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self.errand.close()
        try:
            self._finish("failed" if kind is not None else None)
        except StoreFailed as failure:
            if kind is None:
                raise
            _LOG.warning("the end of run %s is not noted: %s", self.report.run_id, failure)

    def _finish(self, outcome: str | None) -> None:
        with self.errand.store.transaction() as db:
            self.errand.release(db)
            self.report.quarantined = len(runs.quarantined(db))
            runs.finish(
                db,
                self.report.run_id,
                outcome or self.report.outcome,
                self.report.counts(),
                self.errand.clock(),
            )
            reach("run.finishing")

    def _busy(self, name: str) -> Result:
        with self.errand.store.reading() as db:
            holder = leases.holder(db, name)
        text = (
            f"another run ({holder or 'just ended'}) is at work on {name}; nothing was read or written here"
        )
        return Result(
            name,
            self.errand.settings.connections[name].tool,
            error=text,
            fix="run again when it has ended",
            busy=True,
        )

    def pull(
        self, names: Sequence[str], *, full: bool = False, census: bool = False, approve: bool = False
    ) -> None:
        """Reads the named connections. A failing one keeps its rows and is named in the report."""
        ready: list[Tool] = []
        for name in names:
            if not self.errand.take(name):
                self.report.read[name] = self._busy(name)
                continue
            try:
                ready.append(tool_of(self.errand.settings, name, self.errand.connector(name)))
            except ConnectorError as error:
                self.report.read[name] = Result(
                    name, self.errand.settings.connections[name].tool, error=error.text, fix=error.fix
                )
        puller = Puller(
            self.errand.store,
            self.report.run_id,
            self.errand.now,
            self.errand.stop,
            self.errand.guard,
            full=full,
            census=census,
            approve=approve,
        )
        self.report.read |= puller.pull(ready)
        self.report.interrupted = self.errand.stop.is_set()
        with self.errand.store.transaction() as db:
            for result in self.report.read.values():
                if not result.busy:
                    self.errand.guard(db, result.name)
                    self._note(db, result)
                self.errand.say(told(result))
            reach("pull.noting")
        reach("pull.noted")

    def _note(self, db: Db, result: Result) -> None:
        values: dict[str, str | None]
        if result.error is not None:
            state, values = FAILED, {"error": result.error, "fix": result.fix}
        elif not result.complete:
            state, values = (
                FAILED,
                {"error": "; ".join(result.notes) or "the read was not complete", "fix": ""},
            )
        elif result.held:
            state, values = HELD_BACK, {"error": result.held, "fix": ""}
        else:
            state, values = READ, {"error": None, "fix": None}
        stamps: dict[str, Any] = {"read_at": self.errand.now} if result.ok else {}
        if (budget := self.errand.budget(result.name)) is not None:
            stamps["budget"] = asdict(budget)
        runs.note_connection(
            db, result.name, result.tool, state=state, tried_at=self.errand.now, **values, **stamps
        )

    def assess(self) -> Assessed:
        """Judges what the store holds and keeps a snapshot where something changed."""
        with self.errand.store.transaction() as db:
            leases.lock(db, PORTFOLIO)
            assessed = assess(
                db, self.errand.settings, self.policy, now=self.errand.now, run_id=self.report.run_id
            )
        reach("assess.kept")
        self.report.assessed = assessed
        kept = "new snapshot" if assessed.is_new else "nothing changed since snapshot"
        self.errand.say(
            f"assessed {len(assessed.judged)} projects, {assessed.changed} changed: {kept} {assessed.snapshot_id}"
        )
        return assessed

    def plan(self, caps: Caps, names: Sequence[str] = ()) -> Plan:
        """Compares what every target (of the named connections) should hold with what it shows now.

        Brakes are noted, nothing is written.
        """
        self._named = frozenset(names or self.errand.settings.connections)
        self.errand.approve = caps.approve
        assessed = self.report.assessed or self.assess()
        self._wanted, refused = wanted(self.errand, self.policy, assessed, self._writable())
        reach("plan.wanted")
        self._seen = sighting.of(self.errand, self._wanted)
        self._confirm(self._seen.sights)
        with self.errand.store.reading() as db:
            owned = writes.owned(db)
        reach("plan.seen")
        written = guards.written(owned, self.errand.now, approve=caps.approve)
        wishes = [wish for each in self._wanted for wish in each.wishes]
        made = planning.make(wishes, self._seen.sights, written)
        self.report.plan = Plan(made.changes, (*refused, *self._seen.missing), made.drift)
        self._brake(caps, owned)
        reach("plan.made")
        return self.report.plan

    def _confirm(self, sights: Mapping[tuple[str, str], Sight]) -> None:
        """Notes writes of earlier runs that the tools show, where no other run is at work on them."""
        with self.errand.store.reading() as db:
            unsettled = {entry["connection"] for entry in writes.unsettled(db)}
        for name in sorted(unsettled & {name for name, _ in sights}):
            if self.errand.take(name):
                with self.errand.store.transaction() as db:
                    self.errand.guard(db, name)
                    settling.confirm(db, name, sights, at=self.errand.clock(), run_id=self.report.run_id)

    def _brake(self, caps: Caps, owned: Mapping[tuple[str, str, str], Any]) -> None:
        records: dict[str, set[str]] = defaultdict(set)
        for name, record, _field in owned:
            records[name].add(record)
        limits = {name: self._limits(name, caps) for name in self.errand.settings.connections}
        counted = {name: len(some) for name, some in records.items()}
        self.report.held = [] if caps.approve else planning.brakes(self.report.plan.changes, counted, limits)

    def _limits(self, name: str, caps: Caps) -> planning.Limits:
        safety = self.errand.settings.safety_of(name)
        share = safety.max_share if caps.max_share is None else caps.max_share
        return planning.Limits(safety.max_changes, share, caps.max_changes)

    def _writable(self) -> list[str]:
        return [
            name
            for name in self.errand.settings.connections
            if name in self._named and self.errand.writable(name)
        ]

    def apply(self) -> None:
        """Makes the planned writes of every connection that no brake holds: intent, effect, outcome, one record at a time."""
        held = {hold.connection: hold.reason for hold in self.report.held}
        self._alarm(held)
        self._park(self.report.plan)
        targets = {
            (each.wishes[0].connection, each.wishes[0].record): each.target
            for each in self._wanted
            if each.wishes
        }
        writer = Writer(self.errand, targets, self._seen.shown)
        changes = (each for each in self.report.plan.changes if each.connection not in held)
        writer.apply(self._writable(), changes)
        self._tell_quarantine()
        self.report.interrupted = self.report.interrupted or self.errand.stop.is_set()
        reach("apply.done")

    def _tell_quarantine(self) -> None:
        """Keeps a further snapshot where this run's writes changed what is in quarantine."""
        store, settings = self.errand.store, self.errand.settings
        with store.transaction() as db:
            leases.lock(db, PORTFOLIO)
            last = snapshots.newest(db)
            if last is not None and last.portfolio["quarantine"] != quarantine(db):
                assess(db, settings, self.policy, now=self.errand.now, run_id=self.report.run_id)

    def _alarm(self, held: Mapping[str, str]) -> None:
        """A brake that holds writes is an alarm until a run of that connection is held no more."""
        with self.errand.store.transaction() as db:
            for name in sorted(self._named):
                if name in held:
                    runs.raise_alarm(
                        db, name, runs.BRAKED, f"{held[name]}. `--approve` accepts it", self.errand.now
                    )
                else:
                    runs.clear_alarm(db, name, runs.BRAKED)

    def _park(self, made: Plan) -> None:
        """Quarantine of writes: what cannot be planned enters, what is neither refused nor still to be written leaves."""
        entries = [
            {
                "connection": each.connection,
                "kind": "write",
                "external_id": each.label,
                "external_key": each.label,
                "field": each.field,
                "value": None,
                "reason": each.reason,
                "fix": each.fix,
            }
            for each in made.refused
        ]
        standing = {(each.connection, each.label) for each in made.refused}
        standing |= {(change.connection, change.record) for change in made.changes}
        with self.errand.store.transaction() as db:
            runs.release_writes(db, set(self._writable()) - set(self.report.unread), but=standing)
            runs.hold_back(db, entries, of_write=True, at=self.errand.now, run_id=self.report.run_id)
            guards.note_parked(db, self._writable(), made.drift, self.errand.now)
