"""The only place that turns settings into objects: connectors, streams, translators, policies."""

import hashlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from config import auth as given
from config import connections as tools
from config.settings import DeclaredProject, Settings
from connectors.base import Connector, Stream
from portfolio.store.links import Declared

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from connectors.http import Http
    from portfolio.judge import Policy

HttpTool = tools.Jira | tools.ServiceNow | tools.Planner | tools.Salesforce | tools.OData
RECORD_LINKS = ("issue", "record", "task")
SERVICENOW_TOKEN = "/oauth_token.do"  # noqa: S105  a path
SALESFORCE_TOKEN = "/services/oauth2/token"  # noqa: S105  a path
JIRA_TOKEN = "https://auth.atlassian.com/oauth/token"  # noqa: S105  an address


def _declared(project: DeclaredProject) -> Declared:
    records, containers, codes = [], [], {each.budget_code: each.share for each in project.budget_codes}
    for link in project.links:
        if link.what == "budget_code":
            codes.setdefault(link.value, Decimal(1))
        elif link.what in RECORD_LINKS:
            records.append((link.connection, link.value))
        else:
            containers.append((link.connection, link.value))
        if link.write_to:
            records.append((link.connection, link.write_to))
    left = {"key", "aliases", "budget_codes", "links"}
    values = {name: value for name, value in project if name not in left and value is not None}
    return Declared(project.key, values, tuple(records), tuple(containers), codes, project.aliases)


def declared_projects(settings: Settings) -> tuple[list[Declared], list[tuple[str, str]]]:
    """The projects of the configuration, and the (connection, kind) pairs whose records define more."""
    declared = [_declared(project) for project in settings.projects.declared]
    return declared, [(each.connection, each.kind) for each in settings.projects.sources]


def policy(settings: Settings) -> "Policy":
    """The rules, gate pack and calendar that projects are judged by."""
    from portfolio.budget import LedgerTerms  # noqa: PLC0415  (imported when something is judged)
    from portfolio.judge import Policy  # noqa: PLC0415  (as above)

    reads = [(name, read) for name, connection in settings.connections.items() for read in connection.read]
    amounts = {name: read.amounts for name, read in reads if read.amounts}
    charged: dict[str, list[tuple[str, str]]] = {}
    for name, read in reads:
        for each in read.chargebacks:
            field, _, pattern = each.partition(":")
            charged.setdefault(name, []).append((field, pattern))
    project_length = frozenset(name for name, read in reads if read.basis == "project")
    return Policy.of(settings.portfolio, LedgerTerms(amounts, project_length, charged))


def _token_url(auth: Any, url: str, path: str) -> str:
    return str(auth.token_url) if getattr(auth, "token_url", None) else url.rstrip("/") + path


def _oauth(connection: HttpTool, auth: Any) -> "AuthBase":
    from connectors.auth import ClientCredentials, JwtBearer  # noqa: PLC0415  (only the tools in use are loaded)

    fixed = {"servicenow": SERVICENOW_TOKEN, "salesforce": SALESFORCE_TOKEN}.get(
        connection.tool, "/oauth/token"
    )
    url = (
        JIRA_TOKEN
        if connection.tool == "jira" and not auth.token_url
        else _token_url(auth, str(connection.url), fixed)
    )
    ways: dict[str, Any] = {"ca_file": _path(connection.ca_file), "proxy": _text(connection.proxy)}
    if isinstance(auth, given.ClientCredentials):
        return ClientCredentials(
            url, auth.client_id, auth.client_secret.get_secret_value(), auth.scope, **ways
        )
    parts = urlsplit(url)
    audience = auth.client_id if connection.tool == "servicenow" else f"{parts.scheme}://{parts.netloc}"
    return JwtBearer(
        url,
        auth.client_id,
        auth.user,
        auth.private_key.get_secret_value(),
        audience=audience,
        **ways,
    )


def _graph_auth(connection: tools.Planner) -> "AuthBase":
    from connectors import graph_auth  # noqa: PLC0415  (only the tools in use are loaded)

    auth, graph = connection.auth, str(connection.url)
    if isinstance(auth, given.ManagedIdentity):
        return graph_auth.with_managed_identity(auth.client_id, graph=graph)
    ways: dict[str, Any] = {
        "tenant": connection.tenant_id or "",
        "authority": str(connection.authority),
        "graph": graph,
        "ca_file": _path(connection.ca_file),
        "proxy": _text(connection.proxy),
    }
    if isinstance(auth, given.Certificate):
        passphrase = auth.passphrase.get_secret_value() if auth.passphrase else None
        key = auth.private_key.get_secret_value()
        return graph_auth.with_certificate(
            auth.client_id, key, auth.certificate, passphrase=passphrase, **ways
        )
    secret = auth.client_secret.get_secret_value() if isinstance(auth, given.ClientCredentials) else ""
    return graph_auth.with_secret(getattr(auth, "client_id", ""), secret, **ways)


def _auth(connection: HttpTool) -> "AuthBase | None":
    from connectors import auth as ways  # noqa: PLC0415  (only the tools in use are loaded)

    auth = connection.auth
    if auth is None:
        return None
    if isinstance(auth, given.Basic):
        return ways.basic(auth.user, auth.secret.get_secret_value())
    if isinstance(auth, given.Bearer):
        return ways.bearer(auth.token.get_secret_value())
    if isinstance(auth, given.ApiKey):
        return ways.api_key(auth.header or "x-sn-apikey", auth.api_key.get_secret_value())
    if isinstance(connection, tools.Planner):
        return _graph_auth(connection)
    return _oauth(connection, auth)


def _path(value: object) -> str | None:
    return None if value is None else str(value)


_text = _path


def client(settings: Settings, name: str) -> "Http":
    """A client of one connection's HTTP tool, signed as its account."""
    from connectors.http import Http  # noqa: PLC0415  (only the tools in use are loaded)

    connection: Any = settings.connections[name]
    patience: dict[str, Any] = {"read_timeout": connection.timeout} if connection.tool == "servicenow" else {}
    return Http(
        str(connection.url),
        auth=_auth(connection),
        secrets=tuple(secret.get_secret_value() for secret in settings.secrets),
        ca_file=_path(connection.ca_file),
        proxy=_text(connection.proxy),
        timeout=connection.timeout,
        requests_per_second=connection.requests_per_second,
        side_by_side=connection.max_workers,
        tenant=urlsplit(str(connection.url)).path if connection.tool == "jira" else "",
        **patience,
    )


def connector(settings: Settings, name: str) -> Connector:
    """The connector of one connection; read-only where `safety.write` is off."""
    connection = settings.connections[name]
    refuse = not settings.safety_of(name).write
    if isinstance(connection, tools.Files):
        from connectors.files import Files  # noqa: PLC0415  (only the tools in use are loaded)

        return Files(
            name,
            connection.path,
            connection.outbox,
            read_only=refuse,
            ready=connection.ready,
            archive=connection.archive,
        )
    if isinstance(connection, tools.Sql):
        from connectors.sql import Sql  # noqa: PLC0415  (as above)

        return Sql(name, str(connection.url), read_only=refuse)
    http = client(settings, name)
    if isinstance(connection, tools.Jira):
        from connectors.jira import Jira  # noqa: PLC0415  (as above)

        return Jira(
            name,
            http,
            read_only=refuse,
            carriers=carriers(settings, name),
            workers=connection.max_workers,
            quiet=not connection.notify,
            property_key=connection.machine_copy,
            create_options=connection.create_options,
        )
    if isinstance(connection, tools.ServiceNow):
        from connectors.servicenow import ServiceNow  # noqa: PLC0415  (as above)

        return ServiceNow(
            name,
            http,
            read_only=refuse,
            import_table=connection.import_table,
            work_notes=connection.work_notes,
        )
    if isinstance(connection, tools.Planner):
        from connectors.planner import Planner  # noqa: PLC0415  (as above)

        return Planner(
            name,
            http,
            read_only=refuse,
            plans=tuple(read.scope for read in connection.read),
            write_fields=owned_fields(settings, name),
            account=getattr(connection.auth, "client_id", None) or "",
            tenant=connection.tenant_id or "",
            web_url=connection.web_url,
            zone=settings.portfolio.zone,
            workers=connection.max_workers,
        )
    if isinstance(connection, tools.OData):
        from connectors.odata import OData  # noqa: PLC0415  (as above)

        return OData(
            name, http, read_only=refuse, account=getattr(connection.auth, "user", "") or "service account"
        )
    from connectors.salesforce import Salesforce  # noqa: PLC0415  (as above)

    version: dict[str, Any] = {"api_version": connection.api_version} if connection.api_version else {}
    return Salesforce(name, http, read_only=refuse, bulk_from=connection.bulk_from, **version)


def address(settings: Settings, name: str) -> str:
    """A hash of where a connection points: it changes when the configuration names another place."""
    connection = settings.connections[name]
    place = connection.path if isinstance(connection, tools.Files) else connection.url
    tenant = connection.tenant_id if isinstance(connection, tools.Planner) else None
    return hashlib.sha256(f"{place} {tenant}".encode()).hexdigest()


def owned_fields(settings: Settings, name: str) -> tuple[str, ...]:
    """The fields that Portico writes on the records of a connection's projects."""
    block = settings.connections[name].write.project
    return tuple(dict.fromkeys(target.name for target in block.figures.values())) if block else ()


def carriers(settings: Settings, name: str) -> tuple[str, ...]:
    """The records of a connection that the configuration itself names to carry a project's fields."""
    links = [
        link for project in settings.projects.declared for link in project.links if link.connection == name
    ]
    named = [link.write_to or (link.value if link.what in RECORD_LINKS else None) for link in links]
    return tuple(dict.fromkeys(each for each in named if each))


def carrying_kind(reference: str) -> str:
    """Whether a Jira record that carries figures is a `project` (named by its key) or an `issue`."""
    from connectors.jira_projects import names_project  # noqa: PLC0415  (only where a Jira is written)

    return "project" if names_project(reference) else "issue"


def carrier_kinds(settings: Settings, name: str) -> tuple[str, ...]:
    """The kinds of pulled records that carry a project's fields: the tool's own, those that define projects first."""
    connection = settings.connections[name]
    if connection.tool == "jira":
        return ("issue",)
    if connection.tool != "servicenow":
        return ()
    defining = [each.kind for each in settings.projects.sources if each.connection == name]
    return tuple(defining or [read.kind for read in connection.read][:1] or ["pm_project"])


def streams(settings: Settings, name: str, paths: Sequence[tuple[str, ...]]) -> Iterator[Stream]:
    """The declared reads of a connection. `paths`: per read the source paths that its mapping reads."""
    connection = settings.connections[name]
    owned = owned_fields(settings, name)
    carriers = carrier_kinds(settings, name)
    for read, fields in zip(connection.read, paths, strict=True):
        ledger = {key: value for key in ("amounts", "basis") if (value := getattr(read, key))}
        yield Stream(
            kind=read.kind,
            scope=read.scope,
            key=tuple(read.key),
            cursor_field=read.cursor,
            full=read.full,
            fields=fields,
            owned=owned if read.kind in carriers else (),
            options=ledger,
        )
