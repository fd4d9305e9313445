"""A tool that lives in this process and its connector: the shortest one that keeps the contract."""

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import (
    Census,
    Cursor,
    FieldInfo,
    Identity,
    Outcome,
    Page,
    Patch,
    Plain,
    Shown,
    SourceRecord,
    Stream,
    Target,
)
from connectors.errors import (
    Conflict,
    ConnectorError,
    ContractBroken,
    Invalid,
    NotFound,
    OutcomeUnknown,
    ReadOnly,
)


@dataclass
class Row:
    """A record: its body, the number of its last change, and the field values that Portico may write.

    `kind` empty: it answers to every kind.
    """

    body: dict[str, Any]
    change: int
    values: dict[str, Plain] = field(default_factory=dict)
    kind: str = ""


@dataclass
class MemoryTool:
    """The tool. `failing` makes each request raise it; `lose_answers` applies writes and then raises.

    `faults` are met by the next requests, one each (None: that one passes). `hidden` are records that the account may not
    see, `unlisted` those that its list of ids lacks. `shuffle` gives the records of a page in another order, `twice` gives each
    page twice. `asking` is called by each request before it is answered. Fields that are `stubborn` stay as they were while
    the rest of a write is taken.
    """

    began: datetime = datetime(2026, 7, 1, tzinfo=UTC)
    rows: dict[str, Row] = field(default_factory=dict)
    change: int = 0
    requests: int = 0
    write_log: list[dict[str, Any]] = field(default_factory=list)
    failing: ConnectorError | None = None
    lose_answers: bool = False
    repeat_pages: bool = False
    withhold: int = 0
    """How many records each read hides although the count announces them."""
    versions: bool = True
    hidden: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    stubborn: set[str] = field(default_factory=set)
    faults: list[ConnectorError | None] = field(default_factory=list)
    shuffle: random.Random | None = None
    twice: bool = False
    asking: Callable[[], None] | None = None

    def put(self, id_: str, body: Mapping[str, Any], kind: str = "") -> None:
        """Somebody creates or changes a record."""
        self.change += 1
        values = self.rows[id_].values if id_ in self.rows else {}
        self.rows[id_] = Row(dict(body), self.change, values, kind)

    def visible(self, kind: str, scope: str = "") -> dict[str, Row]:
        """The records of a kind that the account may see. A scope is `field=value` or anything else for all."""
        name, _, value = scope.partition("=")
        return {
            id_: row
            for id_, row in self.rows.items()
            if id_ not in self.hidden
            and row.kind in {"", kind}
            and (not value or row.body.get(name) == value)
        }

    def backup(self) -> dict[str, Row]:
        """The records as they are now."""
        return copy.deepcopy(self.rows)

    def restore(self, backup: Mapping[str, Row]) -> None:
        """Somebody restores a backup; what is changed afterwards is newer than all that was lost."""
        self.rows = copy.deepcopy(dict(backup))

    def set(self, id_: str, values: Mapping[str, Plain]) -> None:
        """Somebody changes fields by hand."""
        self.change += 1
        self.rows[id_].values.update(values)
        self.rows[id_].change = self.change

    def delete(self, id_: str) -> None:
        """Somebody deletes a record."""
        self.change += 1
        del self.rows[id_]

    def asked(self) -> None:
        """A request arrives."""
        self.requests += 1
        if self.asking is not None:
            self.asking()
        fault = self.faults.pop(0) if self.faults else None
        if fault or self.failing:
            raise fault or self.failing or AssertionError


def reference(target: Target) -> str:
    """The id of a target's record: its own, or its kind and natural key."""
    key = ", ".join(f"{name}={value}" for name, value in target.key)
    return target.id if target.id is not None else f"{target.kind}({key})"


class Memory:
    """The connector to a `MemoryTool`. Kind `item`; every field name may be written."""

    def __init__(
        self,
        name: str,
        tool: MemoryTool,
        *,
        read_only: bool = False,
        page_size: int = 100,
        writable: Sequence[str] = ("rag", "gate"),
    ) -> None:
        self.name = name
        self._tool = tool
        self._read_only = read_only
        self._page_size = page_size
        self._writable = tuple(writable)

    def check(self) -> Identity:
        self._tool.asked()
        return Identity(account="portico", tenant="memory", product="memory")

    def describe(self, kind: str) -> Sequence[FieldInfo]:  # noqa: ARG002
        self._tool.asked()
        return [FieldInfo(id=name, name=name, type="text", writable=True) for name in self._writable]

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        before = int(cursor["change"]) if cursor else 0
        after, given, tokens = 0 if stream.full else before, 0, set[int]()
        now = self._tool.change
        if stream.full and cursor and before == now:
            self._tool.asked()
            yield Page((), cursor, last=True)
            return
        while True:
            self._tool.asked()
            page, left = self._changed(stream, after)
            given += len(page)
            token = page[-1][1] if page else after
            if self._tool.repeat_pages and left:
                token = min(row.change for row in self._tool.rows.values())
            if token in tokens:
                raise ContractBroken(f"{self.name} gave page token {token} again.")
            tokens.add(token)
            after = token
            records = [record for record, _ in page]
            if self._tool.shuffle is not None:
                self._tool.shuffle.shuffle(records)
            whole = given >= len(self._tool.visible(stream.kind, stream.scope))
            complete = whole or (cursor is not None and not stream.full)
            kept = {"change": max(before, after)}
            if stream.full:
                kept = {"change": before if left else now}
            if self._tool.twice:
                yield Page(records, {"change": before}, last=False, replaces=stream.full)
            yield Page(records, kept, last=not left, complete=complete, replaces=stream.full)
            if not left:
                return

    def census(self, stream: Stream) -> Census:
        self._tool.asked()
        rows = self._tool.visible(stream.kind, stream.scope)
        return Census(ids=frozenset(rows) - self._tool.unlisted, count=len(rows))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        for target in targets:
            self._tool.asked()
            yield self._shown(target)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        if self._read_only:
            raise ReadOnly(f"{self.name} is read-only.", fix="Set safety.write: true.")
        for patch in patches:
            self._tool.asked()
            try:
                shown = self._write(patch)
                yield Outcome(patch, shown=shown, error=self._passed_over(patch, shown))
            except (NotFound, Conflict, OutcomeUnknown) as error:
                yield Outcome(patch, error=error)

    def close(self) -> None:
        """Nothing to release."""

    def _changed(self, stream: Stream, after: int) -> tuple[list[tuple[SourceRecord, int]], bool]:
        there = self._tool.visible(stream.kind, stream.scope)
        rows = sorted((row.change, id_) for id_, row in there.items() if row.change > after)
        rows = rows[: len(rows) - self._tool.withhold]
        page = rows[: self._page_size]
        return [(self._record(stream, id_), change) for change, id_ in page], len(rows) > len(page)

    def _record(self, stream: Stream, id_: str) -> SourceRecord:
        row = self._tool.rows[id_]
        return SourceRecord(
            id=id_,
            key=id_.upper(),
            body={"id": id_, **row.body},
            version=self._version(row),
            updated_at=self._tool.began + timedelta(seconds=row.change),
            owned={name: row.values.get(name) for name in stream.owned},
        )

    def _version(self, row: Row) -> str | None:
        return str(row.change) if self._tool.versions else None

    def _shown(self, target: Target) -> Shown:
        id_ = reference(target)
        row = self._tool.visible(target.kind).get(id_)
        if row is None:
            return Shown(target, exists=False)
        values = {name: row.values.get(name) for name in target.fields}
        updated_at = self._tool.began + timedelta(seconds=row.change)
        return Shown(target, True, id_, values, self._version(row), updated_at)

    def _write(self, patch: Patch) -> Shown:
        shown = self._shown(patch.target)
        if not shown.exists and patch.target.key:
            self._tool.put(reference(patch.target), {}, patch.target.kind)
            shown = self._shown(patch.target)
        if not shown.exists or shown.id is None:
            raise NotFound(f"{self.name} has no record {patch.target.id}.")
        changed = {
            name: value
            for name, value in patch.values.items()
            if shown.values.get(name) != value and name not in self._tool.stubborn
        }
        if not changed:
            return shown
        if patch.version is not None and patch.version != shown.version:
            raise Conflict(f"{patch.target.id} changed since it was read.", fix="The next run plans again.")
        if any(shown.values.get(name) != patch.before[name] for name in changed if name in patch.before):
            raise Conflict(
                f"{patch.target.id} shows other values than the plan saw.", fix="The next run plans again."
            )
        for name, value in changed.items():
            self._tool.write_log.append(
                {"id": shown.id, "field": name, "before": shown.values.get(name), "after": value}
            )
        self._tool.set(shown.id, changed)
        if self._tool.lose_answers:
            raise OutcomeUnknown(f"{self.name} did not answer.", fix="The next run reads and compares.")
        return self._shown(patch.target)

    def _passed_over(self, patch: Patch, shown: Shown) -> Invalid | None:
        missed = {name for name, value in patch.values.items() if shown.values.get(name) != value}
        left = sorted(missed & self._tool.stubborn)
        if not left:
            return None
        return Invalid(f"{self.name} left {', '.join(left)} as it was.", fix="Let it be written.")
