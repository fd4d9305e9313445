"""Jira Cloud (REST v3) and Data Center (REST v2).

Kinds read: `issue` (incremental), `project`, `version`, `sprint` (whole each time), `worklog` (by Jira's own
feed). An issue's identity is its numeric id; its key is a name that may change. Written are fields of issues,
one request per issue, after reading it again: Jira has no concurrency mark, so a value that is not the one
the plan saw is a conflict.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.ahead import in_order
from connectors.base import (
    BadRow,
    Census,
    Cursor,
    FieldInfo,
    Finding,
    Identity,
    Outcome,
    Page,
    Patch,
    Plain,
    Shown,
    SourceRecord,
    Stream,
    Target,
)
from connectors.errors import (
    Conflict,
    ContractBroken,
    Invalid,
    NotFound,
    OutcomeUnknown,
    ReadOnly,
    Retry,
    SkipRecord,
    Unavailable,
)
from connectors.http import Answer, Http
from connectors.jira_fields import FieldType, decode, encode, instant
from connectors.jira_lists import lists
from connectors.jira_rights import clock, described, edit_rights, screen_fix
from connectors.jira_site import Json, Site, segment
from connectors.jira_walk import Chunk, Reach, cloud_walk, dates_of, offset_walk, query

_BASICS = ("summary", "status", "issuetype", "project", "created", "updated")
_PATH = re.compile(r'\bfields\.(?:"([^"]+)"|(\w+))')
_KEY = re.compile(r"\w+-\d+")
_BULK = 100
_CENSUS_PAGE = 5000


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Jira:
    """The connector. `carriers` are issues that Portico writes to: they prove which fields may be written.

    `page_size` is records per page, `id_page_size` ids per page of a Cloud search, `workers` how many pages are fetched
    at a time, `overlap_seconds` how far each incremental read goes back, `window` how many hits Data Center pages
    through. `quiet` asks Jira not to mail watchers; where the account may not, it writes without.
    """

    def __init__(
        self,
        name: str,
        http: Http,
        *,
        read_only: bool,
        page_size: int = 100,
        id_page_size: int = 5000,
        workers: int = 1,
        overlap_seconds: int = 600,
        window: int = 10_000,
        carriers: Sequence[str] = (),
        quiet: bool = False,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._site = Site(name, http, now=now)
        self._read_only = read_only
        self._page_size = min(page_size, _BULK)
        self._id_page_size = id_page_size
        self._workers = workers
        self._overlap = overlap_seconds
        self._window = window
        self._carriers = tuple(dict.fromkeys(carriers))
        self._quiet = quiet
        self._now = now

    def check(self) -> Identity:
        """Who we are, the product, the clock, and the right to edit the carriers' projects."""
        server = self._site.server
        return Identity(
            account=server.account_name,
            tenant=server.url,
            product=f"Jira {'Cloud' if server.cloud else 'Data Center'} {server.version}".strip(),
            server_time=server.time,
            findings=[*clock(self._site, self._now()), *self._rights()],
        )

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """An issue's fields; one is writable if every carrier (or the newest issue) says so."""
        if kind != "issue":
            return [FieldInfo(id=name, name=name, type="text") for name in lists(self._site, kind).names]
        return described(self._site, self._carriers)

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """Issues changed since the cursor, oldest first; other kinds whole, or by their feed."""
        if stream.kind == "issue":
            return self._pull_issues(stream, cursor)
        return lists(self._site, stream.kind).pull(stream, cursor)

    def census(self, stream: Stream) -> Census:
        """All ids of the scope, by a walk of its own. Jira Cloud has no exact count."""
        if stream.kind != "issue":
            return lists(self._site, stream.kind).census(stream)
        if self._site.server.cloud:
            steps = cloud_walk(self._site, query(self._site, stream.scope, None, "epoch"), _CENSUS_PAGE)
        else:
            steps = self._offsets(stream, None, "epoch", ["updated"], Reach(None, self._overlap))
        ids: set[str] = set()
        for step in steps:
            ids.update(str(each.get("id")) for each in step.issues)
            if step.last and not step.complete:
                raise Unavailable(
                    f"{self.name} listed fewer issues than it announced.", fix="Try again later."
                )
        return Census(ids=frozenset(ids))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """What each issue shows now, a hundred per request; a key that moved is asked for by itself."""
        issues = [each for each in targets if each.kind == "issue"]
        for start in range(0, len(issues), _BULK):
            yield from self._look(issues[start : start + _BULK])
        for each in targets:
            if each.kind != "issue":
                yield Shown(each, lists(self._site, each.kind).exists(str(each.id)), id=each.id)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes each patch that differs from what its issue shows now."""
        if self._read_only:
            raise ReadOnly(f"{self.name} is read-only.", fix="Set safety.write: true to write.")
        return self._push(patches)

    def close(self) -> None:
        """Releases the session."""
        self._site.close()

    def _pull_issues(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        before = None if cursor is None else cursor.get("updated")
        dates = str(cursor["dates"]) if cursor else dates_of(self._site, stream.scope)
        since = None if before is None else int(before) - self._overlap * 1000
        reach = Reach(before, self._overlap)
        fields = self._asked(stream)
        if self._site.server.cloud:
            pages = self._cloud_pages(query(self._site, stream.scope, since, dates), fields, reach)
        else:
            steps = self._offsets(stream, since, dates, fields, reach)
            pages = ((step.issues, [], step.last, step.complete) for step in steps)
        types = self._site.fields if stream.owned else {}
        for issues, rejects, last, complete in pages:
            records = [self._record(each, stream, types) for each in issues]
            yield Page(
                records=[each for each in records if isinstance(each, SourceRecord)],
                cursor={"updated": reach.final if last else reach.sure, "dates": dates},
                last=last,
                complete=complete,
                rejects=[*rejects, *(each for each in records if isinstance(each, BadRow))],
            )

    def _cloud_pages(
        self, jql: str, fields: Sequence[str], reach: Reach
    ) -> Iterator[tuple[Sequence[Json], list[BadRow], bool, bool]]:
        whole = True
        chunks = self._chunks(jql, reach)
        fetched = in_order(chunks, lambda chunk: self._fetched(chunk.ids, fields), self._workers, self.name)
        for chunk, (issues, rejects) in fetched:
            for each in issues:
                if (updated := _instant_of(each, "updated")) is not None:
                    reach.saw(updated)
            whole = whole and not rejects
            yield issues, rejects, chunk.last, whole and chunk.complete

    def _chunks(self, jql: str, reach: Reach) -> Iterator[Chunk]:
        for step in cloud_walk(self._site, jql, self._id_page_size):
            reach.begin(step.at)
            ids = [str(each.get("id")) for each in step.issues]
            for start in range(0, len(ids), self._page_size) or [0]:
                last = step.last and start + self._page_size >= len(ids)
                yield Chunk(ids[start : start + self._page_size], last, step.complete)

    def _fetched(self, ids: Sequence[str], fields: Sequence[str]) -> tuple[Sequence[Json], list[BadRow]]:
        if not ids:
            return [], []
        body = {"issueIdsOrKeys": list(ids), "fields": list(fields)}
        try:
            answer = self._site.ask("POST", f"{self._site.api}/issue/bulkfetch", json=body, idempotent=True)
        except (NotFound, ContractBroken):
            return [each for each in (self._one(id_, fields) for id_ in ids) if each is not None], []
        except SkipRecord as error:
            raise self._site.refused(error) from None
        found = self._site.document(answer)
        errors = [
            BadRow(str(each.get("id")), None, None, str(each.get("errorMessage") or "not given by Jira"))
            for each in self._site.rows(found.get("issueErrors") or [], "issue errors")
        ]
        return self._site.rows(found.get("issues"), "issues"), errors

    def _offsets(
        self, stream: Stream, since: int | None, dates: str, fields: Sequence[str], reach: Reach
    ) -> Any:
        def jql(bound: int | None) -> str:
            return query(self._site, stream.scope, bound, dates)

        size = max(2, self._page_size)
        return offset_walk(self._site, jql, since, fields, size, self._window, reach, self._workers)

    def _asked(self, stream: Stream) -> list[str]:
        if not stream.fields:
            return ["*all"]
        mapped = ("".join(found) for path in stream.fields for found in _PATH.findall(path))
        return list(dict.fromkeys([*_BASICS, *mapped, *stream.owned]))

    def _record(self, issue: Json, stream: Stream, types: Mapping[str, FieldType]) -> SourceRecord | BadRow:
        id_, created, updated = issue.get("id"), _instant_of(issue, "created"), _instant_of(issue, "updated")
        if not id_ or updated is None:
            found = str((issue.get("fields") or {}).get("updated"))
            return BadRow(str(id_ or ""), "updated", found, "the issue has no id or no instant of change")
        return SourceRecord(
            id=str(id_),
            body=issue,
            key=str(issue.get("key") or "") or None,
            url=self._url(issue),
            created_at=created,
            updated_at=updated,
            owned=self._values(issue, stream.owned, types),
        )

    def _values(self, issue: Json, names: Sequence[str], types: Mapping[str, FieldType]) -> dict[str, Plain]:
        fields = issue.get("fields") or {}
        return {
            each: decode(fields.get(each), types[each].type if each in types else "any") for each in names
        }

    def _url(self, issue: Json) -> str | None:
        return f"{self._site.server.url}/browse/{issue['key']}" if issue.get("key") else None

    def _look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        names = list(dict.fromkeys(["updated", *(name for each in targets for name in each.fields)]))
        asked = [str(each.id) for each in targets]
        found: dict[str, Json] = {}
        for issue in self._bulk(asked, names):
            found[str(issue.get("id"))] = found[str(issue.get("key")).upper()] = issue
        for target, name in zip(targets, asked, strict=True):
            shown = found.get(name.upper())
            if shown is None and _KEY.fullmatch(name):
                shown = self._one(name, names)
            yield Shown(target, exists=False) if shown is None else self._shown(target, shown)

    def _bulk(self, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Json]:
        if self._site.server.cloud:
            return self._fetched(ids, fields)[0]
        numbers = [each for each in ids if each.isdigit()]
        keys = [f'"{each}"' for each in ids if _KEY.fullmatch(each)]
        parts = [f"{name} in ({', '.join(some)})" for name, some in (("id", numbers), ("key", keys)) if some]
        if not parts:
            return []
        body = {
            "jql": " OR ".join(parts),
            "maxResults": len(ids),
            "fields": list(fields),
            "validateQuery": False,
        }
        try:
            answer = self._site.ask("POST", f"{self._site.api}/search", json=body, idempotent=True)
        except Invalid:
            found = (self._one(each, fields) for each in ids)
            return [each for each in found if each is not None]
        return self._site.rows(self._site.document(answer).get("issues"), "issues")

    def _one(self, id_or_key: str, fields: Sequence[str]) -> Json | None:
        path = f"{self._site.api}/issue/{segment(id_or_key)}"
        try:
            answer = self._site.ask("GET", path, params={"fields": ",".join(fields)})
        except NotFound:
            return None
        return self._site.document(answer)

    def _shown(self, target: Target, issue: Json) -> Shown:
        types = self._site.fields if target.fields else {}
        return Shown(
            target,
            exists=True,
            id=str(issue.get("id")),
            values=self._values(issue, target.fields, types),
            updated_at=_instant_of(issue, "updated"),
            url=self._url(issue),
        )

    def _push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        for patch in patches:
            try:
                yield Outcome(patch, shown=self._write(patch))
            except (SkipRecord, OutcomeUnknown) as error:
                yield Outcome(patch, error=error)

    def _write(self, patch: Patch) -> Shown:
        if patch.target.kind != "issue" or not patch.target.id:
            raise Invalid(f"{self.name} writes to issues only.", fix="Set write_to to an issue's key.")
        types = self._site.fields
        wired: dict[str, Any] = {}
        for name, value in patch.values.items():
            if name not in types:
                raise Invalid(f"{self.name} has no field {name}.", fix="Create the field, or correct write.")
            wired[name] = encode(value, types[name], document=self._site.server.cloud)
        names = list(dict.fromkeys(["updated", *patch.target.fields, *patch.values, *patch.before]))
        issue = self._one(patch.target.id, names)
        if issue is None:
            text = f"{self.name} shows no issue {patch.target.id}."
            raise NotFound(text, fix="Correct write_to, or give the account Browse projects there.")
        now = self._values(issue, names, types)
        changed = {
            name: value for name, value in wired.items() if decode(value, types[name].type) != now[name]
        }
        if not changed:
            return self._shown(patch.target, issue)
        stale = [name for name, value in patch.before.items() if now[name] != value]
        if stale:
            text = f"{issue.get('key')}: {', '.join(types[each].name for each in stale)} changed since it was read."
            raise Conflict(text, fix="The next run reads the issue and plans again.")
        return self._shown(patch.target, self._put(issue, changed, names))

    def _rights(self) -> Sequence[Finding]:
        return [] if self._read_only else list(edit_rights(self._site, self._carriers))

    def _put(self, issue: Json, changed: Mapping[str, Any], names: Sequence[str]) -> Json:
        cloud = self._site.server.cloud
        params = {"returnIssue": "true"} if cloud else {}
        answer = self._edit(issue, changed, {**params, "notifyUsers": "false"} if self._quiet else params)
        if (
            self._quiet
            and answer.status in (400, 403)
            and "notif" in answer.body.decode("utf-8", "replace").lower()
        ):
            self._quiet = False
            answer = self._edit(issue, changed, params)
        if answer.status in (400, 403):
            raise self._refused(issue, changed, answer)
        if isinstance(answer.json, dict) and all(
            each in (answer.json.get("fields") or {}) for each in changed
        ):
            return answer.json
        try:
            after = self._one(str(issue.get("id")), names)
        except Retry as error:
            raise OutcomeUnknown(f"{issue.get('key')} was written. {error.text}", fix=error.fix) from None
        if after is None:
            raise NotFound(f"{issue.get('key')} vanished while it was written.")
        return after

    def _edit(self, issue: Json, changed: Mapping[str, Any], params: Mapping[str, str]) -> Answer:
        path = f"{self._site.api}/issue/{segment(str(issue.get('id')))}"
        body = {"fields": dict(changed)}
        return self._site.ask("PUT", path, params=params, json=body, ok=(200, 204, 400, 403))

    def _refused(self, issue: Json, changed: Mapping[str, Any], answer: Answer) -> Invalid:
        said = answer.json if isinstance(answer.json, dict) else {}
        errors: Json = said.get("errors") or {}
        told = [
            f"{self._site.fields[each].name if each in self._site.fields else each}: {text}"
            for each, text in errors.items()
        ]
        told += [str(each) for each in said.get("errorMessages") or ()]
        fix = screen_fix(
            self._site, [each for each in errors if each in changed] or list(changed), str(issue.get("key"))
        )
        return Invalid(
            f"{issue.get('key')} refused the write ({answer.status}). {' '.join(told)}".strip(), fix=fix
        )


def _instant_of(issue: Json, name: str) -> datetime | None:
    fields = issue.get("fields")
    return instant(fields.get(name)) if isinstance(fields, Mapping) else None
