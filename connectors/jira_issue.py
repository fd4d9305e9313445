"""What of an issue is asked for, and the record that it becomes.

A mapping names fields by id (`fields.customfield_10201`), by the name people see (`fields."Gate status"`), by what Jira means by
them (`known.storyPoints`, whatever its id is on this site), or as plain text whatever markup holds it (`text.description`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from connectors.base import BadRow, Plain, SourceRecord, Stream
from connectors.errors import StopConnection
from connectors.jira_fields import FieldType, decode, instant
from connectors.jira_history import with_expanded_changes
from connectors.jira_lookup import bulk
from connectors.jira_site import Json, Site
from connectors.jira_text import text_of

_BASICS = ("summary", "status", "issuetype", "project", "created", "updated")
_PATH = re.compile(r'\bfields\.(?:"([^"]+)"|([^."|&=\[\])]+))')
_ASIDE = re.compile(r"\b(known|text)\.(\w+)")
_HISTORY = re.compile(r"\bstatusChanges\b")
_ID = re.compile(r"[a-z]\w*")
_KNOWN: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "storyPoints": ((":jsw-story-points",), ("story points", "story point estimate")),
    "epicLink": ((":gh-epic-link", ":jpo-custom-field-parent"), ()),
    "sprint": ((":gh-sprint",), ()),
    "flagged": ((), ("flagged",)),
}
"""Per meaning: how Jira's key of the field's type ends, and else the names that Jira gives the field itself."""
_EPICS = 1000
"""So many epics are remembered at a time."""
_POINTS = "storyPoints"
_BLOCKED_BY = "blockedBy"
"""The keys of the issues that block this one and are not done, as one text."""


class Asked:
    """The fields of one stream: `fields` to ask for by id, `history` whether the changelog is needed.

    `estimates` are the fields in which boards estimate: story points are looked for there first.
    """

    def __init__(self, site: Site, stream: Stream, estimates: Sequence[str] = ()) -> None:
        self._site = site
        self._stream = stream
        self._types = site.fields if stream.owned else {}
        self._epics: dict[str, str | None] = {}
        paths = [(quoted or plain).strip() for path in stream.fields for quoted, plain in _PATH.findall(path)]
        aside = {found for path in stream.fields for found in _ASIDE.findall(path)}
        self._known = {name: _known(site, name, estimates) for kind, name in sorted(aside) if kind == "known"}
        self._texts = tuple(sorted(name for kind, name in aside if kind == "text"))
        self._named = {
            name: _named(site, name) for name in paths if not _ID.fullmatch(name) and name not in site.fields
        }
        self.history = any(_HISTORY.search(path) for path in stream.fields)
        ids = [each for each in paths if each not in self._named]
        ids += [each for some in (*self._known.values(), self._named.values()) for each in some]
        self.fields = (
            list(dict.fromkeys([*_BASICS, *ids, *self._texts, *stream.owned])) if stream.fields else ["*all"]
        )

    @property
    def what(self) -> Json:
        """What a search of Data Center is to give of each issue."""
        return {"fields": self.fields, **({"expand": ["changelog"]} if self.history else {})}

    def blocked_ids(self, issues: Sequence[Json]) -> set[str]:
        """The issues that these block, if the mapping asks who is blocked."""
        if _BLOCKED_BY not in self._known:
            return set()
        return {
            str(other["id"])
            for each in issues
            for link in (each.get("fields") or {}).get("issuelinks") or ()
            if (other := link.get("outwardIssue")) and other.get("id") and _blocks(link)
        }

    def epics(self, issues: Sequence[Json]) -> None:
        """Learns the ids of the epics of these issues (Data Center: an issue names its epic by key)."""
        named = {key for each in issues if (key := self._epic(each.get("fields") or {}))}
        keys = named - self._epics.keys()
        if not keys or self._site.server.cloud:
            return
        if len(self._epics) > _EPICS:
            self._epics = {key: id_ for key, id_ in self._epics.items() if key in named}
        found = {
            str(each.get("key")): str(each.get("id")) for each in bulk(self._site, sorted(keys), ["summary"])
        }
        self._epics |= {key: found.get(key) for key in keys}

    def record(self, issue: Json) -> SourceRecord | BadRow:
        """The record of an issue; BadRow for one without an id or an instant of change."""
        id_, created, updated = issue.get("id"), instant_of(issue, "created"), instant_of(issue, "updated")
        if not id_ or updated is None:
            found = str((issue.get("fields") or {}).get("updated"))
            return BadRow(str(id_ or ""), "updated", found, "the issue has no id or no instant of change")
        return SourceRecord(
            id=str(id_),
            body=self._body(issue),
            key=str(issue.get("key") or "") or None,
            url=browse(self._site, issue),
            created_at=created,
            updated_at=updated,
            owned=values(issue, self._stream.owned, self._types),
        )

    def _body(self, issue: Json) -> Json:
        if self.history and not self._site.server.cloud:
            issue = with_expanded_changes(self._site, issue)
        held: Json = issue.get("fields") or {}
        body = dict(issue)
        if self._named:
            body["fields"] = {**held, **{name: _first(held, ids) for name, ids in self._named_ids()}}
        if self._known:
            body["known"] = {name: self._meant(name, held) for name in self._known}
        if self._texts:
            body["text"] = {name: text_of(held.get(name)) for name in self._texts}
        return body

    def _named_ids(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        return [(name, (id_,)) for name, id_ in self._named.items()]

    def _meant(self, name: str, held: Json) -> object:
        if name == _BLOCKED_BY:
            return ", ".join(_blockers(held)) or None
        if name != "epicLink":
            return _first(held, self._known[name])
        key = self._epic(held)
        return {"key": key, "id": self._epics.get(key)} if key and not self._site.server.cloud else None

    def _epic(self, held: Json) -> str | None:
        key = _first(held, self._known.get("epicLink", ()))
        if isinstance(key, Mapping):
            key = (key.get("data") or {}).get("key")
        return key if isinstance(key, str) else None


def values(issue: Json, names: Sequence[str], types: Mapping[str, FieldType]) -> dict[str, Plain]:
    """The plain values of an issue's fields."""
    fields = issue.get("fields") or {}
    return {each: decode(fields.get(each), types[each].type if each in types else "any") for each in names}


def browse(site: Site, issue: Json) -> str | None:
    """Where people see an issue."""
    return f"{site.server.url}/browse/{issue['key']}" if issue.get("key") else None


def instant_of(issue: Json, name: str) -> datetime | None:
    """An instant among an issue's fields."""
    fields = issue.get("fields")
    return instant(fields.get(name)) if isinstance(fields, Mapping) else None


def _blockers(held: Json) -> Iterator[str]:
    for link in held.get("issuelinks") or ():
        other = link.get("inwardIssue")
        if not other or not _blocks(link):
            continue
        status = (other.get("fields") or {}).get("status") or {}
        if (status.get("statusCategory") or {}).get("key") != "done":
            yield str(other.get("key"))


def _blocks(link: Json) -> bool:
    kind = link.get("type") or {}
    return kind.get("name") == "Blocks" or kind.get("inward") == "is blocked by"


def estimated(site: Site, stream: Stream) -> Sequence[str]:
    """The fields in which the site's boards estimate, if the mapping asks for story points."""
    asks = any(_ASIDE.search(path) and _POINTS in path for path in stream.fields)
    return list(site.estimates) if asks else []


def _known(site: Site, name: str, estimates: Sequence[str]) -> tuple[str, ...]:
    """The fields that may hold what is meant; team-managed projects have a story point field of their own."""
    if name == _BLOCKED_BY:
        return ("issuelinks",)
    kinds, names = _KNOWN.get(name, ((), ()))
    found = list(estimates) if name == _POINTS else []
    found += [each.id for each in site.fields.values() if each.custom.endswith(kinds or ("\0",))]
    found += [each.id for each in site.fields.values() if each.custom and each.name.casefold() in names]
    return tuple(dict.fromkeys(found))


def _named(site: Site, name: str) -> str:
    """The id of the one field of that name. Raises StopConnection if there is none, or more than one."""
    found = [each.id for each in site.fields.values() if each.name.casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    if not found:
        text = f"{site.name} shows no field called {name!r}."
        raise StopConnection(text, fix="Correct the name in map, or let the account see the field.")
    text = f"{site.name} has {len(found)} fields called {name!r}: {', '.join(found)}."
    raise StopConnection(text, fix=f"Name the one you mean by its id in map: fields.{found[0]}.")


def _first(held: Json, ids: Sequence[str]) -> object:
    return next((held[each] for each in ids if held.get(each) is not None), None)
