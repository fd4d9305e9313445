"""The least work that a sync can possibly do, as the measure of every figure: fetch, decode, upsert.

Eight keep-alive threads, typed decoding of 15 fields, one writer, bulk upsert; nothing is kept raw, hashed or compared.
It prints one JSON object: issues, requests, seconds of wall and processor time, peak memory.
"""

import argparse
import http.client
import json
import queue
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

PAGE = 100
IDS = 1000
COLUMNS = (
    "id key summary status category type priority assignee reporter created updated duedate resolutiondate project labels"
).split()


class Named(msgspec.Struct):
    name: str


class Category(msgspec.Struct):
    key: str


class Status(msgspec.Struct):
    name: str
    statusCategory: Category  # noqa: N815  the tool's own name


class Person(msgspec.Struct):
    displayName: str  # noqa: N815  the tool's own name


class Project(msgspec.Struct):
    key: str


class Fields(msgspec.Struct):
    summary: str
    status: Status
    issuetype: Named
    priority: Named | None
    assignee: Person | None
    reporter: Person | None
    created: str
    updated: str
    duedate: str | None
    resolutiondate: str | None
    project: Project
    labels: list[str]


class Issue(msgspec.Struct):
    id: str
    key: str
    fields: Fields


class Found(msgspec.Struct):
    issues: list[Issue]


_DECODE = msgspec.json.Decoder(Found).decode


def row(issue: Issue) -> tuple[Any, ...]:
    fields = issue.fields
    return (
        issue.id,
        issue.key,
        fields.summary,
        fields.status.name,
        fields.status.statusCategory.key,
        fields.issuetype.name,
        fields.priority and fields.priority.name,
        fields.assignee and fields.assignee.displayName,
        fields.reporter and fields.reporter.displayName,
        fields.created,
        fields.updated,
        fields.duedate,
        fields.resolutiondate,
        fields.project.key,
        ",".join(fields.labels),
    )


class Asker:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def post(self, path: str, body: Any) -> bytes:
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return self.connection.getresponse().read()


def id_pages(url: str, since: int) -> Iterator[list[str]]:
    asker, token = Asker(url), None
    while True:
        body = {"jql": f"updated >= {since} ORDER BY updated", "maxResults": IDS, "fields": ["id"]}
        found = json.loads(
            asker.post("/rest/api/3/search/jql", {**body, "nextPageToken": token} if token else body)
        )
        yield [each["id"] for each in found["issues"]]
        token = found.get("nextPageToken")
        if token is None:
            return


def fetch(url: str, chunks: "queue.Queue[list[str] | None]", out: "queue.Queue[list[Any] | None]") -> None:
    asker = Asker(url)
    while (chunk := chunks.get()) is not None:
        body = asker.post("/rest/api/3/issue/bulkfetch", {"issueIdsOrKeys": chunk, "fields": ["*all"]})
        out.put([row(each) for each in _DECODE(body).issues])
    out.put(None)


def pages(url: str, since: int, workers: int) -> Iterator[list[Any]]:
    chunks: queue.Queue[list[str] | None] = queue.Queue(4 * workers)
    out: queue.Queue[list[Any] | None] = queue.Queue(2 * workers)

    def list_ids() -> None:
        for ids in id_pages(url, since):
            for start in range(0, len(ids), PAGE):
                chunks.put(ids[start : start + PAGE])
        for _ in range(workers):
            chunks.put(None)

    threading.Thread(target=list_ids, daemon=True).start()
    for _ in range(workers):
        threading.Thread(target=fetch, args=(url, chunks, out), daemon=True).start()
    ended = 0
    while ended < workers:
        page = out.get()
        if page is None:
            ended += 1
        else:
            yield page


def into_sqlite(path: str, found: Iterator[list[Any]]) -> int:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute(f"CREATE TABLE IF NOT EXISTS issue ({', '.join(COLUMNS)}, PRIMARY KEY (id)) WITHOUT ROWID")
    sets = ", ".join(f"{name}=excluded.{name}" for name in COLUMNS[1:])
    statement = (
        f"INSERT INTO issue VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT (id) DO UPDATE SET {sets}"
    )
    stored = 0
    for page in found:
        db.execute("BEGIN")
        db.executemany(statement, page)
        db.execute("COMMIT")
        stored += len(page)
    db.close()
    return stored


def into_postgres(url: str, found: Iterator[list[Any]]) -> int:
    import psycopg  # noqa: PLC0415  (only where it is used)

    stored = 0
    typed = ", ".join(f"{name} text" for name in COLUMNS)
    sets = ", ".join(f"{name}=excluded.{name}" for name in COLUMNS[1:])
    with psycopg.connect(url) as db:
        db.execute(f"CREATE TABLE IF NOT EXISTS issue ({typed}, PRIMARY KEY (id))")
        db.execute(f"CREATE TEMP TABLE page ({typed})")
        db.commit()
        for page in found:
            with db.cursor() as cursor:
                with cursor.copy("COPY page FROM STDIN") as copy:
                    for each in page:
                        copy.write_row(each)
                cursor.execute(f"INSERT INTO issue SELECT * FROM page ON CONFLICT (id) DO UPDATE SET {sets}")
                cursor.execute("TRUNCATE page")
            db.commit()
            stored += len(page)
    return stored


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("url")
    given.add_argument("store")
    given.add_argument("--since", type=int, default=0)
    given.add_argument("--workers", type=int, default=8)
    asked = given.parse_args()
    began = time.perf_counter()
    found = pages(asked.url, asked.since, asked.workers)
    write = into_postgres if asked.store.startswith("postgres") else into_sqlite
    stored = write(asked.store, found)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "issues": stored,
        "wall": time.perf_counter() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss_mb": usage.ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
