"""What a tool grants still, as its answers tell: how many requests are left, of how many, until when.

Headers: `X-RateLimit-Limit/-Remaining/-Reset/-NearLimit` (Jira Cloud, whose Reset is an ISO instant that may lack seconds;
ServiceNow, in epoch seconds, without Remaining: nothing is left where it refuses; Jira Data Center, without Reset), and
`RateLimit-Policy` with `RateLimit` (`"name";q=65000;w=3600`, `"name";r=120;t=900`; several entries, the scarcest counts;
Atlassian also with `Beta-` before).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

_NEAR = 5
"""Near the limit is where less than a fifth is left, as Jira has it."""
_ENTRY = re.compile(r'"([^"]*)"((?:\s*;\s*\w+=[\w.]+)*)')
_MEMBER = re.compile(r"(\w+)=(\d+)")


@dataclass(frozen=True, slots=True)
class Budget:
    """What was left of a limit at an instant. `resets_at` None: the tool did not say, or refills all the time."""

    limit: int | None
    remaining: int | None
    near_limit: bool
    resets_at: datetime | None
    seen_at: datetime


@runtime_checkable
class Metered(Protocol):
    """A connector that knows what its tool grants still."""

    @property
    def budget(self) -> Budget | None:
        """What the last answer that told of it said."""
        ...


def budget_of(headers: Mapping[str, str], now: datetime) -> Budget | None:
    """What an answer tells; None if it tells nothing."""
    named = list(_entries(headers, now))
    if named:
        return min(named, key=lambda each: (each.remaining or 0) / (each.limit or each.remaining or 1))
    limit, remaining = _whole(headers.get("X-RateLimit-Limit")), _whole(headers.get("X-RateLimit-Remaining"))
    said, until = headers.get("X-RateLimit-NearLimit", "").strip().lower(), resets_at(headers)
    if limit is not None and until and "Retry-After" in headers:
        remaining = remaining or 0
    if remaining is None and not said and not (limit and until):
        return None
    near = said == "true" if said else _scarce(limit, remaining)
    return Budget(limit, remaining, near, until, now)


def resets_at(headers: Mapping[str, str]) -> datetime | None:
    """The instant in `X-RateLimit-Reset`: ISO 8601 or epoch seconds; None for anything else."""
    value = headers.get("X-RateLimit-Reset", "").strip()
    try:
        at = datetime.fromtimestamp(int(value), UTC) if value.isdigit() else datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _entries(headers: Mapping[str, str], now: datetime) -> Iterator[Budget]:
    for prefix in ("", "Beta-"):
        policies = dict(_members(headers.get(f"{prefix}RateLimit-Policy", "")))
        for name, held in _members(headers.get(f"{prefix}RateLimit", "")):
            if "r" in held:
                limit = policies.get(name, {}).get("q")
                until = now + timedelta(seconds=held["t"]) if "t" in held else None
                yield Budget(limit, held["r"], _scarce(limit, held["r"]), until, now)


def _members(text: str) -> Iterator[tuple[str, dict[str, int]]]:
    for name, rest in _ENTRY.findall(text):
        yield name, {key: int(value) for key, value in _MEMBER.findall(rest)}


def _scarce(limit: int | None, remaining: int | None) -> bool:
    return bool(limit) and remaining is not None and remaining * _NEAR < (limit or 0)


def _whole(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"\d{1,12}", value.strip()) else None
