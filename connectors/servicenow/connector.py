"""ServiceNow through the Table API: any table is a kind, an encoded query is a scope.

A record's body holds stored values, exactly as the interface gives them with display values off and
references bare: dates in UTC (`2026-07-01 12:00:00`), choices as codes (`"2"`), references as sys_ids,
everything a text. Words come by dot-walking: a mapping that reads `"assignment_group.name"` (in quotes, as
JMESPath wants a name with a dot) makes the connector ask for that column. One that reads `amount.display_value`
gets that cell as `{value, display_value}`; one that reads `task_sla` gets the task's clock beside its record.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain, islice

from connectors.base import (
    Census,
    Cursor,
    FieldInfo,
    Identity,
    Outcome,
    Page,
    Patch,
    Shown,
    SourceRecord,
    Stream,
    Target,
)
from connectors.errors import ContractBroken, ReadOnly
from connectors.http import Http
from connectors.limits import Budget
from connectors.servicenow.account import identity
from connectors.servicenow.clocks import BESIDE, Clocks
from connectors.servicenow.columns import Columns
from connectors.servicenow.deletions import Deletions
from connectors.servicenow.names import references, renamed
from connectors.servicenow.query import Scope, checked_scope, joined
from connectors.servicenow.records import Records, record_link
from connectors.servicenow.table import Place, Reader, Row, Step, instant_of, stamp_of, text_of

_ALWAYS = ("sys_id", "sys_created_on", "sys_updated_on", "sys_mod_count", "number")
_PATH = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")
_DISPLAYED = ".display_value"
_PARTS_OF_A_CELL = (".value", ".link", _DISPLAYED)
_AGAIN = 500
_LOG = logging.getLogger("portico.servicenow")


class ServiceNow:
    """One instance (`connectors.base.Connector`).

    A read goes by (sys_updated_on, sys_id). `overlap_seconds` is how far before the server's clock the next
    read begins at the latest: updates commit after the time that they carry, and times have whole seconds
    only. With `import_table` values go to that staging table and its transform map instead of the record; with
    `work_notes` each write leaves a note for the record's team.
    """

    def __init__(
        self,
        name: str,
        http: Http,
        *,
        read_only: bool,
        page_size: int = 500,
        overlap_seconds: float = 300.0,
        import_table: str | None = None,
        work_notes: bool = False,
    ) -> None:
        self.name = name
        self._http = http
        self._read_only = read_only
        self._overlap = timedelta(seconds=overlap_seconds)
        self._reader = Reader(http, page_size)
        self._columns = Columns(self._reader)
        self._clocks = Clocks(self._reader)
        self._deletions = Deletions(self._reader)
        self._records = Records(http, self._reader, self._columns, import_table, notes=work_notes)

    def check(self) -> Identity:
        """Account, instance and roles, each as far as the account may read them."""
        return identity(self._http, self._reader)

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The table's columns by its dictionary, options as stored values; a write rule shows only in use."""
        return self._columns.describe(kind)

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """What changed since `cursor`; not `complete` where rows are short and an id walk proves a gap.

        Recorded deletions, and records whose words or clocks changed behind them, come first, with the cursor as it was.
        """
        scope = checked_scope(stream.scope)
        start = Place(cursor["at"], cursor.get("id")) if cursor and not stream.full else Place()
        fields = _fields(stream, scope.names)
        if cursor and not stream.full:
            yield from self._deleted(stream, cursor)
            yield from self._renamed(stream, cursor, fields)
        given, hidden, begun = 0, False, ""
        for step in self._reader.by_change(stream.kind, stream.scope, fields, start, _shown_too(stream)):
            _check_shown(stream, step.rows, scope)
            given += len(step.rows)
            hidden = hidden or step.hidden
            begun = begun or self._settled(step)
            yield Page(
                records=self._all(stream, step.rows),
                cursor={**self._cursor(step), "begun": begun},
                last=step.last,
                complete=not (step.last and hidden) or self._count_since(stream, start) <= given,
                replaces=stream.full,
            )

    def _deleted(self, stream: Stream, cursor: Cursor) -> Iterator[Page]:
        recorded = self._deletions.since(stream.kind, cursor["begun"]) if cursor.get("begun") else frozenset()
        targets = [Target(stream.kind, id_) for id_ in sorted(recorded)]
        gone = frozenset(each.target.id or "" for each in self.look(targets) if not each.exists)
        if gone:
            yield Page(records=(), cursor=cursor, last=False, gone=gone)

    def _renamed(self, stream: Stream, cursor: Cursor, fields: Sequence[str]) -> Iterator[Page]:
        since = cursor.get("begun")
        if not since:
            return
        columns = references([path for path in stream.fields if path.partition(".")[0] != BESIDE])
        shown = _shown_too(stream)
        asked = (
            [renamed(self._reader, stream.kind, stream.scope, columns, since, fields, shown)]
            if columns
            else []
        )
        if _clocked(stream):
            asked.append(
                self._reader.of_ids(stream.kind, stream.scope, self._clocks.moved(since), fields, shown)
            )
        rows = chain.from_iterable(asked)
        while some := list(islice(rows, _AGAIN)):
            yield Page(records=self._all(stream, some), cursor=cursor, last=False)

    def _all(self, stream: Stream, rows: Sequence[Row]) -> list[SourceRecord]:
        if _clocked(stream):
            rows = self._clocks.beside(rows)
        return [self._record(stream, row) for row in rows]

    def census(self, stream: Stream) -> Census:
        """All visible ids, by a walk in another order than `pull` reads."""
        checked_scope(stream.scope)
        rows = self._reader.by_id(stream.kind, stream.scope, ())
        return Census(ids=frozenset(text_of(row["sys_id"]) for row in rows))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """Targets by sys_id, by number, or by a natural key. What two records answer to does not exist."""
        return self._records.look(targets)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """One PATCH (or import row) per record that does not show its values yet, guarded by `sys_mod_count`."""
        if self._read_only:
            raise ReadOnly(
                f"{self.name} is read-only.", fix="Set safety.write: true to let Portico write there."
            )
        return map(self._records.write, patches)

    @property
    def budget(self) -> Budget | None:
        """What the instance said last of the rate rule that applies; None where none does."""
        return self._http.budget

    def close(self) -> None:
        """Releases the sockets."""
        self._http.close()

    def _record(self, stream: Stream, row: Row) -> SourceRecord:
        id_ = text_of(row["sys_id"])
        shown = [name for name in stream.owned if name in row]
        return SourceRecord(
            id=id_,
            body=row,
            key=text_of(row.get("number")) or text_of(row.get("name")) or None,
            url=record_link(self._http.base_url, stream.kind, id_),
            version=text_of(row.get("sys_mod_count")) or None,
            created_at=instant_of(text_of(row.get("sys_created_on"))),
            updated_at=instant_of(text_of(row["sys_updated_on"])),
            owned={name: self._columns.column(stream.kind, name).decode(row[name]) for name in shown},
        )

    def _count_since(self, stream: Stream, start: Place) -> int:
        since = joined(stream.scope, f"sys_updated_on>{start.at}")
        return sum(1 for _ in self._reader.by_id(stream.kind, since, ()))

    def _cursor(self, step: Step) -> Cursor:
        """The place; one so new that updates may yet be committed behind it gives way to an older time."""
        settled = self._settled(step)
        return (
            {"at": step.place.at, "id": step.place.id}
            if step.place.at <= settled
            else {"at": settled, "id": None}
        )

    def _settled(self, step: Step) -> str:
        """The time before which nothing is still being committed."""
        now = step.server_time or instant_of(step.place.at)
        return stamp_of(now - self._overlap) if now else step.place.at


def _clocked(stream: Stream) -> bool:
    """Whether the mapping reads the task's clock, which stands beside its record."""
    return stream.kind != BESIDE and any(path.partition(".")[0] == BESIDE for path in stream.fields)


def _shown_too(stream: Stream) -> tuple[str, ...]:
    """The columns of which the mapping reads the display value too: amounts, whose currency only it tells."""
    ends = [path for path in stream.fields if path.endswith(_DISPLAYED)]
    return tuple(path.removesuffix(_DISPLAYED) for path in ends)


def _fields(stream: Stream, scoped: Sequence[str]) -> tuple[str, ...]:
    """The columns to ask for; none (all of them) where the stream names none."""
    if not stream.fields:
        return ()
    asked: list[str] = [*_ALWAYS, *stream.owned, *scoped]
    for path in stream.fields:
        if path.partition(".")[0] == BESIDE:
            continue
        column = next((path.removesuffix(end) for end in _PARTS_OF_A_CELL if path.endswith(end)), path)
        first = column.partition(".")[0]
        asked += [first, column] if _PATH.fullmatch(column) else [first]
    return tuple(dict.fromkeys(asked))


def _check_shown(stream: Stream, rows: Sequence[Row], scope: Scope) -> None:
    """Fails closed: a term that the instance dropped makes the read too wide."""
    for name in scope.names:
        asked = bool(stream.fields) or "." not in name
        if rows and asked and not any(name in row for row in rows):
            raise ContractBroken(
                f"{stream.kind} shows no field {name!r}, so its term in scope {scope.text!r} was dropped.",
                fix=f"Correct the name in scope, or give the account read rights to {stream.kind}.{name}.",
            )
    for row in rows:
        shown = {name: text_of(row[name]) for name in scope.names if name in row}
        if (denied := scope.denied_by(shown)) is not None:
            raise ContractBroken(
                f"{stream.kind} gave {text_of(row.get('sys_id'))} with {denied} {shown[denied]!r}, which scope"
                f" {scope.text!r} does not ask for: the instance dropped a term of it.",
                fix=f"Correct the term of {denied} in scope; a list's Copy query shows how the instance writes it.",
            )
    for name in stream.owned:
        if rows and not any(name in row for row in rows):
            _LOG.warning("%s shows no column %s: create it, or grant read rights to it.", stream.kind, name)
