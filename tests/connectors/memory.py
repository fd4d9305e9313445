"""A tool that lives in this process and its connector: the shortest one that keeps the contract."""

from collections.abc import Iterator, Mapping, Sequence
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
from connectors.errors import Conflict, ConnectorError, ContractBroken, NotFound, OutcomeUnknown, ReadOnly


@dataclass
class Row:
    """A record: its body, the number of its last change, and the field values that Portico may write."""

    body: dict[str, Any]
    change: int
    values: dict[str, Plain] = field(default_factory=dict)


@dataclass
class MemoryTool:
    """The tool. `failing` makes each request raise it; `lose_answers` applies writes and then raises."""

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

    def put(self, id_: str, body: Mapping[str, Any]) -> None:
        """Somebody creates or changes a record."""
        self.change += 1
        values = self.rows[id_].values if id_ in self.rows else {}
        self.rows[id_] = Row(dict(body), self.change, values)

    def set(self, id_: str, values: Mapping[str, Plain]) -> None:
        """Somebody changes fields by hand."""
        self.change += 1
        self.rows[id_].values.update(values)
        self.rows[id_].change = self.change

    def delete(self, id_: str) -> None:
        """Somebody deletes a record."""
        del self.rows[id_]

    def asked(self) -> None:
        """A request arrives."""
        self.requests += 1
        if self.failing is not None:
            raise self.failing


class Memory:
    """The connector to a `MemoryTool`. Kind `item`; `scope` is ignored; every field name may be written."""

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
        after = int(cursor["change"]) if cursor else 0
        given, tokens = 0, set[int]()
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
            complete = cursor is not None or given >= len(self._tool.rows)
            yield Page(records, {"change": after}, last=not left, complete=complete)
            if not left:
                return

    def census(self, stream: Stream) -> Census:  # noqa: ARG002
        self._tool.asked()
        return Census(ids=frozenset(self._tool.rows), count=len(self._tool.rows))

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
                yield Outcome(patch, shown=self._write(patch))
            except (NotFound, Conflict, OutcomeUnknown) as error:
                yield Outcome(patch, error=error)

    def close(self) -> None:
        """Nothing to release."""

    def _changed(self, stream: Stream, after: int) -> tuple[list[tuple[SourceRecord, int]], bool]:
        rows = sorted((row.change, id_) for id_, row in self._tool.rows.items() if row.change > after)
        rows = rows[: len(rows) - self._tool.withhold]
        page = rows[: self._page_size]
        return [(self._record(stream, id_), change) for change, id_ in page], len(rows) > len(page)

    def _record(self, stream: Stream, id_: str) -> SourceRecord:
        row = self._tool.rows[id_]
        return SourceRecord(
            id=id_,
            key=id_.upper(),
            body={"id": id_, **row.body},
            version=str(row.change),
            updated_at=self._tool.began + timedelta(seconds=row.change),
            owned={name: row.values.get(name) for name in stream.owned},
        )

    def _shown(self, target: Target) -> Shown:
        row = self._tool.rows.get(target.id or "")
        if row is None:
            return Shown(target, exists=False)
        values = {name: row.values.get(name) for name in target.fields}
        updated_at = self._tool.began + timedelta(seconds=row.change)
        return Shown(target, True, target.id, values, str(row.change), updated_at)

    def _write(self, patch: Patch) -> Shown:
        shown = self._shown(patch.target)
        if not shown.exists or shown.id is None:
            raise NotFound(f"{self.name} has no record {patch.target.id}.")
        changed = {name: value for name, value in patch.values.items() if shown.values.get(name) != value}
        if not changed:
            return shown
        if patch.version is not None and patch.version != shown.version:
            raise Conflict(f"{patch.target.id} changed since it was read.", fix="The next run plans again.")
        for name, value in changed.items():
            self._tool.write_log.append(
                {"id": shown.id, "field": name, "before": shown.values.get(name), "after": value}
            )
        self._tool.set(shown.id, changed)
        if self._tool.lose_answers:
            raise OutcomeUnknown(f"{self.name} did not answer.", fix="The next run reads and compares.")
        return self._shown(patch.target)
