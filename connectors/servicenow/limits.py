"""What Portico never writes, whatever the configuration says: it neither moves, resolves nor closes a record."""

from collections.abc import Iterable

_NEVER = frozenset(
    [
        "state",
        "incident_state",
        "problem_state",
        "request_state",
        "stage",
        "phase",
        "active",
        "approval",
        "close_code",
        "close_notes",
        "closed_at",
        "closed_by",
        "resolved_at",
        "resolved_by",
        "resolution_code",
        "hold_reason",
        "on_hold",
        "comments",
        "work_notes",
        "comments_and_work_notes",
    ]
)
HINT = "Portico never moves, resolves or closes a record, and writes no comment: name a column of its own in write."


def never_written(names: Iterable[str]) -> tuple[str, ...]:
    """Of these columns, those that only people and the instance's own rules change, and the platform's own."""
    return tuple(sorted(name for name in names if name in _NEVER or name.startswith("sys_")))
