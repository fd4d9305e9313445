"""A simulated OData V4 service of a finance system: budget lines to read, budget figures to write.

It behaves as `$metadata`-driven ERP services do: its own page size whatever is asked, relative next links,
decimals as strings where `IEEE754Compatible=true` is accepted and as numbers elsewhere, 406 for an unknown
Accept parameter, weak ETags, 428 without and 412 with a stale If-Match, 400 for unknown properties.
"""

import base64
import copy
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

import simplejson
from flask import Flask, Response, request

from sandbox import odata_batch
from sandbox.city import City
from sandbox.odata_filter import BadFilter, compiled

USER = "portico.bot"
PASSWORD = "portico-sandbox"  # noqa: S105 - it guards nothing

Type = tuple[str, Mapping[str, str]]
_MONEY: Type = ("Edm.Decimal", {"Precision": "17", "Scale": "2"})
_TEXT: Type = ("Edm.String", {})
_LINE: Mapping[str, Type] = {
    "Line": ("Edm.String", {"Nullable": "false"}),
    "BudgetCode": _TEXT,
    "Fund": _TEXT,
    "Department": _TEXT,
    "CostCenter": _TEXT,
    "Account": _TEXT,
    "FiscalYear": ("Edm.Int32", {}),
    "Period": _TEXT,
    "Currency": _TEXT,
    "OriginalBudget": _MONEY,
    "RevisedBudget": _MONEY,
    "PreEncumbered": _MONEY,
    "Encumbered": _MONEY,
    "Actual": _MONEY,
    "Forecast": _MONEY,
    "PostedOn": ("Edm.Date", {}),
    "ModifiedAt": ("Edm.DateTimeOffset", {"Nullable": "false", "Precision": "0"}),
}
_FIGURE: Mapping[str, Type] = {
    "BudgetCode": ("Edm.String", {"Nullable": "false", "MaxLength": "40"}),
    "FiscalYear": ("Edm.Int32", {"Nullable": "false"}),
    "Period": ("Edm.String", {"Nullable": "false", "MaxLength": "3"}),
    "BudgetVariance": _MONEY,
    "AvailableBudget": _MONEY,
    "Eac": _MONEY,
    "BudgetVarianceShare": ("Edm.Decimal", {"Precision": "9", "Scale": "4"}),
    "RagCost": ("Edm.String", {"MaxLength": "20"}),
    "CorrectiveAction": ("Edm.String", {"MaxLength": "1000"}),
    "ModifiedAt": ("Edm.DateTimeOffset", {"Precision": "0"}),
}
AMOUNTS = {
    name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name, shape in _LINE.items() if shape == _MONEY
}
"""The amount properties of a budget line, and the city's word for each."""
_COMPUTED = frozenset({"ModifiedAt"})


@dataclass
class Table:
    """An entity set: its types, its key, its rows by key values, and a change count per row for the ETag."""

    types: Mapping[str, Type]
    key: tuple[str, ...]
    rows: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    versions: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def put(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """Creates or changes a row; its key."""
        place = tuple(row[name] for name in self.key)
        empty = dict.fromkeys(self.types)
        self.rows[place] = {**empty, **self.rows.get(place, {}), **row}
        self.versions[place] = self.versions.get(place, 0) + 1
        return place

    def etag(self, place: tuple[Any, ...]) -> str:
        """The row's ETag."""
        return f'W/"{self.versions[place]}"'


@dataclass
class Service:
    """The mutable state of a simulated service."""

    tables: dict[str, Table]
    clock: Callable[[], datetime]
    user: str = USER
    password: str = PASSWORD
    page_size: int = 500
    requests: int = 0
    write_log: list[dict[str, Any]] = field(default_factory=list)
    repeat_pages: bool = False
    """Whether every page is the first one again."""
    withhold: int = 0
    """How many rows at the end of each read are announced and never given."""
    company: str | None = None
    """The account's own company, which alone is shown without `cross-company=true`, as Dynamics does."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def shows(self, row: Mapping[str, Any]) -> bool:
        """Whether this request sees a row."""
        return self.company in (None, row.get("dataAreaId")) or request.args.get("cross-company") == "true"

    def write(self, name: str, place: tuple[Any, ...], body: Mapping[str, Any]) -> None:
        """Puts values into the row of a key, made if it is not there, and logs each."""
        table = self.tables[name]
        before = table.rows.get(place, dict.fromkeys(table.types))
        self.write_log += [
            {"set": name, "record": place, "field": each, "before": before[each], "after": value}
            for each, value in body.items()
            if each not in table.key
        ]
        table.put({**dict(zip(table.key, place, strict=True)), **body, "ModifiedAt": self.clock()})


class _Refusal(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def create_app(city: City, *, user: str = USER, password: str = PASSWORD) -> Flask:
    """The service over the city's `odata` ledger. Its `Service` is `app.extensions["portico"]`."""
    state = Service(tables(city), stepping(city.as_of), user, password)
    app = Flask("sandbox.odata")
    app.extensions["portico"] = state
    app.before_request(lambda: _guard(state))
    app.register_error_handler(_Refusal, _refused)
    app.add_url_rule(
        "/", "root", lambda: _answer({"value": [{"name": each, "url": each} for each in state.tables]})
    )
    app.add_url_rule("/$metadata", "metadata", lambda: Response(_metadata(state), mimetype="application/xml"))
    app.add_url_rule("/<name>", "list", lambda name: _list(state, name))
    app.add_url_rule("/<name>", "create", lambda name: _create(state, name), methods=["POST"])
    app.add_url_rule("/<name>(<path:key>)", "one", lambda name, key: _one(state, name, key))
    app.add_url_rule(
        "/<name>(<path:key>)", "patch", lambda name, key: _patch(state, name, key), methods=["PATCH"]
    )
    odata_batch.register(app, lambda: kept_of(state), lambda kept: restore(state, kept))
    return app


def kept_of(state: Service) -> tuple[dict[str, Any], int]:
    """What `restore` needs to take a changeset back."""
    shown = {name: copy.deepcopy((table.rows, table.versions)) for name, table in state.tables.items()}
    return shown, len(state.write_log)


def restore(state: Service, kept: tuple[dict[str, Any], int]) -> None:
    """Takes back what a changeset did before it failed."""
    for name, (rows, versions) in kept[0].items():
        state.tables[name].rows, state.tables[name].versions = rows, versions
    del state.write_log[kept[1] :]


def tables(city: City) -> dict[str, Table]:
    """The entity sets over the city's ledger: lines to read, figures to write."""
    lines = Table(_LINE, ("Line",))
    for line in city.budget_lines("odata"):
        values = {name: getattr(line, _snake(name), None) for name in _LINE}
        lines.put({**values, "Line": line.number, "ModifiedAt": line.updated_at})
    return {"BudgetLines": lines, "BudgetFigures": Table(_FIGURE, ("BudgetCode", "FiscalYear", "Period"))}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def stepping(start: datetime) -> Callable[[], datetime]:
    """A clock that begins at `start` and moves a second with each look."""
    moments = iter(range(1, 10**9))
    return lambda: start + timedelta(seconds=next(moments))


def _guard(state: Service) -> None:
    state.requests += 1
    expected = base64.b64encode(f"{state.user}:{state.password}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {expected}":
        raise _Refusal(401, "Sign in with Basic authentication")
    for part in request.headers.get("Accept", "").split(","):
        media, *parameters = (each.strip().lower() for each in part.split(";"))
        unknown = [each for each in parameters if each.partition("=")[0] not in
                   ("ieee754compatible", "odata.metadata", "metadata", "charset", "q")]  # fmt: skip
        if media == "application/json" and unknown:
            raise _Refusal(406, f"The format parameter {unknown[0]} is not supported")


def _refused(refusal: Exception) -> Response:
    status = getattr(refusal, "status", 500)
    body = json.dumps({"error": {"code": str(status), "message": str(refusal)}})
    headers = {"WWW-Authenticate": 'Basic realm="finance"'} if status == 401 else {}
    return Response(body, status, headers, mimetype="application/json")


def _numbers_as_text() -> bool:
    return "ieee754compatible=true" in request.headers.get("Accept", "").lower()


def _answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    as_text = ";IEEE754Compatible=true" if _numbers_as_text() else ""
    text = simplejson.dumps(body, use_decimal=True)
    response = Response(text, status, content_type=f"application/json;odata.metadata=minimal{as_text}")
    response.headers.update({"OData-Version": "4.0", **(headers or {})})
    return response


def _table(state: Service, name: str) -> Table:
    if name not in state.tables:
        raise _Refusal(404, f"Resource not found for the segment '{name}'")
    return state.tables[name]


def _list(state: Service, name: str) -> Response:
    with state.lock:
        table = _table(state, name)
        options = dict(request.args)
        if state.repeat_pages:
            options = {key: value for key, value in options.items() if key not in ("$filter", "$skiptoken")}
        rows = [row for row in _chosen(table, options) if state.shows(row)]
        start = int(options.get("$skiptoken", "0"))
        end = start + min(state.page_size, int(options.get("$top", str(10**9))))
        there = rows[: len(rows) - state.withhold] if state.withhold else rows
        body: dict[str, Any] = {"@odata.context": f"{request.host_url}$metadata#{name}"}
        if options.get("$count") == "true":
            body["@odata.count"] = len(rows)
        body["value"] = [_shown(table, row, options.get("$select")) for row in there[start:end]]
        if end < len(there) and "$top" not in options:
            query = {**options, "$skiptoken": str(end)}
            body["@odata.nextLink"] = f"{name}?" + "&".join(
                f"{key}={_escaped(value)}" for key, value in query.items()
            )
        return _answer(body)


def _escaped(text: str) -> str:
    return quote(text, safe="'(),:/$")


def _chosen(table: Table, options: Mapping[str, str]) -> list[dict[str, Any]]:
    names = frozenset(table.types)
    unknown = [each for each in options if each.startswith("$") and each not in
               ("$filter", "$orderby", "$top", "$count", "$select", "$skiptoken")]  # fmt: skip
    if unknown:
        raise _Refusal(400, f"The query option '{unknown[0]}' is not supported")
    rows: Sequence[dict[str, Any]] = list(table.rows.values())
    if "$filter" in options:
        try:
            test = compiled(options["$filter"], names)
        except BadFilter as error:
            raise _Refusal(400, str(error)) from None
        rows = [row for row in rows if test(row)]
    order = [each.strip() for each in options.get("$orderby", ",".join(table.key)).split(",")]
    if not names.issuperset(order):
        raise _Refusal(400, f"Could not find a property named '{order[0]}'")
    return sorted(rows, key=lambda row: [(row[name] is not None, row[name]) for name in order])


def _shown(table: Table, row: Mapping[str, Any], select: str | None = None) -> dict[str, Any]:
    place = tuple(row[name] for name in table.key)
    names = select.split(",") if select else list(table.types)
    unknown = [name for name in names if name not in table.types]
    if unknown:
        raise _Refusal(400, f"Could not find a property named '{unknown[0]}'")
    return {"@odata.etag": table.etag(place), **{name: _wire(row[name]) for name in names}}


def _wire(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal() if _numbers_as_text():
            return format(value, "f")
    return value


def _place(table: Table, key: str) -> tuple[Any, ...]:
    parts = re.findall(r"(?:(\w+)=)?('(?:[^']|'')*'|[^,]+)(?:,|$)", key)
    named = {name or table.key[0]: _parsed(text) for name, text in parts}
    if named.keys() != set(table.key):
        raise _Refusal(400, "The key does not match the entity type")
    return tuple(named[name] for name in table.key)


def _parsed(text: str) -> Any:
    return text[1:-1].replace("''", "'") if text.startswith("'") else int(text)


def _one(state: Service, name: str, key: str) -> Response:
    with state.lock:
        table = _table(state, name)
        place = _place(table, key)
        if place not in table.rows or not state.shows(table.rows[place]):
            raise _Refusal(404, "The requested resource does not exist")
        return _answer(_shown(table, table.rows[place]), headers={"ETag": table.etag(place)})


def _patch(state: Service, name: str, key: str) -> Response:
    with state.lock:
        table = _table(state, name)
        place = _place(table, key)
        match = request.headers.get("If-Match")
        if place not in table.rows or not state.shows(table.rows[place]):
            raise _Refusal(404, "The requested resource does not exist")
        if match is None:
            raise _Refusal(428, "The request needs an If-Match header")
        if match not in ("*", table.etag(place)):
            raise _Refusal(412, "The ETag does not match: the entity was changed")
        state.write(name, place, _body(table))
        return Response(status=204, headers={"ETag": table.etag(place)})


def _create(state: Service, name: str) -> Response:
    with state.lock:
        table = _table(state, name)
        body = _body(table)
        if any(body.get(each) is None for each in table.key):
            raise _Refusal(400, "The key must not be null")
        place = tuple(body[each] for each in table.key)
        if place in table.rows:
            raise _Refusal(409, "An entity with this key exists already")
        state.write(name, place, body)
        return _answer(_shown(table, table.rows[place]), 201, {"ETag": table.etag(place)})


def _body(table: Table) -> dict[str, Any]:
    try:
        sent = simplejson.loads(request.get_data(as_text=True), use_decimal=True)
    except ValueError:
        raise _Refusal(400, "The body is not JSON") from None
    as_text = "ieee754compatible=true" in request.headers.get("Content-Type", "").lower()
    return {name: _accepted(table, name, value, as_text=as_text) for name, value in sent.items()}


def _accepted(table: Table, name: str, value: Any, *, as_text: bool) -> Any:
    if name not in table.types:
        raise _Refusal(400, f"The property '{name}' does not exist on this type")
    if name in _COMPUTED:
        raise _Refusal(400, f"The property '{name}' is computed")
    kind, facets = table.types[name]
    wrong = _Refusal(400, f"Cannot convert the value of '{name}' to {kind}")
    match kind:
        case _ if value is None:
            return None
        case "Edm.Int32":
            if not isinstance(value, int):
                raise wrong
        case "Edm.Decimal":
            if isinstance(value, str) != as_text or isinstance(value, bool):
                raise wrong
            try:
                value = Decimal(value)
            except InvalidOperation:
                raise wrong from None
            if value != round(value, int(facets["Scale"])):
                raise wrong
        case "Edm.String":
            if not isinstance(value, str) or len(value) > int(facets.get("MaxLength", "99999")):
                raise wrong
    return value


def _metadata(state: Service) -> str:
    types, sets = [], []
    for name, table in state.tables.items():
        kind = name.removesuffix("s")
        keys = "".join(f'<PropertyRef Name="{each}"/>' for each in table.key)
        properties = "".join(_property(each, *shape) for each, shape in table.types.items())
        types.append(f'<EntityType Name="{kind}"><Key>{keys}</Key>{properties}</EntityType>')
        sets.append(f'<EntitySet Name="{name}" EntityType="Finance.{kind}"/>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        '<Schema Namespace="Finance" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{"".join(types)}<EntityContainer Name="Container">{"".join(sets)}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )


def _property(name: str, kind: str, facets: Mapping[str, str]) -> str:
    shown = "".join(f' {facet}="{value}"' for facet, value in facets.items())
    if name not in _COMPUTED:
        return f'<Property Name="{name}" Type="{kind}"{shown}/>'
    annotation = '<Annotation Term="Org.OData.Core.V1.Computed" Bool="true"/>'
    return f'<Property Name="{name}" Type="{kind}"{shown}>{annotation}</Property>'
