"""A simulated Salesforce organisation: budget lines to read, an object of Portico's own to write figures to.

It behaves as the REST API does: query locators that keep a snapshot of ids, numbers as JSON doubles without
trailing zeros, text compared regardless of case, deleted records in queryAll only, collections with one
verdict per record inside a 200, errors as a list, the usage header on every answer, 403 for a used-up quota.
"""

import base64
import itertools
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import simplejson
from flask import Flask, Response, request

from sandbox import salesforce_bulk
from sandbox.city import City
from sandbox.salesforce_objects import FIGURE, LINE, ORG, Table
from sandbox.soql import Malformed, Query, parse

CLIENT_ID = "portico-sandbox"
CLIENT_SECRET = "portico-sandbox-secret"  # noqa: S105 - it guards nothing
TOKEN = "00D000000000001!sandbox"  # noqa: S105 - it guards nothing
USER = "portico@city.example"
USER_ID = "005000000000001AAA"
ORGANIZATION = "00D000000000001EAA"


@dataclass
class Org:
    """The mutable state of a simulated organisation."""

    tables: dict[str, Table]
    clock: Callable[[], datetime]
    token: str = TOKEN
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    page_size: int = 2000
    requests: int = 0
    quota: int = 100_000
    hidden: set[tuple[str, str]] = field(default_factory=set)
    """Fields that field-level security hides from the account, as (object, field)."""
    locked: set[tuple[str, str]] = field(default_factory=set)
    """Fields that the account may read and not edit."""
    write_log: list[dict[str, Any]] = field(default_factory=list)
    repeat_pages: bool = False
    """Whether every page names itself as the next one."""
    withhold: int = 0
    """How many records at the end of each query are announced and never given."""
    locators: dict[str, tuple[Query, list[str]]] = field(default_factory=dict)
    with_deleted: set[str] = field(default_factory=set)
    """The locators of queryAll: their pages are asked for at `query`, and hold deleted records."""
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    public_key: Any = None
    """The key that signs assertions; None: any signature is taken."""
    jobs: Any = None
    """Its Bulk API jobs (`salesforce_bulk.Jobs`)."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, name: str, values: Mapping[str, Any], record: str | None = None) -> str:
        """Creates or changes a record; its id."""
        table, now = self.tables[name], self.clock()
        record = record or f"{table.prefix}{next(self.numbers):012d}AAA"
        fresh = {
            **dict.fromkeys(table.shapes),
            "Id": record,
            "Name": record,
            "IsDeleted": False,
            "CreatedDate": now,
        }
        table.rows[record] = {**table.rows.get(record, fresh), "SystemModstamp": now, **values}
        return record


class _Refusal(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


def create_app(city: City, *, token: str = TOKEN) -> Flask:
    """The organisation over the city's `salesforce` ledger. Its `Org` is `app.extensions["portico"]`."""
    state = _org(city, token)
    app = Flask("sandbox.salesforce")
    app.extensions["portico"] = state
    app.before_request(lambda: _guard(state))
    app.after_request(lambda response: _metered(state, response))
    app.register_error_handler(_Refusal, _refused)
    data = "/services/data/v<version>"
    app.add_url_rule("/services/oauth2/token", "token", lambda: _token(state), methods=["POST"])
    app.add_url_rule("/services/oauth2/userinfo", "userinfo", _userinfo)
    app.add_url_rule(f"{data}/query/", "query", lambda version: _query(state, version, deleted=False))
    app.add_url_rule(f"{data}/queryAll/", "query_all", lambda version: _query(state, version, deleted=True))
    app.add_url_rule(
        f"{data}/query/<locator>", "more", lambda version, locator: _more(state, version, locator)
    )
    app.add_url_rule(f"{data}/sobjects/<name>/describe", "describe", lambda name, **_: _describe(state, name))
    app.add_url_rule(
        f"{data}/composite/sobjects",
        "collection",
        lambda **_: _collection(state),
        methods=["PATCH", "POST"],
    )
    app.add_url_rule(
        f"{data}/composite/sobjects/<name>/<key>",
        "upsert",
        lambda name, key, **_: _collection(state, name, key),
        methods=["PATCH"],
    )
    state.jobs = salesforce_bulk.Jobs(
        lambda soql: _selected(state, soql), lambda *one: _written_by_job(state, *one), _Refusal, USER_ID
    )
    salesforce_bulk.register(app, state.jobs)
    return app


def _org(city: City, token: str) -> Org:
    tables = {"Budget_Line__c": Table("a0B", LINE), "Portico_Figure__c": Table("a0F", FIGURE)}
    moments = itertools.count(1)
    org = Org(tables, lambda: city.as_of + timedelta(seconds=next(moments)), token)
    org.tables["Organization"] = Table("00D", ORG)
    org.put("Organization", {"Name": f"{city.name} Finance"}, ORGANIZATION)
    for line in city.budget_lines("salesforce"):
        values = {
            name: getattr(line, name.removesuffix("__c").lower(), None)
            for name in LINE
            if name.endswith("__c")
        }
        year = Decimal(line.fiscal_year)
        org.put(
            "Budget_Line__c",
            {**values, "Fiscal_Year__c": year, "Name": line.number, "SystemModstamp": line.updated_at},
        )
    return org


def _guard(state: Org) -> None:
    state.requests += 1
    if request.path == "/services/oauth2/token":
        return
    if request.headers.get("Authorization") != f"Bearer {state.token}":
        raise _Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
    if state.requests > state.quota:
        raise _Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def _metered(state: Org, response: Response) -> Response:
    response.headers["Sforce-Limit-Info"] = f"api-usage={state.requests}/{state.quota}"
    return response


def _refused(refusal: Exception) -> Response:
    code, status = getattr(refusal, "code", "UNKNOWN_EXCEPTION"), getattr(refusal, "status", 500)
    body = json.dumps([{"message": str(refusal), "errorCode": code}])
    return Response(body, status, mimetype="application/json")


def _answer(body: Any) -> Response:
    return Response(simplejson.dumps(body, use_decimal=True), mimetype="application/json")


def _token(state: Org) -> Response:
    form = request.form
    pair = (form.get("client_id"), form.get("client_secret"))
    scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        name, _, secret = base64.b64decode(coded).decode().partition(":")
        pair = (name, secret)
    by_secret = form.get("grant_type") == "client_credentials" and pair == (
        state.client_id,
        state.client_secret,
    )
    by_key = form.get("grant_type", "").endswith("jwt-bearer") and _signed(state, form.get("assertion", ""))
    if not by_secret and not by_key:
        body = json.dumps({"error": "invalid_client", "error_description": "invalid client credentials"})
        return Response(body, 400, mimetype="application/json")
    return _answer(
        {"access_token": state.token, "instance_url": request.host_url.rstrip("/"), "token_type": "Bearer"}
    )


def _signed(state: Org, assertion: str) -> bool:
    """Whether the assertion is our client's, for this organisation, short-lived and signed with the known key."""
    import jwt  # noqa: PLC0415 - only this flow needs it

    options: Any = {"verify_signature": state.public_key is not None, "require": ["iss", "sub", "aud", "exp"]}
    audience = [request.host_url.rstrip("/"), "https://login.salesforce.com"]
    try:
        claims = jwt.decode(
            assertion, state.public_key, algorithms=["RS256"], audience=audience, options=options
        )
    except jwt.PyJWTError:
        return False
    return claims.get("iss") == state.client_id


def _userinfo() -> Response:
    return _answer({"user_id": USER_ID, "preferred_username": USER, "organization_id": ORGANIZATION})


def _names(state: Org, name: str) -> frozenset[str]:
    if name not in state.tables:
        raise Malformed(f"sObject type '{name}' is not supported.", "INVALID_TYPE")
    return frozenset(each for each in state.tables[name].shapes if (name, each) not in state.hidden)


def _found(state: Org, soql: str, *, deleted: bool) -> tuple[Query, list[dict[str, Any]]]:
    try:
        query = parse(soql, lambda name: _names(state, name))
    except Malformed as error:
        raise _Refusal(400, error.code, str(error)) from None
    rows = [row for row in state.tables[query.sobject].rows.values() if query.test(row)]
    rows = [row for row in rows if deleted or not row["IsDeleted"]]
    rows.sort(key=lambda row: [(row[name] is not None, row[name]) for name in query.order])
    return query, rows


def _query(state: Org, version: str, *, deleted: bool) -> Response:
    with state.lock:
        query, rows = _found(state, request.args.get("q", ""), deleted=deleted)
        if not query.fields:
            return _answer({"totalSize": len(rows), "done": True, "records": []})
        ids = [row["Id"] for row in rows[: query.limit]]
        locator = f"01g{len(state.locators):015d}"
        state.locators[locator] = (query, ids)
        if deleted:
            state.with_deleted.add(locator)
        return _page(state, version, locator, 0)


def _selected(state: Org, soql: str) -> tuple[Sequence[str], list[dict[str, Any]]]:
    with state.lock:
        query, rows = _found(state, soql, deleted=False)
        return query.fields, [
            {name: _wire(row[name]) for name in query.fields} for row in rows[: query.limit]
        ]


def _written_by_job(state: Org, kind: str, record: Mapping[str, Any], key: str | None) -> dict[str, Any]:
    shapes = state.tables[kind].shapes
    typed = {
        name: str(value) if isinstance(value, Decimal) and "precision" not in shapes.get(name, {}) else value
        for name, value in record.items()
    }
    with state.lock:
        return _written(state, typed, kind, key)


def _more(state: Org, version: str, locator: str) -> Response:
    with state.lock:
        name, _, start = locator.partition("-")
        if name not in state.locators:
            raise _Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(state, version, name, int(start))


def _page(state: Org, version: str, locator: str, start: int) -> Response:
    query, ids = state.locators[locator]
    there = ids[: len(ids) - state.withhold]
    end = start if state.repeat_pages else start + state.page_size
    rows = state.tables[query.sobject].rows
    some = there[start : start + state.page_size]
    bin_too = locator in state.with_deleted
    records = [_shown(query, rows[each], version) for each in some if bin_too or not rows[each]["IsDeleted"]]
    body: dict[str, Any] = {"totalSize": len(ids), "done": end >= len(there), "records": records}
    if not body["done"]:
        body["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{end}"
    return _answer(body)


def _shown(query: Query, row: Mapping[str, Any], version: str) -> dict[str, Any]:
    url = f"/services/data/v{version}/sobjects/{query.sobject}/{row['Id']}"
    return {
        "attributes": {"type": query.sobject, "url": url},
        **{name: _wire(row[name]) for name in query.fields},
    }


def _wire(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        case date():
            return value.isoformat()
        case Decimal():
            text = f"{value.normalize():f}"
            return Decimal(text if "." in text else f"{text}.0")
    return value


def _describe(state: Org, name: str) -> Response:
    if name not in state.tables:
        raise _Refusal(404, "NOT_FOUND", "The requested resource does not exist")
    fields = [
        {
            "name": each,
            "label": each.removesuffix("__c").replace("_", " "),
            "length": 0,
            "precision": 0,
            "scale": 0,
            "nillable": True,
            "createable": True,
            "updateable": (name, each) not in state.locked,
            "externalId": False,
            "picklistValues": [],
            **{
                key: value
                for key, value in shape.items()
                if (key, (name, each) in state.locked) != ("updateable", True)
            },
        }
        for each, shape in state.tables[name].shapes.items()
        if (name, each) not in state.hidden
    ]
    return _answer({"name": name, "label": name, "updateable": True, "fields": fields})


def _collection(state: Org, name: str | None = None, key: str | None = None) -> Response:
    with state.lock:
        sent = simplejson.loads(request.get_data(as_text=True), use_decimal=True)
        records: Sequence[Mapping[str, Any]] = sent["records"]
        if len(records) > 200:
            raise _Refusal(
                400, "EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records"
            )
        return _answer([_written(state, record, name, key) for record in records])


def _written(state: Org, record: Mapping[str, Any], name: str | None, key: str | None) -> dict[str, Any]:
    kind = str(name or record["attributes"]["type"])
    values = {each: value for each, value in record.items() if each not in ("attributes", "id", "Id")}
    table = state.tables[kind]
    try:
        there = _there(table, record, key)
        values = {each: _accepted(state, kind, each, value) for each, value in values.items()}
    except _Refusal as refusal:
        fields = [each for each in values if each in str(refusal)]
        error = {"statusCode": refusal.code, "message": str(refusal), "fields": fields}
        return {"success": False, "errors": [error]}
    before = table.rows.get(there or "", {})
    place = state.put(kind, values, there)
    state.write_log += [
        {"object": kind, "record": place, "field": each, "before": before.get(each), "after": value}
        for each, value in values.items()
    ]
    return {"id": place, "success": True, "errors": [], "created": there is None}


def _there(table: Table, record: Mapping[str, Any], key: str | None) -> str | None:
    if key is not None:
        wanted = str(record[key]).casefold()
        found = [
            row["Id"]
            for row in table.rows.values()
            if str(row[key]).casefold() == wanted and not row["IsDeleted"]
        ]
        if len(found) > 1:
            raise _Refusal(300, "DUPLICATE_EXTERNAL_ID", f"{key} is not unique")
        return found[0] if found else None
    if request.method == "POST":
        return None
    place = str(record.get("id") or record.get("Id") or "")
    if place not in table.rows or table.rows[place]["IsDeleted"]:
        raise _Refusal(404, "ENTITY_IS_DELETED", "entity is deleted")
    return place


def _accepted(state: Org, kind: str, name: str, value: Any) -> Any:
    shape = state.tables[kind].shapes.get(name)
    if shape is None or (kind, name) in state.hidden:
        raise _Refusal(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")
    if shape.get("updateable") is False or (kind, name) in state.locked:
        raise _Refusal(400, "INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {name}")
    if value is None:
        return None
    if "precision" in shape:
        if isinstance(value, str | bool):
            raise _Refusal(400, "JSON_PARSER_ERROR", f"Cannot deserialize {name} from {value!r}")
        return round(Decimal(value), shape["scale"])
    if not isinstance(value, str):
        raise _Refusal(400, "JSON_PARSER_ERROR", f"Cannot deserialize {name} from {value!r}")
    if len(value) > shape.get("length", 255):
        raise _Refusal(400, "STRING_TOO_LONG", f"{name}: data value too large")
    options = [each["value"] for each in shape.get("picklistValues", [])]
    if options and value not in options:
        raise _Refusal(
            400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"{name}: bad value for restricted picklist"
        )
    return date.fromisoformat(value) if shape["type"] == "date" else re.sub(r"^\s+|\s+$", "", value) or None
