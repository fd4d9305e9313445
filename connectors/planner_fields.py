"""Fields that Portico writes on a Planner task, plain and on the wire, and the mark that a task is ours.

| field | plain value | part |
| --- | --- | --- |
| `title` | text, 1 to 255 characters | task |
| `percentComplete` | whole number 0 to 100 | task |
| `priority` | whole number 0 (urgent) to 10 | task |
| `startDateTime`, `dueDateTime` | day | task |
| `categories:categoryN,categoryM,…` | the one of these labels that is on, None: none of them | task |
| `details.description` | text | details |
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from connectors.base import Plain
from connectors.errors import Invalid

Json = dict[str, Any]

CATEGORIES = tuple(f"category{number}" for number in range(1, 26))
CHOICE = "categories:"
DESCRIPTION = "details.description"
LONGEST_TITLE = 255
LONGEST_DESCRIPTION = 4000
REFERENCE_TYPE = "microsoft.graph.plannerExternalReference"
NUMBERS = {"percentComplete": 100, "priority": 10}
DAYS = ("startDateTime", "dueDateTime")
PLAIN_FIELDS = ("title", *NUMBERS, *DAYS, DESCRIPTION)
_MARK = "#portico-status"
_ENCODED = {"%": "%25", ".": "%2E", ":": "%3A", "@": "%40", "#": "%23"}
READ_FIELDS = (
    "id",
    "planId",
    "bucketId",
    "createdDateTime",
    "completedDateTime",
    "assignments",
    "appliedCategories",
    "checklistItemCount",
    "activeChecklistItemCount",
    "details.checklist",
    "details.references",
    "plan.title",
    "bucket.name",
    "labels",
    "people",
)
"""What a task holds that Portico only reads."""


def choices(name: str) -> tuple[str, ...]:
    """The labels of a `categories:` field. Raises `Invalid` if one of them is no label."""
    slots = tuple(each.strip() for each in name.removeprefix(CHOICE).split(","))
    wrong = [each for each in slots if each not in CATEGORIES]
    if wrong:
        text = f"{wrong[0]!r} is not a label of Planner"
        raise Invalid(text, fix="Use category1 to category25 in the configuration's write section.")
    return slots


def shown(name: str, task: Json, details: Json, zone: tzinfo) -> Plain:
    """What a field shows now, as a plain value; several labels of a choice are joined by commas."""
    if name.startswith(CHOICE):
        applied = task.get("appliedCategories") or {}
        return ",".join(each for each in choices(name) if applied.get(each)) or None
    if name == DESCRIPTION:
        return _lines(details.get("description")) or None
    if name not in PLAIN_FIELDS:
        raise Invalid(f"{name!r} is not a field of a Planner task that can be written", fix=_USE_THESE)
    value = task.get(name)
    if value is None or value == "":
        return None
    if name in NUMBERS:
        return Decimal(value)
    if name in DAYS:
        moment = instant(value)
        return moment.astimezone(zone).date().isoformat() if moment else str(value)
    return str(value)


def change(name: str, value: Plain, task: Json, zone: tzinfo) -> Json:
    """The smallest body that makes a field show `value`: other labels of the task are not named in it.

    For `details.description` it belongs to the details, else to the task. Raises `Invalid` with the fix.
    """
    if name.startswith(CHOICE):
        return {"appliedCategories": _labels(name, value, task)}
    if name == DESCRIPTION:
        return {"description": _text(name, value, LONGEST_DESCRIPTION)}
    if name == "title":
        text = _text(name, value, LONGEST_TITLE)
        if not text.strip():
            raise Invalid(
                "A task needs a title", fix="Give the figure that fills `title` a text for unknown."
            )
        return {name: text}
    if name in NUMBERS:
        return {name: _whole(name, value)}
    if name in DAYS:
        return {name: _noon(name, value, zone)}
    raise Invalid(f"{name!r} is not a field of a Planner task that can be written", fix=_USE_THESE)


def reference_key(url: str) -> str:
    """An address as Planner keys its references: `%`, `.`, `:`, `@`, `#` percent-encoded, slashes not."""
    return "".join(_ENCODED.get(each, each) for each in url)


def reference_url(key: str) -> str:
    """The address that a reference's key stands for."""
    return unquote(key)


def marker(portal_url: str, project: str) -> str:
    """The address that marks a status task as the one of `project`, and leads people to its page."""
    return f"{portal_url.rstrip('/')}/projects/{quote(project, safe='')}{_MARK}"


def marked_for(details: Json) -> str | None:
    """The project whose status task this is by its references, None for any other task.

    Only the end of the address counts, so a portal that moved to another host still knows its tasks.
    """
    for key in details.get("references") or {}:
        found = re.search(rf"/projects/([^/?#]+){re.escape(_MARK)}$", reference_url(key))
        if found:
            return unquote(found[1])
    return None


def new_reference(url: str, alias: str) -> Mapping[str, Json]:
    """A reference to add to a task's details."""
    return {reference_key(url): {"@odata.type": REFERENCE_TYPE, "alias": alias, "type": "Other"}}


_USE_THESE = f"Use categories:category1,… or one of {', '.join(PLAIN_FIELDS)}."


def _lines(text: object) -> str:
    return str(text or "").replace("\r\n", "\n").replace("\r", "\n").strip()


def _text(name: str, value: Plain, longest: int) -> str:
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{name} takes text, not {value!r}", fix=f"Map another figure to {name}.")
    text = _lines(value)
    if len(text) > longest:
        raise Invalid(f"{name} takes at most {longest} characters, not {len(text)}", fix="Shorten the text.")
    return text


def _whole(name: str, value: Plain) -> int:
    highest = NUMBERS[name]
    if not isinstance(value, Decimal) or value != value.to_integral_value() or not 0 <= value <= highest:
        raise Invalid(
            f"{name} takes a whole number from 0 to {highest}, not {value}",
            fix=f"Map such a figure to {name}.",
        )
    return int(value)


def _noon(name: str, value: Plain, zone: tzinfo) -> str | None:
    if value is None:
        return None
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise Invalid(
            f"{name} takes a day, not {value!r}", fix=f"Map a figure to {name} that is a day."
        ) from None
    return datetime.combine(day, time(12), zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _labels(name: str, value: Plain, task: Json) -> Json:
    slots = choices(name)
    if value is not None and value not in slots:
        raise Invalid(f"{value!r} is none of the labels of {name}", fix="Check `values` of this field.")
    applied = task.get("appliedCategories") or {}
    off = {each: False for each in slots if applied.get(each) and each != value}
    on = {} if value is None or applied.get(str(value)) else {str(value): True}
    return {**off, **on}


def instant(text: object) -> datetime | None:
    """An instant of the wire as aware UTC, None where there is none that can be read."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except ValueError:
        return None
