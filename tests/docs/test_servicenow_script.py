"""The script of the page on ServiceNow, run in a real JavaScript engine, makes all that `check` asks for."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.city import build
from sandbox.server import serve
from sandbox.servicenow import PASSWORD, Instance, create_table_app
from sandbox.servicenow_city import tables_of
from sandbox.servicenow_tables import Column
from tests.conftest import missing
from tests.end_to_end.office import run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/servicenow.md").read_text(encoding="utf-8")
CHROMIUM = Path(os.environ.get("PORTICO_CHROMIUM", "/usr/bin/chromium"))
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
HEAD = "version: 1\nportfolio: {name: P, timezone: America/New_York, currency: USD}\nstore: sqlite:///p.db\n"
GLIDE = """
  var made = [];
  function GlideRecord(table) { this._table = table; this._terms = {}; }
  GlideRecord.prototype.initialize = function () {};
  GlideRecord.prototype.addQuery = function (name, value) { this._terms[name] = value; };
  GlideRecord.prototype.query = function () {};
  GlideRecord.prototype.hasNext = function () {
    var terms = this._terms, table = this._table;
    return made.some(function (row) {
      return row._table === table && Object.keys(terms).every(function (name) { return row[name] === terms[name]; });
    });
  };
  GlideRecord.prototype.insert = function () { made.push(Object.assign({}, this)); };
"""
"""As much of the instance's GlideRecord as the script uses."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made() -> list[Mapping[str, Any]]:
    """The rows that the script inserts when it is run twice."""
    if not CHROMIUM.exists():
        missing(f"Chromium at {CHROMIUM}")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    (script,) = re.findall(r"```javascript\n(.*?)```", PAGE, re.DOTALL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        found: list[Mapping[str, Any]] = page.evaluate(
            f"() => {{ {GLIDE} var run = function () {{ {script} }}; run(); var once = made.length; run();"
            " if (made.length !== once) throw new Error('not the same the second time'); return made; }"
        )
        browser.close()
    return found


@pytest.fixture
def snow(made: list[Mapping[str, Any]]) -> Iterator[tuple[Instance, str]]:
    """The city's instance as the script leaves it, if it had none of Portico's columns before."""
    tables = tables_of(build("small", date(2026, 11, 20)), lambda: NOW)
    ours = {str(each["element"]) for each in made}
    table = tables._tables["pm_project"]
    tables._tables["pm_project"] = replace(
        table, columns=tuple(each for each in table.columns if each.name not in ours)
    )
    for rows in (tables._rows["sys_dictionary"], tables._rows["sys_choice"]):
        for id_ in [id_ for id_, row in rows.items() if row["element"] in ours]:
            del rows[id_]
    for entry in made:
        if entry["_table"] == "sys_dictionary":
            choices = [
                (str(each["value"]), str(each["label"]))
                for each in made
                if each["_table"] == "sys_choice" and each["element"] == entry["element"]
            ]
            tables.add_column(
                str(entry["name"]),
                Column(
                    str(entry["element"]),
                    str(entry["column_label"]),
                    str(entry["internal_type"]),
                    choices=tuple(choices),
                    max_length=int(entry["max_length"]),
                ),
            )
    instance = Instance(tables)
    with serve(create_table_app(instance)) as server:
        yield instance, server.url


def test_the_script_is_enough_for_the_pages_own_configuration(
    snow: tuple[Instance, str], tmp_path: Path
) -> None:
    instance, url = snow
    (example,) = [each for each in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "projects:" in each]
    config = tmp_path / "portico.yaml"
    text = HEAD + example.replace("https://example.service-now.com", url)
    config.write_text(
        text.replace("requests_per_second: 5\n", "requests_per_second: 1000\n"), encoding="utf-8"
    )

    def check() -> list[str]:
        ran = run("-c", config, "--now", NOW.isoformat(), "check", environment={"SNOW_PASSWORD": PASSWORD})
        return [line for line in ran.out.splitlines() if ": write " in line and not line.startswith("info")]

    assert check() == []
    choices = instance.tables._rows["sys_choice"]
    for id_ in [id_ for id_, row in choices.items() if row["value"] == "approved_change"]:
        del choices[id_]
    assert len(check()) == 2, "what the script left out would be told"
