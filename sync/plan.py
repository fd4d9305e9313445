"""The plan: wanted values against what the sources show now, as a list of changes that can be read before it is run.

Pure. The world decides what to write; the registry of earlier writes only tells drift from a changed wish and knows a value
that the tool reshaped.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

Plain = str | Decimal | bool | None
Policy = Literal["restore", "keep", "report"]
SHARE_FROM = 20
"""The share brake applies from this many records that Portico has written."""
FLIPS = 3
"""A value that was put back so often in a row is left alone: something else keeps writing the field."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A value that a field should hold. A `companion` (computed_at, snapshot_id, explanation) never moves alone."""

    connection: str
    record: str
    label: str
    project: str | None
    figure: str
    field: str
    value: Plain
    why: str
    companion: bool = False
    on_drift: Policy = "restore"


@dataclass(frozen=True, slots=True)
class Sight:
    """What a record shows now. `exists` false: it will be created by the write."""

    exists: bool
    values: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What Portico last wrote into a field, what the tool showed right after, and how often in a row it was put back."""

    value: Plain
    shown: Plain
    flips: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one record: before, after, and the reason. `first` when Portico never wrote this field there.

    `flips`: how often in a row, with this change, the same value is put back.
    """

    connection: str
    record: str
    label: str
    project: str | None
    figure: str
    field: str
    before: Plain
    after: Plain
    why: str
    first: bool
    flips: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A wish that cannot be planned, with the fix."""

    connection: str
    label: str
    field: str
    figure: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A value of Portico's that someone changed, under a policy that leaves it; `parked`: put back too often."""

    connection: str
    label: str
    field: str
    written: Plain
    shown: Plain
    policy: Policy | Literal["parked"]


@dataclass(frozen=True, slots=True)
class Hold:
    """A brake: nothing is written to this connection until someone approves."""

    connection: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run would write, what it cannot write, and what it leaves to people."""

    changes: tuple[Change, ...] = ()
    refused: tuple[Refusal, ...] = ()
    drift: tuple[Drift, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """The caps of one connection: records per run whose written value may change, and their share of all written ones.

    `max_records`, when a person gave one for this run, also counts first fills.
    """

    max_changes: int
    max_share: Decimal
    max_records: int | None = None


def _number(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    return None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def same(one: Plain, other: Plain) -> bool:
    """Whether two plain values mean the same: numbers by value, instants by moment, empty text as None."""
    one, other = (None if one == "" else one), (None if other == "" else other)
    if one == other:
        return True
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return _number(one) is not None and _number(one) == _number(other)
    moments = _instant(one), _instant(other)
    return moments[0] is not None and moments[1] is not None and moments[0] == moments[1]


def told(value: Plain) -> str:
    """A value as a message shows it: a number in digits, anything else in quotes."""
    return format(value, "f") if isinstance(value, Decimal) else repr(value)


def _change(wish: Wish, shown: Plain, written: Written | None, why: str) -> Change:
    return Change(
        wish.connection,
        wish.record,
        wish.label,
        wish.project,
        wish.figure,
        wish.field,
        shown,
        wish.value,
        why,
        first=written is None,
    )


def _decide(wish: Wish, shown: Plain, written: Written | None) -> Change | Drift | None:
    if same(wish.value, shown):
        return None
    if written is None:
        return _change(wish, shown, None, wish.why)
    reshaped = same(written.value, wish.value)
    untouched = same(written.shown, shown)
    if untouched and reshaped:
        return None
    if untouched or same(written.value, shown):
        return _change(wish, shown, written, wish.why)
    if wish.on_drift == "restore":
        return _restore(wish, shown, written)
    return Drift(wish.connection, wish.label, wish.field, written.value, shown, wish.on_drift)


def _restore(wish: Wish, shown: Plain, written: Written) -> Change | Drift:
    flips = written.flips + 1 if same(written.value, wish.value) else 0
    if flips > FLIPS:
        return Drift(wish.connection, wish.label, wish.field, written.value, shown, "parked")
    change = _change(wish, shown, written, f"restored, it was changed by hand to {told(shown)}; {wish.why}")
    return replace(change, flips=flips)


def make(
    wishes: Iterable[Wish],
    sights: Mapping[tuple[str, str], Sight],
    written: Mapping[tuple[str, str, str], Written],
) -> Plan:
    """The plan for these wishes.

    Records that were not seen (`sights` has no entry) are left out: what cannot be compared is not written.
    """
    by_record: dict[tuple[str, str], list[Wish]] = defaultdict(list)
    for wish in wishes:
        by_record[(wish.connection, wish.record)].append(wish)
    changes: list[Change] = []
    drift: list[Drift] = []
    for place, group in sorted(by_record.items()):
        sight = sights.get(place)
        if sight is None:
            continue
        leaders = [wish for wish in group if not wish.companion]
        decided = [_decide(w, sight.values.get(w.field), written.get((*place, w.field))) for w in leaders]
        moved = [each for each in decided if isinstance(each, Change)]
        drift += [each for each in decided if isinstance(each, Drift)]
        if not moved:
            continue
        changes += moved
        for wish in group:
            shown = sight.values.get(wish.field)
            if wish.companion and not same(wish.value, shown):
                changes.append(_change(wish, shown, written.get((*place, wish.field)), wish.why))
    return Plan(tuple(changes), (), tuple(drift))


def brakes(
    changes: Sequence[Change], owned_records: Mapping[str, int], limits: Mapping[str, Limits]
) -> list[Hold]:
    """The connections that a cap holds. Caps count records; first fills do not count toward the share."""
    touched: dict[str, set[str]] = defaultdict(set)
    revised: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        touched[change.connection].add(change.record)
        if not change.first:
            revised[change.connection].add(change.record)
    holds = []
    for name in sorted(touched):
        limit, owned = limits[name], owned_records.get(name, 0)
        if limit.max_records is not None and len(touched[name]) > limit.max_records:
            holds.append(
                Hold(
                    name,
                    f"{len(touched[name])} records would be written, --max-changes is {limit.max_records}",
                )
            )
        elif limit.max_records is None and len(revised[name]) > limit.max_changes:
            reason = f"{len(revised[name])} records would change, the cap max_changes is {limit.max_changes}"
            holds.append(Hold(name, reason))
        elif owned >= SHARE_FROM and Decimal(len(revised[name])) / owned > limit.max_share:
            share = Decimal(len(revised[name])) / owned
            text = f"{len(revised[name])} of {owned} written records would change ({share:.0%})"
            holds.append(Hold(name, f"{text}, max_share is {limit.max_share:.0%}"))
    return holds


def as_document(plan: Plan, held: Sequence[Hold] = ()) -> dict[str, Any]:
    """The JSON document of `portico plan`."""
    per_connection: dict[str, int] = defaultdict(int)
    for change in plan.changes:
        per_connection[change.connection] += 1
    return {
        "changes": [
            {
                "connection": each.connection,
                "record": each.label,
                "field": each.field,
                "figure": each.figure,
                "project": each.project,
                "before": _json(each.before),
                "after": _json(each.after),
                "why": each.why,
            }
            for each in plan.changes
        ],
        "refused": [
            {
                "connection": each.connection,
                "record": each.label,
                "field": each.field,
                "figure": each.figure,
                "reason": each.reason,
                "fix": each.fix,
            }
            for each in plan.refused
        ],
        "drift": [
            {
                "connection": each.connection,
                "record": each.label,
                "field": each.field,
                "written": _json(each.written),
                "shown": _json(each.shown),
                "policy": each.policy,
            }
            for each in plan.drift
        ],
        "held": [{"connection": each.connection, "reason": each.reason} for each in held],
        "counts": {
            "changes": len(plan.changes),
            "records": len({(each.connection, each.record) for each in plan.changes}),
            "refused": len(plan.refused),
            "drift": len(plan.drift),
            "connections": dict(sorted(per_connection.items())),
        },
    }


def _json(value: Plain) -> str | bool | None:
    return str(value) if isinstance(value, Decimal) else value
