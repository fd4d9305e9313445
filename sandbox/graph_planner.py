"""The Planner service behind the simulated Graph: its records, its ETags, its rules.

Records are the dicts that the wire shows. Task and details carry separate ETags; changing the details' text
alone leaves the task's ETag as it was, changing a count that the task shows moves both.
"""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.graph_rules import (
    CATEGORIES,
    DETAILS_FIELDS,
    LIMITS,
    NEW_TASK,
    TASK_FIELDS,
    Json,
    Refusal,
    check_fields,
    check_task,
    copied,
    merge_categories,
    merge_items,
)


class Tenant:
    """All records of one tenant, and the switches that tests and rehearsals turn.

    `hidden` plans answer 403; `page_size` is what a list page holds; `list_lag` is for how many list reads a
    new task stays invisible; `withheld` tasks are missing from the end of each list, `stuck` lists repeat
    their first page; `write_log` holds every accepted write as record id, field, before, after.
    """

    def __init__(
        self, now: Callable[[], datetime], *, application_id: str = "31359c7f-bd7e-475c-86db-fdb8c937548e"
    ) -> None:
        self.now = now
        self.application_id = application_id
        self.users: dict[str, Json] = {}
        self.groups: dict[str, Json] = {}
        self.plans: dict[str, Json] = {}
        self.plan_details: dict[str, Json] = {}
        self.buckets: dict[str, Json] = {}
        self.tasks: dict[str, Json] = {}
        self.details: dict[str, Json] = {}
        self.hidden: set[str] = set()
        self.limits = dict(LIMITS)
        self.page_size = 400
        self.list_lag = 0
        self.withheld = 0
        self.stuck = False
        self.write_log: list[Json] = []
        self._plan_tasks: dict[str, dict[str, None]] = {}
        self._unlisted: dict[str, int] = {}
        self._serial = 0

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def new_id(self) -> str:
        """A 28-character, case-sensitive id, the next of a fixed series."""
        serial = self._next()
        return base64.urlsafe_b64encode(f"{serial:010d}-portico-id".encode()).decode()

    def _stamp(self, record: Json, kind: str) -> Json:
        mark = base64.b64encode(f"'1-{kind:<6}{self._next():016d}'".encode()).decode()
        record["@odata.etag"] = f'W/"{mark}"'
        return record

    def _instant(self) -> str:
        return self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")

    def _by_app(self) -> Json:
        return {
            "user": {"displayName": None, "id": None},
            "application": {"displayName": None, "id": self.application_id},
        }

    # What an administrator and the teams make ---------------------------------------------------------------

    def add_group(self, name: str) -> str:
        """A Microsoft 365 group; returns its id."""
        group_id = f"{self._next():08d}-90b5-4d51-90b5-2f24519d2e40"
        self.groups[group_id] = {
            "id": group_id,
            "displayName": name,
            "groupTypes": ["Unified"],
            "mailEnabled": True,
        }
        return group_id

    def add_plan(self, group_id: str, title: str, *, labels: Mapping[str, str] | None = None) -> str:
        """A basic plan of a group, with names for some of its 25 labels; returns its id."""
        plan_id = self.new_id()
        self.plans[plan_id] = self._stamp(
            {
                "id": plan_id,
                "title": title,
                "owner": group_id,
                "createdDateTime": self._instant(),
                "createdBy": self._by_app(),
                "container": {
                    "containerId": group_id,
                    "type": "group",
                    "url": f"https://graph.microsoft.com/v1.0/groups/{group_id}",
                },
            },
            "Plan",
        )
        names: dict[str, str | None] = dict.fromkeys(CATEGORIES)
        names.update(labels or {})
        self.plan_details[plan_id] = self._stamp(
            {"id": plan_id, "categoryDescriptions": names, "sharedWith": {}}, "Plan"
        )
        return plan_id

    def add_bucket(self, plan_id: str, name: str) -> str:
        """A column of a plan's board; returns its id."""
        return str(self.create_bucket({"planId": plan_id, "name": name})["id"])

    def add_task(
        self,
        plan_id: str,
        title: str,
        *,
        by: str | None = "95e27074-6c4a-447a-aa24-9d718a0b86fa",
        **fields: Any,
    ) -> str:
        """A task as a person made it; `description`, `checklist`, `references` may be among the fields."""
        details = {name: fields.pop(name) for name in tuple(fields) if name in DETAILS_FIELDS}
        created = fields.pop("createdDateTime", None)
        completed = fields.pop("completedDateTime", None)
        task_id = str(self.create_task({"planId": plan_id, "title": title, **fields}, logged=False)["id"])
        self._unlisted.pop(task_id, None)
        task = self.tasks[task_id]
        task["createdBy"]["user"]["id"] = by
        task["createdDateTime"] = created or task["createdDateTime"]
        task["completedDateTime"] = completed or task["completedDateTime"]
        if details:
            self._merge_details(task_id, details)
        return task_id

    def edit_task(self, task_id: str, **fields: Any) -> None:
        """A person changes a task: its ETag moves, the write log stays as it is."""
        self._merge_task(task_id, fields)

    def edit_details(self, task_id: str, **fields: Any) -> None:
        """A person changes a task's details."""
        self._merge_details(task_id, fields)

    def remove_task(self, task_id: str) -> None:
        """A person deletes a task."""
        del self._plan_tasks[self.tasks[task_id]["planId"]][task_id]
        del self.tasks[task_id], self.details[task_id]

    # What the interface offers ------------------------------------------------------------------------------

    def plan(self, plan_id: str) -> Json:
        """The plan, 404 if there is none, 403 if this account cannot see it."""
        if plan_id in self.hidden:
            raise Refusal(403, "", "You do not have the required permissions to access this item.")
        if plan_id not in self.plans:
            raise Refusal(404, "", "The requested item is not found.")
        return self.plans[plan_id]

    def task(self, task_id: str) -> Json:
        """The task, under the same rules as its plan."""
        if task_id not in self.tasks:
            raise Refusal(404, "", "The requested item is not found.")
        self.plan(self.tasks[task_id]["planId"])
        return self.tasks[task_id]

    def plans_of(self, group_id: str) -> list[Json]:
        """The plans of a group that this account can see."""
        if group_id not in self.groups:
            raise Refusal(404, "Request_ResourceNotFound", f"Resource '{group_id}' does not exist.")
        return [
            each
            for each in self.plans.values()
            if each["owner"] == group_id and each["id"] not in self.hidden
        ]

    def buckets_of(self, plan_id: str) -> list[Json]:
        """The buckets of a plan."""
        self.plan(plan_id)
        return [each for each in self.buckets.values() if each["planId"] == plan_id]

    def tasks_of(self, plan_id: str) -> list[Json]:
        """The tasks of a plan that its index knows already."""
        self.plan(plan_id)
        shown = []
        for task_id in self._plan_tasks.get(plan_id, {}):
            if self._unlisted.get(task_id, 0) > 0:
                self._unlisted[task_id] -= 1
            else:
                shown.append(self.tasks[task_id])
        return shown

    def create_bucket(self, body: Json) -> Json:
        """A bucket from its body."""
        if len(self.buckets_of(body["planId"])) >= self.limits["MaximumBucketsInProject"]:
            raise Refusal(403, "MaximumBucketsInProject", "The plan has the maximum number of buckets.")
        bucket_id = self.new_id()
        bucket = {
            "id": bucket_id,
            "name": body["name"],
            "planId": body["planId"],
            "orderHint": f"8585{self._next():015d}Pq",
        }
        self.buckets[bucket_id] = self._stamp(bucket, "Bucket")
        return bucket

    def create_task(self, body: Json, *, logged: bool = True) -> Json:
        """A task from its body, with empty details beside it."""
        if not body.get("planId") or not body.get("title"):
            raise Refusal(400, "", "The request is invalid: planId and title are required.")
        self.plan(body["planId"])
        siblings = self._plan_tasks.get(body["planId"], {})
        if len(siblings) >= self.limits["MaximumTasksInProject"]:
            raise Refusal(403, "MaximumTasksInProject", "The plan has the maximum number of tasks.")
        active = sum(self.tasks[each]["percentComplete"] < 100 for each in siblings)
        if active >= self.limits["MaximumActiveTasksInProject"]:
            raise Refusal(403, "MaximumActiveTasksInProject", "The plan has too many active tasks.")
        check_fields(body, TASK_FIELDS)
        task_id = self.new_id()
        self.tasks[task_id] = {
            **NEW_TASK,
            "id": task_id,
            "planId": body["planId"],
            "createdDateTime": self._instant(),
            "createdBy": self._by_app(),
            "appliedCategories": {},
            "assignments": {},
        }
        self._plan_tasks.setdefault(body["planId"], {})[task_id] = None
        self.details[task_id] = self._stamp(
            {"id": task_id, "description": "", "previewType": "automatic", "references": {}, "checklist": {}},
            "Detail",
        )
        try:
            self._merge_task(task_id, {name: value for name, value in body.items() if name != "planId"})
        except Refusal:
            self.remove_task(task_id)
            raise
        if logged:
            self._unlisted[task_id] = self.list_lag
            self._log(task_id, {}, body)
        return self.tasks[task_id]

    def change_task(self, task_id: str, body: Json, etag: str | None) -> Json:
        """PATCH of a task under its own ETag."""
        before = self._guarded(self.task(task_id), etag)
        self._merge_task(task_id, body)
        self._log(task_id, before, body)
        return self.tasks[task_id]

    def change_details(self, task_id: str, body: Json, etag: str | None) -> Json:
        """PATCH of a task's details under their own ETag."""
        self.task(task_id)
        before = self._guarded(self.details[task_id], etag)
        self._merge_details(task_id, body)
        self._log(task_id, before, body, "details.")
        return self.details[task_id]

    def delete_task(self, task_id: str, etag: str | None) -> None:
        """DELETE of a task under its own ETag."""
        before = self._guarded(self.task(task_id), etag)
        self.remove_task(task_id)
        self.write_log.append({"record": task_id, "field": None, "before": before, "after": None})

    # The rules ----------------------------------------------------------------------------------------------

    def _guarded(self, record: Json, etag: str | None) -> Json:
        if etag is None:
            raise Refusal(400, "", "The If-Match header must contain a valid value.")
        if not re.fullmatch(r'W/"[^"]+"', etag):
            raise Refusal(400, "", f"The If-Match header contains one or more invalid values: {etag}")
        if etag != record["@odata.etag"]:
            raise Refusal(412, "", "The If-Match header does not match the item's current version.")
        return dict(record)

    def _log(self, task_id: str, before: Json, body: Json, prefix: str = "") -> None:
        for name, after in body.items():
            self.write_log.append(
                {
                    "record": task_id,
                    "field": prefix + name,
                    "before": before.get(name),
                    "after": copied(after),
                }
            )

    def _merge_task(self, task_id: str, body: Json) -> None:
        check_fields(body, TASK_FIELDS)
        task = copied(self.tasks[task_id])
        for name, value in body.items():
            if name == "appliedCategories":
                merge_categories(task[name], value)
            elif name == "assignments":
                merge_items(task[name], value, name)
            elif name == "orderHint":
                task[name] = f"8585{self._next():015d}"
            else:
                task[name] = value
        check_task(task)
        bucket = task["bucketId"]
        if bucket is not None and self.buckets.get(bucket, {}).get("planId") != task["planId"]:
            raise Refusal(400, "", "The bucket does not belong to the task's plan.")
        if task["planId"] != self.tasks[task_id]["planId"]:
            del self._plan_tasks[self.tasks[task_id]["planId"]][task_id]
            self._plan_tasks.setdefault(task["planId"], {})[task_id] = None
        if task["percentComplete"] == 100 and not task["completedDateTime"]:
            task["completedDateTime"], task["completedBy"] = self._instant(), self._by_app()
        elif task["percentComplete"] < 100:
            task["completedDateTime"] = task["completedBy"] = None
        self.tasks[task_id] = self._stamp(task, "Task")

    def _merge_details(self, task_id: str, body: Json) -> None:
        check_fields(body, DETAILS_FIELDS)
        details = copied(self.details[task_id])
        for name, value in body.items():
            if name in ("checklist", "references"):
                merge_items(details[name], value, name)
            else:
                details[name] = value if value is not None else ""
        if len(details["checklist"]) > self.limits["MaximumChecklistItemsOnTask"]:
            raise Refusal(403, "MaximumChecklistItemsOnTask", "The task has too many checklist items.")
        if len(details["references"]) > self.limits["MaximumReferencesOnTask"]:
            raise Refusal(403, "MaximumReferencesOnTask", "The task has too many references.")
        self.details[task_id] = self._stamp(details, "Detail")
        counts = {
            "hasDescription": bool(details["description"]),
            "referenceCount": len(details["references"]),
            "checklistItemCount": len(details["checklist"]),
            "activeChecklistItemCount": sum(not each["isChecked"] for each in details["checklist"].values()),
        }
        task = self.tasks[task_id]
        if any(task[name] != value for name, value in counts.items()):
            self.tasks[task_id] = self._stamp({**task, **counts}, "Task")
