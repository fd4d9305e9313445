"""The store without a tool: records of 15 values observed when new, and again when unchanged, in pages as a run stores them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from portfolio.store import records
from portfolio.store.database import Store, open_store
from portfolio.store.records import Read
from sync.reading import LARGE

READ = Read("bench", "issue", "")


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


def _observed(store: Store, made: list[Record], at: datetime) -> None:
    for start in range(0, len(made), LARGE.stop):
        some = made[start : start + LARGE.stop]
        with store.transaction() as db:
            stored = records.known(db, READ, [record.id for record in some])
            records.observe(db, READ, some, at, stored)


def _rates(size: int, work: Callable[[], None]) -> dict[str, int]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"rows_per_s": round(size / wall), "rows_per_processor_s": round(size / cpu)}


def measure(url: str, size: int) -> dict[str, dict[str, int]]:
    """Rows per second of wall time, and of this process's processor time."""
    at = datetime.now(UTC)
    made = [
        Record(str(n), {f"field{i}": f"value {n} {i}" for i in range(15)}, f"P-{n}", updated_at=at)
        for n in range(size)
    ]
    with open_store(url) as store:
        return {name: _rates(size, lambda: _observed(store, made, at)) for name in ("new", "unchanged")}
