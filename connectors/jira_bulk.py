"""The bulk edit of Jira Cloud: one value for up to a thousand issues, done by a task whose end is waited for.

It needs the global permission *Bulk change*; at most five run at a time in a tenant, and Jira mails watchers unless told not to.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.errors import Invalid, Unavailable
from connectors.jira_fields import FieldType
from connectors.jira_site import Json, Site, segment

ALONE = 50
"""Up to so many issues are written one by one."""
TASK_SIZE = 1000
_SECONDS = 2.0
_LOOKS = 300
_ENDED = frozenset({"COMPLETE", "FAILED", "CANCELLED", "DEAD"})


def edited(wired: Mapping[str, Any], types: Mapping[str, FieldType]) -> dict[str, list[Json]] | None:
    """The changes in the words of a bulk edit; None if it has none for one of them (a field to clear, an unknown type)."""
    found: dict[str, list[Json]] = {}
    for name, value in wired.items():
        shape = _shape(name, types[name].type, value)
        if shape is None:
            return None
        found.setdefault(shape[0], []).append(shape[1])
    return found


def run_bulk(
    site: Site, ids: Sequence[str], body: Json, *, notify: bool, sleep: Callable[[float], None]
) -> Mapping[str, str] | None:
    """Edits the issues and waits for the end: what failed, by id. None if the edit was refused as a whole.

    Raises Retry when the end is not to be seen: then the edit may have been applied.
    """
    fields = [each["fieldId"] for some in body.values() for each in some]
    asked = {
        "selectedIssueIdsOrKeys": list(ids),
        "selectedActions": fields,
        "editedFieldsInput": body,
        "sendBulkNotification": notify,
    }
    answer = site.ask("POST", f"{site.api}/bulk/issues/fields", json=asked, ok=(200, 201, 400, 403))
    if answer.status in (400, 403):
        return None
    task = str(site.document(answer).get("taskId") or "")
    try:
        path = f"{site.api}/bulk/queue/{segment(task)}"
    except Invalid:
        raise Unavailable(
            f"{site.name} named no task of a bulk edit.", fix="The next run compares."
        ) from None
    for _ in range(_LOOKS):
        sleep(_SECONDS)
        found = site.document(site.read("GET", path))
        if found.get("status") in _ENDED:
            errors = found.get("failedAccessibleIssues") or {}
            return {str(id_): " ".join(map(str, said)) or "not edited" for id_, said in errors.items()}
    raise Unavailable(f"The bulk edit {task} of {site.name} does not end.", fix="The next run compares.")


def _shape(name: str, type_: str, value: Any) -> tuple[str, Json] | None:
    if type_ == "number":
        return "clearableNumberFields", {"fieldId": name, **({} if value is None else {"value": value})}
    if value is None:
        return None
    if type_ == "text":
        return "singleLineTextFields", {"fieldId": name, "text": value}
    if type_ == "rich text":
        return "richTextFields", {"fieldId": name, "richText": {"adfValue": value}}
    if type_ == "option" and "id" in value:
        return "singleSelectFields", {"fieldId": name, "option": {"optionId": int(value["id"])}}
    if type_ == "date":
        return "datePickerFields", {"fieldId": name, "date": {"formattedDate": value}}
    if type_ == "datetime":
        return "dateTimePickerFields", {"fieldId": name, "dateTime": {"formattedDateTime": value}}
    return None
