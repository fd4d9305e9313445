"""Why a figure of a project is what it is: rule, inputs, threshold, sources."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio.document import LISTS
from portfolio.store import links, snapshots
from portfolio.store.history import history_of
from sync.program import Refused
from sync.wiring import declared_projects

PARTS = {"schedule": "schedule", "cost": "cost", "earned_value": "cost", "forecast": "schedule"}
WRITTEN = {
    "schedule_variance_days": "variance_days",
    "budget_variance": "variance",
    "budget_variance_share": "variance_share",
    "available_budget": "available",
}
"""The names under which figures of the report are written back."""


def explanation(project: Mapping[str, Any], figure: str | None) -> dict[str, Any]:
    """The explanation of a status dimension (`schedule`, `rag_cost`), a figure (`cpi`), or of all five colours."""
    status = project["status"]
    head = {"project": project["key"], "name": project["name"], "links": project["links"]}
    if figure is None:
        return {**head, "figure": "status", "verdicts": dict(status)}
    name = WRITTEN.get(figure, figure.removeprefix("rag_"))
    if name in status:
        return {**head, "figure": f"rag_{name}", "verdicts": {name: status[name]}}
    if name in {"gate", "gate_status", "gate_name", "gate_due"}:
        return {**head, "figure": "gate", "verdicts": {}, "gate": project["gate"], "gates": project["gates"]}
    if name in LISTS:
        return {**head, "figure": name, "verdicts": {}, name: project[name]}
    for part, dimension in PARTS.items():
        if name in project[part]:
            return {
                **head,
                "figure": figure,
                "value": project[part][name],
                "inputs": project[part],
                "verdicts": {dimension: status[dimension]},
            }
    there = sorted({*status, "gate", *LISTS, *WRITTEN, *(key for part in PARTS for key in project[part])})
    raise Refused(f"no figure {figure!r}; there are: {', '.join(there)}")


def unknown_project(key: str, there: Iterable[str]) -> Refused:
    """The refusal of a key that no project has; it names near ones."""
    names = list(there)
    near = get_close_matches(key, names, n=3) or names[:5]
    return Refused(f"no project {key!r}; near it: {', '.join(near) or 'there are no projects yet'}")


CHANGE = ("at", "valid_at", "connection", "external_key", "entity", "field", "before", "after", "run_id")


def changes_of(db: Connection, settings: Settings, key: str, field: str | None) -> list[dict[str, Any]]:
    """What changed in a project's records, oldest first: the keys of CHANGE.

    With a figure as `field` also every value that it had, under connection `portico`. Refused where no project ever had
    that key.
    """
    projects = links.registry(db, *declared_projects(settings)).projects
    project = projects.get(key)
    row = project.defined_by if project else None
    records = [(row["connection"], row["kind"], row["external_id"])] if row else []
    found = [{name: each[name] for name in CHANGE} for each in history_of(db, key, field, records)]
    if project is None and not found and not history_of(db, key, None, ()):
        raise unknown_project(key, projects)
    figure = (field or "").removeprefix("rag_")
    if figure in snapshots.FIGURES:
        found += [
            {
                "at": each.taken_at,
                "valid_at": each.taken_at,
                "connection": "portico",
                "external_key": each.snapshot_id,
                "entity": "metric",
                "field": figure,
                "before": each.before,
                "after": each.after,
                "run_id": each.run_id,
            }
            for each in snapshots.turns(db, key, figure)
        ]
    return sorted(found, key=lambda each: each["at"])
