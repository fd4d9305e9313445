"""The rules of the simulated Planner: which fields a body may name, how open types merge, what is refused."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Json = dict[str, Any]

LIMITS = {
    "MaximumTasksInProject": 9000,
    "MaximumActiveTasksInProject": 2400,
    "MaximumBucketsInProject": 200,
    "MaximumChecklistItemsOnTask": 20,
    "MaximumReferencesOnTask": 10,
}
CATEGORIES = tuple(f"category{number}" for number in range(1, 26))
TASK_FIELDS = {
    "title", "bucketId", "percentComplete", "priority", "startDateTime", "dueDateTime", "assignments",
    "appliedCategories", "orderHint", "assigneePriority", "conversationThreadId", "planId",
}  # fmt: skip
DETAILS_FIELDS = {"description", "checklist", "references", "previewType"}
ITEM_TYPES = {
    "checklist": "#microsoft.graph.plannerChecklistItem",
    "references": "#microsoft.graph.plannerExternalReference",
    "assignments": "#microsoft.graph.plannerAssignment",
}


class Refusal(Exception):
    """An answer other than success: HTTP status, Graph error code, message, extra headers."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


NEW_TASK: Json = {
    "bucketId": None,
    "title": "",
    "orderHint": "",
    "assigneePriority": "",
    "percentComplete": 0,
    "startDateTime": None,
    "dueDateTime": None,
    "hasDescription": False,
    "previewType": "automatic",
    "completedDateTime": None,
    "completedBy": None,
    "referenceCount": 0,
    "checklistItemCount": 0,
    "activeChecklistItemCount": 0,
    "conversationThreadId": None,
    "priority": 5,
}
NEW_ITEM: dict[str, Json] = {
    "checklist": {"isChecked": False, "title": ""},
    "references": {"alias": None, "type": None},
    "assignments": {},
}


def copied(value: Any) -> Any:
    """A deep copy of JSON-like dicts."""
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return value


def check_fields(body: Json, known: set[str]) -> None:
    """Refuses a body that names a field which is not known."""
    for name in body:
        if name not in known and not name.startswith("@odata."):
            raise Refusal(400, "", f"The property '{name}' does not exist or cannot be written.")


def instant_or_none(text: Any) -> datetime | None:
    """The instant that a wire text means; refuses what is none."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise Refusal(
            400, "", f"Cannot convert the literal '{text}' to the type 'Edm.DateTimeOffset'."
        ) from error


def merge_categories(current: Json, change: Any) -> None:
    """Merges an open type of labels into `current`: true sets, false removes."""
    for name, value in dict(change).items():
        if name.startswith("@odata."):
            continue
        if name not in CATEGORIES or not isinstance(value, bool):
            raise Refusal(
                400, "", f"The category '{name}' must be category1 to category25 with a boolean value."
            )
        if value:
            current[name] = True
        else:
            current.pop(name, None)


def merge_items(current: Json, change: Any, kind: str) -> None:
    """Merges an open type of items into `current`: null removes, `@odata.type` must be given."""
    for key, value in dict(change).items():
        if kind == "references" and re.search(r"[.:@#]", key):
            raise Refusal(400, "", f"The reference key '{key}' is not encoded.")
        if value is None:
            current.pop(key, None)
            continue
        if str(value.get("@odata.type", "")).lstrip("#") != ITEM_TYPES[kind].lstrip("#"):
            raise Refusal(400, "", f"The type of the item '{key}' must be given as {ITEM_TYPES[kind]}.")
        current[key] = {**NEW_ITEM[kind], **current.get(key, {}), **value, "@odata.type": ITEM_TYPES[kind]}


def check_task(task: Json) -> None:
    """Refuses a task whose title, numbers or dates the service does not accept."""
    if not isinstance(task["title"], str) or not 0 < len(task["title"]) <= 255:
        raise Refusal(400, "", "The field Title must be a string with a length of 1 to 255.")
    for name, highest in (("percentComplete", 100), ("priority", 10)):
        if type(task[name]) is not int or not 0 <= task[name] <= highest:
            raise Refusal(400, "", f"The field {name} must be between 0 and {highest}.")
    start, due = (instant_or_none(task[name]) for name in ("startDateTime", "dueDateTime"))
    if start and due and start > due:
        raise Refusal(400, "", "The start date must not be after the due date.")
