"""Bulk API 2.0 of the simulated organisation: query and ingest jobs that take their time, answered in CSV.

As the real one does: every value is text, an empty cell of an upload leaves a field alone and `#N/A` empties it, failed
rows stand in a list of their own while the job is complete, the last page of a result names the locator `null`.
A job that was begun goes on by itself, whoever asks: each look at the jobs brings all of them on, and halfway through an
ingest job has written half of its records. A job that was never closed does nothing, and stays until it is aborted.
"""

import csv
import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask, Response, request

Select = Callable[[str], tuple[Sequence[str], Sequence[Mapping[str, Any]]]]
"""A query's fields and rows, as its JSON would show them."""
Write = Callable[[str, Mapping[str, Any], str | None], Mapping[str, Any]]
"""Writes one record (object, record, external id field) and gives its verdict."""
Refuse = Callable[[int, str, str], Exception]


@dataclass
class Job:
    """A job: what it is to do, how often it still answers InProgress, and what came of it."""

    number: str
    order: Mapping[str, Any]
    state: str
    polls: int
    fields: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    by: str = ""
    upload: str = ""
    waiting: list[dict[str, str]] = field(default_factory=list)
    done: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Jobs:
    """The jobs of an organisation. `polls`: how often a job is in progress; `page_size`: the most rows of a page."""

    select: Select
    write: Write
    refuse: Refuse
    user: str
    """The id of the account that starts jobs."""
    polls: int = 2
    page_size: int = 10_000
    switched_off: bool = False
    fail: str = ""
    """With which text every job fails."""
    started: list[Mapping[str, Any]] = field(default_factory=list)
    kept: dict[str, Job] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))


def register(app: Flask, jobs: Jobs) -> None:
    """Adds the addresses of the jobs to the organisation's."""
    base = "/services/data/v<version>/jobs"

    def add(path: str, name: str, view: Callable[..., Response], *methods: str) -> None:
        app.add_url_rule(
            f"{base}{path}",
            f"bulk_{name}",
            lambda version, **named: (version, view(**named))[1],
            methods=methods,
        )

    add("/query", "query", lambda: _start_query(jobs), "POST")
    add("/query/<number>", "query_state", lambda number: _state(jobs, number), "GET")
    add("/query/<number>/results", "query_results", lambda number: _results(jobs, number), "GET")
    add("/ingest", "ingest", lambda: _start_ingest(jobs), "POST")
    add("/ingest", "ingest_all", lambda: _listed(jobs), "GET")
    add("/ingest/<number>", "ingest_state", lambda number: _state(jobs, number), "GET")
    add("/ingest/<number>/batches", "ingest_upload", lambda number: _upload(jobs, number), "PUT")
    add("/ingest/<number>", "ingest_close", lambda number: _close(jobs, number), "PATCH")
    for which in ("successfulResults", "failedResults"):
        add(
            f"/ingest/<number>/{which}/",
            which,
            lambda number, which=which: _verdicts(jobs, number, which),
            "GET",
        )


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], headers: Mapping[str, str]) -> Response:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({name: _text(row.get(name)) for name in columns} for row in rows)
    return Response(text.getvalue(), 200, headers, mimetype="text/csv")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _made(jobs: Jobs, state: str) -> Job:
    if jobs.switched_off:
        raise jobs.refuse(403, "FEATURENOTENABLED", "Bulk API is not enabled for this organization")
    order = request.get_json()
    jobs.started.append(order)
    job = Job(f"750{next(jobs.numbers):015d}", order, state, jobs.polls, by=jobs.user)
    jobs.kept[job.number] = job
    return job


def _start_query(jobs: Jobs) -> Response:
    job = _made(jobs, "UploadComplete")
    job.fields, job.rows = jobs.select(job.order["query"])
    return _json({"id": job.number, "state": job.state, "operation": "query"})


def _start_ingest(jobs: Jobs) -> Response:
    job = _made(jobs, "Open")
    return _json({"id": job.number, "state": job.state})


def _job(jobs: Jobs, number: str) -> Job:
    if number not in jobs.kept:
        raise jobs.refuse(404, "NOT_FOUND", "The requested resource does not exist")
    return jobs.kept[number]


def _listed(jobs: Jobs) -> Response:
    """All ingest jobs, page by page; a page's address names where the next one starts."""
    _pass(jobs)
    if jobs.switched_off:
        raise jobs.refuse(403, "FEATURENOTENABLED", "Bulk API is not enabled for this organization")
    start = int(request.args.get("queryLocator", "0"))
    every = [each for each in jobs.kept.values() if each.order["operation"] != "query"]
    some = every[start : start + jobs.page_size]
    done = start + jobs.page_size >= len(every)
    following = f"{request.path}?queryLocator={start + jobs.page_size}"
    records = [
        {
            "id": each.number,
            "operation": each.order["operation"],
            "object": each.order["object"],
            "createdById": each.by,
            "state": each.state,
            "jobType": "V2Ingest",
        }
        for each in some
    ]
    return _json({"done": done, "records": records, "nextRecordsUrl": None if done else following})


def _pass(jobs: Jobs) -> None:
    """Lets the jobs that were begun go on: one step each."""
    for job in jobs.kept.values():
        if job.state in ("UploadComplete", "InProgress"):
            job.state = "InProgress"
            job.polls -= 1
            _write_some(jobs, job, len(job.waiting) if job.polls < 0 else len(job.waiting) // 2)
            if job.polls < 0:
                job.state = "Failed" if jobs.fail else "JobComplete"


def _state(jobs: Jobs, number: str) -> Response:
    job = _job(jobs, number)
    _pass(jobs)
    told = {
        "id": number,
        "state": job.state,
        "numberRecordsProcessed": len(job.rows) or len(job.done) + len(job.failed),
        "numberRecordsFailed": len(job.failed),
    }
    return _json(told | ({"errorMessage": jobs.fail} if job.state == "Failed" else {}))


def _results(jobs: Jobs, number: str) -> Response:
    job = _job(jobs, number)
    start = int(request.args.get("locator", "0"))
    end = start + min(jobs.page_size, int(request.args.get("maxRecords", "10000")))
    locator = str(end) if end < len(job.rows) else "null"
    some = job.rows[start:end]
    return _csv(job.fields, some, {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(len(some))})


def _upload(jobs: Jobs, number: str) -> Response:
    _job(jobs, number).upload = request.get_data().decode()
    return Response(status=201)


def _close(jobs: Jobs, number: str) -> Response:
    """Begins the job, or aborts one that is not at its end."""
    job, state = _job(jobs, number), request.get_json()["state"]
    if job.state != "Open" and not (state == "Aborted" and job.state == "UploadComplete"):
        raise jobs.refuse(400, "INVALIDJOBSTATE", f"the job is {job.state}")
    job.state = state
    if state == "UploadComplete":
        job.waiting = list(csv.DictReader(io.StringIO(job.upload, newline="")))
    return _json({"id": number, "state": state})


def _write_some(jobs: Jobs, job: Job, count: int) -> None:
    some, job.waiting = job.waiting[:count], job.waiting[count:]
    for row in some:
        values = {name: _typed(text) for name, text in row.items() if text}
        verdict = jobs.write(str(job.order["object"]), values, job.order.get("externalIdFieldName"))
        if verdict.get("success"):
            job.done.append({"sf__Id": str(verdict["id"]), "sf__Created": _text(verdict["created"]), **row})
        else:
            (error,) = verdict["errors"]
            told = f"{error['statusCode']}:{error['message']}:{' '.join(error['fields'])} --"
            job.failed.append({"sf__Id": "", "sf__Error": told, **row})


def _typed(text: str) -> Any:
    if text == "#N/A":
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _verdicts(jobs: Jobs, number: str, which: str) -> Response:
    job = _job(jobs, number)
    rows = job.done if which == "successfulResults" else job.failed
    columns = list(rows[0]) if rows else ["sf__Id"]
    return _csv(columns, rows, {})
