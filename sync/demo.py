"""The demo: simulated tools on loopback, the whole job against them twice, and the reports of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from portfolio.overview import DIMENSIONS
from portfolio.priority import ranking, to_keep
from portfolio.store import manual
from sandbox.city import City, Size, build
from sandbox.register import keeps_decisions
from sandbox.tools import Sandbox, start
from sync.outcome import Caps, Report
from sync.program import Program, Refused
from sync.reporting import document

REPORTS = (
    ("html", "report.html"),
    ("xlsx", "report.xlsx"),
    ("json", "report.json"),
    ("md", "report.md"),
    ("csv", "csv"),
)

WEEKLY = "weekly"
"""The report that the sandbox's configuration delivers."""
MARK = ".portico-demo"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demo did: both runs, the report document, the files it wrote, and where the weekly report went."""

    first: Report
    second: Report
    document: dict[str, Any]
    files: dict[str, Path]
    delivered: list[str]


def prepare(program: Program, folder: Path, size: Size) -> Sandbox:
    """Starts the simulated tools over a fresh store in `folder` and points the program at their configuration.

    A folder that an earlier demo filled is emptied first; any other folder with files in it is refused.
    """
    _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    sandbox = start(build(size, program.now().date()), folder)
    program.config = folder / "portico.yaml"
    program.config.write_text(_with_files(sandbox, folder / "secrets"), encoding="utf-8")
    return sandbox


def _with_files(sandbox: Sandbox, folder: Path) -> str:
    """The sandbox's configuration with its secrets in files, so that later commands need no environment."""
    folder.mkdir(mode=0o700)
    text = sandbox.configuration()
    for name, value in sandbox.environment.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")
        text = text.replace(f"${{{name}}}", f"${{file:secrets/{name}}}")
    return text


def _clear(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).exists():
        raise Refused(f"{folder} is not empty and holds no earlier demo: name another folder with --dir")
    shutil.rmtree(folder)


def once(program: Program, say: Callable[[str], None]) -> Report:
    """One sync over every connection."""
    with program.store() as store, program.run(store, "sync", say=say) as run:
        run.pull(list(program.settings.connections))
        run.plan(Caps())
        run.apply()
    return run.report


def _record_decisions(program: Program, city: City) -> None:
    """The gate decisions that the city's boards took before Portico came and no register holds, as by `portico gates decide`."""
    with program.store() as store, store.transaction() as db:
        for project in city.projects:
            for gate in project.gates:
                kept = keeps_decisions(project) and not gate.conditions
                if gate.decision and gate.decided_on and gate.decided_by and not kept:
                    manual.decide(
                        db,
                        project.key,
                        gate.key,
                        gate.decision,
                        decided_on=gate.decided_on,
                        by=gate.decided_by.name,
                        note=None,
                        conditions=[
                            {"text": each.text, "due_on": each.due_on.isoformat(), "met_on": None}
                            for each in gate.conditions
                        ],
                        at=program.now(),
                    )


REVIEWED = timedelta(days=60)
"""So long ago the steering committee last held a review of the priorities."""
UNTROUBLED = {"status": {name: {"value": "green"} for name in DIMENSIONS}}


def _record_review(program: Program, city: City) -> None:
    """A review of the priorities held before Portico came, when every project of the city was on plan."""
    then = program.now() - REVIEWED
    projects = [
        {
            "key": each.key,
            "name": each.name,
            "department": each.department.name,
            "state": each.state,
            "priority": each.priority,
            "tier": each.tier,
            **UNTROUBLED,
        }
        for each in city.projects
    ]
    found = ranking(projects, program.settings.portfolio.priority)
    with program.store() as store, store.transaction() as db:
        manual.keep_review(
            db,
            to_keep(found),
            held_on=then.astimezone(program.settings.portfolio.zone).date(),
            by="IT steering committee",
            note="Review of the quarter",
            at=program.now(),
        )


def rehearse(program: Program, folder: Path, city: City, say: Callable[[str], None]) -> Shown:
    """Runs the job twice and writes the reports into `folder`."""
    from reports import formats  # noqa: PLC0415  (loads the formats only when they are written)
    from sync.deliver import deliver  # noqa: PLC0415  (as above)

    _record_decisions(program, city)
    _record_review(program, city)
    say("First run: every tool is read, judged and written.")
    first = once(program, say)
    say("Second run: nothing changed, so nothing should be written.")
    second = once(program, say)
    with program.store() as store, store.reading() as db:
        built = document(db, program.settings)
    files = {form: formats.write(built, form, folder / name) for form, name in REPORTS}
    delivered = [each.text for each in deliver(program, WEEKLY)]
    return Shown(first, second, built, files, delivered)
