"""The documentation agrees with the code: reference pages, snippets, links."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import config
import mapping
from config import names, yaml_text
from portfolio.model import ENTITIES
from reports.data import build
from sandbox import faults
from sync.cli import COMMANDS, SECTIONS, cli
from tests import reference_pages
from tests.reports.sample import sample

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
TOOL_OF_KIND = {"issue": "jira", "incident": "servicenow", "budget_line": "files"}
ADDRESS: dict[str, Any] = {"url": "https://tool.example.gov", "auth": {"type": "bearer", "token": "${TOKEN}"}}
THEIRS = {"permission denied"}
"""Messages that the tool gives, not Portico."""
COLOURS = {*names.COLOURS, names.UNKNOWN}


@pytest.mark.parametrize("page", reference_pages.PAGES)
def test_a_reference_page_is_what_the_code_makes(page: str) -> None:
    standing = (reference_pages.FOLDER / page).read_text(encoding="utf-8")

    assert standing == reference_pages.PAGES[page](), "run: make docs"


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _commands(inner, f"{path} {name}")


def test_every_command_and_option_tells_what_it_does() -> None:
    silent = [path for path, command in _commands(cli, "portico") if not command.help]
    silent += [
        f"{path} {option.opts[-1]}"
        for path, command in _commands(cli, "portico")
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert silent == []


def test_the_help_lists_every_command_once() -> None:
    listed = [name for commands in SECTIONS.values() for name in commands]

    assert sorted(listed) == sorted(COMMANDS)


def test_every_figure_and_entity_is_described() -> None:
    assert set(reference_pages.FIGURE_MEANINGS) == set(names.PROJECT_FIGURES)
    assert set(reference_pages.BUDGET_MEANINGS) == set(names.BUDGET_FIGURES)
    assert set(reference_pages.ENTITY_MEANINGS) == set(ENTITIES)


def _keys(value: Any, depth: int) -> Iterator[str]:
    """The keys of a document down to a depth; keys that are colours are values of their own."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in COLOURS:
                yield key
                yield from _keys(each, depth - 1) if depth else ()
    elif isinstance(value, list) and value:
        yield from _keys(value[0], depth)


def test_the_report_page_names_the_keys_of_the_document() -> None:
    text = (ROOT / "docs/reference/report.md").read_text(encoding="utf-8")
    document = build(sample())
    named = set(re.findall(r"`(\w+)`", text))
    told = {*_keys(document, 0), *_keys(document["portfolio"], 0), *_keys(document["projects"], 0)}
    for section in ("snapshot", "view", "sources", "exceptions"):
        told |= set(_keys(document[section], 0))
    for section in ("schedule", "cost", "gate", "work", "ticket_counts", "links", "milestones"):
        told |= set(_keys(document["projects"][0][section], 0))
    told |= set(_keys(document["projects"][0]["status"]["overall"], 0))

    assert told - named == set()


def _snippets() -> list[Any]:
    found = []
    for page in PAGES:
        for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), 1):
            found.append(pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}"))
    return found


def _whole(block: str) -> str:
    """A fragment of a configuration as a configuration of its own."""
    data = yaml_text.parse(block).data
    if "map" not in data:
        return block if "version" in data else f"version: 1\n{block}"
    connections: dict[str, Any] = {}
    for kind, rules in data["map"].items():
        tool = TOOL_OF_KIND[kind]
        place = {"path": "in"} if tool == "files" else ADDRESS
        connections[tool] = {"tool": tool, "read": [{"kind": kind}], "map": {kind: rules}, **place}
    return json.dumps({"version": 1, "connections": connections})


@pytest.mark.parametrize("block", _snippets())
def test_a_snippet_loads(block: str, tmp_path: Path) -> None:
    file = tmp_path / "portico.yaml"
    if block.startswith("- "):
        file.write_text(block, encoding="utf-8")
        assert faults.load(file)
        return
    file.write_text(_whole(block), encoding="utf-8")
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", file.read_text("utf-8")), "a-secret-value")

    assert config.load(file, environ, [mapping.problems]).version == 1


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    bare = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {each.strip().replace(" ", "-") for each in bare}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    dead = []
    for link in LINK.findall(prose):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            dead.append(link)

    assert dead == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in LINK.findall(index)}

    assert [str(page) for page in PAGES[2:] if page not in linked and page.name != "README.md"] == []


def _complaints() -> list[Any]:
    found = []
    for page in (ROOT / f"docs/how-to/{name}.md" for name in ("files", "odata", "salesforce", "sql")):
        rows = page.read_text(encoding="utf-8").partition("What can go wrong")[2]
        found += [
            pytest.param(each, id=f"{page.stem}: {each}")
            for each in re.findall(r"^\| `([^`]+)` \|", rows, re.MULTILINE)
        ]
    return found


@pytest.mark.parametrize("message", _complaints())
def test_a_message_in_troubleshooting_is_one_that_is_given(message: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "connectors").rglob("*.py")))
    words = [part.strip() for part in message.split("…") if part.strip() not in THEIRS]

    assert [each for each in words if each not in code] == []
