"""What a person allows for a run, and what the run came to."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sync.assess import Assessed
from sync.plan import Hold, Plan
from sync.pull import Result


@dataclass(frozen=True, slots=True)
class Caps:
    """What a person allows for this run; None: as configured."""

    max_changes: int | None = None
    max_share: Decimal | None = None
    approve: bool = False


@dataclass(slots=True)
class Report:
    """What a run came to, for the terminal, the exit code and the store."""

    run_id: str
    read: dict[str, Result] = field(default_factory=dict)
    assessed: Assessed | None = None
    plan: Plan = field(default_factory=Plan)
    held: list[Hold] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    """Connections whose targets could not be looked at, and why."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Connections whose writes wait for a later run, and why: quiet hours, or writing was switched off meanwhile."""
    applied: int = 0
    records_written: int = 0
    refused: int = 0
    conflicts: int = 0
    unknown: int = 0
    quarantined: int = 0
    interrupted: bool = False

    @property
    def outcome(self) -> str:
        """`held`, `findings` or `done`."""
        if self.held or any(result.held for result in self.read.values()):
            return "held"
        failed = any(not result.ok for result in self.read.values()) or self.unread
        parked = any(each.policy == "parked" for each in self.plan.drift)
        left = (
            self.refused or self.conflicts or self.unknown or self.quarantined or self.plan.refused or parked
        )
        return "findings" if failed or left or self.interrupted else "done"

    def counts(self) -> dict[str, Any]:
        """The figures that the store keeps of a run."""
        return {
            "records": sum(result.records for result in self.read.values()),
            "changed": sum(result.changed for result in self.read.values()),
            "rejected": sum(result.rejected for result in self.read.values()),
            "deleted": sum(result.deleted for result in self.read.values()),
            "projects": len(self.assessed.judged) if self.assessed else 0,
            "judged_anew": self.assessed.changed if self.assessed else 0,
            "planned": len(self.plan.changes),
            "written": self.applied,
            "records_written": self.records_written,
            "refused": self.refused + len(self.plan.refused),
            "conflicts": self.conflicts,
            "unknown": self.unknown,
            "failed": sorted(name for name, result in self.read.items() if not result.ok),
            "held": sorted({hold.connection for hold in self.held}),
            "waiting": dict(sorted(self.waiting.items())),
        }


def told(result: Result) -> str:
    """A connection's read in one line."""
    if result.error is not None:
        return f"{result.name}: {result.error}"
    text = f"{result.name}: {result.records} records read, {result.changed} new or changed"
    if result.rejected:
        text += f", {result.rejected} values in quarantine"
    if result.deleted:
        text += f", {result.deleted} gone"
    return f"{text}; HELD: {result.held}" if result.held else text
