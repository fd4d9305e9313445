"""priority, whatif, pmo: what comes first, what would happen if, and how the project office does."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from sync.commands.look import document_of, project_of
from sync.program import DONE, Program, Refused, json_option
from sync.when import Day

if TYPE_CHECKING:
    from config.planning import Scenario

ASKED = "asked"
"""The name of a scenario that stands on the command line only."""


@click.command()
@click.argument("project", required=False)
@click.option("--review", is_flag=True, help="Keep this ranking as a review, to compare later ones with.")
@click.option("--by", help="With --review: who holds it.")
@click.option("--note", help="With --review: what was said.")
@json_option
@click.pass_obj
def priority(
    program: Program, project: str | None, *, review: bool, by: str | None, note: str | None, as_json: bool
) -> int:
    """Ranks the projects by the declared criteria, tells what moved since the last review, or holds one."""
    document = document_of(program)
    found = document["priority"]
    if not found["criteria"]:
        raise Refused(
            "no criteria are declared: portfolio.priority.criteria in the configuration, then `assess`"
        )
    if review != (by is not None) or (note is not None and not review):
        raise Refused("--review and --by WHO belong together, and --note to them")
    if review and project:
        raise Refused("a review is of all projects")
    rows = found["rows"]
    if project:
        project_of(document, project)
        rows = [each for each in rows if each["project"] == project]
        if not rows:
            raise Refused(f"{project} has ended: it has no priority")
    if as_json:
        program.print_json({**found, "rows": rows})
    else:
        from reports import terminal_ahead  # noqa: PLC0415  (only for people)

        terminal_ahead.priority({**found, "rows": rows}, program.console(), parts=project is not None)
    if by is not None:
        _hold_review(program, found, by, note)
    return DONE


def _hold_review(program: Program, found: Mapping[str, Any], by: str, note: str | None) -> None:
    from portfolio.priority import to_keep  # noqa: PLC0415  (start-up stays fast for --help)
    from portfolio.store import audit, manual  # noqa: PLC0415  (as above)
    from sync.assess import today_of  # noqa: PLC0415  (as above)

    now = program.now()
    ranked = to_keep(found)
    with program.store() as store, store.transaction() as db:
        manual.keep_review(db, ranked, held_on=today_of(program.settings, now), by=by, note=note, at=now)
        detail = {"note": note, "projects": len(ranked)}
        audit.record(
            db, at=now, run_id="", who=by, what="priority review", subject="portfolio", detail=detail
        )
    program.progress("The review is kept. After the next `portico sync` reports compare with it.")


@click.command()
@click.argument("name", required=False)
@click.option(
    "--slip",
    "slips",
    type=(str, int),
    multiple=True,
    metavar="PROJECT MONTHS",
    help="The project's work from now on comes so many months later.",
)
@click.option(
    "--mandate-role",
    "roles",
    type=(str, str, str),
    multiple=True,
    metavar="ROLE HOURS MONTH",
    help="So many hours a month for those who have this role, from a month such as 2027-01 on.",
)
@click.option(
    "--mandate-department",
    "departments",
    type=(str, str, str),
    multiple=True,
    metavar="DEPARTMENT HOURS MONTH",
    help="The same for those who work on the department's projects.",
)
@click.option(
    "--leaves",
    type=(str, Day()),
    multiple=True,
    metavar="PERSON DAY",
    help="The person is not there from this day on.",
)
@json_option
@click.pass_obj
def whatif(
    program: Program,
    name: str | None,
    *,
    slips: tuple[tuple[str, int], ...],
    roles: tuple[tuple[str, str, str], ...],
    departments: tuple[tuple[str, str, str], ...],
    leaves: tuple[tuple[str, date], ...],
    as_json: bool,
) -> int:
    """Shows what a scenario would do to people and projects; nothing is changed.

    NAME is one of portfolio.capacity.scenarios; without it and without options all of them are shown. Each option may be given
    several times.
    """
    asked = bool(slips or roles or departments or leaves)
    if asked and name:
        raise Refused("either NAME of a declared scenario, or options")
    declared = program.settings.portfolio.capacity.scenarios
    if asked:
        mandates = [("role", *each) for each in roles] + [("department", *each) for each in departments]
        scenarios = {ASKED: _scenario(slips, mandates, leaves)}
    elif name is not None:
        if name not in declared:
            raise Refused(f"no scenario {name!r}; declared: {', '.join(declared) or 'none'}")
        scenarios = {name: declared[name]}
    else:
        scenarios = dict(declared)
    found = _results(program, scenarios)
    if asked and found[0]["problems"]:
        raise Refused(" ".join(found[0]["problems"]))
    if as_json:
        program.print_json(found)
        return DONE
    if not found:
        raise Refused(
            "no scenario is declared (portfolio.capacity.scenarios); or give --slip, --leaves, --mandate-…"
        )
    from reports import terminal_ahead  # noqa: PLC0415  (only for people)

    for each in found:
        terminal_ahead.whatif(each, program.console())
    return DONE


def _scenario(
    slips: Iterable[tuple[str, int]],
    mandates: Iterable[tuple[str, str, str, str]],
    leaves: Iterable[tuple[str, date]],
) -> "Scenario":
    from pydantic import ValidationError  # noqa: PLC0415  (start-up stays fast for --help)

    from config.planning import Scenario  # noqa: PLC0415  (as above)

    try:
        return Scenario.model_validate(
            {
                "slips": [{"project": project, "months": months} for project, months in slips],
                "mandates": [
                    {kind: whom, "hours": hours, "from": month} for kind, whom, hours, month in mandates
                ],
                "leaves": [{"person": person, "on": day} for person, day in leaves],
            }
        )
    except ValidationError as error:
        said = "; ".join(
            f"{' '.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)
        )
        raise Refused(said) from error


def _results(program: Program, scenarios: Mapping[str, "Scenario"]) -> list[dict[str, Any]]:
    from sync import outlook  # noqa: PLC0415  (start-up stays fast for --help)
    from sync.assess import today_of  # noqa: PLC0415  (as above)

    projects = document_of(program)["projects"]
    today = today_of(program.settings, program.now())
    with program.store() as store, store.reading() as db:
        plan = outlook.staffing_of(db, program.settings, today)
    return outlook.scenarios_of(plan, scenarios, projects, today)


@click.command()
@click.option("--department", help="Only this department's projects.")
@json_option
@click.pass_obj
def pmo(program: Program, *, department: str | None, as_json: bool) -> int:
    """Shows how the project office does: on time, on budget, gates, requests, forecasts, re-baselines."""
    from reports import views  # noqa: PLC0415  (start-up stays fast for --help)

    document = document_of(program)
    try:
        found = (views.for_department(document, department) if department else document)["pmo"]
    except views.ViewError as error:
        raise Refused(str(error)) from error
    if as_json:
        program.print_json(found)
        return DONE
    from reports import terminal_ahead  # noqa: PLC0415  (only for people)

    terminal_ahead.pmo(found, program.console())
    return DONE
