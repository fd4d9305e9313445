"""Bad data from a working tool: F34, F38 to F44, F48 to F50, F54, F59, F68, F69. One bad record never harms another."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import Invalid
from portfolio.store import audit, runs
from portfolio.store.database import open_store
from tests.reliability.town import Town
from tests.reliability.village import Village, fill, incident, item, line, project
from tests.sync.test_run import body

UNKNOWN_STATE = "17"
EXAMPLES = 5000 if os.environ.get("PORTICO_NIGHTLY") else 60
DEEP: dict[str, Any] = {}
for _ in range(3000):
    DEEP = {"in": DEEP}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Village]:
    """A village over SQLite."""
    with open_store(f"sqlite:///{tmp_path / 'portico.db'}") as store:
        made = Village(store)
        fill(made.tools)
        yield made


def quarantined(village: Village) -> dict[tuple[str, str], str]:
    """What stands in quarantine: (record, field) to reason."""
    with village.store.reading() as db:
        return {(each["external_id"], each["field"]): each["reason"] for each in runs.quarantined(db)}


def titles(village: Village) -> dict[str, Any]:
    from sqlalchemy import select  # noqa: PLC0415

    from portfolio.store.tables import entity_tables  # noqa: PLC0415

    table = entity_tables["work_item"]
    with village.store.reading() as db:
        return {row.external_id: row.title for row in db.execute(select(table))}


@pytest.mark.parametrize(
    "more",
    [
        {"estimate_points": "9" * 14},
        {"estimate_points": 10**40},
        {"spent_hours": "1e14"},
        {"extra": DEEP},
        {"title": ["a", {"b": "c"}]},
        {"percent_complete": "NaN"},
        {"created_at": "99999-01-01"},
        {"title": "\ud800 lone", "estimate_points": "Infinity"},
    ],
    ids=["14 digits", "41 digits", "exponent", "deep", "shape", "nan", "year", "surrogate"],
)
def test_a_poison_record_is_kept_apart_and_every_other_is_read(
    village: Village, more: dict[str, Any]
) -> None:
    village.tools["work"].put("bad", {**item("PRJ0"), **more}, "work_item")
    village.tools["work"].put("good", {**item("PRJ0"), "title": "after it"}, "work_item")
    report = village.run()

    assert all(result.ok for result in report.read.values()), report.read["work"].error
    assert titles(village)["good"] == "after it"
    assert any(record == "bad" for record, _ in quarantined(village)) or "bad" in titles(village)


def test_a_poison_record_that_is_mended_leaves_quarantine(village: Village) -> None:
    village.tools["work"].put("bad", {**item("PRJ0"), "extra": DEEP}, "work_item")
    village.run()
    poisoned = quarantined(village)
    village.tools["work"].put("bad", item("PRJ0"), "work_item")
    village.run()

    assert "cannot be stored" in poisoned["bad", ""]
    assert quarantined(village) == {}
    assert titles(village)["bad"] == "Work"


def test_a_huge_text_is_kept_whole_and_read_once(village: Village) -> None:
    village.tools["work"].put("big", {**item("PRJ0"), "title": "x" * 2_000_000}, "work_item")
    village.run()

    assert titles(village)["big"] == "x" * 2_000_000
    assert village.run().read["work"].changed == 0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b", "a\ufffdb"),
        ("lone \ud800", "lone \ufffd"),
        ("\u202egnp.exe", "\u202egnp.exe"),
        ("e\u0301", "e\u0301"),
        ("\U0001f6a7 works", "\U0001f6a7 works"),
        ("'; DROP TABLE run; --", "'; DROP TABLE run; --"),
    ],
)
def test_hostile_text_is_stored_as_it_is_but_for_what_no_database_holds(
    village: Village, text: str, kept: str
) -> None:
    village.tools["work"].put("odd", {**item("PRJ0"), "title": text}, "work_item")
    village.run()

    assert titles(village)["odd"] == kept
    assert village.run().read["work"].changed == 0


def test_ids_are_never_normalised(village: Village) -> None:
    for number, id_ in enumerate(["é", "e\u0301", "E", "e"]):
        village.tools["work"].put(id_, {**item("PRJ0"), "title": str(number)}, "work_item")
    village.run()

    assert {titles(village)[id_] for id_ in ["é", "e\u0301", "E", "e"]} == {"0", "1", "2", "3"}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.decimals()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
NAMES = st.sampled_from(
    ["title", "status_category", "estimate_points", "due_on", "created_at", "labels", "blocked"]
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(st.dictionaries(NAMES, VALUES), min_size=1, max_size=4))
def test_whatever_records_hold_no_other_record_is_harmed(
    small: Village, bodies: list[dict[str, Any]]
) -> None:
    for number, odd in enumerate(bodies):
        small.tools["work"].put(f"odd{number}", {**item("PRJ0"), **odd}, "work_item")
    small.tools["work"].put("good", item("PRJ1"), "work_item")
    report = small.run()
    held = {record for record, _ in quarantined(small)}

    assert report.read["work"].ok, report.read["work"].error
    assert "good" in titles(small)
    assert all(f"odd{number}" in titles(small) or f"odd{number}" in held for number in range(len(bodies)))


@pytest.mark.parametrize("actual", ["1.234,56", "12,34", "1e3", "NaN", "1.005", "EUR 5.00", "½", "1 000.00"])
def test_an_amount_of_another_grammar_is_refused_and_its_figures_are_unknown(
    small: Village, actual: str
) -> None:
    small.tools["ledger"].put("l0", line(0, "1000.00", actual), "budget_line")
    small.run()
    cost = {each["key"]: each["cost"] for each in small.report()["projects"]}

    assert ("l0", "actual") in quarantined(small)
    assert cost["PRJ0"]["actual"] is None
    assert cost["PRJ1"]["actual"] == "400.00"


def test_an_unknown_word_is_quarantined_and_guessed_by_nobody(small: Village) -> None:
    small.tools["snow"].put("p1", project(1, state=UNKNOWN_STATE), "pm_project")
    report = small.run()
    state = {each["key"]: each["state"] for each in small.report()["projects"]}

    assert state["PRJ1"] is None
    assert state["PRJ0"] == "active"
    assert "no rule for this value" in quarantined(small)["p1", "state"]
    assert report.outcome == "findings"


def dump(village: Village) -> str:
    shown = village.report()
    keep = ("projects", "portfolio", "tickets", "exceptions")
    return str([shown[each] for each in keep])


def test_reordered_repeated_and_resized_pages_give_the_same_report(tmp_path: Path) -> None:
    import random  # noqa: PLC0415

    seen = []
    for number, (size, twice, seed) in enumerate(
        [(2, False, None), (1, True, 1), (3, False, 2), (50, True, 3)]
    ):
        with open_store(f"sqlite:///{tmp_path / f'{number}.db'}") as store:
            village = Village(store, page_size=size)
            fill(village.tools)
            for tool in village.tools.values():
                tool.twice, tool.shuffle = twice, None if seed is None else random.Random(seed)
            village.run()
            seen.append(dump(village))

    assert len(set(seen)) == 1


def test_looping_pages_stop_that_connection_alone(small: Village) -> None:
    small.tools["work"].repeat_pages = True
    for number in range(6):
        small.tools["work"].put(f"n{number}", item("PRJ0"), "work_item")
    report = small.run()

    assert "again" in str(report.read["work"].error)
    assert report.read["snow"].ok
    assert report.read["ledger"].ok


def test_a_project_claimed_twice_is_a_conflict_and_counted_once(small: Village) -> None:
    small.tools["snow"].put("twin", project(0, short_description="The twin"), "pm_project")
    small.run()
    shown = small.report()
    keys = [each["key"] for each in shown["projects"]]
    costs = sum(Decimal(each["cost"]["actual"] or 0) for each in shown["projects"])

    assert keys.count("PRJ0") == 1
    assert costs == Decimal("1200.00")
    assert any(each["kind"] == "link_conflict" for each in shown["exceptions"])


def test_orphans_and_circles_of_parents_end_and_count_nowhere(small: Village) -> None:
    ring = {"a": "c", "b": "a", "c": "b"}
    for id_, parent in ring.items():
        small.tools["work"].put(id_, {**item(""), "project_key": None, "parent_id": parent}, "work_item")
    small.tools["work"].put("orphan", {**item(""), "project_key": None, "parent_id": "gone"}, "work_item")
    small.tools["snow"].put("stray", incident("nowhere"), "incident")
    small.run()
    work = {each["key"]: each["work"]["todo"] for each in small.report()["projects"]}

    assert work == {"PRJ0": 3, "PRJ1": 3, "PRJ2": 3}


def test_a_record_created_again_under_its_old_key_is_another_record(small: Village) -> None:
    small.run()
    small.tools["snow"].delete("i0")
    small.tools["snow"].put("i0-new", incident("p0"), "incident")
    small.run(census=True)
    small.run(census=True)
    tickets = small.report()["tickets"]

    assert tickets
    with small.store.reading() as db:
        assert audit.first_broken(db) is None


def test_a_target_deleted_between_read_and_write_harms_no_other(town: Town) -> None:
    def gone() -> None:
        if "u_rag" in {each["field"] for each in town.snow.write_log}:
            town.snow.rows.pop("id3", None)

    town.snow.asking = gone
    report = town.run()
    town.snow.asking = None
    further = [town.run(census=True) for _ in range(3)]

    assert report.records_written == 4
    assert report.refused == 1
    assert [each.records_written for each in further] == [0, 0, 0]
    assert "id3" not in town.stored()
    assert further[-1].quarantined == 0


def test_a_refused_field_is_quarantined_with_its_fix_and_asked_once_a_run(town: Town) -> None:
    town.snow.refusing = Invalid("the field u_rag does not exist", fix="create the field u_rag")
    first, second = town.run(), town.run()
    asked = town.snow.refused
    with town.store.reading() as db:
        entries = runs.quarantined(db)
    town.snow.refusing = None
    healed = town.run()

    assert (first.refused, second.refused, asked) == (5, 5, 10)
    assert {each["fix"] for each in entries} == {"create the field u_rag"}
    assert len(entries) == 5
    assert healed.records_written == 5
    assert healed.quarantined == 0


@pytest.mark.parametrize("shape", [str.lower, lambda text: text[:2], lambda text: f"&lt;{text}&gt;"])
def test_a_value_that_the_tool_reshapes_is_written_once(town: Town, shape: Any) -> None:
    town.snow.reshape = shape
    first = town.run()
    further = [town.run() for _ in range(3)]
    town.snow.put("id0", body(0, state="3"))

    assert first.records_written == 5
    assert [each.records_written for each in further] == [0, 0, 0]
