"""What stands before a Jira: a path in front of it, Atlassian's gateway for tokens with scopes, and where tokens are issued.

Cloud takes an API token with scopes, and the token of a service account, only under `/ex/jira/CLOUD_ID`, and refuses
(401) what its scopes do not cover. On the site's own address such a token is refused.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, jsonify, make_response, request

from sandbox.jira_site import Site

SCOPES = frozenset({
    "read:jira-work", "read:jira-user", "write:jira-work", "manage:jira-project",
    "read:board-scope:jira-software", "read:board-scope.admin:jira-software", "read:project:jira", "read:sprint:jira-software",
})  # fmt: skip
"""All that the connector needs."""
_READING_POSTS = (
    "/search/jql",
    "/search/approximate-count",
    "/issue/bulkfetch",
    "/changelog/bulkfetch",
    "/worklog/list",
)


class Mount:
    """A WSGI app under a path, such as `/jira`; whatever lies elsewhere on the host is unknown."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self._app = app
        self._path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        path = str(environ.get("PATH_INFO", ""))
        if not path.startswith(self._path + "/"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not here"]
        inner = dict(environ)
        inner["SCRIPT_NAME"] = str(environ.get("SCRIPT_NAME", "")) + self._path
        inner["PATH_INFO"] = path.removeprefix(self._path)
        return self._app(inner, start_response)


def gateway(app: WSGIApplication, site: Site) -> Mount:
    """The site as Atlassian's gateway shows it."""
    return Mount(app, f"/ex/jira/{site.cloud_id}")


def scopes_of(method: str, path: str) -> frozenset[str]:
    """The scopes that a request needs, as the vendor's description of each operation says."""
    if "/agile/" in path:
        if "/sprint" in path:
            return frozenset({"read:sprint:jira-software"})
        admin = ".admin" if path.endswith("/configuration") else ""
        return frozenset({f"read:board-scope{admin}:jira-software", "read:project:jira"})
    if "/context" in path:
        return frozenset({"manage:jira-configuration"})
    if path.endswith(("/myself", "/user")):
        return frozenset({"read:jira-user"})
    if method == "GET" or path.endswith(_READING_POSTS):
        return frozenset({"read:jira-work"})
    return frozenset({"manage:jira-project" if "/project/" in path else "write:jira-work"})


def issuer(site: Site, client_id: str, client_secret: str, scopes: Iterable[str] = SCOPES) -> Flask:
    """Where the tokens of a service account are issued (client credentials); each lives an hour."""
    app = Flask("sandbox.atlassian")
    held = frozenset(scopes)

    @app.post("/oauth/token")
    def token() -> Response:
        form: Callable[[str], Any] = request.form.get
        if form("grant_type") != "client_credentials":
            return make_response(jsonify({"error": "unsupported_grant_type"}), 400)
        if (form("client_id"), form("client_secret")) != (client_id, client_secret):
            return make_response(
                jsonify({"error": "access_denied", "error_description": "Unauthorized"}), 401
            )
        issued = secrets.token_urlsafe(24)
        site.issued[issued] = (held, site.now() + timedelta(hours=1))
        return jsonify(
            {"access_token": issued, "expires_in": 3600, "token_type": "Bearer", "scope": " ".join(held)}
        )

    return app
