"""Jira Cloud (REST v3) and Data Center (REST v2).

Kinds read: `issue` (incremental), `project`, `version`, `component`, `board`, `sprint` (whole each time), `worklog` (by
Jira's own feed). An issue's identity is its numeric id; its key is a name that may change. Written are fields of issues,
one request per issue, after reading it again: Jira has no concurrency mark, so a value that is not the one
the plan saw is a conflict.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
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
    Shown,
    SourceRecord,
    Stream,
    Target,
)
from connectors.errors import ReadOnly, Unavailable
from connectors.http import Http
from connectors.jira_history import with_changes
from connectors.jira_issue import Asked, estimated, instant_of
from connectors.jira_lists import lists
from connectors.jira_lookup import AT_ONCE, KEY, bulk, fetched, one
from connectors.jira_projects import ProjectProperty, names_project, project_rights
from connectors.jira_rights import clock, described, edit_rights, estimates, quiet_rights
from connectors.jira_site import Json, Site
from connectors.jira_walk import Chunk, Reach, cloud_walk, dates_of, offset_walk, query
from connectors.jira_writes import Writer, shown
from connectors.limits import Budget

_CENSUS_PAGE = 5000


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Jira:
    """The connector. `carriers` are issues (or projects) that Portico writes to: they prove which fields may be written.

    `page_size` is records per page, `id_page_size` ids per page of a Cloud search, `workers` how many pages are fetched
    at a time, `overlap_seconds` how far each incremental read goes back, `window` how many hits Data Center pages
    through. `quiet` asks Jira not to mail watchers; where the account may not, it writes without. `property_key` names an
    issue property for a copy of what was written, for programs; a project that carries figures has them in a property of
    that name. `create_options` (Cloud) makes an option that a choice lacks. `sleep` waits for bulk tasks.
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
        property_key: str = "",
        create_options: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._site = Site(name, http, now=now)
        self._read_only = read_only
        self._page_size = min(page_size, AT_ONCE)
        self._id_page_size = id_page_size
        self._workers = workers
        self._overlap = overlap_seconds
        self._window = window
        carriers = tuple(dict.fromkeys(carriers))
        self._projects = tuple(each for each in carriers if names_project(each))
        self._carriers = tuple(each for each in carriers if not names_project(each))
        self._quiet = quiet
        self._property = ProjectProperty(self._site, property_key)
        self._property_key = property_key
        self._writer = Writer(
            self._site,
            quiet=quiet,
            property_key=property_key,
            create_options=create_options,
            now=now,
            sleep=sleep,
        )
        self._now = now

    def check(self) -> Identity:
        """Who we are, the product, the clock, and the right to edit the carriers' projects."""
        server = self._site.server
        return Identity(
            account=server.account_name,
            tenant=server.url,
            product=f"Jira {'Cloud' if server.cloud else 'Data Center'} {server.version}".strip(),
            server_time=server.time,
            findings=[*clock(self._site, self._now()), *estimates(self._site), *self._rights()],
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
            steps = self._offsets(stream, None, "epoch", {"fields": ["updated"]}, Reach(None, self._overlap))
        ids: set[str] = set()
        for step in steps:
            ids.update(str(each.get("id")) for each in step.issues)
            if step.last and not step.complete:
                raise Unavailable(
                    f"{self.name} listed fewer issues than it announced.", fix="Try again later."
                )
        return Census(ids=frozenset(ids))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """What each issue shows now, a hundred per request; a key that moved is asked for by itself.

        So is what Data Center's search does not know: archived issues are not in it.
        """
        issues = [each for each in targets if each.kind == "issue"]
        for start in range(0, len(issues), AT_ONCE):
            yield from self._look(issues[start : start + AT_ONCE])
        for each in targets:
            if each.kind == "project" and each.fields:
                yield self._property.shown(each)
            elif each.kind != "issue":
                yield Shown(each, lists(self._site, each.kind).exists(str(each.id)), id=each.id)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes each patch that differs from what its issue shows now."""
        if self._read_only:
            raise ReadOnly(f"{self.name} is read-only.", fix="Set safety.write: true to write.")
        projects = [each for each in patches if each.target.kind == "project"]
        others = [each for each in patches if each.target.kind != "project"]
        return chain(
            (self._property.write(each, self._now()) for each in projects), self._writer.push(others)
        )

    @property
    def budget(self) -> Budget | None:
        """What Jira said last of its limits."""
        return self._site.budget

    def close(self) -> None:
        """Releases the session."""
        self._site.close()

    def _pull_issues(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        before = None if cursor is None else cursor.get("updated")
        dates = str(cursor["dates"]) if cursor else dates_of(self._site, stream.scope)
        points = cursor.get("estimates", ()) if cursor else estimated(self._site, stream)
        since = None if before is None else int(before) - self._overlap * 1000
        reach = Reach(before, self._overlap)
        asked = Asked(self._site, stream, points)
        if self._site.server.cloud:
            pages = self._cloud_pages(query(self._site, stream.scope, since, dates), asked, reach)
        else:
            steps = self._offsets(stream, since, dates, asked.what, reach)
            pages = ((step.issues, [], step.last, step.complete) for step in steps)
        for issues, rejects, last, complete in pages:
            beside = [] if before is None else self._blocked_by(issues, stream, asked)
            asked.epics([*issues, *beside])
            records = [asked.record(each) for each in (*issues, *beside)]
            yield Page(
                records=[each for each in records if isinstance(each, SourceRecord)],
                cursor={"updated": reach.final if last else reach.sure, "dates": dates, "estimates": points},
                last=last,
                complete=complete,
                rejects=[*rejects, *(each for each in records if isinstance(each, BadRow))],
            )

    def _blocked_by(self, issues: Sequence[Json], stream: Stream, asked: Asked) -> Sequence[Json]:
        """The issues of the scope that these block: whether they are blocked may have changed, and Jira does not say so."""
        ids = sorted(asked.blocked_ids(issues) - {str(each.get("id")) for each in issues})
        found: list[Json] = []
        for start in range(0, len(ids), AT_ONCE):
            among = f"id in ({', '.join(ids[start : start + AT_ONCE])})"
            scope = f"({stream.scope}) AND {among}" if stream.scope.strip() else among
            found += self._of(query(self._site, scope, None, "epoch"), asked)
        return found

    def _of(self, jql: str, asked: Asked) -> Sequence[Json]:
        """At most a hundred issues that a query finds."""
        if self._site.server.cloud:
            steps = cloud_walk(self._site, jql, AT_ONCE)
            ids = [str(each.get("id")) for step in steps for each in step.issues]
            issues = fetched(self._site, ids, asked.fields)[0]
            return with_changes(self._site, issues) if asked.history else issues
        body = {"jql": jql, "maxResults": AT_ONCE, **asked.what}
        answer = self._site.read("POST", f"{self._site.api}/search", json=body)
        return self._site.rows(self._site.document(answer).get("issues"), "issues")

    def _cloud_pages(
        self, jql: str, asked: Asked, reach: Reach
    ) -> Iterator[tuple[Sequence[Json], list[BadRow], bool, bool]]:
        whole = True
        chunks = self._chunks(jql, reach)

        def page(chunk: Chunk) -> tuple[Sequence[Json], list[BadRow]]:
            issues, rejects = fetched(self._site, chunk.ids, asked.fields)
            return with_changes(self._site, issues) if asked.history else issues, rejects

        for chunk, (issues, rejects) in in_order(chunks, page, self._workers, self.name):
            for each in issues:
                if (updated := instant_of(each, "updated")) is not None:
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

    def _offsets(self, stream: Stream, since: int | None, dates: str, what: Json, reach: Reach) -> Any:
        def jql(bound: int | None) -> str:
            return query(self._site, stream.scope, bound, dates)

        size = max(2, self._page_size)
        return offset_walk(self._site, jql, since, what, size, self._window, reach, self._workers)

    def _look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        names = list(dict.fromkeys(["updated", *(name for each in targets for name in each.fields)]))
        asked = [str(each.id) for each in targets]
        found: dict[str, Json] = {}
        for each in bulk(self._site, asked, names):
            found[str(each.get("id"))] = found[str(each.get("key")).upper()] = each
        for target, name in zip(targets, asked, strict=True):
            issue = found.get(name.upper())
            if issue is None and (KEY.fullmatch(name) or not self._site.server.cloud):
                issue = one(self._site, name, names)
            yield Shown(target, exists=False) if issue is None else shown(self._site, target, issue)

    def _rights(self) -> Sequence[Finding]:
        if self._read_only:
            return []
        quiet = quiet_rights(self._site, self._carriers) if self._quiet else ()
        projects = project_rights(self._site, self._projects, self._property_key)
        return [*edit_rights(self._site, self._carriers), *projects, *quiet]
