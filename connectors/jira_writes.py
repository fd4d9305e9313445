"""Writing to issues: one request per issue with all its changed fields, after it was read again.

Jira has no concurrency mark: a value that is not the one that the plan saw is a conflict.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.base import Outcome, Patch, Shown, Target
from connectors.errors import Conflict, Invalid, NotFound, OutcomeUnknown, Retry, SkipRecord
from connectors.http import Answer
from connectors.jira_fields import decode, encode
from connectors.jira_issue import browse, instant_of, values
from connectors.jira_lookup import one
from connectors.jira_rights import screen_fix
from connectors.jira_site import Json, Site, segment


class Writer:
    """Writes patches to issues. `quiet` asks Jira not to mail watchers; where the account may not, it writes without."""

    def __init__(self, site: Site, *, quiet: bool) -> None:
        self._site = site
        self._quiet = quiet
        self._loud: set[str] = set()

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes each patch that differs from what its issue shows now."""
        for patch in patches:
            try:
                yield Outcome(patch, shown=self._write(patch))
            except (SkipRecord, OutcomeUnknown) as error:
                yield Outcome(patch, error=error)

    def _write(self, patch: Patch) -> Shown:
        site = self._site
        if patch.target.kind != "issue" or not patch.target.id:
            raise Invalid(f"{site.name} writes to issues only.", fix="Set write_to to an issue's key.")
        types = site.fields
        wired: dict[str, Any] = {}
        for name, value in patch.values.items():
            if name not in types:
                raise Invalid(f"{site.name} has no field {name}.", fix=self._unknown(name))
            wired[name] = encode(value, types[name], document=site.server.cloud)
        names = list(
            dict.fromkeys(["updated", "project", *patch.target.fields, *patch.values, *patch.before])
        )
        issue = one(site, patch.target.id, names)
        if issue is None:
            text = f"{site.name} shows no issue {patch.target.id}."
            raise NotFound(text, fix="Correct write_to, or give the account Browse projects there.")
        now = values(issue, names, types)
        changed = {
            name: value for name, value in wired.items() if decode(value, types[name].type) != now[name]
        }
        if not changed:
            return shown(site, patch.target, issue)
        stale = [name for name, value in patch.before.items() if now[name] != value]
        if stale:
            text = f"{issue.get('key')}: {', '.join(types[each].name for each in stale)} changed since it was read."
            raise Conflict(text, fix="The next run reads the issue and plans again.")
        return shown(site, patch.target, self._put(issue, changed, names))

    def _unknown(self, name: str) -> str:
        called = [each.id for each in self._site.fields.values() if each.name.casefold() == name.casefold()]
        if called:
            return f"Write the field's id: {' or '.join(called)}."
        return "Create the field, or correct write."

    def _put(self, issue: Json, changed: Mapping[str, Any], names: Sequence[str]) -> Json:
        params = {"returnIssue": "true"} if self._site.server.cloud else {}
        project = str(((issue.get("fields") or {}).get("project") or {}).get("id"))
        quiet = self._quiet and project not in self._loud
        answer = self._edit(issue, changed, {**params, "notifyUsers": "false"} if quiet else params)
        if quiet and answer.status in (400, 403) and b"notif" in answer.body.lower():
            self._loud.add(project)
            answer = self._edit(issue, changed, params)
        if answer.status in (400, 403):
            raise self._refused(issue, changed, answer)
        if isinstance(answer.json, dict) and all(
            each in (answer.json.get("fields") or {}) for each in changed
        ):
            return answer.json
        try:
            after = one(self._site, str(issue.get("id")), names)
        except Retry as error:
            raise OutcomeUnknown(f"{issue.get('key')} was written. {error.text}", fix=error.fix) from None
        if after is None:
            raise NotFound(f"{issue.get('key')} vanished while it was written.")
        return after

    def _edit(self, issue: Json, changed: Mapping[str, Any], params: Mapping[str, str]) -> Answer:
        path = f"{self._site.api}/issue/{segment(str(issue.get('id')))}"
        return self._site.ask(
            "PUT", path, params=params, json={"fields": dict(changed)}, ok=(200, 204, 400, 403)
        )

    def _refused(self, issue: Json, changed: Mapping[str, Any], answer: Answer) -> Invalid:
        said = answer.json if isinstance(answer.json, dict) else {}
        errors: Json = said.get("errors") or {}
        fields = self._site.fields
        told = [f"{fields[each].name if each in fields else each}: {text}" for each, text in errors.items()]
        told += [str(each) for each in said.get("errorMessages") or ()]
        names = [each for each in errors if each in changed] or list(changed)
        fix = screen_fix(self._site, names, str(issue.get("key")))
        text = f"{issue.get('key')} refused the write ({answer.status}). {' '.join(told)}".strip()
        return Invalid(text, fix=fix)


def shown(site: Site, target: Target, issue: Json) -> Shown:
    """What an issue shows of a target's fields."""
    return Shown(
        target,
        exists=True,
        id=str(issue.get("id")),
        values=values(issue, target.fields, site.fields if target.fields else {}),
        updated_at=instant_of(issue, "updated"),
        url=browse(site, issue),
    )
