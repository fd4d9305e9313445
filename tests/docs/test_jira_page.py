"""The script of the page on Jira does what it says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.jira_site import Product
from tests.connectors.jira_contract import available, violations
from tests.connectors.jira_served import Served

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs/how-to/jira.md").read_text(encoding="utf-8"), re.DOTALL
)


@pytest.fixture(params=["cloud", "datacenter"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    product: Product = request.param
    made = Served(product)
    yield made
    made.stop()
    if available():
        assert violations(made.exchanges) == []


def test_the_administrators_script_makes_the_fields_once(served: Served, tmp_path: Path) -> None:
    (script,) = SCRIPT
    path = tmp_path / "fields.py"
    path.write_text(script, encoding="utf-8")
    site = served.site
    site.fields = {id_: each for id_, each in site.fields.items() if not each.name.startswith("Portico")}
    cloud = {"JIRA_ADMIN": site.email} if site.product == "cloud" else {"JIRA_API": "2"}
    environment = {"JIRA_URL": served.server.url, "JIRA_ADMIN_TOKEN": site.token, **cloud}
    said = []
    for _ in range(2):
        ran = subprocess.run(  # noqa: S603 - the script of our own page
            [sys.executable, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        said.append(dict(line.split(": ") for line in ran.stdout.splitlines()))
    assert {name: f"{id_} (was there)" for name, id_ in said[0].items()} == said[1]
    assert len(said[0]) == 6
    served.add(1)
    described = {each.id: each for each in served.connect(carriers=["CON-1"]).describe("issue")}
    assert [described[id_].writable for id_ in said[0].values()] == [True] * 6
    if site.product == "cloud":
        assert described[said[0]["Portico RAG"]].options == ("Green", "Amber", "Red")
