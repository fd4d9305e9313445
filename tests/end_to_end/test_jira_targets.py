"""The real program writes to Jira: projects that carry their own figures, several choices, people."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.jira_city import statuses_of_the_city
from sandbox.jira_site import Product
from sandbox.jira_values import custom
from tests.connectors.jira_served import TO_DO, VARIANCE, Served
from tests.end_to_end.office import Ran, rows, run

DONE = next(each for each in statuses_of_the_city().values() if each["name"] == "Done")
HEAD = """
version: 1
portfolio: {{name: Real, timezone: America/New_York, fiscal_year_start: '07-01'}}
safety: {{max_share: 1}}
connections:
  jira:
    tool: jira
    url: {url}
    requests_per_second: 1000
    auth: {auth}
"""
OF_PROJECTS = """
    machine_copy: portico.status
    read: [{kind: issue, scope: project = CON}, {kind: project, scope: CON}]
    write: {project: {
      percent_complete: percent_complete, rag_overall: {field: rag, values: {unknown: "n/a"}}, computed_at: computed_at}}
"""
PROJECTS: Mapping[Product, str] = {
    "cloud": "projects: {from: [{connection: jira, kind: project}]}",
    "datacenter": "projects: {list: [{key: A, name: Alpha, links: [{connection: jira, project: CON, write_to: CON}]}]}",
}
OF_ISSUES = """
    read: [{kind: issue, scope: project = CON}]
    write: {project: {
      rag_overall: {field: customfield_50001, values: {unknown: "Over budget, Late"}},
      rag_cost: {field: customfield_50002, values: {unknown: ada}}}}
projects: {list: [{key: A, name: Alpha, links: [{connection: jira, project: CON, write_to: CON-1}]}]}
"""
OF_NUMBERS = """
    read: [{kind: issue, scope: project = CON}]
    write: {project: {percent_complete: customfield_10204}}
projects: {list: [{key: A, name: Alpha, links: [{connection: jira, project: CON, write_to: CON-1}]}]}
"""
OF_ALL = """
    read: [{kind: issue}]
projects: {list: [{key: A, name: Alpha, links: [{connection: jira, project: CON}, {connection: jira, project: OUT}]}]}
"""


class Desk:
    """A folder with a configuration for one served Jira."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.folder = folder
        self.served = served

    def configure(self, text: str) -> None:
        site = self.served.site
        cloud = f'{{type: basic, user: {site.email}, token: "${{SECRET}}"}}'
        auth = cloud if site.product == "cloud" else '{type: bearer, token: "${SECRET}"}'
        head = HEAD.format(url=self.served.server.url, auth=auth)
        (self.folder / "portico.yaml").write_text(head + text, encoding="utf-8")

    def run(self, *arguments: str) -> Ran:
        config, now = self.folder / "portico.yaml", self.served.at.isoformat()
        return run("-c", config, "--now", now, *arguments, environment={"SECRET": self.served.site.token})

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'portico.db'}"

    def live(self) -> list[dict[str, Any]]:
        return [row for row in rows(self.store, "work_item") if row["deleted_at"] is None]

    def found(self, severity: str = "error") -> list[str]:
        found: Any = self.run("check", "--json").json["findings"]
        return [f"{each['text']} {each['fix']}" for each in found if each["severity"] == severity]


@pytest.fixture(params=["cloud", "datacenter"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    product: Product = request.param
    served = Served(product)
    served.at = datetime(2026, 11, 20, 15, tzinfo=UTC)
    yield Desk(tmp_path, served)
    served.stop()


def test_a_jira_project_carries_its_own_figures(desk: Desk) -> None:
    site = desk.served.site
    issue = site.add("CON", {"issuetype": {"name": "Task"}, "status": TO_DO, "summary": "first"})
    site.projects["CON"]["id"] = str(issue.id)
    desk.configure(OF_PROJECTS + PROJECTS[site.product])
    assert desk.found() == []
    first = desk.run("sync", "--json")
    assert first.code == 0, first.err
    held = site.properties["CON"]["portico.status"]["fields"]
    assert (held["percent_complete"], held["rag"]) == (0, "n/a")
    assert [each["record"] for each in site.write_log] == ["CON"]
    desk.served.tick(3600)
    assert desk.run("sync", "--json").code == 0
    assert len(site.write_log) == 1
    held["rag"] = "by hand"
    desk.served.tick(3600)
    planned = desk.run("plan", "--json").json["changes"]
    assert {each["field"]: each["before"] for each in planned}["rag"] == "by hand"
    assert desk.run("sync").code == 0
    assert site.properties["CON"]["portico.status"]["fields"]["rag"] == "n/a"


def test_a_number_that_was_written_is_written_anew_whenever_it_changes(desk: Desk) -> None:
    carrier, *others = desk.served.add(10)
    desk.configure(OF_NUMBERS)
    shown = []
    for issue in others[:3]:
        desk.served.edit(issue, status=DONE)
        desk.served.tick(3600)
        assert desk.run("sync").code == 0
        shown.append(carrier.fields[VARIANCE])
    assert shown == [0.1, 0.2, 0.3]


def test_a_project_that_becomes_visible_is_loaded_in_full(desk: Desk) -> None:
    site = desk.served.site
    site.projects["OUT"] = {"id": "10002", "key": "OUT", "name": "Elsewhere"}
    site.hidden |= {each.id for each in desk.served.add(5, "OUT")}
    desk.served.tick(3600)
    desk.served.add(2)
    desk.configure(OF_ALL)
    for _ in range(2):
        desk.served.tick(86_400)
        assert desk.run("sync").code == 0
    assert len(desk.live()) == 2
    site.hidden.clear()
    desk.served.tick(3600)
    assert desk.run("sync").code == 0
    assert len(desk.live()) == 2
    desk.served.tick(86_400)
    assert desk.run("sync").code == 0
    assert {each["external_key"] for each in desk.live()} == {
        "CON-1",
        "CON-2",
        *(f"OUT-{n}" for n in range(1, 6)),
    }


def test_deleted_archived_and_moved_issues_are_told_apart(desk: Desk) -> None:
    site = desk.served.site
    site.projects["OUT"] = {"id": "10002", "key": "OUT", "name": "Elsewhere"}
    issues = desk.served.add(20)
    desk.configure(OF_PROJECTS + PROJECTS["datacenter"])
    assert desk.run("sync").code == 0
    site.delete(issues[0])
    site.archived.add(issues[1].id)
    site.move(issues[2], "OUT")
    told = []
    for _ in range(2):
        desk.served.tick(90_000)
        assert desk.run("sync").code in (0, 1)
        found = {row["external_key"]: row for row in rows(desk.store, "work_item")}
        some = [found[key] for key in ("CON-1", "CON-2", "CON-3")]
        told.append([(row["deleted_at"] is not None, bool(row["left_scope"])) for row in some])
    assert told == [
        [(False, False), (False, True), (False, True)],
        [(True, False), (False, True), (False, True)],
    ]
    assert len(desk.live()) == 19


def test_several_choices_and_people_are_proved_written_and_left_alone(desk: Desk) -> None:
    site = desk.served.site
    made = (
        custom(50_001, "Flags", "array", "multiselect", ("Late",)),
        custom(50_002, "Contact", "user", "userpicker"),
    )
    site.fields = {**site.fields, **{each.id: each for each in made}}
    site.users = {"ada": "Ada Lovelace"}
    desk.served.add(1)
    desk.configure(OF_ISSUES)
    (lacking,) = desk.found()
    assert "has no option 'Over budget'; it has Late" in lacking
    if site.product == "cloud":
        desk.configure("    create_options: true" + OF_ISSUES)
    else:
        made = (custom(50_001, "Flags", "array", "multiselect", ("Late", "Over budget")), made[1])
        site.fields = {**site.fields, **{each.id: each for each in made}}
    assert desk.found() == []
    assert [
        each
        for each in desk.found("warning")
        if "no option 'red', as which rag_overall would be written" in each
    ]
    assert desk.run("sync").code == 0
    (issue,) = site.issues.values()
    assert {each["value"] for each in issue.fields["customfield_50001"]} == {"Late", "Over budget"}
    assert issue.fields["customfield_50002"]["displayName"] == "Ada Lovelace"
    count = len(site.write_log)
    desk.served.tick(3600)
    again = desk.run("sync", "--json")
    assert (again.code, len(site.write_log)) == (0, count)
    assert json.loads(desk.run("plan", "--json").out)["changes"] == []
