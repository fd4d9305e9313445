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
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, request

from sandbox.city import City
from sandbox.jira_admin import add_admin
from sandbox.jira_both import add_issues, add_projects, add_site
from sandbox.jira_bulk import add_bulk
from sandbox.jira_city import fill
from sandbox.jira_feeds import add_boards, add_worklogs
from sandbox.jira_gateway import scopes_of
from sandbox.jira_jql import BadQuery
from sandbox.jira_shapes import (
    Answer,
    bean,
    changelog,
    histories,
    issue_shown,
    refusal,
    wanted_fields,
    with_self,
)
from sandbox.jira_site import Issue, Json, Product, Site

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
    add_site(app, site)
    add_issues(app, site)
    add_projects(app, site)
    add_worklogs(app, site)
    add_boards(app, site)
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
            return refusal(414, "URI Too Long")
        site.requests.append((request.method, request.path))
        version = g.version = (request.view_args or {}).pop("version", "latest")
        if version not in _VERSIONS[site.product]:
            return refusal(404, f"There is no REST interface of version {version}.")
        if site.forbidden in request.path:
            return refusal(403, "You do not have the permission that this needs.")
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
        return refusal(400, str(error))

    @app.errorhandler(404)
    def unknown(error: Exception) -> Answer:
        return refusal(404, f"null for uri: {request.url} ({type(error).__name__})")


def _signed_in(site: Site) -> Answer | None:
    if site.anonymous:
        return None if not request.path.endswith("/myself") else refusal(401, "Client must be authenticated")
    if site.captcha:
        refused = refusal(403, "CAPTCHA challenge")
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
    return refusal(401, "Client must be authenticated to access this resource.")


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


def _add_cloud(app: Flask, site: Site) -> None:
    @app.route("/rest/api/<version>/search", methods=["GET", "POST"])
    def gone() -> Answer:
        text = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."
        return refusal(410, text + " CHANGE-2046")

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
            return refusal(400, f"The maximum number of issues is {_BULK}.")
        found = {issue.id: issue for each in asked if (issue := site.find(str(each))) and not site.anonymous}
        fields = set(body.get("fields") or ["*navigable"])
        shown = [issue_shown(site, found[id_], fields) for id_ in sorted(found) if id_ not in site.unreadable]
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
        every = [(id_, history) for id_ in asked for history in histories(site, site.issues[int(id_)])]
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
        found = [with_self(each, "project") for key, each in site.projects.items() if not keys or key in keys]
        return bean([] if site.anonymous else found)


def _add_datacenter(app: Flask, site: Site) -> None:
    @app.route("/rest/api/<version>/search", methods=["GET", "POST"])
    def search() -> Answer:
        asked = _asked(site.product)
        if isinstance(asked, tuple):
            return asked
        start = int(asked.get("startAt", 0))
        size = min(int(asked.get("maxResults", 50)), site.cap)
        if start + size > site.window:
            return refusal(
                500, f"Search limit exceeded: result window is too large, must not exceed {site.window}."
            )
        found = _visible(site, asked.get("jql", ""))
        given = found[: len(found) - site.withheld] if site.withheld else found
        page = given[:size] if site.repeating else given[start : start + size]
        fields = wanted_fields(asked.get("fields")) or {"*navigable"}
        return jsonify({
            "expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found),
            "issues": [issue_shown(site, issue, fields) | changelog(site, issue, asked.get("expand") or ()) for issue in page],
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
            return refusal(400, "The nextPageToken is invalid or expired.")
        start = next((place for place, each in enumerate(found) if _position(site, each) > after), len(found))
    size = max(1, size // 2) if site.short_pages else size
    page = found[start : start + size]
    fields = wanted_fields(asked.get("fields")) or {"id"}
    answer: Json = {
        "issues": [issue_shown(site, each, fields) for each in page],
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
