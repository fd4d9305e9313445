"""The connector seam: the protocol that every tool implements, and the frozen records that cross it.

A connector speaks its tool's own fields. Mapping meets a record's `body` as a plain mapping; the plan meets
`Shown` and `Patch`, whose values are plain.

A *plain value* is `str`, `Decimal`, `bool` or `None`: a day as `YYYY-MM-DD`, an instant as UTC ISO 8601 with `Z`, an option as
its text, an empty field as `None`. Turning a plain value into the tool's wire shape and back (a Jira select's
`{"value": "Green"}`, a Salesforce double) is the connector's work.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from connectors.errors import ConnectorError

Plain = str | Decimal | bool | None
Cursor = Mapping[str, Any]
Severity = Literal["error", "warning", "info"]
Holds = Literal["text", "number", "day", "instant", "person"]
UNDESCRIBED = "unknown"
"""The type of a field of which the tool shows no description."""
ANY_FIELD = "*"
"""The id that stands for every field that is not there yet, where a field is made by writing it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One declared read: a kind of record within a scope.

    `kind` is the tool's own kind; for files, SQL, OData and Salesforce it is the normalized entity to fill. `scope` is in the
    tool's own query language. `key` names the natural key fields, `cursor_field` the change field, where the tool
    does not fix them. `full` says that each read is the whole truth. `fields` are the source paths that the mapping
    reads (empty: ask for all). `owned` are fields that Portico writes on these very records: their plain values
    come back in `SourceRecord.owned`. `options` are the ledger options (`amounts`, `basis`).
    """

    kind: str
    scope: str = ""
    key: tuple[str, ...] = ()
    cursor_field: str | None = None
    full: bool = False
    fields: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One record exactly as the tool returned it, with its identity.

    `id` never changes for a record's life; `key` is the name people use (it may change). `body` is JSON-like (amounts
    as str or Decimal, never float where the tool sends decimals). `version` is the tool's concurrency mark, if any.
    `owned` holds the plain values of the stream's owned fields.
    """

    id: str
    body: Mapping[str, Any]
    key: str | None = None
    url: str | None = None
    version: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    owned: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not even become a record: where it stood, what stood there, and why it was refused."""

    id: str
    field: str | None
    value: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some records and the cursor to keep once they are stored.

    A read that stops after any page and resumes from that page's cursor misses nothing (duplicates allowed, gaps not).
    `last` is true on the page that ends the read. `complete` is only meaningful there: false when the tool announced
    more records than it gave, and then the read drives no deletion and no write. `replaces` is true on the pages of a read
    that is the whole truth of its scope (`full` streams): rows of the scope that it did not hold are gone. `mended` are
    ids under which an earlier read refused something that is now read: a file, a plan; `NAME#` stands for all rows of a file
    that is read anew. What this read refused itself stays refused.
    """

    records: Sequence[SourceRecord]
    cursor: Cursor
    last: bool
    complete: bool = True
    replaces: bool = False
    rejects: Sequence[BadRow] = ()
    gone: frozenset[str] = frozenset()
    mended: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Census:
    """An independent account of a scope: all ids where the tool can list them, else a count, else neither."""

    ids: frozenset[str] | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field of the tool. `options` are the accepted texts of a choice; `hint` is the admin's next step if unwritable.

    `type` is the tool's own word. `holds` says what a value must be, None where the connector cannot tell. `several`: a
    value may be a list of texts with commas.
    """

    id: str
    name: str
    type: str
    options: tuple[str, ...] = ()
    writable: bool = False
    required: bool = False
    hint: str = ""
    holds: Holds | None = None
    several: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something `check` found: what, how bad, and the exact fix."""

    severity: Severity
    subject: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the tool thinks we are. `tenant` identifies the instance, to notice a configuration pointed elsewhere."""

    account: str
    tenant: str
    product: str
    server_time: datetime | None = None
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A record that Portico writes fields to.

    `kind` is the tool's kind, object, entity set or table. Either `id` names an existing record (immutable id, or the key
    people use), or `key` holds the natural key under which the record is found or created.
    """

    kind: str
    id: str | None = None
    key: tuple[tuple[str, str], ...] = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the tool shows now for a target: an observation. `exists` false: no such record (yet)."""

    target: Target
    exists: bool
    id: str | None = None
    values: Mapping[str, Plain] = field(default_factory=dict)
    version: str | None = None
    updated_at: datetime | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """All changed fields of one target. `before` is what the plan saw, `version` guards against a change since."""

    target: Target
    values: Mapping[str, Plain]
    before: Mapping[str, Plain] = field(default_factory=dict)
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one patch: the record as the tool now shows it, or the error that names why not."""

    patch: Patch
    shown: Shown | None = None
    error: ConnectorError | None = None


class Connector(Protocol):
    """One connection to one tool. Every method may raise `Retry` or `StopConnection`; none raises anything else."""

    name: str
    """The connection's name in the configuration."""

    def check(self) -> Identity:
        """Proves that the tool is reachable and the account is who it should be."""
        ...

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The fields of `kind` (a read kind, or a write target's kind), with options and whether this account may write."""
        ...

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """Yields what changed since `cursor` (None: everything), oldest first. The last page has `last=True`."""
        ...

    def census(self, stream: Stream) -> Census:
        """Counts or lists the scope by another way than `pull`."""
        ...

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """What each target shows now, one `Shown` per target in any order; an absent record is `exists=False`.

        With no `fields` it is a read by id that tells only whether the record is still there.
        """
        ...

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes each patch, at most one effect each, and yields one `Outcome` per patch as it is known.

        A patch whose values the tool shows already is answered without a write. A stale `version` is a `Conflict`
        in its outcome. An unclear answer is `OutcomeUnknown`. Refused on a read-only connection before any request.
        """
        ...

    def close(self) -> None:
        """Releases sockets and files. The connector is not used afterwards."""
        ...
