"""What Portico never writes, whatever the configuration says: a record's course, its talk, and what the instance rolls up."""

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
        "percent_complete",
        "start_date",
        "end_date",
        "work_start",
        "work_end",
        "duration",
        "cost",
        "work_cost",
        "comments",
        "work_notes",
        "comments_and_work_notes",
    ]
)
HINT = (
    "Portico never moves, resolves or closes a record, writes no comment, and leaves alone what the instance rolls up:"
    " name a u_ column of its own in write."
)


def never_written(names: Iterable[str]) -> tuple[str, ...]:
    """Of these columns, those that only people and the instance's own rules change, and the platform's own."""
    return tuple(sorted(name for name in names if name in _NEVER or name.startswith("sys_")))
