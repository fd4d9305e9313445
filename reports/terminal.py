"""What the command line shows to people: plain functions that print JSON documents to a rich console.

Every screen holds on 80 columns and says in words what a colour only repeats. Text of a source is never
markup, and what could steer a terminal is taken out of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from portfolio.document import LISTS
from reports import rollup
from reports.screen import grid, printed
from reports.wording import (
    COLOUR_SIGNS,
    COLOUR_WORDS,
    DIMENSION_WORDS,
    age,
    colour_word,
    day,
    line,
    plural,
    short_money,
    words,
)

STYLES = {
    "red": "bold red",
    "amber": "yellow",
    "green": "green",
    "approved_change": "blue",
    "unknown": "bright_black",
}
GATE_STYLES = {"overdue": "bold red", "rejected": "bold red", "ready": "green", "approved": "green"}

Json = Mapping[str, Any]


def portfolio_summary(document: Json, console: Console) -> None:
    """The report document in one screen.

    Status counts, money with coverage, what needs attention, sources.
    """
    portfolio = document["portfolio"]
    counts, totals = portfolio["counts"], portfolio["totals"]
    console.print(
        printed(portfolio.get("name") or "Portfolio", "bold"),
        printed(f"as of {day(document['snapshot']['as_of'])}"),
    )
    table = grid("Status", "Projects")
    table.columns[1].justify = "right"
    for name in rollup.COLOURS:
        table.add_row(status(name), str(counts["overall"][name]))
    console.print(table)
    if totals.get("revised_budget") is not None:
        known = totals["coverage"]["variance"]
        console.print(
            f"Revised budget {short_money(totals['revised_budget'])} {portfolio.get('currency') or ''}, "
            f"variance {short_money(totals['variance'])} "
            f"(known for {known['known']} of {known['of']} projects)",
            highlight=False,
        )
    if document["exceptions"]:
        console.print(
            printed(f"\nNeeds attention: {plural(len(document['exceptions']), 'exception')}", "bold")
        )
        for each in document["exceptions"][:8]:
            console.print(
                printed(
                    f"  {words(each.get('severity')):7}{each.get('project') or 'portfolio'}: "
                    f"{line(each.get('text'))}"
                )
            )
    console.print()
    console.print(sources(document["sources"]))


def sources(rows: Iterable[Json]) -> Table:
    """Connection, tool, state, age and records of each source, with its error."""
    table = grid("Source", "Tool", "State", "Read", "Records", "Remark")
    table.columns[4].justify = "right"
    for each in rows:
        state = each.get("state") or (
            "stale" if each.get("stale") else "ok" if each.get("complete") else "incomplete"
        )
        style = "" if state == "ok" else "bold red" if state in ("failed", "held") else "yellow"
        read = f"{age(each['age_seconds'])} ago" if each.get("age_seconds") is not None else "never"
        table.add_row(
            printed(str(each["connection"])),
            printed(str(each["tool"])),
            printed(state, style),
            read,
            str(each.get("records") or 0),
            printed(line(each["error"]) if each.get("error") else ""),
        )
    return table


def run_summary(run: Json, console: Console, *, written: bool | None) -> None:
    """What a run came to.

    Each connection, the writes (or, with `written` false, what it would write; None: it cannot write), quarantine, snapshot.
    """
    if run["connections"]:
        table = grid("Source", "State", "Records", "Changed", "Rejected", "Gone")
        for column in table.columns[2:]:
            column.justify = "right"
        for each in run["connections"]:
            state = printed("ok", "green") if each["ok"] else printed("failed", "bold red")
            figures = (each.get(key) for key in ("records", "changed", "rejected", "deleted"))
            table.add_row(printed(str(each["connection"])), state, *(str(figure or 0) for figure in figures))
        console.print(table)
        for each in run["connections"]:
            _trouble(each, console)
    if written is not None:
        _writes(run, console, written=written)
    if run.get("quarantine"):
        console.print(
            f"In quarantine: {run['quarantine']}. `portico quarantine list` shows each with its reason.",
            highlight=False,
            markup=False,
        )
    if run.get("snapshot"):
        console.print(printed(f"Snapshot {run['snapshot']}"))
    console.print(printed(f"Run {run['run']}: {words(run['outcome']).lower()}", "bold"))


def _trouble(connection: Json, console: Console) -> None:
    if connection.get("error"):
        error = line(connection["error"])
        named = error.startswith(str(connection["connection"]))
        console.print(printed(error if named else f"{connection['connection']}: {error}", "red"))
        if connection.get("fix"):
            console.print(printed(f"  Fix: {line(connection['fix'])}"))


def _writes(run: Json, console: Console, *, written: bool) -> None:
    plan = run.get("plan") or {}
    changes, refused = plan.get("changes") or [], plan.get("refused") or []
    counts = {
        key: value
        for key, value in (run.get("counts") or {}).items()
        if not isinstance(value, Mapping | list)
    }
    if not written and changes:
        plan_table(plan, console)
        return
    console.print(
        f"Writes: {len(changes)} planned, {counts.get('written') or 0} made on "
        f"{plural(counts.get('records_written') or 0, 'record')}, "
        f"{counts.get('refused') or len(refused)} refused.",
        highlight=False,
    )
    _refusals(refused, console)
    _held(plan, console)


def plan_table(plan: Json, console: Console, *, most: int = 60) -> None:
    """The writes that apply would make, grouped by record.

    Field, before, after, why. At most `most` are listed.
    """
    changes = plan.get("changes") or []
    if not changes:
        console.print("Nothing to write: every field already shows what it should.", highlight=False)
    record = None
    for each in changes[:most]:
        if (each["connection"], each["record"]) != record:
            record = (each["connection"], each["record"])
            console.print(
                _assembled(("\n" + str(each["connection"]), "bold"), "  ", (str(each["record"]), "bold"))
            )
        before, after = line(each.get("before")), line(each.get("after"))
        label = str(each.get("figure") or each["field"])
        name = label if label == each["field"] else f"{label} ({each['field']})"
        change = f"{before} → {after}"
        console.print(_assembled("  ", name, ": ", (change, "cyan")))
        if each.get("why"):
            console.print(printed(f"    {line(each['why'])}", "dim"))
    if len(changes) > most:
        console.print(
            f"\nand {plural(len(changes) - most, 'change')} more; `--json` holds them all.", highlight=False
        )
    if changes:
        records = {(each["connection"], each["record"]) for each in changes}
        console.print(
            printed(f"\n{plural(len(changes), 'change')} on {plural(len(records), 'record')}.", "bold")
        )
    _refusals(plan.get("refused") or [], console)
    _held(plan, console)


def _refusals(refused: Sequence[Json], console: Console) -> None:
    for each in refused[:20]:
        where = " ".join(str(each[key]) for key in ("connection", "record", "field") if each.get(key))
        console.print(printed(f"Refused {where}: {line(each.get('reason'))}", "red"))
        if each.get("fix"):
            console.print(printed(f"  Fix: {line(each['fix'])}"))
    if len(refused) > 20:  # noqa: PLR2004 - a screenful
        console.print(f"and {len(refused) - 20} more refused; `--json` holds them all.", highlight=False)


def _held(plan: Json, console: Console) -> None:
    for each in plan.get("held") or ():
        reason = line(each.get("reason")).rstrip(".")
        console.print(printed(f"Held {each['connection']}: {reason}. `--approve` accepts it.", "bold yellow"))


def explain(project: Json, console: Console, figure: str | None = None) -> None:
    """Why a project stands as it does.

    Rule, inputs, threshold, sources, per dimension; or only for one of them.

    `figure` is a dimension (`schedule`, `rag_schedule`) or a figure of schedule, cost, gate or earned value.
    KeyError if unknown.
    """
    console.print(_assembled((f"{project['key']} {project['name']}", "bold")))
    wanted = (figure or "").removeprefix("rag_")
    if wanted and wanted not in project["status"]:
        _figure(project, wanted, console)
        return
    for name, verdict in project["status"].items():
        if not wanted or name == wanted:
            _verdict(name, verdict, console)


FIGURES = {
    "budget_variance": ("cost", "variance"),
    "budget_variance_share": ("cost", "variance_share"),
    "available_budget": ("cost", "available"),
    "schedule_variance_days": ("schedule", "variance_days"),
    "gate_status": ("gate", "status"),
    "gate_name": ("gate", "name"),
    "gate_due": ("gate", "due_on"),
}
"""Where figures stand whose key is not their name."""


def _figure(project: Json, name: str, console: Console) -> None:
    if name in LISTS:
        rows = project[name] if isinstance(project[name], list) else [project[name]]
        for each in rows:
            told = [f"{_label(key)}: {line(value)}" for key, value in each.items() if value is not None]
            console.print(printed("  " + "; ".join(told)), soft_wrap=True)
        if not rows:
            console.print(printed(f"  no {name}"))
        return
    places = (
        [FIGURES[name]]
        if name in FIGURES
        else [
            (part, name)
            for part in ("schedule", "cost", "earned_value", "gate", "work", "forecast")
            if name in (project.get(part) or {})
        ]
    )
    if not places:
        known = {*FIGURES, *(f"rag_{each}" for each in project["status"])}
        known |= {
            key for part in ("schedule", "cost", "earned_value") for key in project[part] if key != "reasons"
        }
        raise KeyError(f"there is no figure {name!r}; figures: {', '.join(sorted(known))}")
    part, key = places[0]
    console.print(printed(f"{_label(name)}: {line(project[part].get(key))}"))
    reason = (project["earned_value"].get("reasons") or {}).get(key) if part == "earned_value" else None
    if reason:
        console.print(printed(f"  Because    {line(reason)}"))
    if part == "gate":
        gates(
            [each for each in project["gates"] if each.get("gate") == project["gate"].get("current")], console
        )
        return
    for other, value in project[part].items():
        if other not in (key, "reasons") and value is not None:
            console.print(printed(f"  {_label(other):22}{line(value)}"))
    dimension = {"forecast": "schedule"}.get(part, part if part in project["status"] else "cost")
    _sources(project["status"][dimension], console)


def _verdict(name: str, verdict: Json, console: Console) -> None:
    console.print()
    head = _assembled((f"{DIMENSION_WORDS.get(name, words(name))}: ", "bold"), status(verdict.get("value")))
    if verdict.get("since"):
        head.append(f" since {day(verdict['since'])}")
    if verdict.get("declared"):
        head.append(f"; declared {colour_word(verdict['declared']).lower()}")
    console.print(head)
    facts = Table.grid(padding=(0, 2, 0, 0))
    for title, key in (
        ("Because", "because"),
        ("Rule", "rule"),
        ("Inputs", "inputs"),
        ("Limits", "threshold"),
        ("To green", "turn_green"),
        ("Override", "override"),
    ):
        if verdict.get(key):
            facts.add_row(f"  {title}", printed(line(verdict[key])))
    console.print(facts)
    _sources(verdict, console)


def _sources(verdict: Json, console: Console) -> None:
    for item in verdict.get("sources") or ():
        console.print(
            printed(
                f"  Source     {item['connection']} {item['external_key']} {item.get('url') or ''}".rstrip()
            ),
            soft_wrap=True,
        )


MET: Mapping[bool | None, tuple[str, str]] = {
    True: ("✓", "met"),
    False: ("✗", "not met"),
    None: ("?", "unknown"),
}


def gates(rows: Iterable[Json], console: Console) -> None:
    """The gates of one or several projects with their criteria: the rows of `portico gates --json`."""
    project = None
    for each in rows:
        if each.get("project") and each["project"] != project:
            project = each["project"]
            console.print(printed(f"\n{project}", "bold"))
        status_word = str(each.get("status"))
        title = " ".join(str(each[key]) for key in ("gate", "name") if each.get(key))
        when = (
            f"decided {day(each['decided_on'])}"
            if each.get("decided_on")
            else f"due {day(each.get('due_on'))}"
        )
        if each.get("valid_until"):
            when += f", valid until {day(each['valid_until'])}"
        console.print(
            _assembled(f"  {title}: ", (words(status_word), GATE_STYLES.get(status_word, "")), f", {when}")
        )
        if status_word in ("approved", "waived", "not_started"):
            continue
        for item in each.get("criteria") or ():
            sign, word = MET[item.get("met")]
            console.print(
                printed(f"    {sign} {word}: {line(item.get('criterion'))}. {line(item.get('because'))}")
            )
        for number, item in enumerate(each.get("conditions") or (), 1):
            due = f", due {day(item['due_on'])}" if item.get("due_on") else ""
            by = f" by {line(item['met_by'])}" if item.get("met_by") else ""
            open_or_met = f"met {day(item['met_on'])}{by}" if item.get("met_on") else "open"
            console.print(printed(f"    condition {number} ({open_or_met}{due}): {line(item.get('text'))}"))


def status(value: Any) -> Text:
    """A status as shape and word, with its colour where the terminal has one."""
    name = value if value in COLOUR_WORDS else "unknown"
    return printed(f"{COLOUR_SIGNS[name]} {COLOUR_WORDS[name]}", STYLES[name])


def _label(key: str) -> str:
    return key.upper() if len(key) <= 4 and key not in ("name", "next", "todo", "done") else words(key)  # noqa: PLR2004


def _assembled(*parts: str | Text | tuple[str, str]) -> Text:
    whole = Text()
    for part in parts:
        if isinstance(part, Text):
            whole.append_text(part)
        else:
            whole.append_text(printed(part) if isinstance(part, str) else printed(*part))
    return whole
