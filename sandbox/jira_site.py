"""The state of a simulated Jira: projects, issues, fields, versions, and the rules for changing them."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sandbox.jira_jql import BadQuery, Query, Row, parse
from sandbox.jira_values import FieldType, Values, option

Json = dict[str, Any]
Product = Literal["cloud", "datacenter"]


NEW_YORK, CHICAGO = ZoneInfo("America/New_York"), ZoneInfo("America/Chicago")
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


@dataclass
class Issue:
    """An issue. `fields` holds wire values; `index` is what search sees of it, which may lag behind."""

    id: int
    key: str
    project: str
    fields: Json
    created: datetime
    updated: datetime
    indexed: datetime | None = None
    """The `updated` that search showed before the last change; None: search did not know the issue."""
    changed_at: datetime | None = None
    former_keys: tuple[str, ...] = ()
    properties: Json = field(default_factory=dict)
    moves: list[tuple[datetime, Json, Json]] = field(default_factory=list)
    """Its way through the workflow: when, from which status, to which."""


@dataclass
class Worklog:
    """Time that somebody logged on an issue."""

    id: int
    issue: int
    author: str
    seconds: int
    started: datetime
    updated: datetime


@dataclass
class Site:
    """One Jira.

    `zone` is the account's zone (JQL reads it), `server_zone` the one that answers are printed in. `lag` is how
    long search does not see a change (eventual consistency). `cap` is the largest page, `window` how far Data
    Center pages. `off_screen` holds (project, field) pairs missing on the edit screen, `no_edit` projects in
    which the account may not edit; `ignored` fields swallow writes. `quiet_refused`: the account does not
    administer projects, so that `notifyUsers=false` fails and properties of projects cannot be set. `epoch`
    false: JQL knows no epoch dates. `withheld` issues are left out of every page although the count announces
    them; `repeating` hands out the same page for ever; `anonymous` answers as if nobody had signed in.
    """

    product: Product
    now: Callable[[], datetime]
    email: str = "portico@fairhaven.example"
    token: str = "sandbox-jira"  # noqa: S105 - opens nothing but this sandbox
    account: str = "712020:5f1c2a8e-portico"
    base_url: str = ""
    """Where people browse; empty: the address that was asked."""
    cloud_id: str = "1324a887-45db-1bf4-1e99-ef0ff456d421"
    scoped: dict[str, frozenset[str]] = field(default_factory=dict)
    """API tokens with scopes."""
    issued: dict[str, tuple[frozenset[str], datetime]] = field(default_factory=dict)
    """Tokens of service accounts: their scopes, and until when each lives."""
    captcha: bool = False
    bulk_refused: bool = False
    """The account has not the global permission to change in bulk."""
    tasks: dict[str, Json] = field(default_factory=dict)
    """Bulk edits by task: how far each is."""
    written: dict[int, list[datetime]] = field(default_factory=dict)
    """When each issue was written to: more than 20 times in two seconds are refused."""
    remaining: int = 99
    """Of a hundred requests so many are left, as every answer says."""
    zone: ZoneInfo = NEW_YORK
    server_zone: ZoneInfo = CHICAGO
    statuses: dict[str, Json] = field(default_factory=dict)
    """By id, as the site has them now; a status that was deleted is missing."""
    log_cap: int = 100
    """So many entries of a changelog come with a search on Data Center, or with a page of Cloud's."""
    lag: timedelta = timedelta(0)
    cap: int = 1000
    window: int = 10_000
    epoch: bool = True
    quiet_refused: bool = False
    anonymous: bool = False
    repeating: bool = False
    short_pages: bool = False
    """Token pages hold fewer than asked for, and now and then nothing at all, before the end."""
    hidden: set[int] = field(default_factory=set)
    """Issues that the account may not see."""
    archived: set[int] = field(default_factory=set)
    """Issues that search does not hold any more, and that a read by id still finds."""
    withheld: int = 0
    warnings: list[str] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    off_screen: set[tuple[str, str]] = field(default_factory=set)
    no_edit: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    fields: dict[str, FieldType] = field(default_factory=dict)
    projects: dict[str, Json] = field(default_factory=dict)
    """By key."""
    issues: dict[int, Issue] = field(default_factory=dict)
    versions: dict[str, list[Json]] = field(default_factory=dict)
    own_contexts: set[str] = field(default_factory=set)
    """Projects for which each field has a context of its own, beside the global one."""
    made: list[tuple[str, ...]] = field(default_factory=list)
    """Options that were made: the context, and their texts."""
    forbidden: str = "\0"
    """Addresses that hold this are answered 403, to the account that we are: it lacks a permission."""
    users: dict[str, str] = field(default_factory=dict)
    """People by account id (Cloud) or user name (Data Center): how each is shown."""
    components: dict[str, list[Json]] = field(default_factory=dict)
    boards: list[Json] = field(default_factory=list)
    estimates: dict[int, str] = field(default_factory=dict)
    """The field in which a board estimates, by board; a board that is not here counts its issues."""
    sprints: dict[int, list[Json]] = field(default_factory=dict)
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Properties of projects, by key."""
    worklogs: dict[int, Worklog] = field(default_factory=dict)
    worklogs_deleted: dict[int, datetime] = field(default_factory=dict)
    write_log: list[Json] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _last: datetime = _BEGINNING

    def stamp(self) -> datetime:
        """The instant of a change: now, to the millisecond, and later than every earlier one."""
        now = self.now()
        now -= timedelta(microseconds=now.microsecond % 1000)
        self._last = max(now, self._last + timedelta(milliseconds=1))
        return self._last

    def add(self, project: str, fields: Json, *, created: datetime | None = None) -> Issue:
        """Creates an issue with the project's next key."""
        numbers = [
            int(each.key.rpartition("-")[2]) for each in self.issues.values() if each.project == project
        ]
        id_ = max(self.issues, default=10_000) + 1
        at = created or self.stamp()
        issue = Issue(id_, f"{project}-{max(numbers, default=0) + 1}", project, dict(fields), at, at)
        issue.changed_at = at
        self.issues[id_] = issue
        return issue

    def edit(self, issue: Issue, fields: Mapping[str, Any]) -> None:
        """Somebody changes fields; the issue is stamped, even if nothing differs (as Jira does)."""
        issue.indexed = self.seen_updated(issue)
        before = issue.fields.get("status")
        issue.fields.update(fields)
        issue.updated = issue.changed_at = self.stamp()
        if before is not None and issue.fields["status"] != before:
            issue.moves.append((issue.updated, before, issue.fields["status"]))

    def delete(self, issue: Issue) -> None:
        """Somebody deletes an issue: no trace remains."""
        del self.issues[issue.id]

    def move(self, issue: Issue, project: str) -> None:
        """Moves an issue to another project: same id, new key, the old key still answers."""
        numbers = [
            int(each.key.rpartition("-")[2]) for each in self.issues.values() if each.project == project
        ]
        issue.former_keys = (*issue.former_keys, issue.key)
        issue.project, issue.key = project, f"{project}-{max(numbers, default=0) + 1}"
        self.edit(issue, {})

    def find(self, id_or_key: str) -> Issue | None:
        """The issue of that id, key or former key."""
        if id_or_key.isdigit():
            found = self.issues.get(int(id_or_key))
        else:
            wanted = id_or_key.upper()
            named = (
                each for each in self.issues.values() if each.key == wanted or wanted in each.former_keys
            )
            found = next(named, None)
        return None if found is None or found.id in self.hidden else found

    def seen_updated(self, issue: Issue) -> datetime | None:
        """The `updated` that search sees; None: search does not know the issue yet."""
        if issue.changed_at is not None and self.now() < issue.changed_at + self.lag:
            return issue.indexed
        return issue.updated

    def search(self, jql: str) -> list[Issue]:
        """The issues that match, in the order asked for. Raises BadQuery."""
        query = parse(jql, self.zone, epoch=self.epoch)
        if self.product == "cloud" and not query.bounded:
            raise BadQuery(
                "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        self._known_projects(jql)
        rows = [
            (issue, row)
            for issue, row in self._rows()
            if issue.id not in self.archived and issue.id not in self.hidden and query.matches(row)
        ]
        return [issue for issue, _ in _sorted(rows, query)]

    def put(self, issue: Issue, body: Mapping[str, Any]) -> Json | None:
        """Sets fields as an edit request asks; returns the error body of a refusal, or None."""
        wanted = body.get("fields") or {}
        for each in body.get("properties") or ():
            issue.properties[each["key"]] = each["value"]
        errors = {name: text for name, value in wanted.items() if (text := self._refusal(issue, name, value))}
        if errors:
            return {"errorMessages": [], "errors": errors}
        kept = {
            name: self.values.stored(self.fields[name], value)
            for name, value in wanted.items()
            if name not in self.ignored
        }
        for name, value in kept.items():
            before = issue.fields.get(name)
            self.write_log.append(
                {"record": str(issue.id), "key": issue.key, "field": name, "before": before, "after": value}
            )
        self.edit(issue, kept)
        return None

    def editable(self, issue: Issue, name: str) -> bool:
        """Whether the account may set the field on this issue."""
        known = self.fields.get(name)
        return (
            known is not None
            and known.editable
            and issue.project not in self.no_edit
            and (issue.project, name) not in self.off_screen
        )

    @property
    def values(self) -> Values:
        """What this site's fields take, and how they keep it."""
        return Values(self.product == "cloud", self.users, self.printed)

    def option(self, name: str, text: str) -> Json:
        """An option of a choice field as Jira shows it."""
        return option(self.fields[name], text)

    def _known_projects(self, jql: str) -> None:
        for group in re.findall(r"project\s+(?:in\s*\(([^)]*)\)|=\s*([^\s)]+))", jql, re.IGNORECASE):
            for name in re.findall(r"[\w-]+", " ".join(group)):
                ids = {each["id"] for each in self.projects.values()}
                if name.upper() not in self.projects and name not in ids:
                    raise BadQuery(f"The value '{name}' does not exist for the field 'project'.")

    def _rows(self) -> Iterator[tuple[Issue, Row]]:
        for issue in self.issues.values():
            updated = self.seen_updated(issue)
            if updated is None:
                continue
            project = self.projects[issue.project]
            yield (
                issue,
                {
                    "project": (issue.project, project["id"], project["name"]),
                    "key": issue.key,
                    "issuekey": issue.key,
                    "id": str(issue.id),
                    "updated": updated,
                    "created": issue.created,
                    "issuetype": issue.fields["issuetype"]["name"],
                    "status": issue.fields["status"]["name"],
                    "statuscategory": issue.fields["status"]["statusCategory"]["name"],
                    "labels": tuple(issue.fields.get("labels") or ()),
                    "parent": (issue.fields.get("parent") or {}).get("key"),
                },
            )

    def _refusal(self, issue: Issue, name: str, value: Any) -> str | None:
        if not self.editable(issue, name):
            return _OFF_SCREEN.format(name)
        return self.values.refused(self.fields[name], value)

    def printed(self, at: datetime) -> str:
        """An instant as Jira prints it: milliseconds, the server zone's offset without a colon."""
        local = at.astimezone(self.server_zone)
        return local.strftime("%Y-%m-%dT%H:%M:%S.") + f"{local.microsecond // 1000:03}" + local.strftime("%z")


def _sorted(rows: list[tuple[Issue, Row]], query: Query) -> list[tuple[Issue, Row]]:
    for name, descending in reversed(query.order):
        rows.sort(key=lambda pair: _rank(pair, name), reverse=descending)
    return rows


def _rank(pair: tuple[Issue, Row], name: str) -> tuple[str, int, str]:
    issue, row = pair
    if name in ("key", "issuekey"):
        project, _, number = issue.key.rpartition("-")
        return project, int(number), ""
    if name == "id":
        return "", issue.id, ""
    value = row.get(name)
    return "", 0, value.isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)
