"""The public surface, statement by statement: what users, scripts and other programs may rely on, on files and databases."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tests.end_to_end.desk import BUDGET, OFFICE, PROJECTS, Desk
from tests.end_to_end.office import run


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_version_is_told_whether_installed_or_not() -> None:
    ran = run("--version", environment={})
    assert ran.code == 0
    assert ran.out.startswith("portico")


def test_every_planned_write_says_why(desk: Desk) -> None:
    desk.office(project=PROJECTS)
    assert (desk.run("pull").code, desk.run("assess").code) == (0, 0)
    changes = desk.json("plan")["changes"]
    assert {each["field"] for each in changes} >= {"rag_overall", "explanation", "computed_at", "snapshot_id"}
    assert all(each["why"] for each in changes)


def test_figures_are_explained_under_the_names_that_are_written(desk: Desk) -> None:
    desk.office(project=PROJECTS, budget_line=BUDGET)
    desk.run("sync")
    for figure, value in {
        "budget_variance": "-30000.00",
        "available_budget": "340000.00",
        "budget_variance_share": -0.05,
        "schedule_variance_days": 0,
    }.items():
        ran = desk.run("explain", "P1", figure, "--json")
        assert (ran.code, ran.json["figure"], ran.json["value"]) == (0, figure, value)


def test_an_outage_belongs_to_the_projects_that_it_names(desk: Desk) -> None:
    outages = "id,project_keys,service,type,began_at\nO1,P1;P2,Network,outage,2026-11-19T10:00:00Z\n"
    desk.office(project=PROJECTS, outage=outages)
    desk.run("sync")
    desk.run("sync")
    assert [each["project_keys"] for each in desk.exported("outage")] == [["P1", "P2"]]
    assert [each["service"] for each in desk.project("P1")["outages"]] == ["Network"]


def test_an_outage_that_names_no_project_belongs_to_those_whose_tickets_name_its_service(desk: Desk) -> None:
    outages = "id,service,type,began_at\nO1,Network,outage,2026-11-19T10:00:00Z\nO2,Mail,outage,2026-11-19T10:00:00Z\n"
    tickets = "id,project_key,number,type,state_category,service\nT1,P1,INC1,incident,new,Network\n"
    desk.office(project=PROJECTS, outage=outages, ticket=tickets)
    desk.run("sync")
    assert {each["service"]: each["project_keys"] for each in desk.exported("outage")} == {
        "Network": ["P1"],
        "Mail": None,
    }
    found = desk.run("report", "--format", "json").json["exceptions"]
    assert [each["project"] for each in found if each["kind"] == "open_outage"] == ["P1"]


def test_records_of_two_kinds_may_share_a_number(desk: Desk) -> None:
    projects = "id,key,name\n1,P1,Permit portal\n2,P2,Parks wifi\n"
    work = "id,project_key,title,status_category\n1,P2,Do it,To Do\n"
    desk.office(project=projects, work_item=work)
    desk.run("sync")
    (item,) = desk.exported("work_item")
    assert (item["project_key"], item["status_category"]) == ("P2", "todo")


def test_fields_tell_what_a_column_is_mapped_to(desk: Desk) -> None:
    desk.office(project=PROJECTS)
    mapped = {each["id"]: each["mapped_to"] for each in desk.json("fields", "office", "project")}
    assert mapped["finish_baseline"] == ["finish_baseline"]
    assert mapped["budget_codes"] == ["budget_codes"]


def test_writes_that_a_brake_holds_are_told_by_status(desk: Desk) -> None:
    rows = [f"K{number},Project {number},2026-07-01,2027-04-30,2027-04-30" for number in range(30)]
    text = "\n".join(["key,name,start_baseline,finish_baseline,finish_forecast", *rows])
    budget = "\n".join([BUDGET.splitlines()[0], *(f"K{number},2027,,1,1,0,0,0,1" for number in range(30))])
    desk.office(project=text, budget_line=budget)
    assert (desk.run("sync").code, desk.run("status").code) == (0, 0)
    desk.put("project.csv", text.replace(",2027-04-30\n", ",2028-04-30\n"))
    assert desk.run("sync").code == 3
    ran = desk.run("status", "--json")
    assert (ran.code, ran.json["connections"][0]["state"]) == (3, "held")
    assert [each["kind"] for each in ran.json["alarms"]] == ["braked"]
    assert ran.json["pending_writes"] == len(desk.json("plan")["changes"]) > 0
    assert desk.run("apply", "--approve").code == 0
    ran = desk.run("status", "--json")
    assert (ran.code, ran.json["connections"][0]["state"], ran.json["alarms"]) == (0, "ok", [])


def test_export_holds_projects_that_are_gone(desk: Desk) -> None:
    desk.office(project=PROJECTS)
    desk.run("sync")
    desk.put("project.csv", "\n".join(PROJECTS.splitlines()[:3]) + "\n")
    for day in (22, 24, 26):
        desk.now = f"2026-11-{day}T17:00:00Z"
        desk.run("sync", "--approve")
    assert {each["key"]: each["deleted_at"] is None for each in desk.exported("project")} == {
        "P1": True,
        "P2": True,
        "P3": False,
    }


def test_a_link_names_the_record_that_carries_a_projects_fields(desk: Desk) -> None:
    desk.configure(
        """connections:
  erp:
    tool: sql
    url: sqlite:///erp.db
    write:
      to: status
      key: {budget_code: code}
      project: {rag_overall: rag}
projects:
  list:
    - {key: P1, start_baseline: 2026-07-01, finish_baseline: 2027-06-30, finish_forecast: 2028-06-30,
       links: [{connection: erp, budget_code: "1402"}]}
"""
    )
    with contextlib.closing(sqlite3.connect(desk.folder / "erp.db")) as db:
        db.execute("CREATE TABLE anything (id INTEGER)")
        assert desk.run("sync").code == 0
        assert db.execute("SELECT code, rag FROM status").fetchall() == [("1402", "red")]


def test_an_older_schema_exits_2_and_names_the_upgrade(desk: Desk) -> None:
    desk.office(project=PROJECTS)
    desk.run("sync")
    with contextlib.closing(sqlite3.connect(desk.folder / "portico.db")) as db:
        db.execute("UPDATE alembic_version SET version_num = '0000'")
        db.commit()
    ran = desk.run("sync")
    assert ran.code == 2
    assert "portico db upgrade" in ran.err
    assert desk.run("db", "upgrade").code == 2


FAULTS = """connections:
  jira: {tool: jira, url: "http://example.gov", auth: {type: basic, user: a, token: x}, verify: false, read: [{kind: isue}]}
  office: {tool: files, path: in, read: [{kind: budget_line, full: yes}], write: {project: {rag: x}}}
safety: {max_share: 2, on_drift: maybe, stale_after: soon}
projects: {list: [{key: A, links: [{connection: elsewhere, project: X}]}]}
"""


def test_every_fault_of_the_configuration_is_named_and_nothing_is_touched(desk: Desk) -> None:
    desk.configure(FAULTS)
    ran = desk.run("sync")
    assert ran.code == 2
    for key in (
        "jira.url",
        "jira.verify",
        "jira.read[0].kind",
        "office.read[0].full",
        "write.project.rag",
        "max_share",
        "on_drift",
        "stale_after",
        "links[0].connection",
    ):
        assert key in ran.err
    assert not (desk.folder / "portico.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        "nonsense",
        "plan --nope",
        "report --format docx -o x",
        "pull nowhere",
        "explain NOPE",
        "explain P1 nope",
        "gates NOPE",
        "gates decide P1 G99 go --by Ann",
        "gates decide P1 G0 maybe --by Ann",
        "override P1 cost amber --why x --until 2020-01-01 --by Ann",
        "actions close 99 --outcome x",
        "quarantine show 99",
        "send nowhere",
        "report --format json --project NOPE",
        "serve",
    ],
)
def test_what_cannot_be_done_is_refused(judged: Desk, words: str) -> None:
    assert judged.run(*words.split()).code == 2


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk after its first sync."""
    made = Desk(tmp_path_factory.mktemp("judged"))
    made.office(project=PROJECTS, budget_line=BUDGET)
    assert made.run("sync").code == 0
    return made


def test_files_in_any_spreadsheets_manner_are_read(desk: Desk) -> None:
    desk.put("a.csv", 'key;name\r\nP1;"Straße; Süd"\r\n'.encode("utf-8-sig"))
    desk.put("b.csv", "key,name\nP2,Café\n".encode("cp1252"))
    desk.configure(OFFICE.replace("READS", "{kind: project, scope: '?.csv', key: key}"))
    assert desk.run("sync").code == 0
    assert {each["key"]: each["name"] for each in desk.exported("project")} == {
        "P1": "Straße; Süd",
        "P2": "Café",
    }


def test_cost_is_counted_as_the_contract_says(judged: Desk) -> None:
    promised = {
        "fiscal_year": 2027,
        "original_budget": "500000.00",
        "revised_budget": "600000.00",
        "pre_encumbered": "10000.00",
        "encumbered": "50000.00",
        "actual": "200000.00",
        "forecast": "630000.00",
        "available": "340000.00",
        "variance": "-30000.00",
        "variance_share": -0.05,
    }
    cost = judged.project("P1")["cost"]

    assert {name: cost[name] for name in promised} == promised
    assert cost["variance_original"] == "-130000.00"


def test_a_project_that_never_was_has_no_history(judged: Desk) -> None:
    ran = judged.run("history", "P11")
    assert ran.code == 2
    assert "no project 'P11'; near it: P1" in ran.err


def test_what_cannot_write_tells_of_no_writes(judged: Desk) -> None:
    for command in ("pull", "assess"):
        assert "Writes" not in judged.run(command).out
    assert "Writes" in judged.run("sync").out


@pytest.mark.parametrize(
    "words",
    [
        "check",
        "fields office",
        "assess",
        "plan",
        "sync --dry-run",
        "explain P1",
        "history P1",
        "gates",
        "actions",
        "links --suggest",
        "quarantine list",
        "quarantine retry",
        "status",
        "audit verify",
        "db check",
        "db upgrade",
    ],
)
def test_every_command_that_prints_data_takes_json(judged: Desk, words: str) -> None:
    ran = judged.run(*words.split(), "--json")
    assert ran.code == 0
    assert isinstance(ran.json, dict | list)
