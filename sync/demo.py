"""The demo: simulated tools on loopback, the whole job against them twice, and the reports of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.city import City, Size, build, day
from sandbox.tools import Sandbox, start
from sync import prologue
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
    sandbox = start(build(size, day(program.now())), folder)
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


def rehearse(program: Program, folder: Path, city: City, say: Callable[[str], None]) -> Shown:
    """Runs the job twice and writes the reports into `folder`."""
    from reports import formats  # noqa: PLC0415  (loads the formats only when they are written)
    from sync.deliver import deliver  # noqa: PLC0415  (as above)

    prologue.record(program, city)
    say("First run: every tool is read, judged and written.")
    first = once(program, say)
    say("Second run: nothing changed, so nothing should be written.")
    second = once(program, say)
    with program.store() as store, store.reading() as db:
        built = document(db, program.settings)
    files = {form: formats.write(built, form, folder / name) for form, name in REPORTS}
    delivered = [each.text for each in deliver(program, WEEKLY)]
    return Shown(first, second, built, files, delivered)
