"""Jira on loopback: Cloud (REST v3, Agile) or Data Center (REST v2, Agile), over the city's projects.

It behaves as Jira does where clients go wrong. Cloud: the old search is gone (410); the new one gives only
ids unless asked, pages by token without a total, refuses unbounded queries, and may lag behind writes. Data
Center: pages by offset over a live order, caps the page size, fails past 10,000 hits, and sends
`retry-after: 0` with every answer. Both print instants in the server's zone and read JQL dates in the
account's.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, request

from sandbox.city import City
from sandbox.jira_admin import add_admin
from sandbox.jira_bulk import add_bulk, too_often
from sandbox.jira_city import fill
from sandbox.jira_gateway import scopes_of
from sandbox.jira_jql import BadQuery
from sandbox.jira_site import Issue, Json, Product, Site

Answer = Response | tuple[Response, int]

_ALWAYS = {"id", "key"}
_SEARCH_MEMBERS = {
    "cloud": {
        "jql", "fields", "maxResults", "nextPageToken", "expand", "properties", "fieldsByKeys",
        "reconcileIssues",
    },
    "datacenter": {"jql", "fields", "maxResults", "startAt", "expand", "validateQuery"},
}  # fmt: skip
_BULK = 100
_LONGEST_ADDRESS = 8000
_VERSIONS = {"cloud": ("2", "3", "latest"), "datacenter": ("2", "latest")}


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def create_app(
    city: City,
    *,
    product: Product = "cloud",
    email: str = "portico@fairhaven.example",
    token: str = "sandbox-jira",  # noqa: S107 - opens nothing but this sandbox
    now: Callable[[], datetime] = utc_now,
) -> Flask:
    """The city's Jira. Cloud takes Basic `email:token`, Data Center the token as bearer."""
    site = Site(product, now, email=email, token=token)
    fill(site, city)
    return create_site_app(site)


def create_site_app(site: Site) -> Flask:
    """The interfaces over any site; it is `app.extensions["portico"]`, for tests to edit."""
    app = Flask("sandbox.jira")
    app.extensions["portico"] = site
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _add_frame(app, site)
    _add_platform(app, site)
    _add_feeds(app, site)
    add_admin(app, site)
    if site.product == "cloud":
        _add_cloud(app, site)
        add_bulk(app, site)
    else:
        _add_datacenter(app, site)
    return app


def _add_frame(app: Flask, site: Site) -> None:
    @app.before_request
    def enter() -> Answer | None:
        site.lock.acquire()
        if len(request.full_path) > _LONGEST_ADDRESS:
            return _error(414, "URI Too Long")
        site.requests.append((request.method, request.path))
        version = g.version = (request.view_args or {}).pop("version", "latest")
        if version not in _VERSIONS[site.product]:
            return _error(404, f"There is no REST interface of version {version}.")
        if site.forbidden in request.path:
            return _error(403, "You do not have the permission that this needs.")
        return _signed_in(site)

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        site.lock.release()

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers["Date"] = format_datetime(site.now().astimezone(UTC), usegmt=True)
        for name, value in _headers(site).items():
            response.headers[name] = value
        return response

    @app.errorhandler(BadQuery)
    def bad_query(error: BadQuery) -> Answer:
        return _error(400, str(error))

    @app.errorhandler(404)
    def unknown(error: Exception) -> Answer:
        return _error(404, f"null for uri: {request.url} ({type(error).__name__})")


def _signed_in(site: Site) -> Answer | None:
    if site.anonymous:
        return None if not request.path.endswith("/myself") else _error(401, "Client must be authenticated")
    if site.captcha:
        refused = _error(403, "CAPTCHA challenge")
        refused.headers["X-Seraph-LoginReason"] = "AUTHENTICATION_DENIED"
        return refused
    if request.root_path.startswith("/ex/jira/"):
        return _through_gateway(site)
    given = request.headers.get("Authorization", "")
    good = (
        given == f"Bearer {site.token}" if site.product == "datacenter" else given == _pair(site, site.token)
    )
    if good or request.path.endswith("/serverInfo"):
        return None
    return _error(401, "Client must be authenticated to access this resource.")


def _through_gateway(site: Site) -> Answer | None:
    given = request.headers.get("Authorization", "")
    scopes = next((held for token, held in site.scoped.items() if given == _pair(site, token)), None)
    issued = site.issued.get(given.removeprefix("Bearer "))
    if issued is not None and site.now() < issued[1]:
        scopes = issued[0]
    if scopes is None:
        return make_response(jsonify({"code": 401, "message": "Unauthorized"}), 401)
    if not scopes_of(request.method, request.path) <= scopes:
        return make_response(jsonify({"code": 401, "message": "Unauthorized; scope does not match"}), 401)
    return None


def _pair(site: Site, token: str) -> str:
    return "Basic " + base64.b64encode(f"{site.email}:{token}".encode()).decode()


def _headers(site: Site) -> Mapping[str, str]:
    if site.product == "datacenter":
        who = "anonymous" if site.anonymous else "portico.bot"
        return {
            "X-AUSERNAME": who,
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": str(site.remaining),
            "X-RateLimit-FillRate": "10",
            "X-RateLimit-Interval-Seconds": "1",
            "retry-after": "0",
        }
    limits = {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": str(site.remaining),
        "X-RateLimit-NearLimit": "true" if site.remaining < 20 else "false",
    }
    return limits if site.anonymous else {**limits, "X-AAccountId": site.account}


def _add_platform(app: Flask, site: Site) -> None:
    """What both products have."""

    @app.get("/rest/api/<version>/serverInfo")
    def server_info() -> Answer:
        cloud = site.product == "cloud"
        return jsonify({
            "baseUrl": site.base_url or request.url_root.rstrip("/"),
            "version": "1001.0.0-SNAPSHOT" if cloud else "10.3.24",
            "versionNumbers": [1001, 0, 0] if cloud else [10, 3, 24],
            "deploymentType": "Cloud" if cloud else "Server",
            "buildNumber": 100_000,
            "serverTime": site.printed(site.now()),
            "serverTitle": "Fairhaven",
        })  # fmt: skip

    @app.get("/rest/api/<version>/myself")
    def myself() -> Answer:
        if site.product == "cloud":
            who = {"accountId": site.account, "accountType": "atlassian", "emailAddress": site.email}
        else:
            who = {"key": "JIRAUSER10100", "name": "portico.bot", "emailAddress": site.email}
        return jsonify({**who, "displayName": "Portico", "active": True, "timeZone": site.zone.key})

    @app.get("/rest/api/<version>/field")
    def fields() -> Answer:
        return jsonify([
            {"id": each.id, "key": each.id, "name": each.name, "custom": "custom" in each.schema,
             "orderable": True, "navigable": True, "searchable": True, "clauseNames": [each.id],
             "schema": dict(each.schema)}
            for each in site.fields.values()
        ])  # fmt: skip

    @app.get("/rest/api/<version>/mypermissions")
    def permissions() -> Answer:
        asked = request.args.get("permissions", "BROWSE_PROJECTS,EDIT_ISSUES,ADMINISTER_PROJECTS")
        project = request.args.get("projectKey", "")
        if project and project not in site.projects:
            return _error(404, f"No project could be found with key '{project}'.")
        have = {
            "BROWSE_PROJECTS": True,
            "EDIT_ISSUES": project not in site.no_edit,
            "ADMINISTER_PROJECTS": not site.quiet_refused,
        }
        return jsonify({
            "permissions": {
                name: {"key": name, "name": name, "havePermission": have.get(name, False)}
                for name in asked.split(",")
            }
        })  # fmt: skip

    @app.get("/rest/api/<version>/issue/<id_or_key>")
    def get_issue(id_or_key: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None:
            return _missing()
        return jsonify(_shown(site, issue, _wanted(request.args.get("fields"))))

    @app.put("/rest/api/<version>/issue/<id_or_key>")
    def put_issue(id_or_key: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None:
            return _missing()
        if request.args.get("notifyUsers") == "false" and site.quiet_refused:
            text = "To discard the user notification either admin or project admin permissions are required."
            return _error(400 if site.product == "cloud" else 403, text)
        if site.product == "cloud" and too_often(site, issue.id):
            late = _error(429, "Rate limit exceeded for writes to this issue.")
            late.headers["RateLimit-Reason"] = "jira-per-issue-on-write"
            return late
        refused = site.put(issue, request.get_json())
        if refused is not None:
            return make_response(jsonify(refused), 400)
        if request.args.get("returnIssue") == "true" and site.product == "cloud":
            return jsonify(_shown(site, issue, None))
        return make_response("", 204)

    @app.get("/rest/api/<version>/issue/<id_or_key>/properties/<name>")
    def one_property(id_or_key: str, name: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None or name not in issue.properties:
            return _missing()
        return jsonify({"key": name, "value": issue.properties[name]})

    @app.get("/rest/api/<version>/issue/<id_or_key>/editmeta")
    def editmeta(id_or_key: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None:
            return _missing()
        return jsonify(
            {"fields": {name: _meta(site, name) for name in site.fields if site.editable(issue, name)}}
        )

    @app.get("/rest/api/<version>/project")
    def all_projects() -> Answer:
        return jsonify([_with_self(each, "project") for each in site.projects.values()])

    @app.get("/rest/api/<version>/project/<id_or_key>")
    def one_project(id_or_key: str) -> Answer:
        found = [each for key, each in site.projects.items() if id_or_key in (key, each["id"])]
        return (
            jsonify(_with_self(found[0], "project")) if found else _error(404, "No project could be found.")
        )

    @app.get("/rest/api/<version>/version/<id_>")
    def one_version(id_: str) -> Answer:
        found = [each for some in site.versions.values() for each in some if each["id"] == id_]
        return jsonify(_with_self(found[0], "version")) if found else _error(404, "Could not find version.")

    @app.get("/rest/api/<version>/project/<id_or_key>/components")
    def components(id_or_key: str) -> Answer:
        for key, project in site.projects.items():
            if id_or_key in (key, project["id"]):
                return jsonify([_component(site, key, each) for each in site.components.get(key, [])])
        return _error(404, f"No project could be found with key '{id_or_key}'.")

    @app.get("/rest/api/<version>/component/<id_>")
    def one_component(id_: str) -> Answer:
        every = ((key, each) for key, some in site.components.items() for each in some)
        found = [_component(site, key, each) for key, each in every if each["id"] == id_]
        return jsonify(found[0]) if found else _error(404, "The component with id does not exist.")

    @app.get("/rest/api/<version>/user")
    def user() -> Answer:
        who = request.args.get("accountId" if site.product == "cloud" else "username", "")
        if who not in site.users:
            return _error(404, "Specified user does not exist or you do not have required permissions")
        return jsonify(
            {"self": f"{request.url_root}rest/api/{g.version}/user?{who}", **site.values.person(who)}
        )

    @app.get("/rest/api/<version>/status")
    def statuses() -> Answer:
        return jsonify([_with_self(each, "status") for each in site.statuses.values()])

    @app.get("/rest/api/<version>/project/<id_or_key>/versions")
    def versions(id_or_key: str) -> Answer:
        for key, project in site.projects.items():
            if id_or_key in (key, project["id"]):
                return jsonify([_with_self(each, "version") for each in site.versions.get(key, [])])
        return _error(404, f"No project could be found with key '{id_or_key}'.")


def _add_feeds(app: Flask, site: Site) -> None:
    """Worklogs and sprints."""

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

    @app.get("/rest/agile/1.0/board")
    def boards() -> Answer:
        wanted = request.args.get("projectKeyOrId")
        found = [each for each in site.boards if wanted in (None, each["location"]["projectKey"])]
        return _bean(found)

    @app.get("/rest/agile/1.0/board/<int:board>")
    def one_board(board: int) -> Answer:
        found = [each for each in site.boards if each["id"] == board]
        return jsonify(found[0]) if found else _error(404, "The requested board cannot be viewed.")

    @app.get("/rest/agile/1.0/board/<int:board>/configuration")
    def configuration(board: int) -> Answer:
        found = [each for each in site.boards if each["id"] == board]
        if not found:
            return _error(404, "The requested board cannot be viewed because it does not exist.")
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
        return jsonify(found[0]) if found else _error(404, "The sprint does not exist.")

    @app.get("/rest/agile/1.0/board/<int:board>/sprint")
    def sprints(board: int) -> Answer:
        if any(each["id"] == board and each["type"] != "scrum" for each in site.boards):
            return _error(400, "The board does not support sprints")
        if board not in site.sprints:
            return _error(404, "The requested board cannot be viewed because it does not exist.")
        states = [each for each in request.args.get("state", "").split(",") if each]
        return _bean([each for each in site.sprints[board] if not states or each["state"] in states])


def _add_cloud(app: Flask, site: Site) -> None:
    @app.route("/rest/api/<version>/search", methods=["GET", "POST"])
    def gone() -> Answer:
        text = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."
        return _error(410, text + " CHANGE-2046")

    @app.route("/rest/api/<version>/search/jql", methods=["GET", "POST"])
    def search() -> Answer:
        asked = _asked(site.product)
        if isinstance(asked, tuple):
            return asked
        return _token_page(site, asked)

    @app.post("/rest/api/<version>/search/approximate-count")
    def count() -> Answer:
        return jsonify({"count": len(_visible(site, request.get_json()["jql"]))})

    @app.post("/rest/api/<version>/issue/bulkfetch")
    def bulkfetch() -> Answer:
        body = request.get_json()
        asked = body["issueIdsOrKeys"]
        if len(asked) > _BULK:
            return _error(400, f"The maximum number of issues is {_BULK}.")
        found = {issue.id: issue for each in asked if (issue := site.find(str(each))) and not site.anonymous}
        fields = set(body.get("fields") or ["*navigable"])
        shown = [_shown(site, found[id_], fields) for id_ in sorted(found) if id_ not in site.unreadable]
        errors = [
            {"id": str(id_), "errorMessage": site.unreadable[id_]}
            for id_ in sorted(found)
            if id_ in site.unreadable
        ]
        return jsonify({"issues": shown, "issueErrors": errors, "expand": ""})

    @app.post("/rest/api/<version>/changelog/bulkfetch")
    def changelogs() -> Answer:
        body = request.get_json()
        asked = sorted(str(issue.id) for each in body["issueIdsOrKeys"] if (issue := site.find(str(each))))
        size = min(int(body.get("maxResults", 1000)), site.log_cap)
        start = int(body.get("nextPageToken") or 0)
        every = [(id_, history) for id_ in asked for history in _histories(site, site.issues[int(id_)])]
        wanted = set(body.get("fieldIds") or ["status"])
        page = every[start : start + size] if "status" in wanted else []
        held: dict[str, list[Json]] = {}
        for id_, history in page:
            created = int(datetime.fromisoformat(history["created"]).timestamp() * 1000)
            held.setdefault(id_, []).append({**history, "created": created})
        answer: Json = {
            "issueChangeLogs": [{"issueId": id_, "changeHistories": some} for id_, some in held.items()]
        }
        if start + size < len(every):
            answer["nextPageToken"] = str(0 if site.repeating else start + size)
        return jsonify(answer)

    @app.get("/rest/api/<version>/project/search")
    def projects() -> Answer:
        keys = request.args.getlist("keys")
        found = [
            _with_self(each, "project") for key, each in site.projects.items() if not keys or key in keys
        ]
        return _bean([] if site.anonymous else found)


def _add_datacenter(app: Flask, site: Site) -> None:
    @app.route("/rest/api/<version>/search", methods=["GET", "POST"])
    def search() -> Answer:
        asked = _asked(site.product)
        if isinstance(asked, tuple):
            return asked
        start = int(asked.get("startAt", 0))
        size = min(int(asked.get("maxResults", 50)), site.cap)
        if start + size > site.window:
            return _error(
                500, f"Search limit exceeded: result window is too large, must not exceed {site.window}."
            )
        found = _visible(site, asked.get("jql", ""))
        given = found[: len(found) - site.withheld] if site.withheld else found
        page = given[:size] if site.repeating else given[start : start + size]
        fields = _wanted(asked.get("fields")) or {"*navigable"}
        return jsonify({
            "expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found),
            "issues": [_shown(site, issue, fields) | _log(site, issue, asked.get("expand") or ()) for issue in page],
        })  # fmt: skip


def _asked(product: Product) -> Json | tuple[Response, int]:
    if request.method == "GET":
        asked: Json = request.args.to_dict()
        if "fields" in asked:
            asked["fields"] = ",".join(request.args.getlist("fields")).split(",")
        return asked
    body: Json = request.get_json()
    unknown = sorted(set(body) - _SEARCH_MEMBERS[product])
    if unknown:
        return jsonify(
            {"errorMessages": ["Invalid request payload. Refer to the REST API documentation."]}
        ), 400
    return body


def _visible(site: Site, jql: str) -> list[Issue]:
    found = site.search(jql)
    return [] if site.anonymous else found


def _token_page(site: Site, asked: Mapping[str, Any]) -> Answer:
    found = _visible(site, asked["jql"])
    size = max(1, min(int(asked.get("maxResults", 50)), 5000))
    start = 0
    if asked.get("nextPageToken") and not site.repeating:
        try:
            after = json.loads(base64.b64decode(asked["nextPageToken"], validate=True))
        except (binascii.Error, ValueError):
            return _error(400, "The nextPageToken is invalid or expired.")
        start = next((place for place, each in enumerate(found) if _position(site, each) > after), len(found))
    size = max(1, size // 2) if site.short_pages else size
    page = found[start : start + size]
    fields = _wanted(asked.get("fields")) or {"id"}
    answer: Json = {
        "issues": [_shown(site, each, fields) for each in page],
        "isLast": start + size >= len(found),
    }
    if site.short_pages and page and not asked.get("nextPageToken"):
        before_all = base64.b64encode(b'["", "", 0]').decode()
        return jsonify({"issues": [], "isLast": False, "nextPageToken": before_all})
    if site.warnings:
        answer["warnings"] = [{"type": "CLAUSE_LIMIT_EXCEEDED", "message": each} for each in site.warnings]
    if not answer["isLast"]:
        token = json.dumps(_position(site, page[-1]))
        answer["nextPageToken"] = base64.b64encode(token.encode()).decode()
    return jsonify(answer)


def _position(site: Site, issue: Issue) -> list[Any]:
    """Where an issue stands in the order that every token page of this sandbox has: updated, then key."""
    seen = site.seen_updated(issue) or issue.created
    project, _, number = issue.key.rpartition("-")
    return [seen.isoformat(timespec="microseconds"), project, int(number)]


def _wanted(fields: str | Sequence[str] | None) -> set[str] | None:
    if fields is None:
        return None
    return set(fields.split(",") if isinstance(fields, str) else fields)


def _shown(site: Site, issue: Issue, wanted: set[str] | None) -> Json:
    shown: Json = {"id": str(issue.id)}
    if wanted == {"id"}:
        return shown
    shown |= {"key": issue.key, "self": f"{request.url_root}rest/api/{g.version}/issue/{issue.id}"}
    every = wanted is None or bool(wanted & {"*all", "*navigable"})
    project = site.projects[issue.project]
    held = {
        **dict.fromkeys(site.fields),
        **issue.fields,
        "project": {"id": project["id"], "key": project["key"], "name": project["name"]},
        "created": site.printed(issue.created),
        "updated": site.printed(issue.updated),
    }
    dropped = {name[1:] for name in wanted or () if name.startswith("-")}
    shown["fields"] = {
        name: value
        for name, value in held.items()
        if (every or name in (wanted or ())) and name not in dropped | _ALWAYS
    }
    return shown


def _histories(site: Site, issue: Issue) -> list[Json]:
    """The changelog as Jira prints it, oldest first; ids grow, and an entry holds more than the status."""
    return [
        {
            "id": str(issue.id * 1000 + place),
            "created": site.printed(at),
            "items": [
                {"field": "assignee", "fieldtype": "jira", "from": None, "fromString": None, "to": "x", "toString": "X"},
                {"field": "status", **({"fieldId": "status"} if site.product == "cloud" else {}), "fieldtype": "jira",
                 "from": before["id"], "fromString": before["name"], "to": after["id"], "toString": after["name"]},
            ],
        }
        for place, (at, before, after) in enumerate(issue.moves)
    ]  # fmt: skip


def _log(site: Site, issue: Issue, expand: Sequence[str]) -> Json:
    """What `expand=changelog` adds: the newest entries first, and never more than the site gives."""
    if "changelog" not in expand:
        return {}
    found = _histories(site, issue)[::-1]
    shown = found[: site.log_cap]
    return {"changelog": {"startAt": 0, "maxResults": len(shown), "total": len(found), "histories": shown}}


def _meta(site: Site, name: str) -> Json:
    known = site.fields[name]
    meta: Json = {
        "required": name == "summary",
        "schema": dict(known.schema),
        "name": known.name,
        "key": name,
        "operations": ["set"],
    }
    if known.options:
        meta["allowedValues"] = [site.option(name, each) for each in known.options]
    return meta


def _component(site: Site, key: str, component: Json) -> Json:
    """Cloud tells the project's id beside its key."""
    number = {"projectId": int(site.projects[key]["id"])} if site.product == "cloud" else {}
    return _with_self({**component, "project": key, **number}, "component")


def _with_self(record: Mapping[str, Any], kind: str) -> Json:
    return {"self": f"{request.url_root}rest/api/{g.version}/{kind}/{record['id']}", **record}


def _bean(found: Sequence[Json]) -> Answer:
    start = int(request.args.get("startAt", 0))
    size = min(int(request.args.get("maxResults", 50)), 100)
    page = list(found[start : start + size])
    last = start + size >= len(found)
    return jsonify(
        {"startAt": start, "maxResults": size, "total": len(found), "isLast": last, "values": page}
    )


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


def _missing() -> Answer:
    return _error(404, "Issue does not exist or you do not have permission to see it.")


def _error(status: int, text: str) -> Response:
    return make_response(jsonify({"errorMessages": [text], "errors": {}}), status)
