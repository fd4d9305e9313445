"""1,056 real ServiceNow incidents, walked through in time by incremental pulls: each instant's state is exact."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median_low
from typing import Any

import pytest

from connectors.auth import basic
from connectors.base import Cursor, SourceRecord, Stream
from connectors.http import Http
from connectors.servicenow import ServiceNow
from sandbox.server import serve
from sandbox.servicenow import PASSWORD, USER
from tests.end_to_end.replay import create_replay_app, incidents

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
LOG = FIXTURES / "servicenow/uci-incident-log"
ENDED = ("6", "7")
WORDS = {"1": "New", "2": "Active", "3": "Awaiting", "6": "Resolved", "7": "Closed"}
COLUMNS = "state priority made_sla opened_at resolved_at reopen_count reassignment_count assigned_to"
STREAM = Stream("incident", fields=(*COLUMNS.split(), "assignment_group"))

pytestmark = pytest.mark.skipif(not LOG.exists(), reason=f"the real incident log is not at {LOG}")


class Walk:
    """An incremental reader at a clock that is set by hand; `held` is what it has put together from pages."""

    def __init__(self, overlap_seconds: float = 300.0) -> None:
        self.now = datetime(2016, 1, 1, tzinfo=UTC)
        app = create_replay_app({"incident": incidents(LOG / "dev_slice.csv")}, lambda: self.now)
        self.server = serve(app)
        http = Http(self.server.url, auth=basic(USER, PASSWORD))
        self.connector = ServiceNow(
            "snow", http, read_only=True, page_size=20, overlap_seconds=overlap_seconds
        )
        self.cursor: Cursor | None = None
        self.held: dict[str, SourceRecord] = {}
        self.given = 0

    def stop(self) -> None:
        self.connector.close()
        self.server.stop()

    def to(self, instant: datetime) -> None:
        self.now = instant
        pages = list(self.connector.pull(STREAM, self.cursor))
        for page in pages:
            self.cursor = json.loads(json.dumps(dict(page.cursor)))
            self.given += len(page.records)
            self.held |= {record.id: record for record in page.records}
        assert pages[-1].last
        assert pages[-1].complete

    def rows(self) -> list[Mapping[str, Any]]:
        return [record.body for record in self.held.values()]


@pytest.fixture(scope="module")
def expected() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((LOG / "expected_dev.json").read_text(encoding="utf-8"))
    figures: Mapping[str, Any] = found["dev_slice"]
    return figures


@pytest.fixture
def walk() -> Iterator[Walk]:
    walk = Walk()
    yield walk
    walk.stop()


def test_each_instant_is_exact(walk: Walk, expected: Mapping[str, Any]) -> None:
    for text, figures in expected["as_of"].items():
        now = datetime.fromisoformat(text).replace(tzinfo=UTC)
        before = walk.given
        walk.to(now)
        opened = [row for row in walk.rows() if row["state"] not in ENDED]
        ages = Counter(_age(now - _instant(row["opened_at"])) for row in opened)
        assert len(walk.held) == figures["visible"], text
        assert len(opened) == figures["open"], text
        assert _by_priority(opened) == _codes(figures["open_by_priority"]), text
        assert ages == figures["open_age_buckets"], text
        assert sum(row["made_sla"] == "false" for row in opened) == figures["open_sla_breached"], text
        assert walk.connector.census(STREAM).ids == walk.held.keys(), text
        assert walk.given - before <= len(walk.held), "an incremental pull reads what changed"


def test_the_end_of_the_log_is_exact(walk: Walk, expected: Mapping[str, Any]) -> None:
    for month in range(3, 13):
        walk.to(datetime(2016, month, 15, 7, 30, tzinfo=UTC))
    walk.to(datetime(2017, 12, 31, tzinfo=UTC))
    rows = walk.rows()
    missed = [row for row in rows if row["made_sla"] == "false"]
    assert Counter(WORDS[row["state"]] for row in rows) == expected["by_final_state"]
    assert _by_priority(rows) == _codes(expected["by_priority"])
    assert _by_priority(missed) == _codes(expected["made_sla_false_by_priority"])
    assert sum(row["reopen_count"] != "0" for row in rows) == expected["reopened"]
    assert sum(row["reassignment_count"] != "0" for row in rows) == expected["reassigned"]
    for column in ("assigned_to", "assignment_group", "resolved_at"):
        assert sum(not row[column] for row in rows) == expected[f"no_{column}"]
    resolved = [row for row in rows if row["resolved_at"]]
    took = [_instant(row["resolved_at"]) - _instant(row["opened_at"]) for row in resolved]
    minutes = [each // timedelta(minutes=1) for each in took]
    assert expected["resolve_minutes"] == {
        "n": len(minutes),
        "sum": sum(minutes),
        "min": min(minutes),
        "median_low": median_low(minutes),
        "max": max(minutes),
        "negative": sum(each < 0 for each in minutes),
    }


def test_a_walk_broken_off_after_every_page_is_exact_too(expected: Mapping[str, Any]) -> None:
    walk = Walk(overlap_seconds=0.0)
    text = "2016-03-24 18:40"
    walk.now = datetime.fromisoformat(text).replace(tzinfo=UTC)
    last = False
    while not last:
        page = next(walk.connector.pull(STREAM, walk.cursor))
        walk.cursor, last = page.cursor, page.last
        walk.held |= {record.id: record for record in page.records}
    walk.stop()
    assert len(walk.held) == expected["as_of"][text]["visible"]
    assert sum(row["state"] not in ENDED for row in walk.rows()) == expected["as_of"][text]["open"]


def _instant(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).replace(tzinfo=UTC)


def _by_priority(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    return Counter(row["priority"] for row in rows)


def _codes(counts: Mapping[str, int]) -> dict[str, int]:
    return {label.partition(" ")[0]: number for label, number in counts.items()}


def _age(age: timedelta) -> str:
    limits = (("0-1d", 1), ("1-7d", 7), ("7-30d", 30))
    return next((name for name, days in limits if age < timedelta(days=days)), "30d+")
