"""The command line `portico`. Each command lives in a module that is imported only when it is called."""

import io
import sys
from datetime import datetime
from importlib import import_module
from pathlib import Path

import click

from sync.program import DONE, INTERRUPTED, USAGE, Program, report_error, start_logging
from sync.when import Instant

COMMANDS = {
    "demo": "sync.commands.start",
    "sandbox": "sync.commands.start",
    "init": "sync.commands.start",
    "db": "sync.commands.start",
    "serve": "sync.commands.start",
    "check": "sync.commands.connect",
    "fields": "sync.commands.connect",
    "pull": "sync.commands.run",
    "assess": "sync.commands.run",
    "plan": "sync.commands.run",
    "apply": "sync.commands.run",
    "sync": "sync.commands.run",
    "report": "sync.commands.look",
    "send": "sync.commands.look",
    "explain": "sync.commands.look",
    "history": "sync.commands.look",
    "links": "sync.commands.look",
    "status": "sync.commands.look",
    "export": "sync.commands.keep",
    "audit": "sync.commands.keep",
    "quarantine": "sync.commands.keep",
    "gates": "sync.commands.manage",
    "actions": "sync.commands.manage",
    "narrative": "sync.commands.manage",
    "override": "sync.commands.manage",
    "rebaseline": "sync.commands.manage",
    "priority": "sync.commands.ahead",
    "whatif": "sync.commands.ahead",
    "pmo": "sync.commands.ahead",
}


class Commands(click.Group):
    """A group whose commands are imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Every command, in the order of the manual."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        module = COMMANDS.get(cmd_name)
        return getattr(import_module(module), cmd_name.replace("-", "_")) if module else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The short list of `--help`, without importing a single command."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


SECTIONS = {
    "To begin": {
        "demo": "the whole job against simulated tools, twice",
        "sandbox": "only the simulated tools, to rehearse against",
        "init": "write a commented portico.yaml",
        "check": "prove configuration, accounts and fields to write",
        "fields": "the fields of a tool and what is mapped to them",
    },
    "The main job": {
        "sync": "pull, assess, plan and apply as one run",
        "pull": "read changes into the store",
        "assess": "work out status, figures and gates anew",
        "plan": "show the writes that apply would make",
        "apply": "make the planned writes",
        "serve": "run on schedule, show the newest report on loopback",
    },
    "To read": {
        "report": "write a report",
        "send": "deliver a configured report",
        "explain": "why a status or figure is what it is",
        "history": "what changed, when, in which tool",
        "status": "how fresh each tool is, runs, alarms",
        "links": "which records belong to which project",
        "whatif": "who and what suffers if a project slips, a mandate comes, somebody leaves",
        "pmo": "on time, on budget, how fast the process is",
    },
    "To decide": {
        "gates": "gate status; record a decision",
        "actions": "corrective actions",
        "narrative": "tell the story of a project",
        "override": "set a colour by hand, with reason and end",
        "rebaseline": "approve a new baseline",
        "priority": "projects by score; hold a review",
    },
    "To keep in order": {
        "quarantine": "records and writes that were refused",
        "audit": "export or verify the audit log",
        "export": "take the whole portfolio out in open formats",
        "db": "upgrade or check the store",
    },
}
"""What `--help` says of each command, by what one wants to do."""


def _tell_version(ctx: click.Context, _option: click.Parameter, value: object) -> None:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (only when asked)

    if not value or ctx.resilient_parsing:
        return
    try:
        click.echo(f"portico, version {version('portico')}")
    except PackageNotFoundError:
        click.echo("portico, run from its source without being installed")
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="PORTICO_CONFIG",
    default=Path("portico.yaml"),
    show_default=True,
    help="The configuration file; $PORTICO_CONFIG names another default.",
)
@click.option(
    "--now", "fixed_now", type=Instant(), help="Judge as if it were this instant (ISO 8601), for rehearsal."
)
@click.option("-v", "--verbose", count=True, help="More log lines; -vv for every request.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The form of log lines, which go to stderr.",
)
@click.option("--no-color", is_flag=True, help="Print without colours.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    config: Path,
    fixed_now: datetime | None,
    verbose: int,
    *,
    quiet: bool,
    log_format: str,
    no_color: bool,
) -> None:
    """Joins a city's project tools into one portfolio and writes its standing back into them.

    New here? `portico demo` shows it on invented data. `portico init`, then `portico check` connect your own tools.
    """
    program = ctx.ensure_object(Program)
    program.config, program.fixed_now, program.color = config, fixed_now, not no_color
    start_logging(program, -1 if quiet else verbose, log_format)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    program: Program | None = None
    if isinstance(sys.stdout, io.TextIOWrapper):  # a sign that the locale lacks is shown as its number
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with cli.make_context("portico", list(sys.argv[1:] if arguments is None else arguments)) as ctx:
            program = ctx.ensure_object(Program)
            result = cli.invoke(ctx)
    except click.exceptions.Exit as stopped:
        return stopped.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; the store is consistent.", err=True)
        return INTERRUPTED
    except click.UsageError as error:
        error.show()
        return USAGE
    except Exception as error:  # noqa: BLE001  the one place where an exception becomes text
        return report_error(program, error)
    return result if isinstance(result, int) else DONE


if __name__ == "__main__":
    sys.exit(main())
