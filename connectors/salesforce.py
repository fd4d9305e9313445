"""Salesforce: SOQL scopes read by SystemModstamp, records written in collections with a verdict each."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import (
    Census,
    Cursor,
    FieldInfo,
    Finding,
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
    ContractBroken,
    NotFound,
    ReadOnly,
    SkipRecord,
    StopConnection,
)
from connectors.http import Http
from connectors.instants import instant, instant_text
from connectors.salesforce_org import Org, Record
from connectors.salesforce_push import AT_ONCE, Push
from connectors.salesforce_records import Fields, Records, known, sound
from connectors.salesforce_soql import STAMP, changed_since, parse

API_VERSION = "62.0"
_BULK_FROM = 10_000
_USAGE_WARNING = 0.8


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Salesforce:
    """One organisation. A scope is SOQL without ORDER BY, or an object's name (all its fields).

    A record's id is its Salesforce id, its version its SystemModstamp. A query's pages are a snapshot that
    the organisation keeps; a read that holds fewer records than it announced is incomplete. Numbers are
    Decimal with the places that `describe` declares. From `bulk_from` records on, reads and writes go through the
    Bulk API, where the organisation has it. `http` carries the sign-in (`connectors.auth`).
    """

    def __init__(
        self,
        name: str,
        http: Http,
        *,
        read_only: bool,
        api_version: str = API_VERSION,
        page_size: int = 2000,
        bulk_from: int = _BULK_FROM,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._org = Org(http, api_version=api_version, batch_size=page_size, sleep=sleep)
        self._records = Records(self._org)
        self._push = Push(self._org, self._records, bulk_from)
        self._bulk_from = bulk_from
        self._read_only = read_only
        self._now = now
        self._streams: dict[tuple[str, str], Stream] = {}

    def check(self) -> Identity:
        """Reads the organisation and the account, and how much of the daily quota is used."""
        findings: list[Finding] = []
        org: Record = {}
        try:
            (org,) = self._org.records("SELECT Id, Name FROM Organization LIMIT 1") or [{}]
            account = self._account(findings)
        except ContractBroken as error:
            account = self._org.user()
            findings.append(Finding("warning", "Organization", error.text, "grant read on Organization"))
        if self._org.usage is not None:
            used, total = self._org.usage
            text = f"{used} of {total} API calls of the last 24 hours are used"
            scarce = used > _USAGE_WARNING * total
            fix = "sync less often, or ask for a higher quota" if scarce else ""
            findings.append(Finding("warning" if scarce else "info", "API calls", text, fix))
        return Identity(
            account=account,
            tenant=str(org.get("Id", "")),
            product=f"Salesforce {org.get('Name', '')}".strip(),
            server_time=self._org.date,
            findings=findings,
        )

    def _account(self, findings: list[Finding]) -> str:
        try:
            return self._org.user()
        except ContractBroken as error:
            findings.append(Finding("warning", "account", error.text, "let the token's scope hold openid"))
            return "unknown"

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The fields of an object, or of the objects read as `kind`."""
        found: dict[str, FieldInfo] = {}
        for name in self._objects_of(kind):
            for each in self._records.fields(name).values():
                found.setdefault(each.name, each.info())
        return list(found.values())

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """The records changed since `cursor`, oldest first."""
        self._streams[stream.kind, stream.scope] = stream
        query = parse(stream.scope)
        fields = self._records.fields(query.sobject)
        changed = stream.cursor_field or STAMP
        since = None if stream.full or not cursor else changed_since(changed, instant(cursor["since"]))
        ours = known((changed, STAMP, "CreatedDate", *stream.owned), fields)
        names = ["Id", *(query.fields or fields), *ours]
        ordered = query.soql(names, since, order=f"{changed} NULLS FIRST, Id")
        kept, received, announced = dict(cursor or {}), 0, 0
        unordered = None if any("." in each for each in names) else query.soql(names, since)
        for rows, announced, in_order in self._source(ordered, unordered, fields):  # noqa: B007 - the last one counts
            received += len(rows)
            kept = _advanced(kept, changed, rows, self._now())
            yield Page(
                [self._record(fields, stream, row) for row in rows],
                dict(kept if in_order else cursor or {}),
                last=False,
                replaces=stream.full,
            )
        complete = received >= announced or received >= self._org.count(query.soql(["COUNT()"], since))
        yield Page(
            (),
            kept if complete else dict(cursor or {}),
            last=True,
            complete=complete,
            replaces=stream.full and complete,
        )

    def _source(
        self, ordered: str, unordered: str | None, fields: Fields
    ) -> Iterator[tuple[Sequence[Record], int, bool]]:
        """Pages with the announced size, and whether they come in order: a large result is a job, in no order.

        A scope with fields of a parent record has no `unordered` query: a job would give them as flat text.
        """
        pages = self._org.pages(ordered)
        first = next(pages)
        job = self._job(unordered) if unordered and first[1] > self._bulk_from else None
        if job is None:
            yield (*first, True)
            yield from ((*page, True) for page in pages)
            return
        for rows, size in self._org.bulk.results(job):
            typed = [{name: fields[name].from_csv(cell) for name, cell in row.items()} for row in rows]
            yield typed, size, False

    def _job(self, soql: str) -> str | None:
        """A query job, None where the organisation or the account has no Bulk API."""
        try:
            return self._org.bulk.start(soql)
        except (SkipRecord, StopConnection):
            return None

    def census(self, stream: Stream) -> Census:
        """The ids of all records of the scope, and the organisation's own count."""
        self._streams[stream.kind, stream.scope] = stream
        query = parse(stream.scope)
        ids = frozenset(str(row["Id"]) for row in self._org.records(query.soql(["Id"], order="Id")))
        return Census(ids=ids, count=self._org.count(query.soql(["COUNT()"])))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """Targets of one object are read together; the id of a read kind is looked for in its objects."""
        for kind in dict.fromkeys(target.kind for target in targets):
            mine = [target for target in targets if target.kind == kind]
            for at in range(0, len(mine), AT_ONCE):
                some = mine[at : at + AT_ONCE]
                views = [self._records.views(name, some) for name in self._objects_of(kind)]
                for target, seen in zip(some, zip(*views, strict=True), strict=True):
                    yield _first(target, seen)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes in collections: by id where the record is there, by external id or key where it is not."""
        if self._read_only:
            raise ReadOnly(f"{self.name}: writing is switched off", fix="set safety.write: true for it")
        return self._push.all(patches)

    def close(self) -> None:
        """Releases the sockets."""
        self._org.close()

    def _objects_of(self, kind: str) -> list[str]:
        """The objects that were read as this kind, else the object of that name."""
        scopes = [stream.scope for stream in self._streams.values() if stream.kind == kind]
        return list(dict.fromkeys(parse(scope).sobject for scope in scopes)) or [kind]

    def _record(self, fields: Fields, stream: Stream, row: Record) -> SourceRecord:
        body = {
            name: fields[name].exact(value) if name in fields else value
            for name, value in row.items()
            if name != "attributes"
        }
        owned: dict[str, Plain] = {
            name: fields[name].plain(row.get(name)) for name in stream.owned if name in fields
        }
        return SourceRecord(
            str(row["Id"]),
            body,
            key=str(row.get("Name") or row["Id"]),
            url=f"{self._org.base_url}/{row['Id']}",
            version=str(row.get(STAMP)),
            created_at=instant(row["CreatedDate"]) if row.get("CreatedDate") else None,
            updated_at=instant(row[STAMP]) if row.get(STAMP) else None,
            owned=owned,
        )


def _advanced(cursor: dict[str, Any], changed: str, rows: Sequence[Record], now: datetime) -> dict[str, Any]:
    """The cursor at the last change of these records that is not in the future."""
    moments = [instant(row[changed]) for row in rows if row.get(changed) is not None]
    past = [moment for moment in moments if moment <= now]
    before = [instant(cursor["since"])] if "since" in cursor else []
    return {"since": instant_text(max(past + before))} if past else cursor


def _first(target: Target, seen: Sequence[Shown | SkipRecord]) -> Shown:
    """The view in which the target exists, else one that knows when it was deleted.

    Raises ContractBroken where it could not be looked for.
    """
    views = [sound(each) for each in seen if not isinstance(each, NotFound)]
    views.sort(key=lambda view: (view.exists, view.updated_at is not None), reverse=True)
    return next(iter(views), Shown(target, exists=False))
