import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from portfolio.overview import MONEY
from reports.data import Document, build, json_like
from reports.views import ViewError, for_audience, for_department, for_project
from tests.reports.sample import sample
from tests.reports.sample_project import HOSTILE


def document() -> Document:
    return build(sample())


def test_the_document_has_every_section_of_the_interface() -> None:
    found = document()
    assert found["schema"] == "portico.report/1"
    assert list(found["snapshot"]) == ["id", "taken_at", "as_of", "known_at", "complete", "changes_since"]
    assert found["snapshot"]["taken_at"] == "2026-11-20T13:00:05Z"
    assert {"name", "currency", "totals", "counts"} <= set(found["portfolio"])
    assert {"sources", "projects", "exceptions", "tickets", "capacity", "compliance", "roadmap"} <= set(found)


def test_the_same_snapshot_in_another_order_gives_the_same_document() -> None:
    shuffled = replace(
        sample(),
        projects=sample().projects[::-1],
        sources=sample().sources[::-1],
        exceptions=sample().exceptions[::-1],
    )
    assert json.dumps(build(shuffled)) == json.dumps(document())


def test_sums_equal_the_sums_of_the_projects_and_say_how_many_they_know() -> None:
    found = document()
    totals = found["portfolio"]["totals"]
    for key in MONEY:
        known = [each["cost"][key] for each in sample().projects if each["cost"].get(key) is not None]
        assert Decimal(totals[key]) == sum(known)
        assert totals["coverage"][key] == {"known": len(known), "of": 12}


def test_a_sum_of_nothing_known_is_unknown() -> None:
    found = build(replace(sample(), projects=sample().projects[5:6]))
    assert found["portfolio"]["totals"]["revised_budget"] is None


def test_every_project_is_counted_once() -> None:
    counts = document()["portfolio"]["counts"]
    assert counts["overall"] == {"red": 3, "amber": 1, "approved_change": 1, "green": 5, "unknown": 2}
    assert sum(sum(each.values()) for each in counts["departments"].values()) == 12


def test_what_the_store_computed_wins_over_what_the_report_computes() -> None:
    tickets = {"open": 7, "breached": 1, "by_type": [], "oldest": []}
    found = build(
        replace(sample(), tickets=tickets, portfolio={**sample().portfolio, "totals": {"actual": "1.00"}})
    )
    assert found["tickets"] == {**tickets, "desk": {}}
    assert found["portfolio"]["totals"] == {"actual": "1.00"}


def test_a_project_waits_for_others_in_a_report_of_its_own_too() -> None:
    whole = document()
    road = next(line for line in whole["roadmap"] if line["project"] == "OIT-008")
    road["depends_on"] = [{"project": "OIT-001", "finish": "2027-01-31", "late_days": 3}]
    assert for_department(whole, "Streets")["roadmap"][0]["depends_on"] == road["depends_on"]


def test_an_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        json_like(datetime(2026, 11, 20))  # noqa: DTZ001 - the very thing under test


def test_a_department_is_a_report_of_its_own() -> None:
    found = for_department(document(), "Streets")
    assert [each["key"] for each in found["projects"]] == ["OIT-008", "OIT-010"]
    assert found["portfolio"]["counts"]["projects"] == 2
    assert Decimal(found["portfolio"]["totals"]["revised_budget"]) == 395_000
    assert {each["project"] for each in found["exceptions"]} == {"OIT-010"}
    assert len(document()["projects"]) == 12


def test_a_project_is_a_report_of_its_own() -> None:
    found = for_project(document(), "OIT-003")
    assert [each["key"] for each in found["projects"]] == ["OIT-003"]
    assert [each["project"] for each in found["roadmap"]] == ["OIT-003"]


@pytest.mark.parametrize("narrow", [for_department, for_project, for_audience])
def test_an_unknown_view_says_what_there_is(narrow: Callable[[Document, str], Document]) -> None:
    with pytest.raises(ViewError, match="nowhere"):
        narrow(document(), "nowhere")


def test_the_public_sees_no_money_no_people_and_no_text_of_a_source() -> None:
    found = json.dumps(for_audience(document(), "public"))
    assert "Permit portal" in found
    for secret in (
        "R. Alvarez",
        "1480000",
        "INC0000001",
        "client secret",
        "Vendor staffing",
        "example.gov",
        "late;",
    ):
        assert secret in json.dumps(document())
        assert secret not in found


def test_the_public_document_keeps_the_shape() -> None:
    public = for_audience(document(), "public")
    assert set(public) == set(document())
    assert set(public["projects"][0]) >= {"key", "status", "cost", "gates", "trend"}
    assert public["portfolio"]["counts"]["overall"] == document()["portfolio"]["counts"]["overall"]


def test_hostile_text_stays_data() -> None:
    assert [each["name"] for each in document()["projects"] if each["key"] == "OIT-010"] == [HOSTILE]
