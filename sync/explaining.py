"""Why a figure of a project is what it is: rule, inputs, threshold, sources."""

from collections.abc import Mapping
from typing import Any

from sync.program import Refused

PARTS = {"schedule": "schedule", "cost": "cost", "earned_value": "cost"}


def explanation(project: Mapping[str, Any], figure: str | None) -> dict[str, Any]:
    """The explanation of a status dimension (`schedule`, `rag_cost`), a figure (`cpi`), or of all five colours."""
    status = project["status"]
    head = {"project": project["key"], "name": project["name"], "links": project["links"]}
    if figure is None:
        return {**head, "figure": "status", "verdicts": dict(status)}
    name = figure.removeprefix("rag_")
    if name in status:
        return {**head, "figure": f"rag_{name}", "verdicts": {name: status[name]}}
    if name in {"gate", "gate_status", "gate_name", "gate_due"}:
        return {**head, "figure": "gate", "verdicts": {}, "gate": project["gate"], "gates": project["gates"]}
    for part, dimension in PARTS.items():
        if name in project[part]:
            return {
                **head,
                "figure": name,
                "value": project[part][name],
                "inputs": project[part],
                "verdicts": {dimension: status[dimension]},
            }
    there = sorted({*status, "gate", *(key for part in PARTS for key in project[part])})
    raise Refused(f"no figure {figure!r}; there are: {', '.join(there)}")
