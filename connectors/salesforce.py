"""Salesforce: SOQL scopes read by SystemModstamp, records written in collections with a verdict each."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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
    Conflict,
    ConnectorError,
    ContractBroken,
    Invalid,
    NotFound,
    OutcomeUnknown,
    ReadOnly,
    Retry,
    SkipRecord,
)
from connectors.http import Http
from connectors.keys import natural_id
from connectors.salesforce_fields import SalesforceField, fields_of, instant, shown
from connectors.salesforce_org import Org, Record, refusal
from connectors.salesforce_soql import STAMP, Query, changed_since, parse

API_VERSION = "62.0"
_AT_ONCE = 100
_USAGE_WARNING = 0.8

Fields = Mapping[str, SalesforceField]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Salesforce:
    """One organisation. A scope is SOQL without ORDER BY, or an object's name (all its fields).

    A record's id is its Salesforce id, its version its SystemModstamp. A query's pages are a snapshot that
    the organisation keeps; a read that holds fewer records than it announced is incomplete. Numbers are
    Decimal with the places that `describe` declares. `http` carries the sign-in (`connectors.auth`).
    """

    def __init__(
        self,
        name: str,
        http: Http,
        *,
        read_only: bool,
        api_version: str = API_VERSION,
        page_size: int = 2000,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._org = Org(http, api_version=api_version, batch_size=page_size)
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
        used, total = self._org.usage or (0, 1)
        if used > _USAGE_WARNING * total:
            text = f"{used} of {total} API calls of the last 24 hours are used"
            findings.append(
                Finding("warning", "API calls", text, "sync less often, or ask for a higher quota")
            )
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
            for each in self._fields(name).values():
                found.setdefault(each.name, each.info())
        return list(found.values())

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """The records changed since `cursor`, oldest first."""
        self._streams[stream.kind, stream.scope] = stream
        query = parse(stream.scope)
        fields = self._fields(query.sobject)
        changed = stream.cursor_field or STAMP
        since = None if stream.full or not cursor else changed_since(changed, instant(cursor["since"]))
        ours = _known((changed, STAMP, "CreatedDate", *stream.owned), fields)
        soql = query.soql(["Id", *(query.fields or fields), *ours], since, order=f"{changed} NULLS FIRST, Id")
        kept, received, announced = dict(cursor or {}), 0, 0
        for rows, announced in self._org.pages(soql):  # noqa: B007 - the last one counts
            received += len(rows)
            kept = _advanced(kept, changed, rows, self._now())
            yield Page(
                [self._record(fields, stream, row) for row in rows],
                dict(kept),
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
            for at in range(0, len(mine), _AT_ONCE):
                some = mine[at : at + _AT_ONCE]
                views = [self._views(name, some) for name in self._objects_of(kind)]
                for target, seen in zip(some, zip(*views, strict=True), strict=True):
                    yield _first(target, seen)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes in collections: by id where the record is there, by external id or key where it is not."""
        if self._read_only:
            raise ReadOnly(f"{self.name}: writing is switched off", fix="set safety.write: true for it")
        return self._push_all(patches)

    def close(self) -> None:
        """Releases the sockets."""
        self._org.close()

    def _fields(self, name: str) -> Fields:
        return fields_of(self._org.describe(name))

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

    def _views(self, name: str, targets: Sequence[Target]) -> list[Shown | SkipRecord]:
        """What these targets of one object show, in order, or why one cannot be looked for."""
        fields = self._fields(name)
        wanted = ["Id", STAMP, *(each for target in targets for each in (*target.fields, *dict(target.key)))]
        conditions, views = {}, {}
        for number, target in enumerate(targets):
            try:
                conditions[number] = _condition(fields, target)
            except SkipRecord as error:
                views[number] = error
        rows: Sequence[Record] = []
        if conditions:
            query = Query(name, (), " OR ".join(dict.fromkeys(conditions.values())))
            rows = self._org.records(query.soql(_known(wanted, fields)))
        return [
            views.get(number) or _view(fields, target, [row for row in rows if _is(fields, target, row)])
            for number, target in enumerate(targets)
        ]

    def _push_all(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        for kind in dict.fromkeys(patch.target.kind for patch in patches):
            mine = [patch for patch in patches if patch.target.kind == kind]
            for at in range(0, len(mine), _AT_ONCE):
                yield from self._push(kind, mine[at : at + _AT_ONCE])

    def _push(self, name: str, patches: Sequence[Patch]) -> Iterator[Outcome]:
        fields = self._fields(name)
        views = self._views(name, [replace(patch.target, fields=tuple(patch.values)) for patch in patches])
        groups: dict[tuple[str, str], list[tuple[Patch, Record]]] = {}
        for patch, view in zip(patches, views, strict=True):
            try:
                record = _record_to_write(name, fields, patch, view)
            except SkipRecord as error:
                yield Outcome(patch, error=error)
                continue
            if record is None:
                yield Outcome(patch, replace(_sound(view), target=patch.target))
            else:
                groups.setdefault(_address(name, fields, patch, _sound(view)), []).append((patch, record))
        for (method, path), group in groups.items():
            yield from self._write(name, method, path, group)

    def _write(
        self, name: str, method: str, path: str, group: Sequence[tuple[Patch, Record]]
    ) -> Iterator[Outcome]:
        try:
            results = self._org.collection(path, [record for _, record in group], method)
        except OutcomeUnknown as error:
            yield from (Outcome(patch, error=error) for patch, _ in group)
            return
        written: list[tuple[Patch, Target]] = []
        for number, (patch, _) in enumerate(group):
            result = results[number] if number < len(results) else None
            refused = _verdict(result)
            if refused is not None or result is None:
                yield Outcome(patch, error=refused)
            else:
                written.append((patch, Target(name, id=str(result["id"]), fields=tuple(patch.values))))
        yield from self._read_back(name, written)

    def _read_back(self, name: str, written: Sequence[tuple[Patch, Target]]) -> Iterator[Outcome]:
        try:
            views = self._views(name, [target for _, target in written])
        except Retry as error:
            unknown = OutcomeUnknown(f"written, but not read back: {error.text}", fix=error.fix)
            yield from (Outcome(patch, error=unknown) for patch, _ in written)
            return
        for (patch, _), view in zip(written, views, strict=True):
            if isinstance(view, Shown):
                yield Outcome(patch, replace(view, target=patch.target))
            else:
                yield Outcome(patch, error=view)


def _advanced(cursor: dict[str, Any], changed: str, rows: Sequence[Record], now: datetime) -> dict[str, Any]:
    """The cursor at the last change of these records that is not in the future."""
    moments = [instant(row[changed]) for row in rows if row.get(changed) is not None]
    past = [moment for moment in moments if moment <= now]
    return {"since": shown(past[-1])} if past else cursor


def _known(names: Iterable[str], fields: Fields) -> list[str]:
    """The names that the object has, without repeats."""
    return [name for name in dict.fromkeys(names) if name in fields]


def _condition(fields: Fields, target: Target) -> str:
    if target.id is not None:
        if not re.fullmatch(r"[A-Za-z0-9]{15}|[A-Za-z0-9]{18}", target.id):
            raise NotFound(f"{target.kind}: {target.id!r} is no Salesforce id")
        return f"Id = '{target.id}'"
    unknown = [name for name, _ in target.key if name not in fields]
    if unknown or not target.key:
        raise Invalid(
            f"{target.kind} has no key field {', '.join(unknown) or '(none named)'}", fix="correct `key`"
        )
    equal = [f"{name} = {fields[name].literal(value) if value else 'null'}" for name, value in target.key]
    return "(" + " AND ".join(equal) + ")"


def _is(fields: Fields, target: Target, row: Record) -> bool:
    if target.id is not None:
        return str(row["Id"])[:15] == target.id[:15]
    return all(fields[name].same(row.get(name), value) for name, value in target.key)


def _view(fields: Fields, target: Target, rows: Sequence[Record]) -> Shown | SkipRecord:
    if not rows:
        return Shown(target, exists=False)
    if len(rows) > 1:
        return Invalid(
            f"{target.kind}: {len(rows)} records have the key {natural_id(dict(target.key).values())}"
        )
    (row,) = rows
    values = {name: fields[name].plain(row.get(name)) if name in fields else None for name in target.fields}
    return Shown(target, exists=True, id=str(row["Id"]), values=values, version=str(row[STAMP]))


def _first(target: Target, seen: Sequence[Shown | SkipRecord]) -> Shown:
    """The view in which the target exists. Raises ContractBroken where it could not be looked for."""
    for each in seen:
        if isinstance(each, NotFound):
            continue
        if _sound(each).exists:
            return _sound(each)
    return Shown(target, exists=False)


def _sound(view: Shown | SkipRecord) -> Shown:
    if isinstance(view, SkipRecord):
        raise ContractBroken(view.text, fix=view.fix or "check the fields and the key of `write`")
    return view


def _record_to_write(name: str, fields: Fields, patch: Patch, view: Shown | SkipRecord) -> Record | None:
    """The record to send, None where everything is there already.

    Raises SkipRecord where it cannot be sent.
    """
    if isinstance(view, SkipRecord):
        raise view
    target = patch.target
    for field in patch.values:
        if field not in fields:
            raise Invalid(
                f"{name} has no field {field!r}", fix="create it, or grant read on it (field-level security)"
            )
        if not fields[field].updateable:
            raise Invalid(
                f"{name}.{field} is read-only", fix="grant the integration user edit (field-level security)"
            )
    values = {field: fields[field].fitted(value) for field, value in patch.values.items()}
    if view.exists and dict(view.values) == values:
        return None
    if not view.exists and not target.key:
        raise NotFound(f"{name} {target.id}: not there, or not visible to this account")
    moved = [each for each in values if each in patch.before and patch.before[each] != view.values.get(each)]
    if moved or (patch.version is not None and patch.version != view.version):
        raise Conflict(f"{name} {view.id}: changed since it was looked at")
    key = {each: fields[each].fitted(fields[each].parsed(value)) for each, value in target.key}
    return {"attributes": {"type": name}, **({"id": view.id} if view.exists else key), **values}


def _address(name: str, fields: Fields, patch: Patch, view: Shown) -> tuple[str, str]:
    """Method and path of the collection: by id, by external id (safe against a twin), or a new record."""
    if view.exists:
        return "PATCH", "composite/sobjects"
    if len(patch.target.key) == 1 and fields[patch.target.key[0][0]].external_id:
        return "PATCH", f"composite/sobjects/{name}/{patch.target.key[0][0]}"
    return "POST", "composite/sobjects"


def _verdict(result: Record | None) -> ConnectorError | None:
    if result is None:
        return OutcomeUnknown("the answer holds no verdict on this record")
    if result.get("success") is True:
        return None
    errors = result.get("errors") or [{}]
    return refusal(str(errors[0].get("statusCode", "")), str(errors[0].get("message", ""))[:300])
