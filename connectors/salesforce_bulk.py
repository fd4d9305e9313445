"""Salesforce Bulk API 2.0: large results and large writes as CSV jobs, whose numbers are text and so exact.

Written on `connectors.http` and not on the library: its bulk client freezes the session id, knows no time-out, takes
the columns of its CSV from a set, and leaves failed rows to be asked for.
"""

import csv
import io
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import ContractBroken, OutcomeUnknown, Retry, SkipRecord, StopConnection, Unavailable
from connectors.http import Http

Row = dict[str, str]

_NULL = "#N/A"
"""How a CSV of an ingest job says that a field is to be emptied; an empty cell leaves it as it is."""
_LAST = "null"
_OPEN, _RUNNING = "Open", ("UploadComplete", "InProgress")
_FINAL = ("JobComplete", "Failed", "Aborted")
_WAITS = (0.2, 0.5, 1.0, 2.0, 5.0)
_LONGEST = 10.0
_UPLOAD_BYTES = 80 * 2**20
"""An upload may have 150 MB after Salesforce has coded it in Base64."""


class Bulk:
    """The jobs of one organisation. `patience`: seconds to wait for one job."""

    def __init__(
        self,
        http: Http,
        version: str,
        *,
        page_size: int = 10_000,
        patience: float = 1800.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._jobs = f"services/data/v{version}/jobs"
        self._page_size = page_size
        self._patience = patience
        self._sleep = sleep

    def start(self, soql: str) -> str:
        """Starts a query job; its id. Starting one twice harms nobody, so it is repeated like a read."""
        body = {
            "operation": "query",
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        answer = self._http.request("POST", f"{self._jobs}/query", json=body, idempotent=True, ok=(200, 201))
        return _id(answer.json)

    def results(self, job: str) -> Iterator[tuple[list[Row], int]]:
        """The result of a query job page by page, each with the size that the organisation announced."""
        size = int(self._wait(f"{self._jobs}/query/{job}").get("numberRecordsProcessed", 0))
        locator: str | None = None
        seen: set[str] = set()
        while locator != _LAST:
            more = f"&locator={locator}" if locator else ""
            path = f"{self._jobs}/query/{job}/results?maxRecords={self._page_size}{more}"
            answer = self._http.request("GET", path, headers={"Accept": "text/csv"}, parse="bytes")
            yield _rows(answer.body), size
            locator = answer.headers.get("Sforce-Locator") or _LAST
            if locator in seen:
                raise ContractBroken(f"{self._http.base_url} repeats the page {locator} of a query job")
            seen.add(locator)

    def write(
        self, sobject: str, key: str | None, records: Sequence[Mapping[str, Any]]
    ) -> Iterator[list[Row]]:
        """Writes records of one object: by `Id`, or by the external id `key`. One verdict per record, in order.

        A verdict holds `id`, or `error`. Raises OutcomeUnknown where the job may have begun and its end is not known.
        """
        name = key or "Id"
        for some in _parts(records):
            body = {
                "object": sobject,
                "operation": "upsert" if key else "update",
                "contentType": "CSV",
                "lineEnding": "LF",
            }
            body |= {"externalIdFieldName": key} if key else {}
            job = _id(self._http.request("POST", f"{self._jobs}/ingest", json=body, ok=(200, 201)).json)
            path = f"{self._jobs}/ingest/{job}"
            headers = {"Content-Type": "text/csv; charset=UTF-8"}
            self._http.request("PUT", f"{path}/batches", data=some, headers=headers, ok=(201,), parse="bytes")
            self._http.request("PATCH", path, json={"state": "UploadComplete"})
            try:
                self._wait(path)
                done = {row[name]: {"id": row["sf__Id"]} for row in self._listed(path, "successfulResults")}
                failed = {
                    row[name]: {"error": row["sf__Error"]} for row in self._listed(path, "failedResults")
                }
            except (Retry, KeyError) as error:
                raise OutcomeUnknown(
                    f"the job {job} was started, and its end is not known: {error}"
                ) from None
            yield [{**done, **failed}.get(row[name], {}) for row in _rows(some)]

    def unfinished(self, sobjects: Collection[str]) -> Sequence[Mapping[str, Any]]:
        """The ingest jobs on these objects that nobody has ended; none where there is no Bulk API."""
        path = f"{self._jobs}/ingest?jobType=V2Ingest"
        found: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        while path and path not in seen:
            seen.add(path)
            try:
                answer = self._http.request("GET", path).json or {}
            except (SkipRecord, StopConnection):
                return ()
            found += answer.get("records", ())
            path = str(answer.get("nextRecordsUrl") or "")
        return [
            each
            for each in found
            if each.get("object") in sobjects and each.get("state") in (_OPEN, *_RUNNING)
        ]

    def end(self, job: Mapping[str, Any], *, ours: bool) -> None:
        """Aborts a job of ours that was never closed, and waits for the end of one that is at work.

        Raises Unavailable where it is not at its end within the patience.
        """
        path = f"{self._jobs}/ingest/{job['id']}"
        if job["state"] in _RUNNING:
            self._ended(path)
        elif ours:
            self._http.request("PATCH", path, json={"state": "Aborted"})

    def _listed(self, path: str, which: str) -> list[Row]:
        answer = self._http.request("GET", f"{path}/{which}/", headers={"Accept": "text/csv"}, parse="bytes")
        return _rows(answer.body)

    def _wait(self, path: str) -> Mapping[str, Any]:
        state = self._ended(path)
        if state["state"] != "JobComplete":
            said = str(state.get("errorMessage", state["state"]))[:300]
            raise ContractBroken(
                f"{self._http.base_url}: a job ended as {state['state']}: {said}", fix="correct the scope"
            )
        return state

    def _ended(self, path: str) -> Mapping[str, Any]:
        waited, turn = 0.0, 0
        while True:
            state: Mapping[str, Any] = self._http.request("GET", path).json or {}
            if state.get("state") in _FINAL:
                return state
            if waited >= self._patience:
                raise Unavailable(f"{self._http.base_url}: the job {path} is not done after {waited:g} s")
            pause = _WAITS[turn] if turn < len(_WAITS) else _LONGEST
            self._sleep(pause)
            waited, turn = waited + pause, turn + 1


def _id(answer: Any) -> str:
    try:
        return str(answer["id"])
    except (KeyError, TypeError):
        raise ContractBroken("the organisation started a job without naming it") from None


def _rows(body: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8"), newline="")))


def _parts(records: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """The records as CSV, each within the bounds of one upload, all with the same columns in one order."""
    columns = list(dict.fromkeys(name for record in records for name in record))
    head = _line(columns)
    part, size = [head], len(head)
    for record in records:
        line = _line([_cell(record[name]) if name in record else "" for name in columns])
        if size + len(line) > _UPLOAD_BYTES:
            yield b"".join(part)
            part, size = [head], len(head)
        part.append(line)
        size += len(line)
    yield b"".join(part)


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else format(value, "f")
