"""The shapes in which the simulated Jira shows issues, lists and errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, g, jsonify, make_response, request

from sandbox.jira_site import Issue, Json, Site

Answer = Response | tuple[Response, int]

_ALWAYS = {"id", "key"}


def wanted_fields(fields: str | Sequence[str] | None) -> set[str] | None:
    """The fields that a request names; None where it names none."""
    if fields is None:
        return None
    return set(fields.split(",") if isinstance(fields, str) else fields)


def issue_shown(site: Site, issue: Issue, wanted: set[str] | None) -> Json:
    """An issue with the wanted fields (None: all)."""
    shown: Json = {"id": str(issue.id)}
    if wanted == {"id"}:
        return shown
    shown |= {"key": issue.key, "self": f"{request.url_root}rest/api/{g.version}/issue/{issue.id}"}
    every = wanted is None or bool(wanted & {"*all", "*navigable"})
    project = site.projects[issue.project]
    held = {
        **dict.fromkeys(site.fields),
        **issue.fields,
        "project": {"id": project["id"], "key": project["key"], "name": project["name"]},
        "created": site.printed(issue.created),
        "updated": site.printed(issue.updated),
    }
    dropped = {name[1:] for name in wanted or () if name.startswith("-")}
    shown["fields"] = {
        name: value
        for name, value in held.items()
        if (every or name in (wanted or ())) and name not in dropped | _ALWAYS
    }
    return shown


def histories(site: Site, issue: Issue) -> list[Json]:
    """The changelog as Jira prints it, oldest first; ids grow, and an entry holds more than the status."""
    return [
        {
            "id": str(issue.id * 1000 + place),
            "created": site.printed(at),
            "items": [
                {"field": "assignee", "fieldtype": "jira", "from": None, "fromString": None, "to": "x", "toString": "X"},
                {"field": "status", **({"fieldId": "status"} if site.product == "cloud" else {}), "fieldtype": "jira",
                 "from": before["id"], "fromString": before["name"], "to": after["id"], "toString": after["name"]},
            ],
        }
        for place, (at, before, after) in enumerate(issue.moves)
    ]  # fmt: skip


def changelog(site: Site, issue: Issue, expand: Sequence[str]) -> Json:
    """What `expand=changelog` adds: the newest entries first, and never more than the site gives."""
    if "changelog" not in expand:
        return {}
    found = histories(site, issue)[::-1]
    shown = found[: site.log_cap]
    return {"changelog": {"startAt": 0, "maxResults": len(shown), "total": len(found), "histories": shown}}


def edit_meta(site: Site, name: str) -> Json:
    """What an edit screen says of a field."""
    known = site.fields[name]
    meta: Json = {
        "required": name == "summary",
        "schema": dict(known.schema),
        "name": known.name,
        "key": name,
        "operations": ["set"],
    }
    if known.options:
        meta["allowedValues"] = [site.option(name, each) for each in known.options]
    return meta


def component_shown(site: Site, key: str, component: Json) -> Json:
    """Cloud tells the project's id beside its key."""
    number = {"projectId": int(site.projects[key]["id"])} if site.product == "cloud" else {}
    return with_self({**component, "project": key, **number}, "component")


def with_self(record: Mapping[str, Any], kind: str) -> Json:
    """A record with its own address."""
    return {"self": f"{request.url_root}rest/api/{g.version}/{kind}/{record['id']}", **record}


def bean(found: Sequence[Json]) -> Answer:
    """The asked page of a list, with its bounds."""
    start = int(request.args.get("startAt", 0))
    size = min(int(request.args.get("maxResults", 50)), 100)
    page = list(found[start : start + size])
    last = start + size >= len(found)
    return jsonify(
        {"startAt": start, "maxResults": size, "total": len(found), "isLast": last, "values": page}
    )


def missing() -> Answer:
    """404 for an issue that is not there, or that this account may not see."""
    return refusal(404, "Issue does not exist or you do not have permission to see it.")


def refusal(status: int, text: str) -> Response:
    """An error as Jira words it."""
    return make_response(jsonify({"errorMessages": [text], "errors": {}}), status)
