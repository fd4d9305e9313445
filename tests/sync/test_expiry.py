"""Credentials that end are told in time."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from sandbox.server import serve
from sync.cli import main

AUTH = "auth: {type: basic, user: bot@x.example, token: '${T}', expires: 2026-08-15}"
FILE = f"""
version: 1
portfolio: {{timezone: America/New_York}}
connections: {{jira: {{tool: jira, url: "URL", {AUTH}}}}}
"""


@pytest.mark.parametrize(
    ("now", "severity", "said"),
    [
        ("2026-07-16T03:59:00Z", None, ""),
        ("2026-07-16T04:00:00Z", "warning", "end on 2026-08-15 (30 days left)"),
        ("2026-08-15T20:00:00Z", "warning", "(today)"),
        ("2026-08-16T04:00:00Z", "error", "ended on 2026-08-15"),
    ],
)
def test_the_end_of_credentials_is_told_by_check_and_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    now: str, severity: str | None, said: str,
) -> None:  # fmt: skip
    config = tmp_path / "portico.yaml"
    monkeypatch.setenv("T", "canary-4711")
    with serve(Flask("no_jira")) as server:
        config.write_text(FILE.replace("URL", server.url), encoding="utf-8")
        main(["-c", str(config), "--now", now, "status", "--json"])
        standing = json.loads(capsys.readouterr().out)
        main(["-c", str(config), "--now", now, "check", "--json"])
    alarms = [each for each in standing["alarms"] if each["kind"] == "credentials"]
    found = json.loads(capsys.readouterr().out)["findings"]
    told = [each for each in found if each["subject"] == "credentials"]
    if severity is None:
        assert (alarms, told) == ([], [])
        return
    (alarm,), (finding,) = alarms, told
    assert said in alarm["text"]
    assert said in finding["text"]
    assert finding["severity"] == severity
    assert "auth.expires" in finding["fix"]
    assert datetime.fromisoformat(alarm["since"]) == datetime(2026, 7, 16, 4, tzinfo=UTC)
