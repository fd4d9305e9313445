"""Who the instance thinks we are: account, instance, roles, and what an administrator should change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from connectors.base import Finding, Identity
from connectors.http import Http
from connectors.servicenow.query import any_of
from connectors.servicenow.table import Reader, Row, Rows, TableClosed, TableNotThere, text_of

_PROPERTIES = ("instance_id", "instance_name", "glide.war")
_ADMIN = frozenset({"admin", "security_admin"})


def identity(http: Http, reader: Reader) -> Identity:
    """Account, tenant (the instance id, else the host), product with its build, and the server's clock."""
    page = _read(reader, "sys_user", "user_name=javascript:gs.getUserName()", _USER, 2)
    users = page.rows if page else ()
    properties = _properties(reader)
    host = urlsplit(http.base_url).hostname or http.base_url
    build = properties.get("glide.war", "")
    return Identity(
        account=text_of(users[0].get("user_name")) if len(users) == 1 else "unknown",
        tenant=properties.get("instance_id") or host,
        product=f"ServiceNow {build}".strip(),
        server_time=page.server_time if page else _server_time(reader),
        findings=_about(users[0], reader) if len(users) == 1 else [_UNKNOWN],
    )


_USER = ("sys_id", "user_name", "web_service_access_only", "locked_out", "time_zone")
_UNKNOWN = Finding(
    "warning",
    "sys_user",
    "The account may not read its own user record, so it cannot be named.",
    "Give the account read rights to sys_user (user_name, web_service_access_only) for its own record.",
)


def _about(user: Row, reader: Reader) -> list[Finding]:
    name = text_of(user.get("user_name"))
    findings: list[Finding] = []
    if text_of(user.get("web_service_access_only")) == "false":
        findings.append(
            Finding(
                "warning",
                name,
                "The account can also sign in to the user interface.",
                f"Tick Web service access only on the user record of {name}.",
            )
        )
    page = _read(
        reader, "sys_user_has_role", f"user={text_of(user.get('sys_id'))}", ("user", "role.name"), 200
    )
    held = [
        row for row in (page.rows if page else ()) if text_of(row.get("user")) == text_of(user.get("sys_id"))
    ]
    roles = sorted({text_of(row.get("role.name")) for row in held} - {""})
    if roles:
        findings.append(Finding("info", name, f"Roles: {', '.join(roles)}."))
    if _ADMIN & set(roles):
        findings.append(
            Finding(
                "warning",
                name,
                "The account is an administrator: it may write everything.",
                "Give it a role of its own with read rules, and write rules on Portico's columns only.",
            )
        )
    return findings


def _properties(reader: Reader) -> Mapping[str, str]:
    page = _read(reader, "sys_properties", any_of("name", _PROPERTIES), ("name", "value"), 20)
    rows = page.rows if page else ()
    return {
        text_of(row.get("name")): text_of(row.get("value"))
        for row in rows
        if text_of(row.get("name")) in _PROPERTIES
    }


def _server_time(reader: Reader) -> datetime | None:
    page = _read(reader, "sys_user", "", ("sys_id",), 1)
    return page.server_time if page else None


def _read(reader: Reader, table: str, query: str, fields: Sequence[str], limit: int) -> Rows | None:
    """A page, or None where the account may not read the table."""
    try:
        return reader.some(table, query, fields, limit)
    except (TableClosed, TableNotThere):
        return None
