"""The fault catalogue names every fault once, and only tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (F\d\d) \| ([^|]+) \| (covered|partly|not) \| (.+) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/reliability.md").read_text(encoding="utf-8"))


def test_every_fault_has_its_row() -> None:
    assert [row[0] for row in ROWS] == [f"F{number:02}" for number in range(1, 76)]


def test_every_test_that_the_catalogue_names_is_there() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    source += (ROOT / "tests/connectors/contract.py").read_text(encoding="utf-8")
    there = set(re.findall(r"def (test_\w+)", source))
    named = {name for row in ROWS for name in re.findall(r"`(test_\w+)`", row[3])}

    assert named - there == set()


def test_what_is_covered_names_a_test() -> None:
    silent = [
        row[0] for row in ROWS if row[2] == "covered" and "`test_" not in row[3] and "as F" not in row[3]
    ]

    assert silent == []


def test_the_count_is_the_tables() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    counts = [sum(row[2] == state for row in ROWS) for state in ("covered", "partly", "not")]

    assert "{} are covered by the named tests, {} in part, {} not".format(*counts) in text
