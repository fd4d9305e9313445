"""The main job by the real program over the small city: every command, first fills, quiet runs, drift, decisions."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from portfolio.model import ENTITIES
from sandbox.tools import BAD_ROW
from tests.end_to_end.hands import DRIFT, JIRA_PROJECT, SNOW_PROJECT, carrier, filled, of_snow
from tests.end_to_end.office import WEB_TOOLS, Office, by

ROOT = Path(__file__).resolve().parents[2]
WRITERS = {*WEB_TOOLS, "ledger", "sql"}
KEPT = ("history", "snapshot", "judgement", "quarantine", "ownership", "audit", "write")
"""Tables that a run in which nothing changed leaves as they are."""
STATUS = {"overall", "schedule", "cost", "scope", "quality"}
VERDICT = {"value", "declared", "rule", "inputs", "threshold", "because", "since"}
SCHEDULE = {
    "start_planned", "finish_planned", "finish_baseline", "finish_forecast", "variance_days", "percent_complete",
}  # fmt: skip
COST = {
    "fiscal_year", "original_budget", "revised_budget", "pre_encumbered", "encumbered", "actual", "forecast",
    "available", "variance", "variance_share",
}  # fmt: skip
EARNED_VALUE = {
    "bac", "pv", "ev", "ac", "cv", "sv", "cpi", "spi", "eac", "etc", "vac", "tcpi", "earned_schedule", "spi_t",
    "method",
}  # fmt: skip
WORK = {"todo", "in_progress", "done", "cancelled", "blocked", "overdue"}
PROJECT = {
    "key", "name", "department", "manager", "state", "stage", "status", "schedule", "cost", "earned_value", "gate",
    "work", "tickets", "risks", "outages", "deliverables", "trend", "links",
}  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office after its first sync."""
    with Office(tmp_path_factory.mktemp("office")) as made:
        assert made.sync().code == 1, "the drop folder holds one bad row"
        yield made


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path) as made:
        yield made


def test_a_dry_run_writes_nothing_anywhere(new: Office) -> None:
    files = tree(new.folder)
    ran = new.sync("--dry-run")

    assert ran.code == 1
    assert ran.json["plan"]["counts"]["changes"] > 200
    assert set(ran.json["plan"]["counts"]["connections"]) == WRITERS
    assert new.writes() == dict.fromkeys(WEB_TOOLS, 0)
    assert tree(new.folder) == files


def test_a_dry_run_leaves_a_store_as_it_was(office: Office) -> None:
    tables = {name: office.rows(name) for name in (*KEPT, "source_record", "scope", "run", "connection")}
    files, writes = tree(office.folder), office.writes()
    office.state("jira").edit(carrier(office), {"customfield_10201": "by hand"})
    ran = office.sync("--dry-run")

    assert ran.json["plan"]["counts"]["changes"] == 1 + companions(ran.json)
    assert {name: office.rows(name) for name in tables} == tables
    assert office.writes() == writes
    assert {path: text for path, text in tree(office.folder).items() if ".db" not in path} == {
        path: text for path, text in files.items() if ".db" not in path
    }
    office.sync()
    assert carrier(office).fields["customfield_10201"] != "by hand"


def stamps_of(office: Office) -> list[tuple[object, ...]]:
    """When each record was changed as its tool says, and its version, as last read."""
    names = ("connection", "kind", "external_id", "source_updated_at", "version")
    return sorted((tuple(row[name] for name in names) for row in office.rows("source_record")), key=str)


def test_fields_are_filled_five_runs_write_nothing_and_drift_is_restored(
    store_url: str, tmp_path: Path
) -> None:
    with Office(tmp_path, store=store_url) as office:
        first = office.sync()
        shown = filled(office)
        kept = {name: office.rows(name) for name in KEPT}
        writes, files = office.writes(), tree(tmp_path / "finance")
        further = [office.sync("--full")]
        stamps = stamps_of(office)
        further += [office.sync(*how) for how in ((), (), (), ("--full",))]

        assert first.json["plan"]["held"] == []
        assert first.json["counts"]["written"] == first.json["counts"]["planned"] > 200
        assert {each["connection"] for each in kept["ownership"]} == WRITERS
        assert all(writes.values())
        assert [each.json["counts"]["planned"] for each in further] == [0] * 5
        assert [each.json["counts"]["judged_anew"] for each in further] == [0] * 5
        assert office.writes() == writes
        assert stamps_of(office) == stamps
        assert {connection for connection, *_ in stamps} > WRITERS - {"ledger"}
        assert tree(tmp_path / "finance") == files
        assert {name: len(office.rows(name)) for name in KEPT} == {
            name: len(some) for name, some in kept.items()
        }
        assert office.rows("history") == kept["history"] == []
        office.check(quiet=True)

        for by_hand in DRIFT.values():
            by_hand(office)
        assert filled(office) != shown
        restored = office.sync()
        changes = [each for each in restored.json["plan"]["changes"] if "by hand" in each["why"]]
        assert {each["connection"] for each in changes} == set(DRIFT)
        assert restored.json["counts"]["refused"] == 0
        assert filled(office) == shown
        assert office.sync().json["counts"]["planned"] == 0


def test_decisions_recorded_by_command_reach_the_tools(new: Office) -> None:
    new.sync()
    assert gate_fields(new) == ("overdue", "overdue")
    due = str(new.now.date() + timedelta(days=100))
    conditions = ("--condition", f"Records schedule signed | {due}")
    for key in (JIRA_PROJECT, SNOW_PROJECT):
        assert new.run("gates", "decide", key, "g0", "no-go", "--by", "A. Chair", "--note", "as is").code == 0
    assert gate_fields(new) == ("overdue", "overdue"), "a decision waits for the next run"
    new.sync()
    assert gate_fields(new) == ("rejected", "rejected")

    new.later(minutes=1)
    for key in (JIRA_PROJECT, SNOW_PROJECT):
        new.run("gates", "decide", key, "G0", "go-with-conditions", "--by", "A. Chair", *conditions)
        new.run("gates", "decide", key, "G1", "hold", "--by", "A. Chair")
    new.sync()
    after = gates(new)

    assert gate_fields(new) == ("deferred", "deferred")
    for key in (JIRA_PROJECT, SNOW_PROJECT):
        assert after[key, "G0"]["status"] == "approved_with_conditions"
        assert after[key, "G0"]["decided_by"] == "A. Chair"
        assert after[key, "G0"]["conditions"] == [
            {
                "text": "Records schedule signed",
                "due_on": due,
                "met_on": None,
                "met_by": None,
                "met_note": None,
            }
        ]
    entries = [json.loads(line) for line in new.run("audit", "export").out.splitlines()]
    decided = [each for each in entries if each["what"] == "gate decision"]
    assert [(each["who"], each["subject"]) for each in decided] == [
        ("A. Chair", key) for key in (JIRA_PROJECT, SNOW_PROJECT, *2 * [JIRA_PROJECT], *2 * [SNOW_PROJECT])
    ]


@pytest.mark.parametrize(
    "mistake",
    [
        ("OIT-1400", "G0", "go"),
        (JIRA_PROJECT, "G9", "go"),
        (JIRA_PROJECT, "G0", "perhaps"),
        (JIRA_PROJECT, "G0", "approved_with_conditions"),
    ],
    ids=["project", "gate", "decision", "no condition"],
)
def test_a_decision_that_cannot_be_is_refused(office: Office, mistake: tuple[str, str, str]) -> None:
    before = office.rows("decision"), office.rows("audit")
    ran = office.run("gates", "decide", *mistake, "--by", "A. Chair")

    assert ran.code == 2
    assert ran.err
    assert (office.rows("decision"), office.rows("audit")) == before


def test_init_writes_a_configuration_that_names_what_is_missing(new: Office, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    written, again = new.run("init", folder), new.run("init", folder)
    schema = new.run("init", "--schema").json

    assert (written.code, again.code) == (0, 2)
    assert "version: 1" in (folder / "portico.yaml").read_text(encoding="utf-8")
    assert schema["properties"].keys() >= {
        "version",
        "portfolio",
        "store",
        "connections",
        "projects",
        "safety",
    }


def test_check_finds_every_tool_reachable_and_every_target_writable(office: Office) -> None:
    ran = office.run("check", "--json")
    findings = ran.json["findings"]

    assert [each for each in findings if each["severity"] == "error"] == []
    assert ran.json["ok"]
    assert ran.code == 0
    assert {each["connection"] for each in findings} == {*WRITERS, "pmo"}
    assert all({"connection", "severity", "subject", "text", "fix"} <= each.keys() for each in findings)


def test_check_names_the_fix_of_a_field_that_cannot_be_written(new: Office) -> None:
    new.configure(("gate_status: u_gate_status", "gate_status: u_gate_stat"))
    ran = new.run("check", "snow", "--json")
    wrong = [each for each in ran.json["findings"] if each["severity"] == "error"]

    assert ran.code == 1
    assert not ran.json["ok"]
    assert any("u_gate_stat" in each["text"] + each["subject"] and each["fix"] for each in wrong)


def test_plan_shows_before_after_and_why(new: Office) -> None:
    new.run("pull")
    ran = new.run("plan", "--json")

    assert ran.json.keys() >= {"changes", "refused", "counts"}
    assert all(
        each.keys() >= {"connection", "record", "field", "figure", "before", "after", "why"}
        for each in ran.json["changes"]
    )
    rag = next(each for each in ran.json["changes"] if each["record"].startswith("PERMIT-1") and
               each["figure"] == "rag_overall")  # fmt: skip
    assert (rag["connection"], rag["field"], rag["before"], rag["after"]) == (
        "jira", "customfield_10203", None, "Red",
    )  # fmt: skip
    assert rag["why"]
    assert new.writes() == dict.fromkeys(WEB_TOOLS, 0)

    applied = new.run("apply", "--json")
    assert applied.json["counts"]["written"] == len(ran.json["changes"])
    assert new.run("plan", "--json").json["changes"] == []


def test_report_holds_what_the_interface_names(office: Office) -> None:
    report = office.report()

    assert report["schema"] == "portico.report/1"
    assert report["snapshot"].keys() >= {"id", "taken_at", "as_of", "known_at", "complete"}
    assert report["portfolio"].keys() >= {"name", "currency", "totals", "counts"}
    assert report.keys() >= {"exceptions", "tickets", "capacity", "compliance", "roadmap"}
    assert by(report["sources"], "connection").keys() == {*WRITERS, "pmo"}
    for source in report["sources"]:
        assert source.keys() >= {
            "connection", "tool", "read_at", "age_seconds", "records", "complete", "stale",
        }  # fmt: skip
        assert source["complete"]
        assert not source["stale"]
    assert by(report["projects"], "key").keys() == {each.key for each in office.city.projects}
    for project in report["projects"]:
        assert project.keys() >= PROJECT
        assert project["status"].keys() == STATUS
        assert all(verdict.keys() >= VERDICT for verdict in project["status"].values())
        assert all(verdict["because"] for verdict in project["status"].values())
        assert project["schedule"].keys() >= SCHEDULE
        assert project["cost"].keys() >= COST
        assert project["earned_value"].keys() >= EARNED_VALUE
        assert project["gate"].keys() >= {"current", "status", "due_on", "next"}
        assert project["work"].keys() == WORK
        assert project["links"]
        assert all(link.keys() >= {"connection", "external_key", "url"} for link in project["links"])
    for exception in report["exceptions"]:
        assert exception.keys() >= {"project", "kind", "severity", "text", "since", "because"}


@pytest.mark.parametrize("form", ["html", "xlsx", "json", "csv", "md"])
def test_every_format_shows_the_snapshot_and_every_project(office: Office, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"report.{form}"
    ran = office.run("report", "--format", form, "-o", path)
    shown = text_of(path)

    assert ran.code == 0
    assert office.report()["snapshot"]["id"] in shown
    for project in office.city.projects:
        assert project.key in shown


def test_status_tells_how_things_stand(office: Office) -> None:
    ran = office.run("status", "--json")
    connections = by(ran.json["connections"], "connection")

    assert ran.json.keys() >= {"connections", "runs", "pending_writes", "quarantine", "alarms"}
    assert connections.keys() == {*WRITERS, "pmo"}
    for each in connections.values():
        assert each.keys() >= {"connection", "tool", "state", "read_at", "age_seconds", "records", "error"}
        assert (each["state"], each["error"]) == ("ok", None)
        assert each["records"] > 0
    assert (ran.json["pending_writes"], ran.json["quarantine"], ran.json["alarms"]) == (0, 1, [])
    assert ran.code == 1


def test_gates_tell_their_criteria(office: Office) -> None:
    found = office.run("gates", JIRA_PROJECT, "--json").json

    assert [each["gate"] for each in found] == ["G0", "G1", "G2", "G3", "G4", "G5", "G6"]
    for gate in found:
        assert gate.keys() >= {"project", "gate", "position", "status", "due_on", "criteria", "conditions"}
        assert all(each.keys() >= {"criterion", "met", "because"} for each in gate["criteria"])
    assert {each["project"] for each in office.run("gates", "--json").json} == {
        each.key for each in office.city.projects
    }


def test_quarantine_names_record_field_value_and_reason(office: Office) -> None:
    (entry,) = office.run("quarantine", "list", "--json").json
    shown = office.run("quarantine", "show", str(entry["id"]), "--json").json

    assert entry.keys() >= {
        "id", "connection", "kind", "external_id", "external_key", "field", "value", "reason", "since",
    }  # fmt: skip
    assert (entry["connection"], entry["kind"]) == ("ledger", "budget_line")
    assert (entry["field"], entry["value"]) == ("actual", BAD_ROW["actual"])
    assert entry["reason"]
    assert shown["record"]["line"] == BAD_ROW["line"]


def test_a_report_as_of_today_is_the_current_one_and_a_day_without_data_is_refused(office: Office) -> None:
    today = date.fromisoformat(office.report()["snapshot"]["as_of"])
    asked = ("report", "--format", "json")
    now = by(office.report()["projects"], "key")
    as_of = office.run(*asked, "--as-of", str(today)).json
    known = office.run(*asked, "--known-at", str(today)).json
    refused = [
        office.run(*asked, *when)
        for when in (
            ("--as-of", str(today - timedelta(days=1))),
            ("--as-of", str(today + timedelta(days=1))),
            ("--known-at", str(today - timedelta(days=1))),
        )
    ]

    assert by(as_of["projects"], "key") == now == by(known["projects"], "key")
    assert [each.code for each in refused] == [2, 2, 2]
    assert all(str(today) in each.err for each in refused)


def test_audit_is_whole_and_tells_every_write(office: Office) -> None:
    entries = [json.loads(line) for line in office.run("audit", "export").out.splitlines()]
    verified = office.run("audit", "verify")
    applied = [each for each in office.rows("write") if each["state"] == "applied"]

    assert verified.code == 0
    assert len([each for each in entries if each["what"] == "write"]) == len(applied) > 50


def test_explain_says_why_it_is_red(office: Office) -> None:
    ran = office.run("explain", JIRA_PROJECT, "rag_overall", "--json")
    unknown = office.run("explain", "OIT-1400")
    text = json.dumps(ran.json)

    assert ran.code == 0
    assert by(office.report()["projects"], "key")[JIRA_PROJECT]["status"]["overall"]["because"] in text
    assert all(name in text for name in ("rule", "inputs", "threshold", "sources"))
    assert unknown.code == 2
    assert JIRA_PROJECT in unknown.err


def test_history_tells_what_changed_where_and_by_which_run(new: Office) -> None:
    new.sync()
    record = of_snow(new, SNOW_PROJECT)
    assert record is not None
    tables = new.state("snow").tables
    tables.edit("pm_project", record["sys_id"], by="manager", short_description="A better name")
    ran = new.sync()
    found = new.run("history", SNOW_PROJECT, "--json").json

    (change,) = [each for each in found if each["field"] == "name"]
    assert (change["connection"], change["after"], change["run_id"]) == (
        "snow", "A better name", ran.json["run"],
    )  # fmt: skip
    assert new.run("history", SNOW_PROJECT, "--field", "name", "--json").json == [change]
    assert by(new.report()["projects"], "key")[SNOW_PROJECT]["name"] == "A better name"


def test_links_tell_which_records_belong_where(office: Office) -> None:
    found = office.run("links", "--suggest", "--json").json
    project = by(found["projects"], "key")[JIRA_PROJECT]
    counts = {(each["connection"], each["entity"]): each["count"] for each in project["records"]}
    city = office.city.project(JIRA_PROJECT)

    assert counts["jira", "work_item"] == len(city.work) + 1, "the work and the issue that carries the fields"
    assert counts["snow", "ticket"] == len(city.tickets)
    assert found.keys() >= {"projects", "unlinked", "suggestions"}


def test_the_exit_kit_holds_every_entity(office: Office, tmp_path: Path) -> None:
    ran = office.run("export", tmp_path / "kit")
    manifest = json.loads((tmp_path / "kit" / "manifest.json").read_text(encoding="utf-8"))

    assert ran.code == 0
    assert {name.removesuffix(".jsonl") for name in manifest["files"]} == set(ENTITIES)
    for name, about in manifest["files"].items():
        content = (tmp_path / "kit" / name).read_bytes()
        lines = [json.loads(line) for line in content.splitlines()]
        assert len(lines) == about["count"], name
        assert hashlib.sha256(content).hexdigest() == about["sha256"], name
        fields = {each.name for each in ENTITIES[name.removesuffix(".jsonl")].fields}
        assert all(line.keys() >= fields for line in lines), name
    assert manifest["files"]["project.jsonl"]["count"] == len(office.city.projects)


def test_the_program_runs_as_a_module(office: Office) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "sync.cli", "-c", str(office.config), "status", "--json"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **office.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert json.loads(done.stdout)["connections"]


def test_a_sign_that_the_locale_lacks_is_shown_as_its_number(office: Office) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "sync.cli", "-c", str(office.config), "explain", JIRA_PROJECT],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", **office.environment},
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u25c6" in done.stdout


def gates(office: Office) -> dict[tuple[str, str], Any]:
    return {(each["project"], each["gate"]): each for each in office.run("gates", "--json").json}


def gate_fields(office: Office) -> tuple[str, str]:
    """The gate status on the Jira issue of one project and the ServiceNow record of another."""
    record = of_snow(office, SNOW_PROJECT)
    assert record is not None
    return carrier(office).fields["customfield_10201"], record["u_gate_status"]


def companions(document: Any) -> int:
    figures = [each["figure"] for each in document["plan"]["changes"]]
    return sum(each in {"computed_at", "snapshot_id", "explanation"} for each in figures)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file beneath a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def text_of(path: Path) -> str:
    """All that a report file shows, as text."""
    if path.is_dir():
        return "\n".join(each.read_text(encoding="utf-8") for each in path.glob("*.csv"))
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        values = [str(value) for sheet in book for row in sheet.iter_rows(values_only=True) for value in row]
        book.close()
        return "\n".join(values)
    return path.read_text(encoding="utf-8")
