"""Writing to issues: one request per issue with all its changed fields, after it was read again.

Jira has no concurrency mark: a value that is not the one that the plan saw is a conflict.
"""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.base import Outcome, Patch, Shown, Target
from connectors.errors import Conflict, Invalid, NotFound, OutcomeUnknown, Retry, SkipRecord
from connectors.http import Answer
from connectors.jira_bulk import ALONE, TASK_SIZE, edited, run_bulk
from connectors.jira_fields import OPTIONS, PEOPLE, decode, encode, plain_instant
from connectors.jira_issue import browse, instant_of, values
from connectors.jira_lookup import AT_ONCE, bulk, one
from connectors.jira_options import Options
from connectors.jira_rights import person_known, screen_fix
from connectors.jira_site import Json, Site, segment


@dataclass(frozen=True, slots=True)
class Change:
    """What is left to write of a patch: the issue as it was read again, and the wire values that differ from it."""

    patch: Patch
    issue: Json
    wired: Mapping[str, Any]
    names: Sequence[str]


class Writer:
    """Writes patches to issues, each in one request.

    `quiet` asks Jira not to mail watchers; where the account may not, it writes without. `property_key` names an issue
    property that gets a copy for programs: the values just written, and when. `create_options` makes an option that a choice
    lacks. `sleep` waits between looks at a bulk task.
    """

    def __init__(
        self,
        site: Site,
        *,
        quiet: bool,
        property_key: str = "",
        create_options: bool = False,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._site = site
        self._quiet = quiet
        self._property = property_key
        self._now = now
        self._sleep = sleep
        self._loud: set[str] = set()
        self._options = Options(site, create=create_options)
        self._people: dict[str, bool] = {}

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes each patch that differs from what its issue shows now; many alike at once, where Cloud can."""
        rest = list(patches)
        if self._site.server.cloud and not self._property and len(rest) > ALONE:
            rest = yield from self._together(rest)
        for patch in rest:
            yield self._outcome(patch)

    def _outcome(self, patch: Patch) -> Outcome:
        try:
            names = self._checked(patch)
            issue = one(self._site, str(patch.target.id), names)
            if issue is None:
                text = f"{self._site.name} shows no issue {patch.target.id}."
                raise NotFound(text, fix="Correct write_to, or give the account Browse projects there.")
            change = self._change(patch, issue, names)
            shows = issue if change is None else self._put(change)
            return Outcome(patch, shown=shown(self._site, patch.target, shows))
        except (SkipRecord, OutcomeUnknown) as error:
            return Outcome(patch, error=error)

    def _together(self, patches: list[Patch]) -> Generator[Outcome, None, list[Patch]]:
        """Writes what more than fifty issues get alike in one task; returns the patches that are left to write alone."""
        alike: dict[str, list[Change]] = {}
        left: list[Patch] = []
        for start in range(0, len(patches), AT_ONCE):
            some = patches[start : start + AT_ONCE]
            for patch, found in zip(some, self._read_again(some), strict=True):
                if found is None:
                    left.append(patch)
                    continue
                try:
                    change = self._change(patch, found, self._checked(patch))
                except SkipRecord as error:
                    yield Outcome(patch, error=error)
                    continue
                if change is None:
                    yield Outcome(patch, shown=shown(self._site, patch.target, found))
                else:
                    alike.setdefault(json.dumps(change.wired, sort_keys=True, default=str), []).append(change)
        for changes in alike.values():
            body = edited(changes[0].wired, self._site.fields) if len(changes) > ALONE else None
            for start in range(0, len(changes), TASK_SIZE):
                some_changes = changes[start : start + TASK_SIZE]
                outcomes = None if body is None else self._task(some_changes, body)
                if outcomes is None:
                    left += [each.patch for each in some_changes]
                else:
                    yield from outcomes
        return left

    def _read_again(self, patches: Sequence[Patch]) -> list[Json | None]:
        """The issues of these patches, None for one that cannot be written in bulk: unknown here, moved, not ours to write."""
        good = [each for each in patches if each.target.kind == "issue" and each.target.id]
        names = list(dict.fromkeys(name for each in good for name in self._names(each)))
        found: dict[str, Json] = {}
        for issue in bulk(self._site, [str(each.target.id) for each in good], names):
            found[str(issue.get("id"))] = found[str(issue.get("key")).upper()] = issue
        return [found.get(str(each.target.id).upper()) if each in good else None for each in patches]

    def _task(self, changes: Sequence[Change], body: Json) -> list[Outcome] | None:
        """The outcomes of one bulk edit, read back; None if Jira does not let this account edit in bulk."""
        ids = [str(each.issue["id"]) for each in changes]
        try:
            failed = run_bulk(self._site, ids, body, notify=not self._quiet, sleep=self._sleep)
            if failed is None:
                return None
            after: dict[str, Json] = {}
            for start in range(0, len(ids), AT_ONCE):
                for issue in bulk(self._site, ids[start : start + AT_ONCE], changes[0].names):
                    after[str(issue.get("id"))] = issue
        except Retry as error:
            unknown = OutcomeUnknown(f"A bulk edit may have been applied. {error.text}", fix=error.fix)
            return [Outcome(each.patch, error=unknown) for each in changes]
        return [self._ended(each, after, failed) for each in changes]

    def _ended(self, change: Change, after: Mapping[str, Json], failed: Mapping[str, str]) -> Outcome:
        id_ = str(change.issue["id"])
        if id_ in failed:
            fix = screen_fix(self._site, list(change.wired), str(change.issue.get("key")))
            return Outcome(change.patch, error=Invalid(f"{change.issue.get('key')}: {failed[id_]}", fix=fix))
        if id_ not in after:
            return Outcome(
                change.patch, error=NotFound(f"{change.issue.get('key')} vanished while it was written.")
            )
        return Outcome(change.patch, shown=shown(self._site, change.patch.target, after[id_]))

    def _names(self, patch: Patch) -> list[str]:
        return list(
            dict.fromkeys(
                ["updated", "project", "issuetype", *patch.target.fields, *patch.values, *patch.before]
            )
        )

    def _checked(self, patch: Patch) -> list[str]:
        """The fields to read before a patch is written. Raises Invalid if it cannot be written at all."""
        if patch.target.kind != "issue" or not patch.target.id:
            raise Invalid(f"{self._site.name} writes to issues only.", fix="Set write_to to an issue's key.")
        for name, value in patch.values.items():
            if name not in self._site.fields:
                raise Invalid(f"{self._site.name} has no field {name}.", fix=self._unknown(name))
            encode(value, self._site.fields[name], cloud=self._site.server.cloud)
        return self._names(patch)

    def _change(self, patch: Patch, issue: Json, names: Sequence[str]) -> Change | None:
        """What of a patch differs from what the issue shows; None if nothing does.

        Raises Conflict if the issue is no more what the plan saw, Invalid for an option or a person that it has not.
        """
        types, cloud = self._site.fields, self._site.server.cloud
        now = values(issue, names, types)
        wired = {
            name: encode(value, types[name], cloud=cloud)
            for name, value in patch.values.items()
            if value != now[name]
        }
        changed = {
            name: value for name, value in wired.items() if decode(value, types[name].type) != now[name]
        }
        if not changed:
            return None
        stale = [name for name, value in patch.before.items() if now[name] != value]
        if stale:
            text = f"{issue.get('key')}: {', '.join(types[each].name for each in stale)} changed since it was read."
            raise Conflict(text, fix="The next run reads the issue and plans again.")
        return Change(
            patch, issue, {name: self._found(issue, name, value) for name, value in changed.items()}, names
        )

    def _found(self, issue: Json, name: str, value: Any) -> Any:
        """A value that Jira surely has: choices by their options' ids, which survive a renaming, and people whom it knows.

        Raises Invalid for an option or a person that is not there.
        """
        type_ = self._site.fields[name].type
        if value is None or type_ not in ("option", OPTIONS, "user", PEOPLE):
            return value
        if type_ == "option":
            return self._options.one(issue, name, value)
        if type_ == OPTIONS:
            return self._options.several(issue, name, value)
        for each in value if type_ == PEOPLE else [value]:
            self._known(issue, name, each)
        return value

    def _known(self, issue: Json, name: str, person: Mapping[str, str]) -> None:
        (who,) = person.values()
        if who not in self._people:
            self._people[who] = person_known(self._site, person)
        if not self._people[who]:
            field = self._site.fields[name]
            text = f"{issue.get('key')}: {field.name} ({name}) cannot hold {who!r}: {self._site.name} knows no such person."
            kind = "account id" if self._site.server.cloud else "user name"
            raise Invalid(text, fix=f"Write the {kind} of a person whom the account may see in values.")

    def _unknown(self, name: str) -> str:
        called = [each.id for each in self._site.fields.values() if each.name.casefold() == name.casefold()]
        if called:
            return f"Write the field's id: {' or '.join(called)}."
        return "Create the field, or correct write."

    def _put(self, change: Change) -> Json:
        issue, changed, names = change.issue, change.wired, change.names
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
        body: dict[str, Any] = {"fields": dict(changed)}
        if self._property:
            copy = {"fields": dict(changed), "written_at": plain_instant(self._now())}
            body["properties"] = [{"key": self._property, "value": copy}]
        return self._site.ask("PUT", path, params=params, json=body, ok=(200, 204, 400, 403))

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
