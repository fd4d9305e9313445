"""What the judging modules really make goes through every format: the two sides agree on the shape."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from rich.console import Console

from config.presets import load_pack, load_rules
from portfolio.facts import (
    Condition,
    Decision,
    Deliverable,
    Facts,
    Milestone,
    Money,
    Outage,
    Override,
    Risk,
    Source,
    StatusReport,
    Ticket,
    Work,
)
from portfolio.judge import Policy, judge
from portfolio.overview import judge_portfolio
from reports import formats, html, portal, terminal
from reports.data import EMPTY_PROJECT, Document, SnapshotData, build
from reports.views import for_audience, for_department

NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)
TODAY = date(2026, 11, 20)
CONDITIONS = Condition("Staffed", TODAY), Condition("Paid", None, TODAY, "Bo", "Invoice 7")
SNOW = Source("snow", "PRJ0001", "https://snow.example.gov/1")


def full() -> Facts:
    return Facts(
        key="OIT-001",
        name="Permit portal",
        department="Licenses",
        manager="R. Alvarez",
        state="active",
        declared_status="green",
        start_planned=date(2026, 1, 5),
        finish_planned=date(2026, 12, 31),
        start_baseline=date(2026, 1, 5),
        finish_baseline=date(2026, 12, 31),
        finish_forecast=date(2027, 6, 30),
        work=Work(
            todo=3,
            in_progress=2,
            done=5,
            blocked=1,
            overdue=2,
            blocked_sources=(SNOW,),
            overdue_sources=(SNOW,),
        ),
        milestones=(
            Milestone("Go-live", date(2026, 12, 1), date(2026, 12, 1), date(2027, 5, 1), None, SNOW),
        ),
        money=(
            Money(
                "1402",
                "0010",
                "OIT",
                "7400",
                2027,
                None,
                "USD",
                Decimal(1_400_000),
                Decimal(1_480_000),
                Decimal(0),
                Decimal(240_000),
                Decimal(1_120_000),
                Decimal(1_990_000),
                source=SNOW,
            ),
        ),
        tickets=(
            Ticket(
                "INC1",
                "incident",
                "Slow",
                "2",
                "in_progress",
                NOW.replace(day=1),
                NOW.replace(day=2),
                None,
                None,
                None,
                SNOW,
            ),
        ),
        risks=(Risk("risk", "Vendor", Decimal(12), "Open", "M. Chen", TODAY, open=True, source=SNOW),),
        outages=(Outage("Payments", "outage", NOW, None, "Disk", SNOW),),
        deliverables=(Deliverable("charter", "Charter", "approved", "Board", NOW, SNOW),),
        report=StatusReport(TODAY, "R. Alvarez", "green", "green", None, None, None, "Fine.", SNOW),
        decisions=(Decision("G0", "approved_with_conditions", TODAY, "Board", None, CONDITIONS),),
        overrides=(Override("quality", "amber", "Known defects", "PMO", date(2026, 12, 1)),),
        source=SNOW,
        links=(SNOW,),
    )


def stored(policy: Policy) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    judged = [judge(each, now=NOW, policy=policy) for each in (full(), Facts(key="OIT-002", name="Empty"))]
    return [each.document for each in judged], [row for each in judged for row in each.exceptions]


@pytest.fixture
def policy() -> Policy:
    return Policy(rules=load_rules("state_15_25"), pack=load_pack("city_default"))


@pytest.fixture
def document(policy: Policy) -> Document:
    projects, exceptions = stored(policy)
    whole = judge_portfolio(projects, today=TODAY)
    return build(
        SnapshotData(
            id="S1",
            taken_at=NOW,
            as_of=TODAY,
            known_at=NOW,
            complete=True,
            portfolio={
                "name": "City",
                "currency": "USD",
                "totals": whole["totals"],
                "counts": whole["counts"],
            },
            projects=projects,
            exceptions=exceptions,
            tickets=whole["tickets"],
            capacity=whole["capacity"],
            compliance=whole["compliance"],
            roadmap=whole["roadmap"],
        )
    )


def test_a_judged_project_has_everything_that_reports_read(policy: Policy) -> None:
    project, _ = stored(policy)
    for key, empty in EMPTY_PROJECT.items():
        assert key in {**project[0], "trend": [], "changes": []}, key
        if isinstance(empty, dict):
            assert set(empty) <= set(project[0][key]), key


def test_what_reports_compute_is_what_the_judge_computes(policy: Policy) -> None:
    projects, exceptions = stored(policy)
    whole = judge_portfolio(projects, today=TODAY)
    computed = build(
        SnapshotData(
            "S1",
            NOW,
            TODAY,
            NOW,
            complete=True,
            portfolio={"name": "City"},
            projects=projects,
            exceptions=exceptions,
        )
    )
    assert computed["portfolio"]["totals"] == whole["totals"]
    assert computed["portfolio"]["counts"] == whole["counts"]
    assert computed["tickets"] == {**whole["tickets"], "desk": {}}
    assert computed["compliance"] == whole["compliance"]


@pytest.mark.parametrize("name", list(formats.FORMATS))
def test_a_judged_portfolio_is_written_in_every_format(document: Document, tmp_path: Path, name: str) -> None:
    assert formats.write(document, name, tmp_path / name).exists()
    assert formats.write(for_audience(document, "public"), name, tmp_path / f"public-{name}").exists()
    assert formats.write(for_department(document, "Licenses"), name, tmp_path / f"one-{name}").exists()


def test_the_page_shows_the_judges_words(document: Document) -> None:
    page = html.page(document)
    because = document["projects"][0]["status"]["schedule"]["because"]
    assert escape(because) in page
    assert escape(document["projects"][0]["status"]["schedule"]["turn_green"]) in page
    assert "Known defects" in page
    assert "Condition: Staffed, due 20 Nov 2026, open" in page
    assert "Condition: Paid, met on 20 Nov 2026 by Bo" in page
    assert "(Invoice 7)" in page
    assert "1 of 2" in page
    assert "Payments" in portal.project(document, "OIT-001")


def test_every_figure_that_can_be_written_can_be_explained(document: Document) -> None:
    names = (
        "gate_status gate_name gate_due rag_overall rag_schedule rag_cost rag_scope rag_quality percent_complete"
        " finish_forecast schedule_variance_days budget_variance budget_variance_share available_budget cpi spi eac"
    )
    for name in names.split():
        console = Console(width=80, record=True, quiet=False, file=None, force_terminal=False)
        with console.capture() as shown:
            terminal.explain(document["projects"][0], console, name)
        assert len(shown.get().splitlines()) > 1
