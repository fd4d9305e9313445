"""The demo's report is filled from real data, no figure is a constant, and every red or amber leads to records."""

import html
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import openpyxl
import pytest
import requests

from sync.demo import prepare, rehearse
from sync.program import Program
from tests.end_to_end.office import Ran, by, run

ONE_DAY = ("status.*.since", "trend.as_of")
"""What needs more than the demo's one day to differ; the tests of since tell two days apart."""
ONE_CITY = (
    "cost.fiscal_year",
    "status.*.rule",
    "status.*.threshold.*",
    "status.schedule.inputs.original_*",
    "budget_lines.currency",
    "budget_lines.share",
    "gates.unconfirmed",
    "gates.criteria.unconfirmed",
    "tailored.because",
    "compliance.data_fresh",
    "compliance.because.data_fresh",
    "status.quality.sources.connection",
    "deliverables.source.connection",
    "register.source.connection",
    "gates.source.connection",
    "outages.source.connection",
    "tickets.source.connection",
)
"""What one city has one of: a currency, a rule set, a gate pack, a register, a desk, a plan changed with approval."""
NOT_OVERRULED = (
    "status.overall.override",
    "status.schedule.override",
    "status.cost.override",
    "status.quality.override",
)
"""The demo's manager overrules one dimension; the others show what was computed."""
FIRST_REPORT = ("changes", "snapshot.changes_since")
"""What tells a report from the one before: the demo's is the first."""
OF_FILES = ("budget_lines.period", "deliverables.source.url", "gates.source.url", "register.source.url")
"""A CSV row has no address to click, and the city's ledgers are kept by the year."""
THE_SAME_IN_EVERY_VIEW = (
    "schema",
    "snapshot.*",
    "view.audience",
    "sources.*",
    "quarantine.*",
    "capacity.scenarios.*",
    "capacity.tickets.*",
    "capacity.months.capacity_hours",
    "capacity.months.people",
    "capacity.*.capacity_hours",
    "tickets.desk.*",
    "priority.reviewed.*",
    "priority.min_coverage",
    "pmo.from",
    "pmo.until",
    "portfolio.name",
    "portfolio.currency",
    "portfolio.totals.fiscal_years",
    "portfolio.trend.as_of",
    "ledger.figures.difference",
)
"""What belongs to the run or to the whole city; its figures are worked out anew in the tests of 180 projects."""
NOBODY = (
    "portfolio.counts.states.*",
    "portfolio.counts.*.approved_change",
    "portfolio.counts.scope.red",
    "portfolio.counts.quality.amber",
    "portfolio.counts.cost.amber",
    "portfolio.trend.approved_change",
    "compliance.documents.outdated",
    "compliance.projects.forecast_updated",
    "compliance.projects.data_fresh",
    "compliance.projects.because.data_fresh",
)
"""Colours, states and lapses that none, or one, of these twelve projects has."""
ONLY_IF_WRONG = (
    "sources.error",
    "capacity.scenarios.problems",
    "ledger.restated",
    "view.project",
)
"""What is told only where it happened."""


class Demo:
    """The demo's report, its tools still up, and the program over its store."""

    def __init__(self, program: Program, document: Any) -> None:
        self.program = program
        self.document = document

    def run(self, *arguments: str) -> Ran:
        return run("-c", str(self.program.config), *arguments, environment={})

    def lines_of_finance(self) -> set[str]:
        """The numbers of the ledger lines in the drop folder's files, which have no address to click."""
        folder = self.program.config.parent / "finance" / "in"
        texts = (each.read_text(encoding="utf-8") for each in folder.glob("*.csv"))
        found = {line.partition(",")[0] for text in texts for line in text.splitlines()}
        for path in folder.glob("*.xlsx"):
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            found.update(str(cell) for (cell,) in book.worksheets[0].iter_rows(max_col=1, values_only=True))
            book.close()
        return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    program = Program()
    with prepare(program, folder, "small") as sandbox:
        made = rehearse(program, folder, sandbox.city, lambda _: None)
        yield Demo(program, made.document)


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf with its path; places in lists, and keys that are data, are left out."""
    if isinstance(value, dict):
        keyed = path.rpartition(".")[2] in DATA_KEYS
        for key, each in value.items():
            inner = "*" if keyed else key
            yield from leaves(each, f"{path}.{inner}" if path else inner)
    elif isinstance(value, list):
        if not value:
            yield path, None
        for each in value:
            yield from leaves(each, path)
    else:
        yield path, value


DATA_KEYS = frozenset(
    {"reasons", "by_priority", "by_type", "by_age", "by_escalation", "by_level", "departments"}
)


def found(documents: list[Any]) -> dict[str, set[str]]:
    values: dict[str, set[str]] = defaultdict(set)
    for document in documents:
        for path, value in leaves(document, ""):
            values[path].add(str(value))
    return values


def empty(values: dict[str, set[str]]) -> set[str]:
    """The paths that are never filled; a list that is empty somewhere is not one of them if it has rows elsewhere."""
    return {
        path
        for path, seen in values.items()
        if seen <= {"None", ""} and not any(other.startswith(f"{path}.") for other in values)
    }


def constant(values: dict[str, set[str]]) -> set[str]:
    """The paths that hold one value wherever they hold any."""
    return {path for path, seen in values.items() if len(seen - {"None", ""}) == 1 == len(seen)}


def beside(paths: set[str], *allowed: Sequence[str]) -> list[str]:
    """The paths that none of the patterns allows."""
    patterns = [each for some in allowed for each in some]
    return sorted(path for path in paths if not any(fnmatchcase(path, each) for each in patterns))


def test_every_figure_of_a_project_is_filled_somewhere_and_none_is_a_constant(demo: Demo) -> None:
    values = found(demo.document["projects"])
    assert beside(empty(values), NOT_OVERRULED, FIRST_REPORT, OF_FILES) == []
    assert beside(constant(values), ONE_DAY, ONE_CITY) == []


def test_every_figure_of_the_portfolio_is_filled_and_follows_the_projects(demo: Demo) -> None:
    departments = sorted({each["department"] for each in demo.document["projects"]})
    views = [demo.run("report", "--format", "json", "--department", each).json for each in departments]
    values = found([{**each, "projects": []} for each in (demo.document, *views)])
    assert beside(empty(values), ONLY_IF_WRONG, FIRST_REPORT, ("projects",)) == []
    assert beside(constant(values), ONE_DAY, ONE_CITY, THE_SAME_IN_EVERY_VIEW, NOBODY) == []
    assert len(values) > 350


def test_every_dimension_has_more_than_one_colour(demo: Demo) -> None:
    for name in ("overall", "schedule", "cost", "scope", "quality"):
        colours = {each["status"][name]["value"] for each in demo.document["projects"]}
        assert {"green", "unknown"} < colours, (name, colours)
        assert colours & {"red", "amber"}, (name, colours)


def test_every_red_and_amber_answers_explain_and_leads_to_its_records(demo: Demo) -> None:
    bad = [
        (project["key"], name, verdict)
        for project in demo.document["projects"]
        for name, verdict in project["status"].items()
        if verdict["value"] in ("red", "amber", "approved_change")
    ]
    assert {name for _, name, _ in bad} == {"overall", "schedule", "cost", "scope", "quality"}
    followed: dict[str, Any] = {}
    in_files: set[str] = set()
    for key, name, verdict in bad:
        told = demo.run("explain", key, name, "--json").json
        shown = told["verdicts"][name]
        assert (shown["value"], shown["inputs"]) == (verdict["value"], verdict["inputs"])
        assert verdict["inputs"], (key, name)
        assert shown["because"].endswith(".")
        assert shown["turn_green"], (key, name)
        assert (shown["rule"], shown["threshold"]["measure"]) == (
            verdict["rule"],
            verdict["threshold"]["measure"],
        )
        assert shown["sources"], (key, name)
        followed |= {each["url"]: each for each in (*shown["sources"], *told["links"]) if each["url"]}
        in_files |= {each["external_key"] for each in shown["sources"] if not each["url"]}
        assert any(each["url"] for each in (*shown["sources"], *told["links"])), (key, name)
    assert {each["connection"] for each in followed.values()} == {
        "jira",
        "snow",
        "planner",
        "odata",
        "salesforce",
    }
    for url, each in sorted(followed.items()):
        answer = requests.get(url, timeout=10)
        assert (answer.status_code, "<table>" in answer.text) == (200, True), url
        assert html.escape(each["external_key"]) in answer.text, url
    assert in_files <= demo.lines_of_finance()
    assert in_files


def test_the_trend_holds_every_figure_as_it_is(demo: Demo) -> None:
    words = {"method", "earned_by", "packages", "planned_by", "unit", "reasons"}
    for project in demo.document["projects"]:
        point = project["trend"][-1]
        figures = {name: each["value"] for name, each in project["status"].items()}
        figures |= {name: each for name, each in project["earned_value"].items() if name not in words}
        figures |= {name: each for name, each in project["cost"].items() if name != "fiscal_year"} | project[
            "work"
        ]
        moving = (
            "percent_complete",
            "variance_days",
            "variance_days_original",
            "finish_forecast",
            "finish_baseline",
        )
        figures |= {name: project["schedule"][name] for name in moving}
        figures |= {name: project["forecast"][name] for name in ("finish_50", "finish_85", "finish_spi_t")}
        figures |= {f"tickets_{name}": project["ticket_counts"][name] for name in ("open", "breached")}
        figures |= {"gate": project["gate"]["current"], "gate_status": project["gate"]["status"]}
        figures |= {"compliance": project["compliance"]["score"]}
        assert {name: point.get(name, "missing") for name in figures} == figures, project["key"]


def test_what_is_known_of_a_project_has_its_own_keys(demo: Demo) -> None:
    assert len(by(demo.document["projects"], "key")) == 12
