"""What people see, line by line.

To accept a change: `PORTICO_GOLDEN=write pytest tests/reports/test_golden.py`, and read the diff.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from reports import formats, html, markdown, terminal
from reports.data import Document, build
from reports.views import for_audience
from tests.reports.sample import sample

GOLDEN = Path(__file__).parent / "golden"

PLAN: dict[str, Any] = {
    "changes": [
        {
            "connection": "jira",
            "record": "PERM-1",
            "field": "customfield_10203",
            "figure": "rag_overall",
            "before": "Green",
            "after": "Red",
            "why": "worst of the four: schedule",
        },
        {
            "connection": "jira",
            "record": "PERM-1",
            "field": "customfield_10201",
            "figure": "gate_status",
            "before": None,
            "after": "overdue",
            "why": "G4 was due 2026-09-20\x1b[31m",
        },
        {
            "connection": "ledger",
            "record": "1402/2027",
            "field": "budget_variance",
            "figure": "budget_variance",
            "before": "-120000.00",
            "after": "-130000.00",
            "why": "forecast 1610000.00, revised 1480000.00",
        },
    ],
    "refused": [
        {
            "connection": "snow",
            "record": "PRJ0000001",
            "field": "u_gate_status",
            "reason": "the field is read-only for portico.bot",
            "fix": "add a write rule for u_gate_status",
        }
    ],
    "held": [
        {"connection": "planner", "reason": "31% of the written records would change; the limit is 20%."}
    ],
    "counts": {"changes": 3, "records": 2, "refused": 1},
}

RUN: dict[str, Any] = {
    "run": "R20261120-130000",
    "outcome": "findings",
    "counts": {"planned": 3, "written": 3, "records_written": 2, "refused": 1},
    "quarantine": 3,
    "snapshot": "S20261120-130005",
    "connections": [
        {
            "connection": "jira",
            "ok": True,
            "records": 1204,
            "changed": 12,
            "rejected": 0,
            "deleted": 1,
            "error": None,
            "fix": None,
        },
        {
            "connection": "planner",
            "ok": False,
            "records": 0,
            "changed": 0,
            "rejected": 0,
            "deleted": 0,
            "error": "planner answered 401 at /planner/plans",
            "fix": "renew the client secret",
        },
    ],
    "plan": {**PLAN, "held": []},
}


def compare(name: str, found: str) -> None:
    file = GOLDEN / name
    if os.environ.get("PORTICO_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(found, encoding="utf-8", newline="\n")
    assert found == file.read_text("utf-8"), f"{name} changed; see how to accept that in the test module"


def printed(show: Callable[[Console], object], *, colour: bool = False) -> str:
    console = Console(width=80, force_terminal=colour, color_system="standard" if colour else None)
    with console.capture() as shown:
        show(console)
    return "\n".join(line.rstrip() for line in shown.get().splitlines()) + "\n"


def portfolio() -> Document:
    return build(sample())


def permit() -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in portfolio()["projects"] if each["key"] == "OIT-001")
    return found


ACCEPTED = {
    "project": "OIT-002",
    "gate": "G5",
    "name": "Go-live acceptance",
    "status": "approved",
    "decided_on": "2026-10-01",
    "valid_until": "2027-10-01",
}
UNPROVED = {
    "project": "OIT-002",
    "gate": "G6",
    "name": "Benefits review",
    "status": "in_progress",
    "due_on": "2027-03-03",
    "criteria": [{"criterion": "Users are content", "met": None, "because": "no survey was read"}],
}
SCREENS: dict[str, Callable[[Console], object]] = {
    "summary": lambda console: terminal.portfolio_summary(portfolio(), console),
    "plan": lambda console: terminal.plan_table(PLAN, console),
    "nothing_to_write": lambda console: terminal.plan_table({"changes": [], "refused": []}, console),
    "run": lambda console: terminal.run_summary(RUN, console, written=True),
    "dry_run": lambda console: terminal.run_summary(RUN, console, written=False),
    "explain": lambda console: terminal.explain(permit(), console),
    "explain_schedule": lambda console: terminal.explain(permit(), console, "rag_schedule"),
    "explain_budget_variance": lambda console: terminal.explain(permit(), console, "budget_variance"),
    "explain_gate_status": lambda console: terminal.explain(permit(), console, "gate_status"),
    "gates": lambda console: terminal.gates(
        [*({**each, "project": "OIT-001"} for each in permit()["gates"]), ACCEPTED, UNPROVED], console
    ),
}


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_stays_as_it_was_and_fits_80_columns(name: str) -> None:
    found = printed(SCREENS[name])
    assert "\x1b" not in found
    too_long = [line for line in found.splitlines() if len(line) > 80 and "http" not in line]
    assert too_long == []
    compare(f"terminal_{name}.txt", found)


def test_a_colour_only_repeats_what_a_word_says() -> None:
    assert "\x1b[1;31m◆ Red" in printed(SCREENS["summary"], colour=True)


def test_a_figure_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(KeyError, match="budget_variance"):
        terminal.explain(permit(), Console(quiet=True), "mood")


def test_markdown_stays_as_it_was() -> None:
    compare("report.md", markdown.text(portfolio()))


def test_csv_stays_as_it_was(tmp_path: Path) -> None:
    folder = formats.write(portfolio(), "csv", tmp_path / "csv")
    for name in ("projects", "status", "gates", "snapshot"):
        compare(f"{name}.csv", (folder / f"{name}.csv").read_bytes().decode().replace("\r\n", "\n"))


def outline(page: str) -> str:
    """Headings, captions, column heads and landmarks of a page: its structure without its figures."""
    found = re.findall(
        r"<(h\d|caption|th scope=\"col\"|nav|main|header|footer|section)\b([^>]*)>([^<]*)", page
    )
    lines = []
    for tag, attributes, text in found:
        label = re.search(r'aria-label(?:ledby)?="([^"]*)"', attributes)
        shown = f"{tag.split()[0]} {label[1] if label else text.strip()}".rstrip()
        if shown not in lines:
            lines.append(shown)
    return "\n".join(lines) + "\n"


def test_the_page_keeps_its_structure() -> None:
    compare("page_outline.txt", outline(html.page(portfolio())))


def test_the_public_page_keeps_its_structure() -> None:
    compare("public_outline.txt", outline(html.page(for_audience(portfolio(), "public"))))


def test_the_page_leads_with_what_matters() -> None:
    page = html.page(portfolio())
    places = [
        page.index(each)
        for each in ("1 source stale", "3 of 12 projects are red", "In quarantine", "is 61 days overdue")
    ]
    assert places == sorted(places)
    headings = re.findall(r"<h2[^>]*>([^<]*)", page)
    assert headings == [
        "Summary",
        "Needs attention",
        "Corrective actions",
        "Status by department",
        "Trend",
        "Portfolio",
        "Money",
        "Roadmap",
        "Gates due",
        "Tickets and requests",
        "Capacity",
        "Governance compliance",
        "Project office",
        "Sources and freshness",
    ]
    assert page.rindex("snap-20261120-130005") > page.index("<footer>")
