"""One run: pull, assess, plan, brake, apply, each step in its own words; commands call the steps they need."""

import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Self

from sqlalchemy import Connection as Db
from sqlalchemy import select

from config.settings import Settings
from connectors.base import Connector, Patch, Shown, Stream
from connectors.errors import ConnectorError, Retry
from portfolio.judge import Policy, ledger_figures
from portfolio.store import gather, leases, runs, writes
from portfolio.store import records as raw
from portfolio.store.database import Store
from portfolio.store.failures import StoreFailed
from portfolio.store.leases import Lease, LeaseLost
from portfolio.store.tables import entity_tables
from sync import guards, settling, sighting, tenant, wiring, wishes
from sync import plan as planning
from sync.applying import Sent, journalled, keep
from sync.assess import Assessed, assess, today_of
from sync.crash import reach
from sync.outcome import Caps, Report, told
from sync.plan import Change, Plan, Refusal, Sight
from sync.pull import Puller, Result, tool_of
from sync.reading import Tool
from sync.wishes import Stamp, Wanted

_LOG = logging.getLogger("portico.run")
FAILED, HELD_BACK, READ = "failed", "held", "ok"
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
        self.store = store
        self.settings = settings
        self.policy = policy
        self.now = now
        self.clock = clock
        self.stop = stop or threading.Event()
        self.say = say
        self.report = Report(f"R{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}")
        self._command = command
        self._connect = connect or (lambda name: wiring.connector(settings, name))
        self._connectors: dict[str, Connector] = {}
        self._may_write = may_write or (lambda name: settings.safety_of(name).write)
        self._approve = False
        self._named = frozenset(settings.connections)
        self._looked: dict[str, dict[str, Shown]] = {}
        self._targets: dict[tuple[str, str], Wanted] = {}
        self._owner = leases.owner()
        self._leases: dict[str, Lease] = {}

    def __enter__(self) -> Self:
        with self.store.transaction() as db:
            runs.start(db, self.report.run_id, self._command, self.now)
        reach("run.started")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        for connector in self._connectors.values():
            connector.close()
        try:
            self._finish("failed" if kind is not None else None)
        except StoreFailed as failure:
            if kind is None:
                raise
            _LOG.warning("the end of run %s is not noted: %s", self.report.run_id, failure)

    def _finish(self, outcome: str | None) -> None:
        with self.store.transaction() as db:
            for held in self._leases.values():
                leases.release(db, held)
            self.report.quarantined = len(runs.quarantined(db))
            runs.finish(
                db, self.report.run_id, outcome or self.report.outcome, self.report.counts(), self.clock()
            )
            reach("run.finishing")

    def connector(self, name: str) -> Connector:
        """The connector of a connection, made when first needed."""
        if name not in self._connectors:
            self._connectors[name] = self._connect(name)
        return self._connectors[name]

    def _take(self, name: str) -> bool:
        """Whether this run holds the connection. A rehearsal takes nothing: it leaves nothing."""
        if not self.store.keep or name in self._leases:
            return True
        with self.store.transaction() as db:
            held = leases.take(db, name, self._owner)
        if held is not None:
            self._leases[name] = held
        return held is not None

    def _busy(self, name: str) -> Result:
        with self.store.reading() as db:
            holder = leases.holder(db, name)
        text = (
            f"another run ({holder or 'just ended'}) is at work on {name}; nothing was read or written here"
        )
        return Result(
            name,
            self.settings.connections[name].tool,
            error=text,
            fix="run again when it has ended",
            busy=True,
        )

    def _guard(self, db: Db, name: str) -> None:
        """Proves within a transaction that the connection is still ours."""
        if name in self._leases:
            leases.renew(db, self._leases[name])

    def pull(
        self, names: Sequence[str], *, full: bool = False, census: bool = False, approve: bool = False
    ) -> None:
        """Reads the named connections. A failing one keeps its rows and is named in the report."""
        ready: list[Tool] = []
        for name in names:
            if not self._take(name):
                self.report.read[name] = self._busy(name)
                continue
            try:
                ready.append(tool_of(self.settings, name, self.connector(name)))
            except ConnectorError as error:
                self.report.read[name] = Result(
                    name, self.settings.connections[name].tool, error=error.text, fix=error.fix
                )
        puller = Puller(
            self.store,
            self.report.run_id,
            self.now,
            self.stop,
            self._guard,
            full=full,
            census=census,
            approve=approve,
        )
        self.report.read |= puller.pull(ready)
        self.report.interrupted = self.stop.is_set()
        with self.store.transaction() as db:
            for result in self.report.read.values():
                if not result.busy:
                    self._guard(db, result.name)
                    self._note(db, result)
                self.say(told(result))
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
        stamps = {"read_at": self.now} if result.ok else {}
        runs.note_connection(db, result.name, result.tool, state=state, tried_at=self.now, **values, **stamps)

    def assess(self) -> Assessed:
        """Judges what the store holds and keeps a snapshot where something changed."""
        with self.store.transaction() as db:
            leases.lock(db, PORTFOLIO)
            assessed = assess(db, self.settings, self.policy, now=self.now, run_id=self.report.run_id)
        reach("assess.kept")
        self.report.assessed = assessed
        kept = "new snapshot" if assessed.is_new else "nothing changed since snapshot"
        self.say(
            f"assessed {len(assessed.judged)} projects, {assessed.changed} changed: {kept} {assessed.snapshot_id}"
        )
        return assessed

    def plan(self, caps: Caps, names: Sequence[str] = ()) -> Plan:
        """Compares what every target (of the named connections) should hold with what it shows now.

        Brakes are noted, nothing is written.
        """
        self._named = frozenset(names or self.settings.connections)
        self._approve = caps.approve
        assessed = self.report.assessed or self.assess()
        wanted, refused = self._wanted(assessed)
        self._targets = {
            (each.wishes[0].connection, each.wishes[0].record): each for each in wanted if each.wishes
        }
        reach("plan.wanted")
        sights, missing = self._sights(wanted)
        self._confirm(sights)
        with self.store.reading() as db:
            owned = writes.owned(db)
        reach("plan.seen")
        written = guards.written(owned, self.now, approve=caps.approve)
        made = planning.make([wish for each in wanted for wish in each.wishes], sights, written)
        self.report.plan = Plan(made.changes, (*refused, *missing), made.drift)
        self._brake(caps, owned)
        reach("plan.made")
        return self.report.plan

    def _confirm(self, sights: Mapping[tuple[str, str], Sight]) -> None:
        """Notes writes of earlier runs that the tools show, where no other run is at work on them."""
        with self.store.reading() as db:
            unsettled = {entry["connection"] for entry in writes.unsettled(db)}
        for name in sorted(unsettled & {name for name, _ in sights}):
            if self._take(name):
                with self.store.transaction() as db:
                    self._guard(db, name)
                    settling.confirm(db, name, sights, at=self.clock(), run_id=self.report.run_id)

    def _brake(self, caps: Caps, owned: Mapping[tuple[str, str, str], Any]) -> None:
        records: dict[str, set[str]] = defaultdict(set)
        for name, record, _field in owned:
            records[name].add(record)
        limits = {name: self._limits(name, caps) for name in self.settings.connections}
        counted = {name: len(some) for name, some in records.items()}
        self.report.held = [] if caps.approve else planning.brakes(self.report.plan.changes, counted, limits)

    def _limits(self, name: str, caps: Caps) -> planning.Limits:
        safety = self.settings.safety_of(name)
        share = safety.max_share if caps.max_share is None else caps.max_share
        return planning.Limits(safety.max_changes, share, caps.max_changes)

    def _writable(self) -> list[str]:
        """Connections that may be written: not those whose last read failed, was incomplete or is held."""
        with self.store.reading() as db:
            known = runs.connections(db)
        found = []
        for name, connection in self.settings.connections.items():
            write = connection.write
            if name not in self._named or (write.project is None and write.budget_line is None):
                continue
            row = known.get(name)
            read = self.report.read.get(name)
            if (row is not None and row.state in {FAILED, HELD_BACK}) or (read is not None and read.busy):
                continue
            if connection.read and row is None:
                continue
            found.append(name)
        return found

    def _wanted(self, assessed: Assessed) -> tuple[list[Wanted], list[Refusal]]:
        stamp = Stamp(assessed.snapshot_id, assessed.taken_at)
        wanted: list[Wanted] = []
        refused: list[Refusal] = []
        with self.store.reading() as db:
            lines = gather.ledger(db, self.settings.portfolio.currency)
        for name in self._writable():
            try:
                carriers = self._carriers(name)
            except ConnectorError as error:
                self.report.unread[name] = error.text
                continue
            some, without = wishes.of_projects(
                self.settings, name, assessed.names.projects, assessed.judged, stamp, carriers
            )
            wanted += some
            refused += without
            if self.settings.connections[name].write.budget_line is not None:
                reads_lines = any(read.kind == "budget_line" for read in self.settings.connections[name].read)
                own = [
                    line
                    for line in lines
                    if not reads_lines or (line.source and line.source.connection == name)
                ]
                figures = ledger_figures(
                    own, self.policy, today_of(self.settings, self.now), _corrective(assessed)
                )
                wanted += wishes.of_ledger(self.settings, name, figures, stamp)
        return wanted, refused

    def _carriers(self, name: str) -> dict[str, list[str]]:
        """Per project the records that a `to` query names (Jira)."""
        connection = self.settings.connections[name]
        block = connection.write.project
        query = connection.write.to_of(block) if block is not None else None
        if connection.tool != "jira" or not query:
            return {}
        ids = self.connector(name).census(Stream("issue", query)).ids or frozenset()
        item = entity_tables["work_item"]
        found: dict[str, list[str]] = defaultdict(list)
        with self.store.reading() as db:
            for some in raw.batches(sorted(ids)):
                rows = db.execute(
                    select(item.c.project_key, item.c.external_id).where(
                        item.c.connection == name,
                        item.c.external_id.in_(some),
                        item.c.project_key.is_not(None),
                    )
                )
                for key, external_id in rows:
                    found[key].append(external_id)
        return found

    def _sights(self, wanted: Sequence[Wanted]) -> tuple[dict[tuple[str, str], Sight], list[Refusal]]:
        """What every target shows: from the store where it was pulled, else by a look at the tool."""
        by_name: dict[str, list[Wanted]] = defaultdict(list)
        for each in wanted:
            if each.wishes:
                by_name[each.wishes[0].connection].append(each)
        sights: dict[tuple[str, str], Sight] = {}
        missing: list[Refusal] = []
        for name, some in by_name.items():
            try:
                shown = sighting.shown(self.store, partial(self.connector, name), name, some)
            except ConnectorError as error:
                self.report.unread[name] = error.text
                self.say(f"{name}: write targets cannot be read: {error.text}")
                continue
            self._looked[name] = shown
            for each in some:
                seen = shown.get(wishes.reference(each.target))
                if seen is None or (not seen.exists and each.target.id is not None):
                    missing.append(sighting.absent(name, each))
                else:
                    sights[(name, wishes.reference(each.target))] = Sight(seen.exists, seen.values)
        return sights, missing

    def apply(self) -> None:
        """Makes the planned writes of every connection that no brake holds: intent, effect, outcome, one record at a time."""
        held = {hold.connection: hold.reason for hold in self.report.held}
        self._alarm(held)
        by_place: dict[str, dict[str, list[Change]]] = defaultdict(lambda: defaultdict(list))
        for change in self.report.plan.changes:
            if change.connection not in held:
                by_place[change.connection][change.record].append(change)
        self._park(self.report.plan)
        for name in self._writable():
            if not self.settings.safety_of(name).write or not self._take(name):
                continue
            with self.store.transaction() as db:
                self._guard(db, name)
                settling.give_up(db, name, at=self.clock(), run_id=self.report.run_id)
            if name in by_place and not self._waits(name) and self._recognised(name):
                self._write(name, by_place[name])
        self.report.interrupted = self.report.interrupted or self.stop.is_set()
        reach("apply.done")

    def _alarm(self, held: Mapping[str, str]) -> None:
        """A brake that holds writes is an alarm until a run of that connection is held no more."""
        with self.store.transaction() as db:
            for name in sorted(self._named):
                if name in held:
                    runs.raise_alarm(db, name, runs.BRAKED, f"{held[name]}. `--approve` accepts it", self.now)
                else:
                    runs.clear_alarm(db, name, runs.BRAKED)

    def _waits(self, name: str) -> bool:
        """Whether no further request may be written there now: stopped, switched off, or a quiet hour."""
        if self.stop.is_set():
            return True
        hours = guards.quiet(self.settings, name, self.clock())
        if hours is None and self._may_write(name):
            return False
        self.report.waiting[name] = f"quiet hours {hours}" if hours else "writing was switched off"
        self.say(f"{name}: {self.report.waiting[name]}: the planned writes wait for a later run")
        return True

    def _recognised(self, name: str) -> bool:
        """Whether the tool about to be written is the one that this connection has always been."""
        read = self.report.read.get(name)
        if read is not None and read.tenant is not None:
            return True
        with self.store.reading() as db:
            before = tenant.known(db, name)
        try:
            seen = tenant.ask(self.connector(name), before, approve=self._approve)
        except ConnectorError as error:
            self._stopped(name, {}, error)
            return False
        with self.store.transaction() as db:
            self._guard(db, name)
            tool = self.settings.connections[name].tool
            tenant.note(db, name, tool, tenant.Known(seen, wiring.address(self.settings, name)))
        return True

    def _write(self, name: str, records: Mapping[str, Sequence[Change]]) -> None:
        patches, numbers = [], {}
        reach("apply.before_intent")
        with self.store.transaction() as db:
            self._guard(db, name)
            for record, changes in records.items():
                patches.append(self._patch(name, record, changes))
                numbers[record] = writes.intend(
                    db,
                    run_id=self.report.run_id,
                    connection=name,
                    record=record,
                    project_key=changes[0].project,
                    changes=[journalled(change) for change in changes],
                    at=self.clock(),
                )
            reach("apply.in_intent")
        reach("apply.after_intent")
        try:
            for outcome in self.connector(name).push(patches):
                reach("apply.after_request")
                record = wishes.reference(outcome.patch.target)
                sent = Sent(numbers.pop(record), name, record, records[record])
                with self.store.transaction() as db:
                    self._guard(db, name)
                    keep(db, self.report, sent, outcome, self.clock())
                reach("apply.after_settle")
                if numbers and self._waits(name):
                    break
        except ConnectorError as error:
            self._stopped(name, numbers, error)
        except LeaseLost as lost:
            self.report.unread[name] = str(lost)
            self.say(f"{name}: {lost}")

    def _patch(self, name: str, record: str, changes: Sequence[Change]) -> Patch:
        shown = self._looked[name][record]
        return Patch(
            target=self._targets[(name, record)].target,
            values={change.field: change.after for change in changes},
            before={change.field: change.before for change in changes},
            version=shown.version,
        )

    def _stopped(self, name: str, numbers: Mapping[str, int], error: ConnectorError) -> None:
        unclear = isinstance(error, Retry)
        with self.store.transaction() as db:
            for number in numbers.values():
                writes.settle(db, number, "unknown" if unclear else "stopped", self.clock(), error.text)
            runs.note_connection(
                db, name, self.settings.connections[name].tool, state=FAILED, error=error.text, fix=error.fix
            )
            if isinstance(error, tenant.OtherTenant):
                tenant.refuse(db, name, error, self.clock())
        self.report.unread[name] = error.text
        self.say(f"{name}: writing stopped: {error.text}")

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
        with self.store.transaction() as db:
            runs.release_writes(db, set(self._writable()) - set(self.report.unread), but=standing)
            runs.hold_back(db, entries, of_write=True, at=self.now, run_id=self.report.run_id)
            guards.note_parked(db, self._writable(), made.drift, self.now)


def _corrective(assessed: Assessed) -> dict[str, str]:
    """The standing corrective action per budget code, as the judgements name it."""
    rows = (row for judged in assessed.judged.values() for row in judged.outcome["budget_figures"])
    return {row["budget_code"]: row["corrective_action"] for row in rows if row["corrective_action"]}
