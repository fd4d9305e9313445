"""Walking through the issues of a scope: which JQL, which pages, and how far the cursor may move.

The cursor is the newest `updated` (epoch milliseconds) below which nothing can be missing. It never passes
an issue that changed while the walk went on, and until the walk ends it stays `overlap` behind the start,
since the search index may lag. The next walk starts `overlap` before the cursor.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.ahead import Guesses
from connectors.answers import CHECK_ADDRESS
from connectors.errors import ContractBroken, Invalid, NotFound, StopConnection, Unavailable
from connectors.jira_fields import instant
from connectors.jira_site import Json, Site

_ORDER = " ORDER BY updated ASC, key ASC"
_STEPS_BACK = 50
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Step:
    """Some issues of a walk: whole on Data Center, bare ids on Cloud. `complete` counts on the last step."""

    issues: Sequence[Json]
    at: datetime
    last: bool
    complete: bool


class Reach:
    """How far the cursor may move: `sure` while the walk goes on, `final` once it has ended."""

    def __init__(self, before: int | None, overlap_seconds: int) -> None:
        self._overlap = overlap_seconds * 1000
        self._started: int | None = None
        self._sure = before
        self._final = before

    def begin(self, at: datetime) -> None:
        """The server's clock at the first answer; later calls change nothing."""
        if self._started is None:
            self._started = milliseconds(at)

    def saw(self, updated: datetime) -> None:
        """An issue was read."""
        at = milliseconds(updated)
        if self._started is not None and at <= self._started:
            self._final = at if self._final is None else max(self._final, at)
            if at <= self._started - self._overlap:
                self._sure = at if self._sure is None else max(self._sure, at)

    @property
    def sure(self) -> int | None:
        """Where a walk that stops now may resume."""
        return self._sure

    @property
    def final(self) -> int | None:
        """Where the next walk may begin after this one has ended."""
        return self._final


def milliseconds(at: datetime) -> int:
    """Epoch milliseconds."""
    return int(at.timestamp() * 1000)


def query(site: Site, scope: str, since: int | None, dates: str) -> str:
    """The JQL of a scope from `since` on; never without a restriction, which Cloud would refuse."""
    if "order by" in " ".join(scope.lower().split()):
        raise StopConnection(f"{site.name}: the scope holds ORDER BY.", fix="Remove ORDER BY from scope.")
    parts = [f"({scope})" if scope.strip() else "project is not EMPTY"]
    if since is not None:
        parts.append(f"updated >= {since if dates == 'epoch' else wall_minute(since, site.server.zone)}")
    return " AND ".join(parts) + _ORDER


def wall_minute(since: int, zone_name: str) -> str:
    """A JQL date in the account's zone, down to the minute; an hour earlier where an hour comes twice."""
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError):
        raise StopConnection(
            f"The account's time zone {zone_name!r} is unknown.",
            fix="Set the account's time zone in its Jira profile.",
        ) from None
    at = datetime.fromtimestamp(since / 1000, UTC)
    local = at.astimezone(zone)
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        local = (at - timedelta(hours=1)).astimezone(zone)
    return f'"{local:%Y-%m-%d %H:%M}"'


def dates_of(site: Site, scope: str) -> str:
    """`epoch` where JQL understands epoch milliseconds, proved by two counts; else `minute`.

    Epoch dates are free of the account's time zone, but not documented: tomorrow must hold nothing, and the
    epoch all.
    """
    now = site.server.time or site.time_of(site.read("GET", f"{site.api}/serverInfo"))
    tomorrow = milliseconds(now) + 2 * _DAY_MS
    every = f"({scope})" if scope.strip() else "project is not EMPTY"
    try:
        later, ever = (_count(site, f"{every} AND updated >= {bound}") for bound in (tomorrow, 0))
    except (Invalid, NotFound, ContractBroken):
        return "minute"
    return "epoch" if later == 0 and ever > 0 else "minute"


def _count(site: Site, jql: str) -> int:
    if site.server.cloud:
        answer = site.ask("POST", f"{site.api}/search/approximate-count", json={"jql": jql}, idempotent=True)
        found = site.document(answer).get("count")
    else:
        answer = site.ask("POST", f"{site.api}/search", json={"jql": jql, "maxResults": 0}, idempotent=True)
        found = site.document(answer).get("total")
    if not isinstance(found, int):
        raise ContractBroken(f"{site.name} answered no count.", fix=CHECK_ADDRESS)
    return found


def cloud_walk(site: Site, jql: str, size: int) -> Iterator[Step]:
    """Pages of bare ids until `isLast` or until no token comes; a warning makes the walk incomplete."""
    token: str | None = None
    tokens: set[str] = set()
    while True:
        body: dict[str, Any] = {"jql": jql, "maxResults": size, "fields": ["id"]}
        if token is not None:
            body["nextPageToken"] = token
        answer = site.read("POST", f"{site.api}/search/jql", json=body)
        found = site.document(answer)
        issues = site.rows(found.get("issues"), "issues")
        token = found.get("nextPageToken") or None
        ended = found.get("isLast") is True or token is None
        broken = bool(found.get("warnings")) or (token is None and found.get("isLast") is False)
        yield Step(issues, site.time_of(answer), last=ended, complete=not broken)
        if ended or token is None:
            return
        if token in tokens:
            raise ContractBroken(
                f"{site.name} gave the same page token twice.", fix="Tell Atlassian; try again later."
            )
        tokens.add(token)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Ids to fetch in one request, whether they are the walk's last, and whether it was complete."""

    ids: Sequence[str]
    last: bool
    complete: bool


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of a search by offset, the number of all hits, and the server's clock."""

    issues: Sequence[Json]
    total: int
    clock: datetime


def _hits(site: Site, jql: str, start: int, size: int, what: Json) -> Hits:
    body = {"jql": jql, "startAt": start, "maxResults": size, **what}
    answer = site.read("POST", f"{site.api}/search", json=body)
    found = site.document(answer)
    issues, total = site.rows(found.get("issues"), "issues"), found.get("total")
    if not isinstance(total, int):
        raise ContractBroken(f"{site.name} announced no total.", fix=CHECK_ADDRESS)
    return Hits(issues, total, site.time_of(answer))


def offset_walk(
    site: Site,
    jql: Callable[[int | None], str],
    since: int | None,
    what: Json,
    size: int,
    window: int,
    reach: Reach,
    workers: int = 1,
) -> Iterator[Step]:
    """Pages by offset over an order that moves while it is read, up to `workers` of them ahead of the walk.

    `what` names the `fields` of each issue, and what else to `expand`.

    Each page begins with the issue that the last one ended with; if another stands there, issues have left
    the part that was read, and the walk steps back until it stands on known ground. It does not matter which page was
    asked for first: an issue that is not edited keeps its place among the others. Past `window` hits the walk
    begins anew from the newest `updated` that is sure, and forgets what lies before it, so that no more than a window's
    issues are ever remembered. Incomplete if fewer issues came than the first answer announced, or in the last
    window than that one's first answer did.
    """

    def hits(place: tuple[str, int]) -> Hits:
        return _hits(site, *place, size, what)

    with Guesses(hits, workers, site.name) as pages:
        yield from _offsets(site, jql, since, size, window, reach, pages, workers)


def _offsets(
    site: Site,
    jql: Callable[[int | None], str],
    since: int | None,
    size: int,
    window: int,
    reach: Reach,
    pages: Guesses[tuple[str, int], Hits],
    workers: int,
) -> Iterator[Step]:
    known: dict[str, str] = {}
    here: set[str] = set()
    asked = jql(since)
    start = stood = steps_back = count = 0
    before: list[tuple[str, str]] = []
    announced: int | None = None
    announced_here: int | None = None
    guessed = range(0)
    while True:
        if start + size > window:
            asked, start, guessed = _narrowed(site, jql, asked, reach), 0, range(0)
            known, here, announced_here = _not_before(known, reach.sure), set(), None
        found = pages.get((asked, start), [(asked, each) for each in guessed if each + size <= window])
        issues, total, clock = found.issues, found.total, found.clock
        announced = total if announced is None else announced
        announced_here = total if announced_here is None else announced_here
        reach.begin(clock)
        page = [(str(each.get("id")), _updated(each)) for each in issues]
        if len(page) > 1 and page == before and start > stood:
            raise ContractBroken(f"{site.name} gave the same page twice.", fix="Try again later.")
        before, stood = page, start
        stands = start == 0 or (bool(page) and known.get(page[0][0]) == page[0][1])
        fresh = [each for each, (id_, at) in zip(issues, page, strict=True) if known.get(id_) != at]
        if not stands:
            start, steps_back = max(0, start - max(1, size - 1)), steps_back + 1
            guessed = range(0)
            if steps_back > _STEPS_BACK:
                raise Unavailable(f"{site.name} changes faster than it can be read.", fix="Try again later.")
            continue
        steps_back = 0 if fresh else steps_back
        count += sum(1 for id_, _ in page if id_ not in known)
        known.update(page)
        here.update(id_ for id_, _ in page)
        for each in fresh:
            if (updated := instant(_updated(each))) is not None:
                reach.saw(updated)
        alone = len(issues) == 1
        last = not issues or start + len(issues) >= total or alone
        if fresh or last:
            complete = count >= announced and len(here) >= announced_here
            yield Step(fresh, clock, last=last, complete=complete)
        if last:
            return
        stride = len(issues) - 1
        start += stride
        guessed = range(start + stride, total, stride)[: workers - 1]


def _narrowed(site: Site, jql: Callable[[int | None], str], asked: str, reach: Reach) -> str:
    narrower = jql(reach.sure)
    if narrower == asked:
        text = f"{site.name} cannot page further: too many issues changed at the same instant."
        raise ContractBroken(text, fix="Split scope into several reads, one per project.")
    return narrower


def _not_before(known: Mapping[str, str], since: int | None) -> dict[str, str]:
    return {
        id_: updated
        for id_, updated in known.items()
        if since is None or (at := instant(updated)) is None or milliseconds(at) >= since
    }


def _updated(issue: Json) -> str:
    fields = issue.get("fields")
    return str(fields.get("updated") or "") if isinstance(fields, Mapping) else ""
