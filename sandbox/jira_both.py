"""What both products of the simulated Jira have: the site, its issues, its projects."""

from flask import Flask, g, jsonify, make_response, request

from sandbox.jira_bulk import too_often
from sandbox.jira_shapes import (
    Answer,
    component_shown,
    edit_meta,
    issue_shown,
    missing,
    refusal,
    wanted_fields,
    with_self,
)
from sandbox.jira_site import Site


def add_site(app: Flask, site: Site) -> None:
    """The site itself: its product and clock, who asks and what they may, fields, statuses, people."""

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
            return refusal(404, f"No project could be found with key '{project}'.")
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

    @app.get("/rest/api/<version>/user")
    def user() -> Answer:
        who = request.args.get("accountId" if site.product == "cloud" else "username", "")
        if who not in site.users:
            return refusal(404, "Specified user does not exist or you do not have required permissions")
        return jsonify(
            {"self": f"{request.url_root}rest/api/{g.version}/user?{who}", **site.values.person(who)}
        )

    @app.get("/rest/api/<version>/status")
    def statuses() -> Answer:
        return jsonify([with_self(each, "status") for each in site.statuses.values()])


def add_issues(app: Flask, site: Site) -> None:
    """One issue: read, edited, its properties, its edit screen."""

    @app.get("/rest/api/<version>/issue/<id_or_key>")
    def get_issue(id_or_key: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None:
            return missing()
        return jsonify(issue_shown(site, issue, wanted_fields(request.args.get("fields"))))

    @app.put("/rest/api/<version>/issue/<id_or_key>")
    def put_issue(id_or_key: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None:
            return missing()
        if request.args.get("notifyUsers") == "false" and site.quiet_refused:
            text = "To discard the user notification either admin or project admin permissions are required."
            return refusal(400 if site.product == "cloud" else 403, text)
        if site.product == "cloud" and too_often(site, issue.id):
            late = refusal(429, "Rate limit exceeded for writes to this issue.")
            late.headers["RateLimit-Reason"] = "jira-per-issue-on-write"
            return late
        refused = site.put(issue, request.get_json())
        if refused is not None:
            return make_response(jsonify(refused), 400)
        if request.args.get("returnIssue") == "true" and site.product == "cloud":
            return jsonify(issue_shown(site, issue, None))
        return make_response("", 204)

    @app.get("/rest/api/<version>/issue/<id_or_key>/properties/<name>")
    def one_property(id_or_key: str, name: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None or name not in issue.properties:
            return missing()
        return jsonify({"key": name, "value": issue.properties[name]})

    @app.get("/rest/api/<version>/issue/<id_or_key>/editmeta")
    def editmeta(id_or_key: str) -> Answer:
        issue = site.find(id_or_key)
        if issue is None:
            return missing()
        return jsonify(
            {"fields": {name: edit_meta(site, name) for name in site.fields if site.editable(issue, name)}}
        )


def add_projects(app: Flask, site: Site) -> None:
    """Projects, with their versions and components."""

    @app.get("/rest/api/<version>/project")
    def all_projects() -> Answer:
        return jsonify([with_self(each, "project") for each in site.projects.values()])

    @app.get("/rest/api/<version>/project/<id_or_key>")
    def one_project(id_or_key: str) -> Answer:
        found = [each for key, each in site.projects.items() if id_or_key in (key, each["id"])]
        return (
            jsonify(with_self(found[0], "project")) if found else refusal(404, "No project could be found.")
        )

    @app.get("/rest/api/<version>/version/<id_>")
    def one_version(id_: str) -> Answer:
        found = [each for some in site.versions.values() for each in some if each["id"] == id_]
        return jsonify(with_self(found[0], "version")) if found else refusal(404, "Could not find version.")

    @app.get("/rest/api/<version>/project/<id_or_key>/components")
    def components(id_or_key: str) -> Answer:
        for key, project in site.projects.items():
            if id_or_key in (key, project["id"]):
                return jsonify([component_shown(site, key, each) for each in site.components.get(key, [])])
        return refusal(404, f"No project could be found with key '{id_or_key}'.")

    @app.get("/rest/api/<version>/component/<id_>")
    def one_component(id_: str) -> Answer:
        every = ((key, each) for key, some in site.components.items() for each in some)
        found = [component_shown(site, key, each) for key, each in every if each["id"] == id_]
        return jsonify(found[0]) if found else refusal(404, "The component with id does not exist.")

    @app.get("/rest/api/<version>/project/<id_or_key>/versions")
    def versions(id_or_key: str) -> Answer:
        for key, project in site.projects.items():
            if id_or_key in (key, project["id"]):
                return jsonify([with_self(each, "version") for each in site.versions.get(key, [])])
        return refusal(404, f"No project could be found with key '{id_or_key}'.")
