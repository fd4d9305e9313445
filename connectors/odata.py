"""An OData V4 service: entity sets walked by key, exact decimals, writes guarded by ETag."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.answers import http_date
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
from connectors.errors import (
    Conflict,
    ContractBroken,
    Invalid,
    NotFound,
    OutcomeUnknown,
    ReadOnly,
    Retry,
    SkipRecord,
)
from connectors.http import Http
from connectors.keys import natural_id, natural_parts
from connectors.odata_metadata import EntitySet, Property, instant
from connectors.odata_scope import Scope, all_of, changed_since, order_of, parse, query_string
from connectors.odata_service import Entity, Service, control, page_of

_FORBIDDEN, _NOT_FOUND, _PRECONDITION_REQUIRED = 403, 404, 428


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OData:
    """One OData V4 service. A scope is an entity set, with `$filter` and the service's own options.

    A record's id is the entity's key. Pages are asked for by keyset (change field, then key), so that rows
    which move while being read hide no other; where a key has no order (a GUID) next links are followed. A
    read that holds fewer rows than the service counts is incomplete, and its cursor stays. Decimals are exact
    in both JSON forms.
    """

    def __init__(
        self,
        name: str,
        http: Http,
        *,
        read_only: bool,
        account: str = "service account",
        page_size: int = 500,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._service = Service(http, page_size=page_size)
        self._read_only = read_only
        self._account = account
        self._now = now
        self._streams: dict[tuple[str, str], Stream] = {}

    def check(self) -> Identity:
        """Reads the service's description."""
        answer = self._service.describe()
        return Identity(
            account=self._account,
            tenant=self._service.http.base_url,
            product=f"OData {answer.headers.get('OData-Version', '4.0')}",
            server_time=http_date(answer.headers.get("Date", "")),
        )

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The properties of an entity set, or of the sets read as `kind`."""
        fields: dict[str, FieldInfo] = {}
        for entity_set in self._sets_of(kind):
            for each in entity_set.properties.values():
                writable = each.name not in entity_set.key
                fields.setdefault(each.name, each.info(writable=writable))
        return list(fields.values())

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """The entities changed since `cursor`, in the order of the change field; without one, all of them."""
        self._streams[stream.kind, stream.scope] = stream
        scope = parse(stream.scope)
        entity_set = self._service.set(scope.entity_set)
        kept, complete = dict(cursor or {}), True
        for condition, order in _walks(entity_set, scope, stream, kept):
            walk = self._service.walk(scope, condition, order)
            for rows in walk:
                kept = _advanced(kept, stream, order[0], rows, self._now())
                records = [self._record(entity_set, stream, row) for row in rows]
                yield Page(records, dict(kept), last=False, replaces=stream.full)
            complete = complete and walk.complete
        yield Page(
            (),
            kept if complete else dict(cursor or {}),
            last=True,
            complete=complete,
            replaces=stream.full and complete,
        )

    def census(self, stream: Stream) -> Census:
        """The keys of all entities of the scope, and the service's own count."""
        self._streams[stream.kind, stream.scope] = stream
        scope = parse(stream.scope)
        entity_set = self._service.set(scope.entity_set)
        keys = [entity_set.properties[name] for name in entity_set.key]
        bare = replace(scope, options={**scope.options, "$select": ",".join(entity_set.key)})
        walk = self._service.walk(bare, scope.condition, keys)
        ids = frozenset(entity_set.identity(row) for rows in walk for row in rows)
        return Census(ids=ids, count=self._service.count(scope, scope.condition))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """Each target read by its key; the id of a read kind is looked for where that kind was read."""
        for target in targets:
            try:
                shown = [self._look(entity_set, target) for entity_set in self._sets_of(target.kind)]
            except SkipRecord as error:
                raise ContractBroken(error.text, fix="check the fields and the key of `write`") from None
            yield next((each for each in shown if each.exists), Shown(target, exists=False))

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Patches each entity under its ETag, or creates it under a key that is not there."""
        if self._read_only:
            raise ReadOnly(f"{self.name}: writing is switched off", fix="set safety.write: true for it")
        return map(self._push, patches)

    def close(self) -> None:
        """Releases the sockets."""
        self._service.http.close()

    def _sets_of(self, kind: str) -> list[EntitySet]:
        if kind in self._service.sets():
            return [self._service.set(kind)]
        names = dict.fromkeys(
            parse(each.scope).entity_set for each in self._streams.values() if each.kind == kind
        )
        return [self._service.set(name) for name in names]

    def _record(self, entity_set: EntitySet, stream: Stream, row: Entity) -> SourceRecord:
        identity = entity_set.identity(row)
        changed = entity_set.properties.get(stream.cursor_field or "")
        moment = row.get(changed.name) if changed and changed.type == "Edm.DateTimeOffset" else None
        known = [entity_set.properties[name] for name in stream.owned if name in entity_set.properties]
        etag = control(row, "etag")
        return SourceRecord(
            identity,
            {name: value for name, value in row.items() if "@" not in name},
            key=identity,
            url=f"{self._service.http.base_url}/{_address(entity_set, identity)}",
            version=None if etag is None else str(etag),
            updated_at=instant(moment) if moment else None,
            owned={each.name: each.plain(row.get(each.name)) for each in known},
        )

    def _look(self, entity_set: EntitySet, target: Target) -> Shown:
        """The entity as it is now; a key other than the set's own is searched for. Raises SkipRecord too."""
        row, etag = self._found(entity_set, target)
        if row is None:
            return Shown(target, exists=False)
        properties = entity_set.properties
        values = {
            name: properties[name].plain(row.get(name)) if name in properties else None
            for name in target.fields
        }
        return Shown(target, exists=True, id=entity_set.identity(row), values=values, version=etag)

    def _found(self, entity_set: EntitySet, target: Target) -> tuple[Entity | None, str | None]:
        key = dict(target.key)
        if target.id is not None or key.keys() == set(entity_set.key):
            address = _address(entity_set, target.id) if target.id is not None else entity_set.address(key)
            answer = self._service.get(address, ok=(200, _NOT_FOUND))
            if answer.status == _NOT_FOUND:
                return None, None
            etag = control(answer.json, "etag") or answer.headers.get("ETag")
            return answer.json, etag
        unknown = key.keys() - entity_set.properties.keys()
        if unknown or not key:
            raise Invalid(
                f"{entity_set.name} has no key property {', '.join(sorted(unknown)) or '(none named)'}"
            )
        named = [f"{name} eq {entity_set.properties[name].literal(value)}" for name, value in key.items()]
        options = {"$filter": " and ".join(named), "$top": "2"}
        rows = page_of(self._service.get(f"{entity_set.name}?{query_string(options)}")).rows
        if len(rows) > 1:
            raise Invalid(f"{entity_set.name}: two entities have the key {natural_id(key.values())}")
        return (rows[0], control(rows[0], "etag")) if rows else (None, None)

    def _push(self, patch: Patch) -> Outcome:
        try:
            return Outcome(patch, self._written(patch))
        except (SkipRecord, OutcomeUnknown) as error:
            return Outcome(patch, error=error)

    def _written(self, patch: Patch) -> Shown:
        target = replace(patch.target, fields=tuple(patch.values))
        entity_set = self._service.set(target.kind)
        unknown = [name for name in patch.values if name not in entity_set.properties]
        if unknown:
            raise Invalid(
                f"{entity_set.name} has no property {unknown[0]!r}", fix="create it, or correct `write`"
            )
        values = {name: entity_set.properties[name].fitted(value) for name, value in patch.values.items()}
        shown = replace(self._look(entity_set, target), target=patch.target)
        if shown.exists and dict(shown.values) == values:
            return shown
        if not shown.exists and not target.key:
            raise NotFound(f"{entity_set.name} {target.id}: not there, or not visible to this account")
        stale = [
            name for name in values if name in patch.before and patch.before[name] != shown.values.get(name)
        ]
        if stale or (patch.version is not None and patch.version != shown.version):
            raise Conflict(f"{entity_set.name} {shown.id}: changed since it was looked at")
        body = {
            name: entity_set.properties[name].wire(value, numbers_as_text=self._service.numbers_as_text)
            for name, value in values.items()
        }
        if shown.exists:
            address = _address(entity_set, str(shown.id))
            self._send("PATCH", address, body, {"If-Match": shown.version or "*"})
        else:
            self._send("POST", entity_set.name, {**_key_body(entity_set, target), **body}, {})
        try:
            return replace(self._look(entity_set, target), target=patch.target)
        except Retry as error:
            raise OutcomeUnknown(f"written, but not read back: {error.text}", fix=error.fix) from None

    def _send(self, method: str, address: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        form = ";IEEE754Compatible=true" if self._service.numbers_as_text else ""
        answer = self._service.http.request(
            method,
            address,
            json=body,
            headers={"Content-Type": f"application/json{form}", **headers},
            ok=(200, 201, 204, _FORBIDDEN, _PRECONDITION_REQUIRED),
        )
        if answer.status == _FORBIDDEN:
            fix = "grant the account the right to change this entity"
            raise Invalid(f"{method} {address}: the service does not allow it", fix=fix)
        if answer.status == _PRECONDITION_REQUIRED:
            raise Conflict(f"{method} {address}: the service wants an ETag that it did not give")


def _walks(
    entity_set: EntitySet, scope: Scope, stream: Stream, cursor: Mapping[str, Any]
) -> Iterator[tuple[str | None, Sequence[Property]]]:
    """What to read, in which order.

    Changed entities, then those whose change field is empty, which no cursor can see.
    """
    order = order_of(entity_set, stream)
    if stream.cursor_field is None or stream.full:
        yield scope.condition, order
        return
    changed = order[0]
    since = changed_since(changed, cursor["since"]) if cursor else None
    if not changed.nullable:
        yield all_of(scope.condition, since), order
        return
    yield all_of(scope.condition, since or f"{changed.name} ne null"), order
    yield all_of(scope.condition, f"{changed.name} eq null"), order[1:]


def _advanced(
    cursor: dict[str, Any], stream: Stream, changed: Property, rows: Sequence[Entity], now: datetime
) -> dict[str, Any]:
    """The cursor at the last change of these rows that is not in the future."""
    if stream.full or stream.cursor_field != changed.name:
        return cursor
    texts = [changed.text(row[changed.name]) for row in rows if row.get(changed.name) is not None]
    if changed.type == "Edm.DateTimeOffset":
        texts = [text for text in texts if instant(text) <= now]
    return {"since": texts[-1]} if texts else cursor


def _address(entity_set: EntitySet, identity: str) -> str:
    parts = natural_parts(identity)
    if len(parts) != len(entity_set.key):
        raise NotFound(f"{entity_set.name}: {identity!r} is no key of it ({', '.join(entity_set.key)})")
    return entity_set.address(dict(zip(entity_set.key, parts, strict=True)))


def _key_body(entity_set: EntitySet, target: Target) -> dict[str, Any]:
    return {name: int(value) if entity_set.properties[name].whole else value for name, value in target.key}
