"""Writing to a Jira project itself: its figures in one project property, for programs; people see them nowhere.

The property holds `{"fields": {field: plain value}, "written_at": instant}`, and nothing that somebody else keeps there is
overwritten. Writing needs *Administer projects* (on Cloud also the scope `manage:jira-project`), reading *Browse projects*.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import requests

from connectors.base import Finding, Outcome, Patch, Shown, Target
from connectors.errors import Conflict, Invalid, NotFound, OutcomeUnknown, Retry, SkipRecord
from connectors.jira_fields import decode, plain_instant
from connectors.jira_rights import permissions
from connectors.jira_site import Json, Site, segment

_PROJECT = re.compile(r"[A-Za-z]\w*")
_NO_PROPERTY = "Set machine_copy: the project property that is to hold the figures, such as portico.status."


def names_project(reference: str) -> bool:
    """Whether a reference is the key of a project, and not the key or id of an issue."""
    return _PROJECT.fullmatch(reference) is not None


def project_rights(site: Site, projects: Sequence[str], property_key: str) -> Iterator[Finding]:
    """An error for each of these projects whose property the account may not set, and where none is named."""
    for key in projects:
        held = permissions(site, key, "ADMINISTER_PROJECTS,ADMINISTER")
        if held is None:
            yield Finding(
                "error",
                key,
                f"{site.name} shows no project {key}.",
                f"Give the account Browse projects in {key}.",
            )
        elif not any(each.get("havePermission") for each in held.values()):
            yield Finding("error", key, f"The account may not set properties of project {key}.", _fix(key))
        if not property_key:
            yield Finding(
                "error", key, f"Nothing names the property of project {key} for its figures.", _NO_PROPERTY
            )


class ProjectProperty:
    """One property of projects, in which they carry figures."""

    def __init__(self, site: Site, key: str) -> None:
        self._site = site
        self._key = key

    def shown(self, target: Target) -> Shown:
        """What the property of a project holds, nothing if that is not Portico's; `exists` false for a hidden project."""
        try:
            held = self._held(str(target.id))
        except Invalid:
            held = {}
        return Shown(target, exists=False) if held is None else self._as_shown(target, held)

    def write(self, patch: Patch, now: datetime) -> Outcome:
        """Writes a patch if the property shows something else, and reads it back."""
        try:
            return Outcome(patch, shown=self._written(patch, now))
        except (SkipRecord, OutcomeUnknown) as error:
            return Outcome(patch, error=error)

    def _written(self, patch: Patch, now: datetime) -> Shown:
        project = str(patch.target.id)
        if not self._key:
            raise Invalid(
                f"Nothing names the property of project {project} for its figures.", fix=_NO_PROPERTY
            )
        held = self._held(project)
        if held is None:
            text = f"{self._site.name} shows no project {project}."
            raise NotFound(text, fix="Correct write_to, or give the account Browse projects there.")
        changed = {
            name: value for name, value in patch.values.items() if decode(held.get(name), "text") != value
        }
        if not changed:
            return self._as_shown(patch.target, held)
        stale = [name for name, value in patch.before.items() if decode(held.get(name), "text") != value]
        if stale:
            text = f"{project}: {', '.join(stale)} changed since it was read."
            raise Conflict(text, fix="The next run reads the project and plans again.")
        body = {"fields": {**held, **changed}, "written_at": plain_instant(now)}
        answer = self._site.ask("PUT", self._path(project), json=body, ok=(200, 201, 400, 403))
        if answer.status in (400, 403):
            text = f"{project} refused its property {self._key} ({answer.status})."
            raise Invalid(text, fix=_fix(project))
        try:
            after = self._held(project)
        except Retry as error:
            raise OutcomeUnknown(f"{project} was written. {error.text}", fix=error.fix) from None
        return self._as_shown(patch.target, after or {})

    def _held(self, project: str) -> Json | None:
        """The fields of the property, none if it was never set; None if there is no such project to be seen."""
        try:
            answer = self._site.ask("GET", self._path(project), ok=(200, 403)) if self._key else None
        except NotFound:
            answer = None
        if answer is not None and answer.status != requests.codes.ok:
            return None
        if answer is None:
            return {} if self._there(project) else None
        value: Any = self._site.document(answer).get("value")
        if (
            not isinstance(value, Mapping)
            or value.keys() != {"fields", "written_at"}
            or not isinstance(value["fields"], dict)
        ):
            text = f"The property {self._key} of project {project} holds something that is not Portico's."
            raise Invalid(text, fix="Give machine_copy another name.")
        return value["fields"]

    def _there(self, project: str) -> bool:
        try:
            self._site.ask("GET", f"{self._site.api}/project/{segment(project)}")
        except NotFound:
            return False
        return True

    def _path(self, project: str) -> str:
        return f"{self._site.api}/project/{segment(project)}/properties/{self._key}"

    def _as_shown(self, target: Target, held: Json) -> Shown:
        values = {name: decode(held.get(name), "text") for name in target.fields}
        return Shown(
            target,
            exists=True,
            id=target.id,
            values=values,
            url=f"{self._site.server.url}/browse/{target.id}",
        )


def _fix(project: str) -> str:
    return (
        f"Give the account Administer projects in {project}; a token with scopes needs manage:jira-project."
    )
