"""Stage gates: a pack's criteria against the facts, and what a recorded decision makes of them.

No evidence, no pass: a criterion that nothing shows is unmet. A decision is always recorded; `approved` with
unmet criteria is shown `in_progress` until they are met, waived or made conditions. A condition that is past
its day and not met reopens the gate. `overdue` replaces only not_started, in_progress and ready of a gate
that nobody has decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from config.presets import Criterion, Gate, GatePack
from portfolio.facts import Condition, Decision, Deliverable, Facts, Milestone, Source
from portfolio.shown import figure

PASSED = ("approved", "approved_with_conditions", "waived")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was looked at: the record to click through to; of a document also the hash of its content and its approval."""

    source: Source
    content_hash: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """Whether a criterion is met, and the evidence or what is missing."""

    criterion: str
    met: bool
    because: str
    unconfirmed: bool
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate of one project.

    `unmet`, `lapsed` and `expired` are why an approval does not hold: criteria, conditions past their day, its own last day.
    """

    gate: str
    name: str
    position: int
    status: str
    due_on: date | None
    decided_on: date | None
    decided_by: str | None
    note: str | None
    criteria: tuple[CriterionResult, ...]
    conditions: tuple[Condition, ...]
    decision: str | None
    unmet: tuple[str, ...]
    lapsed: tuple[Condition, ...]
    valid_until: date | None
    expired: bool
    source: Source | None
    """The tool's record that holds the decision."""
    unconfirmed: bool

    @property
    def passed(self) -> bool:
        """True where the project may go on: approved, approved with conditions, or waived."""
        return self.status in PASSED


@dataclass(frozen=True, slots=True)
class Tailored:
    """A gate or criterion that the pack does not ask of this project's tier."""

    gate: str
    criterion: str | None
    because: str


def judge_gates(
    facts: Facts, pack: GatePack, metrics: Mapping[str, Decimal | None], today: date
) -> list[GateResult]:
    """Every gate of the pack that this project's tier is asked, in order.

    `metrics` are the figures that criteria may name.
    """
    return [
        _gate(gate, position, facts, metrics, today)
        for position, gate in enumerate(pack.gates)
        if _applies(gate.tiers, facts.tier)
    ]


def asked_of(gate: Gate, facts: Facts) -> list[Criterion]:
    """The criteria of a gate that this project's tier is asked."""
    return [criterion for criterion in gate.criteria if _applies(criterion.tiers, facts.tier)]


def tailoring(facts: Facts, pack: GatePack) -> list[Tailored]:
    """What is not asked of this project because of its tier. A project without a tier is asked everything."""
    left_out = []
    for gate in pack.gates:
        if not _applies(gate.tiers, facts.tier):
            left_out.append(Tailored(gate.key, None, _tier_reason(gate.tiers, facts.tier)))
            continue
        left_out += [
            Tailored(gate.key, criterion.key, _tier_reason(criterion.tiers, facts.tier))
            for criterion in gate.criteria
            if not _applies(criterion.tiers, facts.tier)
        ]
    return left_out


def current(gates: Sequence[GateResult]) -> GateResult | None:
    """The first gate that is not passed; the last one when all are."""
    return next((gate for gate in gates if not gate.passed), gates[-1] if gates else None)


def following(gates: Sequence[GateResult]) -> GateResult | None:
    """The gate after the current one, or None."""
    here = current(gates)
    return next((gate for gate in gates if here and gate.position > here.position), None)


def skipped(gates: Sequence[GateResult]) -> list[GateResult]:
    """Gates that are not passed although a later one is."""
    last = max((gate.position for gate in gates if gate.passed), default=-1)
    return [gate for gate in gates if gate.position < last and not gate.passed]


def due_on(gate: Gate, facts: Facts) -> date | None:
    """When a gate is due: the day of its milestone, else its place in the schedule that the pack gives.

    A milestone's day is the planned, else the baseline, else the forecast one. The milestone is the one named
    after the gate: its key or its name, or starting with its key (`G3 Procurement`). The pack's place is a
    share of the days from planned start to planned finish, or a number of days after the finish; baseline
    dates stand in for missing planned ones.
    """
    milestone = next((each for each in facts.milestones if _named_after(each, gate)), None)
    if milestone:
        return milestone.planned_on or milestone.baseline_on or milestone.forecast_on
    finish = facts.finish_planned or facts.finish_baseline
    if gate.after_finish is not None:
        ended = facts.finish_actual or finish
        return ended + timedelta(days=gate.after_finish) if ended else None
    start = facts.start_planned or facts.start_baseline
    if gate.at is None or start is None or finish is None or finish < start:
        return None
    return start + timedelta(days=int(gate.at * (finish - start).days))


def _named_after(milestone: Milestone, gate: Gate) -> bool:
    name, key = milestone.name.strip().casefold(), gate.key.casefold()
    rest = name.removeprefix(key)
    starts_with_key = rest != name and (not rest or not (rest[0].isalnum()))
    return starts_with_key or name in (gate.name.casefold(), f"gate {key}", f"gate {key.removeprefix('g')}")


def _gate(
    gate: Gate, position: int, facts: Facts, metrics: Mapping[str, Decimal | None], today: date
) -> GateResult:
    results = tuple(_check(criterion, facts, metrics) for criterion in asked_of(gate, facts))
    unmet = tuple(result.criterion for result in results if not result.met)
    due = due_on(gate, facts)
    decision = newest(facts.decisions, gate.key)
    conditions = tuple(_as_of(each, today) for each in decision.conditions) if decision else ()
    lapsed = tuple(each for each in conditions if _has_lapsed(each, today))
    until = decision.valid_until if decision else None
    expired = until is not None and until < today
    return GateResult(
        gate=gate.key,
        name=gate.name,
        position=position,
        status="in_progress"
        if expired and decision and decision.decision in PASSED
        else _status(decision, results, unmet, lapsed, due, today),
        due_on=due,
        decided_on=decision.decided_on if decision else None,
        decided_by=decision.decided_by if decision else None,
        note=decision.note if decision else None,
        criteria=results,
        conditions=conditions,
        decision=decision.decision if decision else None,
        unmet=unmet,
        lapsed=lapsed,
        valid_until=until,
        expired=expired,
        source=decision.source if decision else None,
        unconfirmed=gate.unconfirmed,
    )


def _status(
    decision: Decision | None,
    results: Sequence[CriterionResult],
    unmet: Sequence[str],
    lapsed: Sequence[Condition],
    due: date | None,
    today: date,
) -> str:
    if decision is None:
        return "overdue" if due is not None and due < today else _progress(results, unmet)
    if decision.decision not in PASSED:
        return decision.decision
    if lapsed:
        return "in_progress"
    conditional = decision.decision == "approved_with_conditions" and decision.conditions
    if unmet and decision.decision != "waived" and not conditional:
        return "in_progress"
    return decision.decision


def _progress(results: Sequence[CriterionResult], unmet: Sequence[str]) -> str:
    if results and not unmet:
        return "ready"
    return "in_progress" if len(unmet) < len(results) else "not_started"


def _as_of(condition: Condition, today: date) -> Condition:
    """The condition as it stood that day: what was met later was open."""
    if condition.met_on is None or condition.met_on <= today:
        return condition
    return Condition(condition.text, condition.due_on)


def _has_lapsed(condition: Condition, today: date) -> bool:
    return condition.met_on is None and condition.due_on is not None and condition.due_on < today


def newest(decisions: Sequence[Decision], gate: str) -> Decision | None:
    """The decision about a gate that counts: the newest that names somebody, of one day the last."""
    mine = [each for each in decisions if each.gate.casefold() == gate.casefold() and each.decided_by]
    newest = max((decision.decided_on for decision in mine), default=None)
    return next((decision for decision in reversed(mine) if decision.decided_on == newest), None)


def _applies(tiers: Sequence[str], tier: str | None) -> bool:
    return not tiers or tier is None or tier.casefold() in {each.casefold() for each in tiers}


def _tier_reason(tiers: Sequence[str], tier: str | None) -> str:
    return f"Asked of {' and '.join(tiers)} projects; this one is {tier}."


Checked = tuple[bool, str, Evidence | None]
"""Whether a criterion is met, why, and what was looked at."""


def _check(criterion: Criterion, facts: Facts, metrics: Mapping[str, Decimal | None]) -> CriterionResult:
    checks = {
        "deliverable": lambda: _deliverable(criterion, facts),
        "approval": lambda: _approval(criterion, facts),
        "metric": lambda: _metric(criterion, metrics),
        "field": lambda: _field(criterion, facts),
        "milestone": lambda: _milestone(criterion, facts),
        "attestation": lambda: _attestation(criterion, facts),
    }
    met, because, evidence = checks[criterion.kind]()
    return CriterionResult(criterion.text, met, because, criterion.unconfirmed, evidence)


def _of_piece(piece: Deliverable) -> Evidence:
    return Evidence(piece.source, piece.content_hash, piece.approved_by, piece.approved_at)


def _of(source: Source | None) -> Evidence | None:
    return Evidence(source) if source else None


def _deliverable(criterion: Criterion, facts: Facts) -> Checked:
    found = of_type(facts, criterion.type)
    if not found:
        return False, f"There is no {_words(criterion.type)}.", None
    good = next((each for each in found if each.state in criterion.states), None)
    if good:
        return True, f"{good.source.external_key} is {good.state}.", _of_piece(good)
    short = f"{found[0].source.external_key} is {found[0].state}, not {' or '.join(criterion.states)}."
    return False, short, _of_piece(found[0])


def _approval(criterion: Criterion, facts: Facts) -> Checked:
    found = of_type(facts, criterion.type)
    if not found:
        return False, f"There is no {_words(criterion.type)}.", None
    good = next((each for each in found if each.state == "approved" and each.approved_by), None)
    if good:
        when = f" on {good.approved_at:%Y-%m-%d}" if good.approved_at else ""
        return True, f"{good.source.external_key} was approved by {good.approved_by}{when}.", _of_piece(good)
    short = f"{found[0].source.external_key} is {found[0].state}, with no named approval."
    return False, short, _of_piece(found[0])


def _metric(criterion: Criterion, metrics: Mapping[str, Decimal | None]) -> Checked:
    name = _words(criterion.metric)
    value = metrics.get(criterion.metric or "")
    if value is None:
        return False, f"The {name} is unknown.", None
    if criterion.at_least is not None and value < criterion.at_least:
        return False, f"The {name} is {figure(value, ROUND_FLOOR)}, below {criterion.at_least}.", None
    if criterion.at_most is not None and value > criterion.at_most:
        return False, f"The {name} is {figure(value, ROUND_CEILING)}, above {criterion.at_most}.", None
    return True, f"The {name} is {figure(value, ROUND_FLOOR)}.", None


def _field(criterion: Criterion, facts: Facts) -> Checked:
    value = getattr(facts, criterion.field or "")
    name = _words(criterion.field)
    if value is None or value in ("", ()):
        return False, f"The project's {name} {'are' if value == () else 'is'} empty.", _of(facts.source)
    if isinstance(value, tuple):
        return True, f"The project's {name} are {', '.join(value)}.", _of(facts.source)
    return True, f"The project's {name} is {'filled' if name == 'description' else value}.", _of(facts.source)


def _milestone(criterion: Criterion, facts: Facts) -> Checked:
    wanted = (criterion.milestone or "").casefold()
    found = [each for each in facts.milestones if each.name.strip().casefold() == wanted]
    if not found:
        return False, f"There is no milestone {criterion.milestone}.", None
    achieved = next((each for each in found if each.achieved_on), None)
    if achieved is None:
        return False, f"The milestone {criterion.milestone} is not achieved.", _of(found[0].source)
    told = f"The milestone {criterion.milestone} was achieved on {achieved.achieved_on}."
    return True, told, _of(achieved.source)


def _attestation(criterion: Criterion, facts: Facts) -> Checked:
    wanted = (criterion.decision or "").casefold()
    found = [
        each for each in facts.risks if each.type == "decision" and each.title.strip().casefold() == wanted
    ]
    if not found:
        return False, f"The log holds no decision titled {criterion.decision}.", None
    told = f"{found[0].source.external_key} records the decision {criterion.decision}."
    return True, told, _of(found[0].source)


def of_type(facts: Facts, type_: str | None) -> list[Deliverable]:
    """The project's deliverables of a type; case, spaces, hyphens and underscores do not matter."""
    wanted = _words(type_)
    return [each for each in facts.deliverables if _words(each.type) == wanted]


def _words(name: str | None) -> str:
    return (name or "").replace("_", " ").replace("-", " ").strip().casefold()
