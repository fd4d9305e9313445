"""demo, sandbox, init, db, serve: how one begins, and how it goes on."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sync.program import DONE, FINDINGS, Program, Refused, json_option

if TYPE_CHECKING:
    from sandbox.city import Size

SIZES = ("small", "city", "large")
size_option = click.option(
    "--size",
    type=click.Choice(SIZES),
    default="small",
    show_default=True,
    help="12, 180 or 1,000 projects.",
)


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="The folder for store and reports; it is made where it is missing.",
)
@click.option("--serve", "stay", is_flag=True, help="Stay up with the portal on port 8080 afterwards.")
@size_option
@json_option
@click.pass_obj
def demo(program: Program, *, folder: Path, stay: bool, size: "Size", as_json: bool) -> int:
    """Runs the whole job against simulated tools, twice, and writes the reports to a folder."""
    from sync import demo as rehearsal  # noqa: PLC0415  (start-up stays fast for --help)

    began = time.monotonic()
    with rehearsal.prepare(program, folder.absolute(), size) as sandbox:
        program.progress(
            f"Simulated tools run on loopback: {', '.join(sandbox.urls)}. Configuration: {program.config}"
        )
        shown = rehearsal.rehearse(program, folder.absolute(), sandbox.city, program.progress)
        summary = {
            "projects": len(shown.document["projects"]),
            "first": shown.first.counts(),
            "second": shown.second.counts(),
            "quarantine": shown.second.quarantined,
            "snapshot": shown.document["snapshot"]["id"],
            "seconds": round(time.monotonic() - began, 1),
            "files": {form: str(path) for form, path in shown.files.items()},
            "delivered": shown.delivered,
        }
        if as_json:
            program.print_json(summary)
        else:
            _tell(program, shown.document, summary)
        if stay:
            from sync.service import serve_until_stopped  # noqa: PLC0415  (only for --serve)

            serve_until_stopped(program, port=0)
    well = shown.second.counts()["planned"] == 0 and not shown.first.counts()["failed"]
    return DONE if well else FINDINGS


def _tell(program: Program, document: dict[str, Any], summary: dict[str, Any]) -> None:
    from reports import terminal  # noqa: PLC0415  (only for people)

    first, second = summary["first"], summary["second"]
    terminal.portfolio_summary(document, program.console())
    click.echo(f"First run:  {first['written']} fields written on {first['records_written']} records.")
    click.echo(f"Second run: {second['planned']} writes planned.")
    if summary["quarantine"]:
        click.echo(f"Quarantine: {summary['quarantine']} (portico -c {program.config} quarantine list)")
    for text in summary["delivered"]:
        click.echo(f"Weekly report, {text}")
    for form, path in summary["files"].items():
        click.echo(f"{form:5} {path}")
    click.echo(
        f"Open the report: {Path(summary['files']['html']).as_uri()}  ({summary['seconds']} seconds in all)"
    )


@click.command()
@click.option("--port-base", type=int, help="The first of the ports to use; free ones are taken without it.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write addresses and everything written to the tools, as JSON, at the end.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A YAML file of faults to inject (see the tutorial).",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sandbox-files"),
    show_default=True,
    help="The folder for portico.yaml and the finance files.",
)
@size_option
@click.pass_obj
def sandbox(
    program: Program,
    *,
    port_base: int | None,
    state: Path | None,
    faults: Path | None,
    folder: Path,
    size: "Size",
) -> int:
    """Starts only the simulated tools, for trying a configuration by hand. Stop with Ctrl-C."""
    from sandbox.city import build, day  # noqa: PLC0415  (start-up stays fast for --help)
    from sandbox.faults import load  # noqa: PLC0415  (as above)
    from sandbox.tools import start  # noqa: PLC0415  (as above)
    from sync.commands.run import interruptible  # noqa: PLC0415  (as above)

    folder.mkdir(parents=True, exist_ok=True)
    stop = interruptible()
    rules = load(faults) if faults else ()
    with start(
        build(size, day(program.now())), folder.absolute(), port_base=port_base, faults=rules
    ) as tools:
        (folder / "portico.yaml").write_text(tools.configuration(), encoding="utf-8")
        for name, url in tools.urls.items():
            click.echo(f"{name}: {url}")
        for name, value in tools.environment.items():
            click.echo(f"export {name}={value}")
        click.echo(f"portico -c {folder / 'portico.yaml'} sync")
        stop.wait()
        if state:
            tools.save(state)
    return DONE


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of portico.yaml, for editors; write nothing."
)
def init(folder: Path, *, schema: bool) -> int:
    """Writes a commented portico.yaml to start from; never over an existing one."""
    from config.loading import schema as json_schema  # noqa: PLC0415  (start-up stays fast for --help)
    from config.template import TEMPLATE  # noqa: PLC0415  (as above)

    if schema:
        click.echo(json.dumps(json_schema(), indent=2))
        return DONE
    path = folder / "portico.yaml"
    if path.exists():
        raise Refused(f"{path} exists and is left as it is; name another folder: portico init FOLDER")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE, encoding="utf-8")
    click.echo(f"{path} is written. Describe a tool under `connections`, then run `portico check`.")
    return DONE


@click.group()
def db() -> None:
    """The store's schema."""


@db.command()
@json_option
@click.pass_obj
def upgrade(program: Program, *, as_json: bool) -> int:
    """Brings the store to this program's schema. Back it up before."""
    from portfolio.store.database import upgrade_at  # noqa: PLC0415  (start-up stays fast for --help)

    before, after = upgrade_at(program.settings.store)
    if as_json:
        program.print_json({"before": before, "after": after})
    else:
        click.echo(f"schema {after}" if before == after else f"schema {before or 'none'} → {after}")
    return DONE


@db.command()
@json_option
@click.pass_obj
def check(program: Program, *, as_json: bool) -> int:
    """Tells whether the store has this program's schema and is whole."""
    from portfolio.store.database import faults  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store:
        found = faults(store)
    if as_json:
        program.print_json({"whole": not found, "faults": found})
    else:
        click.echo("\n".join(found) or "the store is whole")
    return FINDINGS if found else DONE


@db.command()
@json_option
@click.pass_obj
def expire(program: Program, *, as_json: bool) -> int:
    """Lets go what `retention:` says is past its time; the service does so with its daily census."""
    from sync.disposal import dispose  # noqa: PLC0415  (start-up stays fast for --help)

    gone = dispose(program)
    if as_json:
        program.print_json(gone)
    else:
        click.echo(f"let go: {gone['raw']} raw bodies, {gone['audit']} audit entries")
    return DONE


@click.command()
@click.option(
    "--port", type=int, default=8080, show_default=True, help="The port on loopback; 0 takes a free one."
)
@click.pass_obj
def serve(program: Program, *, port: int) -> int:
    """Runs the schedule and shows the newest report on loopback, until SIGTERM."""
    from sync.service import serve_until_stopped  # noqa: PLC0415  (start-up stays fast for --help)

    if program.fixed_now is not None:
        raise Refused("serve lives in the present: --now is refused")
    serve_until_stopped(program, port=port)
    return DONE
