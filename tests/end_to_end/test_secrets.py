"""No secret in any output: canaries as credentials, every command at its most talkative, tools that echo what they are sent."""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus
from zipfile import ZipFile, is_zipfile

import pytest
from sqlalchemy import create_engine, text

from portfolio.store.tables import metadata
from sandbox.faults import Rule
from tests.end_to_end.office import WEB_TOOLS, Office, Ran

TWISTS = '/4+7"1 %41\\z'
"""Characters that look different in a URL, in JSON and in Base64."""
CANARY = "canary-"
CANARIES = {
    "JIRA_TOKEN": f"canary-jira{TWISTS}",
    "SNOW_PASSWORD": f"canary-snow{TWISTS}",
    "ODATA_PASSWORD": f"canary-odata{TWISTS}",
    "GRAPH_TOKEN": "canary-graph.4711-z_Z~",
    "SALESFORCE_TOKEN": "canary-00D!4711.z_Z",
}
SECRET_OF = {
    "jira": "JIRA_TOKEN",
    "snow": "SNOW_PASSWORD",
    "odata": "ODATA_PASSWORD",
    "planner": "GRAPH_TOKEN",
    "salesforce": "SALESFORCE_TOKEN",
}
ACCOUNTS = {
    "JIRA_TOKEN": "portico@fairhaven.example",
    "SNOW_PASSWORD": "portico.bot",
    "ODATA_PASSWORD": "portico.bot",
}
"""Whom Basic authentication names beside the secret."""
COMMANDS: Sequence[Sequence[str]] = (
    ["check"], ["check", "--json"], ["fields", "jira"], ["fields", "snow", "pm_project", "--json"], ["pull", "--full"],
    ["assess"], ["plan"], ["plan", "--json"], ["apply"], ["sync"], ["sync", "--json"], ["status"], ["status", "--json"],
    ["gates"], ["gates", "--json"], ["explain", "OIT-014"], ["history", "OIT-014"], ["links"], ["quarantine", "list"],
    ["quarantine", "show", "1"], ["quarantine", "retry"], ["audit", "export"], ["audit", "verify"], ["db", "check"],
    ["report", "--format", "json"], ["export", "kit"],
)  # fmt: skip
AFTER_A_FAULT: Sequence[Sequence[str]] = (
    ["check"], ["check", "--json"], ["sync"], ["sync", "--json"], ["status"], ["status", "--json"], ["audit", "export"],
    ["quarantine", "list"], ["export", "kit"],
)  # fmt: skip
FORMS = ("html", "xlsx", "json", "csv", "md")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office whose tools accept the canaries only; commands run in its folder."""
    monkeypatch.chdir(tmp_path)
    with Office(tmp_path) as made:
        for tool, name, secret in (
            ("jira", "token", "JIRA_TOKEN"),
            ("snow", "password", "SNOW_PASSWORD"),
            ("odata", "password", "ODATA_PASSWORD"),
            ("salesforce", "token", "SALESFORCE_TOKEN"),
        ):
            assert hasattr(made.state(tool), name)
            setattr(made.state(tool), name, CANARIES[secret])
        made.state("planner").authority.admit(CANARIES["GRAPH_TOKEN"])
        made.environment |= CANARIES
        yield made


def test_no_command_report_or_file_shows_a_secret(office: Office) -> None:
    said = [talk(office, *command) for command in COMMANDS]
    said += [talk(office, "report", "--format", form, "-o", f"report.{form}") for form in FORMS]

    synced = json.loads(said[COMMANDS.index(["sync", "--json"])].out)
    assert all(each["ok"] for each in synced["connections"]), "the tools accept the canaries"
    assert sum("GET" in each.err for each in said) > 5, "requests are told at -vv"
    assert leaks_of(said) == set()
    assert leaks_in(office.folder) == set()


@pytest.mark.parametrize("status", [400, 401])
def test_a_tool_that_echoes_its_credential_gives_nothing_away(office: Office, status: int) -> None:
    office.sync()
    for tool, secret in SECRET_OF.items():
        message = "x" * 200 + " ; ".join(sorted(forms(secret) - {CANARY}))
        body = json.dumps({"error": {"message": message}, "authorization": [*forms(secret) - {CANARY}]})
        office.tools.faults[tool].use(Rule(status=status, body=body, times=None))
    said = [talk(office, *command) for command in AFTER_A_FAULT]
    said += [talk(office, "--log-format", "json", "sync")]
    said += [talk(office, "report", "--format", form, "-o", f"report.{form}") for form in FORMS]

    document = json.loads(said[AFTER_A_FAULT.index(["sync", "--json"])].out)
    assert {each["connection"] for each in document["connections"] if each["error"]} == set(WEB_TOOLS)
    assert any("xxxx" in each.out for each in said), "what the tool said is quoted"
    assert leaks_of(said) == set()
    assert leaks_in(office.folder) == set()


def test_a_bad_configuration_shows_no_secret(office: Office) -> None:
    for before, after in (
        ("version: 1", "version: 1\nverbose: yes"),
        ("tool: jira", "tool: ${JIRA_TOKEN}"),
        ("name: City of Fairhaven OIT", "name: [${SNOW_PASSWORD}]"),
        ("max_changes: 1000", "max_changes: ${ODATA_PASSWORD}"),
        ("store: ", "store: nosql://u:${GRAPH_TOKEN}@host/"),
    ):
        office.configure((before, after))
        said = [talk(office, *command) for command in (["check"], ["sync", "--json"], ["status"])]
        assert [each.code for each in said][1:] == [2, 2], after
        assert leaks_of(said) == set(), after


def test_the_password_of_the_store_shows_nowhere(postgres: str, tmp_path: Path) -> None:
    password = f"canary-store{quote(TWISTS, safe='')}"
    server = create_engine(f"{postgres}/postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as db:
        db.execute(text("DROP DATABASE IF EXISTS canaries"))
        db.execute(text("CREATE DATABASE canaries"))
    server.dispose()
    reachable = postgres.replace("postgres@", "postgres:${STORE_PASSWORD}@")
    with Office(tmp_path, store=f"{reachable}/canaries") as office:
        office.environment["STORE_PASSWORD"] = password
        said = [talk(office, *command) for command in (["sync", "--json"], ["status"], ["db", "check"])]
        assert {each.code for each in said} <= {0, 1}
        office.store = f"{reachable}/there-is-no-such-database"
        office.configure()
        said += [talk(office, *command) for command in (["sync"], ["status"])]
        assert [each.code for each in said[-2:]] == [2, 2]
        assert all("there-is-no-such-database" in each.err for each in said[-2:])
        office.store = f"{reachable}/canaries"
        office.configure()
    engine = create_engine(f"{postgres}/canaries")
    with engine.connect() as db:
        dump = "\n".join(str(row) for table in metadata.sorted_tables for row in db.execute(table.select()))
    engine.dispose()
    assert "OIT-014" in dump
    assert not [each for each in (*said, Ran(0, dump, "")) if "canary-store" in each.out + each.err]


def talk(office: Office, *arguments: str) -> Ran:
    """A command at its most talkative."""
    return office.run("-vv", *arguments)


def forms(*names: str) -> set[str]:
    """These canaries (or all), plain, cut short, and as a URL, JSON or an Authorization header shows them."""
    found = {CANARY}
    for name in names or CANARIES:
        secret = CANARIES[name]
        found |= {secret, quote(secret, safe=""), quote_plus(secret), quote(secret), json.dumps(secret)[1:-1]}
        found.add(base64.b64encode(secret.encode()).decode())
        if name in ACCOUNTS:
            found.add(base64.b64encode(f"{ACCOUNTS[name]}:{secret}".encode()).decode())
    return found


def leaks_of(said: Sequence[Ran]) -> set[str]:
    """The forms of a secret that were said."""
    return {form for each in said for form in forms() if form in each.out or form in each.err}


def leaks_in(folder: Path) -> set[tuple[str, str]]:
    """(file, form) of every secret that stands in a file, workbooks unpacked."""
    contents = {}
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        contents[str(path.relative_to(folder))] = path.read_bytes()
        if is_zipfile(path):
            with ZipFile(path) as packed:
                contents |= {f"{path.name}/{name}": packed.read(name) for name in packed.namelist()}
    assert any(name.endswith(".db") for name in contents)
    assert any(name.endswith(".html") for name in contents)
    return {
        (name, form) for name, content in contents.items() for form in forms() if form.encode() in content
    }
