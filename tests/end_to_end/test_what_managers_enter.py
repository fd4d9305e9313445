"""What managers enter by command and boards record in tools: decisions, conditions, baselines, overrides, actions."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.desk import OFFICE, PROJECTS, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_decision_with_unmet_criteria_is_recorded_and_shown_in_progress(desk: Desk) -> None:
    desk.office(project=PROJECTS)
    desk.run("sync")
    assert desk.run("gates", "decide", "P1", "G0", "go", "--by", "Ann").code == 0
    desk.run("sync")
    assert desk.json("gates", "P1")[0]["status"] == "in_progress"
    kinds = {each["kind"] for each in desk.run("report", "--format", "json").json["exceptions"]}
    assert "unmet_approval" in kinds
    desk.run(
        "gates",
        "decide",
        "P1",
        "G0",
        "go-with-conditions",
        "--by",
        "Ann",
        "--condition",
        "Describe | 2026-12-31",
    )
    desk.run("sync")
    assert desk.json("gates", "P1")[0]["status"] == "approved_with_conditions"


def test_a_condition_is_met_by_whom_when_and_why_and_only_once(desk: Desk) -> None:
    desk.office(project=PROJECTS)
    desk.run("sync")
    conditions = "--condition", "Describe | 2026-12-31", "--condition", "Staff it | 2026-01-31"
    desk.run("gates", "decide", "P1", "G0", "go-with-conditions", "--by", "Ann", *conditions)
    desk.run("sync")
    assert desk.json("gates", "P1")[0]["status"] == "in_progress"
    meet = "gates", "met", "P1", "g0"
    for wrong in (("0", "--by", "Ben"), ("3", "--by", "Ben"), ("1", "--by", "Ben", "--on", "2999-01-01")):
        assert desk.run(*meet, *wrong).code == 2
    assert desk.run("gates", "met", "P1", "G1", "1", "--by", "Ben").code == 2
    done = desk.run(*meet, "2", "--by", "Ben", "--on", "2026-01-30", "--note", "Two analysts hired")
    assert done.code == 0
    assert desk.run(*meet, "2", "--by", "Ben").code == 2
    desk.run("sync")
    gate = desk.json("gates", "P1")[0]
    assert (gate["status"], gate["decided_by"]) == ("approved_with_conditions", "Ann")
    first, second = gate["conditions"]
    assert (first["text"], first["met_on"], first["met_by"]) == ("Describe", None, None)
    assert second == {
        "text": "Staff it",
        "due_on": "2026-01-31",
        "met_on": "2026-01-30",
        "met_by": "Ben",
        "met_note": "Two analysts hired",
    }
    entries = [json.loads(line) for line in desk.run("audit", "export").out.splitlines()]
    (audited,) = [each for each in entries if each["what"] == "condition met"]
    assert (audited["who"], audited["subject"]) == ("Ben", "P1")
    assert audited["detail"]["condition"] == "Staff it"


DECIDED = """key,name,state,g0,g0 on,g0 by
P1,Permit portal,active,waive,2026-11-01,Ana Board
P2,Parks wifi,active,waive,2026-11-01,
P3,Fleet,active,perhaps,2026-11-01,Ana Board
"""
COLUMNS = """    gate_decisions:
      project:
        G0: {decision: {from: g0, values: {waive: waived, hold: deferred}}, decided_on: '"g0 on"', decided_by: '"g0 by"'}
"""


def test_columns_of_a_project_decide_about_gates_and_nobody_silently(desk: Desk) -> None:
    read = OFFICE.replace("READS", "{kind: project, scope: project.csv, key: key}")
    desk.configure(read.replace("    write:", f"{COLUMNS}    write:", 1))
    desk.put("project.csv", DECIDED)
    desk.run("sync")
    first, unsigned, unread = (desk.json("gates", key)[0] for key in ("P1", "P2", "P3"))
    assert (first["status"], first["decided_on"], first["decided_by"]) == (
        "waived",
        "2026-11-01",
        "Ana Board",
    )
    assert (first["source"]["connection"], first["source"]["external_key"]) == ("office", "P1")
    assert unsigned["decided_on"] is None
    assert unread["decided_on"] is None
    assert unsigned["status"] == unread["status"] != "waived"
    found = desk.run("report", "--format", "json").json["exceptions"]
    assert [each["project"] for each in found if each["kind"] == "unsigned_decision"] == ["P2"]
    (held,) = desk.json("quarantine", "list")
    assert (held["external_key"], held["field"], held["value"]) == (
        "P3",
        "gate_decisions.G0.decision",
        "perhaps",
    )
    desk.put("project.csv", DECIDED.replace("active,waive", "active,hold", 1))
    desk.now = "2026-11-21T17:00:00Z"
    desk.run("sync")
    assert desk.json("gates", "P1")[0]["status"] == "deferred"
    desk.run("gates", "decide", "P1", "G0", "go", "--by", "Ann")
    desk.run("sync")
    assert desk.json("gates", "P1")[0]["decided_by"] == "Ann"


def test_a_condition_of_a_decision_that_a_tools_newer_one_replaced_cannot_be_met(desk: Desk) -> None:
    read = OFFICE.replace("READS", "{kind: project, scope: project.csv, key: key}")
    desk.configure(read.replace("    write:", f"{COLUMNS}    write:", 1))
    desk.put("project.csv", DECIDED)
    desk.run("sync")
    condition = "--condition", "Staff it | 2026-12-31"
    desk.run("gates", "decide", "P1", "G0", "go-with-conditions", "--by", "Ann", *condition)
    desk.put("project.csv", DECIDED.replace("2026-11-01", "2099-11-01", 1))
    desk.now = "2026-11-21T17:00:00Z"
    desk.run("sync")
    refused = desk.run("gates", "met", "P1", "G0", "1", "--by", "Ben")
    assert refused.code == 2
    assert "stands in office P1" in refused.err


def test_columns_decide_about_gates_of_the_pack_by_expressions_alone(desk: Desk) -> None:
    read = OFFICE.replace("READS", "{kind: project, scope: project.csv, key: key}")
    desk.put("project.csv", DECIDED)
    for wrong, told in (
        (
            COLUMNS.replace("G0", "G9"),
            "the gate 'G9', which the pack city_default has not; accepted: one of: G0",
        ),
        (COLUMNS.replace("'\"g0 by\"'", "{default: Board}"), "nobody decides by default"),
        (COLUMNS.replace("'\"g0 by\"'", "{from: g0, default: Board}"), "nobody decides by default"),
        (COLUMNS.replace("'\"g0 by\"'", "g0 by"), "a JMESPath expression"),
    ):
        desk.configure(read.replace("    write:", f"{wrong}    write:", 1))
        ran = desk.run("sync")
        assert ran.code == 2
        assert told in ran.err
        assert "connections.office.gate_decisions.project.G" in ran.err


LATE = PROJECTS.replace(
    "P1,Permit portal,Licenses,active,2026-07-01,2027-04-30,2027-04-30",
    "P1,Permit portal,Licenses,active,2026-07-01,2027-04-30,2027-09-30",
)


def colour(desk: Desk, dimension: str = "schedule") -> Any:
    return desk.project("P1")["status"][dimension]


def test_an_approved_baseline_stands_beside_the_first_one_and_both_variances_are_told(desk: Desk) -> None:
    desk.office(project=LATE)
    desk.run("sync")
    assert colour(desk)["value"] == "red"
    assert desk.run("rebaseline", "P3", "--by", "Board", "--why", "x").code == 2
    assert desk.run("rebaseline", "P1", "--by", "Board", "--why", "Council added payments").code == 0
    desk.now = "2026-11-21T17:00:00Z"
    desk.run("sync")
    found = desk.project("P1")
    assert (found["schedule"]["finish_baseline"], found["schedule"]["finish_original"]) == (
        "2027-09-30",
        "2027-04-30",
    )
    assert (found["schedule"]["variance_days"], found["schedule"]["variance_days_original"]) == (0, 153)
    assert found["schedule"]["rebaselined_on"] == ["2026-11-20"]
    assert colour(desk)["value"] == "approved_change"
    assert [(each["finish"], each["by"], each["why"]) for each in found["baselines"]] == [
        ("2027-04-30", None, None),
        ("2027-09-30", "Board", "Council added payments"),
    ]
    desk.now = "2027-08-02T17:00:00Z"
    desk.run("rebaseline", "P1", "--by", "Board", "--why", "Again")
    desk.run("sync")
    assert len(desk.project("P1")["baselines"]) == 3
    exceptions = desk.run("report", "--format", "json").json["exceptions"]
    (reset,) = [each for each in exceptions if each["kind"] == "yearly_reset"]
    assert "2027 to 2028" in reset["text"]


def test_an_override_stands_beside_what_is_computed_until_its_day_is_over(desk: Desk) -> None:
    desk.office(project=LATE)
    desk.run("sync")
    word = "override", "P1", "schedule", "amber", "--why", "The vendor adds a team", "--by", "Ann", "--until"
    assert desk.run(*word, "2026-11-22").code == 0
    seen = []
    for day in ("20", "22", "23"):
        desk.now = f"2026-11-{day}T18:00:00Z"
        desk.run("sync")
        status = colour(desk)
        seen.append((status["value"], status["computed"], status["override"] is not None))
    assert seen == [("amber", "red", True), ("amber", "red", True), ("red", "red", False)]
    exceptions = desk.run("report", "--format", "json").json["exceptions"]
    (over,) = [each for each in exceptions if each["kind"] == "expired_override"]
    assert (over["since"], over["because"]) == ("2026-11-22", "Ann: The vendor adds a team")


def test_an_action_is_held_against_what_became_of_its_figure(desk: Desk) -> None:
    desk.office(project=LATE)
    desk.run("sync")
    desk.run("narrative", "P1", "--text", "The vendor is late.", "--by", "Ann")
    added = (
        "actions",
        "add",
        "P1",
        "Add a team",
        "--owner",
        "Ann",
        "--due",
        "2026-12-31",
        "--figure",
        "schedule",
    )
    assert desk.run(*added).code == 0
    desk.run("sync")
    (action,) = desk.project("P1")["actions"]
    assert (action["owner"], action["figure"], action["before"]["colour"]) == ("Ann", "schedule", "red")
    assert desk.project("P1")["narrative"]["text"] == "The vendor is late."
    assert desk.run("actions", "close", str(action["id"]), "--outcome", "A team came").code == 0
    desk.now = "2026-12-30T17:00:00Z"
    desk.run("sync")
    exceptions = desk.run("report", "--format", "json").json["exceptions"]
    assert [
        each["kind"] for each in exceptions if each["project"] == "P1" and "Add a team" in each["text"]
    ] == ["no_effect"]
    desk.put("project.csv", PROJECTS)
    desk.now = "2026-12-31T17:00:00Z"
    desk.run("sync")
    (action,) = desk.project("P1")["actions"]
    assert (action["effect"], action["outcome"]) == ("recovered", "A team came")
