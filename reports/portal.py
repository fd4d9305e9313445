"""The pages of `portico serve`, as text: the report at `/`, one project at `/projects/KEY`, and plain messages.

The routes belong to the service. Send `reports.html.content_security_policy()` as the header too, with
`frame-ancestors 'none'`, which a page cannot say for itself.
"""

from reports import html, wording
from reports.data import Document
from reports.views import for_project

PROJECTS = "/projects/"


def report(document: Document) -> str:
    """The whole report; the name of each project leads to its own page."""
    return html.render("page.html.j2", {**html.context(document), "base": PROJECTS})


def project(document: Document, key: str) -> str:
    """One project with everything known of it. Raises ViewError (a LookupError) if the document holds no such project."""
    found = for_project(document, key)
    values = {**html.context(found), "heading": found["projects"][0]["name"], "kind": wording.line(key)}
    return html.render("project_page.html.j2", {**values, "project": found["projects"][0]})


def message(title: str, text: str) -> str:
    """A page that only says something: no snapshot yet, no such project, not ready."""
    return html.render(
        "message.html.j2", {"title": title, "text": text, "policy": html.content_security_policy()}
    )
