"""A fast stand-in for a Jira site: many issues of about 5 KB with 40 custom fields, in 50 projects.

It is a Jira Cloud, or told `--product datacenter` a Data Center, where every twenty issues have an epic. Run as a
process of its own. It prints its address, then answers until it is ended. Issues are put together from prepared
pieces, so that it is never what a benchmark measures. It ignores `fields` and answers whole issues, which is the
harder case for whoever keeps them.

`POST /bench/touch {"count": n, "at": epoch milliseconds}` edits the first n issues, `POST /bench/set {"latency": seconds,
"refuse_every": n}` slows it or refuses every n-th request with 429, `GET /bench/counts` tells the requests by path.
"""

import argparse
import asyncio
import json
import random
import re
from collections import Counter
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

PROJECTS = 50
BODIES = 200
BULK = 100
ACCOUNT = "bench-account"
LAST_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: when the last issue was changed; each one before it a minute earlier."""
STEP_MS = 60_000
_SINCE = re.compile(r"updated >= (\d+)")
_EPIC = re.compile(r'"(EPIC-(\d+))"')
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_WORDS = (
    "permit road water library rollout review vendor contract team budget phase site legal parking fleet "
    "records council intake survey cutover pilot migration training acceptance hearing Straße señal"
).split()


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(count))


def _document(chance: random.Random) -> dict[str, Any]:
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": _words(chance, 40)}]} for _ in range(3)
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _custom(chance: random.Random, number: int) -> Any:
    return (
        None,
        _words(chance, 6),
        chance.randrange(1, 400) / 4,
        {
            "self": f"https://bench.example/rest/api/3/customFieldOption/{number}",
            "value": "Green",
            "id": str(number),
        },
        "2026-05-01",
    )[number % 5]


def _tail(chance: random.Random) -> bytes:
    status = chance.choice([("To Do", "new"), ("In Progress", "indeterminate"), ("Done", "done")])
    person = {
        "self": "https://bench.example/rest/api/3/user?accountId=5b10a2844c20165700ede21g",
        "accountId": "5b10a2844c20165700ede21g",
        "displayName": _words(chance, 2),
        "active": True,
        "timeZone": "America/New_York",
        "avatarUrls": {size: f"https://bench.example/avatar/{size}" for size in ("48x48", "24x24", "16x16")},
    }
    fields = {
        "status": {
            "self": "https://bench.example/rest/api/3/status/3",
            "name": status[0],
            "id": "3",
            "statusCategory": {"id": 4, "key": status[1], "name": status[0], "colorName": "yellow"},
        },
        "issuetype": {"id": "10001", "name": "Story", "subtask": False, "hierarchyLevel": 0},
        "priority": {"id": "3", "name": "Medium", "iconUrl": "https://bench.example/images/medium.svg"},
        "assignee": person,
        "reporter": person,
        "created": "2025-11-03T09:12:44.123-0500",
        "duedate": "2026-09-30",
        "resolutiondate": "2026-01-02T10:00:00.000+0000" if status[1] == "done" else None,
        "resolution": {"name": "Done"} if status[1] == "done" else None,
        "labels": [chance.choice(_WORDS), chance.choice(_WORDS)],
        "timeoriginalestimate": 28800,
        "timespent": 3600 * chance.randrange(9),
        "customfield_10016": chance.choice([None, 1.0, 2.0, 3.5, 8.0]),
        "description": _document(chance),
        **{f"customfield_{10100 + number}": _custom(chance, number) for number in range(40)},
    }
    return (json.dumps(fields, ensure_ascii=False)[1:] + "}").encode()


FIELDS = [
    {"id": "customfield_10016", "name": "Story Points", "custom": True,
     "schema": {"type": "number", "custom": "com.pyxis.greenhopper.jira:jsw-story-points", "customId": 10016}},
    {"id": "customfield_10014", "name": "Epic Link", "custom": True,
     "schema": {"type": "any", "custom": "com.pyxis.greenhopper.jira:gh-epic-link", "customId": 10014}},
]  # fmt: skip


class Site:
    """The issues and what was asked of them."""

    def __init__(self, size: int, product: str) -> None:
        chance = random.Random(7)
        self.size = size
        self.cloud = product == "cloud"
        self.tails = [_tail(chance) for _ in range(BODIES)]
        self.touched: dict[int, int] = {}
        self.counts: Counter[str] = Counter()
        self.latency = 0.0
        self.refuse_every = 0
        self.asked = 0
        self.running = self.most_at_once = 0

    def updated(self, number: int) -> int:
        return self.touched.get(number, LAST_MS - (self.size - number) * STEP_MS)

    def issue(self, number: int) -> bytes:
        at = self.updated(number)
        project = f"P{int(PROJECTS * (number % 997 / 997) ** 2):02d}"
        second, milli = divmod(at, 1000)
        stamp = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{milli:03d}+0000"
        head = (
            f'{{"id":"{number}","key":"{project}-{number}","self":"https://bench.example/rest/api/3/issue/{number}",'
            f'"fields":{{"summary":"Issue {number} as of {at}","updated":"{stamp}",'
            f'"project":{{"id":"1{project[1:]}","key":"{project}","name":"Project {project}"}},'
        )
        epic = "" if self.cloud else f'"customfield_10014":"EPIC-{number // 20}",'
        return (head + epic).encode() + self.tails[number % BODIES]

    def found(self, body: dict[str, Any]) -> Any:
        """The numbers of the issues that a query asks for, oldest change first."""
        since = _SINCE.search(body["jql"])
        bound = int(since[1]) if since else 0
        first = self.size - (LAST_MS - bound) // STEP_MS
        if not self.touched:
            return range(max(1, first), self.size + 1)
        late = [number for number in range(max(1, first), self.size + 1) if number not in self.touched]
        return late + sorted(
            (number for number, at in self.touched.items() if at >= bound), key=self.touched.__getitem__
        )

    def window(self, body: dict[str, Any]) -> bytes:
        """A page of Data Center's search: whole issues by offset, or the epics that it names."""
        if epics := _EPIC.findall(body["jql"]):
            listed = ",".join(f'{{"id":"9{number}","key":"{key}","fields":{{}}}}' for key, number in epics)
            return f'{{"startAt":0,"maxResults":100,"total":{len(epics)},"issues":[{listed}]}}'.encode()
        found, start, size = self.found(body), int(body.get("startAt") or 0), int(body["maxResults"])
        issues = b",".join([self.issue(number) for number in found[start : start + size]])
        return b'{"startAt":%d,"maxResults":%d,"total":%d,"issues":[%b]}' % (start, size, len(found), issues)

    def search(self, body: dict[str, Any]) -> bytes:
        found = self.found(body)
        start, size = int(body.get("nextPageToken") or 0), int(body["maxResults"])
        page = found[start : start + size]
        last = start + size >= len(found)
        ending = '"isLast":true' if last else f'"isLast":false,"nextPageToken":"{start + size}"'
        listed = ",".join(f'{{"id":"{number}"}}' for number in page)
        return f'{{"issues":[{listed}],{ending}}}'.encode()

    def fetch(self, body: dict[str, Any]) -> bytes:
        wanted = body["issueIdsOrKeys"][:BULK]
        return b'{"issues":[' + b",".join([self.issue(int(each)) for each in wanted]) + b'],"issueErrors":[]}'

    def answer(self, path: str, sent: bytes) -> tuple[int, bytes]:
        if path.startswith("/bench/"):
            return 200, self.steer(path, sent)
        self.asked += 1
        self.counts[path] += 1
        if self.refuse_every and self.asked % self.refuse_every == 0:
            return 429, b'{"message":"slow down"}'
        if path.endswith("/serverInfo"):
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
            info = {
                "deploymentType": "Cloud" if self.cloud else "Server",
                "baseUrl": "https://bench.example",
                "version": "1001",
                "serverTime": now,
            }
            return 200, json.dumps(info).encode()
        if path.endswith("/myself"):
            who = {"accountId": ACCOUNT, "key": ACCOUNT, "displayName": "Bench", "timeZone": "UTC"}
            return 200, json.dumps(who).encode()
        asked = json.loads(sent or b"{}")
        if path.endswith("/field"):
            return 200, json.dumps(FIELDS).encode()
        if path == "/rest/api/2/search" and not self.cloud:
            return 200, self.window(asked)
        if path == "/rest/api/3/search/jql":
            return 200, self.search(asked)
        if path == "/rest/api/3/issue/bulkfetch":
            return 200, self.fetch(asked)
        if path == "/rest/api/3/search/approximate-count":
            later = _SINCE.search(asked["jql"])
            return 200, b'{"count":%d}' % (0 if later and int(later[1]) > 0 else self.size)
        return 404, b'{"errorMessages":["no such page"]}'

    def steer(self, path: str, sent: bytes) -> bytes:
        if path == "/bench/touch":
            asked = json.loads(sent)
            self.touched = {number: asked["at"] + number * STEP_MS for number in range(1, asked["count"] + 1)}
        elif path == "/bench/set":
            asked = json.loads(sent)
            self.latency = asked.get("latency", 0.0)
            self.refuse_every = asked.get("refuse_every", 0)
            self.asked = self.most_at_once = 0
            self.counts.clear()
        return json.dumps({"counts": self.counts, "most_at_once": self.most_at_once}).encode()


class Connection(asyncio.Protocol):
    """One keep-alive connection: a request at a time."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        size = int(length[1]) if length else 0
        if not found or len(rest) < size:
            return
        self.buffer = rest[size:]
        self.site.running += 1
        self.site.most_at_once = max(self.site.most_at_once, self.site.running)
        path = head.split(b" ", 2)[1].partition(b"?")[0].decode()
        if self.site.latency:
            asyncio.get_running_loop().call_later(self.site.latency, self.reply, path, rest[:size])
        else:
            self.reply(path, rest[:size])

    def reply(self, path: str, sent: bytes) -> None:
        self.site.running -= 1
        status, body = self.site.answer(path, sent)
        head = (
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'No'}\r\nContent-Type: application/json\r\n"
            f"Date: {formatdate(usegmt=True)}\r\nX-AAccountId: {ACCOUNT}\r\n"
            f"{'Retry-After: 1' if status == 429 else 'X-Bench: 1'}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        if not self.transport.is_closing():
            self.transport.writelines([head.encode(), body])


async def main(size: int, product: str) -> None:
    site = Site(size, product)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(site), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("size", type=int)
    given.add_argument("--product", choices=["cloud", "datacenter"], default="cloud")
    told = given.parse_args()
    asyncio.run(main(told.size, told.product))
