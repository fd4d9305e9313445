"""The store without a tool: records of 15 values observed when new, and again when unchanged."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from portfolio.store import records
from portfolio.store.database import open_store
from portfolio.store.records import Read

PAGE = 400


@dataclass(frozen=True, slots=True)
class Record:
    id: str
    body: dict[str, Any]
    key: str | None = None
    url: str | None = None
    version: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    owned: dict[str, Any] = field(default_factory=dict)


def measure(url: str, size: int) -> dict[str, int]:
    """Rows per second."""
    at = datetime.now(UTC)
    made = [
        Record(str(n), {f"field{i}": f"value {n} {i}" for i in range(15)}, f"P-{n}", updated_at=at)
        for n in range(size)
    ]
    found = {}
    with open_store(url) as store:
        for name in ("new", "unchanged"):
            began = time.perf_counter()
            for start in range(0, size, PAGE):
                with store.transaction() as db:
                    records.observe(db, Read("bench", "issue", ""), made[start : start + PAGE], at)
            found[name] = round(size / (time.perf_counter() - began))
    return found
