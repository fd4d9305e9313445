"""What the account may do in a Jira site, proved before the first write: fields, screens, permissions, clock."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import FieldInfo, Finding
from connectors.errors import Invalid, NotFound
from connectors.jira_fields import SEVERAL, WRITABLE, FieldType
from connectors.jira_site import Site, segment

_SKEW_SECONDS = 300
_UNWRITABLE = "Portico does not write {} fields: use text, number, date, date-time, choice or user."


def described(site: Site, carriers: Sequence[str]) -> Sequence[FieldInfo]:
    """The site's issue fields. One is writable if each carrier (without any: the newest issue) lets us set it."""
    metas = {each: _editmeta(site, each) for each in carriers or _newest(site)}
    return [_described(site, each, metas) for each in site.fields.values()]


def screen_fix(site: Site, names: Sequence[str], key: str) -> str:
    """The admin's step that makes fields writable on an issue."""
    shown = ", ".join(f"“{site.fields[each].name}” ({each})" for each in names if each in site.fields)
    where = "Settings → Work items → Screens" if site.server.cloud else "Administration → Issues → Screens"
    project = key.rpartition("-")[0] or key
    return f"Add {shown} to the edit screen of {project} ({where}) and give the account Edit issues there."


def clock(site: Site, now: datetime) -> Iterator[Finding]:
    """A warning if the site's clock and ours differ by more than five minutes."""
    at = site.server.time
    if at is not None and abs((at - now).total_seconds()) > _SKEW_SECONDS:
        text = f"The clock of {site.name} and ours differ by {abs(at - now)}."
        yield Finding("warning", "clock", text, "Set the clocks of both machines by NTP.")


def estimates(site: Site) -> Iterator[Finding]:
    """Where the scrum boards estimate."""
    if site.estimates:
        told = ", ".join(f"{site.fields[id_].name} ({id_}): {count}" for id_, count in site.estimates.items())
        text = f"Scrum boards estimate in {told}. known.storyPoints looks there first."
        yield Finding("info", "estimates", text)


def edit_rights(site: Site, carriers: Sequence[str]) -> Iterator[Finding]:
    """An error for each carrier's project that the account may not see or edit."""
    for project in dict.fromkeys(each.rpartition("-")[0] for each in carriers if "-" in each):
        held = permissions(site, project, "BROWSE_PROJECTS,EDIT_ISSUES")
        if held is None:
            text = f"{site.name} shows no project {project}."
            yield Finding("error", project, text, f"Give the account Browse projects in {project}.")
        elif not held["EDIT_ISSUES"].get("havePermission"):
            text = f"The account may not edit issues of project {project}."
            yield Finding("error", project, text, f"Give it the permission Edit issues in {project}.")


def person_known(site: Site, person: Mapping[str, str]) -> bool:
    """Whether the site may know this person, given as Cloud (`accountId`) or Data Center (`name`) writes one.

    An account that may not browse people (403) cannot tell: then the write itself will.
    """
    params = {"username" if name == "name" else name: value for name, value in person.items()}
    try:
        site.ask("GET", f"{site.api}/user", params=params, ok=(200, 403))
    except (NotFound, Invalid):
        return False
    return True


def options_of(site: Site, key: str) -> Mapping[str, Mapping[str, str]]:
    """Per field of an issue the ids of its options by their texts, as the issue's own project and type have them."""
    return {
        name: {
            str(each.get("value")): str(each["id"])
            for each in meta.get("allowedValues") or ()
            if each.get("id")
        }
        for name, meta in _editmeta(site, key).items()
    }


def quiet_rights(site: Site, carriers: Sequence[str]) -> Iterator[Finding]:
    """A warning for each carrier's project where the account may not keep Jira from mailing watchers."""
    for project in dict.fromkeys(each.rpartition("-")[0] for each in carriers if "-" in each):
        held = permissions(site, project, "ADMINISTER_PROJECTS,ADMINISTER")
        if held is not None and not any((each or {}).get("havePermission") for each in held.values()):
            text = f"The account may not suppress notifications in project {project}: watchers are mailed of each write."
            fix = f"Give it Administer projects in {project}, or take it out of the notification scheme, or set notify: true."
            yield Finding("warning", project, text, fix)


def permissions(site: Site, project: str, names: str) -> Mapping[str, Any] | None:
    """What the account may do in a project, of the named permissions; None if it sees no such project."""
    params = {"projectKey": project, **({"permissions": names} if site.server.cloud else {})}
    try:
        answer = site.ask("GET", f"{site.api}/mypermissions", params=params)
    except (NotFound, Invalid):
        return None
    held = site.document(answer).get("permissions") or {}
    return {name: held.get(name) or {} for name in names.split(",")}


def _editmeta(site: Site, key: str) -> Mapping[str, Any]:
    try:
        answer = site.ask("GET", f"{site.api}/issue/{segment(key)}/editmeta")
    except (NotFound, Invalid):
        return {}
    fields = site.document(answer).get("fields")
    return fields if isinstance(fields, dict) else {}


def _newest(site: Site) -> list[str]:
    path = "/search/jql" if site.server.cloud else "/search"
    body = {"jql": "project is not EMPTY ORDER BY updated DESC", "maxResults": 1, "fields": ["key"]}
    found = site.document(site.read("POST", f"{site.api}{path}", json=body))
    return [str(each.get("key") or each.get("id")) for each in site.rows(found.get("issues"), "issues")]


def _described(site: Site, field: FieldType, metas: Mapping[str, Mapping[str, Any]]) -> FieldInfo:
    shown = [each[field.id] for each in metas.values() if field.id in each]
    lacking = [
        key
        for key, each in metas.items()
        if field.id not in each or "set" not in (each[field.id] or {}).get("operations", ("set",))
    ]
    options = dict.fromkeys(
        str(option.get("value") or option.get("name"))
        for each in shown
        for option in each.get("allowedValues") or ()
    )
    if field.type not in WRITABLE:
        hint = _UNWRITABLE.format(field.type)
    elif not metas:
        hint = "There is no issue to try on: create the issue that write_to names."
    else:
        hint = " ".join(screen_fix(site, [field.id], key) for key in lacking[:3])
    return FieldInfo(
        id=field.id,
        name=field.name,
        type=field.type,
        options=tuple(options),
        writable=not hint,
        required=any(each.get("required") is True for each in shown),
        hint=hint,
        holds=WRITABLE.get(field.type),
        several=field.type in SEVERAL,
    )
