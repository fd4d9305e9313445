"""Which of the recorded changes are changes of a project's baseline dates: its own record's, oldest first."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from portfolio.store import baselines
from portfolio.store.database import open_store
from portfolio.store.tables import history

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
OWN = ("snow", "pm_project", "1")


def change(after: str, *, days: int = 0, **values: Any) -> dict[str, Any]:
    at = NOW - timedelta(days=days)
    own = {
        "entity": "project",
        "connection": OWN[0],
        "kind": OWN[1],
        "external_id": OWN[2],
        "external_key": None,
        "project_key": "P",
        "field": "finish_baseline",
        "before": None,
        "after": after,
        "valid_at": at,
        "at": NOW,
        "run_id": "r",
    }
    return own | values


def test_the_changes_of_baseline_dates_are_those_of_the_record_itself(store_url: str) -> None:
    rows = [
        change("2026-12-02", days=1),
        change("2026-12-01", days=2),
        change("2026-01-01", days=3, field="start_baseline"),
        change("2026-12-31", field="finish_forecast"),
        change("2026-12-31", connection="jira"),
        change("2026-12-31", kind="demand"),
        change("2026-12-31", external_id="2"),
        change("2026-12-31", entity="work_item"),
    ]
    with open_store(store_url) as store, store.transaction() as db:
        db.execute(insert(history), rows)
        found = baselines.moved(db, [OWN])
        assert baselines.moved(db, []) == {}

    assert {place: [each.after for each in some] for place, some in found.items()} == {
        OWN: ["2026-01-01", "2026-12-01", "2026-12-02"]
    }
