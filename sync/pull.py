"""Reading: connections in parallel, each yielding pages; one thread alone writes them to the store.

A page and its cursor land in one transaction. A connection that fails keeps its rows and harms no other.
"""

import contextlib
import gc
import queue
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from config.settings import Settings
from connectors.base import BadRow, Connector, Page, SourceRecord
from portfolio.store import records, runs
from portfolio.store.database import Store
from portfolio.store.leases import LeaseLost
from portfolio.store.records import Read
from sync import reading, tenant, wiring
from sync.crash import reach
from sync.reading import Arrived, Counted, Ended, Event, Met, Order, Reading, Start, Stored, Tool
from sync.tenant import Known, OtherTenant
from sync.translation import Translator, keep, mapping_of

WAITING_PAGES = 8
COLLECTED_EVERY = 50_000
"""So many new objects while pages are read before Python looks for cycles among them: what tools answer holds none."""
CENSUS_EVERY = timedelta(days=1)
FULL_EVERY = timedelta(days=7)
"""So often a census is a read of everything: it finds what no cursor and no list of ids shows, such as a backdated change."""
BRAKE_FROM = 10
"""The brake on disappearances applies to scopes of at least this many records."""
LOOKED_AT = 5
"""So many of the newest records are looked at by id to notice that a tool went back in time."""
DISAPPEARED, RESTORED = "disappeared", "restored"
WAIT_SECONDS = 0.05
UNSTORABLE = (OverflowError, RecursionError, TypeError, ValueError, DataError)
"""What a single record may hold that no database can."""


@dataclass(slots=True)
class Result:
    """What a connection's read came to. `error` None and `complete` true: its rows may drive deletions and writes."""

    name: str
    tool: str
    records: int = 0
    changed: int = 0
    rejected: int = 0
    deleted: int = 0
    complete: bool = True
    held: str | None = None
    error: str | None = None
    fix: str = ""
    tenant: str | None = None
    """Who the tool said it is, if it was asked."""
    busy: bool = False
    """Another process holds this connection; nothing of it was touched here."""
    notes: list[str] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)
    """Kind and id of what this read gave that never became a record."""

    @property
    def ok(self) -> bool:
        """Whether this connection was read to the end."""
        return self.error is None and self.complete


class Puller:
    """Reads the given tools into the store as one run."""

    def __init__(
        self,
        store: Store,
        run_id: str,
        now: datetime,
        stop: threading.Event,
        guard: Callable[[Connection, str], None],
        *,
        full: bool,
        census: bool,
        approve: bool,
    ) -> None:
        self.store = store
        self.run_id = run_id
        self.now = now
        self.stop = stop
        self.guard = guard
        self.full = full
        self.census = census or full
        self.approve = approve

    def pull(self, tools: Sequence[Tool]) -> dict[str, Result]:
        """Reads every tool; returns one result per connection. Never raises for a tool's failure."""
        results = {tool.name: Result(tool.name, tool.tool) for tool in tools}
        events: queue.Queue[Event] = queue.Queue(WAITING_PAGES)
        threads: list[threading.Thread] = []
        given_up = threading.Event()

        def stopped() -> bool:
            return self.stop.is_set() or given_up.is_set()

        try:
            collected_before = gc.get_threshold()
            gc.set_threshold(COLLECTED_EVERY, *collected_before[1:])
            for tool in tools:
                order = self._order(tool, results[tool.name])
                if order is None:
                    continue
                thread = threading.Thread(
                    target=reading.read,
                    args=(order, events, stopped),
                    name=tool.name,
                    daemon=True,
                )
                thread.start()
                threads.append(thread)
            reach("pull.started")
            running = len(threads)
            arriving = reading.arriving(events)
            while running:
                event = next(arriving)
                running -= isinstance(event, Ended)
                self._take_in(event, results[event.tool.name])
        finally:
            given_up.set()
            _drain(threads, events)
            gc.set_threshold(*collected_before)
        return results

    def _order(self, tool: Tool, result: Result) -> Order | None:
        """The tool is asked who it is at its first read, at another address, and at a census.

        None if another process has taken the connection over meanwhile.
        """
        try:
            starts = [self._start(tool, each) for each in tool.readings]
        except LeaseLost as lost:
            result.error, result.busy = str(lost), True
            return None
        with self.store.reading() as db:
            before = tenant.known(db, tool.name)
        counted = any(start.stored is not None for start in starts)
        met = before.tenant is not None and before.address == tool.address and not counted
        return Order(tool, starts, None if met else before, self.approve)

    def _start(self, tool: Tool, reading: Reading) -> Start:
        read = _read_of(tool, reading)
        with self.store.transaction() as db:
            self.guard(db, tool.name)
            row = records.cursor(db, read)
            if row is not None and row.mapping != reading.translator.fingerprint:
                for some in records.stored_batches(db, read):
                    keep(
                        db,
                        read,
                        reading.translator,
                        some,
                        at=self.now,
                        run_id=self.run_id,
                        stored={record.id for record in some},
                    )
                records.keep_cursor(db, read, mapping=reading.translator.fingerprint)
                reach("translate.again")
            census_due = row is not None and (
                self.census
                or row.census_at is None
                or not timedelta() <= self.now - row.census_at < CENSUS_EVERY
            )
            stored = _stored(db, read) if census_due else None
            whole_at = row.full_read_at if row is not None else None
            full_due = census_due and whole_at is not None and self.now - whole_at >= FULL_EVERY
        resume = row.cursor if row is not None and not self.full and not full_due else None
        return Start(resume, stored, first=whole_at is None)

    def _take_in(self, event: Event, result: Result) -> None:
        if isinstance(event, Ended):
            self._end(event, result)
        elif result.error is None:
            reach("pull.before_event")
            self._keep(event, result)
            reach("pull.after_event")

    def _keep(self, event: Met | Arrived | Counted, result: Result) -> None:
        try:
            if isinstance(event, Met):
                self._meet(event, result)
            elif isinstance(event, Arrived):
                self._store_page(event, result)
            else:
                self._count(event, result)
        except LeaseLost as lost:
            result.error, result.busy = str(lost), True

    def _meet(self, event: Met, result: Result) -> None:
        tool = event.tool
        with self.store.transaction() as db:
            self.guard(db, tool.name)
            tenant.note(db, tool.name, tool.tool, Known(event.tenant, tool.address))
        result.tenant = event.tenant

    def _store_page(self, event: Arrived, result: Result) -> None:
        try:
            self._store(event, result)
        except UNSTORABLE:
            self._store(replace(event, page=self._sifted(event)), result)

    def _sifted(self, event: Arrived) -> Page:
        """The page with the records that cannot be stored among its rejects."""
        sound, poison = [], list(event.page.rejects)
        for record in event.page.records:
            why = self._unstorable(event, record)
            if why is None:
                sound.append(record)
            else:
                poison.append(BadRow(record.id, None, None, f"the record cannot be stored: {why}"))
        return replace(event.page, records=sound, rejects=poison)

    def _unstorable(self, event: Arrived, record: SourceRecord) -> str | None:
        read, translator = _read_of(event.tool, event.reading), event.reading.translator
        try:
            with self.store.transaction() as db, db.begin_nested() as trial:
                stored = records.known(db, read, [record.id])
                changed = records.observe(db, read, [record], self.now, stored)
                keep(db, read, translator, changed, at=self.now, run_id=self.run_id, stored=stored)
                trial.rollback()
        except UNSTORABLE as error:
            return str(error.orig if isinstance(error, DataError) else error)
        return None

    def _store(self, event: Arrived, result: Result) -> None:
        tool, reading, page = event.tool, event.reading, event.page
        read = _read_of(tool, reading)
        with self.store.transaction() as db:
            self.guard(db, tool.name)
            stored = records.known(db, read, [record.id for record in page.records])
            changed = records.observe(db, read, page.records, self.now, stored)
            rejected = keep(
                db, read, reading.translator, changed, at=self.now, run_id=self.run_id, stored=stored
            )
            bad = [
                {
                    "connection": tool.name,
                    "kind": reading.stream.kind,
                    "external_id": row.id,
                    "external_key": row.id,
                    "field": row.field or "",
                    "value": row.value,
                    "reason": row.reason,
                    "fix": "correct the row at its source",
                }
                for row in page.rejects
            ]
            runs.hold_back(db, bad, of_write=False, at=self.now, run_id=self.run_id)
            result.refused |= {(read.kind, row.id) for row in page.rejects}
            again = {id_ for kind, id_ in result.refused if kind == read.kind}
            records.mend(db, read, page.mended, but=again)
            result.records += len(page.records)
            result.changed += len(changed)
            result.rejected += rejected + len(bad)
            stamps: dict[str, object] = {"cursor": page.cursor, "mapping": reading.translator.fingerprint}
            reach("pull.in_page")
            if page.gone:
                self._forget(db, tool, read, page.gone, result)
            if event.held is not None and not self._replace(db, tool, read, event.held, result):
                del stamps["cursor"]
            if page.last and not page.complete:
                stamps["cursor"] = None
            if page.last:
                stamps |= {"read_at": self.now, "complete": page.complete}
                stamps |= {"full_read_at": self.now} if event.full else {}
                result.complete = result.complete and page.complete
                if not page.complete:
                    result.notes.append(f"{read.kind}: the tool announced more records than it gave")
            records.keep_cursor(db, read, **stamps)

    def _replace(self, db: Connection, tool: Tool, read: Read, held: frozenset[str], result: Result) -> bool:
        gone = records.stored_ids(db, read) - held
        if gone and self._braked(db, tool, read, len(gone), result):
            return False
        self._bury(db, read, gone)
        result.deleted += len(gone)
        return True

    def _forget(
        self, db: Connection, tool: Tool, read: Read, recorded: frozenset[str], result: Result
    ) -> None:
        """Takes out what the tool records as deleted; too much at once waits for a person, or for the census."""
        gone = recorded & records.stored_ids(db, read)
        if gone and not self._braked(db, tool, read, len(gone), result):
            self._bury(db, read, gone)
            result.deleted += len(gone)

    def _bury(self, db: Connection, read: Read, gone: Collection[str]) -> None:
        records.bury(db, read, gone, at=self.now, run_id=self.run_id)
        runs.release(db, read.connection, read.kind, gone, of_write=False)

    def _braked(self, db: Connection, tool: Tool, read: Read, missing: int, result: Result) -> bool:
        stored = len(records.stored_ids(db, read))
        if self.approve or stored < BRAKE_FROM or Decimal(missing) / stored <= tool.max_missing:
            return False
        text = (
            f"{missing} of {stored} {read.kind} records are no longer visible; nothing is deleted. "
            "Check what the account may see, then run `portico sync --approve`"
        )
        runs.raise_alarm(db, tool.name, DISAPPEARED, text, self.now)
        result.held = text
        return True

    def _count(self, event: Counted, result: Result) -> None:
        read = _read_of(event.tool, event.reading)
        with self.store.transaction() as db:
            self.guard(db, event.tool.name)
            if event.went_back and not self.approve:
                self._hold_restored(db, read, result)
            elif event.absent:
                self._braked(db, event.tool, read, len(event.absent), result)
            if result.held is not None:
                records.keep_cursor(db, read, census_at=None)
                return
            records.note_census(db, read, event.absent)
            self._bury(db, read, event.gone)
            left = records.leave(db, read, event.left, at=self.now, run_id=self.run_id)
            runs.release(db, read.connection, read.kind, left, of_write=False)
            reach("pull.in_count")
            records.keep_cursor(db, read, census_at=self.now)
        result.deleted += len(event.gone)

    def _hold_restored(self, db: Connection, read: Read, result: Result) -> None:
        result.held = (
            f"the newest {read.kind} records are older in the tool than here: it was restored from a backup, or this is "
            "another instance. Check it, then run `portico sync --approve` to read everything again"
        )
        runs.raise_alarm(db, read.connection, RESTORED, result.held, self.now)

    def _end(self, event: Ended, result: Result) -> None:
        if event.error is not None and result.error is None:
            result.error, result.fix = event.error.text, event.error.fix
        if isinstance(event.error, OtherTenant):
            with self.store.transaction() as db:
                tenant.refuse(db, event.tool.name, event.error, self.now)
        if result.ok and result.held is None:
            with self.store.transaction() as db:
                for kind in (DISAPPEARED, RESTORED):
                    runs.clear_alarm(db, event.tool.name, kind)


def _drain(threads: Sequence[threading.Thread], events: "queue.Queue[Event]") -> None:
    """Lets every reader end: a full queue holds none of them."""
    for thread in threads:
        thread.join(WAIT_SECONDS)
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                events.get_nowait()
            thread.join(WAIT_SECONDS)


def _stored(db: Connection, read: Read) -> Stored:
    known = frozenset(records.stored_ids(db, read))
    held = runs.quarantined_ids(db, read.connection, read.kind)
    return Stored(
        known,
        frozenset(records.missed_ids(db, read)),
        frozenset(records.ids_of_kind(db, read) - known | held),
        records.newest(db, read, LOOKED_AT),
    )


def _read_of(tool: Tool, reading: Reading) -> Read:
    return Read(tool.name, reading.stream.kind, reading.stream.scope)


def tool_of(settings: Settings, name: str, connector: Connector) -> Tool:
    """A connection of the configuration, ready to be read."""
    connection = settings.connections[name]
    translators = [Translator(mapping_of(settings, name, read), settings) for read in connection.read]
    streams = wiring.streams(settings, name, [each.mapping.paths for each in translators])
    readings = tuple(
        Reading(stream, translator) for stream, translator in zip(streams, translators, strict=True)
    )
    return Tool(
        name,
        connection.tool,
        connector,
        readings,
        settings.safety_of(name).max_missing,
        wiring.address(settings, name),
    )
