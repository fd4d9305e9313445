"""Premium plans live in Dataverse: read as an OData service, written to a table of Portico's own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.dataverse import MOST_COUNTED, Organisation, create_app
from sandbox.server import serve
from sync.cli import main

STARTED = "2026-01-05T08:00:00Z"
CONFIGURATION = """
version: 1
portfolio: {{name: OIT Operations, timezone: America/New_York}}
connections:
  premium:
    tool: odata
    url: {url}/api/data/v9.2
    auth: {{type: bearer, token: "${{DATAVERSE_TOKEN}}"}}
    requests_per_second: 200
    read:
      - {{kind: project, scope: "msdyn_projects?$filter=statecode eq 0", cursor: modifiedon}}
      - {{kind: work_item, scope: "msdyn_projecttasks?$expand=msdyn_project($select=cr1_projectkey)", cursor: modifiedon}}
    map:
      project: {{key: cr1_projectkey, name: msdyn_subject, start_planned: {{from: msdyn_scheduledstart, convert: date}},
                finish_planned: {{from: msdyn_finish, convert: date}}, percent_complete: {{from: msdyn_progress, convert: share}},
                state: {{from: statecode, values: {{"0": active}}}}}}
      work_item: {{title: msdyn_subject, due_on: {{from: msdyn_finish, convert: date}}, type: {{default: task}},
                  estimate_hours: {{from: msdyn_effort, convert: number}},
                  status: &progress "(msdyn_progress == `1` && 'done') || (msdyn_progress == `0` && 'todo') || 'in_progress'",
                  status_category: *progress}}
    write:
      project: {{to: cr1_pmostatuses, key: {{key: cr1_projectkey}}, rag_overall: cr1_rag, gate_status: cr1_gatestatus}}
projects:
  from: [{{connection: premium, kind: project}}]
  rules: [{{connection: premium, kind: work_item, value: msdyn_project.cr1_projectkey, equals: key}}]
"""
EXPORT = """
version: 1
store: sqlite:///{store}
connections:
  online:
    tool: files
    path: in
    read: [{{kind: project, scope: projects.csv, key: [ProjectId], full: true}}]
    map:
      project: {{key: ProjectId, name: ProjectName, start_planned: {{from: ProjectStartDate, convert: date}},
                finish_planned: {{from: ProjectFinishDate, convert: date}},
                percent_complete: {{from: ProjectPercentCompleted, convert: percent}}}}
projects: {{from: [{{connection: online, kind: project}}]}}
"""


@pytest.fixture
def organisation() -> Organisation:
    found = Organisation()
    for number, state in enumerate((0, 0, 1)):
        plan = found.put(
            "msdyn_projects",
            {
                "msdyn_subject": f"Plan {number}",
                "cr1_projectkey": f"P-{number}",
                "msdyn_scheduledstart": STARTED,
                "msdyn_finish": "2027-03-31T17:00:00Z",
                "msdyn_progress": 0.25,
                "statecode": state,
                "modifiedon": STARTED,
            },
        )
        for task in range(4):
            found.put(
                "msdyn_projecttasks",
                {
                    "_msdyn_project_value": plan,
                    "msdyn_subject": f"Task {task}",
                    "msdyn_finish": "2026-02-01T17:00:00Z",
                    "msdyn_progress": (0, 0.5, 1, 1)[task],
                    "msdyn_effort": 12.5,
                    "modifiedon": STARTED,
                },
            )
    return found


@pytest.fixture
def config(
    organisation: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    monkeypatch.setenv("DATAVERSE_TOKEN", organisation.token)
    with serve(create_app(organisation)) as server:
        path = tmp_path / "portico.yaml"
        path.write_text(CONFIGURATION.format(url=server.url), encoding="utf-8")
        yield ["-c", str(path)]


def test_premium_plans_are_projects_with_their_tasks(
    config: list[str], organisation: Organisation, tmp_path: Path
) -> None:
    assert main([*config, "sync"]) == 0
    assert main([*config, "report", "--format", "json", "-o", str(tmp_path / "r.json")]) == 0

    projects = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["projects"]
    assert [(each["key"], each["name"], each["work"]["done"], each["work"]["todo"]) for each in projects] == [
        ("P-0", "Plan 0", 2, 1),
        ("P-1", "Plan 1", 2, 1),
    ]
    written = {
        row["cr1_projectkey"]: row["cr1_rag"] for row in organisation.tables["cr1_pmostatuses"].values()
    }
    assert written.keys() == {"P-0", "P-1"}
    before = len(organisation.write_log)

    assert main([*config, "sync"]) == 0
    assert len(organisation.write_log) == before


def test_a_changed_task_is_read_and_a_gone_one_is_found_missing(
    config: list[str], organisation: Organisation, tmp_path: Path
) -> None:
    main([*config, "sync"])
    task = next(iter(organisation.tables["msdyn_projecttasks"]))
    organisation.put("msdyn_projecttasks", {"msdyn_progress": 1, "modifiedon": "2026-11-20T08:00:00Z"}, task)
    assert main([*config, "sync"]) == 0
    main([*config, "report", "--format", "json", "-o", str(tmp_path / "r.json")])
    first = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["projects"][0]
    assert (first["work"]["done"], first["work"]["todo"]) == (3, 0)


def test_more_rows_than_dataverse_counts_are_read_whole(
    config: list[str], organisation: Organisation
) -> None:
    plan = next(iter(organisation.tables["msdyn_projects"]))
    for number in range(MOST_COUNTED + 300):
        organisation.put(
            "msdyn_projecttasks",
            {
                "_msdyn_project_value": plan,
                "msdyn_subject": f"T{number}",
                "msdyn_progress": 0,
                "modifiedon": STARTED,
            },
        )
    assert main([*config, "pull"]) == 0
    assert main([*config, "pull", "--full"]) == 0


def test_check_finds_the_table_and_names_a_missing_column(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*config, "check"]) == 0
    path = Path(config[1])
    path.write_text(path.read_text("utf-8").replace("cr1_gatestatus", "cr1_gate"), encoding="utf-8")
    capsys.readouterr()
    assert main([*config, "check"]) == 1
    assert "cr1_gate" in capsys.readouterr().out


def test_an_export_of_project_online_is_read_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "projects.csv").write_bytes(
        b"\xef\xbb\xbfProjectId,ProjectName,ProjectStartDate,ProjectFinishDate,ProjectPercentCompleted\r\n"
        b"7f3c9a10-1111,Permit portal,2026-01-05T08:00:00,2027-03-31T17:00:00,25\r\n"
    )
    path = tmp_path / "portico.yaml"
    path.write_text(EXPORT.format(store=tmp_path / "p.db"), encoding="utf-8")
    assert main(["-c", str(path), "sync"]) == 0
    assert main(["-c", str(path), "report", "--format", "json", "-o", str(tmp_path / "r.json")]) == 0
    (project,) = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["projects"]
    assert (project["key"], project["name"]) == ("7f3c9a10-1111", "Permit portal")
    assert project["schedule"]["finish_planned"] == "2027-03-31"
