"""The deliverable register: what the gates ask a project to show, gate by gate, and how each piece stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from config.presets import Criterion, GatePack
from portfolio.facts import Deliverable, Facts, Source
from portfolio.gates import GateResult, asked_of, of_type

Standing = Literal["in_place", "outdated", "late", "ahead"]
STANDINGS: tuple[Standing, ...] = ("in_place", "outdated", "late", "ahead")


@dataclass(frozen=True, slots=True)
class Entry:
    """A deliverable that a gate asks for.

    `in_place`: as the gate wants it. `outdated`: expired, or approved longer ago than approvals are valid. `late`: not as
    the gate wants it although the gate is decided or its day has passed. `ahead`: not yet asked for.
    """

    gate: str
    type: str
    text: str
    state: str
    standing: Standing
    due_on: date | None
    approved_by: str | None
    approved_on: date | None
    source: Source | None


def register(
    facts: Facts,
    pack: GatePack,
    gated: Sequence[GateResult],
    *,
    today: date,
    zone: ZoneInfo,
    valid_for: timedelta | None,
) -> list[Entry]:
    """Every deliverable and approval that the pack asks of this project's tier, in the order of the gates."""
    results = {each.gate: each for each in gated}
    return [
        _entry(criterion, facts, results[gate.key], today, zone, valid_for)
        for gate in pack.gates
        if gate.key in results
        for criterion in asked_of(gate, facts)
        if criterion.kind in ("deliverable", "approval")
    ]


def _entry(
    criterion: Criterion,
    facts: Facts,
    gate: GateResult,
    today: date,
    zone: ZoneInfo,
    valid_for: timedelta | None,
) -> Entry:
    found = of_type(facts, criterion.type)
    good = next((each for each in found if _satisfies(criterion, each)), None)
    piece = good or next(iter(found), None)
    approved_on = piece.approved_at.astimezone(zone).date() if piece and piece.approved_at else None
    is_old = valid_for is not None and approved_on is not None and approved_on + valid_for < today
    asked = gate.decided_on is not None or (gate.due_on is not None and gate.due_on < today)
    standing: Standing = "late" if asked else "ahead"
    if good is not None:
        standing = "outdated" if is_old else "in_place"
    elif piece is not None and piece.state == "expired":
        standing = "outdated"
    return Entry(
        gate=gate.gate,
        type=criterion.type or "",
        text=criterion.text,
        state=piece.state if piece else "missing",
        standing=standing,
        due_on=gate.due_on,
        approved_by=piece.approved_by if piece else None,
        approved_on=approved_on,
        source=piece.source if piece else None,
    )


def _satisfies(criterion: Criterion, piece: Deliverable) -> bool:
    if criterion.kind == "approval":
        return piece.state == "approved" and bool(piece.approved_by)
    return piece.state in criterion.states


def counted(entries: Sequence[Mapping[str, object]]) -> dict[str, int]:
    """How many entries, as a project's object shows them, have each standing."""
    return {name: sum(each["standing"] == name for each in entries) for name in STANDINGS}
