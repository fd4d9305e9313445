"""The colour of each dimension, with everything that made it.

A limit belongs to the better colour; nothing is rounded before it is compared, so there is no gap between two
colours. What cannot be computed, or rests on a stale source, is unknown, never green.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from config.presets import HIGHER_IS_BETTER, Rule
from portfolio.facts import Facts, Override, Source

Colour = Literal["green", "amber", "red", "approved_change", "unknown"]
Input = Decimal | int | str | date | None

RANK: Mapping[str, int] = {"green": 0, "approved_change": 1, "amber": 1, "red": 2}
_WORDS = {
    "g": "green",
    "on track": "green",
    "a": "amber",
    "y": "amber",
    "yellow": "amber",
    "at risk": "amber",
    "r": "red",
    "off track": "red",
}


@dataclass(frozen=True, slots=True)
class Ratio:
    """A measure as numerator and denominator (positive), so that a comparison with a limit is exact."""

    numerator: Decimal
    denominator: Decimal

    @property
    def value(self) -> Decimal:
        """The quotient, for showing."""
        return self.numerator / self.denominator


@dataclass(frozen=True, slots=True)
class Verdict:
    """A dimension's colour.

    `value` is what counts (the override while one stands), `computed` what the rule said. `because` is one
    sentence, `threshold` the limits it was held against, `turn_green` what would have to change.
    """

    value: Colour
    computed: Colour
    rule: str
    because: str
    inputs: Mapping[str, Input] = field(default_factory=dict)
    threshold: Mapping[str, Input] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    turn_green: str | None = None
    declared: str | None = None
    override: Override | None = None


def colour(ratio: Ratio, rule: Rule, previous: str | None = None) -> Colour:
    """The colour of a measure by a rule's two limits; exactly at a limit it is the better colour.

    `previous` is the colour it had: where the rule declares a hysteresis, a better one is reached only past the limit by that.
    """
    plain = _by_limits(ratio, rule, Decimal(0))
    had = RANK.get(previous or "", 0)
    if RANK[plain] >= had:
        return plain
    strict = _by_limits(ratio, rule, rule.hysteresis)
    return strict if RANK[strict] < had else "red" if previous == "red" else "amber"


def _by_limits(ratio: Ratio, rule: Rule, band: Decimal) -> Colour:
    """The colour by limits that are `band` harder to keep."""
    green, amber = limits(rule)
    if rule.measure in HIGHER_IS_BETTER:
        if ratio.numerator >= (green + band) * ratio.denominator:
            return "green"
        return "amber" if ratio.numerator >= (amber + band) * ratio.denominator else "red"
    if ratio.numerator <= (green - band) * ratio.denominator:
        return "green"
    return "amber" if ratio.numerator <= (amber - band) * ratio.denominator else "red"


def limits(rule: Rule) -> tuple[Decimal, Decimal]:
    """The green and the amber limit of a rule that has them, as every measure but `worst_of` does; else ValueError."""
    if rule.green is None or rule.amber is None:
        raise ValueError(f"rule {rule.name} has no limits for {rule.measure}")
    return rule.green, rule.amber


def goal(rule: Rule) -> Decimal:
    """The value at which something that is not green turns green: the limit, and the hysteresis inside it."""
    green, _ = limits(rule)
    return green + rule.hysteresis if rule.measure in HIGHER_IS_BETTER else green - rule.hysteresis


def held(ratio: Ratio, rule: Rule, found: str) -> str:
    """The sentence that tells that the colour is only held by the hysteresis; empty where it is not."""
    plain = _by_limits(ratio, rule, Decimal(0))
    if RANK[found] <= RANK[plain]:
        return ""
    return f" It would be {plain}, and stays {found} until it is {rule.hysteresis:f} inside the limit."


def unknown(rule: Rule, because: str, inputs: Mapping[str, Input] | None = None) -> Verdict:
    """The verdict where nothing can be said, and why."""
    return Verdict("unknown", "unknown", rule.name, because, inputs or {}, threshold(rule))


def threshold(rule: Rule) -> dict[str, Input]:
    """The measure and limits of a rule, as shown beside a colour."""
    shown: dict[str, Input] = {"measure": rule.measure}
    if rule.measure != "worst_of":
        shown["green"], shown["amber"] = limits(rule)
    if rule.hysteresis:
        shown["hysteresis"] = rule.hysteresis
    return shown


def declared_colour(word: str | None) -> str | None:
    """A manager's word as one of our colours where it is one, else the word itself."""
    if word is None or not word.strip():
        return None
    plain = word.strip().lower()
    return _WORDS.get(plain, plain)


def declared(facts: Facts, dimension: str) -> str | None:
    """What the newest status report says of a dimension; for overall also the project's declared status."""
    word = getattr(facts.report, dimension) if facts.report else None
    if word is None and dimension == "overall":
        word = facts.declared_status
    return declared_colour(word)


def gap(declared: str | None, computed: str | None) -> int:
    """By how many colours the declared one is better than the amber or red that is computed; 0 where it is not.

    A word that is no colour counts as no declaration.
    """
    return RANK[computed or ""] - RANK[declared or ""] if declared_better(declared, computed) else 0


def declared_better(declared: str | None, computed: str | None) -> bool:
    """A colour is declared that is better than the amber or red that is computed.

    An approved change is a colour of its own that a manager may call green: it is none.
    """
    if computed not in ("amber", "red"):
        return False
    return RANK.get(declared or "", RANK["red"]) < RANK[computed]


def override_of(facts: Facts, dimension: str, today: date) -> Override | None:
    """The override that stands today for a dimension; its last day counts."""
    standing = [each for each in facts.overrides if each.dimension == dimension and each.until >= today]
    return standing[-1] if standing else None


def overall(verdicts: Mapping[str, Verdict], rule: Rule, previous: str | None = None) -> Verdict:
    """The project's colour from its four dimensions' effective colours.

    Worst of: the worst known red or amber (an approved change counts as amber), else unknown if schedule or
    cost is unknown, else green. Percent green: the share of known dimensions that are green, unknown if
    schedule or cost is unknown.
    """
    values = {name: verdict.value for name, verdict in verdicts.items()}
    inputs: dict[str, Input] = dict(values)
    if rule.measure == "percent_green":
        return _percent_green(verdicts, rule, inputs, previous)
    worst = max((RANK[value] for value in values.values() if value in RANK), default=0)
    if worst > 0:
        value: Colour = "red" if worst == RANK["red"] else "amber"
        causes = [name for name, each in values.items() if RANK.get(each) == worst]
        because = " ".join(f"{name.capitalize()}: {verdicts[name].because}" for name in causes)
        remedies = [remedy for name in causes if (remedy := verdicts[name].turn_green)]
        return _rolled_up(value, because, verdicts, rule, inputs, " ".join(remedies) or None)
    missing = [name for name in ("schedule", "cost") if values[name] == "unknown"]
    if missing:
        because = " ".join(f"{name.capitalize()} is unknown: {verdicts[name].because}" for name in missing)
        return _rolled_up("unknown", because, verdicts, rule, inputs)
    known = [name for name, each in values.items() if each == "green"]
    return _rolled_up(
        "green", f"No dimension is amber or red; green: {', '.join(known)}.", verdicts, rule, inputs
    )


def _percent_green(
    verdicts: Mapping[str, Verdict], rule: Rule, inputs: Mapping[str, Input], previous: str | None
) -> Verdict:
    missing = [name for name in ("schedule", "cost") if verdicts[name].value == "unknown"]
    if missing:
        because = " ".join(f"{name.capitalize()} is unknown: {verdicts[name].because}" for name in missing)
        return _rolled_up("unknown", because, verdicts, rule, inputs)
    known = [verdict.value for verdict in verdicts.values() if verdict.value != "unknown"]
    ratio = Ratio(Decimal(known.count("green")), Decimal(len(known)))
    because = f"{known.count('green')} of {len(known)} known dimensions are green."
    value = colour(ratio, rule, previous)
    return _rolled_up(value, because + held(ratio, rule, value), verdicts, rule, inputs)


def _rolled_up(
    value: Colour,
    because: str,
    verdicts: Mapping[str, Verdict],
    rule: Rule,
    inputs: Mapping[str, Input],
    turn_green: str | None = None,
) -> Verdict:
    sources = distinct([source for verdict in verdicts.values() for source in verdict.sources])
    return Verdict(value, value, rule.name, because, inputs, threshold(rule), sources, turn_green)


def distinct(sources: Sequence[Source | None]) -> tuple[Source, ...]:
    """The sources that are known, each once, in order."""
    return tuple(dict.fromkeys(source for source in sources if source is not None))
