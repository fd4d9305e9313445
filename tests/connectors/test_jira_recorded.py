"""Answers of real Jira servers, read through the connector."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Stream
from connectors.jira_fields import decode, field_type, instant
from sandbox.faults import Rule
from tests.conftest import missing
from tests.connectors.jira_served import Served, records

ROOT = Path(__file__).parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures")) / "jira"


def recorded(name: str) -> str:
    path = FIXTURES / name
    if not path.exists():
        missing(f"the recorded answer {name} (set PORTICO_FIXTURES)")
    return path.read_text(encoding="utf-8")


def answering(served: Served, **answers: str) -> None:
    rules = [Rule(path=f"*/{name}", status=200, body=body, times=None) for name, body in answers.items()]
    served.faults.use(*rules)


def test_every_project_of_a_large_server_is_read(datacenter: Served) -> None:
    body = recorded("go-jira/all_projects.json")
    answering(datacenter, project=body)
    found = records(datacenter.connect(), Stream("project"))
    assert {each.key: each.body["name"] for each in found} == {
        each["key"]: each["name"] for each in json.loads(body)
    }
    assert len(found) == 567


def test_sprints_with_offsets_and_without_a_total_are_read(datacenter: Served) -> None:
    body = recorded("go-jira/sprints.json")
    boards = {"values": [{"id": 734, "type": "scrum"}, {"id": 735, "type": "kanban"}], "isLast": True}
    answering(datacenter, sprint=body, board=json.dumps(boards))
    found = records(datacenter.connect(), Stream("sprint"))
    assert [each.id for each in found] == [str(each["id"]) for each in json.loads(body)["values"]]


def test_issues_with_other_offsets_are_read(datacenter: Served) -> None:
    document = json.loads(recorded("go-jira/issues_in_sprint.json"))
    document["total"] = len(document["issues"])
    jira = datacenter.connect()
    jira.check()
    answering(datacenter, search=json.dumps(document))
    (page,) = jira.pull(Stream("issue", scope="sprint = 1"), {"updated": None, "dates": "epoch"})
    assert page.complete
    for record, issue in zip(page.records, document["issues"], strict=True):
        assert record.updated_at == instant(issue["fields"]["updated"])
        assert record.key == issue["key"]


@pytest.mark.parametrize(
    "name", ["airbyte/issues_v3_adf.json", "jira-cli/issue_v3_minimal.json", "go-jira/issues_in_sprint.json"]
)
def test_every_recorded_value_has_a_plain_value(name: str) -> None:
    found = list(_issues(json.loads(recorded(name))))
    assert found
    for issue in found:
        for value in issue["fields"].values():
            plain = decode(value, "any")
            assert plain is None or plain != ""


def test_recorded_fields_have_types() -> None:
    found = [field_type(each) for each in json.loads(recorded("go-jira/all_fields.json"))]
    assert all(each.id and each.name for each in found)
    assert {"text", "rich text"} <= {each.type for each in found}


def _issues(document: Any) -> Any:
    if isinstance(document, dict) and isinstance(document.get("fields"), dict):
        yield document
    elif isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from _issues(each)
