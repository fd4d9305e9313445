"""The table of ServiceNow's traps names each once, only tests that are there, and counts right; the page's examples load."""

import re
from pathlib import Path

import pytest

from config.loading import load
from mapping.loading import shipped

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/explanation/servicenow-traps.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/how-to/servicenow.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (S\d\d) \| ([^|]+) \| (covered|partly|not) \| (.+) \|$", TEXT, re.MULTILINE)
EXAMPLES = [
    each for each in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if each.startswith("connections:")
]
HEAD = "version: 1\nportfolio: {name: P, timezone: America/New_York, currency: USD}\nstore: sqlite:///p.db\n"


def test_every_trap_has_its_row() -> None:
    assert len(ROWS) == TEXT.count("\n| S")
    assert [row[0] for row in ROWS] == [f"S{number:02}" for number in range(1, len(ROWS) + 1)]


def test_every_test_that_the_table_names_is_there() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    there = set(re.findall(r"def (test_\w+)", source))
    named = {name for row in ROWS for name in re.findall(r"`(test_\w+)`", row[3])}
    assert named - there == set()
    assert [row[0] for row in ROWS if row[2] == "covered" and "`test_" not in row[3]] == []


def test_the_count_is_the_tables() -> None:
    counts = [sum(row[2] == state for row in ROWS) for state in ("covered", "partly", "not")]
    assert (
        f"{len(ROWS)} traps: {counts[0]} are covered by the named tests, {counts[1]} in part, {counts[2]} not"
        in TEXT
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_accepted(tmp_path: Path, example: str) -> None:
    path = tmp_path / "portico.yaml"
    path.write_text(HEAD + example, encoding="utf-8")
    assert load(path, {"SNOW_PASSWORD": "secret"}).connections["snow"].tool == "servicenow"


def test_every_table_with_a_shipped_mapping_is_named() -> None:
    assert [kind for kind in shipped("servicenow") if f"`{kind}`" not in PAGE] == []
