"""The tool's side of a pull: one thread per connection asks, and puts what it was told into a queue."""

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeGuard

from connectors.base import Connector, Page, Stream, Target
from connectors.errors import ConnectorError, StopConnection
from sync import tenant
from sync.tenant import Known
from sync.translation import Translator

LARGE = range(50, 500)
"""Pages of so many records are worth joining to the next."""


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


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds of a scope, to be compared with a census."""

    known: frozenset[str]
    """The scope's ids."""
    missed: frozenset[str]
    """Ids that an earlier census missed."""
    others: frozenset[str]
    """Ids of the kind in other scopes, and those in quarantine."""
    newest: Mapping[str, datetime]
    """The newest records of the scope, and when each was last changed."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a read goes on, and what to compare a census with (None: none is due). `first`: no read came to its end yet."""

    cursor: Mapping[str, object] | None
    stored: Stored | None
    first: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What to read of one tool. `meet`: ask who it is, and expect this one; `approve`: take what is found."""

    tool: Tool
    starts: Sequence[Start]
    meet: Known | None
    approve: bool


@dataclass(frozen=True, slots=True)
class Met:
    """The tool said who it is."""

    tool: Tool
    tenant: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A page of a stream."""

    tool: Tool
    reading: Reading
    page: Page
    held: frozenset[str] | None = None
    """On the last page of a read that is the whole truth: every id that the read held."""
    full: bool = False
    """Whether the read that this page ends gave every record of the scope."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A census."""

    tool: Tool
    reading: Reading
    left: frozenset[str]
    """Stored ids that the census did not hold and that a read by id finds: they left the scope."""
    absent: frozenset[str]
    """Stored ids that neither finds."""
    gone: frozenset[str]
    """Those of the absent that an earlier census missed too."""
    went_back: bool
    """Whether the newest records that the store knows are older in the tool now: it was restored from a backup."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The tool was read to the end, or until this error."""

    tool: Tool
    error: ConnectorError | None


Event = Met | Arrived | Counted | Ended


def read(order: Order, out: "queue.Queue[Event]", stopped: Callable[[], bool]) -> None:
    """Reads a tool's streams one after the other. Never raises; the last event is `Ended`."""
    error: ConnectorError | None = None
    try:
        for event in _events(order):
            out.put(event)
            if stopped():
                error = StopConnection("the run was interrupted")
                return
    except ConnectorError as caught:
        error = caught
    except Exception as caught:  # noqa: BLE001  a defect of one connector must not end the others
        error = StopConnection(f"unexpected {type(caught).__name__}: {caught}")
    finally:
        out.put(Ended(order.tool, error))


def arriving(events: "queue.Queue[Event]") -> Iterator[Event]:
    """The events in their order, for ever; large pages of one reading that wait already come as one page.

    So a store that is slower than its tools commits less often. Small pages stay as they are.
    """
    following: Event | None = None
    while True:
        event, following = following or events.get(), None
        while following is None and _is_large(event) and not event.page.last and not events.empty():
            following = events.get()
            joined = _joined(event, following)
            if joined is not None:
                event, following = joined, None
        yield event


def _is_large(event: Event) -> TypeGuard[Arrived]:
    return (
        isinstance(event, Arrived)
        and not event.page.mended
        and not event.page.rejects
        and len(event.page.records) in LARGE
    )


def _joined(event: Arrived, following: Event) -> Arrived | None:
    """Both pages as one; None where the second is no further large page of the same reading."""
    if not _is_large(following) or following.reading is not event.reading:
        return None
    records = [*event.page.records, *following.page.records]
    return replace(following, page=replace(following.page, records=records))


def _events(order: Order) -> Iterator[Event]:
    tool, starts = order.tool, order.starts
    if order.meet is not None:
        found = tenant.ask(tool.connector, order.meet, approve=order.approve)
        yield Met(tool, found)
        if order.meet.tenant not in {None, found}:
            starts = [replace(start, cursor=None) for start in starts]
    for reading, start in zip(tool.readings, starts, strict=True):
        yield from _stream(tool, reading, start, approve=order.approve)


def _stream(tool: Tool, reading: Reading, start: Start, *, approve: bool) -> Iterator[Event]:
    seen: set[str] = set()
    yield from _pages(tool, reading, start, start.cursor, seen)
    stored = start.stored
    if stored is None:
        return
    census = tool.connector.census(reading.stream)
    if census.ids is None:
        return
    absent = stored.known - census.ids - seen
    went_back = _went_back(tool, reading, stored.newest)
    unread = census.ids - (stored.known - stored.missed) - stored.others - seen
    if start.cursor is not None and (unread or (went_back and approve)):
        yield from _pages(tool, reading, start, None, seen)
    left = _there(tool, reading, absent)
    yield Counted(tool, reading, left, absent - left, (absent - left) & stored.missed, went_back)


def _pages(
    tool: Tool, reading: Reading, start: Start, cursor: Mapping[str, object] | None, seen: set[str]
) -> Iterator[Event]:
    """The pages read from `cursor`; their ids go to `seen` where a census or the read itself is to tell what is missing."""
    for page in tool.connector.pull(reading.stream, cursor):
        if start.stored is not None or page.replaces:
            seen.update(record.id for record in page.records)
            seen.update(row.id for row in page.rejects)
        whole = page.last and page.complete and page.replaces
        full = page.last and page.complete and (cursor is None or start.first)
        yield Arrived(tool, reading, page, frozenset(seen) if whole else None, full)


def _there(tool: Tool, reading: Reading, ids: frozenset[str]) -> frozenset[str]:
    """Those of the ids that a read by id finds."""
    targets = [Target(reading.stream.kind, each) for each in sorted(ids)]
    shown = tool.connector.look(targets) if targets else ()
    return frozenset(each.target.id for each in shown if each.exists and each.target.id)


def _went_back(tool: Tool, reading: Reading, newest: Mapping[str, datetime]) -> bool:
    targets = [Target(reading.stream.kind, each) for each in newest]
    return any(
        shown.exists and shown.updated_at is not None and shown.updated_at < newest[shown.target.id or ""]
        for shown in (tool.connector.look(targets) if targets else ())
    )
