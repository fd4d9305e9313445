"""What the command line shows of what lies ahead: ranking, scenarios, and the metrics of the project office."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from reports.html import SCENARIO
from reports.screen import grid, printed
from reports.wording import NONE, day, line, moves, percent, quantity, remarks, unit_value

Json = Mapping[str, Any]
MOST = 12
"""Rows of people and of projects that a screen shows; `--json` has all."""


def priority(found: Json, console: Console, *, parts: bool) -> None:
    """The ranking, what moved since the last review, and with `parts` what made each score."""
    reviewed = found["reviewed"]
    said = (
        f"moved since the review of {day(reviewed['held_on'])} by {reviewed['by']}"
        if reviewed
        else "no review yet"
    )
    console.print(printed(f"Priority, {said}", "bold"))
    table = grid("#", "Project", "Score", "Known", "Moved")
    for each in found["rows"]:
        table.add_row(
            printed(line(each["rank"])),
            printed(f"{each['project']} {each['name']}"),
            quantity(each["score"]),
            percent(each["coverage"]),
            moves(each, held=reviewed is not None),
        )
    console.print(table)
    for each in found["rows"] if parts else ():
        for part in each["parts"]:
            console.print(printed(f"  {part['criterion']}: {part['because']}"))


def whatif(found: Json, console: Console) -> None:
    """A scenario: what it says, before and after, and which projects suffer."""
    console.print(printed(f"What if: {found['name']}", "bold"))
    for item in found["items"] or ["Nothing changes."]:
        console.print(printed(f"  {item}"))
    for problem in found["problems"]:
        console.print(printed(f"  ! {problem}"))
    table = grid(f"From {found['from']} on", "Before", "After")
    for name, title in SCENARIO.items():
        table.add_row(printed(title), quantity(found["before"][name]), quantity(found["after"][name]))
    console.print(table)
    if found["projects"]:
        table = grid("Project", "Missing", "Later", "Finish", "Why")
        for each in found["projects"][:MOST]:
            later = each["later_days"]
            table.add_row(
                printed(each["project"]),
                f"{quantity(each['hours_missing'])} h",
                NONE if later is None else f"{later} d",
                line(each["finish_after"]),
                printed(each["because"]),
            )
        console.print(table)
        _rest(found["projects"], console)
    for each in found["waiting"]:
        console.print(
            printed(
                f"  {each['project']} waits for {each['waits_for']}: "
                f"{line(each['late_days_before'])} days late before, {line(each['late_days_after'])} then."
            )
        )
    if found["people"]:
        table = grid("Who", "Role", "Month", "Over", "Then")
        for each in found["people"][:MOST]:
            table.add_row(
                printed(each["person"]),
                printed(line(each["role"])),
                each["month"],
                f"{quantity(each['over_before'])} h",
                f"{quantity(each['over_after'])} h",
            )
        console.print(table)
        _rest(found["people"], console)
    for text in remarks(found):
        console.print(printed(f"  {text}"))


def _rest(rows: Sequence[Json], console: Console) -> None:
    if len(rows) > MOST:
        console.print(printed(f"  and {len(rows) - MOST} more; --json has all"))


def pmo(found: Json, console: Console) -> None:
    """The metrics with their n, and per department."""
    console.print(printed(f"{found['from']} to {found['until']}", "bold"))
    table = grid("Metric", "Value", "n", "of", "What it is")
    for each in found["metrics"]:
        table.add_row(
            printed(each["title"]),
            unit_value(each["value"], each["unit"]),
            str(each["n"]),
            str(each["of"]),
            printed(each["definition"]),
        )
    console.print(table)
