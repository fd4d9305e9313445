"""An OData service, V4 or V2: entity sets walked by key, exact decimals, writes guarded by ETag."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
    ContractBroken,
    ReadOnly,
    SkipRecord,
)
from connectors.http import Http
from connectors.instants import instant
from connectors.odata_entities import Entities, Place
from connectors.odata_metadata import V2, EntitySet, Property
from connectors.odata_push import AT_ONCE, Push
from connectors.odata_scope import Scope, all_of, changed_since, order_of, parse
from connectors.odata_service import Entity, Service, control

_FORBIDDEN, _NOT_FOUND, _PRECONDITION_REQUIRED = 403, 404, 428


DELTA = "delta"
"""The change field that stands for the service's own delta links."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class OData:
    """One OData service; its `$metadata` says whether V4 or V2.

    A scope is an entity set, with `$filter` and the service's own options. A record's id is the entity's key. Pages
    are asked for by keyset (change field, then key), so that rows which move while being read hide no other; where a
    key has no order (a GUID) next links are followed. A read that holds fewer rows than the service counts is
    incomplete, and its cursor stays. Decimals are exact in both JSON forms. V2 rows come in V4's forms.
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
        self._entities = Entities(self._service)
        self._push = Push(self._service, self._entities, self._place_of)
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
            product=f"OData {'2.0' if self._service.version == V2 else answer.headers.get('OData-Version', '4.0')}",
            server_time=http_date(answer.headers.get("Date", "")),
        )

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The properties of an entity set, or of the sets read as `kind`."""
        fields: dict[str, FieldInfo] = {}
        for entity_set in (place.entity_set for place in self._places_of(kind)):
            for each in entity_set.properties.values():
                writable = each.name not in entity_set.key
                fields.setdefault(each.name, each.info(writable=writable))
        return list(fields.values())

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """The entities changed since `cursor`, in the order of the change field; without one, all of them."""
        self._streams[stream.kind, stream.scope] = stream
        scope = parse(stream.scope)
        entity_set = self._service.set(scope.entity_set)
        if stream.cursor_field == DELTA and not stream.full:
            yield from self._changes(stream, scope, entity_set, cursor or {})
            return
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

    def _changes(self, stream: Stream, scope: Scope, entity_set: EntitySet, cursor: Cursor) -> Iterator[Page]:
        """What the service itself says has changed and was deleted; what only left the scope is found by the census."""
        pages = self._service.changes(scope, cursor.get(DELTA))
        received, announced, link = 0, None, None
        for page in pages:
            announced = page.count if received == 0 else announced
            received += len(page.rows)
            link = link or page.delta
            there = [row for row in page.rows if not _removed(row)]
            yield Page(
                [self._record(entity_set, stream, row) for row in there],
                dict(cursor),
                last=False,
                gone=_gone(entity_set, page.rows),
            )
        if link is None:
            fix = "name the property that tells the change as `cursor`"
            raise ContractBroken(f"{entity_set.name}: the service gave no delta link", fix=fix)
        complete = bool(cursor) or announced is None or received >= announced
        yield Page((), {DELTA: link} if complete else dict(cursor), last=True, complete=complete)

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
        """Targets read by their keys; the id of a read kind is looked for where that kind was read."""
        for at in range(0, len(targets), AT_ONCE):
            yield from self._look(targets[at : at + AT_ONCE])

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Patches each entity under its ETag, or creates it under a key that is not there."""
        if self._read_only:
            raise ReadOnly(f"{self.name}: writing is switched off", fix="set safety.write: true for it")
        return self._push.all(patches)

    def close(self) -> None:
        """Releases the sockets."""
        self._service.http.close()

    def _look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        wanted = [(place, target) for target in targets for place in self._places_of(target.kind)]
        views = self._entities.views(wanted)
        if views is None:
            for target in targets:
                yield from self._look([target])
            return
        met: dict[int, Shown] = {}
        for (_, target), view in zip(wanted, views, strict=True):
            if isinstance(view, SkipRecord):
                raise ContractBroken(view.text, fix="check the fields and the key of `write`")
            if view.exists:
                met.setdefault(id(target), view)
        yield from (met.get(id(target), Shown(target, exists=False)) for target in targets)

    def _places_of(self, kind: str) -> list[Place]:
        """The entity set that a kind names, with options (`BudgetFigures?cross-company=true`), else those read as that kind."""
        if kind.partition("?")[0] in self._service.sets():
            return [self._place_of(kind)]
        scopes = [parse(each.scope) for each in self._streams.values() if each.kind == kind]
        found = {
            scope.entity_set: Place(self._service.set(scope.entity_set), _own(scope)) for scope in scopes
        }
        return list(found.values())

    def _place_of(self, kind: str) -> Place:
        scope = parse(kind)
        return Place(self._service.set(scope.entity_set), _own(scope))

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
            url=f"{self._service.http.base_url}/{Place(entity_set).of_id(identity)}",
            version=None if etag is None else str(etag),
            updated_at=instant(moment) if moment else None,
            owned={each.name: each.plain(row.get(each.name)) for each in known},
        )


def _own(scope: Scope) -> dict[str, str]:
    """The options of a scope that are the service's own."""
    return {name: value for name, value in scope.options.items() if not name.startswith("$")}


def _removed(row: Entity) -> bool:
    """Whether a row of a delta says that the entity is gone (V4, and the change mode of SAP's data provisioning)."""
    return (
        control(row, "removed") is not None
        or "$deletedEntity" in str(control(row, "context"))
        or row.get("ODQ_CHANGEMODE") == "D"
    )


def _gone(entity_set: EntitySet, rows: Sequence[Entity]) -> frozenset[str]:
    """The entities that a delta tells as deleted, by their key; the last word on an entity counts."""
    gone: set[str] = set()
    for row in rows:
        if any(row.get(name) is None for name in entity_set.key):
            continue
        reason = control(row, "removed")
        left_only = isinstance(reason, Mapping) and reason.get("reason") == "changed"
        identity = entity_set.identity(row)
        if not _removed(row):
            gone.discard(identity)
        elif not left_only:
            gone.add(identity)
    return frozenset(gone)


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
    elif changed.type == "Edm.DateTime":
        tomorrow = (now + timedelta(days=1)).replace(tzinfo=None).isoformat()
        texts = [text for text in texts if text <= tomorrow]
    return {"since": texts[-1]} if texts else cursor
