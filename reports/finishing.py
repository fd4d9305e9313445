"""What lies ahead of projects, as reports arrange it: forecasts, what waits for what, the effect of actions."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any


def forecasts(projects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The projects that can be forecast: first those whose pace leaves their declared finish farthest behind."""
    known = [
        each for each in projects if each["forecast"].get("finish_50") or each["forecast"].get("finish_spi_t")
    ]
    return sorted(known, key=lambda each: (-_optimism(each["forecast"]), each["key"]))


def _optimism(forecast: Mapping[str, Any]) -> int:
    declared, likely = forecast.get("finish_declared"), forecast.get("finish_50")
    if not declared or not likely:
        return 0
    return (date.fromisoformat(likely) - date.fromisoformat(declared)).days


def waiting(roadmap: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each line of the roadmap with each project that it waits for."""
    return [(line, other) for line in roadmap for other in line.get("depends_on") or ()]


def effect_sign(action: Mapping[str, Any]) -> str:
    """The sign before an action's effect: bad only where it is closed and nothing moved."""
    if action.get("effect") in ("recovered", "improved"):
        return "good"
    return "bad" if action.get("effect") == "no effect" and action.get("closed_on") else "low"
