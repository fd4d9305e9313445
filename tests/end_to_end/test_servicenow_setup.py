"""What `check` and `fields` tell a ServiceNow administrator: word for word, and enough to set the instance up by."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from sandbox.city import build
from sandbox.server import serve
from sandbox.servicenow import PASSWORD, Instance, create_table_app
from sandbox.servicenow_city import tables_of
from sandbox.servicenow_tables import Column, Tables
from tests.end_to_end.office import Ran, run

GOLDEN = Path(__file__).parent / "servicenow_check.txt"
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
WRITTEN = (
    "u_gate_status",
    "u_gate_due",
    "u_rag_overall",
    "u_budget_variance",
    "u_explanation",
    "u_computed_at",
)
COLUMN = re.compile(
    r"System Definition > Dictionary > New: Table (\w+), Type ([\w/]+), Column label ([\w ]+),"
    r" Column name (\w+)(?:, Max length (\d+))?(?:, Choice Dropdown with -- None --; then choices ([\w, ]+))?\."
)
TYPES = {"Date": "glide_date", "Date/Time": "glide_date_time", "Decimal": "decimal", "String": "string"}


def bare(tables: Tables) -> Tables:
    """The city's instance before its administrator did anything for Portico."""
    table = tables._tables["pm_project"]
    kept = tuple(each for each in table.columns if each.name not in {*WRITTEN, "u_rag_cost"})
    tables._tables["pm_project"] = replace(table, columns=kept)
    entries = tables._rows["sys_dictionary"], tables._rows["sys_choice"]
    for rows in entries:
        for id_ in [id_ for id_, row in rows.items() if row["element"] in {*WRITTEN, "u_rag_cost"}]:
            del rows[id_]
    tables.add_column(
        "pm_project", Column("u_rag_cost", "RAG cost", choices=(("green", "Green"), ("red", "Red")))
    )
    return tables


@pytest.fixture
def snow() -> Instance:
    city = build("small", date(2026, 11, 20))
    return Instance(bare(tables_of(city, lambda: NOW)))


@pytest.fixture
def config(tmp_path: Path, snow: Instance) -> Iterator[Path]:
    server = serve(create_table_app(snow))
    path = tmp_path / "portico.yaml"
    text = f"""\
        version: 1
        portfolio: {{name: P, timezone: America/New_York, currency: USD}}
        store: sqlite:///portico.db
        connections:
          snow:
            tool: servicenow
            url: {server.url}
            requests_per_second: 1000
            auth: {{type: basic, user: portico.bot, password: "${{SNOW_PASSWORD}}"}}
            read: [{{kind: pm_project}}, {{kind: incident, scope: "activ=true"}}, {{kind: problem}}, {{kind: sc_task}}]
            map:
              pm_project: {{state: {{values: {{"5": on_hold}}}}}}
            write:
              project:
                gate_status: u_gate_status
                gate_due: u_gate_due
                rag_overall: u_rag_overall
                rag_cost: {{field: u_rag_cost, values: {{green: green, amber: amber, red: red}}}}
                budget_variance: u_budget_variance
                explanation: u_explanation
                computed_at: u_computed_at
                percent_complete: percent_complete
        projects:
          from: [{{connection: snow, kind: pm_project}}]
        """
    path.write_text(dedent(text), encoding="utf-8")
    yield path
    server.stop()


def portico(config: Path, *arguments: str) -> Ran:
    return run("-c", config, "--now", NOW.isoformat(), *arguments, environment={"SNOW_PASSWORD": PASSWORD})


def test_check_says_word_for_word_what_to_do_and_following_it_is_enough(snow: Instance, config: Path) -> None:
    snow.rights.closed.add("problem")
    bot = next(row for row in snow.tables.rows("sys_user") if row["user_name"] == snow.user)
    bot["web_service_access_only"] = "false"
    ran = portico(config, "check", "snow")
    assert ran.code == 1
    assert ran.out == GOLDEN.read_text(encoding="utf-8")

    bot["web_service_access_only"] = "true"
    snow.rights.closed.clear()
    for table, kind, label, name, length, choices in COLUMN.findall(ran.out):
        pairs = tuple((each, each.capitalize()) for each in choices.split(", ") if each)
        made = Column(name, label, TYPES[kind], choices=pairs, max_length=int(length or 40))
        snow.tables.add_column(table, made)
    for table, element, value in re.findall(
        r"Choice Lists > New: Table (\w+), Element (\w+), Value (\w+),", ran.out
    ):
        column = snow.tables.columns(table)[element]
        snow.tables.add_column(table, replace(column, choices=(*column.choices, (value, value.capitalize()))))
    text = config.read_text(encoding="utf-8").replace("activ=true", "active=true")
    text = text.replace("percent_complete: percent_complete", "percent_complete: u_percent_complete")
    config.write_text(text.replace(", {kind: sc_task}", ""), encoding="utf-8")
    snow.tables.add_column("pm_project", Column("u_percent_complete", "Percent", "decimal"))
    done = portico(config, "check", "snow")
    assert done.code == 0, done.out
    assert "8 fields of pm_project are there and writable" in done.out


def test_fields_tells_type_options_and_what_is_mapped(snow: Instance, config: Path) -> None:
    lines = portico(config, "fields", "snow", "pm_project").out.splitlines()
    for line in (
        "pm_project.number  number  string  writable → key",
        "pm_project.u_rag_cost  RAG cost  string [green, red]  writable → rag_cost (written)",
        "pm_project.percent_complete  Percent complete  decimal  read-only → percent_complete, percent_complete (written)",
        "pm_project.state  state  integer [-5, 1, 2, 3, 4, 7, 5]  read-only → state",
        "pm_project.sys_mod_count  Updates  integer  read-only",
    ):
        assert line in lines
    told = lines[lines.index(next(each for each in lines if "percent_complete (written)" in each)) + 1]
    assert told.startswith("        fix: Portico never moves")
    assert sum(each.startswith("        fix:") for each in lines) == 1, "only for what is to be written"
