"""report, explain, history, links, status: what the store knows."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from sync.crash import reach
from sync.program import DONE, FINDINGS, HELD, Program, Refused, json_option
from sync.when import Day, DayOrInstant

FORMATS = ("html", "xlsx", "json", "csv", "md")


def document_of(
    program: Program, *, as_of: date | None = None, known_at: date | None = None
) -> dict[str, Any]:
    """The report document of the newest snapshot, of the newest one known at an instant, or rebuilt as of a day.

    Refused where nothing was assessed yet, or nothing is known of that day.
    """
    from sync.reporting import NoSnapshot, document  # noqa: PLC0415  (start-up stays fast for --help)

    until = _instant(program, known_at)
    with program.store() as store, store.reading() as db:
        try:
            if as_of is None:
                return document(db, program.settings, until=until)
            from sync import lookback, wiring  # noqa: PLC0415  (as above)

            policy = wiring.policy(program.settings)
            return lookback.rebuilt(
                db, program.settings, policy, as_of=as_of, known_at=until, now=program.now()
            )
        except NoSnapshot as error:
            raise Refused(str(error)) from error


def _instant(program: Program, known_at: date | None) -> datetime | None:
    if known_at is None or isinstance(known_at, datetime):
        return known_at
    from sync.lookback import end_of  # noqa: PLC0415  (start-up stays fast for --help)

    return end_of(program.settings, known_at)


def project_of(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A project of the document; refused with near keys where there is none."""
    from sync.explaining import unknown_project  # noqa: PLC0415  (start-up stays fast for --help)

    projects = {each["key"]: each for each in document["projects"]}
    if key not in projects:
        raise unknown_project(key, projects)
    return dict(projects[key])


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="html",
    show_default=True,
    help="What to write; json is the report document.",
)
@click.option(
    "--as-of",
    "as_of",
    type=Day(),
    help="As true at the end of this day, by what is known now (or at --known-at).",
)
@click.option(
    "--known-at",
    "known_at",
    type=DayOrInstant(),
    help="As it was known at this instant, or at the end of this day; alone: what was reported then.",
)
@click.option("--audience", help="internal (all) or public (no money, people or reasons).")
@click.option("--department", help="Only this department's projects.")
@click.option("--project", help="Only this project.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The file to write (for csv: a folder)."
)
@click.pass_obj
def report(
    program: Program,
    *,
    form: str,
    as_of: date | None,
    known_at: date | None,
    audience: str | None,
    department: str | None,
    project: str | None,
    output: Path | None,
) -> int:
    """Writes a report from the newest snapshot, from an earlier one, or rebuilt as of a day."""
    from reports import formats, views  # noqa: PLC0415  (start-up stays fast for --help)

    document = document_of(program, as_of=as_of, known_at=known_at)
    try:
        if department:
            document = views.for_department(document, department)
        if project:
            document = views.for_project(document, project)
        if audience:
            document = views.for_audience(document, audience)
    except views.ViewError as error:
        raise Refused(str(error)) from error
    if output is None:
        if form != "json":
            raise Refused(
                f"name the {'folder' if form == 'csv' else 'file'} to write: -o report{'' if form == 'csv' else f'.{form}'}"
            )
        program.print_json(document)
        return DONE
    try:
        reach("report.built")
        path = formats.write(document, form, output)
        reach("report.written")
    except OSError as error:
        raise Refused(f"{output} cannot be written: {error.strerror}") from error
    program.progress(f"{path}")
    return DONE


@click.command()
@click.argument("name")
@click.option("--again", is_flag=True, help="Send it even if this edition was sent already.")
@click.pass_obj
def send(program: Program, name: str, *, again: bool) -> int:
    """Delivers a configured report: by mail, to Teams, to SharePoint, into a folder."""
    from sync.deliver import deliver  # noqa: PLC0415  (start-up stays fast for --help)
    from sync.reporting import NoSnapshot  # noqa: PLC0415  (as above)

    try:
        endings = deliver(program, name, again=again)
    except NoSnapshot as error:
        raise Refused(str(error)) from error
    for each in endings:
        program.progress(each.text)
    return DONE if all(each.arrived for each in endings) else FINDINGS


@click.command()
@click.argument("project")
@click.argument("figure", required=False)
@json_option
@click.pass_obj
def explain(program: Program, project: str, figure: str | None, *, as_json: bool) -> int:
    """Shows rule, inputs, threshold and source records behind a status or figure."""
    from sync.explaining import explanation  # noqa: PLC0415  (start-up stays fast for --help)

    judged = project_of(document_of(program), project)
    found = explanation(judged, figure)
    if as_json:
        program.print_json(found)
    else:
        from reports import terminal  # noqa: PLC0415  (only for people)

        terminal.explain(judged, program.console(), figure)
    return DONE


@click.command()
@click.argument("project")
@click.option("--field", help="Only this field; of a figure, such as cpi, every value it had.")
@json_option
@click.pass_obj
def history(program: Program, project: str, field: str | None, *, as_json: bool) -> int:
    """Shows what changed, when, in which tool, by which run."""
    from sync.explaining import changes_of  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store, store.reading() as db:
        changes = changes_of(db, program.settings, project, field)
    if as_json:
        program.print_json(changes)
        return DONE
    for each in changes:
        at = each["at"].isoformat(timespec="minutes").replace("+00:00", "Z")
        where = f"{each['connection']} {each['external_key']}"
        click.echo(f"{at}  {where}  {each['field']}: {each['before']!r} → {each['after']!r}")
    if not changes:
        click.echo(f"no recorded change of {project}{f' {field}' if field else ''}")
    return DONE


@click.command()
@click.option("--suggest", is_flag=True, help="Suggest links by equal names; nothing is applied.")
@json_option
@click.pass_obj
def links(program: Program, *, suggest: bool, as_json: bool) -> int:
    """Shows which source records belong to which project, and what is unlinked."""
    from sync.linking import overview  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store, store.reading() as db:
        found = overview(db, program.settings, suggest=suggest)
    if as_json:
        program.print_json(found)
        return DONE
    for project in found["projects"]:
        click.echo(f"{project['key']}  {project['name']}")
        for each in project["records"]:
            click.echo(f"    {each['connection']}: {each['count']} {each['entity']}")
    for each in found["unlinked"]:
        click.echo(
            f"unlinked: {each['count']} {each['entity']} in {each['connection']} ({', '.join(each['examples'])})"
        )
    for each in found["suggestions"]:
        click.echo(f"suggestion: {each['connection']} {each['name']} → {each['project']} ({each['because']})")
    return DONE


@click.command()
@json_option
@click.pass_obj
def status(program: Program, *, as_json: bool) -> int:
    """Shows runs, freshness per connection, pending writes, quarantine and alarms."""
    from sync.standing import standing  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store, store.reading() as db:
        found = standing(db, program.settings, program.now())
    if as_json:
        program.print_json(found)
    else:
        _show_status(program, found)
    states = {each["state"] for each in found["connections"]}
    if "held" in states:
        return HELD
    return FINDINGS if states - {"ok"} or found["quarantine"] else DONE


def _granted(budget: Mapping[str, Any]) -> str:
    if budget["remaining"] is None and budget["resets_at"]:
        return f"{budget['limit']} requests granted until {budget['resets_at']}, told at {budget['seen_at']}"
    left = "?" if budget["remaining"] is None else budget["remaining"]
    near = ", near the limit: requests go half as fast" if budget["near_limit"] else ""
    return f"{left} of {budget['limit'] or '?'} requests left at {budget['seen_at']}{near}"


def _show_status(program: Program, found: Mapping[str, Any]) -> None:
    from reports import terminal  # noqa: PLC0415  (only for people)

    program.console().print(terminal.sources(found["connections"]))
    for each in found["connections"]:
        if each["error"]:
            click.echo(program.redact(f"{each['connection']}: {each['error']}"))
        if each["budget"]:
            click.echo(f"{each['connection']}: {_granted(each['budget'])}")
    for each in found["alarms"]:
        click.echo(program.redact(f"ALARM {each['connection']} since {each['since']}: {each['text']}"))
    newest = found["runs"][0] if found["runs"] else None
    if newest:
        click.echo(
            f"last run: {newest['command']} at {newest['started_at']}, {newest['outcome'] or 'under way'}"
        )
    click.echo(f"pending writes: {found['pending_writes']}, quarantine: {found['quarantine']}")
