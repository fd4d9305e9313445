"""Microsoft Graph v1.0 on loopback: groups, Planner, `$batch`, and the sign-in authority beside it.

It behaves as the real service does where clients go wrong: query options on Planner lists are ignored,
lists come in pages, every record has its own ETag, a batch answers 200 out of order with a status per
item, and a throttled item carries its own Retry-After.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote, urlsplit

from flask import Flask, Request, Response, request

from sandbox.city import City
from sandbox.graph_city import fill
from sandbox.graph_login import Authority
from sandbox.graph_office import Office, attach
from sandbox.graph_planner import Tenant
from sandbox.graph_rules import Json, Refusal

TENANT_ID = "8b1a7f0e-6d0c-4c43-9a39-0c1d5a2f7e11"
BATCH_SIZE = 20
WRITE_ROLE = "Tasks.ReadWrite.All"
PEOPLE_ROLE = "User.ReadBasic.All"
READ_ROLES = {WRITE_ROLE, "Tasks.Read.All"}


@dataclass
class Graph:
    """The state of a running sandbox: the tenant's records, the authority, the faults asked for.

    `busy` maps a path to how many more times it answers 429 with `retry_after`; `lost` are paths left out of
    batch answers; `colliding` maps a path to how many writes to it answer 409; `before_write` is called with
    method and path before each write, as a colleague who is faster.
    """

    tenant: Tenant
    authority: Authority
    busy: dict[str, int] = field(default_factory=dict)
    retry_after: int = 1
    lost: set[str] = field(default_factory=set)
    colliding: dict[str, int] = field(default_factory=dict)
    before_write: Callable[[str, str], None] | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    office: Office = field(init=False)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.office = Office(self.tenant.now, self.authority.roles_of)

    @property
    def write_log(self) -> list[Json]:
        """Every accepted write: record, field, before, after."""
        return self.tenant.write_log


@dataclass(frozen=True)
class _Call:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    base_url: str


@dataclass(frozen=True)
class _Reply:
    status: int
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def graph_app(graph: Graph) -> Flask:
    """The WSGI application over a state. `app.extensions["portico"]` is that state."""
    app = Flask("sandbox.graph")
    app.extensions["portico"] = graph
    attach(app, graph.office)

    @app.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def discovery(tenant: str) -> Response:
        if tenant != graph.authority.tenant:
            return _json(
                400,
                {
                    "error": "invalid_tenant",
                    "error_description": f"AADSTS90002: Tenant '{tenant}' not found.",
                },
            )
        return _json(200, graph.authority.discovery(request.url_root.rstrip("/")))

    @app.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> Response:  # noqa: ARG001 - the tenant is proved by discovery
        with graph.lock:
            return _json(*graph.authority.token(request.form))

    @app.route("/v1.0/<path:path>", methods=["GET", "POST", "PATCH", "DELETE"])
    def v1(path: str) -> Response:
        date = format_datetime(graph.tenant.now(), usegmt=True)
        with graph.lock:
            reply = _answer(graph, _call_of(request, "/" + path))
            return _json(reply.status, reply.body, {**reply.headers, "Date": date})

    return app


def _call_of(received: Request, path: str) -> _Call:
    return _Call(
        method=received.method,
        path=path,
        query=received.args.to_dict(),
        headers={name.lower(): value for name, value in received.headers.items()},
        body=received.get_json(silent=True) or {},
        base_url=f"{received.url_root.rstrip('/')}/v1.0",
    )


def _json(status: int, body: Json | None, headers: Mapping[str, str] | None = None) -> Response:
    text = "" if body is None else json.dumps(body)
    answer = Response(
        text, status=status, content_type="application/json;odata.metadata=minimal;charset=utf-8"
    )
    answer.headers["request-id"] = "5d6c1f0a-0000-4000-8000-000000000001"
    answer.headers.update(headers or {})
    return answer


def _answer(graph: Graph, call: _Call) -> _Reply:
    roles = graph.authority.roles_of(call.headers.get("authorization", "").removeprefix("Bearer "))
    if roles is None:
        return _refused(graph, Refusal(401, "InvalidAuthenticationToken", "Access token validation failure."))
    try:
        if (call.method, call.path) == ("POST", "/$batch"):
            return _batch(graph, call)
        return _single(graph, call, roles)
    except Refusal as refusal:
        return _refused(graph, refusal)


def _refused(graph: Graph, refusal: Refusal) -> _Reply:
    inner = {
        "date": graph.tenant.now().strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": "5d6c1f0a-0000-4000-8000-000000000001",
    }
    error = {"code": refusal.code, "message": refusal.message, "innerError": inner}
    return _Reply(refusal.status, {"error": error}, refusal.headers)


def _batch(graph: Graph, call: _Call) -> _Reply:
    items = call.body.get("requests")
    if not isinstance(items, list) or not 0 < len(items) <= BATCH_SIZE:
        raise Refusal(400, "BadRequest", f"A batch holds 1 to {BATCH_SIZE} requests.")
    if len({item["id"] for item in items}) != len(items):
        raise Refusal(400, "BadRequest", "The ids of a batch must be unique.")
    answers: list[Json] = []
    for item in reversed(items):
        url = urlsplit(item["url"])
        inner = _Call(
            method=item["method"],
            path=unquote(url.path),
            query={name: values[0] for name, values in parse_qs(url.query).items()},
            headers={
                **{n.lower(): v for n, v in item.get("headers", {}).items()},
                "authorization": call.headers["authorization"],
            },
            body=item.get("body") or {},
            base_url=call.base_url,
        )
        reply = _answer(graph, inner)
        if inner.path not in graph.lost:
            answers.append(
                {"id": item["id"], "status": reply.status, "headers": dict(reply.headers), "body": reply.body}
            )
    return _Reply(200, {"responses": answers})


def _single(graph: Graph, call: _Call, roles: tuple[str, ...]) -> _Reply:
    graph.calls.append((call.method, call.path))
    if _spent(graph.busy, call.path):
        raise Refusal(429, "TooManyRequests", "Too many requests.", {"Retry-After": str(graph.retry_after)})
    if call.method != "GET":
        if WRITE_ROLE not in roles:
            raise Refusal(403, "", "You do not have the required permissions to access this item.")
        if graph.before_write is not None:
            graph.before_write(call.method, call.path)
        if _spent(graph.colliding, call.path):
            raise Refusal(409, "", "The change conflicts with another change.")
    if call.path.startswith("/users") and PEOPLE_ROLE not in roles:
        raise Refusal(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )
    if call.path.startswith("/planner") and not READ_ROLES & set(roles):
        raise Refusal(403, "", "You do not have the required permissions to access this item.")
    for method, pattern, serve in _ROUTES:
        found = re.fullmatch(pattern, call.path)
        if found and method == call.method:
            return serve(graph.tenant, call, *found.groups())
    raise Refusal(
        400 if call.method == "GET" else 405,
        "BadRequest",
        f"Resource not found for {call.method} {call.path}.",
    )


def _spent(counts: dict[str, int], path: str) -> bool:
    if counts.get(path, 0) <= 0:
        return False
    counts[path] -= 1
    return True


def _paged(tenant: Tenant, call: _Call, kind: str, records: list[Json], size: int | None = None) -> _Reply:
    start = int(base64.b64decode(call.query["$skiptoken"])) if "$skiptoken" in call.query else 0
    end = start + (size or tenant.page_size)
    withheld = tenant.withheld if kind == "plannerTask" else 0
    shown = records[0 if tenant.stuck else start : max(start, min(end, len(records) - withheld))]
    body: Json = {
        "@odata.context": f"{call.base_url}/$metadata#Collection(microsoft.graph.{kind})",
        "@odata.count": len(records),
        "value": shown,
    }
    if end < len(records):
        token = base64.b64encode(str(0 if tenant.stuck else end).encode()).decode()
        kept = "&".join(f"{quote(n)}={quote(v)}" for n, v in call.query.items() if n != "$skiptoken")
        body["@odata.nextLink"] = (
            f"{call.base_url}{quote(call.path)}?{kept}{'&' if kept else ''}$skiptoken={quote(token)}"
        )
    return _Reply(200, body)


def _entity(call: _Call, record: Json, kind: str) -> Json:
    return {"@odata.context": f"{call.base_url}/$metadata#planner/{kind}/$entity", **record}


def _groups(tenant: Tenant, call: _Call) -> _Reply:
    records = list(tenant.groups.values())
    named = re.fullmatch(r"displayName eq '(.*)'", call.query.get("$filter", ""))
    if named:
        wanted = named[1].replace("''", "'").casefold()
        records = [each for each in records if each["displayName"].casefold() == wanted]
    return _paged(tenant, call, "group", records, min(int(call.query.get("$top", 100)), 999))


def _organization(_: Tenant, call: _Call) -> _Reply:
    organization = {"id": TENANT_ID, "displayName": "Office of Information Technology"}
    return _Reply(200, {"@odata.context": f"{call.base_url}/$metadata#organization", "value": [organization]})


def _group(tenant: Tenant, call: _Call, group_id: str) -> _Reply:
    if group_id not in tenant.groups:
        raise Refusal(404, "Request_ResourceNotFound", f"Resource '{group_id}' does not exist.")
    return _Reply(200, _entity(call, tenant.groups[group_id], "groups"))


def _user(tenant: Tenant, call: _Call, user_id: str) -> _Reply:
    if user_id not in tenant.users:
        raise Refusal(404, "Request_ResourceNotFound", f"Resource '{user_id}' does not exist.")
    fields = call.query.get("$select", "id,displayName,mail").split(",")
    return _Reply(200, _entity(call, {name: tenant.users[user_id].get(name) for name in fields}, "users"))


def _plans_of(tenant: Tenant, call: _Call, group_id: str) -> _Reply:
    return _paged(tenant, call, "plannerPlan", tenant.plans_of(group_id))


def _plan(tenant: Tenant, call: _Call, plan_id: str) -> _Reply:
    return _Reply(200, _entity(call, tenant.plan(plan_id), "plans"))


def _plan_details(tenant: Tenant, call: _Call, plan_id: str) -> _Reply:
    tenant.plan(plan_id)
    return _Reply(200, _entity(call, tenant.plan_details[plan_id], "plans"))


def _buckets_of(tenant: Tenant, call: _Call, plan_id: str) -> _Reply:
    return _paged(tenant, call, "plannerBucket", tenant.buckets_of(plan_id))


def _tasks_of(tenant: Tenant, call: _Call, plan_id: str) -> _Reply:
    return _paged(tenant, call, "plannerTask", tenant.tasks_of(plan_id))


def _task(tenant: Tenant, call: _Call, task_id: str) -> _Reply:
    return _Reply(200, _entity(call, tenant.task(task_id), "tasks"))


def _task_details(tenant: Tenant, call: _Call, task_id: str) -> _Reply:
    tenant.task(task_id)
    return _Reply(200, _entity(call, tenant.details[task_id], "tasks"))


def _new_bucket(tenant: Tenant, call: _Call) -> _Reply:
    return _Reply(201, _entity(call, tenant.create_bucket(call.body), "buckets"))


def _new_task(tenant: Tenant, call: _Call) -> _Reply:
    return _Reply(201, _entity(call, tenant.create_task(call.body), "tasks"))


def _patched(call: _Call, record: Json) -> _Reply:
    if "return=representation" in call.headers.get("prefer", ""):
        return _Reply(200, _entity(call, record, "tasks"), {"Preference-Applied": "return=representation"})
    return _Reply(204)


def _change_task(tenant: Tenant, call: _Call, task_id: str) -> _Reply:
    return _patched(call, tenant.change_task(task_id, call.body, call.headers.get("if-match")))


def _change_details(tenant: Tenant, call: _Call, task_id: str) -> _Reply:
    return _patched(call, tenant.change_details(task_id, call.body, call.headers.get("if-match")))


def _delete_task(tenant: Tenant, call: _Call, task_id: str) -> _Reply:
    tenant.delete_task(task_id, call.headers.get("if-match"))
    return _Reply(204)


_ID = r"([A-Za-z0-9_-]+)"
_ROUTES: tuple[tuple[str, str, Callable[..., _Reply]], ...] = (
    ("GET", "/organization", _organization),
    ("GET", f"/users/{_ID}", _user),
    ("GET", "/groups", _groups),
    ("GET", f"/groups/{_ID}", _group),
    ("GET", f"/groups/{_ID}/planner/plans", _plans_of),
    ("GET", f"/planner/plans/{_ID}", _plan),
    ("GET", f"/planner/plans/{_ID}/details", _plan_details),
    ("GET", f"/planner/plans/{_ID}/buckets", _buckets_of),
    ("GET", f"/planner/plans/{_ID}/tasks", _tasks_of),
    ("POST", "/planner/buckets", _new_bucket),
    ("POST", "/planner/tasks", _new_task),
    ("GET", f"/planner/tasks/{_ID}", _task),
    ("PATCH", f"/planner/tasks/{_ID}", _change_task),
    ("DELETE", f"/planner/tasks/{_ID}", _delete_task),
    ("GET", f"/planner/tasks/{_ID}/details", _task_details),
    ("PATCH", f"/planner/tasks/{_ID}/details", _change_details),
)


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def empty_graph(now: Callable[[], datetime] = utc_now) -> Graph:
    """A tenant without groups and plans, and its authority."""
    return Graph(Tenant(now), Authority(now, tenant=TENANT_ID))


def create_app(
    city: City,
    *,
    token: str = "sandbox-graph",  # noqa: S107 - opens nothing but this sandbox
    client_id: str = "31359c7f-bd7e-475c-86db-fdb8c937548e",
    client_secret: str = "sandbox-secret",  # noqa: S107 - opens nothing but this sandbox
    now: Callable[[], datetime] = utc_now,
) -> Flask:
    """Graph over the city's plans.

    `token` is let in as it is; `client_id` with `client_secret` gets tokens from the authority.
    """
    graph = empty_graph(now)
    graph.authority.admit(token)
    graph.authority.register(client_id, client_secret)
    fill(graph.tenant, city)
    return graph_app(graph)
