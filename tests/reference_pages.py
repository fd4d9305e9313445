"""Writes the reference pages under `docs/reference` from the code: `python -m tests.reference_pages`.

`PAGES` names each page and what makes it; a test compares the pages in the repository with them.
"""

from collections.abc import Callable, Iterator
from inspect import cleandoc
from pathlib import Path

import click

from config import names
from config.reference import markdown as configuration
from mapping.figures import TEXT_LIMIT
from portfolio.model import COMMON, ENTITIES, Field
from sync.cli import SECTIONS, cli

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs/reference"
MADE = "<!-- made by `make docs`; change the code, not this page -->"

EXIT_CODES = """\
## Exit codes

| code | means | what to do |
| --- | --- | --- |
| 0 | all done | nothing |
| 1 | done, with findings: a connection failed, something is in quarantine, a check found a fault | `portico status` tells which |
| 2 | the command or the configuration is wrong; nothing was touched | the message names file, line and key |
| 3 | a safety brake holds something (goes before 1) | look at `portico plan`, then `portico sync --approve` |
| 130 | interrupted; the store is consistent | run it again |

One connection that fails never stops the others, and never looks like an empty tool. `serve` ends with 0 on SIGTERM.

## Output

Data goes to stdout; logs and progress go to stderr. With `--json` stdout is one JSON document. Colours appear on a
terminal only.

## Environment

| variable | what it does |
| --- | --- |
| `PORTICO_CONFIG` | the configuration file, where `-c` is not given |
| your own | each `${NAME}` in the configuration is read from the environment when the program starts |
"""


def command_line() -> str:
    """`cli.md`: every command, argument and option, and the exit codes."""
    lines = ["# Command line: `portico`", "", MADE, "", cleandoc(cli.help or ""), ""]
    lines += ["```", f"{_usage(cli, 'portico')}", "```", "", *_options(cli), EXIT_CODES]
    context = click.Context(cli, info_name="portico")
    for section, commands in SECTIONS.items():
        lines += [f"## {section}", ""]
        for name in commands:
            command = cli.get_command(context, name)
            if command is not None:
                lines += _command(command, f"portico {name}", "###")
    return "\n".join(lines).rstrip() + "\n"


def _command(command: click.Command, path: str, mark: str) -> Iterator[str]:
    yield from (f"{mark} `{path}`", "", cleandoc(command.help or ""), "")
    if not isinstance(command, click.Group):
        yield from ("```", _usage(command, path), "```", "", *_options(command))
        return
    for name, inner in command.commands.items():
        if inner.hidden:
            yield from ("```", _usage(inner, path), "```", "", *_options(inner))
        else:
            yield from _command(inner, f"{path} {name}", f"{mark}#")


def _usage(command: click.Command, path: str) -> str:
    pieces = command.collect_usage_pieces(click.Context(command, info_name=path))
    return " ".join([path, *pieces])


def _options(command: click.Command) -> Iterator[str]:
    options = [each for each in command.params if isinstance(each, click.Option)]
    if not options:
        return
    yield from ("| option | what it does |", "| --- | --- |")
    for option in options:
        yield f"| {_spelled(option)} | {_told(option)} |"
    yield ""


def _spelled(option: click.Option) -> str:
    value = "" if option.is_flag or option.count else f" {_value(option)}"
    return ", ".join(f"`{each}`" for each in option.opts[:-1]) + (
        f"{', ' if len(option.opts) > 1 else ''}`{option.opts[-1]}{value}`"
    )


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return r"\|".join(map(str, option.type.choices))
    return option.metavar or option.type.name.split()[0].upper()


def _told(option: click.Option) -> str:
    text = option.help or ""
    if option.required:
        return f"{text} Required."
    return f"{text} Default: `{option.default}`." if option.show_default else text


ENTITY_MEANINGS = {
    "project": "A project of the portfolio.",
    "work_item": "A piece of work of a project: an issue, a task, a story.",
    "baseline": "One point of an approved, time-phased budget.",
    "milestone": "A dated event of a project.",
    "ticket": "An incident, request, demand, change or problem.",
    "outage": "A service that was, is or will be down or degraded.",
    "risk": "A risk, issue, decision, action or change of a project.",
    "deliverable": "A document or product that gates ask for.",
    "budget_line": "Amounts of a ledger for one budget code, fund, cost centre, account, fiscal year and period.",
    "allocation": "The hours of a person on a project in a month.",
    "status_report": "What a manager declared.",
    "gate_decision": "A decision about a gate, as an approval record of a tool holds it.",
    "gate": "A stage gate of a project, with its criteria and its decision.",
    "action": "A corrective action, an obligation, or a condition of a gate decision.",
    "metric": "A figure computed for a project on a day.",
}

ENTITIES_HEAD = f"""\
# Entities

{MADE}

Whatever a tool calls its records, they become rows of these entities. They are the tables of the store, the targets of
[mappings](../explanation/mapping.md), and the files of `portico export` (`<entity>.jsonl`, one JSON object a line).

Unknown is `null`, never zero. Where accepted words are named, a value without a rule for it goes to quarantine.

| type | in the export |
| --- | --- |
| text | a string |
| day | `YYYY-MM-DD`, counted in the portfolio's time zone |
| instant | UTC, ISO 8601 with `Z` |
| money | a decimal string such as `"1200.00"`; the currency stands beside it |
| share | a decimal from 0 to 1: 0.15, not 15 |
| number, integer, flag | a decimal, a whole number, `true` or `false` |
| texts | a list of strings |
| document | JSON of its own |

## Keys of every entity

`connection` and `kind` tell where a row came from, `external_id` never changes, `external_key` is the name that people use.
`deleted_at` is set when two complete censuses and a read by id agree that the record is gone.
"""


def entities() -> str:
    """`entities.md`: every entity with its keys, from the declarations that make the store's tables."""
    lines = [ENTITIES_HEAD, *_fields(COMMON)]
    for name, entity in ENTITIES.items():
        lines += [f"## {name}", "", ENTITY_MEANINGS[name], "", *_fields(entity.fields)]
    return "\n".join(lines).rstrip() + "\n"


def _fields(fields: tuple[Field, ...]) -> Iterator[str]:
    yield from ("| key | type | accepted words |", "| --- | --- | --- |")
    for each in fields:
        yield f"| `{each.name}` | {each.type} | {', '.join(f'`{word}`' for word in each.choices)} |"
    yield ""


FIGURE_MEANINGS = {
    "gate_status": ("word", "status of the current gate"),
    "gate_name": ("text", "name of the current gate"),
    "gate_due": ("day", "when the current gate is due"),
    "rag_overall": ("colour", "the worst known of the four; unknown if schedule or cost is unknown"),
    "rag_schedule": ("colour", "forecast finish against the current baseline"),
    "rag_cost": ("colour", "forecast at year end against the revised budget"),
    "rag_scope": ("colour", "work added in thirty days ÷ work that was there before"),
    "rag_quality": ("colour", "breached ÷ open tickets that have a clock"),
    "percent_complete": ("share", "done ÷ not cancelled work, 4 places"),
    "finish_forecast": ("day", "when it will finish"),
    "schedule_variance_days": ("number", "forecast minus baseline finish in whole days; positive is late"),
    "budget_variance": ("money", "revised minus forecast; negative is over"),
    "budget_variance_share": ("share", "variance ÷ revised budget, 4 places"),
    "available_budget": ("money", "revised minus pre-encumbered minus encumbered minus actual"),
    "cpi": ("number", "earned value ÷ actual cost, 3 places"),
    "spi": ("number", "earned value ÷ planned value, 3 places"),
    "eac": ("money", "estimate at completion: budget at completion ÷ CPI"),
    "explanation": ("text", "the reason for the overall colour"),
    "computed_at": ("instant", "when the snapshot was taken"),
    "snapshot_id": ("text", "which snapshot it comes from"),
}
BUDGET_MEANINGS = {
    "budget_variance": ("money", "revised minus forecast of this line; negative is over"),
    "budget_variance_share": (
        "share",
        "variance ÷ revised budget of this line; empty where nothing is budgeted",
    ),
    "available_budget": ("money", "revised minus pre-encumbered minus encumbered minus actual"),
    "eac": ("money", "expected total at year end: the forecast of this line"),
    "rag_cost": ("colour", "the line's own colour by the rule for cost"),
    "corrective_action": ("text", "the open action that is due first, beside amber and red"),
}

FIGURES_HEAD = f"""\
# Figures that can be written back

{MADE}

Portico writes these figures into the fields that `write` names, and nothing else anywhere. Each such field has one owner:
Portico. `portico plan` shows every write before it is made.

- A bare field name takes the figure as it is: `gate_due: u_gate_due`.
- `{{field: NAME, values: {{green: Green}}}}` translates words. A word without an entry is written as it is;
  `approved_change` is written like `amber` where only that has an entry.
- An unknown figure clears its field, unless `values` has an entry for `unknown`.
- Money is rounded to cents, half up. Texts end with `…` at {TEXT_LIMIT} characters (a Planner description later).
- `computed_at`, `snapshot_id` and `explanation` are written together with another changed figure, never alone.
- A value changed by hand is drift: `on_drift` says `restore`, `keep` or `report`, for all, per connection or per field.
"""


def figures() -> str:
    """`figures.md`: what may be written, of what type, with which words."""
    lines = [FIGURES_HEAD, "## Per project: `write.project`", ""]
    lines += _figures(names.PROJECT_FIGURES, FIGURE_MEANINGS)
    tools = ", ".join(f"`{each}`" for each in names.LEDGER_TOOLS)
    lines += ["## Per budget code, fiscal year and period: `write.budget_line`", "", f"In {tools}.", ""]
    lines += _figures((*names.BUDGET_FIGURES, *names.STAMPS), {**FIGURE_MEANINGS, **BUDGET_MEANINGS})
    lines += ["## Words", "", f"Colours: {_ticked(names.words_of('rag_overall'))}.", ""]
    lines += [f"Gate status: {_ticked(names.words_of('gate_status'))}."]
    return "\n".join(lines) + "\n"


def _figures(keys: tuple[str, ...], meanings: dict[str, tuple[str, str]]) -> Iterator[str]:
    yield from ("| figure | type | meaning |", "| --- | --- | --- |")
    for key in keys:
        type_, meaning = meanings[key]
        yield f"| `{key}` | {type_} | {meaning} |"
    yield ""


def _ticked(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{each}`" for each in words)


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_line,
    "configuration.md": configuration,
    "entities.md": entities,
    "figures.md": figures,
}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (FOLDER / page).write_text(make(), encoding="utf-8")
        click.echo(f"docs/reference/{page}")
