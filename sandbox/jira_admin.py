"""What an administrator does in the simulated Jira before Portico writes: fields, the default screen, options of a choice."""

from dataclasses import replace

from flask import Flask, Response, jsonify, make_response, request

from sandbox.jira_site import Site
from sandbox.jira_values import custom

_TYPES = {"float": "number", "select": "option", "datepicker": "date", "datetime": "datetime"}


def add_admin(app: Flask, site: Site) -> None:
    """The operations of setting fields up; a new field is on no screen until it is put on one."""

    @app.post("/rest/api/<version>/field")
    def create() -> Response:
        body = request.get_json()
        kind = body["type"].rpartition(":")[2]
        number = 1 + max(
            int(each.removeprefix("customfield_")) for each in site.fields if each.startswith("customfield_")
        )
        made = custom(number, body["name"], _TYPES.get(kind, "string"), kind)
        site.fields[made.id] = replace(made, editable=False)
        shown = {
            "id": made.id,
            "key": made.id,
            "name": made.name,
            "custom": True,
            "schema": dict(made.schema),
        }
        return make_response(jsonify(shown), 201)

    @app.post("/rest/api/<version>/screens/addToDefault/<field>")
    def on_screen(field: str) -> Response:
        site.fields[field] = replace(site.fields[field], editable=True)
        return jsonify({}) if site.product == "cloud" else make_response("", 204)

    if site.product != "cloud":
        return

    @app.get("/rest/api/<version>/field/<field>/context")
    def contexts(field: str) -> Response:
        context = {
            "id": f"1{field.removeprefix('customfield_')}", "name": "Default", "description": "",
            "isGlobalContext": True, "isAnyIssueType": True,
        }  # fmt: skip
        return jsonify({"startAt": 0, "maxResults": 50, "total": 1, "isLast": True, "values": [context]})

    @app.post("/rest/api/<version>/field/<field>/context/<context>/option")
    def options(field: str, context: str) -> Response:
        added = tuple(each["value"] for each in request.get_json()["options"])
        before = site.fields[field].options
        site.fields[field] = replace(site.fields[field], options=(*before, *added))
        shown = [
            {"id": f"{context}{place}", "value": each, "disabled": False} for place, each in enumerate(added)
        ]
        return jsonify({"options": shown})
