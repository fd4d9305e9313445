"""Reading: connections in parallel, each yielding pages; one thread alone writes them to the store.

A page and its cursor land in one transaction. A connection that fails keeps its rows and harms no other.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from config.settings import Settings
from connectors.base import Connector, Page, Stream, Target
from connectors.errors import ConnectorError, StopConnection
from portfolio.store import records, runs
from portfolio.store.database import Store
from portfolio.store.leases import LeaseLost
from portfolio.store.records import Read
from sync import tenant, wiring
from sync.tenant import Known, OtherTenant
from sync.translation import Translator, keep, mapping_of

WAITING_PAGES = 8
CENSUS_EVERY = timedelta(days=1)
BRAKE_FROM = 10
"""The brake on disappearances applies to scopes of at least this many records."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One stream of a connection with the translator of its records."""

    stream: Stream
    translator: Translator


@dataclass(frozen=True, slots=True)
class Tool:
    """A connection ready to be read: its connector, streams, how many disappearances are believed, its address (a hash)."""

    name: str
    tool: str
    connector: Connector
    readings: tuple[Reading, ...]
    max_missing: Decimal
    address: str


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

    @property
    def ok(self) -> bool:
        """Whether this connection was read to the end."""
        return self.error is None and self.complete


@dataclass(frozen=True, slots=True)
class _Arrived:
    tool: Tool
    reading: Reading
    page: Page
    held: frozenset[str] | None = None
    """On the last page of a read that is the whole truth: every id that the read held."""


@dataclass(frozen=True, slots=True)
class _Counted:
    tool: Tool
    reading: Reading
    absent: frozenset[str]
    """Stored ids that the census did not hold."""
    gone: frozenset[str]
    """Those of them that an earlier census missed too and that a read by id does not find."""


@dataclass(frozen=True, slots=True)
class _Met:
    tool: Tool
    tenant: str


@dataclass(frozen=True, slots=True)
class _Ended:
    tool: Tool
    error: ConnectorError | None


_Event = _Met | _Arrived | _Counted | _Ended


@dataclass(frozen=True, slots=True)
class _Start:
    cursor: Mapping[str, object] | None
    known: frozenset[str] | None
    """Stored ids when a census is due, else None."""
    missed: frozenset[str]
    """Ids that an earlier census missed."""


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Whom to expect before the first read; `approve`: whoever it is."""

    before: Known
    approve: bool


def _read(
    tool: Tool,
    meeting: _Meeting | None,
    starts: Sequence[_Start],
    out: "queue.Queue[_Event]",
    stop: threading.Event,
) -> None:
    error: ConnectorError | None = None
    try:
        if meeting is not None:
            found = tenant.ask(tool.connector, meeting.before, approve=meeting.approve)
            out.put(_Met(tool, found))
            if meeting.before.tenant not in {None, found}:
                starts = [replace(start, cursor=None) for start in starts]
        for reading, start in zip(tool.readings, starts, strict=True):
            for event in _stream(tool, reading, start):
                out.put(event)
                if stop.is_set():
                    error = StopConnection("the run was interrupted")
                    return
    except ConnectorError as caught:
        error = caught
    except Exception as caught:  # noqa: BLE001  a defect of one connector must not end the others
        error = StopConnection(f"unexpected {type(caught).__name__}: {caught}")
    finally:
        out.put(_Ended(tool, error))


def _stream(tool: Tool, reading: Reading, start: _Start) -> Iterator[_Event]:
    seen: set[str] = set()
    for page in tool.connector.pull(reading.stream, start.cursor):
        seen.update(record.id for record in page.records)
        seen.update(row.id for row in page.rejects)
        whole = page.last and page.complete and page.replaces
        yield _Arrived(tool, reading, page, frozenset(seen) if whole else None)
    if start.known is None:
        return
    census = tool.connector.census(reading.stream)
    if census.ids is not None:
        absent = start.known - census.ids - seen
        yield _Counted(tool, reading, absent, _gone(tool, reading, absent & start.missed))


def _gone(tool: Tool, reading: Reading, ids: frozenset[str]) -> frozenset[str]:
    targets = [Target(reading.stream.kind, each) for each in sorted(ids)]
    there = {shown.target.id for shown in tool.connector.look(targets) if shown.exists} if targets else set()
    return ids - there


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
        events: queue.Queue[_Event] = queue.Queue(WAITING_PAGES)
        threads = []
        for tool in tools:
            starts = [self._start(tool, reading) for reading in tool.readings]
            thread = threading.Thread(
                target=_read,
                args=(tool, self._meeting(tool, starts), starts, events, self.stop),
                name=tool.name,
                daemon=True,
            )
            thread.start()
            threads.append(thread)
        running = len(threads)
        while running:
            event = events.get()
            result = results[event.tool.name]
            if isinstance(event, _Ended):
                running -= 1
                self._end(event, result)
            elif result.error is None:
                self._take_in(event, result)
        for thread in threads:
            thread.join()
        return results

    def _meeting(self, tool: Tool, starts: Sequence[_Start]) -> _Meeting | None:
        """The tool is asked who it is at its first read, at another address, and at a census."""
        with self.store.reading() as db:
            before = tenant.known(db, tool.name)
        counted = any(start.known is not None for start in starts)
        if before.tenant is not None and before.address == tool.address and not counted:
            return None
        return _Meeting(before, self.approve)

    def _start(self, tool: Tool, reading: Reading) -> _Start:
        read = _read_of(tool, reading)
        with self.store.transaction() as db:
            row = records.cursor(db, read)
            if row is not None and row.mapping != reading.translator.fingerprint:
                for some in records.stored_batches(db, read):
                    keep(db, read, reading.translator, some, at=self.now, run_id=self.run_id)
                records.keep_cursor(db, read, mapping=reading.translator.fingerprint)
            census_due = row is not None and (
                self.census or row.census_at is None or self.now - row.census_at >= CENSUS_EVERY
            )
            known = frozenset(records.stored_ids(db, read)) if census_due else None
            missed = frozenset(records.missed_ids(db, read))
        resume = row.cursor if row is not None and not self.full else None
        return _Start(resume, known, missed)

    def _take_in(self, event: _Met | _Arrived | _Counted, result: Result) -> None:
        try:
            if isinstance(event, _Met):
                self._meet(event, result)
            elif isinstance(event, _Arrived):
                self._store_page(event, result)
            else:
                self._count(event, result)
        except LeaseLost as lost:
            result.error, result.busy = str(lost), True

    def _meet(self, event: _Met, result: Result) -> None:
        tool = event.tool
        with self.store.transaction() as db:
            self.guard(db, tool.name)
            tenant.note(db, tool.name, tool.tool, Known(event.tenant, tool.address))
        result.tenant = event.tenant

    def _store_page(self, event: _Arrived, result: Result) -> None:
        tool, reading, page = event.tool, event.reading, event.page
        read = _read_of(tool, reading)
        with self.store.transaction() as db:
            self.guard(db, tool.name)
            changed = records.observe(db, read, page.records, self.now)
            result.records += len(page.records)
            result.changed += len(changed)
            result.rejected += keep(db, read, reading.translator, changed, at=self.now, run_id=self.run_id)
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
            result.rejected += len(bad)
            stamps: dict[str, object] = {"cursor": page.cursor, "mapping": reading.translator.fingerprint}
            if page.last:
                stamps |= {"read_at": self.now, "complete": page.complete}
                result.complete = result.complete and page.complete
                if not page.complete:
                    result.notes.append(f"{read.kind}: the tool announced more records than it gave")
            records.keep_cursor(db, read, **stamps)
            if event.held is not None:
                self._replace(db, tool, read, event.held, result)

    def _replace(self, db: Connection, tool: Tool, read: Read, held: frozenset[str], result: Result) -> None:
        gone = records.stored_ids(db, read) - held
        if gone and not self._braked(db, tool, read, len(gone), result):
            records.bury(db, read, gone, at=self.now, run_id=self.run_id)
            result.deleted += len(gone)

    def _braked(self, db: Connection, tool: Tool, read: Read, missing: int, result: Result) -> bool:
        stored = len(records.stored_ids(db, read))
        if self.approve or stored < BRAKE_FROM or Decimal(missing) / stored <= tool.max_missing:
            runs.clear_alarm(db, tool.name, "disappeared")
            return False
        text = (
            f"{missing} of {stored} {read.kind} records are no longer visible; nothing is deleted. "
            "Check what the account may see, then run `portico sync --approve`"
        )
        runs.raise_alarm(db, tool.name, "disappeared", text, self.now)
        result.held = text
        return True

    def _count(self, event: _Counted, result: Result) -> None:
        read = _read_of(event.tool, event.reading)
        with self.store.transaction() as db:
            self.guard(db, event.tool.name)
            if event.absent and self._braked(db, event.tool, read, len(event.absent), result):
                return
            records.note_census(db, read, event.absent)
            records.bury(db, read, event.gone, at=self.now, run_id=self.run_id)
            records.keep_cursor(db, read, census_at=self.now)
        result.deleted += len(event.gone)

    def _end(self, event: _Ended, result: Result) -> None:
        if event.error is not None and result.error is None:
            result.error, result.fix = event.error.text, event.error.fix
        if isinstance(event.error, OtherTenant):
            with self.store.transaction() as db:
                tenant.refuse(db, event.tool.name, event.error, self.now)


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
