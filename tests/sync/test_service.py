"""The HTTP surface of `portico serve` over a real store."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from sync.cli import main
from sync.program import Program
from sync.service import Service, create_app


@pytest.fixture
def program(tmp_path: Path) -> Program:
    config = tmp_path / "portico.yaml"
    config.write_text(
        'version: 1\nprojects: {list: [{key: A-1, name: "Dig <b>here</b>"}]}\n', encoding="utf-8"
    )
    return Program(config=config, environ={})


@pytest.fixture
def client(program: Program) -> FlaskClient:
    return create_app(Service(program)).test_client()


def test_before_the_first_run_it_says_so_and_is_alive(client: FlaskClient) -> None:
    assert client.get("/").status_code == 503
    assert client.get("/healthz").json == {"ok": True}
    assert client.get("/readyz").json == {"ok": True, "problems": []}


def test_it_shows_the_newest_report_and_each_project(program: Program, client: FlaskClient) -> None:
    assert main(["-c", str(program.config), "sync"]) == 0

    assert "Dig &lt;b&gt;here&lt;/b&gt;" in client.get("/").text
    assert "A-1" in client.get("/projects/A-1").text
    assert client.get("/projects/B-2").status_code == 404
    document = client.get("/api/v1/report").json
    assert document is not None
    assert [each["key"] for each in document["projects"]] == ["A-1"]
    assert client.get("/api/v1/projects/A-1").json == document["projects"][0]
    assert client.get("/reports/latest.md").status_code == 200


def test_a_page_may_load_nothing_and_be_framed_by_nobody(program: Program, client: FlaskClient) -> None:
    main(["-c", str(program.config), "sync"])
    headers = client.get("/").headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_serve_refuses_another_instant(program: Program) -> None:
    assert main(["-c", str(program.config), "--now", "2026-01-01", "serve"]) == 2
