"""Jira's small kinds, read whole each time (`project`, `version`, `component`, `board`, `sprint`), and its feed of worklogs."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from connectors.answers import CHECK_ADDRESS
from connectors.base import BadRow, Census, Cursor, Page, SourceRecord, Stream
from connectors.errors import ContractBroken, NotFound, StopConnection
from connectors.jira_fields import instant
from connectors.jira_lookup import AT_ONCE, bulk
from connectors.jira_site import BOARDS, Json, Site

_SPRINT = "id name state startDate endDate completeDate goal originBoardId board"
_VERSION = "id name description startDate releaseDate released archived overdue projectId"
_COMPONENT = "id name description lead assigneeType project projectId"
_BOARD = "id name type location"
_PROJECT = "id key name description lead projectCategory projectTypeKey archived"
_WORKLOG = "id issueId issue author timeSpentSeconds started comment created updated"


@dataclass(frozen=True, slots=True)
class Kind:
    """One small kind: how to list it, whether a record is still there, and the names of its fields."""

    site: Site
    names: Sequence[str]
    listed: Callable[[str], Iterator[Json]]
    path: str

    def pull(self, stream: Stream, _cursor: Cursor | None) -> Iterator[Page]:
        """Everything, on one page; the next read is as whole."""
        records = [record(self.site, each) for each in self.listed(stream.scope)]
        good = [each for each in records if isinstance(each, SourceRecord)]
        bad = [each for each in records if isinstance(each, BadRow)]
        yield Page(good, {}, last=True, complete=not bad, replaces=stream.full, rejects=bad)

    def census(self, stream: Stream) -> Census:
        """All ids."""
        return Census(ids=frozenset(str(each.get("id")) for each in self.listed(stream.scope)))

    def exists(self, id_: str) -> bool:
        """Whether a record of that id is still there."""
        try:
            self.site.ask("GET", self.path.format(id_))
        except NotFound:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Worklogs:
    """Worklogs, by Jira's feed of changed ids (never the last minute) and its feed of deleted ones.

    Each comes with its `issue` (id, key, project): Jira names only the issue's id, and links name projects.
    """

    site: Site
    names: Sequence[str] = tuple(_WORKLOG.split())

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """Worklogs changed since the cursor, oldest first, a thousand per page."""
        if stream.scope.strip():
            text = f"{self.site.name}: worklogs have no scope."
            raise StopConnection(text, fix="Remove scope: Jira gives all worklogs that the account may see.")
        issues: dict[str, Json] = {}
        for ids, until, last in self._feed("updated", int(cursor["since"]) if cursor else 0):
            found = self._listed(ids)
            named = {str(each.get("issueId")) for each in found}
            issues = {id_: issue for id_, issue in issues.items() if id_ in named}
            self._learn(issues, named - issues.keys())
            records = [
                record(self.site, {**each, "issue": issues.get(str(each.get("issueId")))}) for each in found
            ]
            good = [each for each in records if isinstance(each, SourceRecord)]
            bad = [each for each in records if isinstance(each, BadRow)]
            yield Page(good, {"since": until}, last=last, rejects=bad)

    def census(self, _stream: Stream) -> Census:
        """The ids of both feeds, subtracted."""
        there = {each for ids, _, _ in self._feed("updated", 0) for each in ids}
        gone = {each for ids, _, _ in self._feed("deleted", 0) for each in ids}
        return Census(ids=frozenset(str(each) for each in there - gone))

    def exists(self, id_: str) -> bool:
        """Whether a worklog of that id is still there."""
        return bool(self._listed([int(id_)]))

    def _learn(self, issues: dict[str, Json], ids: Collection[str]) -> None:
        """The project of each issue; that of a hidden one stays unknown."""
        wanted = sorted(ids)
        for start in range(0, len(wanted), AT_ONCE):
            for each in bulk(self.site, wanted[start : start + AT_ONCE], ["project"]):
                issues[str(each.get("id"))] = {name: each.get(name) for name in ("id", "key", "fields")}

    def _feed(self, name: str, since: int) -> Iterator[tuple[list[int], int, bool]]:
        while True:
            path = f"{self.site.api}/worklog/{name}"
            found = self.site.document(self.site.read("GET", path, params={"since": since}))
            values = self.site.rows(found.get("values"), "worklogs")
            last = found.get("lastPage") is True or found.get("isLastPage") is True
            until = found.get("until")
            if not isinstance(until, int) or (not last and until <= since):
                raise ContractBroken(f"{self.site.name}: the worklog feed stands still.", fix=CHECK_ADDRESS)
            yield [int(each["worklogId"]) for each in values if "worklogId" in each], max(until, since), last
            if last:
                return
            since = until

    def _listed(self, ids: Sequence[int]) -> Sequence[Json]:
        if not ids:
            return []
        answer = self.site.read("POST", f"{self.site.api}/worklog/list", json={"ids": list(ids)})
        return self.site.rows(answer.json, "worklogs")


def lists(site: Site, kind: str) -> Kind | Worklogs:
    """The reader of a kind other than issue. Raises StopConnection for a kind that Jira has not."""
    api = site.api
    if kind == "project":
        return Kind(site, _PROJECT.split(), lambda scope: iter(site.projects(scope)), f"{api}/project/{{}}")
    if kind == "version":
        return Kind(
            site, _VERSION.split(), lambda scope: _of_projects(site, scope, "versions"), f"{api}/version/{{}}"
        )
    if kind == "component":
        return Kind(
            site,
            _COMPONENT.split(),
            lambda scope: _of_projects(site, scope, "components"),
            f"{api}/component/{{}}",
        )
    if kind == "board":
        return Kind(site, _BOARD.split(), lambda scope: _boards(site, scope), "/rest/agile/1.0/board/{}")
    if kind == "sprint":
        return Kind(site, _SPRINT.split(), lambda scope: _sprints(site, scope), "/rest/agile/1.0/sprint/{}")
    if kind == "worklog":
        return Worklogs(site)
    text = f"{site.name} has no kind {kind!r}."
    raise StopConnection(text, fix="Read issue, project, version, component, board, sprint or worklog.")


def record(site: Site, found: Json) -> SourceRecord | BadRow:
    """A record of a small kind."""
    if found.get("id") is None:
        return BadRow("", "id", None, "the record has no id")
    key = found.get("key") or found.get("name")
    return SourceRecord(
        id=str(found["id"]),
        body=found,
        key=None if key is None else str(key),
        url=f"{site.server.url}/browse/{found['key']}" if found.get("key") else None,
        created_at=instant(found.get("created")),
        updated_at=instant(found.get("updated")),
    )


def _of_projects(site: Site, scope: str, what: str) -> Iterator[Json]:
    for project in site.projects(scope):
        shown = site.read("GET", f"{site.api}/project/{project['id']}/{what}").json
        yield from site.rows(shown, what)


def _boards(site: Site, scope: str) -> Iterator[Json]:
    """Boards, each once although projects share them."""
    keys = [str(each["key"]) for each in site.projects(scope)] if scope.strip() else [None]
    found: dict[str, Json] = {}
    for key in keys:
        wanted = {} if key is None else {"projectKeyOrId": key}
        found |= {str(each.get("id")): each for each in site.beans(BOARDS, "boards", **wanted)}
    yield from found.values()


def _sprints(site: Site, scope: str) -> Iterator[Json]:
    """Sprints of scrum boards (others have none), each once although boards share them, with the first such board."""
    seen: set[str] = set()
    for board in _boards(site, scope):
        if board.get("type") != "scrum":
            continue
        for sprint in site.beans(f"{BOARDS}/{board['id']}/sprint", "sprints"):
            if str(sprint.get("id")) not in seen:
                seen.add(str(sprint.get("id")))
                yield {**sprint, "board": board}
