"""Worklogs, boards and sprints of the simulated Jira, alike in both products."""

from datetime import UTC, datetime

from flask import Flask, jsonify, request

from sandbox.jira_shapes import Answer, bean, refusal
from sandbox.jira_site import Site


def add_worklogs(app: Flask, site: Site) -> None:
    """Worklogs by the instant of their last change."""

    @app.get("/rest/api/<version>/worklog/updated")
    def worklogs_updated() -> Answer:
        changed = [(each.updated, each.id) for each in site.worklogs.values()]
        return _feed(changed)

    @app.get("/rest/api/<version>/worklog/deleted")
    def worklogs_deleted() -> Answer:
        return _feed([(at, id_) for id_, at in site.worklogs_deleted.items()])

    @app.post("/rest/api/<version>/worklog/list")
    def worklog_list() -> Answer:
        ids = request.get_json()["ids"]
        found = [site.worklogs[each] for each in ids if each in site.worklogs]
        who = "accountId" if site.product == "cloud" else "name"
        return jsonify([
            {"id": str(each.id), "issueId": str(each.issue), "timeSpentSeconds": each.seconds,
             "author": {who: each.author, "displayName": each.author},
             "started": site.printed(each.started), "created": site.printed(each.started),
             "updated": site.printed(each.updated)}
            for each in found
        ])  # fmt: skip


def add_boards(app: Flask, site: Site) -> None:
    """Boards and their sprints."""

    @app.get("/rest/agile/1.0/board")
    def boards() -> Answer:
        wanted = request.args.get("projectKeyOrId")
        found = [each for each in site.boards if wanted in (None, each["location"]["projectKey"])]
        return bean(found)

    @app.get("/rest/agile/1.0/board/<int:board>")
    def one_board(board: int) -> Answer:
        found = [each for each in site.boards if each["id"] == board]
        return jsonify(found[0]) if found else refusal(404, "The requested board cannot be viewed.")

    @app.get("/rest/agile/1.0/board/<int:board>/configuration")
    def configuration(board: int) -> Answer:
        found = [each for each in site.boards if each["id"] == board]
        if not found:
            return refusal(404, "The requested board cannot be viewed because it does not exist.")
        field = site.fields.get(site.estimates.get(board, ""))
        shown = {"fieldId": field.id, "displayName": field.name} if field else None
        return jsonify({
            "id": board, "name": found[0]["name"], "filter": {"id": str(10_000 + board)},
            "columnConfig": {"columns": [], "constraintType": "none"},
            "estimation": {"type": "field", "field": shown} if shown else {"type": "issueCount"},
            "ranking": {"rankCustomFieldId": 10019},
        })  # fmt: skip

    @app.get("/rest/agile/1.0/sprint/<int:sprint>")
    def one_sprint(sprint: int) -> Answer:
        found = [each for some in site.sprints.values() for each in some if each["id"] == sprint]
        return jsonify(found[0]) if found else refusal(404, "The sprint does not exist.")

    @app.get("/rest/agile/1.0/board/<int:board>/sprint")
    def sprints(board: int) -> Answer:
        if any(each["id"] == board and each["type"] != "scrum" for each in site.boards):
            return refusal(400, "The board does not support sprints")
        if board not in site.sprints:
            return refusal(404, "The requested board cannot be viewed because it does not exist.")
        states = [each for each in request.args.get("state", "").split(",") if each]
        return bean([each for each in site.sprints[board] if not states or each["state"] in states])


def _feed(changes: list[tuple[datetime, int]]) -> Answer:
    since = datetime.fromtimestamp(int(request.args.get("since", 0)) / 1000, UTC)
    found = sorted(pair for pair in changes if pair[0] >= since)
    page = found[:1000]
    until = page[-1][0] if page else since
    values = [{"worklogId": id_, "updatedTime": _milliseconds(at), "properties": []} for at, id_ in page]
    last = len(page) == len(found)
    return jsonify({
        "values": values, "since": _milliseconds(since), "until": _milliseconds(until),
        "lastPage": last, "isLastPage": last,
        **({} if last else {"nextPage": f"{request.base_url}?since={_milliseconds(until)}"}),
    })  # fmt: skip


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
