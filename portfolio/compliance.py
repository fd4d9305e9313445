"""Governance adherence of several projects together, from the projects' own objects."""

from collections.abc import Mapping, Sequence
from typing import Any

from portfolio.status import declared_better

Project = Mapping[str, Any]

RULES = ("report_on_time", "data_fresh", "gates_kept")


def compliance(projects: Sequence[Project]) -> dict[str, Any]:
    """The section `compliance` of the report document: each rule's met of asked, and every running project's answers."""
    running = _running(projects)
    counted = adherence(projects)
    return {
        **{rule: {"met": counted[rule], "of": counted["projects"]} for rule in RULES},
        "projects": [{"project": each["key"], **each["compliance"]} for each in running],
    }


def adherence(projects: Sequence[Project]) -> dict[str, int]:
    """How many active projects report on time, have fresh data, keep their gates; and what is missing."""
    running = _running(projects)
    return {
        "projects": len(running),
        **{rule: sum(bool(each["compliance"].get(rule)) for each in running) for rule in RULES},
        "watermelons": sum(map(is_watermelon, running)),
        "unknown": sum(each["status"]["overall"].get("value") in (None, "unknown") for each in running),
        "gates_overdue": sum(gate["status"] == "overdue" for each in running for gate in each["gates"]),
        "deliverables_missing": sum(
            item.get("state") in ("missing", "expired") for each in running for item in each["deliverables"]
        ),
    }


def is_watermelon(project: Project) -> bool:
    """The project is declared better overall than it is computed."""
    overall = project["status"]["overall"]
    return declared_better(overall.get("declared"), overall.get("computed") or overall.get("value"))


def _running(projects: Sequence[Project]) -> list[Project]:
    return [each for each in projects if each["state"] == "active"]
