"""Recorded answers of real tools and real public data translate; every reject names its reason."""

import base64
import csv
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.connections import MapRule
from config.settings import Portfolio
from mapping import KindMapping, Translated, Translator, context_of, load

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
pytestmark = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason=f"no fixtures at {FIXTURES} (set PORTICO_FIXTURES)"
)
CONTEXT = context_of(Portfolio(timezone="America/New_York"))


def read(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def lines(name: str) -> list[Any]:
    return [
        json.loads(line)
        for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def within(document: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document, at any depth."""
    if isinstance(document, dict):
        yield document
        document = list(document.values())
    for each in document if isinstance(document, list) else ():
        yield from within(each)


def translated(mapping: KindMapping, bodies: list[dict[str, Any]]) -> list[Translated]:
    translator = Translator(mapping, CONTEXT)
    found = [translator.translate(body) for body in bodies]
    assert len(found) == len(bodies)
    for each in found:
        assert all(reject.field and reject.reason for reject in each.rejects)
        assert each.row is not None or each.rejects
    return found


def test_every_apache_project() -> None:
    found = translated(load("jira", "project"), read("jira/go-jira/all_projects.json"))
    assert len(found) == 567
    assert not any(each.rejects for each in found)
    keys = {each.row["key"] for each in found if each.row}
    assert len(keys) == 567


def test_real_jira_issues() -> None:
    documents = [read("jira/airbyte/issues_v3_adf.json"), read("jira/jira-cli/issue_v3_minimal.json")]
    documents += [read(f"jira/go-jira/{name}.json") for name in ("issues_in_sprint",)]
    documents += lines("jira/atlassian-openapi/cloud_platform_v3_examples.jsonl")
    documents += [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (FIXTURES / "jira/mattermost").glob("webhook-*")
    ]
    bodies = [
        each
        for document in documents
        for each in within(document)
        if isinstance(each.get("fields"), dict) and isinstance(each["fields"].get("summary"), str)
    ]
    found = translated(load("jira", "issue"), bodies)
    assert len(found) > 30
    assert all(each.row["title"] for each in found if each.row)
    assert {reject.field for each in found for reject in each.rejects} <= {"status_category"}


def test_real_sprints_and_versions() -> None:
    sprints = [each for each in within(read("jira/go-jira/sprints.json")) if "startDate" in each]
    found = translated(load("jira", "sprint"), sprints)
    assert found
    assert not any(each.rejects for each in found)
    versions = [each for each in within(read("jira/go-jira/project.json")) if "released" in each]
    assert not any(each.rejects for each in translated(load("jira", "version"), versions))


def test_real_servicenow_records() -> None:
    documents = [
        *lines("servicenow/ansible-itsm/return_samples.jsonl"),
        *lines("servicenow/vendor-docs/json_blocks.jsonl"),
    ]
    documents += [
        read(f"servicenow/sn-scripts/{path.name}") for path in (FIXTURES / "servicenow/sn-scripts").iterdir()
    ]
    bodies = [
        each for document in documents for each in within(document) if {"number", "state"} <= each.keys()
    ]
    assert len(bodies) > 5
    kinds = {
        "INC": "incident",
        "CHG": "change_request",
        "PRB": "problem",
        "REQ": "sc_request",
        "TASK": "sc_task",
    }
    rejected = set()
    for body in bodies:
        number = body["number"] if isinstance(body["number"], str) else str(body["number"].get("value"))
        kind = next((kind for start, kind in kinds.items() if number.startswith(start)), "incident")
        (found,) = translated(load("servicenow", kind), [body])
        assert found.row is not None
        assert found.row["number"] == number
        rejected |= {(each.field, each.value) for each in found.rejects}
    # codes of an instance's own, and words of a playbook that are no states: an administrator maps them
    assert rejected == {("state_category", code) for code in ("10", "18", "154", "open", "present")}


def test_the_real_incident_log() -> None:
    with (FIXTURES / "servicenow/uci-incident-log/dev_slice.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    newest: dict[str, dict[str, Any]] = {}
    for row in rows:
        if int(row["sys_mod_count"]) >= int(
            newest.get(row["number"], {"sys_mod_count": "-1"})["sys_mod_count"]
        ):
            newest[row["number"]] = row
    form = {"convert": "datetime", "format": "%d/%m/%Y %H:%M"}
    times = {
        name: MapRule.model_validate({"from": f"{name} != '?' && {name}"} | form)
        for name in ("opened_at", "closed_at")
    }
    mapping = load("servicenow", "incident", times)
    found = translated(mapping, [row | {"state": row["incident_state"]} for row in newest.values()])
    expected = read("servicenow/uci-incident-log/expected_dev.json")["dev_slice"]
    assert len(found) == expected["incidents"] == 1056
    assert Counter(each.row["priority"] for each in found if each.row) == expected["by_priority"]
    assert Counter(each.row["state_category"] for each in found if each.row) == {
        {"Closed": "closed", "New": "new"}[state]: count
        for state, count in expected["by_final_state"].items()
    }
    breached = Counter(each.row["priority"] for each in found if each.row and each.row["breached"])
    assert breached == expected["made_sla_false_by_priority"]
    assert sum(each.row["reopened"] > 0 for each in found if each.row) == expected["reopened"] > 5
    (first,) = [each.row for each in found if each.row and each.row["number"] == "INC0000098"]
    assert first["opened_at"] == datetime(2016, 2, 29, 9, 2, tzinfo=UTC)


def test_the_log_states_without_a_rule_are_rejected() -> None:
    found = Translator(load("servicenow", "incident"), CONTEXT).translate({"number": "INC1", "state": "-100"})
    assert [(each.field, each.value) for each in found.rejects] == [("state_category", "-100")]


def test_real_planner_tasks() -> None:
    documents = [
        *lines("planner/cli-m365/docs_responses.jsonl"),
        *lines("planner/cli-m365/spec_payloads.jsonl"),
    ]
    bodies = [
        each
        for document in documents
        for each in within(document)
        if {"percentComplete", "title"} <= each.keys()
    ]
    found = translated(load("planner", "task"), bodies)
    assert len(found) > 5
    assert not any(each.rejects for each in found), [each.rejects for each in found if each.rejects]


@pytest.mark.parametrize(
    "name", ["FY13-14__adopted", "FY14-15__adopted", "FY15-16__adopted", "FY15-16__proposed"]
)
def test_a_real_citys_budget_to_the_cent(name: str) -> None:
    with (FIXTURES / f"finance/oakland/{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    overrides = {
        "fiscal_year": MapRule.model_validate({"from": "budget_year", "convert": "fiscal_year"}),
        "fund": MapRule.model_validate({"from": "fund_code"}),
        "account": MapRule.model_validate({"from": "join(':', [account_type, account_category])"}),
        "original_budget": MapRule.model_validate({"from": "amount", "convert": "amount"}),
    }
    found = translated(load("files", "budget_line", overrides), rows)
    assert not any(each.rejects for each in found)
    total = sum((each.row["original_budget"] for each in found if each.row), Decimal(0))
    assert total == sum((Decimal(row["amount"]) for row in rows), Decimal(0))
    assert {each.row["fiscal_year"] for each in found if each.row} == {2000 + int(name[5:7])}


def test_hostile_strings() -> None:
    texts = [base64.b64decode(text).decode("utf-8") for text in read("nasty/blns_dev.base64.json")]
    assert len(texts) == 232
    bodies = [
        {
            "title": text,
            "status_category": text,
            "due_on": text,
            "estimate_hours": text,
            "blocked": text,
            "labels": text,
        }
        for text in texts
    ]
    for body, each in zip(bodies, translated(load("files", "work_item"), bodies), strict=True):
        assert each.row is not None
        kept = body["title"].strip().replace("\x00", "\ufffd")
        assert each.row["title"] == (kept or None)
