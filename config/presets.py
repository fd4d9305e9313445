"""Packaged status-rule presets (`config/rules`) and gate packs (`config/gates`): models and loading.

Every preset and pack carries an id and a version, so that a stored status or gate names exactly what judged
it.
"""

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML

from config.names import packaged
from config.parts import Part

DEFAULT_RULES = "state_15_25"
DIMENSIONS = ("schedule", "cost", "scope", "quality", "overall")

Measure = Literal[
    "variance_share", "spi_t", "cpi", "growth_share", "breach_share", "worst_of", "percent_green"
]
CriterionKind = Literal["deliverable", "approval", "metric", "field", "milestone", "attestation"]

MEASURES: Mapping[str, tuple[Measure, ...]] = {
    "schedule": ("variance_share", "spi_t"),
    "cost": ("variance_share", "cpi"),
    "scope": ("growth_share",),
    "quality": ("breach_share",),
    "overall": ("worst_of", "percent_green"),
}
HIGHER_IS_BETTER: frozenset[Measure] = frozenset({"spi_t", "cpi", "percent_green"})
_NEEDED = {
    "deliverable": "type",
    "approval": "type",
    "metric": "metric",
    "field": "field",
    "milestone": "milestone",
    "attestation": "decision",
}


class PresetError(ValueError):
    """A preset or pack that does not exist or is not valid; the message names what is accepted."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Model):
    """How one dimension gets its colour: a measure and two limits, each belonging to the better colour.

    `green` and `amber` are shares or indices, not percent; equal limits mean that there is no amber.
    `worst_of` has none. Under `minimum` counted items the measure says nothing and the colour is unknown. A colour gets
    better only where the measure is past its limit by `hysteresis` (0: at the limit); it gets worse at once.
    """

    preset: str
    version: int
    measure: Measure
    green: Decimal | None = None
    amber: Decimal | None = None
    minimum: int = 0
    hysteresis: Decimal = Field(default=Decimal(0), ge=0)
    unconfirmed: str | None = None

    @model_validator(mode="after")
    def _limits_in_order(self) -> "Rule":
        if self.measure == "worst_of":
            if self.hysteresis:
                raise ValueError("worst_of has no limits, so no hysteresis: declare it on the dimensions")
            return self
        if self.green is None or self.amber is None:
            raise ValueError(f"{self.measure} needs the limits green and amber")
        worse = self.amber - self.green
        if self.measure in HIGHER_IS_BETTER:
            worse = -worse
        if worse < 0:
            raise ValueError(f"the amber limit {self.amber} is better than the green limit {self.green}")
        return self

    @property
    def name(self) -> str:
        """Preset and version, as stored with every computed colour: `state_15_25@1`."""
        return f"{self.preset}@{self.version}"


class Obligation(Part):
    """A duty that opens when a variance share reaches `at_least` (in both directions if `either_way`).

    `owner` is who has to act: the project's `manager` or `sponsor`, or a name.
    """

    dimension: Literal["schedule", "cost"]
    at_least: Decimal
    either_way: bool = False
    duty: str
    due_days: int | None = None
    source: str
    owner: str = "manager"
    unconfirmed: str | None = None


class StatusRules(_Model):
    """One rule per dimension, and the obligations that the chosen presets carry."""

    id: str
    version: int
    schedule: Rule
    cost: Rule
    scope: Rule
    quality: Rule
    overall: Rule
    obligations: tuple[Obligation, ...] = ()


class Criterion(_Model):
    """Something that must be shown before a gate is passed, checked by its kind against the facts.

    `deliverable`: one of `type` is in one of `states`. `approval`: one of `type` is approved by a named
    person. `metric`: the figure lies within `at_least` and `at_most`. `field`: the project's `field` is
    filled. `milestone`: the milestone is achieved. `attestation`: the project's log holds a decision titled
    `decision`. `tiers` empty: asked of every project. `unconfirmed`: the reference does not prove that the
    real process asks this.
    """

    key: str
    text: str
    kind: CriterionKind
    type: str | None = None
    states: tuple[str, ...] = ("approved",)
    metric: str | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    field: str | None = None
    milestone: str | None = None
    decision: str | None = None
    tiers: tuple[str, ...] = ()
    unconfirmed: bool = False

    @model_validator(mode="after")
    def _has_what_its_kind_reads(self) -> "Criterion":
        needed = _NEEDED[self.kind]
        if getattr(self, needed) is None:
            raise ValueError(f"a criterion of kind {self.kind} needs {needed}")
        if self.kind == "metric" and self.at_least is None and self.at_most is None:
            raise ValueError("a criterion of kind metric needs at_least or at_most")
        return self


class Gate(_Model):
    """A decision point.

    `at` is where it is due as a share of the planned schedule; `after_finish` is days after the finish.
    """

    key: str
    name: str
    at: Decimal | None = None
    after_finish: int | None = None
    approvers: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    unconfirmed: bool = False


class GatePack(_Model):
    """The gates of a process, in order. `sources` are where the process is published."""

    id: str
    version: int
    title: str
    sources: tuple[str, ...]
    note: str | None = None
    gates: tuple[Gate, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _keys_are_unique(self) -> "GatePack":
        keys = [gate.key for gate in self.gates]
        if len(set(keys)) != len(keys):
            raise ValueError("two gates have the same key")
        return self


def load_rules(choice: str | Mapping[str, Any]) -> StatusRules:
    """The rules of a preset, of a `.yaml` file, or of a mapping from dimension to preset or to an own rule.

    What a preset or mapping does not say comes from `state_15_25`. Raises PresetError.
    """
    if isinstance(choice, str):
        return _preset_rules(choice)
    unknown = [name for name in choice if name not in DIMENSIONS]
    if unknown:
        raise PresetError(
            f"status_rules: unknown dimension {unknown[0]!r}; accepted: {', '.join(DIMENSIONS)}"
        )
    default = _preset_rules(DEFAULT_RULES)
    rules = {name: getattr(default, name) for name in DIMENSIONS}
    obligations: list[Obligation] = []
    for dimension, wanted in choice.items():
        if isinstance(wanted, str):
            preset = _preset_rules(wanted)
            rules[dimension] = getattr(preset, dimension)
            obligations += [duty for duty in preset.obligations if duty.dimension == dimension]
        else:
            rules[dimension] = _rule(dimension, {"preset": "own", "version": 1, **wanted}, "status_rules")
    name = ", ".join(f"{dimension} {rules[dimension].name}" for dimension in choice)
    return StatusRules(id=name or DEFAULT_RULES, version=1, obligations=tuple(obligations), **rules)


def load_pack(choice: str | Mapping[str, Any]) -> GatePack:
    """The gate pack of that name, in a `.yaml` file, or written out as a mapping. Raises PresetError."""
    if not isinstance(choice, str):
        return _pack(choice, "gates")
    return _packaged_pack(choice) if choice in packaged("gates") else _pack(_read("gates", choice), choice)


@cache
def _packaged_pack(name: str) -> GatePack:
    return _pack(_read("gates", name), name)


def _pack(content: Mapping[str, Any], where: str) -> GatePack:
    try:
        return GatePack.model_validate(content)
    except ValidationError as error:
        raise PresetError(f"gate pack {where}: {error}") from error


@cache
def _preset_rules(name: str) -> StatusRules:
    content = _read("rules", name)
    mark = {"preset": content["id"], "version": content["version"]}
    rules = {
        dimension: _rule(dimension, {**mark, **content[dimension]}, f"status rules {name}")
        for dimension in DIMENSIONS
        if dimension in content
    }
    if name != DEFAULT_RULES:
        default = _preset_rules(DEFAULT_RULES)
        rules = {dimension: getattr(default, dimension) for dimension in DIMENSIONS} | rules
    obligations = tuple(Obligation.model_validate(duty) for duty in content.get("obligations", ()))
    return StatusRules(id=content["id"], version=content["version"], obligations=obligations, **rules)


def _rule(dimension: str, content: Mapping[str, Any], where: str) -> Rule:
    try:
        rule = Rule.model_validate(content)
    except ValidationError as error:
        raise PresetError(f"{where}, {dimension}: {error}") from error
    if rule.measure not in MEASURES[dimension]:
        accepted = ", ".join(MEASURES[dimension])
        raise PresetError(f"{where}: {dimension} cannot be judged by {rule.measure}; accepted: {accepted}")
    return rule


def _read(folder: str, name: str) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(_text(folder, name))
    if not isinstance(content, dict) or not {"id", "version"} <= content.keys():
        raise PresetError(f"{name}: a preset is a mapping with an id and a version")
    return content


def _text(folder: str, name: str) -> str:
    if name.endswith((".yaml", ".yml")):
        try:
            return Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise PresetError(f"cannot read {name}: {error.strerror}") from error
    known = packaged(folder)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise PresetError(f"no packaged {folder} preset {name!r}{hint} Accepted: {', '.join(known)}")
    return (files("config") / folder / f"{name}.yaml").read_text(encoding="utf-8")
