"""simple-salesforce over `connectors.http`.

Its queries and limits, our time-outs, retries, redaction and errors.

The library builds `https://` addresses itself and knows no time-out, no retry and no host check. So it gets a
session whose only adapter hands each request to `Http`, which sends it to the configured address: one set of
guards, and a simulated organisation on loopback works like a real one. Its sign-in is not used: tokens are
`connectors.auth`'s work.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import requests
import simplejson
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from connectors.answers import http_date
from connectors.errors import (
    Conflict,
    ConnectorError,
    ContractBroken,
    CredentialsRefused,
    Invalid,
    NotFound,
    RateLimited,
    StopConnection,
    Unavailable,
)
from connectors.http import Http
from connectors.salesforce_bulk import Bulk

Record = Mapping[str, Any]

_FOR_THE_LIBRARY = (200, 201, 204, 300, 400, 403, 404)
_KEPT_HEADERS = ("Content-Type", "Sforce-Query-Options")
_LIMITS = ("REQUEST_LIMIT_EXCEEDED", "TXN_SECURITY_METERING_ERROR")


class _ThroughHttp(BaseAdapter):
    """Sends what the library prepared through `Http`. `date` is the server's clock at the last answer."""

    def __init__(self, http: Http) -> None:
        super().__init__()
        self._http = http
        self.date: datetime | None = None

    def send(self, request: PreparedRequest, *_args: Any, **_options: Any) -> Response:
        address = urlsplit(str(request.url))
        answer = self._http.request(
            str(request.method),
            address.path + (f"?{address.query}" if address.query else ""),
            data=request.body,
            headers={name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers},
            ok=_FOR_THE_LIBRARY,
        )
        self.date = http_date(answer.headers.get("Date", "")) or self.date
        response = Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.url = answer.url
        response._content = answer.body  # noqa: SLF001 - requests offers no other way to build an answer
        response.request = request
        return response

    def close(self) -> None:
        self._http.close()


class Org:
    """One organisation. Every method raises errors of `connectors.errors` only."""

    def __init__(
        self, http: Http, *, api_version: str, batch_size: int, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.base_url = http.base_url
        self.bulk = Bulk(http, api_version, sleep=sleep)
        self._adapter = _ThroughHttp(http)
        self._version = api_version
        self._headers = {"Sforce-Query-Options": f"batchSize={batch_size}"}
        self._client: Any = None
        self._described: dict[str, Mapping[str, Any]] = {}

    @property
    def date(self) -> datetime | None:
        """The organisation's clock at its last answer."""
        return self._adapter.date

    @property
    def usage(self) -> tuple[int, int] | None:
        """Calls used and allowed in 24 hours, as the last answer told."""
        found = self._sf.api_usage.get("api-usage")
        return (int(found.used), int(found.total)) if found else None

    def describe(self, name: str) -> Mapping[str, Any]:
        """The object's description, read once."""
        if name not in self._described:
            self._described[name] = self._call(lambda sf: sf.restful(f"sobjects/{name}/describe"))
        return self._described[name]

    def user(self) -> str:
        """The name of the account that the token stands for."""
        found = self._userinfo()
        return str(found.get("preferred_username") or found.get("email") or found.get("user_id") or "")

    def user_id(self) -> str:
        """The id of that account; empty where the token's scope does not tell."""
        try:
            return str(self._userinfo().get("user_id", ""))
        except StopConnection:
            return ""

    def _userinfo(self) -> Record:
        return self._call(lambda sf: sf.oauth2("userinfo")) or {}

    def pages(self, soql: str) -> Iterator[tuple[Sequence[Record], int]]:
        """The result of a query page by page, each with the size that the organisation announced."""
        return self._pages(self._call(lambda sf: sf.query(soql, headers=self._headers)))

    def with_deleted(self, soql: str) -> list[Record]:
        """All records of a query, those in the recycle bin too (`queryAll`); `IsDeleted` tells them apart."""
        first = self._call(lambda sf: sf.query(soql, include_deleted=True, headers=self._headers))
        return [record for records, _ in self._pages(first) for record in records]

    def _pages(self, result: Any) -> Iterator[tuple[Sequence[Record], int]]:
        seen: set[str] = set()
        while True:
            try:
                records, size, done = result["records"], int(result["totalSize"]), bool(result["done"])
            except (KeyError, TypeError, ValueError):
                raise ContractBroken(f"{self.base_url} answered JSON that is no query result") from None
            yield records, size
            if done:
                return
            following = str(result.get("nextRecordsUrl", ""))
            if not following.startswith("/") or following in seen:
                raise ContractBroken(f"{self.base_url} repeats the page {following or '(none)'}")
            seen.add(following)
            result = self._more(following)

    def records(self, soql: str) -> list[Record]:
        """All records of a query."""
        return [record for records, _ in self.pages(soql) for record in records]

    def count(self, soql: str) -> int:
        """The size of a `SELECT COUNT()` query."""
        return next(size for _, size in self.pages(soql))

    def collection(self, path: str, records: Sequence[Record], method: str = "PATCH") -> list[Record]:
        """Writes up to 200 records of one type; one result per record, in order. Never repeated.

        `path` is `composite/sobjects`, with `/OBJECT/EXTERNAL_ID_FIELD` behind it for an upsert.
        """
        body = simplejson.dumps({"allOrNone": False, "records": records}, use_decimal=True)
        return list(self._call(lambda sf: sf.restful(path, method=method, data=body)) or [])

    def close(self) -> None:
        """Releases the sockets."""
        self._adapter.close()

    @property
    def _sf(self) -> Any:
        if self._client is None:
            from simple_salesforce import api  # noqa: PLC0415 - heavy (it brings a SOAP client along)

            session = requests.Session()
            session.trust_env = False
            session.mount("https://", self._adapter)
            self._client = api.Salesforce(
                session_id="sent-by-http",
                instance_url=self.base_url,
                session=session,
                version=self._version,
                parse_float=Decimal,
                object_pairs_hook=dict,
            )
        return self._client

    def _more(self, following: str) -> Any:
        try:
            return self._call(
                lambda sf: sf.query_more(following, identifier_is_url=True, headers=self._headers)
            )
        except ContractBroken as error:
            if "INVALID_QUERY_LOCATOR" not in error.text:
                raise
            raise Unavailable(
                f"{self.base_url}: a query's pages expired", fix="the next run reads on"
            ) from None

    def _call(self, act: Callable[[Any], Any]) -> Any:
        from simple_salesforce.exceptions import SalesforceError  # noqa: PLC0415 - heavy, as above

        try:
            return act(self._sf)
        except SalesforceError as error:
            raise _translated(self.base_url, error.status, error.content) from None


def refusal(code: str, said: str) -> ConnectorError:
    """The error for one record that was not written."""
    text = f"{code}: {said}"
    match code:
        case "ENTITY_IS_DELETED" | "INVALID_CROSS_REFERENCE_KEY" | "NOT_FOUND" | "MALFORMED_ID":
            return NotFound(text)
        case "INVALID_FIELD_FOR_INSERT_UPDATE" | "INVALID_FIELD" | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY":
            return Invalid(text, fix="grant the integration user edit on the field (field-level security)")
        case "UNABLE_TO_LOCK_ROW":
            return Conflict(text, fix="another process holds the record; the next run tries again")
    return Invalid(text)


def _translated(base_url: str, status: int, content: Any) -> ConnectorError:
    first = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
    code, said = str(first.get("errorCode", "")), str(first.get("message", ""))[:300]
    text = f"{base_url} answered {status} {code} {said}".strip()
    if code in _LIMITS:
        return RateLimited(text, fix="sync less often, or ask for a higher quota of API calls")
    if status == 403:  # noqa: PLR2004 - HTTP's own number
        return CredentialsRefused(text, fix='grant the integration user "API Enabled" and read on the object')
    if code == "INVALID_FIELD":
        return ContractBroken(text, fix="correct the field, or grant read on it (field-level security)")
    if code in ("INVALID_TYPE", "NOT_FOUND"):
        return ContractBroken(text, fix="correct the object, or grant read on it (object permissions)")
    return ContractBroken(text, fix="correct the scope")
