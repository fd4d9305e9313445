"""The bulk edit of the simulated Cloud: checked like single edits, done by a task that is under way when first looked at."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import Flask, Response, jsonify, make_response, request

from sandbox.jira_site import Json, Site

_MOST = 1000


def add_bulk(app: Flask, site: Site) -> None:
    """The two operations of a bulk edit."""

    @app.post("/rest/api/<version>/bulk/issues/fields")
    def edit() -> Response:
        body = request.get_json()
        if site.bulk_refused or len(body["selectedIssueIdsOrKeys"]) > _MOST:
            return make_response(jsonify({"errors": [{"message": "You cannot change issues in bulk."}]}), 403)
        fields = _wired(body["editedFieldsInput"])
        task = str(10_000 + len(site.tasks))
        found = {
            issue.id: issue for each in body["selectedIssueIdsOrKeys"] if (issue := site.find(str(each)))
        }
        failed: dict[str, list[str]] = {}
        for issue in found.values():
            refused = site.put(issue, {"fields": fields})
            if refused is not None:
                failed[str(issue.id)] = list(refused["errors"].values())
        site.tasks[task] = {
            "taskId": task, "status": "RUNNING", "progressPercent": 0, "totalIssueCount": len(found),
            "failedAccessibleIssues": failed, "invalidOrInaccessibleIssueCount": 0,
            "processedAccessibleIssues": [each for each in found if str(each) not in failed],
            "mailed": body.get("sendBulkNotification", True),
        }  # fmt: skip
        return make_response(jsonify({"taskId": task}), 201)

    @app.get("/rest/api/<version>/bulk/queue/<task>")
    def queue(task: str) -> Response:
        if task not in site.tasks:
            return make_response(jsonify({"errorMessages": ["no such task"], "errors": {}}), 404)
        held = site.tasks[task]
        shown = {name: value for name, value in held.items() if name != "mailed"}
        if held["status"] == "RUNNING":
            held.update(status="COMPLETE", progressPercent=100)
            return jsonify({**shown, "failedAccessibleIssues": {}, "processedAccessibleIssues": []})
        return jsonify(shown)


def too_often(site: Site, issue: int) -> bool:
    """Whether this write to an issue is more than the 20 that it takes in two seconds."""
    now = site.now()
    recent = [each for each in site.written.get(issue, []) if now - each < timedelta(seconds=2)]
    site.written[issue] = [*recent, now]
    return len(recent) >= 20


def _wired(given: Mapping[str, Any]) -> Json:
    """The fields of a bulk edit as a single edit has them."""
    shapes: dict[str, Callable[[Json], Any]] = {
        "singleLineTextFields": lambda each: each["text"],
        "richTextFields": lambda each: each["richText"]["adfValue"],
        "clearableNumberFields": lambda each: each.get("value"),
        "singleSelectFields": lambda each: {"id": str(each["option"]["optionId"])},
        "datePickerFields": lambda each: each["date"]["formattedDate"],
        "dateTimePickerFields": lambda each: each["dateTime"]["formattedDateTime"],
    }
    return {each["fieldId"]: shapes[kind](each) for kind, some in given.items() for each in some}
