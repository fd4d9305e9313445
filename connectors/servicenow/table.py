"""The Table API: one request, its refusals told apart, and reads that give every visible row.

Three habits of the interface shape this module. A query term that it does not understand is dropped without a
word, so every page is checked against what was asked. Row rules apply after the limit, so a short or empty
page is not the end. A read that takes too long ends as a 200 with broken JSON, or with `error` beside
`result`, so such a page is thrown away and asked for again in smaller pieces.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from requests import codes

from connectors.errors import ContractBroken, CredentialsRefused, Unavailable
from connectors.http import Answer, Http
from connectors.servicenow.query import any_of, joined
from connectors.servicenow.recipe import access_rule

Row = Mapping[str, Any]

WIDEST_PAGE = 10_000
"""Rows asked for at most, to get past rows that are hidden from this account."""
STORED_VALUES = {"sysparm_display_value": "false", "sysparm_exclude_reference_link": "true"}
"""Dates in UTC, choices as codes, references bare; words come by dot-walking (`assigned_to.name`)."""

_BATCH = 100
_SMALLEST_PAGE = 10
_SHRINK = 2
_ANSWERS = (200, 400, 403, 404)
_BAD_DAYS = (202, 500)
_GAVE_UP = b"Transaction cancelled"
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_CHECK_URL = "Check that url is the instance's own address."
_FIX_QUERY = (
    "Check scope for a misspelt field, and that the account may read sys_updated_on and sys_id there."
)
_FIX_SLOW = "Ask the administrator for a longer REST transaction quota, or narrow the scope."


@dataclass(frozen=True, slots=True)
class Rows:
    """A page: its rows, how many the query has in all, the server's clock (None: not said)."""

    rows: Sequence[Row]
    total: int | None
    server_time: datetime | None

    @property
    def is_all(self) -> bool:
        """Whether the query has no row beyond these."""
        return self.total == len(self.rows)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a read stands: all before `at` is read, and of that second all up to `id` (None: all)."""

    at: str = "1900-01-01 00:00:00"
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Some rows of a read, the place to go on from, and whether rows seem to be hidden."""

    rows: Sequence[Row]
    place: Place
    last: bool
    hidden: bool
    server_time: datetime | None


class Cancelled(Unavailable):
    """The instance gave up while it answered: a smaller page may pass."""


class TableNotThere(ContractBroken):
    """The instance has no such table."""


class TableClosed(CredentialsRefused):
    """The account may not read the table at all."""


def text_of(value: object) -> str:
    """A cell's stored value as text, whether it comes bare or as `{link, value}`."""
    if isinstance(value, Mapping):
        value = value.get("value")
    return "" if value is None else str(value)


class Reader:
    """Reads tables of one instance in pages of at most `page_size` rows, in stored values."""

    def __init__(self, http: Http, page_size: int) -> None:
        self._http = http
        self._page_size = page_size
        self._limits: dict[str, int] = {}

    def some(
        self, table: str, query: str, fields: Sequence[str], limit: int, shown: Sequence[str] = ()
    ) -> Rows:
        """One page; cells of the columns `shown` with their display values.

        Raises `TableNotThere`, `TableClosed`, `Cancelled` or another error of its group.
        """
        params = {"sysparm_query": query, "sysparm_limit": str(limit), **STORED_VALUES}
        params["sysparm_suppress_pagination_header"] = "true"
        if shown:
            params["sysparm_display_value"] = "all"
        if fields:
            params["sysparm_fields"] = ",".join(dict.fromkeys(("sys_id", *fields)))
        answer = self._asked(table, params)
        document = _document(table, answer)
        if answer.status != codes.ok:
            _refuse(table, answer.status, document)
        rows = _records(table, document)
        if shown:
            rows = [_bare(row, shown) for row in rows]
        return Rows(rows, _count(answer.headers), _date(answer.headers))

    def _asked(self, table: str, params: Mapping[str, str]) -> Answer:
        """The answer, which is a page or a refusal. A page that took too long is not asked for again as it was."""
        place = f"/api/now/table/{table}"
        answer = self._http.request("GET", place, params=params, ok=(*_ANSWERS, *_BAD_DAYS), parse="bytes")
        if answer.status == codes.accepted:
            raise Unavailable(
                f"The instance put the request for {table} aside and dropped it (202).",
                fix="Lower max_workers or requests_per_second, or let the account make more requests at once.",
            )
        if answer.status == codes.internal_server_error and _GAVE_UP in answer.body:
            raise Cancelled(f"The instance gave up on {table}: {_GAVE_UP.decode()}.", fix=_FIX_SLOW)
        if answer.status == codes.internal_server_error:
            return self._http.request("GET", place, params=params, ok=_ANSWERS, parse="bytes")
        return answer

    def by_change(
        self, table: str, query: str, fields: Sequence[str], place: Place, shown: Sequence[str] = ()
    ) -> Iterator[Step]:
        """The visible rows that changed after `place`, oldest first, some of them perhaps twice.

        The key is (sys_updated_on, sys_id). A page that is not the last may end inside a second, so its
        newest second is left to the next page; a page that lies in one second is followed by pages of that
        second alone.
        """
        while True:
            if place.id is not None:
                yield from self._rest_of_second(table, query, fields, place, shown)
                place = Place(place.at)
            page, hidden = self._page(table, joined(query, *_terms(place)), fields, shown)
            _check_times(table, page.rows, place)
            if not page.rows or page.is_all:
                place = Place(_at(page.rows[-1])) if page.rows else place
                yield Step(page.rows, place, last=True, hidden=hidden, server_time=page.server_time)
                return
            newest = _at(page.rows[-1])
            closed = [row for row in page.rows if _at(row) < newest]
            if closed:
                place = Place(_at(closed[-1]))
            else:
                _check_ids(table, page.rows, "")
                place = Place(newest, text_of(page.rows[-1]["sys_id"]))
            yield Step(closed or page.rows, place, last=False, hidden=hidden, server_time=page.server_time)

    def _rest_of_second(
        self, table: str, query: str, fields: Sequence[str], place: Place, shown: Sequence[str]
    ) -> Iterator[Step]:
        while True:
            page, hidden = self._page(table, joined(query, *_terms(place)), fields, shown)
            _check_times(table, page.rows, place)
            _check_ids(table, page.rows, place.id or "")
            if page.rows:
                place = Place(place.at, text_of(page.rows[-1]["sys_id"]))
                yield Step(page.rows, place, last=False, hidden=hidden, server_time=page.server_time)
            if not page.rows or page.is_all:
                return

    def by_id(
        self, table: str, query: str, fields: Sequence[str], shown: Sequence[str] = ()
    ) -> Iterator[Row]:
        """The rows of a query by sys_id: another way through the table than by time of change."""
        last = ""
        while True:
            term = f"sys_id>{last}" if last else ""
            page, _ = self._page(table, joined(query, term, "ORDERBYsys_id"), ("sys_id", *fields), shown)
            _check_ids(table, page.rows, last)
            yield from page.rows
            last = text_of(page.rows[-1]["sys_id"]) if page.rows else last
            if not page.rows or page.is_all:
                return

    def of_ids(
        self, table: str, query: str, ids: Sequence[str], fields: Sequence[str], shown: Sequence[str] = ()
    ) -> Iterator[Row]:
        """The rows of a query among these sys_ids."""
        for start in range(0, len(ids), _BATCH):
            asked = ids[start : start + _BATCH]
            rows = self.by_id(table, joined(query, any_of("sys_id", asked)), fields, shown)
            yield from (row for row in rows if text_of(row.get("sys_id")) in asked)

    def _page(
        self, table: str, query: str, fields: Sequence[str], shown: Sequence[str] = ()
    ) -> tuple[Rows, bool]:
        """A page, and whether it shows fewer rows than it should.

        An empty page although rows match means that the first ones are all hidden: a wide page gets past them.
        """
        page = self._in_time(table, query, fields, shown)
        limit = self._limit(table)
        if not page.rows and page.total:
            limit = WIDEST_PAGE
            page = self.some(table, query, fields, limit, shown)
        if not page.rows and page.total is not None and page.total > limit:
            raise ContractBroken(
                f"{page.total} records of {table} match {query!r}; the first {limit} are all hidden.",
                fix=f"Give the account read rights to {table}, or narrow the scope to what it may read.",
            )
        return page, page.total is not None and len(page.rows) < min(page.total, limit)

    def _in_time(self, table: str, query: str, fields: Sequence[str], shown: Sequence[str]) -> Rows:
        """A page as large as the instance can give in its time."""
        while True:
            try:
                return self.some(table, query, fields, self._limit(table), shown)
            except Cancelled:
                if self._limit(table) <= _SMALLEST_PAGE:
                    raise
                self._limits[table] = max(_SMALLEST_PAGE, self._limit(table) // _SHRINK)

    def _limit(self, table: str) -> int:
        return self._limits.get(table, self._page_size)


def refusal_of(document: Mapping[str, Any]) -> str:
    """What an error envelope says, in one line."""
    error = document.get("error")
    if not isinstance(error, Mapping):
        return "no reason given"
    return " / ".join(str(error[key]) for key in ("message", "detail") if error.get(key))


def instant_of(stamp: str) -> datetime | None:
    """The instant of a stored date-time (UTC, whole seconds, no zone marker); None where it is empty."""
    return datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp else None


def stamp_of(instant: datetime) -> str:
    """The stored text of an instant."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _terms(place: Place) -> tuple[str, ...]:
    if place.id is not None:
        return f"sys_updated_on={place.at}", f"sys_id>{place.id}", "ORDERBYsys_id"
    return f"sys_updated_on>{place.at}", "ORDERBYsys_updated_on", "ORDERBYsys_id"


def _at(row: Row) -> str:
    return text_of(row.get("sys_updated_on"))


def _check_times(table: str, rows: Sequence[Row], place: Place) -> None:
    """Fails closed: what the instance drops from a query, it drops without a word."""
    before = place.at
    for row in rows:
        at = _at(row)
        if not _STAMP.fullmatch(at):
            raise ContractBroken(f"{table} gave {at!r} as sys_updated_on.", fix=_FIX_QUERY)
        asked = at > place.at if place.id is None else at == place.at
        if not asked or at < before:
            raise ContractBroken(
                f"{table} gave a record of {at} where records after {before} were asked for.", fix=_FIX_QUERY
            )
        before = at


def _check_ids(table: str, rows: Sequence[Row], after: str) -> None:
    for row in rows:
        id_ = text_of(row.get("sys_id"))
        if id_.lower() <= after.lower():
            raise ContractBroken(f"{table} came back out of order or repeated at {after}.", fix=_FIX_QUERY)
        after = id_


def _document(table: str, answer: Answer) -> Mapping[str, Any]:
    media = answer.headers.get("Content-Type", "").lower()
    if "json" not in media or answer.body.lstrip()[:1] == b"<":
        raise ContractBroken(
            f"The instance answered a page ({media or 'of no type'}) instead of {table}.",
            fix="Open url in a browser: the instance may be asleep, in maintenance, or behind a sign-in.",
        )
    try:
        document = json.loads(answer.body.decode("utf-8"), parse_float=Decimal)
    except ValueError:
        raise Cancelled(f"The instance broke off its answer for {table}.", fix=_FIX_SLOW) from None
    if not isinstance(document, dict):
        raise ContractBroken(f"The answer for {table} is no object.", fix=_CHECK_URL)
    if answer.status == codes.ok and ("error" in document or document.get("status") == "failure"):
        raise Cancelled(f"The instance gave up on {table}: {refusal_of(document)}.", fix=_FIX_SLOW)
    return document


def _records(table: str, document: Mapping[str, Any]) -> Sequence[Row]:
    rows = document.get("result")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ContractBroken(f"The answer for {table} is no list of records.", fix=_CHECK_URL)
    return rows


def _bare(row: Row, shown: Sequence[str]) -> Row:
    """A row of `{value, display_value}` cells as stored values, but for the columns `shown`."""
    return {name: cell if name in shown else text_of(cell) for name, cell in row.items()}


def _refuse(table: str, status: int, document: Mapping[str, Any]) -> NoReturn:
    said = f"The instance refused to read {table} ({status}: {refusal_of(document)})."
    if status == codes.forbidden:
        fix = f"{access_rule(table, 'read')} With an API key, name {table} in its REST API access policy too."
        raise TableClosed(said, fix=fix)
    raise TableNotThere(said, fix=f"Take {table} out of read, or install the plugin that brings it.")


def _count(headers: Mapping[str, str]) -> int | None:
    text = headers.get("X-Total-Count", "")
    return int(text) if text.isdecimal() else None


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)
    except (TypeError, ValueError):
        return None
