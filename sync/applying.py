"""What became of a patch that was sent, kept in the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Db

from connectors.base import Outcome
from connectors.errors import Conflict, ConnectorError, Retry
from portfolio.store import audit, runs, writes
from portfolio.store import records as raw
from portfolio.store.types import json_like
from sync.assess import WHO
from sync.crash import reach
from sync.outcome import Report
from sync.plan import Change, same


@dataclass(frozen=True, slots=True)
class Sent:
    """A patch under way: its journal number, where it goes, and the changes that it holds."""

    number: int
    connection: str
    record: str
    changes: Sequence[Change]


def keep(db: Db, report: Report, sent: Sent, outcome: Outcome, at: datetime) -> None:
    """Keeps what became of a patch in the open transaction: journal, registry, audit, quarantine, and the counts.

    Of a patch that was taken in part, what was taken is a write, and the rest is refused.
    """
    left = _left(sent, outcome)
    if outcome.error is not None and len(left) == len(sent.changes):
        _keep_failure(db, report, sent, outcome.error, at)
        return
    taken = [change for change in sent.changes if change not in left]
    values = dict(outcome.shown.values) if outcome.shown else {}
    for change in taken:
        shown = values.get(change.field)
        writes.remember(
            db,
            connection=sent.connection,
            record=sent.record,
            field=change.field,
            value=json_like(change.after),
            shown=json_like(shown),
            flips=change.flips,
            run_id=report.run_id,
            at=at,
        )
    raw.show(
        db,
        sent.connection,
        sent.record,
        json_like(values),
        outcome.shown.version if outcome.shown else None,
        at,
    )
    writes.settle(db, sent.number, "applied", at, outcome.error.text if outcome.error else None)
    entries = [_refusal(sent, left, outcome.error)] if outcome.error else []
    runs.release(db, sent.connection, "write", [sent.record], of_write=True, but=entries)
    runs.hold_back(db, entries, of_write=True, at=at, run_id=report.run_id)
    reach("apply.in_settle")
    audit.record(
        db,
        at=at,
        run_id=report.run_id,
        who=WHO,
        what="write",
        subject=f"{sent.connection} {sent.changes[0].label}",
        detail={
            "connection": sent.connection,
            "record": sent.record,
            "changes": [journalled(change) for change in taken],
            "answer": json_like(values),
        },
    )
    report.applied += len(taken)
    report.records_written += 1
    report.refused += len(entries)


def _left(sent: Sent, outcome: Outcome) -> list[Change]:
    """The changes that the tool did not make although it was asked: with an error all, but for those that it shows."""
    if outcome.error is None or outcome.shown is None:
        return [] if outcome.error is None else list(sent.changes)
    shown = outcome.shown.values
    return [change for change in sent.changes if same(shown.get(change.field), change.before)]


def _keep_failure(db: Db, report: Report, sent: Sent, error: ConnectorError, at: datetime) -> None:
    if isinstance(error, Conflict):
        report.conflicts += 1
        writes.settle(db, sent.number, "conflict", at, error.text)
        return
    if isinstance(error, Retry):
        report.unknown += 1
        writes.settle(db, sent.number, "unknown", at, error.text)
        return
    report.refused += 1
    writes.settle(db, sent.number, "refused", at, error.text)
    entry = _refusal(sent, sent.changes, error)
    runs.hold_back(db, [entry], of_write=True, at=at, run_id=report.run_id)


def _refusal(sent: Sent, changes: Sequence[Change], error: ConnectorError) -> dict[str, Any]:
    """The quarantine entry of changes that were refused."""
    return {
        "connection": sent.connection,
        "kind": "write",
        "external_id": sent.record,
        "external_key": changes[0].label,
        "field": ", ".join(sorted(change.field for change in changes)),
        "value": "; ".join(str(change.after) for change in changes)[:500],
        "reason": error.text,
        "fix": error.fix,
    }


def journalled(change: Change) -> dict[str, Any]:
    """A change as the journal and the audit log keep it."""
    return {
        "field": change.field,
        "figure": change.figure,
        "before": json_like(change.before),
        "after": json_like(change.after),
        "why": change.why,
        "flips": change.flips,
    }
