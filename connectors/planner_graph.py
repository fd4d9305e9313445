"""Microsoft Graph as the Planner connector speaks it: pages, batches, and plans found by name."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

from connectors.ahead import in_order
from connectors.errors import ContractBroken, CredentialsRefused, NotFound, RateLimited
from connectors.http import Answer, Http

Json = dict[str, Any]
Seen = TypeVar("Seen")
"""What is read of a plan."""

BATCH_SIZE = 20
"""The most requests that one `$batch` holds (Graph documentation, "Combine multiple requests")."""
OK, CREATED, NO_CONTENT, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, BUSY = 200, 201, 204, 401, 403, 404, 429
_LONGEST_WAIT = 60.0
_MOST_PAGES = 10_000
_PLAN_ID = re.compile(r"[A-Za-z0-9_-]{28}")
_ID = re.compile(r"[A-Za-z0-9_-]+")
"""What may be an id where it is no title; Microsoft's have 28 letters."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All items of a list; `whole` false when a page announced more items than came."""

    items: Sequence[Json]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that the account can see, with the names of its labels by category (unnamed ones left out)."""

    id: str
    title: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A plan or group that cannot be read, under the name the configuration gives it."""

    scope: str
    reason: str


class Graph:
    """One Graph service, asked by up to `workers` threads.

    `sleep` is called with the seconds that a throttled part of a batch asks for.
    """

    def __init__(self, http: Http, *, workers: int = 1, sleep: Callable[[float], None] = time.sleep) -> None:
        self.http = http
        self._workers = workers
        self._sleep = sleep
        self._directory: list[Json] | None = None
        self._listing = threading.Lock()

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Json | None:
        """One object; None when it is not there (404), an empty one when it is hidden (403)."""
        answer = self.http.request("GET", path, params=params, ok=(OK, FORBIDDEN, NOT_FOUND))
        if answer.status == OK:
            return _object(answer.json, path)
        return {} if answer.status == FORBIDDEN else None

    def listing(self, path: str, *, params: Mapping[str, str] | None = None) -> Listing | None:
        """Every item of a list, page by page; None when the list is not there or hidden from this account.

        Raises `ContractBroken` for an answer without `value`, or a next link that came before.
        """
        page = self.get(path, params=params)
        return self.listed(path, page) if page else None

    def listed(self, path: str, page: Json) -> Listing:
        """Every item of the list that begins with this page. Raises as `listing` does."""
        items: list[Json] = []
        announced = 0
        links: set[str] = set()
        while True:
            value = page.get("value")
            if not isinstance(value, list):
                raise ContractBroken(f"Graph answered {path} without a list.", fix="Check url.")
            items += value
            count = page.get("@odata.count")
            announced = max(announced, count if isinstance(count, int) else 0)
            link = page.get("@odata.nextLink")
            if not link:
                return Listing(items, whole=len(items) >= announced)
            if link in links or len(links) >= _MOST_PAGES:
                raise ContractBroken(
                    f"Graph repeated a page of {path}.", fix="Run again; report it if it stays."
                )
            links.add(link)
            page = _object(self.http.request("GET", link).json, path)

    def names(self, path: str) -> Listing | None:
        """A list that only names things: None where this service does not have it."""
        try:
            return self.listing(path)
        except ContractBroken:
            return None

    def many(self, paths: Sequence[str]) -> Iterator[tuple[str, Json | None]]:
        """Reads many objects in batches; each with its path, in any order, as `get` gives them.

        Parts that were throttled, failed or left out of the answer are asked for again one by one, after the
        longest wait that any of them named.
        """
        batches = [paths[start : start + BATCH_SIZE] for start in range(0, len(paths), BATCH_SIZE)]
        for _, found in in_order(batches, lambda some: list(self._batch(some)), self._workers, "batches"):
            yield from found

    def _batch(self, paths: Sequence[str]) -> Iterator[tuple[str, Json | None]]:
        if len(paths) == 1:
            yield paths[0], self.get(paths[0])
            return
        requests = [{"id": str(n), "method": "GET", "url": path} for n, path in enumerate(paths)]
        try:
            answer = self.http.request("POST", "/$batch", json={"requests": requests}, idempotent=True)
        except (NotFound, ContractBroken):
            for path in paths:
                yield path, self.get(path)
            return
        parts = {str(part["id"]): part for part in _object(answer.json, "/$batch").get("responses", ())}
        again: list[str] = []
        wait = 0.0
        for number, path in enumerate(paths):
            part = parts.get(str(number), {"status": BUSY})
            status = part["status"]
            if status == OK:
                yield path, _object(part.get("body"), path)
            elif status in (FORBIDDEN, NOT_FOUND):
                yield path, {} if status == FORBIDDEN else None
            elif status == UNAUTHORIZED:
                raise CredentialsRefused(
                    f"Graph refused {path} inside a batch (401).", fix="Check the app's secret."
                )
            else:
                again.append(path)
                wait = max(wait, _seconds(part.get("headers") or {}))
        if wait > _LONGEST_WAIT:
            raise RateLimited(f"Graph asks to wait {wait:g} s.", retry_after=wait, fix="Sync less often.")
        if again and wait:
            self._sleep(wait)
        for path in again:
            yield path, self.get(path)

    def write(self, method: str, path: str, body: Json, etag: str | None = None) -> Answer:
        """One write, sent once. The answer may be a refusal that concerns this record only."""
        headers = {"Prefer": "return=representation", **({"If-Match": etag} if etag else {})}
        refusals = (400, FORBIDDEN, NOT_FOUND, 409, 412, 422)
        return self.http.request(
            method, path, json=body, headers=headers, ok=(OK, CREATED, NO_CONTENT, *refusals)
        )

    def plans(self, scope: str) -> tuple[list[Plan], list[Unreachable]]:
        """The plans that a scope names (a plan's id or title, `group:NAME`), and what cannot be reached."""
        found = list(self.found(scope, self.plan))
        return (
            [each for each in found if isinstance(each, Plan)],
            [each for each in found if isinstance(each, Unreachable)],
        )

    def plan(self, plan_id: str) -> Plan | None:
        """The plan with the names of its labels, None if this account cannot see it."""
        return plan_of(plan_id, dict(self.many(plan_paths(plan_id))))

    def found(
        self, scope: str, read: Callable[[str], Seen | Unreachable | None]
    ) -> Iterator[Seen | Unreachable]:
        """What `read` gives for each plan that a scope names, by the plan's id, and what cannot be reached.

        None of `read` is a plan that this account cannot see. A group's plans are read by several threads.
        """
        name = scope.strip()
        if name.startswith("group:"):
            yield from self._found_in_group(scope, name.removeprefix("group:").strip(), read)
            return
        plan = read(name) if _PLAN_ID.fullmatch(name) else None
        yield plan if plan is not None else self._titled(scope, name, read)

    def _titled(
        self, scope: str, name: str, read: Callable[[str], Seen | Unreachable | None]
    ) -> Seen | Unreachable:
        try:
            every = self._all_plans()
        except ContractBroken:
            plan = read(name) if _ID.fullmatch(name) else None
            if plan is None:
                raise
            return plan
        ids = [str(each["id"]) for each in every if str(each.get("title", "")).strip() == name]
        if len(ids) > 1:
            return Unreachable(
                scope, f"{len(ids)} plans have this title: name one of the ids {', '.join(ids)}"
            )
        plan = read(ids[0] if ids else name) if ids or _ID.fullmatch(name) else None
        return plan if plan is not None else Unreachable(scope, _HIDDEN)

    def _found_in_group(
        self, scope: str, name: str, read: Callable[[str], Seen | Unreachable | None]
    ) -> Iterator[Seen | Unreachable]:
        text = name.replace("'", "''")
        groups = self.listing(
            "/groups", params={"$filter": f"displayName eq '{text}'", "$select": "id,displayName"}
        )
        if groups is None or len(groups.items) != 1:
            number = len(groups.items) if groups else 0
            yield Unreachable(scope, f"{number} groups of this name are visible to this account, not one")
            return
        listed = self.listing(f"/groups/{quote(str(groups.items[0]['id']))}/planner/plans")
        if listed is None or not listed.whole:
            yield Unreachable(scope, "the group's plans cannot be listed by this account")
            return
        ids = [str(each["id"]) for each in listed.items]
        for plan_id, plan in in_order(ids, read, self._workers, "plans"):
            yield plan if plan is not None else Unreachable(plan_id, _HIDDEN)

    def _all_plans(self) -> Sequence[Json]:
        """The plans of every group that this account sees: Graph has no list of a tenant's plans."""
        with self._listing:
            if self._directory is None:
                self._directory = self._listed_plans()
            return self._directory

    def _listed_plans(self) -> list[Json]:
        params = {"$filter": "groupTypes/any(c:c eq 'Unified')", "$select": "id,displayName"}
        groups = self.listing("/groups", params=params)
        paths = [
            f"/groups/{quote(str(each['id']))}/planner/plans" for each in (groups.items if groups else ())
        ]
        plans: list[Json] = []
        for path, body in self.many(paths):
            plans += self.listed(path, body).items if body else ()
        return plans


def plan_paths(plan_id: str) -> list[str]:
    """Where a plan and the names of its labels are."""
    base = f"/planner/plans/{quote(plan_id)}"
    return [base, f"{base}/details"]


def plan_of(plan_id: str, read: Mapping[str, Json | None]) -> Plan | None:
    """The plan, of what `many` read at its paths; None if this account cannot see it."""
    plan, details = (read[each] for each in plan_paths(plan_id))
    if not plan:
        return None
    names = (details or {}).get("categoryDescriptions") or {}
    labels = {slot: text for slot, text in names.items() if isinstance(text, str) and text.strip()}
    return Plan(plan_id, str(plan.get("title") or ""), labels)


_HIDDEN = (
    "not reachable: no basic plan of this id or title is visible to this account "
    "(premium plans are not in the Planner interface)"
)


def _object(body: Any, path: str) -> Json:
    if not isinstance(body, dict):
        raise ContractBroken(f"Graph answered {path} with something other than an object.", fix="Check url.")
    return body


def _seconds(headers: Mapping[str, Any]) -> float:
    named = {name.lower(): str(value) for name, value in headers.items()}
    text = named.get("retry-after", "0")
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d+)?", text) else 0.0
