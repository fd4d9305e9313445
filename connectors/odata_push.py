"""Writing to an OData service: each entity under its ETag, or created under its key, many in one batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import Outcome, Patch, Plain, Shown, Target
from connectors.errors import (
    Conflict,
    ConnectorError,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Retry,
    SkipRecord,
    StopConnection,
)
from connectors.odata_batch import Ask, Reply
from connectors.odata_entities import Entities, Place, refused
from connectors.odata_metadata import V2, EntitySet
from connectors.odata_service import Service

AT_ONCE = 40
"""Requests of one batch; Dynamics takes no more than 5,000, SAP Gateway is slow beyond some dozens."""
_DONE = (200, 201, 204)
_FORBIDDEN, _PRECONDITION_REQUIRED = 403, 428


@dataclass(frozen=True, slots=True)
class _Wish:
    patch: Patch
    place: Place
    target: Target
    values: Mapping[str, Plain]


class Push:
    """The write side of one service. `place_of` tells where a target's kind is."""

    def __init__(self, service: Service, entities: Entities, place_of: Callable[[str], Place]) -> None:
        self._service = service
        self._entities = entities
        self._place_of = place_of

    def all(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """One outcome per patch, as it is known."""
        for at in range(0, len(patches), AT_ONCE):
            yield from self._some(patches[at : at + AT_ONCE])

    def _some(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        wishes = []
        for patch in patches:
            try:
                wishes.append(self._wish(patch))
            except SkipRecord as error:
                yield Outcome(patch, error=error)
        views = self._entities.views([(wish.place, wish.target) for wish in wishes])
        if views is None:
            for wish in wishes:
                yield from self._some([wish.patch])
            return
        asks: list[tuple[_Wish, Ask]] = []
        for wish, view in zip(wishes, views, strict=True):
            try:
                ask = self._ask(wish, view)
            except SkipRecord as error:
                yield Outcome(wish.patch, error=error)
                continue
            if ask is None and isinstance(view, Shown):
                yield Outcome(wish.patch, replace(view, target=wish.patch.target))
            elif ask is not None:
                asks.append((wish, ask))
        written = []
        for (wish, _), refusal in zip(asks, self._sent([ask for _, ask in asks]), strict=True):
            if refusal is None:
                written.append(wish)
            else:
                yield Outcome(wish.patch, error=refusal)
        yield from self._read_back(written)

    def _wish(self, patch: Patch) -> _Wish:
        place = self._place_of(patch.target.kind)
        properties = place.entity_set.properties
        unknown = [name for name in patch.values if name not in properties]
        if unknown:
            text = f"{place.entity_set.name} has no property {unknown[0]!r}"
            raise Invalid(text, fix="create it, or correct `write`")
        values = {name: properties[name].fitted(value) for name, value in patch.values.items()}
        return _Wish(patch, place, replace(patch.target, fields=tuple(patch.values)), values)

    def _ask(self, wish: _Wish, view: Shown | SkipRecord) -> Ask | None:
        """The request that writes; None where everything is there already. Raises SkipRecord."""
        if isinstance(view, SkipRecord):
            raise view
        patch, entity_set = wish.patch, wish.place.entity_set
        if view.exists and dict(view.values) == dict(wish.values):
            return None
        if not view.exists and not wish.target.key:
            raise NotFound(f"{entity_set.name} {wish.target.id}: not there, or not visible to this account")
        stale = [
            name
            for name in wish.values
            if name in patch.before and patch.before[name] != view.values.get(name)
        ]
        if stale or (patch.version is not None and patch.version != view.version):
            raise Conflict(f"{entity_set.name} {view.id}: changed since it was looked at")
        as_text = self._service.numbers_as_text
        body = {
            name: entity_set.properties[name].wire(value, numbers_as_text=as_text)
            for name, value in wish.values.items()
        }
        form = ";IEEE754Compatible=true" if as_text and entity_set.version != V2 else ""
        headers = {"Content-Type": f"application/json{form}", "Accept": "application/json"}
        if not view.exists:
            address = wish.place.address(entity_set.name)
            return Ask("POST", address, headers, {**_key_body(entity_set, wish.target), **body})
        method = "MERGE" if entity_set.version == V2 else "PATCH"
        address = wish.place.of_id(str(view.id))
        return Ask(method, address, {**headers, "If-Match": view.version or "*"}, body)

    def _sent(self, asks: Sequence[Ask]) -> list[ConnectorError | None]:
        if len(asks) > 1:
            try:
                replies = self._service.batch(asks, reading=False)
            except OutcomeUnknown as error:
                return [error] * len(asks)
            if replies is not None:
                return [_verdict(reply) for reply in replies]
        return [self._sent_alone(ask) for ask in asks]

    def _sent_alone(self, ask: Ask) -> ConnectorError | None:
        ok = (*_DONE, _FORBIDDEN, _PRECONDITION_REQUIRED)
        try:
            answer = self._service.send(ask.method, ask.address, ask.headers, ok, json=ask.body)
        except (SkipRecord, OutcomeUnknown) as error:
            return error
        return _verdict(Reply(answer.status, answer.headers, f"{ask.method} {ask.address}"))

    def _read_back(self, wishes: Sequence[_Wish]) -> Iterator[Outcome]:
        if not wishes:
            return
        try:
            views = self._entities.views([(wish.place, wish.target) for wish in wishes])
        except Retry as error:
            unknown = OutcomeUnknown(f"written, but not read back: {error.text}", fix=error.fix)
            yield from (Outcome(wish.patch, error=unknown) for wish in wishes)
            return
        for wish, view in zip(wishes, views or (), strict=True):
            if isinstance(view, Shown):
                yield Outcome(wish.patch, replace(view, target=wish.patch.target))
            else:
                yield Outcome(wish.patch, error=view)


def _verdict(reply: Reply | None) -> ConnectorError | None:
    if reply is not None and reply.status in _DONE:
        return None
    where = reply.url if reply else ""
    if reply is not None and reply.status == _FORBIDDEN:
        fix = "grant the account the right to change this entity"
        return Invalid(f"{where}: the service does not allow it", fix=fix)
    if reply is not None and reply.status == _PRECONDITION_REQUIRED:
        return Conflict(f"{where}: the service wants an ETag that it did not give")
    error = refused(reply)
    if isinstance(error, StopConnection):
        return Invalid(error.text, fix=error.fix)
    return OutcomeUnknown(error.text, fix=error.fix) if isinstance(error, Retry) else error


def _key_body(entity_set: EntitySet, target: Target) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in target.key:
        each = entity_set.properties[name]
        as_number = each.whole and not (entity_set.version == V2 and each.type == "Edm.Int64")
        body[name] = int(value) if as_number else value
    return body
