"""The demo's report is filled from real data, no figure is a constant, and every red or amber leads to records."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sync.demo import prepare, rehearse
from sync.program import Program
from tests.end_to_end.office import Ran, by, run

ONE_DAY = {
    "status.*.since",
    "trend.as_of",
    "trend.quality",
    "actions.opened_on",
    "actions.due_on",
    "actions.effect",
    "actions.before.colour",
    "obligations.due_on",
    "obligations.state",
    "ticket_counts.reopened",
    "tickets.reopened",
}
"""What needs more than the demo's one day to differ; the tests of since, obligations and reopened tickets tell two days apart."""
ONE_CITY = {
    "cost.fiscal_year",
    "status.*.rule",
    "budget_lines.currency",
    "budget_lines.share",
    "actions.title",
    "actions.type",
    "actions.before.measure",
    "obligations.duty",
    "obligations.due_days",
    "obligations.source",
    "gates.conditions.text",
    "gates.conditions.due_on",
    "gates.unconfirmed",
    "gates.criteria.unconfirmed",
    "tailored.because",
    "compliance.data_fresh",
    "compliance.because.data_fresh",
    "status_report.scope",
    "ticket_counts.by_type.*",
    "ticket_counts.by_level.*",
    *(
        f"{each}.source.connection"
        for each in ("deliverables", "register", "gates", "outages", "risks", "tickets")
    ),
}
"""What one city has one of: a currency, a rule set, a duty, a gate pack, a register, tools that all answer."""
FROM_PEOPLE = {
    "actions.outcome",
    "actions.closed_on",
    "actions.recovered_on",
    "status.*.override",
    "status.*.gap_since",
    "gates.valid_until",
    "gates.conditions.met_on",
    "gates.conditions.met_by",
    "gates.conditions.met_note",
    "baselines.by",
    "baselines.why",
    "changes",
    "narrative",
}
"""What people enter by command, or time brings."""
OF_FILES = {"budget_lines.period", "deliverables.source.url", "gates.source.url", "register.source.url"}
"""A CSV row has no address to click, and the city's ledgers are kept by the year."""


class Demo:
    """The demo's report, its tools still up, and the program over its store."""

    def __init__(self, program: Program, document: Any) -> None:
        self.program = program
        self.document = document

    def run(self, *arguments: str) -> Ran:
        return run("-c", str(self.program.config), *arguments, environment={})


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
            inner = "*" if keyed or (path == "status") else key
            yield from leaves(each, f"{path}.{inner}" if path else inner)
    elif isinstance(value, list):
        if not value:
            yield path, None
        for each in value:
            yield from leaves(each, path)
    else:
        yield path, value


DATA_KEYS = frozenset(
    {"inputs", "threshold", "reasons", "by_priority", "by_type", "by_age", "by_escalation", "by_level"}
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


def test_every_figure_of_a_project_is_filled_somewhere_and_none_is_a_constant(demo: Demo) -> None:
    values = found(demo.document["projects"])
    assert sorted(empty(values) - FROM_PEOPLE - OF_FILES) == []
    constant = {path for path, seen in values.items() if len(seen) == 1 and not seen <= {"None", ""}}
    assert sorted(constant - ONE_DAY - ONE_CITY) == []


def test_every_figure_of_the_portfolio_is_filled(demo: Demo) -> None:
    document = demo.document
    for section in ("tickets", "capacity", "compliance", "roadmap", "actions", "exceptions", "sources"):
        values = found([document[section]])
        assert sorted(empty(values) - PORTFOLIO_EMPTY) == [], section


PORTFOLIO_EMPTY = frozenset({"outcome", "closed_on", "recovered_on", "error", "scenarios.problems"})
"""What only people or time fill, and what is said only where something is wrong."""


def test_every_red_and_amber_answers_explain_and_leads_to_a_record(demo: Demo) -> None:
    bad = [
        (project["key"], name, verdict)
        for project in demo.document["projects"]
        for name, verdict in project["status"].items()
        if verdict["value"] in ("red", "amber")
    ]
    assert len(bad) > 5
    followed: set[str] = set()
    for key, name, verdict in bad:
        told = demo.run("explain", key, name, "--json").json
        shown = told["verdicts"][name]
        assert (shown["value"], shown["inputs"]) == (verdict["value"], verdict["inputs"])
        assert shown["because"].endswith(".")
        assert shown["turn_green"], (key, name)
        assert shown["rule"]
        assert shown["sources"], (key, name)
        urls = [each["url"] for each in (*shown["sources"], *told["links"]) if each["url"]]
        assert urls, (key, name)
        followed.update(each for each in urls if each.startswith("http://127.0.0.1"))
    assert len(followed) > 10
    for url in sorted(followed):
        answer = requests.get(url, timeout=10)
        assert (answer.status_code, "<table>" in answer.text) == (200, True), url


def test_what_is_known_of_a_project_has_its_own_keys(demo: Demo) -> None:
    assert len(by(demo.document["projects"], "key")) == 12
