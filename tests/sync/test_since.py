"""Since when a colour stands, since when it is declared better than it is, and how a hysteresis holds it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.loading import load
from portfolio.store.database import open_store
from tests.connectors.memory import MemoryTool
from tests.sync.test_run import CONFIGURATION, City, body

BAND = "status_rules: {schedule: {measure: variance_share, green: 0.15, amber: 0.25, hysteresis: 0.05}}"


@pytest.fixture
def city(store_url: str, tmp_path: Path) -> Iterator[City]:
    path = tmp_path / "portico.yaml"
    text = CONFIGURATION.replace("name: Test,", f"name: Test, {BAND},")
    path.write_text(f"{text}\nstore: {store_url}\n", encoding="utf-8")
    settings = load(path, {"PASSWORD": "canary-4711"})
    with open_store(settings.store) as store:
        yield City(store, settings, {"snow": MemoryTool(), "other": MemoryTool()})


def judged(city: City, finish: str, declared: str = "green") -> dict[str, Any]:
    city.tools["snow"].put("id1", body(1, end_date=f"{finish} 05:00:00", status=declared))
    city.run()
    return city.report()


def test_red_and_the_gap_keep_their_first_day_and_the_exceptions_tell_it(city: City) -> None:
    first = judged(city, "2027-06-30")
    city.now += timedelta(days=3)
    later = judged(city, "2027-07-30")
    day = first["snapshot"]["as_of"]
    (project,) = later["projects"]

    assert later["snapshot"]["as_of"] > day
    assert project["status"]["schedule"]["since"] == day
    assert (project["status"]["overall"]["gap"], project["status"]["overall"]["gap_since"]) == (2, day)
    assert (project["status"]["cost"]["gap"], project["status"]["cost"]["gap_since"]) == (0, None)
    found = {each["kind"]: each for each in later["exceptions"] if each["kind"] in ("red", "watermelon")}
    assert {kind: (each["figure"], each["since"]) for kind, each in found.items()} == {
        "red": ("schedule", day),
        "watermelon": ("overall", day),
    }

    told = judged(city, "2027-07-30", "red")["projects"][0]["status"]["overall"]
    assert (told["gap"], told["gap_since"]) == (0, None)
    again = judged(city, "2027-07-30")["projects"][0]["status"]["overall"]
    assert (again["gap"], again["gap_since"]) == (2, later["snapshot"]["as_of"])


def test_a_colour_is_held_within_the_band_of_its_rule(city: City) -> None:
    colours = [
        judged(city, day)["projects"][0]["status"]["schedule"]["value"]
        for day in ("2027-02-10", "2027-03-15", "2027-02-10", "2027-01-31")
    ]
    assert colours == ["green", "amber", "amber", "green"], "11.3 %, 20.3 %, 11.3 %, 8.5 % of 364 days"
    anew = [city.run().counts()["judged_anew"] for _ in range(2)]
    assert anew == [0, 0]
