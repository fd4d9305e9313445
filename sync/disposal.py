"""Letting go what the configuration says is past its time: an explicit step, daily with the census."""

from collections.abc import Mapping

from portfolio.store import retention
from portfolio.store.retention import Terms
from sync.program import Program


def dispose(program: Program) -> Mapping[str, int]:
    """Applies `retention:`; returns how much of each class went. Raises StoreError."""
    said = program.settings.retention
    terms = Terms(said.raw, said.audit, said.hold)
    with program.store() as store, store.transaction() as db:
        return retention.expire(db, terms, at=program.now(), run_id="retention")
