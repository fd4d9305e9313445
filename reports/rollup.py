"""How reports arrange several projects: by department, the worst and the newest first.

What is counted or summed comes from `portfolio`, whole or of the projects that a view shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from portfolio.compliance import adherence, is_watermelon
from portfolio.desk import ageing, open_tickets
from portfolio.overview import (
    COLOURS,
    DIMENSIONS,
    colour,
    colours_of,
    gate_calendar,
    gates_due,
    judge_portfolio,
    trend,
)
from portfolio.tickets import AGES

__all__ = [
    "AGES",
    "COLOURS",
    "DIMENSIONS",
    "adherence",
    "ageing",
    "by_department",
    "colour",
    "colours_of",
    "gate_calendar",
    "gates_due",
    "is_watermelon",
    "judge_portfolio",
    "open_tickets",
    "outages",
    "ranks",
    "trend",
]


def ranks(priority: Mapping[str, Any]) -> dict[str, int | None]:
    """The rank of each project of the section `priority`."""
    return {each["project"]: each["rank"] for each in priority["rows"]}


NO_DEPARTMENT = "No department"

Project = Mapping[str, Any]


def by_department(items: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Projects (or lines of the roadmap) by department, alphabetically; those without one come last."""
    groups: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in items:
        groups[each.get("department") or NO_DEPARTMENT].append(each)
    return {
        name: groups[name]
        for name in sorted(groups, key=lambda name: (name == NO_DEPARTMENT, name.casefold(), name))
    }


def outages(projects: Sequence[Project]) -> list[tuple[Project, Mapping[str, Any]]]:
    """Project and outage: those that go on come first, then the newest."""
    found = [(project, each) for project in projects for each in project["outages"]]
    found.sort(key=lambda pair: pair[1].get("began_at") or "", reverse=True)
    return sorted(found, key=lambda pair: pair[1].get("ended_at") is not None)
