"""Webhooks: only what is signed, of now and new makes a read; what is read is pulled and never taken from the announcement."""

import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from config.loading import load
from portfolio.store import runs
from portfolio.store.tables import entity_tables
from sandbox.server import Server, serve
from sync.commands.look import status
from sync.hooks import COUNTED, PAUSE, WINDOW, Due, Hooks, deletes, sent_at, signed
from sync.program import Program
from sync.service import Service, create_app
from sync.standing import standing
from tests.conftest import missing
from tests.connectors.jira_served import Served

ROOT = Path(__file__).parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures")) / "jira/mattermost"
SECRET = "a-shared-secret-4711"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
FILE = """
version: 1
store: sqlite:///portico.db
connections:
  jira:
    tool: jira
    url: URL
    requests_per_second: 1000
    auth: {type: basic, user: portico@fairhaven.example, token: "${T}"}
    read: [{kind: issue, scope: project = CON}]
    webhook: {secret: "${HOOK}"}
  silent: {tool: files, path: in}
schedule: {sync: every 60 minutes}
projects: {list: [{key: P-1, name: Permits, links: [{connection: jira, project: CON}]}]}
"""


def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def told(event: str = "jira:issue_updated", at: datetime = NOW, **more: Any) -> bytes:
    return json.dumps({"timestamp": int(at.timestamp() * 1000), "webhookEvent": event, **more}).encode()


class Desk:
    """Hooks of a configuration, at an instant that the test moves."""

    def __init__(self, folder: Path) -> None:
        path = folder / "portico.yaml"
        path.write_text(FILE.replace("URL", "http://127.0.0.1:1"), encoding="utf-8")
        self.at = NOW
        self.hooks = Hooks(load(path, {"T": "token-4711", "HOOK": SECRET}), lambda: self.at)

    def post(self, body: bytes, headers: dict[str, str] | None = None, name: str = "jira") -> int:
        return self.hooks.receive(name, sign(body) if headers is None else headers, body).status


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_vendors_own_example_of_a_signature() -> None:
    given = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert signed("It's a Secret to Everybody", {"X-Hub-Signature": given}, b"Hello World!")
    assert signed("It's a Secret to Everybody", {"X-Hub-Signature-256": given.upper()}, b"Hello World!")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature": ""},
        {"X-Hub-Signature": "sha256="},
        {"X-Hub-Signature": "sha1=" + hmac.new(SECRET.encode(), told(), hashlib.sha1).hexdigest()},
        {"X-Hub-Signature": "none"},
        {"X-Hub-Signature": "sha256=ä"},
        sign(told(), "another-secret-4711"),
        sign(told() + b" "),
    ],
)
def test_what_is_not_signed_with_the_secret_is_refused(desk: Desk, headers: dict[str, str]) -> None:
    assert desk.post(told(), headers) == 401
    assert desk.hooks.due() == []


@pytest.mark.parametrize("name", ["silent", "unknown"])
def test_a_connection_without_a_secret_has_no_webhook(desk: Desk, name: str) -> None:
    assert desk.post(told(), name=name) == 404


def test_an_old_or_early_announcement_is_a_replay(desk: Desk) -> None:
    assert desk.post(told(at=NOW - WINDOW - timedelta(seconds=1))) == 400
    assert desk.post(told(at=NOW + timedelta(minutes=6))) == 400
    assert desk.post(json.dumps({"timestamp": 10**30}).encode()) == 400
    assert desk.hooks.due() == []
    assert desk.post(told(at=NOW - timedelta(hours=1))) == 202
    for seconds, answer in ((int(NOW.timestamp()), 202), (int((NOW - 2 * WINDOW).timestamp()), 400)):
        assert desk.post(json.dumps({"timestamp": seconds}).encode()) == answer


def test_an_announcement_counts_once_however_often_it_comes(desk: Desk) -> None:
    body = told()
    assert [desk.post(body) for _ in range(3)] == [202, 200, 200]
    assert desk.hooks.due() == [Due("jira", census=False)]
    desk.at += timedelta(minutes=30)
    assert desk.post(body) == 200
    assert desk.hooks.due() == []
    desk.at += WINDOW
    assert desk.post(body) == 400


def test_a_flood_becomes_one_read_and_then_one_every_pause(desk: Desk) -> None:
    for number in range(500):
        assert desk.post(told(number=number)) == 202
    assert desk.hooks.due() == [Due("jira", census=False)]
    assert desk.hooks.due() == []
    assert desk.post(told(number=-1)) == 202
    assert desk.hooks.due() == []
    desk.at += PAUSE
    assert desk.hooks.due() == [Due("jira", census=False)]


def test_a_deletion_asks_for_a_census_now_and_then(desk: Desk) -> None:
    desk.post(told("jira:issue_deleted"))
    assert desk.hooks.due() == [Due("jira", census=True)]
    desk.at += PAUSE
    desk.post(told("worklog_deleted"))
    assert desk.hooks.due() == [Due("jira", census=False)]
    desk.at += COUNTED
    desk.post(told("jira:issue_deleted", at=desk.at))
    desk.post(told("jira:issue_updated", at=desk.at))
    assert desk.hooks.due() == [Due("jira", census=True)]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b'{"timestamp": "soon"}', b'{"odd": 1}', b"[" * 100_000, b"\xff"]
)
def test_a_signed_announcement_of_unknown_shape_is_one_all_the_same(desk: Desk, body: bytes) -> None:
    assert desk.post(body) == 202
    assert desk.hooks.due() == [Due("jira", census=False)]


def test_recorded_announcements_old_and_new_are_all_taken(desk: Desk) -> None:
    found = sorted(FIXTURES.glob("webhook-*.json"))
    if not found:
        missing("the recorded webhooks (set PORTICO_FIXTURES)")
    for path in found:
        body = path.read_bytes()
        document = json.loads(body)
        at = sent_at(document)
        desk.at = at or NOW
        assert desk.post(body) == 202, path.name
        assert deletes(document) == ("deleted" in path.name)
    assert len(found) > 25


def test_what_is_remembered_is_bounded(desk: Desk) -> None:
    for number in range(10_050):
        desk.hooks._known("jira", b"%d" % number, NOW)
    assert len(desk.hooks._seen) == 10_000
    desk.at += timedelta(days=1)
    desk.hooks._known("jira", b"later", desk.at)
    assert len(desk.hooks._seen) == 1


class Live:
    """`serve` over a Jira, in this process: its web surface and its schedule loop."""

    def __init__(self, cloud: Served, folder: Path) -> None:
        config = folder / "portico.yaml"
        config.write_text(FILE.replace("URL", cloud.server.url), encoding="utf-8")
        self.program = Program(config=config, environ={"T": cloud.site.token, "HOOK": SECRET})
        self.program.store().close()
        self.service = Service(self.program)
        self.web: Server = serve(create_app(self.service))
        self.loop = threading.Thread(target=self.service.turn)

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        url = f"{self.web.url}/webhooks/jira"
        return requests.post(
            url, data=body, headers={"Content-Type": "application/json", **headers}, timeout=10
        ).status_code

    def titles(self) -> set[str]:
        with self.program.store() as store, store.reading() as db:
            item = entity_tables["work_item"]
            return {row.title for row in db.execute(item.select()) if row.deleted_at is None}


@pytest.fixture
def cloud() -> Iterator[Served]:
    served = Served("cloud")
    yield served
    served.stop()


@pytest.fixture
def live(cloud: Served, tmp_path: Path) -> Iterator[Live]:
    cloud.at = datetime.now(UTC)
    made = Live(cloud, tmp_path)
    yield made
    made.service.stop.set()
    if made.loop.ident is not None:
        made.loop.join()
    made.web.stop()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_signed_announcement_makes_serve_pull_the_issue(cloud: Served, live: Live) -> None:
    (issue,) = cloud.add(1)
    live.loop.start()
    until(lambda: live.titles() == {issue.fields["summary"]})
    cloud.site.edit(issue, {"summary": "as Jira has it"})
    lie = {"id": str(issue.id), "fields": {"summary": "as the announcement has it"}}
    body = told(at=datetime.now(UTC), issue=lie)
    assert live.post(body, sign(body, "another-secret-4711")) == 401
    assert live.titles() != {"as Jira has it"}
    assert live.post(body, sign(body)) == 202
    until(lambda: live.titles() == {"as Jira has it"})
    assert live.post(body, sign(body)) == 200
    assert len(recent(live.program)) == 2


def recent(program: Program) -> list[Any]:
    with program.store() as store, store.reading() as db:
        return list(runs.recent(db))


def test_status_shows_what_is_left_of_the_tools_limit(cloud: Served, live: Live) -> None:
    cloud.add(1)
    cloud.site.remaining = 12
    live.service.sync()
    with live.program.store() as store, store.reading() as db:
        found = {
            each["connection"]: each["budget"]
            for each in standing(db, live.program.settings, NOW)["connections"]
        }
    assert found["silent"] is None
    assert (found["jira"]["limit"], found["jira"]["remaining"], found["jira"]["near_limit"]) == (
        100,
        12,
        True,
    )
    shown = CliRunner().invoke(status, obj=live.program)
    assert "jira: 12 of 100 requests left" in shown.output
    assert "near the limit" in shown.output


def test_a_large_announcement_is_not_read(live: Live) -> None:
    body = b" " * ((1 << 20) + 1)
    assert live.post(body, sign(body)) == 413
    assert live.service.hooks.due() == []
    assert requests.get(f"{live.web.url}/webhooks/jira", timeout=10).status_code == 405
