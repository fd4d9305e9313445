"""What lies ahead as people see it: ranking, overload, scenarios, metrics, in every format."""

import csv
import json
import re
from pathlib import Path

import pytest
from openpyxl import load_workbook
from rich.console import Console

from reports import formats, html, markdown, terminal_ahead
from reports.data import Document, build
from reports.views import for_audience, for_department, for_project
from tests.reports.sample_ahead import ahead
from tests.reports.test_golden import compare, outline, printed

SHEETS = (
    "priority",
    "priority_parts",
    "roles",
    "overloads",
    "scenarios",
    "scenario_projects",
    "pmo",
    "pmo_months",
)


@pytest.fixture(scope="module")
def document() -> Document:
    return build(ahead())


def test_the_screens_stay_as_they_were_and_fit_80_columns(document: Document) -> None:
    def show(console: Console) -> None:
        terminal_ahead.priority(document["priority"], console, parts=True)
        terminal_ahead.whatif(document["capacity"]["scenarios"][0], console)
        terminal_ahead.pmo(document["pmo"], console)

    found = printed(show)
    assert [line for line in found.splitlines() if len(line) > 80 and "worth" not in line] == []
    compare("terminal_ahead.txt", found)


def test_markdown_tells_what_lies_ahead(document: Document) -> None:
    text = markdown.text(document)
    compare("ahead.md", text[text.index("## Priority") : text.index("## Sources")])


def test_the_page_keeps_its_structure(document: Document) -> None:
    page = html.page(document)
    own = re.findall(r'<section aria-labelledby="(?:priority|overload|pmo)".*?</section>', page, re.DOTALL)
    assert len(own) == 3
    compare("ahead_outline.txt", "".join(map(outline, own)))
    for anchor in ("priority", "overload", "pmo"):
        assert f'<a href="#{anchor}">' in page
        assert f'<h2 id="{anchor}">' in page
    assert "<script>alert" not in page


def test_the_sheets_stay_as_they_were(document: Document, tmp_path: Path) -> None:
    folder = formats.write(document, "csv", tmp_path / "csv")
    for name in SHEETS[:-1]:
        compare(f"ahead_{name}.csv", (folder / f"{name}.csv").read_bytes().decode().replace("\r\n", "\n"))


def test_every_format_holds_every_row(document: Document, tmp_path: Path) -> None:
    folder = formats.write(document, "csv", tmp_path / "csv")
    book = load_workbook(formats.write(document, "xlsx", tmp_path / "report.xlsx"), read_only=True)
    counts = {}
    for name in SHEETS:
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        shown = list(book[name].iter_rows(values_only=True))
        assert len(shown) == len(rows) > 1
        counts[name] = len(rows)
        assert [cell for cell in shown[0] if cell] == rows[0]
    metrics = document["pmo"]["metrics"]
    assert counts["pmo"] == 1 + sum(1 + len(each["departments"]) for each in metrics)
    assert counts["overloads"] == 1 + len(document["capacity"]["overloads"])


def test_a_department_sees_its_own_ranks_and_overloads(document: Document) -> None:
    department = next(each for each in document["projects"] if each["key"] == "OIT-003")["department"]
    narrowed = for_department(document, department)
    keys = {each["key"] for each in narrowed["projects"]}
    ranks = {each["project"]: each["rank"] for each in document["priority"]["rows"]}
    assert {each["project"]: each["rank"] for each in narrowed["priority"]["rows"]} == {
        key: ranks[key] for key in keys
    }
    assert len(narrowed["capacity"]["overloads"]) == 1
    assert narrowed["capacity"]["scenarios"] == []
    assert [each["of"] for each in narrowed["pmo"]["metrics"]] != [
        each["of"] for each in document["pmo"]["metrics"]
    ]
    html.page(narrowed)
    html.page(for_project(document, "OIT-001"))


def test_the_public_sees_none_of_it(document: Document, tmp_path: Path) -> None:
    public = for_audience(document, "public")
    assert public["priority"]["rows"] == public["pmo"]["metrics"] == []
    assert set(public["capacity"]) == {"rows", "months", "overloads", "scenarios"}
    page = html.page(public)
    for word in ("Castellanos-Whitfield</th>", 'id="priority"', 'id="overload"', 'id="pmo"', "Steering"):
        assert word not in page
    assert "Steering" not in json.dumps(public)
    markdown.text(public)
    formats.write(public, "csv", tmp_path / "csv")


def test_the_roadmap_of_a_department_follows_the_rank(document: Document) -> None:
    by_department: dict[str, list[int | None]] = {}
    for each in document["roadmap"]:
        by_department.setdefault(each["department"] or "", []).append(each["rank"])
    for ranks in by_department.values():
        known = [rank for rank in ranks if rank is not None]
        assert ranks[: len(known)] == sorted(known)
    assert sum(len(ranks) for ranks in by_department.values()) == len(document["projects"])
