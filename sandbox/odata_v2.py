"""A simulated OData V2 service as SAP Gateway serves it: the same budget lines and figures as `sandbox.odata`, in V2's ways.

It wraps answers in `d`, gives decimals as text and instants as `/Date()/`, wants typed literals, a token against forgery with its
cookie for every write, MERGE, an ETag for each change, its own page size with `__next`, and answers errors in SAP's shape.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask, Response, request

from sandbox import odata_batch
from sandbox.city import City
from sandbox.odata import PASSWORD, USER, Service, Table, Type, kept_of, restore, stepping, tables
from sandbox.odata_filter import BadFilter, compiled

TOKEN = "dG9rZW4tb2YtdGhlLXNhbmRib3g="  # noqa: S105 - it guards nothing
COOKIE = "SAP_SESSIONID_SBX_100=abc%3d"
_TYPES = {"Edm.Date": "Edm.DateTime"}
_COMPUTED = frozenset({"ModifiedAt"})
_TYPED = re.compile(
    r"'(?:[^']|'')*'|datetimeoffset'([^']*)'|datetime'([^']*)'|(?<![\w.'-])(-?\d+(?:\.\d+)?)([MLdf])\b",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Refusal(Exception):
    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = dict(headers or {})


def create_app(city: City, *, user: str = USER, password: str = PASSWORD) -> Flask:
    """The service over the city's `odata` ledger. Its `Service` is `app.extensions["portico"]`."""
    state = Service(tables(city), stepping(city.as_of), user, password)
    for table in state.tables.values():
        table.types = {name: (_TYPES.get(kind, kind), facets) for name, (kind, facets) in table.types.items()}
    app = Flask("sandbox.odata_v2")
    app.extensions |= {"portico": state, "DataServiceVersion": "2.0", "csrf": TOKEN}
    app.before_request(lambda: _guard(app, state))
    app.register_error_handler(_Refusal, _refused)
    app.add_url_rule("/", "root", lambda: _root(app))
    app.add_url_rule("/$metadata", "metadata", lambda: Response(_metadata(state), mimetype="application/xml"))
    app.add_url_rule("/<name>", "list", lambda name: _list(state, name))
    app.add_url_rule("/<name>", "create", lambda name: _create(state, name), methods=["POST"])
    app.add_url_rule("/<name>(<path:key>)", "one", lambda name, key: _one(state, name, key))
    app.add_url_rule(
        "/<name>(<path:key>)",
        "change",
        lambda name, key: _change(state, name, key),
        methods=["MERGE", "PATCH", "PUT"],
    )

    odata_batch.register(app, lambda: kept_of(state), lambda kept: restore(state, kept))
    return app


def _guard(app: Flask, state: Service) -> None:
    state.requests += 1
    expected = base64.b64encode(f"{state.user}:{state.password}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {expected}":
        raise _Refusal(401, "No authorization", {"WWW-Authenticate": 'Basic realm="SAP"'})
    if request.method not in ("GET", "HEAD"):
        token, cookie = request.headers.get("X-CSRF-Token"), request.headers.get("Cookie", "")
        if token != app.extensions["csrf"] or COOKIE not in cookie:
            raise _Refusal(403, "CSRF token validation failed", {"X-CSRF-Token": "Required"})


def _root(app: Flask) -> Response:
    answer = _answer({"EntitySets": ["BudgetLines", "BudgetFigures"]})
    if request.headers.get("X-CSRF-Token", "").lower() == "fetch":
        answer.headers["X-CSRF-Token"] = app.extensions["csrf"]
        answer.headers.add(
            "Set-Cookie", "sap-usercontext=sap-client=100; path=/; expires=Sun, 22 Nov 2099 03:31:57 GMT"
        )
        answer.headers.add("Set-Cookie", f"{COOKIE}; path=/; HttpOnly")
    return answer


def _refused(refusal: Exception) -> Response:
    status, headers = getattr(refusal, "status", 500), getattr(refusal, "headers", {})
    body = {"error": {"code": f"SBX/{status}", "message": {"lang": "en", "value": str(refusal)}}}
    return Response(json.dumps(body), status, headers, mimetype="application/json")


def _answer(inner: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    answer = Response(json.dumps({"d": inner}), status, mimetype="application/json")
    answer.headers.update({"DataServiceVersion": "2.0", **(headers or {})})
    return answer


def _table(state: Service, name: str) -> Table:
    if name not in state.tables:
        raise _Refusal(404, f"Resource not found for segment '{name}'")
    return state.tables[name]


def _list(state: Service, name: str) -> Response:
    with state.lock:
        table, options = _table(state, name), dict(request.args)
        unknown = [each for each in options if each.startswith("$") and each not in
                   ("$filter", "$orderby", "$top", "$select", "$skiptoken", "$inlinecount", "$format")]  # fmt: skip
        if unknown:
            raise _Refusal(400, f"The query option {unknown[0]} is not known in OData V2")
        if state.repeat_pages:
            options = {key: value for key, value in options.items() if key not in ("$filter", "$skiptoken")}
        rows = list(table.rows.values())
        if "$filter" in options:
            rows = [row for row in rows if _test(options["$filter"], table)(row)]
        order = options.get("$orderby", ",".join(table.key)).split(",")
        rows.sort(key=lambda row: [(row[each] is not None, row[each]) for each in order])
        start = int(options.get("$skiptoken", "0"))
        end = start + min(state.page_size, int(options.get("$top", str(10**9))))
        there = rows[: len(rows) - state.withhold] if state.withhold else rows
        inner: dict[str, Any] = {"results": [_shown(name, table, row) for row in there[start:end]]}
        if options.get("$inlinecount") == "allpages":
            inner["__count"] = str(len(rows))
        if end < len(there) and "$top" not in options:
            query = "&".join(f"{key}={value}" for key, value in {**options, "$skiptoken": str(end)}.items())
            inner["__next"] = f"{request.host_url}{name}?{query}"
        return _answer(inner)


def _test(text: str, table: Table) -> Any:
    def plain(match: re.Match[str]) -> str:
        if match[1] is not None:
            return match[1]
        if match[2] is not None:
            return f"{match[2]}Z"
        return match[3] if match[3] is not None else match[0]

    for name, (kind, _) in table.types.items():
        if kind == "Edm.Decimal" and re.search(rf"\b{name} \w\w -?[\d.]+(?![\d.Mm])", text):
            raise _Refusal(400, f"Operator incompatible with types 'Edm.Decimal' and 'Edm.Int32' ({name})")
    try:
        return compiled(_TYPED.sub(plain, text), frozenset(table.types))
    except BadFilter as error:
        raise _Refusal(400, str(error)) from None


def _shown(name: str, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    place = tuple(row[each] for each in table.key)
    key = ",".join(f"{each}='{row[each]}'" for each in table.key)
    meta = {"uri": f"{request.host_url}{name}({key})", "type": f"FINANCE.{name}", "etag": table.etag(place)}
    return {
        "__metadata": meta,
        **{each: _wire(row[each]) for each in table.types},
        "to_Lines": {"__deferred": {"uri": f"{meta['uri']}/to_Lines"}},
    }


def _wire(value: Any) -> Any:
    match value:
        case datetime():
            return f"/Date({(value - _EPOCH) // timedelta(milliseconds=1)}+0000)/"
        case date():
            moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
            return f"/Date({(moment - _EPOCH) // timedelta(milliseconds=1)})/"
        case Decimal():
            return format(value, "f")
    return value


def _place(table: Table, key: str) -> tuple[Any, ...]:
    parts = re.findall(r"(?:(\w+)=)?('(?:[^']|'')*'|[^,]+)(?:,|$)", key)
    named = {
        name or table.key[0]: text[1:-1].replace("''", "'") if text.startswith("'") else int(text.rstrip("L"))
        for name, text in parts
    }
    if named.keys() != set(table.key):
        raise _Refusal(400, "Invalid key predicate")
    return tuple(named[name] for name in table.key)


def _one(state: Service, name: str, key: str) -> Response:
    with state.lock:
        table = _table(state, name)
        place = _place(table, key)
        if place not in table.rows:
            raise _Refusal(404, "Resource not found")
        return _answer(_shown(name, table, table.rows[place]))


def _change(state: Service, name: str, key: str) -> Response:
    with state.lock:
        table = _table(state, name)
        place = _place(table, key)
        if place not in table.rows:
            raise _Refusal(404, "Resource not found")
        if request.headers.get("If-Match") not in ("*", table.etag(place)):
            raise _Refusal(412, "Precondition failed: the ETag is missing or does not match")
        body = _body(table)
        if request.method == "PUT":
            body = {**{each: None for each in table.types if each not in (*table.key, *_COMPUTED)}, **body}
        state.write(name, place, body)
        return Response(status=204)


def _create(state: Service, name: str) -> Response:
    with state.lock:
        table, body = _table(state, name), None
        body = _body(table)
        place = tuple(body.get(each) for each in table.key)
        if None in place or place in table.rows:
            raise _Refusal(400, "The key is empty or exists already")
        state.write(name, place, body)
        return _answer(_shown(name, table, table.rows[place]), 201)


def _body(table: Table) -> dict[str, Any]:
    try:
        sent = json.loads(request.get_data(as_text=True))
    except ValueError:
        raise _Refusal(400, "The request body is malformed") from None
    return {name: _accepted(name, *table.types.get(name, ("", {})), value) for name, value in sent.items()}


def _accepted(name: str, kind: str, facets: Mapping[str, str], value: Any) -> Any:
    if not kind or name in _COMPUTED:
        raise _Refusal(400, f"Property '{name}' is invalid")
    wrong = _Refusal(400, f"Property '{name}' has an invalid value for {kind}")
    if value is None:
        return None
    if kind == "Edm.Int32":
        if not isinstance(value, int):
            raise wrong
    elif not isinstance(value, str) or len(value) > int(facets.get("MaxLength", "99999")):
        raise wrong
    elif kind == "Edm.Decimal":
        try:
            value = Decimal(value)
        except InvalidOperation:
            raise wrong from None
        if value != round(value, int(facets["Scale"])):
            raise wrong
    elif kind == "Edm.DateTime":
        match = re.fullmatch(r"/Date\((-?\d+)\)/", value)
        if match is None:
            raise wrong
        value = (_EPOCH + timedelta(milliseconds=int(match[1]))).date()
    return value


def _metadata(state: Service) -> str:
    def property_of(name: str, shape: Type) -> str:
        kind, facets = shape
        more = "".join(f' {facet}="{value}"' for facet, value in facets.items())
        more += ' sap:updatable="false"' if name in _COMPUTED else ""
        return f'<Property Name="{name}" Type="{kind}"{more}/>'

    types, sets = [], []
    for name, table in state.tables.items():
        keys = "".join(f'<PropertyRef Name="{each}"/>' for each in table.key)
        inner = "".join(property_of(each, shape) for each, shape in table.types.items())
        types.append(f'<EntityType Name="{name}Type"><Key>{keys}</Key>{inner}</EntityType>')
        sets.append(f'<EntitySet Name="{name}" EntityType="FINANCE.{name}Type"/>')
    return (
        '<?xml version="1.0"?><edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" '
        'xmlns:sap="http://www.sap.com/Protocols/SAPData"><edmx:DataServices m:DataServiceVersion="2.0">'
        '<Schema Namespace="FINANCE" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
        f'{"".join(types)}<EntityContainer Name="C" m:IsDefaultEntityContainer="true">{"".join(sets)}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )
