"""A Dataverse organisation on loopback: premium plans (Project for the web) to read, a table of Portico's own to write.

It behaves where it differs from other OData V4 services: GUID keys without an order, `$skip` refused, pages by
`Prefer: odata.maxpagesize` and an opaque next link on its own host, `@odata.count` never above 5,000, numbers as JSON
numbers whatever is accepted, a PATCH that creates unless `If-Match` is sent, and scheduling tables that only their own
interface may write (m365.md section 9).
"""

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, request

from sandbox.odata_filter import BadFilter, compiled

Row = dict[str, Any]
MOST_COUNTED = 5_000
SCHEDULED = frozenset({"msdyn_projects", "msdyn_projecttasks"})
TYPES: Mapping[str, Mapping[str, str]] = {
    "msdyn_projects": {
        "msdyn_projectid": "Edm.Guid",
        "msdyn_subject": "Edm.String",
        "msdyn_scheduledstart": "Edm.DateTimeOffset",
        "msdyn_finish": "Edm.DateTimeOffset",
        "msdyn_progress": "Edm.Decimal",
        "cr1_projectkey": "Edm.String",
        "statecode": "Edm.Int32",
        "modifiedon": "Edm.DateTimeOffset",
    },
    "msdyn_projecttasks": {
        "msdyn_projecttaskid": "Edm.Guid",
        "_msdyn_project_value": "Edm.Guid",
        "msdyn_subject": "Edm.String",
        "msdyn_start": "Edm.DateTimeOffset",
        "msdyn_finish": "Edm.DateTimeOffset",
        "msdyn_progress": "Edm.Decimal",
        "msdyn_effort": "Edm.Double",
        "modifiedon": "Edm.DateTimeOffset",
    },
    "cr1_pmostatuses": {
        "cr1_pmostatusid": "Edm.Guid",
        "cr1_projectkey": "Edm.String",
        "cr1_rag": "Edm.String",
        "cr1_gatestatus": "Edm.String",
        "cr1_finishforecast": "Edm.Date",
        "modifiedon": "Edm.DateTimeOffset",
    },
}


@dataclass
class Organisation:
    """The rows of each table by id, and every accepted write."""

    token: str = "sandbox-dataverse"  # noqa: S105 - opens nothing but this sandbox
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in TYPES})
    versions: dict[str, int] = field(default_factory=dict)
    write_log: list[dict[str, Any]] = field(default_factory=list)

    def put(self, table: str, row: Row, row_id: str | None = None) -> str:
        """Creates or changes a row; its id."""
        row_id = row_id or str(uuid.uuid5(uuid.NAMESPACE_URL, f"{table}/{len(self.tables[table])}"))
        key = next(iter(TYPES[table]))
        before = self.tables[table].get(row_id, dict.fromkeys(TYPES[table]))
        changed = {"modifiedon": before["modifiedon"] or "2026-01-05T08:00:00Z", **row, key: row_id}
        self.tables[table][row_id] = {**before, **changed}
        self.versions[row_id] = self.versions.get(row_id, 1000) + 1
        return row_id

    def shown(self, table: str, row_id: str) -> Row:
        """A row as the wire shows it."""
        return {"@odata.etag": f'W/"{self.versions[row_id]}"', **self.tables[table][row_id]}


class _Refusal(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


def create_app(organisation: Organisation) -> Flask:
    """The Web API of the organisation, version 9.2."""
    app = Flask("sandbox.dataverse")
    app.extensions["portico"] = organisation
    base = "/api/data/v9.2"

    @app.before_request
    def signed() -> Response | None:
        good = request.headers.get("Authorization") == f"Bearer {organisation.token}"
        return None if good else _error(401, "0x80040220", "Authentication failed.")

    @app.errorhandler(_Refusal)
    def refuse(refusal: _Refusal) -> Response:
        return _error(refusal.status, refusal.code, str(refusal))

    @app.get(f"{base}/$metadata")
    def metadata() -> Response:
        return Response(_metadata(), content_type="application/xml", headers={"OData-Version": "4.0"})

    @app.get(f"{base}/<table>")
    def rows(table: str) -> Response:
        return _answer(_page(organisation, _known(table), f"{request.url_root.rstrip('/')}{base}"))

    @app.post(f"{base}/<table>")
    def create(table: str) -> Response:
        row_id = _written(organisation, _known(table), request.get_json(), None)
        where = f"{request.url_root.rstrip('/')}{base}/{table}({row_id})"
        return Response("", status=204, headers={"OData-EntityId": where, "OData-Version": "4.0"})

    @app.get(f"{base}/<table>(<row_id>)")
    def one(table: str, row_id: str) -> Response:
        return _answer(organisation.shown(table, _there(organisation, _known(table), row_id)))

    @app.patch(f"{base}/<table>(<row_id>)")
    def change(table: str, row_id: str) -> Response:
        wanted = request.headers.get("If-Match")
        if wanted is not None:
            etag = organisation.shown(table, _there(organisation, _known(table), row_id))["@odata.etag"]
            if wanted not in ("*", etag):
                raise _Refusal(412, "0x80060882", "The version of the existing record doesn't match.")
        _written(organisation, _known(table), request.get_json(), row_id)
        return Response("", status=204, headers={"OData-Version": "4.0"})

    return app


def _error(status: int, code: str, text: str) -> Response:
    body = json.dumps({"error": {"code": code, "message": text}})
    return Response(body, status=status, content_type="application/json; odata.metadata=minimal")


def _answer(body: Any) -> Response:
    kind = "application/json; odata.metadata=minimal"
    return Response(json.dumps(body), content_type=kind, headers={"OData-Version": "4.0"})


def _known(table: str) -> str:
    if table not in TYPES:
        raise _Refusal(404, "0x8006088a", f"Resource not found for the segment '{table}'.")
    return table


def _there(organisation: Organisation, table: str, row_id: str) -> str:
    if row_id not in organisation.tables[table]:
        raise _Refusal(404, "0x80040217", f"{table} With Id = {row_id} Does Not Exist")
    return row_id


def _written(organisation: Organisation, table: str, row: Row, row_id: str | None) -> str:
    if table in SCHEDULED:
        text = "You cannot directly do 'Update' operation to 'msdyn_project'. Use the schedule APIs instead."
        raise _Refusal(400, "0x80040265", text)
    unknown = sorted(row.keys() - TYPES[table].keys())
    if unknown:
        raise _Refusal(400, "0x80048d19", f"Invalid property '{unknown[0]}' was found in entity '{table}'.")
    before = dict(organisation.tables[table].get(row_id or "", {}))
    row_id = organisation.put(table, row, row_id)
    organisation.write_log += [
        {"record": row_id, "field": name, "before": before.get(name), "after": value}
        for name, value in row.items()
    ]
    return row_id


def _page(organisation: Organisation, table: str, base: str) -> Row:
    options = request.args
    if "$skip" in options:
        raise _Refusal(400, "0x80060888", "Skip Clause is not supported in CRM")
    try:
        test = compiled(options.get("$filter", "") or "modifiedon ne null", frozenset(TYPES[table]))
        found = [
            row_id
            for row_id, row in organisation.tables[table].items()
            if test({**row, "modifiedon": datetime.fromisoformat(row["modifiedon"])})
        ]
    except BadFilter as error:
        raise _Refusal(400, "0x80060888", str(error)) from None
    for name in reversed(options.get("$orderby", "").split(",")):
        if name:
            found.sort(key=lambda row_id: str(organisation.tables[table][row_id][name.split()[0]]))
    start = int(base64.b64decode(options["$skiptoken"])) if "$skiptoken" in options else 0
    size = int(options.get("$top") or _asked_size())
    fields = options["$select"].split(",") if "$select" in options else list(TYPES[table])
    body: Row = {
        "@odata.context": f"{base}/$metadata#{table}",
        "value": [_selected(organisation, table, each, fields) for each in found[start : start + size]],
    }
    if options.get("$count") == "true":
        body["@odata.count"] = min(len(found), MOST_COUNTED)
    if start + size < len(found) and "$top" not in options:
        token = quote(base64.b64encode(str(start + size).encode()).decode())
        kept = "&".join(f"{quote(n)}={quote(v)}" for n, v in options.items() if n != "$skiptoken")
        body["@odata.nextLink"] = f"{base}/{table}?{kept}&$skiptoken={token}"
    return body


def _asked_size() -> int:
    for part in request.headers.get("Prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "odata.maxpagesize":
            return int(value)
    return MOST_COUNTED


def _selected(organisation: Organisation, table: str, row_id: str, fields: list[str]) -> Row:
    row = organisation.shown(table, row_id)
    found = {name: row[name] for name in ("@odata.etag", *fields)}
    if request.args.get("$expand", "").startswith("msdyn_project("):
        found["msdyn_project"] = organisation.tables["msdyn_projects"].get(row["_msdyn_project_value"])
    return found


def _metadata() -> str:
    kinds, sets = [], []
    for table, types in TYPES.items():
        name, key = table.removesuffix("es" if table.endswith("statuses") else "s"), next(iter(types))
        shapes = "".join(_property(each, kind, key) for each, kind in types.items())
        kinds.append(f'<EntityType Name="{name}"><Key><PropertyRef Name="{key}"/></Key>{shapes}</EntityType>')
        sets.append(f'<EntitySet Name="{table}" EntityType="mscrm.{name}"/>')
    return (
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        '<Schema Namespace="Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{"".join(kinds)}<EntityContainer Name="System">{"".join(sets)}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )


def _property(name: str, kind: str, key: str) -> str:
    more = (
        ' Nullable="false"' if name == key else ' Precision="10" Scale="2"' if kind == "Edm.Decimal" else ""
    )
    return f'<Property Name="{name}" Type="{kind}"{more}/>'
