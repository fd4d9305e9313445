"""Reading an OData V4 service: its description, single answers, counts, and walks over an entity set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from connectors.errors import ContractBroken, SkipRecord, Unavailable
from connectors.http import Answer, Http
from connectors.odata_metadata import EntitySet, Property, entity_sets
from connectors.odata_scope import Scope, all_of, beyond, query_string

_JSON = "application/json;odata.metadata=minimal;IEEE754Compatible=true"
_PLAIN_JSON = "application/json"
_NOT_ACCEPTABLE = 406
_GONE = (404, 410)

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
        self._accept = _JSON
        self._sets: Mapping[str, EntitySet] | None = None

    def describe(self) -> Answer:
        """Reads `$metadata`."""
        headers = {"Accept": "application/xml"}
        answer = _reading(lambda: self.http.request("GET", "$metadata", headers=headers, parse="bytes"))
        self._sets = entity_sets(answer.body)
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

    def get(self, address: str, ok: tuple[int, ...] = (200,)) -> Answer:
        """One JSON answer; decimals as text where the service can."""
        headers = {"Accept": self._accept, "Prefer": f"odata.maxpagesize={self.page_size}"}
        answer = self.http.request("GET", address, headers=headers, ok=(*ok, _NOT_ACCEPTABLE))
        if answer.status == _NOT_ACCEPTABLE:
            if self._accept == _PLAIN_JSON:
                raise ContractBroken(f"{self.http.base_url} offers no JSON", fix="check url")
            self._accept = _PLAIN_JSON
            return self.get(address, ok)
        self.numbers_as_text = "ieee754compatible=true" in answer.headers.get("Content-Type", "").lower()
        return answer

    def count(self, scope: Scope, condition: str | None) -> int | None:
        """How many entities the service counts, None where it does not say."""
        options = {name: value for name, value in scope.options.items() if not name.startswith("$")}
        options |= {"$filter": condition} if condition else {}
        options |= {"$count": "true", "$top": "0"}
        return page_of(_reading(lambda: self.get(f"{scope.entity_set}?{query_string(options)}"))).count

    def walk(self, scope: Scope, condition: str | None, order: Sequence[Property]) -> "Walk":
        """The entities of the scope in this order, in pages."""
        return Walk(self, scope, condition, order)

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
            page = page_of(
                self._ask(all_of(self._condition, position), {"$top": str(self._service.page_size)})
            )
            yield page
            if not page.rows or (page.link is None and len(page.rows) < self._service.page_size):
                return
            position = beyond(self._order, page.rows[-1])

    def _by_links(self) -> Iterator["PageOf"]:
        page = page_of(self._ask(self._condition, {}))
        yield page
        followed: set[str] = set()
        while page.link is not None:
            if page.link in followed:
                raise ContractBroken(
                    f"{self._scope.entity_set} repeats a next link", fix="report it to its owner"
                )
            followed.add(page.link)
            page = page_of(self._service.follow(page.link))
            yield page

    def _ask(self, condition: str | None, more: Mapping[str, str]) -> Answer:
        options = {
            **self._scope.options,
            **({"$filter": condition} if condition else {}),
            "$orderby": ",".join(each.name for each in self._order),
            "$count": "true",
            **more,
        }
        address = f"{self._scope.entity_set}?{query_string(options)}"
        return _reading(lambda: self._service.get(address))


class PageOf:
    """A collection answer: its rows, the next link resolved against the request's address, the count."""

    def __init__(self, rows: Sequence[Entity], link: str | None, count: int | None) -> None:
        self.rows = rows
        self.link = link
        self.count = count


def page_of(answer: Answer) -> PageOf:
    """The answer as a page. Raises ContractBroken where it is none."""
    body = answer.json
    rows = body.get("value") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ContractBroken(
            "the service answered JSON that is no collection", fix="check url and OData version (4)"
        )
    link, count = control(body, "nextLink"), control(body, "count")
    return PageOf(
        rows, urljoin(answer.url, str(link)) if link else None, None if count is None else int(count)
    )


def control(entity: Entity, name: str) -> Any:
    """Control information of an answer, with the `odata.` prefix or (4.01) without."""
    return entity.get(f"@odata.{name}", entity.get(f"@{name}"))


def _reading(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except SkipRecord as error:
        raise ContractBroken(error.text, fix="check the scope, and the account's rights on it") from None
