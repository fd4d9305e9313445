"""gates, actions, narrative, override, rebaseline: what a manager adds."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import click

from portfolio.model import COLOURS, DECISIONS, DIMENSIONS
from sync.commands.look import document_of, project_of
from sync.program import DONE, Program, Refused, json_option
from sync.when import Day

UNDERSTOOD = {
    "go": "approved",
    "approve": "approved",
    "go-with-conditions": "approved_with_conditions",
    "no-go": "rejected",
    "reject": "rejected",
    "hold": "deferred",
    "defer": "deferred",
    "waive": "waived",
}


def record(
    program: Program, project: str, by: str, what: str, act: Callable[[Any, datetime], dict[str, Any]]
) -> None:
    """Carries out an addition and audits it in one transaction; refused where there is no such project."""
    from portfolio.store import audit, links  # noqa: PLC0415  (start-up stays fast for --help)
    from sync.wiring import declared_projects  # noqa: PLC0415  (as above)

    now = program.now()
    with program.store() as store, store.transaction() as db:
        names = links.registry(db, *declared_projects(program.settings))
        if project not in names.projects:
            raise Refused(f"no project {project!r}; `portico links` lists them")
        detail = act(db, now)
        audit.record(db, at=now, run_id="", who=by, what=what, subject=project, detail=detail)


class Shown(click.Group):
    """A group that shows by default: `gates PROJECT` is `gates show PROJECT`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `show` before words that name no command of the group."""
        words = [each for each in args if not each.startswith("-")]
        if not words or words[0] not in self.commands:
            args = ["show", *args] if not {"-h", "--help"} & set(args) else args
        return super().parse_args(ctx, args)


@click.group("gates", cls=Shown)
def gates() -> None:
    """Shows gate status (`gates [PROJECT]`), records a decision (`gates decide`), or a condition as met (`gates met`)."""


@gates.command("show", hidden=True)
@click.argument("project", required=False)
@json_option
@click.pass_obj
def show(program: Program, project: str | None, *, as_json: bool) -> int:
    """Shows the gates of one project or of all."""
    document = document_of(program)
    projects = [project_of(document, project)] if project else document["projects"]
    keys = (
        "gate",
        "name",
        "position",
        "status",
        "due_on",
        "decided_on",
        "decided_by",
        "note",
        "valid_until",
        "source",
        "criteria",
        "conditions",
    )
    rows = [
        {"project": each["key"], **{key: gate.get(key) for key in keys}}
        for each in projects
        for gate in each["gates"]
    ]
    if as_json:
        program.print_json(rows)
    else:
        from reports import terminal  # noqa: PLC0415  (only for people)

        terminal.gates(rows, program.console())
    return DONE


def _condition(text: str) -> dict[str, Any]:
    words, bar, due = text.rpartition("|")
    if not bar:
        return {"text": text.strip(), "due_on": None, "met_on": None}
    try:
        day = date.fromisoformat(due.strip())
    except ValueError:
        raise Refused(f'--condition "{text}": after the bar stands the due day, such as 2026-12-31') from None
    return {"text": words.strip(), "due_on": day.isoformat(), "met_on": None}


def _gate(program: Program, gate: str) -> str:
    """The key of a gate of the pack in use, in whichever case it was written."""
    from sync.wiring import policy  # noqa: PLC0415  (start-up stays fast for --help)

    pack = policy(program.settings).pack
    known = {each.key.casefold(): each.key for each in pack.gates}
    if gate.casefold() not in known:
        raise Refused(f"no gate {gate!r} in pack {pack.id}; there are: {', '.join(known.values())}")
    return known[gate.casefold()]


@gates.command("decide")
@click.argument("project")
@click.argument("gate")
@click.argument("decision")
@click.option("--by", required=True, help="Who decided.")
@click.option("--note", help="Why, or what was said.")
@click.option("--condition", "conditions", multiple=True, help='"TEXT | DUE", repeatable.')
@click.option("--until", type=Day(), help="Its last day, as YYYY-MM-DD; afterwards the gate is open again.")
@click.pass_obj
def decide(
    program: Program,
    project: str,
    gate: str,
    decision: str,
    *,
    by: str,
    note: str | None,
    conditions: tuple[str, ...],
    until: date | None,
) -> int:
    """Records a decision: approved, approved_with_conditions, rejected, deferred or waived."""
    from portfolio.store import manual  # noqa: PLC0415  (start-up stays fast for --help)

    verdict = UNDERSTOOD.get(decision.casefold(), decision.casefold())
    if verdict not in DECISIONS:
        raise Refused(f"no decision {decision!r}; accepted: {', '.join([*DECISIONS, *UNDERSTOOD])}")
    key = _gate(program, gate)
    agreed = [_condition(each) for each in conditions]
    if verdict == "approved_with_conditions" and not agreed:
        raise Refused('an approval with conditions needs at least one --condition "TEXT | DUE"')

    def act(db: Any, now: datetime) -> dict[str, Any]:
        day = now.astimezone(program.settings.portfolio.zone).date()
        manual.decide(
            db,
            project,
            key,
            verdict,
            decided_on=day,
            by=by,
            note=note,
            conditions=agreed,
            at=now,
            valid_until=until,
        )
        last = until.isoformat() if until else None
        return {
            "gate": key,
            "decision": verdict,
            "note": note,
            "conditions": agreed,
            "valid_until": last,
        }

    record(program, project, by, "gate decision", act)
    program.progress(f"{project} {key}: {verdict}. `portico sync` writes it to the tools.")
    return DONE


@gates.command("met")
@click.argument("project")
@click.argument("gate")
@click.argument("number", type=int)
@click.option("--by", required=True, help="Who confirms it.")
@click.option("--on", "met_on", type=Day(), help="The day on which it was met, as YYYY-MM-DD; else today.")
@click.option("--note", help="What shows it.")
@click.pass_obj
def met(
    program: Program,
    project: str,
    gate: str,
    number: int,
    *,
    by: str,
    met_on: date | None,
    note: str | None,
) -> int:
    """Records that a condition of a gate's decision is met; NUMBER is as `gates` shows it, from 1."""
    from portfolio.store import manual  # noqa: PLC0415  (start-up stays fast for --help)

    key = _gate(program, gate)

    def act(db: Any, now: datetime) -> dict[str, Any]:
        today = now.astimezone(program.settings.portfolio.zone).date()
        day = met_on or today
        if day > today:
            raise Refused(f"--on {day} is still to come: a condition is met on a day that has been")
        _counts_here(program, db, project, key)
        held = manual.last_decision(db, project, key)
        conditions = held.conditions if held else []
        if held is None or not 1 <= number <= len(conditions):
            raise Refused(f"{project} {key} has no condition {number}; `portico gates {project}` shows them")
        wanted = conditions[number - 1]
        if wanted.get("met_on"):
            raise Refused(f"condition {number} of {project} {key} is met since {wanted['met_on']}")
        manual.meet_condition(db, held, number, met_on=day, by=by, note=note, at=now)
        return {"gate": key, "condition": wanted["text"], "met_on": day, "note": note}

    record(program, project, by, "condition met", act)
    program.progress(f"{project} {key}: condition {number} is met. `portico sync` judges by it.")
    return DONE


def _counts_here(program: Program, db: Any, project: str, gate: str) -> None:
    """Refuses where the decision about the gate that counts was taken in a tool, which knows no conditions."""
    from portfolio.gates import newest  # noqa: PLC0415  (as above)
    from portfolio.store import gather, links  # noqa: PLC0415  (as above)
    from sync.wiring import declared_projects  # noqa: PLC0415  (as above)

    projects = links.registry(db, *declared_projects(program.settings)).projects
    chosen = {key: each for key, each in projects.items() if key == project}
    counted = newest(gather.decisions_of(db, chosen, [*chosen]).get(project, ()), gate)
    if counted is not None and counted.source is not None:
        place = f"{counted.source.connection} {counted.source.external_key}"
        raise Refused(
            f"the decision about {project} {gate} that counts stands in {place}: it has no conditions"
        )


@click.group("actions", cls=Shown)
def actions() -> None:
    """Lists corrective actions, or adds and closes one."""


@actions.command("show", hidden=True)
@json_option
@click.pass_obj
def show_actions(program: Program, *, as_json: bool) -> int:
    """Lists the actions, open ones first."""
    from portfolio.store import manual  # noqa: PLC0415  (start-up stays fast for --help)

    with program.store() as store, store.reading() as db:
        found = manual.actions(db)
    if as_json:
        program.print_json(found)
        return DONE
    for each in found:
        due = f" due {each['due_on']}" if each["due_on"] else ""
        click.echo(
            f"{each['id']}  {each['project_key']}  {each['state']}{due}  {each['owner'] or '-'}: {each['title']}"
        )
    if not found:
        click.echo("no actions")
    return DONE


@actions.command("add")
@click.argument("project")
@click.argument("text")
@click.option("--owner", required=True, help="Who has to act.")
@click.option("--due", required=True, type=Day(), help="By when, as YYYY-MM-DD.")
@click.option(
    "--figure",
    type=click.Choice(DIMENSIONS),
    help="What it shall mend; its effect on that is checked from then on.",
)
@click.pass_obj
def add(program: Program, project: str, text: str, *, owner: str, due: date, figure: str | None) -> int:
    """Opens a corrective action."""
    from portfolio.duties import measured  # noqa: PLC0415  (start-up stays fast for --help)
    from portfolio.store import manual, snapshots  # noqa: PLC0415  (as above)

    opened: list[int] = []

    def act(db: Any, now: datetime) -> dict[str, Any]:
        last = snapshots.newest(db)
        judged = snapshots.judgements(db, last.number).get(project) if last else None
        state = judged.body["status"][figure] if judged and figure else None
        before = asdict(measured(state["threshold"], state["inputs"], state["computed"])) if state else None
        opened.append(
            manual.add_action(
                db,
                project,
                text,
                type_="corrective_action",
                owner=owner,
                due_on=due,
                at=now,
                dimension=figure,
                before=before,
            )
        )
        return {"id": opened[0], "text": text, "owner": owner, "due_on": due, "figure": figure}

    record(program, project, owner, "action opened", act)
    click.echo(opened[0])
    return DONE


@actions.command("close")
@click.argument("number", type=int)
@click.option("--outcome", required=True, help="What came of it.")
@click.pass_obj
def close(program: Program, number: int, *, outcome: str) -> int:
    """Closes an action with its outcome."""
    from portfolio.store import audit, manual  # noqa: PLC0415  (start-up stays fast for --help)

    now = program.now()
    with program.store() as store, store.transaction() as db:
        if not manual.close_action(db, number, outcome, now):
            raise Refused(f"no open action {number}; `portico actions` lists them")
        audit.record(
            db,
            at=now,
            run_id="",
            who="command",
            what="action closed",
            subject=str(number),
            detail={"outcome": outcome},
        )
    return DONE


@click.command()
@click.argument("project")
@click.option("--text", required=True, help="The story, as it shall stand in the reports.")
@click.option("--by", required=True, help="Who tells it.")
@click.pass_obj
def narrative(program: Program, project: str, *, text: str, by: str) -> int:
    """Adds to a project's story; the newest stands in the reports."""
    from portfolio.store import manual  # noqa: PLC0415  (start-up stays fast for --help)

    def act(db: Any, now: datetime) -> dict[str, Any]:
        manual.tell(db, project, text, by, now)
        return {"text": text}

    record(program, project, by, "narrative", act)
    program.progress(f"{project}: the story is kept and stands in the next report.")
    return DONE


@click.command()
@click.argument("project")
@click.argument("dimension", type=click.Choice(["overall", *DIMENSIONS]))
@click.argument("value", type=click.Choice(COLOURS))
@click.option("--why", required=True, help="The reason; it is shown beside the colour.")
@click.option("--until", required=True, type=Day(), help="The last day on which it holds, as YYYY-MM-DD.")
@click.option("--by", required=True, help="Who decided.")
@click.pass_obj
def override(
    program: Program, project: str, dimension: str, value: str, *, why: str, until: date, by: str
) -> int:
    """Sets a reasoned colour until a day; the computed one stays visible."""
    from portfolio.store import manual  # noqa: PLC0415  (start-up stays fast for --help)

    def act(db: Any, now: datetime) -> dict[str, Any]:
        if until < now.astimezone(program.settings.portfolio.zone).date():
            raise Refused(f"--until {until} is over already: name the last day on which {value} holds")
        manual.set_override(db, project, dimension, value, why=why, by=by, until=until, at=now)
        return {"dimension": dimension, "value": value, "why": why, "until": until}

    record(program, project, by, "override", act)
    program.progress(f"{project} {dimension}: {value} until {until}. `portico sync` writes it to the tools.")
    return DONE


@click.command()
@click.argument("project")
@click.option("--by", required=True, help="Who approved it.")
@click.option("--why", required=True, help="The reason; it is shown with the new baseline.")
@click.pass_obj
def rebaseline(program: Program, project: str, *, by: str, why: str) -> int:
    """Approves the project's current plan as its new baseline; the old one is kept."""
    from portfolio.store import links, manual  # noqa: PLC0415  (start-up stays fast for --help)
    from sync.wiring import declared_projects  # noqa: PLC0415  (as above)

    def act(db: Any, now: datetime) -> dict[str, Any]:
        values = links.registry(db, *declared_projects(program.settings)).projects[project].values
        start = values.get("start_actual") or values.get("start_planned")
        finish = values.get("finish_forecast") or values.get("finish_planned")
        if finish is None:
            raise Refused(f"{project} has no planned or forecast finish to take as its baseline")
        manual.approve_baseline(db, project, start=start, finish=finish, by=by, why=why, at=now)
        return {"start_baseline": start, "finish_baseline": finish, "why": why}

    record(program, project, by, "rebaseline", act)
    program.progress(f"{project}: the plan is the new baseline. `portico sync` judges by it.")
    return DONE
