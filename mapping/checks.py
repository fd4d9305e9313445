"""What is wrong with the mappings of a configuration, before anything runs: a check for `config.load`."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from config import names
from config.connections import GateRules, MapRule
from config.presets import GatePack, PresetError, load_pack
from config.raw import Raw, connections, items_at, mapping_at
from config.yaml_text import Fault, Loc
from mapping.loading import load
from mapping.rules import MappingError


def problems(document: Raw) -> Iterator[Fault]:
    """Every kind has an entity to fill, and every mapped field exists and can hold what its rule makes."""
    for name, tool, connection in connections(document):
        entities: dict[str, list[str | None]] = {}
        for loc, read in items_at(connection, "read"):
            kind, entity = read.get("kind"), read.get("entity")
            if not isinstance(kind, str) or (names.kinds_of(tool) and kind not in names.kinds_of(tool)):
                continue
            fills = entity if isinstance(entity, str) else None
            entities.setdefault(kind, []).append(fills)
            place: Loc = ("connections", name, *loc, "kind" if entity is None else "entity")
            yield from _faults(place, tool, kind, {}, fills)
        for kind, fields in mapping_at(connection, "map").items():
            if names.kinds_of(tool) and kind not in names.kinds_of(tool):
                continue
            for field, written in mapping_at(fields).items():
                rule = _rule(written)
                if rule is not None:
                    where: Loc = ("connections", name, "map", kind, field)
                    found = [
                        list(_faults(where, tool, kind, {field: rule}, entity))
                        for entity in entities.get(kind, [None])
                    ]
                    if all(found):
                        yield from found[0]
        yield from _gate_faults(document, name, tool, connection, entities)


def _gate_faults(
    document: Raw, name: str, tool: str, connection: Raw, entities: Mapping[str, list[str | None]]
) -> Iterator[Fault]:
    """Gate decisions are told by kinds that fill projects, about gates of the pack in use."""
    pack = _pack(document)
    for kind, gates in mapping_at(connection, "gate_decisions").items():
        if names.kinds_of(tool) and kind not in names.kinds_of(tool):
            continue
        for gate, written in mapping_at(gates).items():
            where: Loc = ("connections", name, "gate_decisions", kind, gate)
            if pack and str(gate).casefold() not in {each.key.casefold() for each in pack.gates}:
                known = ", ".join(each.key for each in pack.gates)
                yield Fault(where, f"the gate '{gate}', which the pack {pack.id} has not", f"one of: {known}")
            try:
                rules = {gate: GateRules.model_validate(written)}
            except ValidationError:
                continue
            found = [
                list(_faults(where, tool, kind, {}, entity, rules)) for entity in entities.get(kind, [None])
            ]
            if all(found):
                yield from found[0]


def _pack(document: Raw) -> GatePack | None:
    """The gate pack in use; None where it is a file, which is read later, or is no pack."""
    choice = mapping_at(document, "portfolio").get("gates", "city_default")
    if not isinstance(choice, dict) and choice not in names.packaged("gates"):
        return None
    try:
        return load_pack(choice)
    except PresetError:
        return None


def _rule(written: Any) -> MapRule | None:
    """The rule as the settings will read it; None where they already complain."""
    try:
        return MapRule.model_validate({"from": written} if isinstance(written, str) else written)
    except ValidationError:
        return None


def _faults(
    loc: Loc,
    tool: str,
    kind: str,
    overrides: Mapping[str, MapRule],
    entity: str | None,
    gates: Mapping[str, GateRules] | None = None,
) -> Iterator[Fault]:
    try:
        load(tool, kind, overrides, entity=entity, gates=gates)
    except MappingError as error:
        known = error.field or not gates
        if (
            known
            and (error.field in overrides or not overrides)
            and not error.text.startswith("not a JMESPath")
        ):
            yield Fault(loc, error.text, error.accepted)
