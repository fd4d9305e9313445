"""A simulated ServiceNow instance: Table, Aggregate, Import Set and Batch API, with the traps that the real ones have.

- the limit applies before row rules: a page may be short, or empty, although more rows follow
- an amount comes in the currency of the account's locale, whatever it was stored in
- unknown fields, and query terms that are not understood, are silently left out
- a field that the account may not write is passed over with status 200
- the Link header points at the instance's own host, not at the one that was asked
- too many rows for one transaction: 200 with rows and an `error` beside them, or a body cut short, or a 500
- under a rate rule, answers tell its limit and its end; over it: 429 with a Retry-After of half an hour
- too many transactions at once: 429 that names no rule, or 202 without a body for a request that was dropped
"""

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from flask import Flask, Response, request

from sandbox.city import City
from sandbox.servicenow_city import tables_of
from sandbox.servicenow_import import TransformMap, transform
from sandbox.servicenow_login import KEY_HEADER, Login
from sandbox.servicenow_query import Query, parse
from sandbox.servicenow_tables import Clock, Column, Rights, Row, Tables, stored

USER = "portico.bot"
PASSWORD = "portico-sandbox"  # noqa: S105 - it guards nothing
INSTANCE = "https://city-sandbox.service-now.com"
"""The instance's own host, which its links name whatever host was asked."""

_DEFAULT_LIMIT = 10_000
_NO_RECORD = ("No Record found", "Record doesn't exist or ACL restricts the record retrieval")


@dataclass
class Instance:
    """The mutable state of a simulated instance."""

    tables: Tables
    user: str = USER
    password: str = PASSWORD
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    currency: str = "USD"
    """Of the account's locale: amounts are converted to it on the way out, and stored as they come in."""
    batch_serves: int = 100
    """How many requests of one batch are served; the others are named as not served."""
    maps: dict[str, TransformMap] = field(default_factory=dict)
    """The transform map of each staging table."""
    login: Login = field(default_factory=Login)
    rights: Rights = field(default_factory=Rights)
    quota: int | None = None
    """How many more requests are answered before 429; None: no rate rule applies."""
    hourly: int = 5000
    """What that rule grants."""
    retry_after: int = 1800
    busy: int = 0
    """How many requests get a 429 without a rule's headers, as if every semaphore were taken."""
    dropped: int = 0
    """How many requests get a 202 without a body, as if their session had too many of them waiting."""
    rows_in_time: int | None = None
    """Pages with more rows than this are cancelled half-way."""
    cancelled: Literal["beside", "torn", "failed"] = "beside"
    """How a cancelled page looks: valid JSON with `error` beside `result`, a body that breaks off, or a 500."""
    drops: Callable[[str], bool] = lambda _: False
    """Which terms of a query the instance leaves out, as if it could not read them."""
    drift: Mapping[str, str] = field(default_factory=dict)
    """Column values that a business rule sets on every update through the interface."""
    requests: deque[tuple[str, str, dict[str, str]]] = field(default_factory=lambda: deque(maxlen=2000))
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def write_log(self) -> list[dict[str, str]]:
        """Every accepted change of a field: `{"table", "record", "field", "before", "after", "by"}`."""
        return self.tables.write_log


def create_app(city: City, *, user: str = USER, password: str = PASSWORD, now: Clock | None = None) -> Flask:
    """The city's instance, for Basic authentication as `user`. `now` stamps writes (default: the clock)."""
    return create_table_app(Instance(tables_of(city, now or _utc_now), user=user, password=password))


def create_table_app(instance: Instance) -> Flask:
    """The interfaces over any instance; it is `app.extensions["portico"]`, for tests to edit."""
    app = Flask("sandbox.servicenow")
    app.extensions["portico"] = instance

    @app.before_request
    def enter() -> Response | None:
        instance.lock.acquire()
        instance.requests.append((request.method, request.path, request.args.to_dict()))
        return _refused(instance)

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        instance.lock.release()

    @app.after_request
    def stamp_it(response: Response) -> Response:
        now = instance.tables.now().astimezone(UTC)
        response.headers["Date"] = format_datetime(now, usegmt=True)
        if instance.quota is not None:
            response.headers["X-RateLimit-Limit"] = str(instance.hourly)
            response.headers["X-RateLimit-Reset"] = str(int(now.timestamp()) + instance.retry_after)
            response.headers["X-RateLimit-Rule"] = "portico hourly"
        response.set_cookie("JSESSIONID", "A1B2C3D4", httponly=True)
        response.set_cookie("glide_user_route", "glide.a1b2", httponly=True)
        return response

    @app.post("/oauth_token.do")
    def token() -> Response:
        answer, status = instance.login.token(
            request, instance.user, instance.password, instance.tables.now()
        )
        return _json(answer, status)

    @app.get("/api/now/table/<table>")
    @app.get("/api/now/v2/table/<table>")
    def many(table: str) -> Response:
        return _gate(instance, table) or _list(instance, table)

    @app.get("/api/now/table/<table>/<id_>")
    @app.get("/api/now/v2/table/<table>/<id_>")
    def one(table: str, id_: str) -> Response:
        if refused := _gate(instance, table):
            return refused
        row = _visible(instance, table, id_)
        return _error(404, *_NO_RECORD) if row is None else _json({"result": _body(instance, table, row)})

    @app.post("/api/now/table/<table>")
    @app.post("/api/now/v2/table/<table>")
    def create(table: str) -> Response:
        if refused := _gate(instance, table):
            return refused
        values = _accepted(instance, table, request.get_json(silent=True))
        row = instance.tables.insert(table, values, instance.user)
        return _json({"result": _body(instance, table, row)}, 201)

    @app.route("/api/now/table/<table>/<id_>", methods=["PATCH", "PUT"])
    @app.route("/api/now/v2/table/<table>/<id_>", methods=["PATCH", "PUT"])
    def change(table: str, id_: str) -> Response:
        return _gate(instance, table) or _change(instance, table, id_)

    @app.delete("/api/now/table/<table>/<id_>")
    def remove(table: str, id_: str) -> Response:
        if refused := _gate(instance, table):
            return refused
        if _visible(instance, table, id_) is None:
            return _error(404, *_NO_RECORD)
        instance.tables.delete(table, id_)
        return Response(status=204)

    @app.post("/api/now/import/<staging>")
    def take(staging: str) -> Response:
        made = instance.maps.get(staging)
        if made is None:
            return _error(400, f"Invalid staging table : {staging}", None)
        body = request.get_json(silent=True)
        try:
            result = transform(instance.tables, made, body if isinstance(body, dict) else {}, instance.user)
        except ValueError as error:
            return _error(400, str(error), None)
        return _json({"import_set": "ISET0010001", "staging_table": staging, "result": result}, 201)

    @app.post("/api/now/v1/batch")
    def batch() -> Response:
        return _batch(instance, app)

    @app.get("/api/now/stats/<table>")
    def stats(table: str) -> Response:
        if refused := _gate(instance, table):
            return refused
        rows = instance.tables.select(table, _query(instance, table))
        counted = {"count": str(len(rows))} if request.args.get("sysparm_count") == "true" else {}
        return _json({"result": {"stats": counted}})

    return app


def _refused(instance: Instance) -> Response | None:
    login, now = instance.login, instance.tables.now()
    login.kept_sessions += "JSESSIONID" in request.cookies
    if request.path == "/oauth_token.do":
        return None
    if not login.knows(request, instance.user, instance.password, now):
        login.refused += 1
        refusal = _error(401, "User Not Authenticated", "Required to provide Auth information")
        refusal.headers["WWW-Authenticate"] = 'BASIC realm="Service-now"'
        return refusal
    if instance.dropped > 0:
        instance.dropped -= 1
        return Response(status=202)
    if instance.busy > 0:
        instance.busy -= 1
        return _error(429, "Too many requests", "Maximum concurrent transactions reached")
    if instance.quota is None:
        return None
    if instance.quota <= 0:
        limited = _error(429, "Rate limit exceeded", None)
        limited.headers["Retry-After"] = str(instance.retry_after)
        return limited
    instance.quota -= 1
    return None


def _gate(instance: Instance, table: str) -> Response | None:
    if not instance.tables.has(table):
        return _error(400, f"Invalid table {table}", None)
    if table in instance.rights.closed or not instance.login.opens(request, table):
        return _error(403, "User Not Authorized", "Failed API level ACL Validation")
    return None


def _query(instance: Instance, table: str) -> Query:
    def script(text: str) -> str | None:
        return {
            "gs.getUserName()": instance.user,
            "gs.getUserID()": next(
                (row["sys_id"] for row in _rows(instance, "sys_user") if row["user_name"] == instance.user),
                "",
            ),
        }.get(text)

    terms = request.args.get("sysparm_query", "").split("^")
    return parse(
        "^".join(term for term in terms if not instance.drops(term)),
        lambda path: instance.tables.column(table, path) is not None,
        script,
    )


def _rows(instance: Instance, table: str) -> list[Row]:
    return list(instance.tables.rows(table)) if instance.tables.has(table) else []


def _list(instance: Instance, table: str) -> Response:
    found = instance.tables.select(table, _query(instance, table))
    limit = int(request.args.get("sysparm_limit", _DEFAULT_LIMIT))
    offset = max(0, int(request.args.get("sysparm_offset", 0)))
    window = found[offset : offset + limit]
    rows = [_body(instance, table, row) for row in window if row["sys_id"] not in instance.rights.hidden]
    if instance.rows_in_time is not None and len(window) > instance.rows_in_time:
        return _cancelled(instance, rows)
    response = _json({"result": rows})
    if request.args.get("sysparm_no_count") != "true":
        response.headers["X-Total-Count"] = str(len(found))
    if request.args.get("sysparm_suppress_pagination_header") != "true" and offset + limit < len(found):
        link = f"{INSTANCE}{request.path}?sysparm_offset={offset + limit}&sysparm_limit={limit}"
        response.headers["Link"] = f'<{link}>;rel="next"'
    return response


def _cancelled(instance: Instance, rows: list[dict[str, Any]]) -> Response:
    error = {"message": "Transaction cancelled: maximum execution time exceeded", "detail": None}
    if instance.cancelled == "failed":
        return _json({"error": error, "status": "failure"}, 500)
    half = rows[: len(rows) // 2]
    if instance.cancelled == "beside":
        return _json({"result": half, "error": error, "status": "failure"})
    rest = json.dumps({"error": error, "status": "failure"})[1:]
    return Response(json.dumps({"result": half})[:-2] + '}""' + rest, mimetype="application/json")


def _change(instance: Instance, table: str, id_: str) -> Response:
    row = _visible(instance, table, id_)
    if row is None:
        return _error(404, *_NO_RECORD)
    if id_ in instance.rights.frozen:
        return _error(403, "Operation Failed", "ACL Exception Update Failed due to security constraints")
    values = _accepted(instance, table, request.get_json(silent=True))
    row = instance.tables.edit(table, id_, instance.user, **{**values, **instance.drift})
    return _json({"result": _body(instance, table, row)})


def _accepted(instance: Instance, table: str, body: object) -> dict[str, str]:
    columns = instance.tables.columns(table)
    barred = instance.rights.unwritable.get(table, set())
    accepted: dict[str, str] = {}
    for name, value in (body if isinstance(body, dict) else {}).items():
        column = columns.get(name)
        if column is None or column.read_only or name in barred:
            continue
        kept = _kept(column, value)
        if kept is not None:
            accepted[name] = kept
    return accepted


def _kept(column: Column, value: object) -> str | None:
    if value is None:
        return stored(column, "")
    return stored(column, str(value).lower() if isinstance(value, bool) else str(value))


def _visible(instance: Instance, table: str, id_: str) -> Row | None:
    return None if id_ in instance.rights.hidden else instance.tables.find(table, id_)


def _body(instance: Instance, table: str, row: Row) -> dict[str, Any]:
    names = [each for each in request.args.get("sysparm_fields", "").split(",") if each]
    barred = instance.rights.unreadable.get(table, set())
    body: dict[str, Any] = {}
    for name in names or instance.tables.columns(table):
        column = instance.tables.column(table, name)
        if column is not None and name.partition(".")[0] not in barred:
            body[name] = _cell(instance, column, instance.tables.value(table, row, name))
    return body


def _batch(instance: Instance, app: Flask) -> Response:
    """Each request by itself, as the account of the whole; those past `batch_serves` are not served."""
    asked = request.get_json()
    items = asked["rest_requests"]
    served = []
    for item in items[: instance.batch_serves]:
        headers = {each["name"]: each["value"] for each in item.get("headers", [])}
        for name in ("Authorization", KEY_HEADER):
            if name in request.headers:
                headers[name] = request.headers[name]
        body = base64.b64decode(item.get("body", ""))
        answer = app.test_client(use_cookies=False).open(
            item["url"], method=item["method"], headers=headers, data=body
        )
        served.append(
            {
                "id": item["id"],
                "status_code": answer.status_code,
                "status_text": answer.status.partition(" ")[2],
                "body": base64.b64encode(answer.get_data()).decode(),
                "headers": [{"name": name, "value": value} for name, value in answer.headers.items()],
                "execution_time": 1,
            }
        )
    left = [item["id"] for item in items[instance.batch_serves :]]
    return _json(
        {
            "batch_request_id": str(asked.get("batch_request_id", "")),
            "serviced_requests": served,
            "unserviced_requests": left,
        }
    )


def _cell(instance: Instance, column: Column, value: str) -> Any:
    style = request.args.get("sysparm_display_value", "false")
    bare = request.args.get("sysparm_exclude_reference_link") == "true"
    shown = instance.tables.shown(column, value, instance.zone, instance.currency) if style != "false" else ""
    value = instance.tables.converted(column, value, instance.currency)
    link = (
        f"{INSTANCE}/api/now/table/{column.reference}/{value}"
        if column.reference and value and not bare
        else None
    )
    if style == "all":
        return {"display_value": shown, "value": value, **({"link": link} if link else {})}
    if link:
        return {"link": link, **({"display_value": shown} if style == "true" else {"value": value})}
    return shown if style == "true" else value


def _json(document: object, status: int = 200) -> Response:
    return Response(json.dumps(document), status=status, mimetype="application/json")


def _error(status: int, message: str, detail: str | None) -> Response:
    return _json({"error": {"message": message, "detail": detail}, "status": "failure"}, status)


def _utc_now() -> datetime:
    return datetime.now(UTC)
