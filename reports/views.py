"""Narrower views of a report document: one department, one project, or what an audience may see.

The given document is not changed.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any

from portfolio.compliance import RULES
from reports import rollup
from reports.data import EMPTY_PROJECT, NO_LEDGER, Document

AUDIENCES = ("internal", "public")


class ViewError(LookupError):
    """The document holds no such department, project or audience; the message names what there is."""


def for_department(document: Document, department: str) -> Document:
    """The document of one department's projects; every count and sum is of these projects."""
    there = sorted({each["department"] for each in document["projects"] if each["department"]})
    if department not in there:
        raise ViewError(
            f"no project belongs to department {department!r}; departments: {', '.join(there) or 'none'}"
        )
    return _narrowed(document, "department", department, lambda each: bool(each["department"] == department))


def for_project(document: Document, key: str) -> Document:
    """The document of one project."""
    if not any(each["key"] == key for each in document["projects"]):
        raise ViewError(
            f"there is no project {key!r} in snapshot {document['snapshot']['id']}; "
            "`portico report --format md` lists them"
        )
    return _narrowed(document, "project", key, lambda each: bool(each["key"] == key))


def for_filters(document: Document, filters: Mapping[str, Collection[str]]) -> Document:
    """The document of the projects that pass every filter: project key name to accepted words; no words: all pass."""
    asked = {name: words for name, words in filters.items() if words}
    if not asked:
        return document
    shown = "; ".join(f"{name}: {', '.join(words)}" for name, words in asked.items())
    return _narrowed(
        document, "filters", shown, lambda each: all(each.get(name) in words for name, words in asked.items())
    )


def for_audience(document: Document, audience: str) -> Document:
    """The document as the audience may see it: `internal` (all) or `public`.

    The public sees names of projects, departments, gates and milestones, states, colours and dates; no money,
    people, reasons, tickets, risks, outages, links or errors. The lists below say what stays, not what goes.
    """
    if audience not in AUDIENCES:
        raise ViewError(f"there is no audience {audience!r}; accepted: {', '.join(AUDIENCES)}")
    if audience == "internal":
        return document
    shown = _recounted(
        {
            **{key: document[key] for key in ("schema", "snapshot", "portfolio")},
            "view": {**document["view"], "audience": audience},
            "sources": [{**each, "error": None} for each in document["sources"]],
            "projects": [_public(each) for each in document["projects"]],
            "exceptions": [],
            "capacity": {"rows": [], "months": [], "overloads": [], "scenarios": []},
            "priority": {"criteria": [], "min_coverage": None, "reviewed": None, "rows": []},
            "actions": [],
            "ledger": NO_LEDGER,
            "quarantine": {"records": 0, "writes": 0, "by_connection": []},
        }
    )
    return {**shown, "pmo": {"metrics": []}}


_PUBLIC_TEXT = ("key", "name", "department", "state", "stage", "program")
_PUBLIC_GATE = ("gate", "name", "position", "status", "due_on", "decided_on")


def _public(project: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **EMPTY_PROJECT,
        **{key: project.get(key) for key in _PUBLIC_TEXT},
        "status": {
            name: {key: found.get(key) for key in ("value", "since")}
            for name, found in project["status"].items()
        },
        "schedule": project["schedule"],
        "gate": project["gate"],
        "compliance": {name: project["compliance"].get(name) for name in (*RULES, "score")},
        "gates": [{key: gate.get(key) for key in _PUBLIC_GATE} for gate in project["gates"]],
        "milestones": project["milestones"],
        "trend": [{key: point.get(key) for key in ("as_of", "overall")} for point in project["trend"]],
    }


def _narrowed(
    document: Document, scope: str, value: str, keep: Callable[[Mapping[str, Any]], bool]
) -> Document:
    projects = [each for each in document["projects"] if keep(each)]
    keys = {each["key"] for each in projects}
    narrowed = _recounted(
        {
            **document,
            "view": {**document["view"], scope: value},
            "projects": projects,
            "exceptions": [each for each in document["exceptions"] if each.get("project") in keys],
            "capacity": {
                "rows": [
                    row for row in document["capacity"]["rows"] if keys & set(row.get("projects") or ())
                ],
                "months": [],
                "overloads": [
                    each
                    for each in document["capacity"].get("overloads") or ()
                    if keys & {cause["project"] for cause in each["projects"]}
                ],
                "scenarios": [],
            },
            "ledger": NO_LEDGER,
            "priority": {
                **document["priority"],
                "rows": [each for each in document["priority"]["rows"] if each["project"] in keys],
            },
        }
    )
    return {**narrowed, "roadmap": [line for line in document["roadmap"] if line["project"] in keys]}


def _recounted(document: Document) -> Document:
    as_of = document["snapshot"]["as_of"]
    computed = rollup.judge_portfolio(
        document["projects"], today=date.fromisoformat(as_of), ranks=rollup.ranks(document["priority"])
    )
    portfolio = {key: document["portfolio"].get(key) for key in ("name", "currency")}
    return {
        **document,
        **{name: computed[name] for name in ("compliance", "roadmap", "pmo")},
        "tickets": {**computed["tickets"], "desk": {}},
        "portfolio": {
            **portfolio,
            "totals": computed["totals"],
            "counts": computed["counts"],
            "trend": rollup.trend(document["projects"], as_of),
        },
    }
