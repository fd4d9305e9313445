"""Configured reports reach their folder, narrowed by their filters."""

import json
from pathlib import Path

import pytest

from sync.cli import main

CONFIGURATION = """
version: 1
connections:
  pmo: {tool: files, path: in, read: [{kind: project, scope: project.csv, full: true}]}
projects: {from: [{connection: pmo, kind: project}]}
reports:
  water: {format: json, filters: {department: [Water]}, delivery: {folder: out}}
  unsent: {format: md}
"""
ROWS = "key,name,department,state\nA,Mains,Water,active\nB,Signals,Streets,active\n"


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "project.csv").write_text(ROWS, encoding="utf-8")
    path = tmp_path / "portico.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return ["-c", str(path)]


def test_a_report_is_delivered_with_its_filters(config: list[str], tmp_path: Path) -> None:
    assert main([*config, "sync"]) == 0
    assert main([*config, "send", "water"]) == 0

    document = json.loads((tmp_path / "out" / "water.json").read_text(encoding="utf-8"))
    assert [each["key"] for each in document["projects"]] == ["A"]
    assert document["portfolio"]["counts"]["projects"] == 1


def test_a_report_without_a_delivery_is_refused_with_those_that_have_one(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*config, "send", "unsent"]) == 2
    assert "there are: water" in capsys.readouterr().err


def test_nothing_is_delivered_before_the_first_assessment(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*config, "send", "water"]) == 2
    assert "run `portico sync` first" in capsys.readouterr().err
