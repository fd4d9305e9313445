"""The options of Jira's choice fields: written by id, which survives a renaming, and made only where that is allowed.

Data Center has no way to make an option. On Cloud it needs *Administer Jira* (scope `manage:jira-configuration`), and the option
goes into the context that covers the project.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import requests

from connectors.errors import Invalid
from connectors.jira_rights import options_of
from connectors.jira_site import Json, Site

_REFUSED = (401, 403, 404)
_PAGES = 1000


class Options:
    """The options that issues offer, read once per project and type. `create`: make one that is missing."""

    def __init__(self, site: Site, *, create: bool) -> None:
        self._site = site
        self._create = create
        self._known: dict[tuple[str, str], Mapping[str, Mapping[str, str]]] = {}

    def one(self, issue: Json, name: str, value: Json) -> Json:
        """A choice by its option's id. Raises Invalid for an option that is not there, or cannot be made."""
        offered = self._offered(issue)
        if name not in offered or not (offered[name] or self._create):
            return value
        text = str(value["value"])
        if text not in offered[name]:
            if not self._create or not self._site.server.cloud:
                raise self._lacking(issue, name, text)
            self._make(issue, name, text)
            offered = self._offered(issue)
            if text not in offered[name]:
                raise self._lacking(issue, name, text)
        return {"id": offered[name][text]}

    def several(self, issue: Json, name: str, value: Sequence[Json]) -> list[Json]:
        """Several choices by their ids; a text with a comma may be one option's own."""
        whole = {"value": ", ".join(each["value"] for each in value)}
        if whole["value"] in self._offered(issue).get(name, ()):
            return [self.one(issue, name, whole)]
        return [self.one(issue, name, each) for each in value]

    def _offered(self, issue: Json) -> Mapping[str, Mapping[str, str]]:
        place = _place(issue)
        if place not in self._known:
            self._known[place] = options_of(self._site, str(issue.get("id")))
        return self._known[place]

    def _make(self, issue: Json, name: str, text: str) -> None:
        path = f"{self._site.api}/field/{name}/context"
        project = _place(issue)[0]
        places = list(self._pages(issue, name, text, f"{path}/projectmapping"))
        own = [each for each in places if str(each.get("projectId")) == project]
        found = own or [each for each in places if each.get("isGlobalContext")]
        if not found:
            raise self._lacking(issue, name, text)
        made = {"options": [{"value": text}]}
        target = f"{path}/{found[0]['contextId']}/option"
        answer = self._site.ask("POST", target, json=made, ok=(200, 400, *_REFUSED))
        if answer.status != requests.codes.ok:
            raise self._not_ours(issue, name, text)
        self._known.clear()

    def _pages(self, issue: Json, name: str, text: str, path: str) -> Iterator[Json]:
        start = 0
        for _ in range(_PAGES):
            answer = self._site.ask("GET", path, params={"startAt": start}, ok=(200, *_REFUSED))
            if answer.status != requests.codes.ok:
                raise self._not_ours(issue, name, text)
            found = self._site.document(answer)
            values = self._site.rows(found.get("values"), "contexts")
            yield from values
            start += len(values)
            if not values or found.get("isLast") is not False:
                return

    def _lacking(self, issue: Json, name: str, text: str) -> Invalid:
        field, offered = self._site.fields[name], self._offered(issue).get(name, {})
        return Invalid(
            f"{issue.get('key')}: {field.name} ({name}) has no option {text!r}; it has {', '.join(offered)}.",
            fix=f"Add the option to the context of {field.name} that covers the project, or correct values.",
        )

    def _not_ours(self, issue: Json, name: str, text: str) -> Invalid:
        lacking = self._lacking(issue, name, text)
        fix = "To make it, the account needs Administer Jira, and a token with scopes manage:jira-configuration."
        return Invalid(lacking.text, fix=f"{lacking.fix} {fix}")


def _place(issue: Json) -> tuple[str, str]:
    held: Mapping[str, Any] = issue.get("fields") or {}
    return str((held.get("project") or {}).get("id")), str((held.get("issuetype") or {}).get("id"))
