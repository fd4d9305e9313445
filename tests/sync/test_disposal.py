"""What a retention schedule names goes by command and after the service's daily census, and nothing goes without one."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.cli import main
from sync.program import Program
from sync.service import Service

ROWS = "key,name,state\nA,Mains,active\nB,Signals,active\n"
CONFIGURATION = """
version: 1
connections:
  pmo: {tool: files, path: in, read: [{kind: project, scope: project.csv, full: true}]}
projects: {from: [{connection: pmo, kind: project}]}
"""
LONG_AFTER = "2027-06-01T12:00:00Z"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "project.csv").write_text(ROWS, encoding="utf-8")
    path = tmp_path / "portico.yaml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    assert main(["-c", str(path), "--now", "2026-11-20T12:00:00Z", "sync"]) == 0
    decided = ["gates", "decide", "A", "G1", "approved", "--by", "board"]
    assert main(["-c", str(path), "--now", "2026-11-20T12:05:00Z", *decided]) == 0
    return path


def keep_for(config: Path, days: int) -> None:
    config.write_text(f"{CONFIGURATION}retention: {{raw: {days}d, audit: {days}d}}\n", encoding="utf-8")


def expired(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    capsys.readouterr()
    assert main(["-c", str(config), "--now", LONG_AFTER, "db", "expire", "--json"]) == 0
    found: dict[str, int] = json.loads(capsys.readouterr().out)
    return found


def test_the_command_lets_go_what_the_schedule_names(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not any(expired(config, capsys).values())
    keep_for(config, 30)
    first, again = expired(config, capsys), expired(config, capsys)

    assert first["audit"] > 0
    assert not any(again.values())
    assert main(["-c", str(config), "audit", "verify"]) == 0


def test_the_daily_census_of_the_service_is_followed_by_it(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_for(config, 30)
    now = datetime.fromisoformat(LONG_AFTER).astimezone(UTC)
    service = Service(Program(config=config, environ={}, fixed_now=now))
    service.sync()
    service.census()

    assert not any(expired(config, capsys).values())
