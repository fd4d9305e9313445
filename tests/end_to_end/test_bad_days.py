"""Bad days: a tool that fails harms only itself and is named, bad values are kept apart, brakes hold, signals end cleanly."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from portfolio.store.tables import PULLED
from sandbox.faults import Rule
from sandbox.server import serve
from tests.end_to_end.hands import DRIFT, carrier, filled
from tests.end_to_end.office import WEB_TOOLS, Office, by

ROOT = Path(__file__).resolve().parents[2]
BAD_ROW = "finance/in/budget_example_of_a_bad_row.csv"
AT_ONCE = {
    "sign-in page": Rule(do="login_page", times=None),
    "html": Rule(do="html", status=200, body="<html><h1>Down for maintenance</h1></html>", times=None),
    "401": Rule(status=401, times=None),
    "410": Rule(status=410, times=None),
    "endless 429": Rule(status=429, retry_after=3600, times=None),
}
"""Faults that no retry can heal."""
SLOW_FAULTS = (None, Rule(status=429, times=None), Rule(do="truncated", times=None))
"""Faults that are retried for some seconds: nobody listens, 429 without a word about when, JSON cut in half."""
IN_THE_MIDDLE = {"jira": 4, "snow": 8, "odata": 1, "salesforce": 1, "planner": 6}
"""After how many good answers each tool fails in the middle of a full read."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office after its first sync, without anything in quarantine."""
    with Office(tmp_path_factory.mktemp("office")) as made:
        (made.folder / BAD_ROW).unlink()
        assert made.sync().code == 0
        yield made


@pytest.fixture(scope="module")
def shown(running: Office) -> dict[str, Any]:
    """What Portico's fields show on a good day."""
    return filled(running)


@pytest.fixture
def office(running: Office, shown: dict[str, Any]) -> Office:
    """The office on a good day: what the bad day before left behind is healed."""
    running.heal()
    assert running.sync("--approve").code == 0
    assert filled(running) == shown
    return running


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path) as made:
        (made.folder / BAD_ROW).unlink()
        yield made


@pytest.mark.parametrize("failing", [WEB_TOOLS[::2], WEB_TOOLS[1::2]], ids="+".join)
@pytest.mark.parametrize("fault", AT_ONCE)
def test_tools_that_fail_harm_only_themselves(office: Office, failing: Sequence[str], fault: str) -> None:
    def strike() -> None:
        for tool in failing:
            office.tools.faults[tool].use(AT_ONCE[fault])

    suffer(office, failing, strike)


@pytest.mark.parametrize("turn", range(len(SLOW_FAULTS)))
def test_all_web_tools_failing_at_once_leave_the_files_working(office: Office, turn: int) -> None:
    faults = dict(zip(WEB_TOOLS, 2 * (*SLOW_FAULTS[turn:], *SLOW_FAULTS[:turn]), strict=False))
    apps, servers = list(office.tools.apps), office.tools._servers
    down = [tool for tool, fault in faults.items() if fault is None]

    def strike() -> None:
        for tool, fault in faults.items():
            if fault is None:
                servers[apps.index(tool)].stop()
            else:
                office.tools.faults[tool].use(fault)

    try:
        suffer(office, WEB_TOOLS, strike)
    finally:
        for tool in down:
            port = servers[apps.index(tool)].port
            servers[apps.index(tool)] = serve(office.tools.faults[tool], port)


def test_all_web_tools_failing_in_the_middle_of_their_reads_lose_nothing(office: Office) -> None:
    def strike() -> None:
        for tool, after in IN_THE_MIDDLE.items():
            office.tools.faults[tool].use(Rule(status=401, after=after, times=None))

    suffer(office, WEB_TOOLS, strike, rows_stay=False, full=True)
    assert all(len(live(office, "source_record", tool)) > 0 for tool in WEB_TOOLS)


def test_a_missing_drop_folder_and_database_are_failures_not_emptiness(office: Office) -> None:
    finance, away = office.folder / "finance", office.folder / "away"
    rows = {name: rows_of(office, name) for name in ("ledger", "sql")}
    report = office.report()
    finance.rename(away)
    try:
        ran = office.sync()
        found = office.report()
    finally:
        away.rename(finance)

    connections = by(ran.json["connections"], "connection")
    assert ran.code == 1
    assert {name for name, each in connections.items() if not each["ok"]} == {"ledger", "sql"}
    assert {name: rows_of(office, name) for name in rows} == rows
    assert {each["connection"] for each in found["sources"] if each["stale"]} == {"ledger", "sql"}
    assert found["portfolio"]["totals"] == report["portfolio"]["totals"]


def test_a_lost_answer_to_a_write_is_read_and_compared_never_sent_again(office: Office) -> None:
    office.state("jira").edit(carrier(office), {"customfield_10201": "by hand"})
    lost = Rule(methods=("PUT",), do="drop", after_work=True)
    office.tools.faults["jira"].use(lost)
    before = office.writes()["jira"]
    first = office.sync()
    written = office.writes()["jira"]
    second = office.sync()

    assert [each.rule for each in office.tools.faults["jira"].hits][-1:] == [lost]
    assert (first.code, first.json["counts"]["unknown"]) == (1, 1)
    assert written > before
    assert carrier(office).fields["customfield_10201"] != "by hand"
    assert (second.code, second.json["counts"]["planned"]) == (0, 0)
    assert office.writes()["jira"] == written


def _bad_in_jira(office: Office) -> tuple[str, str, str]:
    issue = carrier(office)
    office.state("jira").edit(issue, {"customfield_10300": "soon"})
    return str(issue.id), "due_on", "soon"


def _bad_in_snow(office: Office) -> tuple[str, str, str]:
    row = next(office.state("snow").tables.rows("pm_project"))
    office.state("snow").tables.edit("pm_project", row["sys_id"], by="hand", state="77")
    return row["sys_id"], "state", "77"


def _bad_in_planner(office: Office) -> tuple[str, str, str]:
    tenant = office.state("planner").tenant
    task = next(iter(tenant.tasks))
    tenant.tasks[task] = tenant._stamp({**tenant.tasks[task], "dueDateTime": "2026-13-45T00:00:00Z"}, "Task")
    return task, "due_on", "2026-13-45T00:00:00Z"


def _bad_in_the_register(office: Office) -> tuple[str, str, str]:
    path = office.folder / "pmo" / "in" / "milestone.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    place = lines[0].split(",").index("planned_on")
    cells[place] = "Q3 or so"
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    os.utime(path, (time.time() - 60, time.time() - 60))
    return "", "planned_on", "Q3 or so"


BAD_VALUES: dict[str, Callable[[Office], tuple[str, str, str]]] = {
    "jira": _bad_in_jira,
    "snow": _bad_in_snow,
    "planner": _bad_in_planner,
    "pmo": _bad_in_the_register,
}


@pytest.mark.parametrize("tool", BAD_VALUES)
def test_a_bad_value_is_kept_apart_and_nothing_else_is_lost(new: Office, tool: str) -> None:
    assert new.sync().code == 0
    rows = rows_of(new, tool)
    external_id, field, value = BAD_VALUES[tool](new)
    ran = new.sync()
    (entry,) = new.run("quarantine", "list", "--json").json
    after = rows_of(new, tool)

    assert ran.code == 1
    assert all(each["ok"] for each in ran.json["connections"])
    assert (entry["connection"], entry["field"], entry["value"]) == (tool, field, value)
    assert external_id in ("", entry["external_id"])
    assert entry["reason"]
    assert entry["external_key"] or entry["external_id"]
    assert {name: len(some) for name, some in after.items()} == {
        name: len(some) for name, some in rows.items()
    }
    assert unlike(rows, after) <= {(entry["external_id"], field)}
    assert new.report()["quarantine"]


def test_caps_hold_the_writes_until_a_person_approves(new: Office) -> None:
    held = new.sync("--max-changes", "3")
    planned: dict[str, set[str]] = {}
    for change in held.json["plan"]["changes"]:
        planned.setdefault(change["connection"], set()).add(change["record"])
    above = {name for name, some in planned.items() if len(some) > 3}
    writes, files = new.writes(), list((new.folder / "finance").glob("out/*"))
    approved = new.sync("--max-changes", "3", "--approve")

    assert held.code == 3
    assert above >= {"jira", "snow", "ledger"}
    assert {each["connection"] for each in held.json["plan"]["held"]} == above
    assert {tool for tool, count in writes.items() if count} == (planned.keys() - above) & set(WEB_TOOLS)
    assert files == []
    assert approved.code == 0
    assert all(new.writes().values())


def test_the_configured_cap_counts_changes_but_not_first_fills(new: Office) -> None:
    new.configure(("max_changes: 1000", "max_changes: 1"))
    assert new.sync().code == 0, "first fills are not held"
    issues = [each for each in new.state("jira").issues.values() if each.key.endswith("-1")]
    for issue in issues:
        new.state("jira").edit(issue, {"customfield_10201": "by hand"})
    writes = new.writes()["jira"]
    held = new.sync()

    assert held.code == 3
    assert [each["connection"] for each in held.json["plan"]["held"]] == ["jira"]
    assert new.writes()["jira"] == writes
    assert new.run("apply", "--approve").code == 0
    assert all(each.fields["customfield_10201"] != "by hand" for each in issues)


def test_mass_disappearance_holds_beats_findings_and_deletes_nothing(new: Office) -> None:
    new.sync()
    rows = rows_of(new, "jira")
    site = new.state("jira")
    for issue in [each for each in site.issues.values() if not each.key.endswith("-1")][::2]:
        site.delete(issue)
    site.edit(carrier(new), {"customfield_10201": "by hand"})
    new.tools.faults["planner"].use(AT_ONCE["410"])
    held = new.sync("--full")
    status = new.run("status", "--json")

    assert held.code == 3, "3 beats 1"
    assert carrier(new).fields["customfield_10201"] == "by hand", "nothing is written where a brake holds"
    assert {name: len(some) for name, some in rows_of(new, "jira").items()} == {
        name: len(some) for name, some in rows.items()
    }
    assert not [each for each in new.rows("work_item") if each["deleted_at"]]
    (alarm,) = status.json["alarms"]
    assert alarm.keys() >= {"kind", "connection", "text", "since"}
    assert alarm["connection"] == "jira"
    assert by(status.json["connections"], "connection")["jira"]["state"] == "held"

    new.heal()
    for _ in range(2):
        approved = new.sync("--full", "--approve")
    assert approved.code == 0
    assert len(live(new, "work_item", "jira")) == len(site.issues)
    assert new.run("status", "--json").json["alarms"] == []


def test_a_bad_configuration_names_every_problem_and_touches_nothing(new: Office) -> None:
    new.configure(
        ("tool: planner", "tool: planer"),
        ("timezone: America/New_York", "timezone: America/New_Yrok"),
        ("max_changes: 1000", "max_changes: many"),
        ("gate_due: u_gate_due", "gate_deu: u_gate_due"),
        ("kind: incident", "kind: incident, scoop: active=true"),
    )
    del new.environment["ODATA_PASSWORD"]
    for arguments in (["sync"], ["check"], ["plan", "--json"], ["report", "-o", "x.html"]):
        ran = new.run(*arguments)
        assert ran.code == 2
        assert ran.out == ""
        for word in ("planer", "America/New_Yrok", "many", "gate_deu", "gate_due", "scoop", "ODATA_PASSWORD"):
            assert word in ran.err, (arguments, word)
        lines = [line for line in ran.err.splitlines() if line.startswith("portico.yaml:")]
        assert len(lines) >= 6
        assert all(line.split(":")[1].isdigit() for line in lines)
    assert untouched(new)


@pytest.mark.parametrize(
    "command", [["sync", "--max-share", "2"], ["sync", "nobody"], ["synk"], ["report", "--format", "doc"]]
)
def test_wrong_usage_touches_nothing(new: Office, command: list[str]) -> None:
    assert new.run(*command).code == 2
    assert untouched(new)


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        (["serve", "--port", "0"], signal.SIGTERM, 0),
        (["sync"], signal.SIGINT, 130),
        (["sync"], signal.SIGTERM, 130),
    ],
    ids=["serve SIGTERM", "sync SIGINT", "sync SIGTERM"],
)
def test_a_signal_in_the_middle_of_a_run_ends_it_cleanly(
    new: Office, command: Sequence[str], number: signal.Signals, code: int
) -> None:
    new.tools.faults["jira"].use(Rule(do="slow", seconds=1.0, times=None))
    with program(new, *command) as process:
        wait_for(lambda: bool(new.tools.faults["jira"].hits))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)

    assert process.returncode == code, err
    assert "Traceback" not in err
    assert [each["finished_at"] is not None for each in new.rows("run")] == [True]
    assert new.run("db", "check").code == 0
    assert new.writes() == dict.fromkeys(WEB_TOOLS, 0)
    new.heal()
    assert new.sync().code == 0
    assert new.sync().json["counts"]["planned"] == 0


def test_serve_shows_the_report_and_its_health_and_survives_a_failing_tool(new: Office) -> None:
    new.tools.faults["jira"].use(AT_ONCE["410"])
    with program(new, "serve", "--port", "0") as process:
        assert process.stderr is not None
        base = process.stderr.readline().split(" at ")[1].split("/ ")[0]
        wait_for(lambda: requests.get(f"{base}/api/v1/report", timeout=10).status_code == 200)
        report = requests.get(f"{base}/api/v1/report", timeout=10).json()
        codes = {
            path: requests.get(base + path, timeout=10).status_code
            for path in (
                "/",
                "/projects/OIT-036",
                "/api/v1/projects/OIT-036",
                "/healthz",
                "/readyz",
                "/projects/NONE",
            )
        }
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

    assert process.returncode == 0
    assert codes == {**dict.fromkeys(codes, 200), "/projects/NONE": 404}
    assert [each["connection"] for each in report["sources"] if each["stale"]] == ["jira"]


def suffer(
    office: Office,
    failing: Sequence[str],
    strike: Callable[[], None],
    *,
    rows_stay: bool = True,
    full: bool = False,
) -> None:
    """People change every tool, some tools fail: these show, hold and miss what they did before, the others go on.

    `--approve` takes away every brake and parks no field: nothing but the failure itself holds Portico back.
    """
    fields, rows = filled(office), {tool: rows_of(office, tool) for tool in failing}
    report = office.report()
    for by_hand in DRIFT.values():
        by_hand(office)
    rename(office)
    drifted, writes = filled(office), office.writes()
    strike()
    ran = office.sync("--approve", *(["--full"] if full else []))
    found, status = office.report(), office.run("status", "--json")

    assert ran.code == 1
    well = set(DRIFT) - set(failing)
    for tool, each in by(ran.json["connections"], "connection").items():
        assert each["ok"] == (tool not in failing), each
        assert bool(each["error"]) == (tool in failing)
        assert each["deleted"] == 0
    assert {each["connection"] for each in ran.json["plan"]["changes"]} <= well | {"ledger"}
    for tool in failing:
        assert office.writes()[tool] == writes[tool]
        assert filled(office)[tool] == drifted[tool]
        if rows_stay:
            assert rows_of(office, tool) == rows[tool]
    for tool in well:
        assert filled(office)[tool] == fields[tool]
    sources = by(found["sources"], "connection")
    assert {name for name, each in sources.items() if each["stale"]} == set(failing)
    assert all(sources[tool]["error"] for tool in failing)
    assert not found["snapshot"]["complete"]
    assert {name: each["records"] for name, each in sources.items()} == {
        each["connection"]: each["records"] for each in report["sources"]
    }
    assert len(found["projects"]) == len(report["projects"])
    assert found["portfolio"]["totals"] == report["portfolio"]["totals"]
    states = {each["connection"]: each["state"] for each in status.json["connections"]}
    assert {name for name, state in states.items() if state != "ok"} == set(failing)


def rename(office: Office) -> None:
    """People rename a record in every web tool; each name is new."""
    name = f"Renamed at {office.now.isoformat()}"
    site, tenant = office.state("jira"), office.state("planner").tenant
    site.edit(carrier(office), {"summary": name})
    row = next(office.state("snow").tables.rows("pm_project_task"))
    office.state("snow").tables.edit("pm_project_task", row["sys_id"], by="hand", short_description=name)
    tenant.edit_task(next(iter(tenant.tasks)), title=name)
    lines = office.state("odata")
    table = lines.tables["BudgetLines"]
    table.put({**next(iter(table.rows.values())), "Account": name, "ModifiedAt": lines.clock()})


def rows_of(office: Office, tool: str) -> dict[str, Any]:
    """What the store holds of a connection, but for the instants at which it was seen."""
    tables = ("source_record", *PULLED)
    seen = {"last_seen_at", "source_updated_at", "version"}
    return {
        name: [
            {key: value for key, value in row.items() if key not in seen}
            for row in office.rows(name)
            if row["connection"] == tool
        ]
        for name in tables
    }


def untouched(office: Office) -> bool:
    """Whether no tool was asked anything."""
    asked = [office.state(tool).requests for tool in ("jira", "snow", "odata", "salesforce")]
    return not any(asked) and not (office.folder / "portico.db").exists()


def live(office: Office, table: str, tool: str) -> list[Any]:
    return [each for each in office.rows(table) if each["connection"] == tool and each["deleted_at"] is None]


def unlike(before: dict[str, Any], after: dict[str, Any]) -> set[tuple[str, str]]:
    """(record, field) of every entity value that differs."""
    return {
        (old["external_id"], name)
        for table in before
        if table != "source_record"
        for old, new in zip(before[table], after[table], strict=True)
        for name in old
        if old[name] != new[name]
    }


@contextlib.contextmanager
def program(office: Office, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program as a process of its own; killed if it is still there in the end."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "sync.cli", "-c", str(office.config), *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), **office.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(true: Callable[[], bool]) -> None:
    """Returns when it is so; fails after a minute."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    pytest.fail("it did not come about")
