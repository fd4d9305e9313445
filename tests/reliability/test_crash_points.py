"""The real program is killed (-9) at each of its crash points, and run again: nothing is lost, doubled or written twice.

The points are found in the source, so that none is forgotten. Each point is met once, with `PORTICO_NIGHTLY=1` at every hit.
"""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from sync import crash
from tests.end_to_end.office import TOLD_BY as TOOLS
from tests.end_to_end.office import Office
from tests.reliability.process import start
from tests.reliability.test_state_machine import POINTS as WALKED
from tests.reliability.village import TITLE, Village, item, line, project

ROOT = Path(__file__).resolve().parents[2]
POINTS = sorted(
    {
        point
        for path in (ROOT / "sync").rglob("*.py")
        for point in re.findall(r'reach\("([a-z_.]+)"\)', path.read_text(encoding="utf-8"))
    }
)
HITS = 10_000 if os.environ.get("PORTICO_NIGHTLY") else 1
LATER_HITS = range(2, 10 if os.environ.get("PORTICO_NIGHTLY") else 3)
"""Of a run within this process: the first is the real program's."""
MAPPED = ("      due_on: fields.customfield_10300\n", "      due_on: fields.duedate\n")
KINDS = ("sc_req_item", "change_request", "problem", "risk", "issue", "dmn_decision")
LEFT_OUT = [
    *((f"      - {{kind: {kind}}}\n", "") for kind in KINDS),
    *(
        (f"    - {{connection: snow, kind: {kind}, value: u_project_key, equals: key}}\n", "")
        for kind in KINDS
    ),
]
STAGES = {"run", "pull", "translate", "assess", "snapshot", "plan", "apply", "report", "send"}


class Town(Office):
    """An office that reads and writes two tools, whose records and mapping change from run to run."""

    def __init__(self, folder: Path, store: str) -> None:
        super().__init__(folder, store=store)
        self.changes = 0
        self.set_up()

    def set_up(self) -> None:
        """Writes the configuration; every second one maps a field otherwise."""
        self.configure(*LEFT_OUT, *([MAPPED] if self.changes % 2 else []))

    def change(self) -> None:
        """Edits a record in each tool so that its figures move, and the mapping."""
        self.edit()
        self.set_up()

    def edit(self) -> None:
        """Edits a record in each tool so that its figures move, and fields of ours by hand."""
        self.changes += 1
        finish = f"2028-{self.changes % 12 + 1:02}-15 05:00:00"
        tables = self.state("snow").tables
        for row in list(tables.rows("pm_project"))[:3]:
            tables.edit("pm_project", row["sys_id"], by="manager", end_date=finish)
            tables.edit("pm_project", row["sys_id"], by="hand", u_gate_status="by hand")
        for carrier in [each.carrier for each in self.city.projects if each.carrier][:2]:
            issue = self.state("jira").find(carrier)
            self.state("jira").edit(issue, {"customfield_10201": f"by hand {self.changes}"})

    def killed(self, point: str, *command: str) -> bool:
        """Runs the program as its own process; whether it was killed at the point."""
        self.later(minutes=1)
        program = start(
            ["-c", str(self.config), "--now", self.now.isoformat(), *command],
            {**self.environment, crash.VARIABLE: point},
            self.folder / "said",
        )
        program.join(120)
        assert program.exitcode in {0, 1, -signal.SIGKILL}, (self.folder / "said").read_text(encoding="utf-8")
        return program.exitcode == -signal.SIGKILL


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    store = f"sqlite:///{folder / 'portico.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.execute(text("CREATE DATABASE killed"))
        engine.dispose()
        store = f"{server}/killed"
    with Town(folder, store) as made:
        made.run("sync", *TOOLS)
        yield made


def command_of(point: str) -> tuple[str, ...]:
    """The command that comes to a point."""
    named: dict[str, tuple[str, ...]] = {
        "report": ("report", "--format", "html", "-o", "report.html"),
        "send": ("send", "weekly", "--again"),
    }
    return named.get(point.partition(".")[0], ("sync", "--full", "--approve", *TOOLS))


def test_every_stage_has_points_and_the_state_machine_walks_them() -> None:
    assert {each.partition(".")[0] for each in POINTS} == STAGES
    assert {each for each in POINTS if each.partition(".")[0] not in {"report", "send"}} == set(WALKED)


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_there_leaves_nothing_broken(town: Town, point: str) -> None:
    for hit in range(1, HITS + 1):
        town.change()
        if not town.killed(f"{point}:{hit}", *_in(town, command_of(point))):
            assert hit > 1, f"{point} was never reached"
            break
        town.check(quiet=False)
        again: Any = town.sync("--approve", *TOOLS).json
        assert again["outcome"] == "done", again
        town.check(quiet=True)
    if point.startswith("send"):
        assert town.run("send", "weekly").code == 0
    assert town.sync("--approve", *TOOLS).json["counts"]["planned"] == 0
    assert [each.name for each in town.folder.glob("**/.portico-*")] == []


def _in(town: Town, command: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(town.folder / each) if each.endswith(".html") else each for each in command)


@pytest.mark.parametrize("point", WALKED)
def test_a_run_that_ends_there_keeps_records_and_cursor_together(village: Village, point: str) -> None:
    village.run()
    for hit in LATER_HITS:
        village.tools["work"].put("w00", item("PRJ0", "done" if hit % 2 else "todo"), "work_item")
        village.tools["snow"].put("p1", project(1, f"2027-0{hit}-15"), "pm_project")
        village.tools["ledger"].put("l2", line(2, "1000.00", f"{hit}.00"), "budget_line")
        village.mapping = TITLE if hit % 2 else ""
        if not village.killed_run(point, hit):
            break
        village.check(quiet=False)
        village.run()
        village.check(quiet=True)
