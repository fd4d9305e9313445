"""The command line `portico`. Each command lives in a module that is imported only when it is called."""

import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import click

from sync.program import DONE, INTERRUPTED, USAGE, Program, report_error, start_logging

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
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


SUMMARIES = {
    "demo": "the whole job against simulated tools, twice",
    "sandbox": "only the simulated tools",
    "init": "write a commented portico.yaml",
    "check": "prove configuration, credentials and write targets",
    "fields": "a tool's fields and what is mapped to them",
    "pull": "read changes into the store",
    "assess": "recompute status, metrics and gates",
    "plan": "show the writes that apply would make",
    "apply": "make the planned writes",
    "sync": "pull, assess, plan and apply as one run",
    "report": "write a report",
    "explain": "rule, inputs and sources behind a status",
    "history": "what changed, when, in which tool",
    "gates": "gate status; record a decision",
    "actions": "corrective actions",
    "narrative": "tell a project's story",
    "override": "a reasoned, expiring colour",
    "rebaseline": "approve a new baseline",
    "links": "which records belong to which project",
    "quarantine": "records and writes that were refused",
    "status": "runs, freshness, pending writes, alarms",
    "audit": "export or verify the audit log",
    "export": "the whole portfolio in open formats",
    "db": "upgrade or check the store's schema",
    "serve": "scheduler, portal and health in one process",
}


class Instant(click.ParamType[datetime]):
    """An ISO 8601 instant; without an offset it is UTC."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Text to an aware UTC instant."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no instant such as 2026-11-21T09:00:00Z", param, ctx)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="PORTICO_CONFIG",
    default=Path("portico.yaml"),
    show_default=True,
    help="The configuration file ($PORTICO_CONFIG).",
)
@click.option("--now", "fixed_now", type=Instant(), help="An instant to judge at, for rehearsal.")
@click.option("-v", "--verbose", count=True, help="More log lines; twice for every request.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--no-color", is_flag=True, help="No colours.")
@click.version_option(package_name="portico", prog_name="portico")
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
    """Portico joins a city's project tools into one portfolio and writes its standing back into them."""
    program = ctx.ensure_object(Program)
    program.config, program.fixed_now, program.color = config, fixed_now, not no_color
    start_logging(program, -1 if quiet else verbose, log_format)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    program: Program | None = None
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
