"""The examples of the page on ServiceNow load, and it names every table with a mapping."""

import re
from pathlib import Path

import pytest

from config.loading import load
from mapping.loading import shipped

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/servicenow.md").read_text(encoding="utf-8")
EXAMPLES = [
    each for each in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if each.startswith("connections:")
]
HEAD = "version: 1\nportfolio: {name: P, timezone: America/New_York, currency: USD}\nstore: sqlite:///p.db\n"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_accepted(tmp_path: Path, example: str) -> None:
    path = tmp_path / "portico.yaml"
    path.write_text(HEAD + example, encoding="utf-8")
    assert load(path, {"SNOW_PASSWORD": "secret"}).connections["snow"].tool == "servicenow"


def test_every_table_with_a_shipped_mapping_is_named() -> None:
    assert [kind for kind in shipped("servicenow") if f"`{kind}`" not in PAGE] == []
