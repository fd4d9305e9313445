"""Mappings: the shipped one of a tool and kind, with the configuration's overrides, compiled once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from config import names, yaml_text
from config.connections import GateRules, MapRule
from mapping.expressions import Getter, compile_expression
from mapping.rules import MappingError, Rule, compile_rule, folded
from portfolio.model import ENTITIES, GATE_DECISIONS, Entity, Field

VERSION = 1
"""Raised whenever codecs or presets change what comes out, so that stored records are translated again."""


@dataclass(frozen=True)
class KindMapping:
    """A compiled mapping of one kind. `columns`: columns named like a key fill it where no rule does."""

    tool: str
    kind: str
    entity: Entity
    rules: Mapping[str, Rule]
    container: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    columns: bool
    times: str | None
    declared: str
    gates: Mapping[str, Mapping[str, Rule]]
    """Per gate the rules of its decision, by the fields of `gate_decision`."""

    @cached_property
    def every_rule(self) -> Mapping[str, Rule]:
        """All rules: by field, and those of gate decisions as `gate_decisions.G3.decided_by`."""
        told = {
            f"{GATE_DECISIONS}.{gate}.{name}": rule
            for gate, parts in self.gates.items()
            for name, rule in parts.items()
        }
        return {**self.rules, **told}

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The dotted source paths that the expressions read, sorted; empty where columns map themselves."""
        if self.columns:
            return ()
        texts = (*self.container, *(value for value, _ in self.links))
        found = {path for text in texts for path in compile_expression(text).paths}
        found.update(path for rule in self.every_rule.values() for path in rule.paths)
        return tuple(sorted(found))

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever the mapping would fill something differently."""
        return hashlib.sha256(self.declared.encode()).hexdigest()

    @cached_property
    def container_getters(self) -> tuple[Getter, ...]:
        """The look-ups of the names under which links find a record."""
        return tuple(compile_expression(text).get for text in self.container)

    @cached_property
    def link_getters(self) -> tuple[tuple[str, Getter], ...]:
        """The look-ups of the link rules' values, each with what it equals."""
        return tuple((equals, compile_expression(value).get) for value, equals in self.links)


def load(
    tool: str,
    kind: str,
    overrides: Mapping[str, MapRule] | None = None,
    *,
    entity: str | None = None,
    links: Sequence[tuple[str, str]] = (),
    gates: Mapping[str, GateRules] | None = None,
) -> KindMapping:
    """The mapping of a tool's kind. Raises `MappingError`.

    `overrides` go before the shipped rules, field by field; one without `from` keeps the shipped expression
    and adds its words. `entity` is needed for a ServiceNow table without a shipped mapping, and picks another
    entity where a kind can fill several (`pm_project_task` as `milestone`). `links` are (expression, equals)
    of the link rules, `gates` where a project's record holds decisions about gates.
    """
    preset = _preset(tool, kind, entity)
    target = _entity(preset.get("entity") or entity or "", tool, kind)
    columns = tool in names.LEDGER_TOOLS
    declared: dict[str, MapRule] = {name: _rule(rule) for name, rule in preset.get("fields", {}).items()}
    for name, rule in (overrides or {}).items():
        declared[name] = _override(declared.get(name), rule)
    rules = {
        name: compile_rule(_field_of(target, name), rule, folded(name) if columns else None)
        for name, rule in declared.items()
    }
    if columns:
        rules |= {
            each.name: compile_rule(each, MapRule(), folded(each.name))
            for each in target.fields
            if each.name not in rules and each.name != GATE_DECISIONS
        }
    decided = _gates(target, gates or {})
    container = tuple(preset.get("container", ()))
    text = {
        "version": VERSION,
        "entity": target.name,
        "rules": {name: rule.model_dump(mode="json") for name, rule in sorted(declared.items())},
        "container": container,
        "links": list(links),
        "columns": columns,
        "times": preset.get("times"),
    }
    if gates:
        text[GATE_DECISIONS] = {gate: each.model_dump(mode="json") for gate, each in sorted(gates.items())}
    return KindMapping(
        tool=tool,
        kind=kind,
        entity=target,
        rules=rules,
        container=container,
        links=tuple(links),
        columns=columns,
        times=preset.get("times"),
        declared=json.dumps(text, sort_keys=True, default=str),
        gates=decided,
    )


def _field_of(target: Entity, name: str) -> Field:
    """The field for which a rule was given. Raises MappingError where there is none."""
    if name == GATE_DECISIONS:
        raise MappingError(
            f"a rule for {name}", field=name, accepted=f"the connection's own part {name}, beside map"
        )
    field = target.field(name)
    if field is None:
        known = [each.name for each in target.fields]
        near = get_close_matches(name, known, 1)
        hint = f"{near[0]}? One of " if near else "one of: "
        raise MappingError(f"the unknown field '{name}'", field=name, accepted=hint + ", ".join(known))
    return field


def _gates(target: Entity, gates: Mapping[str, GateRules]) -> dict[str, dict[str, Rule]]:
    if gates and target.field(GATE_DECISIONS) is None:
        raise MappingError(
            f"{GATE_DECISIONS} of a kind that fills {target.name}",
            field=GATE_DECISIONS,
            accepted="a kind that fills project; approval records fill gate_decision by their map",
        )
    fields = {each.name: each for each in ENTITIES["gate_decision"].fields}
    return {
        gate: {name: compile_rule(fields[name], rule) for name, rule in each.rules.items()}
        for gate, each in gates.items()
    }


def shipped(tool: str) -> tuple[str, ...]:
    """The kinds that have a shipped mapping."""
    if tool in names.LEDGER_TOOLS:
        return tuple(ENTITIES)
    kinds = _presets(tool)["kinds"].items()
    return tuple(
        dict.fromkeys(name.partition(":")[0] for name, told in kinds if {"entity", "like"} & {*told})
    )


@lru_cache(maxsize=256)
def column_names(columns: tuple[str, ...]) -> Mapping[str, str]:
    """Folded name to column; the first of two that fold alike counts."""
    found: dict[str, str] = {}
    for name in columns:
        found.setdefault(folded(name), name)
    return found


def _entity(name: str, tool: str, kind: str) -> Entity:
    try:
        return ENTITIES[name]
    except KeyError:
        text = f"the kind '{kind}' of {tool}, which has no shipped mapping"
        accepted = f"entity: one of {', '.join(ENTITIES)}; or one of the kinds {', '.join(shipped(tool))}"
        along = {} if tool in names.LEDGER_TOOLS else _presets(tool).get("along", {})
        if kind in along:
            text = f"the kind '{kind}' of {tool}, which needs no read of its own: {along[kind]}"
            accepted = f"entity: one of {', '.join(ENTITIES)}; or no such read"
        raise MappingError(text, accepted=accepted) from None


def _preset(tool: str, kind: str, entity: str | None) -> Mapping[str, Any]:
    if tool in names.LEDGER_TOOLS:
        return {"entity": kind, "times": None, "container": ()}
    presets = _presets(tool)
    kinds = presets["kinds"]
    found = kinds.get(f"{kind}:{entity}") or kinds.get(kind)
    times = {"times": presets.get("times")}
    if found is None:
        return times
    merged = _merged(found, presets.get("shared", {}))
    if entity is not None and merged.get("entity") != entity:
        return times | {"container": merged.get("container", ()), "entity": entity}
    return times | merged


def _merged(found: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    if "like" not in found:
        return dict(found)
    base = _merged(shared[found["like"]], shared)
    fields = base.get("fields", {}) | found.get("fields", {})
    return base | {key: value for key, value in found.items() if key != "like"} | {"fields": fields}


@lru_cache(maxsize=8)
def _presets(tool: str) -> Mapping[str, Any]:
    text = files("mapping").joinpath("presets", f"{tool}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml_text.parse(text).data
    return found


def _rule(declared: Any) -> MapRule:
    return MapRule.model_validate({"from": declared} if isinstance(declared, str) else declared)


def _override(shipped_rule: MapRule | None, rule: MapRule) -> MapRule:
    """The configuration's rule; without `from` it keeps the shipped expression and adds to its words."""
    if shipped_rule is None or rule.source is not None:
        return rule
    given = {name: getattr(rule, name) for name in rule.model_fields_set}
    if rule.values is not None:
        given["values"] = {**(shipped_rule.values or {}), **rule.values}
    return shipped_rule.model_copy(update=given)
