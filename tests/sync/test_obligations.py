"""A threshold that is crossed in a tool opens an obligation in the store: once, with its clock, kept until it is over."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.loading import load
from portfolio.store import audit, manual
from portfolio.store.database import open_store
from tests.connectors.memory import MemoryTool
from tests.sync.test_run import CONFIGURATION, City, body

DUTY = "{dimension: schedule, at_least: 0.25, duty: Tell the committee, due_days: 10, source: Policy 4}"


@pytest.fixture
def city(store_url: str, tmp_path: Path) -> Iterator[City]:
    path = tmp_path / "portico.yaml"
    text = CONFIGURATION.replace("name: Test,", f"name: Test, obligations: [{DUTY}],")
    path.write_text(f"{text}\nstore: {store_url}\n", encoding="utf-8")
    settings = load(path, {"PASSWORD": "canary-4711"})
    with open_store(settings.store) as store:
        made = City(store, settings, {"snow": MemoryTool(), "other": MemoryTool()})
        forecast(made, "2026-12-31")
        yield made


def forecast(city: City, day: str) -> None:
    city.tools["snow"].put("id1", body(1, end_date=f"{day} 05:00:00"))


def actions(city: City) -> list[dict[str, Any]]:
    with city.store.reading() as db:
        return manual.actions(db)


def test_an_obligation_opens_once_stays_and_opens_again_after_it_was_over(city: City) -> None:
    city.run()
    assert actions(city) == []
    forecast(city, "2027-06-30")
    city.run()
    quiet = [city.run().counts()["judged_anew"] for _ in range(2)]
    (opened,) = actions(city)
    shown = city.report()

    assert quiet == [0, 0]
    assert opened["due_on"] == (city.now + timedelta(days=10)).date()
    assert opened["title"] == "Tell the committee"
    assert [each["effect_because"] for each in shown["actions"]] == [
        "Schedule was red at 49.73% and is red at 49.73% now."
    ]
    (duty,) = shown["projects"][0]["obligations"]
    assert (duty["action"], duty["state"]) == (opened["id"], "open")
    assert [each["kind"] for each in shown["exceptions"] if "committee" in each["text"]] == ["obligation"]

    with city.store.transaction() as db:
        manual.close_action(db, opened["id"], "Told", city.now)
    city.run()
    forecast(city, "2026-12-31")
    city.run()
    (over,) = actions(city)
    assert over["recovered_on"] == city.now.date()
    assert city.report()["actions"][0]["effect"] == "recovered"

    forecast(city, "2027-06-30")
    city.run()
    assert len(actions(city)) == 2
    with city.store.reading() as db:
        told = [each["what"] for each in audit.entries(db) if each["what"].startswith("obligation")]
    assert told == ["obligation opened", "obligation recovered", "obligation opened"]
