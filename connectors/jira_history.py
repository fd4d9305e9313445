"""An issue's way through its workflow, out of Jira's changelog: asked for only where the mapping reads `statusChanges`.

Each change: `at`, `from` and `to` (id, name and category as the site has them now, so that a renamed status keeps its meaning),
and `seconds`, the time spent in `from`. Oldest first. Cloud gives changelogs in bulk, by token, an instant as epoch
number or text; Data Center gives them with the search, and has no way to page them: a changelog that was cut
is unknown (None), never a shorter truth.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.answers import CHECK_ADDRESS
from connectors.errors import ContractBroken
from connectors.jira_fields import instant, plain_instant
from connectors.jira_site import Json, Site

_AT_ONCE = 10_000
_MILLISECONDS_FROM = 100_000_000_000
"""A number from here on counts milliseconds: as seconds it would lie beyond the year 5000."""


def with_changes(site: Site, issues: Sequence[Json]) -> Sequence[Json]:
    """The issues of a Cloud page with their `statusChanges`, by one bulk request or as many as its tokens ask for."""
    if not issues:
        return issues
    found: dict[str, list[Json]] = {}
    for each in _logs(site, [str(issue.get("id")) for issue in issues]):
        found.setdefault(str(each.get("issueId")), []).extend(each.get("changeHistories") or ())
    return [
        {**issue, "statusChanges": _changes(site, issue, found.get(str(issue.get("id")), []))}
        for issue in issues
    ]


def with_expanded_changes(site: Site, issue: Json) -> Json:
    """An issue of Data Center with its `statusChanges` in place of the changelog that it came with."""
    log = issue.get("changelog")
    rest = {name: value for name, value in issue.items() if name != "changelog"}
    histories = log.get("histories") if isinstance(log, Mapping) else None
    if not isinstance(histories, list) or int(log.get("total") or 0) > len(histories):  # type: ignore[union-attr]
        return {**rest, "statusChanges": None}
    return {**rest, "statusChanges": _changes(site, issue, histories)}


def _logs(site: Site, ids: Sequence[str]) -> Iterator[Json]:
    body: dict[str, Any] = {"issueIdsOrKeys": list(ids), "fieldIds": ["status"], "maxResults": _AT_ONCE}
    tokens: set[str] = set()
    while True:
        found = site.document(site.read("POST", f"{site.api}/changelog/bulkfetch", json=body))
        yield from site.rows(found.get("issueChangeLogs"), "changelogs")
        token = found.get("nextPageToken")
        if not token:
            return
        if token in tokens:
            raise ContractBroken(f"{site.name} gave the same changelog token twice.", fix=CHECK_ADDRESS)
        tokens.add(token)
        body["nextPageToken"] = token


def _changes(site: Site, issue: Json, histories: Sequence[Json]) -> list[Json]:
    moves = [
        (at, str(history.get("id") or ""), item)
        for history in {str(each.get("id")): each for each in histories}.values()
        if (at := _at(history.get("created"))) is not None
        for item in history.get("items") or ()
        if (item.get("fieldId") or str(item.get("field")).casefold()) == "status"
    ]
    moves.sort(key=lambda move: (move[0], len(move[1]), move[1]))
    found: list[Json] = []
    since = instant((issue.get("fields") or {}).get("created"))
    for at, _, item in moves:
        spent = None if since is None else max(0, int((at - since).total_seconds()))
        found.append({
            "at": plain_instant(at), "seconds": spent,
            "from": _status(site, item.get("from"), item.get("fromString")),
            "to": _status(site, item.get("to"), item.get("toString")),
        })  # fmt: skip
        since = at
    return found


def _status(site: Site, id_: object, shown: object) -> Json:
    known = site.statuses.get(str(id_))
    return known or {"id": id_, "name": shown, "category": None}


def _at(created: object) -> datetime | None:
    if isinstance(created, int):
        seconds = created / 1000 if created >= _MILLISECONDS_FROM else created
        return datetime.fromtimestamp(seconds, UTC)
    return instant(created)
