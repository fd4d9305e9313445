"""Puts the invented city into a tenant: a group per department, a plan per project that works in Planner."""

import uuid
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from sandbox.city import City, Person, Project, WorkItem
from sandbox.graph_planner import Tenant
from sandbox.graph_rules import CATEGORIES, ITEM_TYPES, Json

PRIORITIES = {"high": 3, "medium": 5, "low": 9}
PERCENT = {"todo": 0, "in_progress": 50, "done": 100}
STATUS_LABELS = {"category10": "Green", "category11": "Amber", "category12": "Red"}
BLOCKED = "Blocked"
TEAM_CATEGORIES = tuple(each for each in CATEGORIES if each not in STATUS_LABELS)


def fill(tenant: Tenant, city: City) -> None:
    """Adds groups, plans, buckets and tasks of `city`, without cancelled work: teams delete such tasks."""
    groups: dict[str, str] = {}
    for project in city.projects:
        if project.plan is None:
            continue
        department = project.department
        if department.code not in groups:
            groups[department.code] = tenant.add_group(department.name)
        _add_plan(tenant, groups[department.code], project, project.plan)


def user_id(person: Person) -> str:
    """The directory id of a person, the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://directory.example.gov/{person.id}"))


def _registered(tenant: Tenant, person: Person) -> str:
    """The directory id of a person, who is in the directory from now on."""
    found = user_id(person)
    tenant.users[found] = {"id": found, "displayName": person.name, "mail": person.email}
    return found


def _add_plan(tenant: Tenant, group_id: str, project: Project, title: str) -> None:
    work = [item for item in project.plan_tasks if item.type != "epic" and item.status != "cancelled"]
    words = sorted({word for item in work for word in item.labels})
    labels = dict(zip(TEAM_CATEGORIES, [BLOCKED, *words], strict=False))
    plan_id = tenant.add_plan(group_id, title, labels={**labels, **STATUS_LABELS})
    slots = {word: slot for slot, word in labels.items()}
    stages = dict.fromkeys(item.stage for item in work)
    buckets = {stage: tenant.add_bucket(plan_id, stage) for stage in stages}
    for item in work:
        if item.assignee:
            _registered(tenant, item.assignee)
        tenant.add_task(
            plan_id,
            item.title,
            by=_registered(tenant, item.reporter),
            bucketId=buckets[item.stage],
            **_fields(item, slots),
        )


def _fields(item: WorkItem, slots: dict[str, str]) -> Json:
    words = [*item.labels, *([BLOCKED] if item.blocked else [])]
    fields: dict[str, Any] = {
        "percentComplete": PERCENT[item.status],
        "priority": PRIORITIES[item.priority],
        "startDateTime": _instant(item.started_at),
        "dueDateTime": _morning(item.due_on),
        "createdDateTime": _instant(item.created_at),
        "completedDateTime": _instant(item.done_at),
        "appliedCategories": {slots[word]: True for word in words if word in slots},
        "description": item.blocked_reason or "",
    }
    if item.started_at and item.due_on and item.started_at.date() > item.due_on:
        fields["startDateTime"] = fields["dueDateTime"]
    if item.assignee:
        fields["assignments"] = {
            user_id(item.assignee): {"@odata.type": ITEM_TYPES["assignments"], "orderHint": " !"}
        }
    if item.number % 5 == 0:
        fields["checklist"] = _checklist(item)
    if item.number % 7 == 0:
        fields["references"] = _references(item)
    return fields


def _checklist(item: WorkItem) -> Json:
    steps = ("Agree with the department", "Review", "Sign off")
    return {
        str(uuid.uuid5(uuid.NAMESPACE_URL, f"{item.title}/{item.number}/{step}")): {
            "@odata.type": ITEM_TYPES["checklist"],
            "title": step,
            "isChecked": item.status == "done",
        }
        for step in steps
    }


def _references(item: WorkItem) -> Json:
    url = f"https://docs.example.gov/notes/{item.number}"
    key = quote(url, safe="/").replace(".", "%2E")
    return {key: {"@odata.type": ITEM_TYPES["references"], "alias": "Notes", "type": "Other"}}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _morning(day: date | None) -> str | None:
    """A day as the web client stores it: ten in the morning, UTC."""
    return None if day is None else f"{day.isoformat()}T10:00:00Z"
