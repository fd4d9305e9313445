"""What is made from the models: JSON Schema, reference page, starting file; and names shared with others."""

import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

import config
import mapping
from config import names, yaml_text
from config.connections import Convert
from config.reference import markdown
from config.template import TEMPLATE
from mapping.codecs import CODECS
from portfolio.model import ENTITIES, GATE_STATUSES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [
    "read: [{kind: issue}]\nmap: {issue: {title: a, labels: {from: b}}}",
    "write: {project: {cpi: a, spi: {field: b}}}",
    "write: {to: t, key: k, project: {cpi: a}}",
    "write: {to: t, key: {budget_code: Code}, budget_line: [eac]}",
]


def test_the_reference_page_is_made_from_the_models() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: make docs"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_schema_accepts_the_short_forms(example: str) -> None:
    document = yaml_text.parse("version: 1").data | {
        "connections": {
            "a": {"tool": "jira", "url": "https://a.example", "auth": {"type": "bearer", "token": "${A}"}}
            | yaml_text.parse(example).data
        },
        "projects": {"list": [{"key": "A", "budget_codes": ["1", {"budget_code": "2", "share": 0.5}]}]},
    }
    schema = config.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json.dumps(document)), schema)


def test_the_schema_refuses_an_unknown_key() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "conections": {}}, config.schema())


def test_the_starting_file_loads_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "portico.yaml"
    file.write_text(TEMPLATE, encoding="utf-8")
    settings = config.load(file, {}, [mapping.problems])
    assert settings.connections == {}
    assert settings.safety.write is False


def test_the_starting_files_examples_load(tmp_path: Path) -> None:
    lines = [line for line in TEMPLATE.splitlines() if not line.endswith(": {}")]
    file = tmp_path / "portico.yaml"
    file.write_text("\n".join(line.removeprefix("# ") for line in lines), encoding="utf-8")
    environ = {"JIRA_TOKEN": "abcdef", "SNOW_PASSWORD": "abcdefg", "GRAPH_SECRET": "abcdefgh"}
    settings = config.load(file, environ, [mapping.problems])
    assert set(settings.connections) == {"jira", "snow", "planner", "ledger"}


def test_names_agree_with_the_domain() -> None:
    assert set(names.ENTITIES) == set(ENTITIES)
    assert set(names.GATE_STATUSES) == set(GATE_STATUSES)


def test_conversions_agree_with_the_codecs() -> None:
    assert set(get_args(Convert)) == set(CODECS) - {"document"}
