"""Every table of a tool's traps names each trap once, only tests that are there, and counts right."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/explanation").glob("*-traps.md"))
ROW = re.compile(r"^\| ([A-Z]\d\d) \| ([^|]+) \| (covered|partly|not) \| (.+) \|$", re.MULTILINE)
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
THERE = set(re.findall(r"def (test_\w+)", SOURCE))


def test_there_are_tables() -> None:
    tools = ("finance", "jira", "microsoft", "servicenow")
    assert [page.name for page in PAGES] == [f"{tool}-traps.md" for tool in tools]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_table_is_whole_and_true(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rows = ROW.findall(text)
    letter = rows[0][0][0]
    assert len(rows) == text.count(f"\n| {letter}")
    assert [row[0] for row in rows] == [f"{letter}{number:02}" for number in range(1, len(rows) + 1)]
    assert len({row[1] for row in rows}) == len(rows)
    assert {name for row in rows for name in re.findall(r"`(test_\w+)`", row[3])} - THERE == set()
    assert [row[0] for row in rows if row[2] == "covered" and "`test_" not in row[3]] == []
    counts = [sum(row[2] == state for row in rows) for state in ("covered", "partly", "not")]
    assert (
        f"{len(rows)} traps: {counts[0]} are covered by the named tests, {counts[1]} in part, {counts[2]} not"
        in text
    )
