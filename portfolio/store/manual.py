"""What managers add by command: decisions, actions, the story, overrides, re-baselines. Append-only but for closing."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from portfolio import facts
from portfolio.store import leases, touched
from portfolio.store.tables import action, decision, narrative, override, rebaseline, review


def decide(
    db: Connection,
    project_key: str,
    gate: str,
    verdict: str,
    *,
    decided_on: date,
    by: str,
    note: str | None,
    conditions: list[dict[str, Any]],
    at: datetime,
    valid_until: date | None = None,
) -> None:
    """Records a gate decision.

    `conditions` are `{"text", "due_on", "met_on"}` with days as ISO text or null; met ones also have `met_by` and `met_note`.
    After `valid_until` it stands no longer.
    """
    db.execute(
        insert(decision).values(
            project_key=project_key,
            gate=gate,
            decision=verdict,
            decided_on=decided_on,
            decided_by=by,
            note=note,
            conditions=conditions,
            valid_until=valid_until,
            recorded_at=at,
        )
    )
    touched.project(db, project_key)


def last_decision(db: Connection, project_key: str, gate: str) -> Row[Any] | None:
    """The decision about a gate that counts among those recorded by command, or None.

    Nobody else is told until this transaction ends: what two people change at the same time is changed one after the other.
    """
    leases.lock(db, "decisions")
    mine = select(decision).where(decision.c.project_key == project_key, decision.c.gate == gate)
    return db.execute(
        mine.order_by(decision.c.decided_on.desc(), decision.c.id.desc()).limit(1)
    ).one_or_none()


def meet_condition(
    db: Connection, held: Row[Any], number: int, *, met_on: date, by: str, note: str | None, at: datetime
) -> None:
    """Records the decision again with its condition `number` (from 1) met; as it was before stays on record."""
    conditions = [dict(each) for each in held.conditions]
    conditions[number - 1] |= {"met_on": met_on.isoformat(), "met_by": by, "met_note": note}
    decide(
        db,
        held.project_key,
        held.gate,
        held.decision,
        decided_on=held.decided_on,
        by=held.decided_by,
        note=held.note,
        conditions=conditions,
        at=at,
        valid_until=held.valid_until,
    )


def _condition(kept: Mapping[str, Any]) -> facts.Condition:
    return facts.Condition(
        kept["text"],
        _day(kept.get("due_on")),
        _day(kept.get("met_on")),
        kept.get("met_by"),
        kept.get("met_note"),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def decisions(db: Connection) -> dict[str, tuple[facts.Decision, ...]]:
    """All decisions per project in the order they were recorded."""
    found: dict[str, list[facts.Decision]] = defaultdict(list)
    for row in db.execute(select(decision).order_by(decision.c.id)):
        conditions = tuple(map(_condition, row.conditions))
        found[row.project_key].append(
            facts.Decision(
                row.gate, row.decision, row.decided_on, row.decided_by, row.note, conditions, row.valid_until
            )
        )
    return {key: tuple(some) for key, some in found.items()}


def set_override(
    db: Connection,
    project_key: str,
    dimension: str,
    value: str,
    *,
    why: str,
    by: str,
    until: date,
    at: datetime,
) -> None:
    """Records a manager's colour for a dimension; the newest per dimension counts until its day has passed."""
    db.execute(
        insert(override).values(
            project_key=project_key, dimension=dimension, value=value, why=why, by=by, until=until, at=at
        )
    )
    touched.project(db, project_key)


def overrides(db: Connection) -> dict[str, tuple[facts.Override, ...]]:
    """The newest override per project and dimension."""
    found: dict[str, dict[str, facts.Override]] = defaultdict(dict)
    for row in db.execute(select(override).order_by(override.c.id)):
        found[row.project_key][row.dimension] = facts.Override(
            row.dimension, row.value, row.why, row.by, row.until
        )
    return {key: tuple(some.values()) for key, some in found.items()}


def add_action(
    db: Connection,
    project_key: str,
    title: str,
    *,
    type_: str,
    owner: str | None,
    due_on: date | None,
    at: datetime,
    because: str | None = None,
    cause: str | None = None,
    dimension: str | None = None,
    before: Mapping[str, Any] | None = None,
) -> int:
    """Opens an action; returns its id. The last four are as `facts.Action` has them, `before` as a mapping."""
    result = db.execute(
        insert(action).values(
            project_key=project_key,
            type=type_,
            title=title,
            owner=owner,
            due_on=due_on,
            state="open",
            opened_because=because,
            opened_at=at,
            cause=cause,
            dimension=dimension,
            before=before,
        )
    )
    touched.project(db, project_key)
    key = result.inserted_primary_key
    return int(key[0]) if key else 0


STILL_OPEN = {"state": "open", "outcome": None, "closed_at": None}
"""What closing an action takes away."""


def close_action(db: Connection, number: int, outcome: str, at: datetime) -> bool:
    """Closes an open action with its outcome; False where there is no such open action."""
    closed = db.execute(
        update(action)
        .where(action.c.id == number, action.c.closed_at.is_(None))
        .values(state="closed", outcome=outcome, closed_at=at)
        .returning(action.c.project_key)
    ).all()
    for row in closed:
        touched.project(db, row.project_key)
    return len(closed) == 1


def actions(db: Connection, *, until: datetime | None = None) -> list[dict[str, Any]]:
    """All actions, open ones first, then by due date; with `until`, those opened by then as they stood then."""
    statement = select(action).order_by(action.c.closed_at.is_not(None), action.c.due_on, action.c.id)
    if until is None:
        return [dict(row) for row in db.execute(statement).mappings()]
    rows = [dict(row) for row in db.execute(statement.where(action.c.opened_at <= until)).mappings()]
    found = [
        {**row, **STILL_OPEN} if row["closed_at"] is not None and row["closed_at"] > until else row
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["closed_at"] is not None, row["due_on"] or date.max, row["id"]))


def mark_recovered(db: Connection, numbers: Collection[int], today: date) -> None:
    """Notes that the figures which opened these actions have come back."""
    marked = update(action).where(action.c.id.in_(numbers)).values(recovered_on=today)
    for key in set(db.scalars(marked.returning(action.c.project_key))):
        touched.project(db, key)


def kept_actions(db: Connection) -> dict[str, tuple[facts.Action, ...]]:
    """All actions per project in the order they were opened."""
    found: dict[str, list[facts.Action]] = defaultdict(list)
    for row in db.execute(select(action).order_by(action.c.id)):
        found[row.project_key].append(
            facts.Action(
                id=row.id,
                type=row.type,
                title=row.title,
                owner=row.owner,
                due_on=row.due_on,
                opened_at=row.opened_at,
                closed_at=row.closed_at,
                outcome=row.outcome,
                because=row.opened_because,
                cause=row.cause,
                dimension=row.dimension,
                before=_measured(row.before),
                recovered_on=row.recovered_on,
            )
        )
    return {key: tuple(some) for key, some in found.items()}


def _measured(kept: dict[str, Any] | None) -> facts.Measured | None:
    if kept is None:
        return None
    value = kept["value"]
    return facts.Measured(kept["measure"], None if value is None else Decimal(value), kept["colour"])


def tell(db: Connection, project_key: str, text: str, by: str, at: datetime) -> None:
    """Adds to a project's story."""
    db.execute(insert(narrative).values(project_key=project_key, text=text, by=by, at=at))
    touched.project(db, project_key)


def narratives(db: Connection) -> dict[str, dict[str, Any]]:
    """The newest narrative per project: text, by, at."""
    rows = db.execute(select(narrative).order_by(narrative.c.id))
    return {row.project_key: {"text": row.text, "by": row.by, "at": row.at} for row in rows}


def approve_baseline(
    db: Connection,
    project_key: str,
    *,
    start: date | None,
    finish: date | None,
    by: str,
    why: str,
    at: datetime,
) -> None:
    """Records an approved re-baseline: from now on variance is against these dates."""
    db.execute(
        insert(rebaseline).values(
            project_key=project_key, start_baseline=start, finish_baseline=finish, by=by, why=why, at=at
        )
    )
    touched.project(db, project_key)


def baselines(db: Connection) -> dict[str, list[Any]]:
    """Every approved re-baseline per project, in the order they were approved."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in db.execute(select(rebaseline).order_by(rebaseline.c.id)):
        found[row.project_key].append(row)
    return found


def keep_review(
    db: Connection,
    ranking: Mapping[str, Mapping[str, Any]],
    *,
    held_on: date,
    by: str,
    note: str | None,
    at: datetime,
) -> None:
    """Keeps a review of the priorities: per project its rank and score of that day."""
    db.execute(insert(review).values(ranking=ranking, held_on=held_on, by=by, note=note, at=at))


def last_review(db: Connection) -> dict[str, Any] | None:
    """The newest review of the priorities: `held_on`, `by`, `note`, `ranking`; None where none was held."""
    row = db.execute(select(review).order_by(review.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return {
        "held_on": row.held_on.isoformat(),
        "by": row.by,
        "note": row.note,
        "ranking": row.ranking,
    }
