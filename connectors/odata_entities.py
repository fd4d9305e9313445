"""Entities of an OData service as they are now: read by key, or searched for by other properties, many in one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.answers import RETRIED, refusal
from connectors.base import Shown, Target
from connectors.errors import ConnectorError, Invalid, NotFound, SkipRecord, Unavailable
from connectors.http import Answer
from connectors.keys import natural_id, natural_parts
from connectors.odata_batch import Ask, Reply
from connectors.odata_metadata import EntitySet
from connectors.odata_scope import query_string
from connectors.odata_service import Service, control, entity_of, page_of

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target is looked for: an entity set, with the service's own options (`cross-company=true`)."""

    entity_set: EntitySet
    options: Mapping[str, str] = field(default_factory=dict)

    def address(self, relative: str, more: Mapping[str, str] | None = None) -> str:
        """A relative address with the options."""
        options = {**self.options, **(more or {})}
        return f"{relative}?{query_string(options)}" if options else relative

    def of_id(self, identity: str) -> str:
        """The address of the entity with that id. Raises NotFound where it cannot be one."""
        key = self.entity_set.key
        parts = natural_parts(identity)
        if len(parts) != len(key):
            raise NotFound(f"{self.entity_set.name}: {identity!r} is no key of it ({', '.join(key)})")
        return self.address(self.entity_set.address(dict(zip(key, parts, strict=True))))


class Entities:
    """What a service shows of its entities."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def views(self, wanted: Sequence[tuple[Place, Target]]) -> list[Shown | SkipRecord] | None:
        """What each target shows there, in order; None where many were asked for and the service knows no batch.

        Raises Retry and StopConnection.
        """
        found: dict[int, Shown | SkipRecord] = {}
        asks: dict[int, Ask] = {}
        for number, (place, target) in enumerate(wanted):
            try:
                asks[number] = Ask("GET", _question(place, target), self._service.accepting())
            except SkipRecord as error:
                found[number] = error
        if len(wanted) > 1 and asks:
            replies = self._service.batch(list(asks.values()), reading=True)
            if replies is None:
                return None
            for number, reply in zip(asks, replies, strict=True):
                found[number] = _view(*wanted[number], reply)
        else:
            for number, ask in asks.items():
                found[number] = self._one(*wanted[number], ask)
        return [found[number] for number in range(len(wanted))]

    def _one(self, place: Place, target: Target, ask: Ask) -> Shown | SkipRecord:
        try:
            return _view(place, target, self._service.get(ask.address, ok=(200, _NOT_FOUND)))
        except SkipRecord as error:
            return error


def refused(reply: Reply | Answer | None) -> ConnectorError:
    """The error of one reply of a batch."""
    if reply is None or reply.status in RETRIED or reply.status >= 500:  # noqa: PLR2004 - HTTP's own class
        said = "left a part of a batch unanswered" if reply is None else f"answered {reply.status} in a batch"
        return Unavailable(f"the service {said}", fix="the next run tries again")
    kind, fix = refusal(reply.status)
    text = getattr(reply, "text", "")
    return kind(f"{reply.url}: answered {reply.status} in a batch: {text}", fix=fix)


def _question(place: Place, target: Target) -> str:
    entity_set, key = place.entity_set, dict(target.key)
    if target.id is not None:
        return place.of_id(target.id)
    if key.keys() == set(entity_set.key):
        return place.address(entity_set.address(key))
    unknown = key.keys() - entity_set.properties.keys()
    if unknown or not key:
        raise Invalid(f"{entity_set.name} has no key property {', '.join(sorted(unknown)) or '(none named)'}")
    named = [f"{name} eq {entity_set.properties[name].literal(value)}" for name, value in key.items()]
    return place.address(entity_set.name, {"$filter": " and ".join(named), "$top": "2"})


def _view(place: Place, target: Target, reply: Reply | Answer | None) -> Shown | SkipRecord:
    entity_set = place.entity_set
    if reply is not None and reply.status == _NOT_FOUND:
        return Shown(target, exists=False)
    if reply is None or reply.status != 200:  # noqa: PLR2004 - HTTP's own number
        error = refused(reply)
        if isinstance(error, SkipRecord):
            return error
        raise error
    if target.id is not None or dict(target.key).keys() == set(entity_set.key):
        row = entity_of(reply.json, entity_set)
        etag = control(row, "etag") or reply.headers.get("ETag") or reply.headers.get("Etag")
    else:
        rows = page_of(reply, entity_set).rows
        if len(rows) > 1:
            return Invalid(
                f"{entity_set.name}: two entities have the key {natural_id(dict(target.key).values())}"
            )
        if not rows:
            return Shown(target, exists=False)
        row, etag = rows[0], control(rows[0], "etag")
    properties = entity_set.properties
    values = {
        name: properties[name].plain(row.get(name)) if name in properties else None for name in target.fields
    }
    return Shown(target, exists=True, id=entity_set.identity(row), values=values, version=etag)
