"""Speaking with an OData service: its description, single answers, batches, counts, and walks over an entity set."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from connectors import odata_v2
from connectors.errors import ContractBroken, SkipRecord, Unavailable
from connectors.http import Answer, Http
from connectors.odata_batch import Ask, Reply, content_type, packed, unpacked
from connectors.odata_metadata import V2, EntitySet, Property, entity_sets
from connectors.odata_scope import Scope, all_of, beyond, query_string

_JSON = "application/json;odata.metadata=minimal;IEEE754Compatible=true"
_PLAIN_JSON = "application/json"
_NOT_ACCEPTABLE = 406
_GONE = (404, 410)
_FORBIDDEN = 403
_NO_BATCH = (400, 404, 405, 406, 415, 501)
_COOKIE = re.compile(r"(?:^|,\s*)([^=;,\s]+=[^;,]*)")

Entity = Mapping[str, Any]


class Service:
    """One service.

    Its reads raise Retry or StopConnection: a refused query is a wrong scope (ContractBroken).

    `numbers_as_text` tells in which JSON form the service sent its last decimals; it takes them in the same
    form.
    """

    def __init__(self, http: Http, *, page_size: int) -> None:
        self.http = http
        self.page_size = page_size
        self.numbers_as_text = False
        self.version = 4
        self._batches = True
        self._csrf: dict[str, str] = {}
        self._accept = _JSON
        self._sets: Mapping[str, EntitySet] | None = None

    def describe(self) -> Answer:
        """Reads `$metadata`."""
        headers = {"Accept": "application/xml"}
        answer = _reading(lambda: self.http.request("GET", "$metadata", headers=headers, parse="bytes"))
        self._sets = entity_sets(answer.body)
        self.version = min((each.version for each in self._sets.values()), default=4)
        self.numbers_as_text = self.version == V2
        return answer

    def sets(self) -> Mapping[str, EntitySet]:
        """The entity sets by name, read once."""
        if self._sets is None:
            self.describe()
        return self._sets or {}

    def set(self, name: str) -> EntitySet:
        """The entity set of that name. Raises ContractBroken where there is none."""
        found = self.sets().get(name)
        if found is None:
            fix = f"the service has: {', '.join(sorted(self.sets())[:20])}"
            raise ContractBroken(f"{self.http.base_url} has no entity set {name!r}", fix=fix)
        return found

    def get(
        self, address: str, ok: tuple[int, ...] = (200,), more: Mapping[str, str] | None = None
    ) -> Answer:
        """One JSON answer; decimals as text where the service can. `more`: further headers."""
        headers = {**self.accepting(), **(more or {})}
        answer = self.http.request("GET", address, headers=headers, ok=(*ok, _NOT_ACCEPTABLE))
        if answer.status == _NOT_ACCEPTABLE:
            if self._accept == _PLAIN_JSON:
                raise ContractBroken(f"{self.http.base_url} offers no JSON", fix="check url")
            self._accept = _PLAIN_JSON
            return self.get(address, ok, more)
        self._heard(answer.headers)
        return answer

    def accepting(self) -> dict[str, str]:
        """The headers that ask for JSON; V4 gives decimals as text where it can, V2 always does."""
        if self.version == V2:
            return {"Accept": _PLAIN_JSON}
        return {"Accept": self._accept, "Prefer": f"odata.maxpagesize={self.page_size}"}

    def _heard(self, headers: Mapping[str, str]) -> None:
        if self.version != V2:
            self.numbers_as_text = "ieee754compatible=true" in headers.get("Content-Type", "").lower()

    def send(
        self,
        method: str,
        address: str,
        headers: Mapping[str, str],
        ok: tuple[int, ...],
        *,
        json: Any = None,
        data: bytes | None = None,
        reading: bool = False,
    ) -> Answer:
        """A request that needs SAP's token against forgery where the service asks for one. Never repeated but for that."""
        if self.version == V2 and not self._csrf:
            self._fetch_token()

        def once() -> Answer:
            return self.http.request(
                method,
                address,
                json=json,
                data=data,
                headers={**headers, **self._csrf},
                ok=(*ok, _FORBIDDEN),
                idempotent=reading,
                parse="json" if data is None else "bytes",
            )

        answer = once()
        if answer.status == _FORBIDDEN and answer.headers.get("X-CSRF-Token", "").lower() == "required":
            self._fetch_token()
            answer = once()
        return answer

    def _fetch_token(self) -> None:
        headers = {"X-CSRF-Token": "Fetch", "Accept": _PLAIN_JSON}
        answer = _reading(lambda: self.http.request("GET", "", headers=headers, parse="bytes"))
        token = answer.headers.get("X-CSRF-Token")
        cookies = "; ".join(_COOKIE.findall(answer.headers.get("Set-Cookie", "")))
        self._csrf = ({"X-CSRF-Token": token} if token else {}) | ({"Cookie": cookies} if cookies else {})

    def batch(self, asks: Sequence[Ask], *, reading: bool) -> list[Reply | None] | None:
        """The replies to many requests sent as one, in their order; None where the service knows no batch."""
        if not self._batches:
            return None
        headers = {"Content-Type": content_type(), "Accept": "multipart/mixed"}
        headers |= {"Prefer": "odata.continue-on-error"} if self.version != V2 else {}
        no_batch = _NO_BATCH if reading else ()
        answer = self.send(
            "POST", "$batch", headers, (200, 202, *no_batch), data=packed(asks), reading=reading
        )
        if answer.status in no_batch or answer.status == _FORBIDDEN:
            self._batches = False
            return None
        replies = unpacked(answer.body, answer.headers.get("Content-Type", ""), asks)
        for each in replies:
            if each is not None and reading:
                self._heard(each.headers)
        return replies

    def count(self, scope: Scope, condition: str | None) -> int | None:
        """How many entities the service counts, None where it does not say."""
        options = {name: value for name, value in scope.options.items() if not name.startswith("$")}
        options |= {"$filter": condition} if condition else {}
        options |= {**self.counting(), "$top": "0"}
        answer = _reading(lambda: self.get(f"{scope.entity_set}?{query_string(options)}"))
        return page_of(answer, self.set(scope.entity_set)).count

    def counting(self) -> dict[str, str]:
        """The option that asks for the count beside the rows."""
        return {"$inlinecount": "allpages"} if self.version == V2 else {"$count": "true"}

    def walk(self, scope: Scope, condition: str | None, order: Sequence[Property]) -> "Walk":
        """The entities of the scope in this order, in pages."""
        return Walk(self, scope, condition, order)

    def changes(self, scope: Scope, link: str | None) -> Iterator["PageOf"]:
        """The pages behind a delta link, or all entities where there is none (any more); the last names the next link."""
        entity_set = self.set(scope.entity_set)
        track = {"Prefer": f"odata.track-changes,odata.maxpagesize={self.page_size}"}
        answer = _reading(lambda: self.get(link, ok=(200, *_GONE), more=track)) if link else None
        if answer is None or answer.status in _GONE:
            options = {
                **scope.options,
                **({"$filter": scope.condition} if scope.condition else {}),
                **self.counting(),
            }
            address = f"{scope.entity_set}?{query_string(options)}"
            answer = _reading(lambda: self.get(address, more=track))
        page = page_of(answer, entity_set)
        yield page
        followed: set[str] = set()
        while page.link is not None:
            if page.link in followed:
                raise ContractBroken(f"{scope.entity_set} repeats a next link", fix="report it to its owner")
            followed.add(page.link)
            page = page_of(self.follow(page.link), entity_set)
            yield page

    def follow(self, link: str) -> Answer:
        """The page behind a next link, which is opaque, and must stay on the service's host."""
        answer = _reading(lambda: self.get(link, ok=(200, *_GONE)))
        if answer.status in _GONE:
            raise Unavailable(f"{self.http.base_url}: a next link expired", fix="the next run reads on")
        return answer


class Walk:
    """Pages of entities.

    `complete` tells, after the last one, whether all were there that the service counted.
    """

    def __init__(
        self, service: Service, scope: Scope, condition: str | None, order: Sequence[Property]
    ) -> None:
        self.complete = False
        self._service = service
        self._scope = scope
        self._condition = condition
        self._order = order

    def __iter__(self) -> Iterator[Sequence[Entity]]:
        """Raises ContractBroken for a page that comes a second time."""
        received, announced, last = 0, None, ""
        for page in self._by_key() if all(each.ordered for each in self._order) else self._by_links():
            announced = page.count if received == 0 else announced
            mark = repr([page.rows[-1].get(each.name) for each in self._order]) if page.rows else ""
            if mark and mark == last:
                raise ContractBroken(
                    f"{self._scope.entity_set} gave the same page twice", fix="report it to its owner"
                )
            last = mark
            received += len(page.rows)
            if page.rows:
                yield page.rows
        self.complete = announced is None or received >= announced or self._fewer_now(received)

    def _fewer_now(self, received: int) -> bool:
        counted = self._service.count(self._scope, self._condition)
        return counted is not None and received >= counted

    def _by_key(self) -> Iterator["PageOf"]:
        position: str | None = None
        while True:
            page = self._page(
                self._ask(all_of(self._condition, position), {"$top": str(self._service.page_size)})
            )
            yield page
            if not page.rows or (page.link is None and len(page.rows) < self._service.page_size):
                return
            position = beyond(self._order, page.rows[-1])

    def _by_links(self) -> Iterator["PageOf"]:
        page = self._page(self._ask(self._condition, {}))
        yield page
        followed: set[str] = set()
        while page.link is not None:
            if page.link in followed:
                raise ContractBroken(
                    f"{self._scope.entity_set} repeats a next link", fix="report it to its owner"
                )
            followed.add(page.link)
            page = self._page(self._service.follow(page.link))
            yield page

    def _page(self, answer: Answer) -> "PageOf":
        return page_of(answer, self._service.set(self._scope.entity_set))

    def _ask(self, condition: str | None, more: Mapping[str, str]) -> Answer:
        options = {
            **self._scope.options,
            **({"$filter": condition} if condition else {}),
            "$orderby": ",".join(each.name for each in self._order),
            **self._service.counting(),
            **more,
        }
        address = f"{self._scope.entity_set}?{query_string(options)}"
        return _reading(lambda: self._service.get(address))


class PageOf:
    """A collection answer: its rows, the links resolved against the request's address, the count."""

    def __init__(
        self, rows: Sequence[Entity], link: str | None, count: int | None, delta: str | None
    ) -> None:
        self.rows = rows
        self.link = link
        self.count = count
        self.delta = delta


def page_of(answer: Answer | Reply, entity_set: EntitySet) -> PageOf:
    """The answer as a page, its rows in V4's forms. Raises ContractBroken where it is none."""
    body = answer.json
    if entity_set.version == V2:
        rows, link, count, delta = odata_v2.rows_of(body)
    elif isinstance(body, dict):
        link, count, delta = (control(body, name) for name in ("nextLink", "count", "deltaLink"))
        rows = body.get("value")
    else:
        rows = link = count = delta = None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ContractBroken("the service answered JSON that is no collection", fix="check url")
    return PageOf(
        [entity_of(row, entity_set) for row in rows],
        urljoin(answer.url, str(link)) if link else None,
        None if count is None else int(count),
        urljoin(answer.url, str(delta)) if delta else None,
    )


def entity_of(body: Any, entity_set: EntitySet) -> Entity:
    """One entity in V4's forms."""
    if entity_set.version != V2:
        found: Entity = body
        return found
    inner = body.get("d", body) if isinstance(body, dict) else {}
    return odata_v2.row_of(inner, {name: each.type for name, each in entity_set.properties.items()})


def control(entity: Entity, name: str) -> Any:
    """Control information of an answer, with the `odata.` prefix or (4.01) without."""
    return entity.get(f"@odata.{name}", entity.get(f"@{name}"))


def _reading(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except SkipRecord as error:
        raise ContractBroken(error.text, fix="check the scope, and the account's rights on it") from None
