"""pull, assess, plan, apply, sync: the main job and its steps."""

import signal
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import click

from sync.outcome import Caps, Report
from sync.plan import as_document
from sync.program import DONE, FINDINGS, HELD, INTERRUPTED, Program, Refused, json_option


class Share(click.ParamType[Decimal]):
    """A share between 0 and 1."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Text to a Decimal share."""
        try:
            share = Decimal(str(value))
        except ArithmeticError:
            share = Decimal(-1)
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no share between 0 and 1", param, ctx)
        return share


def caps_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a run's brakes."""
    for option in (
        click.option(
            "--approve", is_flag=True, help="Let through what a brake holds, after you looked at it."
        ),
        click.option(
            "--max-share",
            type=Share(),
            help="The largest share (0 to 1) of the written records that may change.",
        ),
        click.option(
            "--max-changes",
            type=click.IntRange(min=0),
            help="The most records that may be written in this run.",
        ),
    ):
        command = option(command)
    return command


def exit_code(report: Report) -> int:
    """The exit code of a run: a brake beats a finding."""
    if report.interrupted:
        return INTERRUPTED
    return {"held": HELD, "findings": FINDINGS}.get(report.outcome, DONE)


def known(program: Program, names: Sequence[str]) -> list[str]:
    """The named connections, or all. Refused with the accepted names if one is unknown."""
    connections = program.settings.connections
    for name in names:
        if name not in connections:
            there = f"there are: {', '.join(connections)}" if connections else "there is none yet"
            raise Refused(f"no connection {name!r} in {program.config}; {there}")
    return list(names or connections)


def interruptible() -> threading.Event:
    """An event that SIGINT and SIGTERM set: the run stops at the next safe point."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _document(report: Report) -> dict[str, Any]:
    return {
        "run": report.run_id,
        "outcome": report.outcome,
        "counts": report.counts(),
        "quarantine": report.quarantined,
        "snapshot": report.assessed.snapshot_id if report.assessed else None,
        "connections": [
            {
                "connection": each.name,
                "ok": each.ok,
                "records": each.records,
                "changed": each.changed,
                "rejected": each.rejected,
                "deleted": each.deleted,
                "error": each.error or each.held,
                "fix": each.fix,
            }
            for each in report.read.values()
        ],
        "plan": as_document(report.plan, report.held),
    }


def finish(program: Program, report: Report, *, as_json: bool, written: bool | None) -> int:
    """Prints what a run came to (`written` as in `terminal.run_summary`) and returns its exit code."""
    if as_json:
        program.print_json(_document(report))
    else:
        from reports.terminal import run_summary  # noqa: PLC0415  (only for people)

        run_summary(_document(report), program.console(), written=written)
    return exit_code(report)


@click.command()
@click.argument("connection", nargs=-1)
@click.option("--full", is_flag=True, help="Read everything, not only changes.")
@json_option
@click.pass_obj
def pull(program: Program, connection: tuple[str, ...], *, full: bool, as_json: bool) -> int:
    """Reads changes (or everything) into the store."""
    names = known(program, connection)
    with program.store() as store, program.run(store, "pull", stop=interruptible()) as run:
        run.pull(names, full=full)
    return finish(program, run.report, as_json=as_json, written=None)


@click.command()
@json_option
@click.pass_obj
def assess(program: Program, *, as_json: bool) -> int:
    """Recomputes status, metrics and gates; takes a snapshot."""
    with program.store() as store, program.run(store, "assess") as run:
        run.assess()
    return finish(program, run.report, as_json=as_json, written=None)


@click.command()
@json_option
@click.pass_obj
def plan(program: Program, *, as_json: bool) -> int:
    """Shows the writes that apply would make: record, field, before, after, why."""
    with program.store(keep=False) as store, program.run(store, "plan") as run:
        made = run.plan(Caps())
    if as_json:
        program.print_json(as_document(made, run.report.held))
    else:
        from reports.terminal import plan_table  # noqa: PLC0415  (only for people)

        if made.changes or made.refused or not run.report.unread:
            plan_table(as_document(made, run.report.held), program.console())
        if run.report.unread:
            click.echo(f"Not compared, for they could not be read: {', '.join(sorted(run.report.unread))}")
    return exit_code(run.report)


@click.command()
@caps_options
@json_option
@click.pass_obj
def apply(
    program: Program, *, max_changes: int | None, max_share: Decimal | None, approve: bool, as_json: bool
) -> int:
    """Makes the planned writes; above a cap it writes nothing and exits 3."""
    stop = interruptible()
    with program.store() as store, program.run(store, "apply", stop=stop) as run:
        run.plan(Caps(max_changes, max_share, approve))
        run.apply()
    return finish(program, run.report, as_json=as_json, written=True)


@click.command()
@click.argument("connection", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Do everything but keep nothing and write nothing.")
@click.option("--full", is_flag=True, help="Read everything, not only changes.")
@caps_options
@json_option
@click.pass_obj
def sync(
    program: Program,
    connection: tuple[str, ...],
    *,
    dry_run: bool,
    full: bool,
    max_changes: int | None,
    max_share: Decimal | None,
    approve: bool,
    as_json: bool,
) -> int:
    """Pulls, assesses, plans and applies as one run: the main job."""
    names = known(program, connection)
    stop = interruptible()
    with program.store(keep=not dry_run) as store, program.run(store, "sync", stop=stop) as run:
        run.pull(names, full=full, approve=approve)
        if not stop.is_set():
            run.plan(Caps(max_changes, max_share, approve), names)
        if not dry_run and not stop.is_set():
            run.apply()
    return finish(program, run.report, as_json=as_json, written=not dry_run)
