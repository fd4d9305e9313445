"""What a person sees who follows a link into a simulated tool: the record, on a plain page, without signing in.

Real tools show their own pages there to whoever is signed in. The sandbox answers these addresses beside its interfaces.
"""

import base64
import html
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from flask import Flask

Environ = dict[str, Any]
Start = Callable[..., Any]
Record = Mapping[str, Any]


class Pages:
    """A WSGI application before a tool's own: it answers addresses of records, and passes on everything else."""

    def __init__(
        self, inner: Callable[[Environ, Start], Iterable[bytes]], tool: str, app: Flask, secret: str
    ) -> None:
        self.inner = inner
        self._find = _FINDERS.get(tool)
        self._app = app
        self._secret = secret

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Answers one request."""
        signed_in = "HTTP_AUTHORIZATION" in environ
        if self._find is None or signed_in or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.inner(environ, start_response)
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        record = self._find(self._app, self._secret, path, query)
        if record is None:
            return self.inner(environ, start_response)
        body = _page(record).encode()
        start_response(
            "200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
        )
        return [body]


def _page(record: Record) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(_text(value))}</td></tr>"
        for name, value in record.items()
        if value not in (None, "", [], {})
    )
    return f"<!doctype html><meta charset=utf-8><title>Sandbox record</title><table>{rows}</table>"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _got(app: Flask, path: str, user: str, secret: str) -> Record | None:
    pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
    answer = app.test_client().get(path, headers={"Authorization": f"Basic {pair}"})
    return answer.get_json() if answer.status_code == 200 else None


def _issue(app: Flask, secret: str, path: str, _query: str) -> Record | None:
    _, found, key = path.partition("/browse/")
    answer = _got(app, f"/rest/api/3/issue/{key}", "portico@fairhaven.example", secret) if found else None
    return {"key": answer["key"], **answer["fields"]} if answer else None


def _row(app: Flask, secret: str, path: str, query: str) -> Record | None:
    if path != "/nav_to.do":
        return None
    table, _, rest = unquote(parse_qs(query).get("uri", [""])[0]).partition(".do?sys_id=")
    answer = _got(app, f"/api/now/table/{table}/{rest}", "portico.bot", secret)
    return answer["result"] if answer else None


def _entity(app: Flask, secret: str, path: str, _query: str) -> Record | None:
    return _got(app, path, "portico.bot", secret) if path.endswith(")") else None


def _object(app: Flask, _secret: str, path: str, _query: str) -> Record | None:
    tables = app.extensions["portico"].tables.values()
    rows = (table.rows.get(path.removeprefix("/")) for table in tables)
    return next((row for row in rows if row), None)


def _task(app: Flask, _secret: str, path: str, _query: str) -> Record | None:
    """Planner shows a task on its plan's board."""
    found: Record | None = app.extensions["portico"].tenant.tasks.get(path.rpartition("/task/")[2])
    return found if path.startswith("/webui/plan/") else None


_FINDERS: Mapping[str, Callable[[Flask, str, str, str], Record | None]] = {
    "jira": _issue,
    "planner": _task,
    "snow": _row,
    "odata": _entity,
    "salesforce": _object,
}
