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
from sync.plan import Change


@dataclass(frozen=True, slots=True)
class Sent:
    """A patch under way: its journal number, where it goes, and the changes that it holds."""

    number: int
    connection: str
    record: str
    changes: Sequence[Change]


def keep(db: Db, report: Report, sent: Sent, outcome: Outcome, at: datetime) -> None:
    """Keeps what became of a patch in the open transaction: journal, registry, audit, quarantine, and the counts."""
    if outcome.error is not None:
        _keep_failure(db, report, sent, outcome.error, at)
        return
    values = dict(outcome.shown.values) if outcome.shown else {}
    for change in sent.changes:
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
    writes.settle(db, sent.number, "applied", at)
    runs.release(db, sent.connection, "write", [sent.record], of_write=True)
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
            "changes": [journalled(change) for change in sent.changes],
            "answer": json_like(values),
        },
    )
    report.applied += len(sent.changes)
    report.records_written += 1


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
    entry = {
        "connection": sent.connection,
        "kind": "write",
        "external_id": sent.record,
        "external_key": sent.changes[0].label,
        "field": ", ".join(sorted(change.field for change in sent.changes)),
        "value": "; ".join(str(change.after) for change in sent.changes)[:500],
        "reason": error.text,
        "fix": error.fix,
    }
    runs.hold_back(db, [entry], of_write=True, at=at, run_id=report.run_id)


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
