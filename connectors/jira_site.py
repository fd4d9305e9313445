"""One Jira site: which product it is, who we are there, and its requests.

A thin layer over `Http` is used for this, and not the `jira` package: that one repeats writes, caps its
waits, loops on a repeated page token, loses the rest after a short Data Center page, and has no bulk fetch
(its version 3.10). Product: `GET /rest/api/2/serverInfo` tells `deploymentType` (Cloud or not); where only
`/rest/api/3/serverInfo` answers, it is Cloud.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests

from connectors.answers import CHECK_ACCOUNT, CHECK_ADDRESS, http_date
from connectors.errors import (
    ContractBroken,
    CredentialsRefused,
    Invalid,
    SkipRecord,
    StopConnection,
    Unavailable,
)
from connectors.http import Answer, Http
from connectors.jira_fields import FieldType, field_type, instant
from connectors.limits import Budget

Json = Mapping[str, Any]
_PAGE_GUARD = 100_000
_A_DAY = timedelta(days=1)
_SESSION = (200, 401, 403)
BOARDS = "/rest/agile/1.0/board"
GATEWAY = "/ex/jira/"
"""What stands in the address under which Cloud takes tokens with scopes and those of service accounts."""
_SCOPES = "Give the token the scopes read:jira-work and read:jira-user, and write:jira-work to write."
_CAPTCHA = "Sign in once in a browser as this account and solve it, then try again."
_GATEWAY_ONLY = (
    "On Cloud, a token with scopes is taken only at https://api.atlassian.com/ex/jira/CLOUD_ID; "
    "{}/_edge/tenant_info tells CLOUD_ID."
)


@dataclass(frozen=True, slots=True)
class Server:
    """What `serverInfo` and `myself` said: `url` is where people browse, `zone` the account's time zone."""

    cloud: bool
    url: str
    version: str
    time: datetime | None
    account: str
    account_name: str
    zone: str
    signed: bool
    """The site names the account in each answer's headers."""


class Site:
    """Requests to one Jira, product and identity found at the first of them."""

    def __init__(self, name: str, http: Http, *, now: Callable[[], datetime]) -> None:
        self.name = name
        self._http = http
        self._now = now
        self._server: Server | None = None
        self._fields: Mapping[str, FieldType] | None = None
        self._statuses: Mapping[str, Json] | None = None
        self._estimates: Mapping[str, int] | None = None

    @property
    def server(self) -> Server:
        """The product and the account; asked once. Raises CredentialsRefused for an anonymous session."""
        if self._server is None:
            self._server = self._identify()
        return self._server

    @property
    def budget(self) -> Budget | None:
        """What Jira said last of its limits."""
        return self._http.budget

    @property
    def api(self) -> str:
        """The root of the platform interface of this product."""
        return "/rest/api/3" if self.server.cloud else "/rest/api/2"

    @property
    def fields(self) -> Mapping[str, FieldType]:
        """The site's fields by id; asked once."""
        if self._fields is None:
            shown = self.read("GET", f"{self.api}/field").json
            found = [field_type(each) for each in self.rows(shown, "field")]
            self._fields = {each.id: each for each in found}
        return self._fields

    @property
    def statuses(self) -> Mapping[str, Json]:
        """The site's statuses by id (`id`, `name`, `category`: new, indeterminate, done or undefined); asked once."""
        if self._statuses is None:
            shown = self.rows(self.read("GET", f"{self.api}/status").json, "statuses")
            self._statuses = {
                str(each.get("id")): {
                    "id": str(each.get("id")),
                    "name": each.get("name"),
                    "category": (each.get("statusCategory") or {}).get("key"),
                }
                for each in shown
            }
        return self._statuses

    @property
    def estimates(self) -> Mapping[str, int]:
        """The custom fields in which scrum boards estimate, and how many boards each; most first, asked once.

        Empty where the account may not see boards or their configuration: a site without Jira Software, a missing scope.
        """
        if self._estimates is None:
            found: Counter[str] = Counter()
            try:
                boards = [each for each in self.beans(BOARDS, "boards") if each.get("type") == "scrum"]
                for each in boards:
                    shown = self.document(self.read("GET", f"{BOARDS}/{each['id']}/configuration"))
                    field = ((shown.get("estimation") or {}).get("field") or {}).get("fieldId")
                    known = self.fields.get(str(field))
                    found.update([known.id] if known is not None and known.custom else [])
            except StopConnection:
                found.clear()
            self._estimates = dict(found.most_common())
        return self._estimates

    def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request; its answer surely comes from a session of our account."""
        server = self.server
        answer = self._http.request(method, path, **options)
        if answer.headers.get("X-AUSERNAME", "").lower() == "anonymous":
            raise self._anonymous()
        if server.cloud and server.signed and answer.headers.get("X-AAccountId") != server.account:
            raise self._anonymous()
        return answer

    def read(self, method: str, path: str, **options: Any) -> Answer:
        """One request of a read, which may be repeated. A refusal of the request stops the connection."""
        try:
            return self.ask(method, path, idempotent=True, **options)
        except SkipRecord as error:
            raise self.refused(error) from None

    def refused(self, error: SkipRecord) -> StopConnection:
        """The end of a connection whose read was refused."""
        text = f"{self.name} refused a read. {error.text}"
        return StopConnection(text, fix="Check scope: that its JQL is valid and its projects are visible.")

    def rows(self, found: Any, member: str) -> Sequence[Json]:
        """The list of objects that an answer holds. Raises ContractBroken if it is something else."""
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ContractBroken(f"{self.name} answered no list of {member}.", fix=CHECK_ADDRESS)
        return found

    def document(self, answer: Answer) -> Json:
        """The object that an answer holds. Raises ContractBroken if it is something else."""
        if not isinstance(answer.json, dict):
            raise ContractBroken(
                f"{self.name} answered no object to {answer.url.partition('?')[0]}.", fix=CHECK_ADDRESS
            )
        return answer.json

    def time_of(self, answer: Answer) -> datetime:
        """The server's clock when it gave an answer, or at the session's start if that does not tell.

        If neither does, a day before ours: no two clocks differ by more, and what changed since is read again.
        """
        return http_date(answer.headers.get("Date", "")) or self.server.time or self._now() - _A_DAY

    def beans(self, path: str, member: str, **params: Any) -> Iterator[Json]:
        """Every record of a paged list (`values`, `isLast`). ContractBroken when a page comes twice."""
        start, seen = 0, set[str]()
        for _ in range(_PAGE_GUARD):
            answer = self.document(
                self.read("GET", path, params={**params, "startAt": start, "maxResults": 50})
            )
            page = self.rows(answer.get("values"), member)
            ids = {str(each.get("id")) for each in page}
            if ids & seen:
                raise ContractBroken(f"{self.name} gave a page of {member} twice.", fix=CHECK_ADDRESS)
            seen |= ids
            start += len(page)
            yield from page
            if not page or answer.get("isLast") is True:
                if isinstance(total := answer.get("total"), int) and start < total:
                    raise Unavailable(
                        f"{self.name} announced {total} {member} and gave {start}.", fix="Try again."
                    )
                return

    def projects(self, scope: str) -> Sequence[Json]:
        """The projects that a list of keys names, all visible ones for an empty scope."""
        wanted = self._keys(scope)
        if self.server.cloud:
            found = list(self.beans(f"{self.api}/project/search", "projects", expand="description,lead"))
        else:
            shown = self.read("GET", f"{self.api}/project", params={"expand": "description,lead"}).json
            found = list(self.rows(shown, "projects"))
        missing = wanted - {str(each.get("key")) for each in found}
        if missing:
            text = f"{self.name} shows no project {', '.join(sorted(missing))}."
            raise StopConnection(text, fix="Correct scope, or give the account Browse projects there.")
        return [each for each in found if not wanted or each.get("key") in wanted]

    def close(self) -> None:
        """Releases the session."""
        self._http.close()

    def _keys(self, scope: str) -> set[str]:
        found = re.fullmatch(r"(?i)\s*(?:project\s*(?:in\s*\(|=)\s*)?([\w\s,\"']*?)\)?\s*", scope)
        if found is None:
            text = f"{self.name}: the scope {scope!r} is no list of project keys."
            raise StopConnection(text, fix="For this kind write scope as project keys: PERMIT, PARKS.")
        return set(re.findall(r"\w+", found.group(1)))

    def _identify(self) -> Server:
        info, only_cloud = self._info()
        cloud = info.json.get("deploymentType", "Cloud" if only_cloud else None) == "Cloud"
        who = self._session("/rest/api/3/myself" if cloud else "/rest/api/2/myself")
        account = who.json.get("accountId" if cloud else "key") or who.json.get("name")
        if not account or who.headers.get("X-AUSERNAME", "").lower() == "anonymous":
            raise self._anonymous()
        return Server(
            cloud=cloud,
            url=str(info.json.get("baseUrl") or self._http.base_url).rstrip("/"),
            version=str(info.json.get("version") or ""),
            time=instant(info.json.get("serverTime")),
            account=str(account),
            account_name=str(who.json.get("displayName") or account),
            zone=str(who.json.get("timeZone") or "UTC"),
            signed="X-AAccountId" in who.headers,
        )

    def _info(self) -> tuple[Answer, bool]:
        """What `serverInfo` says, and whether only the interface of Cloud knows it."""
        try:
            answer = self._session("/rest/api/2/serverInfo", (*_SESSION, 404))
        except ContractBroken as error:
            try:
                return self._session("/rest/api/3/serverInfo", (*_SESSION, 404)), True
            except ContractBroken:
                raise error from None
        if answer.status == requests.codes.not_found:
            return self._session("/rest/api/3/serverInfo"), True
        return answer, False

    def _session(self, path: str, ok: Sequence[int] = _SESSION) -> Answer:
        try:
            answer = self._http.request("GET", path, ok=ok)
        except SkipRecord as error:
            raise ContractBroken(f"{self.name} is no Jira. {error.text}", fix=CHECK_ADDRESS) from None
        if answer.status in (requests.codes.unauthorized, requests.codes.forbidden):
            raise self._not_signed_in(answer)
        if answer.status == requests.codes.ok:
            self.document(answer)
        return answer

    def _not_signed_in(self, answer: Answer) -> CredentialsRefused:
        said = answer.body.decode("utf-8", "replace")
        fix = CHECK_ACCOUNT
        if "AUTHENTICATION_DENIED" in answer.headers.get("X-Seraph-LoginReason", ""):
            said, fix = "after too many failed sign-ins Jira asks for a CAPTCHA", _CAPTCHA
        elif "scope" in said.lower():
            fix = _SCOPES
        elif GATEWAY not in self._http.base_url:
            fix = f"{CHECK_ACCOUNT} {_GATEWAY_ONLY.format(self._http.base_url)}"
        text = f"{self.name} answered {answer.status} to {answer.url.partition('?')[0]}: {said[:300].strip()}"
        return CredentialsRefused(self._http.redact(text), fix=fix)

    def _anonymous(self) -> CredentialsRefused:
        return CredentialsRefused(f"{self.name} answers as if nobody had signed in.", fix=CHECK_ACCOUNT)


def segment(id_or_key: str) -> str:
    """An issue's id or key as part of a path. Raises Invalid for anything else."""
    if not re.fullmatch(r"[\w-]+", id_or_key):
        raise Invalid(f"{id_or_key!r} is no issue key or id.", fix="Write it as PERMIT-1.")
    return id_or_key
