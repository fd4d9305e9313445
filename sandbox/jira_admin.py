"""What needs an administrator in the simulated Jira: fields, the default screen, options of a choice, properties of projects."""

from dataclasses import replace

from flask import Flask, Response, jsonify, make_response, request

from sandbox.jira_shapes import refusal
from sandbox.jira_site import Site
from sandbox.jira_values import custom

_TYPES = {"float": "number", "select": "option", "datepicker": "date", "datetime": "datetime"}

_LONGEST = 32_768
"""The most bytes of a property."""


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

    @app.route("/rest/api/<version>/project/<id_or_key>/properties/<name>", methods=["GET", "PUT"])
    def project_property(id_or_key: str, name: str) -> Response:
        keys = [key for key, each in site.projects.items() if id_or_key in (key, each["id"])]
        if not keys:
            return refusal(404, "No project could be found.")
        held = site.properties.setdefault(keys[0], {})
        if request.method == "GET":
            there = name in held
            return jsonify({"key": name, "value": held[name]}) if there else refusal(404, "not there")
        if site.quiet_refused:
            return refusal(403, "You do not have permission to administer this project.")
        if len(request.get_data()) > _LONGEST:
            return refusal(400, "The property value is too long.")
        new, before, held[name] = name not in held, held.get(name), request.get_json()
        site.write_log.append(
            {"record": keys[0], "key": keys[0], "field": name, "before": before, "after": held[name]}
        )
        return make_response("", 201 if new else 200)

    if site.product != "cloud":
        return

    @app.get("/rest/api/<version>/field/<field>/context")
    def contexts(field: str) -> Response:
        context = {
            "id": f"1{field.removeprefix('customfield_')}", "name": "Default", "description": "",
            "isGlobalContext": True, "isAnyIssueType": True,
        }  # fmt: skip
        return jsonify({"startAt": 0, "maxResults": 50, "total": 1, "isLast": True, "values": [context]})

    @app.get("/rest/api/<version>/field/<field>/context/projectmapping")
    def mappings(field: str) -> Response:
        number = field.removeprefix("customfield_")
        own = [
            {"contextId": f"2{number}", "projectId": site.projects[key]["id"], "isGlobalContext": False}
            for key in sorted(site.own_contexts)
        ]
        found = [{"contextId": f"1{number}", "isGlobalContext": True}, *own]
        start = int(request.args.get("startAt", 0))
        page = found[start : start + 1]
        return jsonify({
            "startAt": start, "maxResults": 1, "total": len(found), "isLast": start + 1 >= len(found), "values": page,
        })  # fmt: skip

    @app.post("/rest/api/<version>/field/<field>/context/<context>/option")
    def options(field: str, context: str) -> Response:
        added = tuple(each["value"] for each in request.get_json()["options"])
        before = site.fields[field].options
        site.made.append((context, *added))
        site.fields[field] = replace(site.fields[field], options=(*before, *added))
        shown = [
            {"id": f"{context}{place}", "value": each, "disabled": False} for place, each in enumerate(added)
        ]
        return jsonify({"options": shown})
