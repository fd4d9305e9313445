"""Configured reports reach each of their places, each edition once."""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import update

from portfolio.store.database import open_store
from portfolio.store.tables import delivery
from sandbox.graph import empty_graph, graph_app
from sandbox.graph_office import Office
from sandbox.server import serve
from sandbox.teams import Channel
from sandbox.teams import create_app as create_teams
from sync.cli import main
from sync.crash import watching
from sync.program import Program
from sync.service import Service
from tests.connectors.graph_wire import Wire
from tests.connectors.mailroom import Mailroom, running_mailroom

CONFIGURATION = """
version: 1
store: {store}
connections:
  pmo: {{tool: files, path: in, read: [{{kind: project, scope: project.csv, full: true}}]}}
  planner:
    tool: planner
    url: {graph}/v1.0
    auth: {{type: bearer, token: "${{GRAPH_TOKEN}}"}}
projects: {{from: [{{connection: pmo, kind: project}}]}}
reports:
  water: {{format: json, filters: {{department: [Water]}}, delivery: {{folder: out}}}}
  unsent: {{format: md}}
  board:
    format: csv
    delivery:
      mail: {{to: [cio@example.gov, cio@example.gov], from: pmo@example.gov, through: planner}}
      teams: {{url: "{teams}/workflows/pmo?sig=${{TEAMS_SIGNATURE}}", link: "https://portico.example.gov/"}}
      sharepoint: {{through: planner, drive: pmo, path: Reports/board.zip}}
  smtp:
    format: md
    delivery:
      mail:
        to: cio@example.gov
        from: pmo@example.gov
        smtp: {{host: 127.0.0.1, port: {port}, security: none}}
"""
ROWS = "key,name,department,state\nA,Mains,Water,active\nB,Signals,Streets,active\n"


@dataclass
class Places:
    """A configuration on disk, and what has arrived where its reports go."""

    folder: Path
    office: Office
    channel: Channel
    room: Mailroom
    store: str
    config: list[str] = field(default_factory=list)

    def portico(self, *words: str) -> int:
        return main([*self.config, *words])

    def states(self) -> list[tuple[str, str]]:
        with open_store(self.store) as store, store.reading() as db:
            rows = db.execute(delivery.select().order_by(delivery.c.intended_at)).all()
        return [(row.place, row.state) for row in rows]

    def change(self) -> None:
        (self.folder / "in" / "project.csv").write_text(
            ROWS.replace("Mains", "Water mains"), encoding="utf-8"
        )
        assert self.portico("sync") == 0


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    monkeypatch.setenv("GRAPH_TOKEN", "sandbox-graph")
    monkeypatch.setenv("TEAMS_SIGNATURE", "sandbox-workflow")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "project.csv").write_text(ROWS, encoding="utf-8")
    store_url = f"sqlite:///{tmp_path / 'portico.db'}"
    channel = Channel()
    graph = empty_graph()
    graph.authority.admit("sandbox-graph")
    with (
        serve(wire := Wire(graph_app(graph))) as microsoft,
        serve(create_teams(channel)) as teams,
        running_mailroom(tmp_path, encrypted=False) as room,
    ):
        path = tmp_path / "portico.yaml"
        text = CONFIGURATION.format(store=store_url, graph=microsoft.url, teams=teams.url, port=room.port)
        path.write_text(text, encoding="utf-8")
        found = Places(tmp_path, graph.office, channel, room, store_url, ["-c", str(path)])
        assert found.portico("sync") == 0
        yield found
    assert wire.violations() == []


def test_a_report_is_delivered_with_its_filters(places: Places) -> None:
    assert places.portico("send", "water") == 0

    document = json.loads((places.folder / "out" / "water.json").read_text(encoding="utf-8"))
    assert [each["key"] for each in document["projects"]] == ["A"]
    assert document["portfolio"]["counts"]["projects"] == 1


def test_a_report_without_a_delivery_is_refused_with_those_that_have_one(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    assert places.portico("send", "unsent") == 2
    assert "there are: water, board, smtp" in capsys.readouterr().err


def test_nothing_is_delivered_before_the_first_assessment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "portico.yaml"
    path.write_text("version: 1\nreports: {all: {delivery: {folder: out}}}\n", encoding="utf-8")

    assert main(["-c", str(path), "send", "all"]) == 2
    assert "run `portico sync` first" in capsys.readouterr().err


def test_one_report_reaches_mailbox_channel_and_library_once(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    assert places.portico("send", "board") == 0
    assert places.portico("send", "board") == 0

    (mail,) = places.office.sent
    (card,) = places.channel.cards
    (versions,) = places.office.files.values()
    attached = base64.b64decode(mail["attachments"][0]["contentBytes"])
    assert "was sent already" in capsys.readouterr().err
    assert [each["emailAddress"]["address"] for each in mail["toRecipients"]] == ["cio@example.gov"]
    assert card["actions"][0]["url"] == "https://portico.example.gov"
    assert versions == [attached]
    assert attached.startswith(b"PK")
    assert places.states() == [("mail", "sent"), ("teams", "sent"), ("sharepoint", "sent")]
    assert places.portico("audit", "verify") == 0


def test_check_proves_each_place_and_sends_nothing(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert places.portico("check", "--json") == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [(each["connection"], each["subject"]) for each in findings if "report" in each["subject"]] == [
        ("planner", "report board: mail"),
        ("reports", "report board: teams"),
        ("planner", "report board: sharepoint"),
        ("reports", "report smtp: mail"),
    ]
    places.office.drive = "another"
    assert places.portico("check") == 1
    assert places.states() == []


def test_another_snapshot_is_another_edition_and_again_is_again(places: Places) -> None:
    places.portico("send", "board")
    places.change()
    places.portico("send", "board")
    assert len(places.office.sent) == 2
    assert places.portico("send", "board", "--again") == 0
    assert len(places.office.sent) == 3


def test_a_mail_that_was_cut_off_is_found_and_not_sent_again(places: Places) -> None:
    places.office.dropped = 1
    assert places.portico("send", "board") == 1
    assert places.states()[0] == ("mail", "unknown")

    assert places.portico("send", "board") == 0
    assert len(places.office.sent) == 1
    assert places.states()[0] == ("mail", "sent")


def test_a_new_edition_goes_out_after_a_lost_answer_was_cleared_up(places: Places) -> None:
    places.office.dropped = 1
    assert places.portico("send", "board") == 1
    places.change()

    assert places.portico("send", "board") == 0
    assert len(places.office.sent) == 2
    assert [state for place, state in places.states() if place == "mail"] == ["sent", "sent"]


def test_where_nobody_can_tell_nothing_is_repeated_without_being_asked(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    places.room.silent = True
    assert places.portico("send", "smtp") == 1
    places.room.silent = False
    assert places.portico("send", "smtp") == 1
    places.change()
    assert places.portico("send", "smtp") == 1
    assert "it is not known whether it arrived" in capsys.readouterr().err
    assert len(places.room.mails) == 1

    assert places.portico("send", "smtp", "--again") == 0
    assert len(places.room.mails) == 2


@pytest.mark.parametrize(("point", "mails"), [("send.built", 0), ("send.intended", 0), ("send.written", 1)])
def test_a_program_that_dies_while_it_sends_doubles_nothing(places: Places, point: str, mails: int) -> None:
    class PowerCut(BaseException):
        pass

    def watch(reached: str) -> None:
        if reached == point:
            raise PowerCut

    with watching(watch), pytest.raises(PowerCut):
        places.portico("send", "board")
    assert len(places.office.sent) == mails

    assert places.portico("send", "board") == 0
    assert len(places.office.sent) == 1


def test_what_was_refused_is_tried_again_by_the_service(places: Places) -> None:
    places.office.busy = 1
    places.channel.busy = 1
    service = Service(Program(config=Path(places.config[1]), environ=os.environ))
    service.report()
    assert (len(places.office.sent), len(places.channel.cards), len(places.office.files)) == (0, 0, 1)

    service.owed()
    service.owed()
    assert (len(places.office.sent), len(places.channel.cards)) == (1, 1)
    assert [len(each) for each in places.office.files.values()] == [1]


def test_another_process_that_is_delivering_is_left_to_it(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    places.portico("send", "smtp")
    with open_store(places.store) as store, store.transaction() as db:
        db.execute(update(delivery).values(state="refused"))

    def watch(reached: str) -> None:
        if reached == "send.intended":
            places.portico("send", "smtp")

    with watching(watch):
        places.portico("send", "smtp")
    assert len(places.room.mails) == 2
