"""The real program over recorded real data: incidents through time, a thousand-project Jira, a city's adopted budgets."""

import csv
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from sandbox.jira import create_site_app
from sandbox.jira_site import Site
from sandbox.server import serve
from sandbox.servicenow import USER
from tests.end_to_end.office import Ran, rows, run
from tests.end_to_end.replay import create_replay_app, incidents

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(os.environ.get("PORTICO_FIXTURES", ROOT.parent / "shared/fixtures"))
LOG = FIXTURES / "servicenow/uci-incident-log"
APACHE = FIXTURES / "jira/go-jira/all_projects.json"
OAKLAND = FIXTURES / "finance/oakland"
SECRET = "canary-4711"
HEAD = "version: 1\nportfolio: {name: Real, timezone: America/New_York, fiscal_year_start: '07-01'}\n"

pytestmark = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason=f"no fixtures at {FIXTURES} (set PORTICO_FIXTURES)"
)


class Desk:
    """A folder with one configuration and a store; `now` is set by hand, and is the tools' clock too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = datetime(2026, 11, 20, 15, tzinfo=UTC)
        self.store = f"sqlite:///{folder / 'portico.db'}"

    def configure(self, text: str) -> None:
        (self.folder / "portico.yaml").write_text(HEAD + text, encoding="utf-8")

    def run(self, *arguments: str) -> Ran:
        config = self.folder / "portico.yaml"
        return run("-c", config, "--now", self.now.isoformat(), *arguments, environment={"SECRET": SECRET})

    def live(self, table: str) -> list[dict[str, Any]]:
        return [row for row in rows(self.store, table) if row["deleted_at"] is None]

    def report(self) -> Any:
        return self.run("report", "--format", "json").json


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def served() -> Iterator[Callable[[Flask], str]]:
    """Serves applications until the test ends."""
    servers = []

    def make(app: Flask) -> str:
        servers.append(serve(app))
        return servers[-1].url

    yield make
    for server in servers:
        server.stop()


INCIDENTS = """
connections:
  snow:
    tool: servicenow
    url: {url}
    requests_per_second: 1000
    auth: {{type: basic, user: {user}, password: "${{SECRET}}"}}
    read: [{{kind: incident}}]
    map: {{incident: {{project_key: "'UCI'"}}}}
projects: {{list: [{{key: UCI, name: The service desk}}]}}
"""


def test_real_incidents_are_exact_at_every_instant(desk: Desk, served: Callable[[Flask], str]) -> None:
    app = create_replay_app({"incident": incidents(LOG / "dev_slice.csv")}, lambda: desk.now)
    app.extensions["portico"].password = SECRET
    desk.configure(INCIDENTS.format(url=served(app), user=USER))
    expected = json.loads((LOG / "expected_dev.json").read_text(encoding="utf-8"))["dev_slice"]
    read = 0
    for text, figures in expected["as_of"].items():
        desk.now = datetime.fromisoformat(text).replace(tzinfo=UTC)
        ran = desk.run("sync", "--json")
        assert ran.code == 0, ran.err
        read += ran.json["connections"][0]["records"]
        tickets = desk.live("ticket")
        opened = [
            each for each in tickets if each["state_category"] not in {"resolved", "closed", "cancelled"}
        ]
        assert len(tickets) == figures["visible"], text
        assert len(opened) == figures["open"], text
        assert numbers(Counter(each["priority"] for each in opened)) == numbers(
            figures["open_by_priority"]
        ), text
        assert Counter(age(desk.now - each["opened_at"]) for each in opened) == figures["open_age_buckets"], (
            text
        )

        (project,) = desk.report()["projects"]
        counts = project["ticket_counts"]
        assert counts["open"] == figures["open"], text
        assert numbers(counts["by_priority"]) == numbers(figures["open_by_priority"]), text
        assert counts["by_age"] == figures["open_age_buckets"], text
        assert counts["breached"] == figures["open_sla_breached"], text
    assert read < 2 * expected["events"]

    desk.now = datetime(2017, 12, 31, tzinfo=UTC)
    assert desk.run("sync", "--json").code == 0
    tickets = desk.live("ticket")
    assert len(tickets) == expected["incidents"]
    assert numbers(Counter(each["priority"] for each in tickets)) == numbers(expected["by_priority"])
    assert Counter(each["state"] for each in tickets) == expected["by_final_state"]
    missed = Counter(each["priority"] for each in tickets if each["breached"])
    assert numbers(missed) == numbers(expected["made_sla_false_by_priority"])
    assert sum(not each["resolved_at"] for each in tickets) == expected["no_resolved_at"]
    assert desk.run("quarantine", "list", "--json").json == []
    assert desk.run("sync", "--json").json["counts"]["judged_anew"] == 0


JIRA = """
connections:
  apache:
    tool: jira
    url: {url}
    requests_per_second: 1000
    auth: {{type: bearer, token: "${{SECRET}}"}}
    read: [{{kind: project}}]
projects: {{from: [{{connection: apache, kind: project}}]}}
"""


def test_the_567_real_projects_of_a_data_center_become_a_portfolio(
    desk: Desk, served: Callable[[Flask], str]
) -> None:
    real = json.loads(APACHE.read_text(encoding="utf-8"))
    site = Site("datacenter", lambda: desk.now, token=SECRET)
    site.projects = {each["key"]: each for each in real}
    desk.configure(JIRA.format(url=served(create_site_app(site))))
    ran = desk.run("sync", "--json")
    document = desk.report()
    shown = {each["key"]: each for each in document["projects"]}
    categories = {each["key"]: (each.get("projectCategory") or {}).get("name") for each in real}

    assert (ran.code, ran.json["quarantine"]) == (0, 0), ran.err
    assert len(shown) == len(real) == 567
    assert {key: each["name"] for key, each in shown.items()} == {
        each["key"]: each["name"].strip() for each in real
    }
    assert {key: each["program"] for key, each in shown.items()} == categories
    assert {each["status"]["overall"]["value"] for each in shown.values()} == {"unknown"}, (
        "nothing known is not green"
    )
    assert document["portfolio"]["counts"]["overall"]["unknown"] == 567

    gone = real[0]["key"]
    del site.projects[gone]
    deleted = []
    for _ in range(2):
        desk.now += timedelta(days=1)
        deleted.append(desk.run("sync", "--json").json["counts"]["deleted"])
    assert deleted == [0, 1], "missing once, then confirmed missing"
    assert len(desk.report()["projects"]) == 566


OAKLAND_BUDGET = """
connections:
  adopted:
    tool: files
    path: {path}
    out: out
    read: [{{kind: budget_line, scope: "FY*__adopted.csv", basis: annual}}]
    map: &columns
      budget_line:
        fiscal_year: {{from: budget_year, convert: fiscal_year}}
        fund: fund_code
        budget_code: join('-', [fund_code, department])
        account: join(':', [account_type, account_category])
        original_budget: {{from: amount, convert: amount}}
        revised_budget: {{from: amount, convert: amount}}
  proposed:
    tool: files
    path: {path}
    out: out
    read: [{{kind: budget_line, scope: "FY*__proposed.csv", basis: annual}}]
    map: *columns
"""


def test_a_real_citys_budgets_add_up_to_the_cent(desk: Desk) -> None:
    desk.configure(OAKLAND_BUDGET.format(path=OAKLAND))
    ran = desk.run("sync", "--json")
    again = desk.run("sync", "--json")
    lines = desk.live("budget_line")

    assert (ran.code, ran.json["quarantine"]) == (0, 0), ran.err
    assert again.json["counts"]["changed"] == 0
    for name, pattern in (("adopted", "*__adopted.csv"), ("proposed", "*__proposed.csv")):
        given: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        count = 0
        for path in OAKLAND.glob(pattern):
            with path.open(encoding="utf-8-sig", newline="") as file:
                for row in csv.DictReader(file):
                    year = 2000 + int(row["budget_year"][-2:])
                    given[year, row["fund_code"], row["department"] or None, row["account_type"]] += Decimal(
                        row["amount"]
                    )
                    count += 1
        kept: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        own = [line for line in lines if line["connection"] == name]
        for line in own:
            kind = line["account"].partition(":")[0]
            kept[line["fiscal_year"], line["fund"], line["department"], kind] += line["original_budget"]
        assert len(own) == count > 1000
        assert kept == given
        assert all(line["revised_budget"] == line["original_budget"] for line in own)


def numbers(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by the number that a priority begins with."""
    return {label.partition(" ")[0]: count for label, count in counts.items()}


def age(since: timedelta) -> str:
    limits = (("0-1d", 1), ("1-7d", 7), ("7-30d", 30))
    return next((name for name, days in limits if since < timedelta(days=days)), "30d+")
