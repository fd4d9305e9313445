"""Microsoft 365 Planner (basic plans) through Graph v1.0: tasks are read, a pinned status task is written.

A record's body is the task as Graph returns it, plus `details` (description, checklist, references,
previewType), `plan` (id, title), `bucket` (id, name; None without one), `labels` (label names) and `people`
(those it is assigned to: id, name, mail).

Planner keeps no change stamp and ignores every filter, so a read lists each plan and compares marks made of
the ETags. A change of a task's text alone may leave the task's own ETag as it was; therefore each read also
looks at the details of some unchanged tasks in turn. Our own status tasks are no work and are not pulled.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from connectors import planner_board
from connectors.base import (
    BadRow,
    Census,
    Cursor,
    FieldInfo,
    Finding,
    Identity,
    Outcome,
    Page,
    Patch,
    Shown,
    SourceRecord,
    Stream,
    Target,
)
from connectors.errors import ContractBroken, OutcomeUnknown, ReadOnly, SkipRecord, StopConnection
from connectors.http import Http
from connectors.planner_board import Board, digest
from connectors.planner_fields import (
    CATEGORIES,
    CHOICE,
    DAYS,
    NUMBERS,
    PLAIN_FIELDS,
    READ_FIELDS,
    choices,
    instant,
    marked_for,
    shown,
)
from connectors.planner_graph import (
    BATCH_SIZE,
    FORBIDDEN,
    NOT_FOUND,
    OK,
    Graph,
    Json,
    Plan,
    Unreachable,
)
from connectors.planner_people import People
from connectors.planner_push import STATUS_TASK, TaskWriter

TASK = "task"
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
WEB_URL = "https://planner.cloud.microsoft/webui"
PORTAL_URL = "https://portico.invalid"


class Planner:
    """One tenant's Planner.

    `plans` are the scopes of this connection (a plan's id or title, or `group:NAME`): `check` proves them,
    `describe` names their labels, and where there are any, nothing is written to another plan. `write_fields`
    are the configured write fields, so that `describe` can tell of a choice among labels. `portal_url` is the
    address that marks our status tasks; `zone` turns days into instants and back. `page_size` is the most
    records of a page, `workers` how many plans are read at a time.
    """

    def __init__(
        self,
        name: str,
        http: Http,
        *,
        read_only: bool,
        plans: Sequence[str] = (),
        write_fields: Sequence[str] = (),
        account: str = "",
        tenant: str = "",
        portal_url: str = PORTAL_URL,
        web_url: str = WEB_URL,
        zone: tzinfo = UTC,
        page_size: int = 200,
        workers: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._http = http
        self._read_only = read_only
        self._scopes = tuple(dict.fromkeys(plans))
        self._write_fields = tuple(write_fields)
        self._account = account
        self._tenant = tenant
        self._zone = zone
        self._page_size = page_size
        self._workers = workers
        self._graph = Graph(http, workers=workers, sleep=sleep)
        self._people = People(self._graph)
        self._allowed: frozenset[str] = frozenset()
        self._writer = TaskWriter(
            self._graph,
            permits=self._permits,
            portal_url=portal_url,
            web_url=web_url,
            zone=zone,
            workers=workers,
            sleep=sleep,
        )

    def check(self) -> Identity:
        """Proves that Graph answers and every declared plan can be seen; one that cannot is a finding."""
        tenant, server_time = self._organization()
        findings = [_finding(each) for each in self._reach()[1]]
        if tenant and _GUID.fullmatch(self._tenant) and tenant != self._tenant.lower():
            text = f"the token belongs to tenant {tenant}, the configuration names {self._tenant}"
            findings.append(Finding("error", "tenant", text, "Check auth.tenant and the app registration."))
        return Identity(
            account=self._account or "application",
            tenant=self._tenant or tenant or self._http.base_url,
            product="Microsoft 365 Planner",
            server_time=server_time,
            findings=findings,
        )

    def describe(self, kind: str) -> Sequence[FieldInfo]:
        """The fields of `task` (read) or `status_task` (written), and the labels' names in each plan."""
        plans, _ = self._reach()
        fields = [_plain_field(name) for name in PLAIN_FIELDS]
        if kind == TASK:
            fields += [FieldInfo(name, name, "object", hint="Portico only reads it.") for name in READ_FIELDS]
        elif kind != STATUS_TASK:
            raise _no_kind(kind)
        fields += [_label(slot, plans) for slot in CATEGORIES]
        return fields + [_choice(name, plans) for name in self._write_fields if "," in name]

    def pull(self, stream: Stream, cursor: Cursor | None) -> Iterator[Page]:
        """Yields the tasks whose mark changed, plan by plan.

        A plan that cannot be seen is a reject that says so, and makes the read incomplete.
        """
        if stream.kind != TASK:
            raise _no_kind(stream.kind)
        return self._pages(stream, cursor or {})

    def census(self, stream: Stream) -> Census:
        """The ids of all tasks that are work; neither ids nor count when part of the scope cannot be seen."""
        if stream.kind != TASK:
            raise _no_kind(stream.kind)
        ids: set[str] = set()
        for board in self._graph.found(stream.scope, self._board):
            if isinstance(board, Unreachable) or not board.whole:
                return Census()
            referring = [each for each, task in board.tasks.items() if task.get("referenceCount", 1)]
            ours = {each for each, details in self._details(referring) if marked_for(details)}
            ids |= board.tasks.keys() - ours
        return Census(ids=frozenset(ids))

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """What each task shows; a status task that is nowhere is `exists=False`.

        A hidden one exists without values: nothing proves it gone, and pushing says why.
        """
        return self._writer.look(targets)

    def push(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        """Writes each patch under its ETags; creates a status task that is nowhere.

        Of labels only the ones in the field's name are touched. After a 412 or 409 the task is read again,
        and written if our fields are still what they were.
        """
        if self._read_only:
            raise ReadOnly(f"{self.name} is read-only.", fix="Set safety.write to true for this connection.")
        return self._outcomes(patches)

    def close(self) -> None:
        """Releases the sockets."""
        self._http.close()

    def _outcomes(self, patches: Sequence[Patch]) -> Iterator[Outcome]:
        for patch in patches:
            try:
                outcome = Outcome(patch, shown=self._writer.push(patch))
            except (SkipRecord, OutcomeUnknown) as error:
                outcome = Outcome(patch, error=error)
            yield outcome

    def _organization(self) -> tuple[str, datetime | None]:
        """The tenant's id and the service's clock, as far as Graph tells them."""
        try:
            answer = self._http.request(
                "GET", "/organization", params={"$select": "id,displayName"}, ok=(OK, FORBIDDEN, NOT_FOUND)
            )
        except ContractBroken:
            return "", None
        listed = answer.json.get("value", []) if answer.status == OK and isinstance(answer.json, dict) else []
        return str(listed[0].get("id") or "") if listed else "", _server_time(answer.headers)

    def _permits(self, plan_id: str) -> bool:
        """Whether a plan is one that this connection names; the account may reach every plan of the tenant."""
        if self._scopes and plan_id not in self._allowed:
            self._allowed |= {plan.id for plan in self._reach()[0]}
        return not self._scopes or plan_id in self._allowed

    def _reach(self) -> tuple[list[Plan], list[Unreachable]]:
        if not self._scopes:
            self._graph.listing("/groups", params={"$top": "1", "$select": "id"})
        plans: dict[str, Plan] = {}
        hidden: list[Unreachable] = []
        for scope in self._scopes:
            found, missing = self._graph.plans(scope)
            plans |= {plan.id: plan for plan in found}
            hidden += missing
        return list(plans.values()), hidden

    # Reading ------------------------------------------------------------------------------------------------

    def _pages(self, stream: Stream, cursor: Cursor) -> Iterator[Page]:
        marks: dict[str, dict[str, str]] = (
            {} if stream.full else {k: dict(v) for k, v in cursor.get("marks", {}).items()}
        )
        turns: dict[str, str] = dict(cursor.get("turns", {}))
        named: dict[str, str] = {}
        hidden: list[Unreachable] = []
        titles: list[str] = []
        whole = True

        def kept() -> Cursor:
            return {
                "marks": {plan: dict(each) for plan, each in marks.items()},
                "turns": dict(turns),
                "named": dict(named),
            }

        for board in self._boards(stream, cursor):
            if isinstance(board, Unreachable):
                hidden.append(board)
                continue
            plan = board.plan
            titles.append(plan.title)
            self._writer.know(board)
            if stream.scope in self._scopes:
                self._allowed |= {plan.id}
            if not stream.scope.startswith("group:"):
                named[stream.scope] = plan.id
            whole = whole and board.whole
            known = marks.setdefault(plan.id, {})
            due = self._due(board, known, turns)
            for start in range(0, len(due), self._page_size):
                records = list(self._changed(stream, board, due[start : start + self._page_size], known))
                if records:
                    yield Page(records, kept(), last=False, replaces=stream.full)
            if board.whole:
                marks[plan.id] = {task_id: mark for task_id, mark in known.items() if task_id in board.tasks}
        rejects = [BadRow(each.scope, None, None, each.reason) for each in hidden]
        yield Page(
            (),
            kept(),
            last=True,
            complete=whole and not hidden,
            replaces=stream.full,
            rejects=rejects,
            mended=[stream.scope, *titles],
        )

    def _boards(self, stream: Stream, cursor: Cursor) -> Iterator[Board | Unreachable]:
        """The plans of the scope; one found by its title before is read by id and must still bear it."""
        if not stream.scope.strip():
            raise StopConnection(
                "A read of Planner needs a scope.", fix="Name a plan (id or title) or group:NAME."
            )
        known = cursor.get("named", {}).get(stream.scope)
        board = self._board(known) if known else None
        if isinstance(board, Board) and stream.scope.strip() in (board.plan.id, board.plan.title.strip()):
            yield board
            return
        yield from self._graph.found(stream.scope, self._board)

    def _board(self, plan_id: str) -> Board | Unreachable | None:
        return planner_board.read(self._graph, plan_id)

    def _due(self, board: Board, known: Mapping[str, str], turns: dict[str, str]) -> list[str]:
        """The tasks whose mark changed, then the next few of the others in turn."""
        changed = [
            each
            for each, task in board.tasks.items()
            if known.get(each, "").partition(" ")[0] != board.mark(task)
        ]
        rest = sorted(board.tasks.keys() - set(changed))
        last = turns.get(board.plan.id, "")
        turn = [*(each for each in rest if each > last), *(each for each in rest if each <= last)][
            :BATCH_SIZE
        ]
        if turn:
            turns[board.plan.id] = turn[-1]
        return changed + turn

    def _changed(
        self, stream: Stream, board: Board, ids: Sequence[str], known: dict[str, str]
    ) -> Iterator[SourceRecord]:
        """The records of `ids` that differ from what `known` marks, and notes their marks there."""
        changed: list[tuple[Json, Json]] = []
        for task_id, details in self._details(ids):
            task = board.tasks[task_id]
            mark = f"{board.mark(task)} {digest(details.get('@odata.etag'))}"
            if known.get(task_id) != mark and not marked_for(details):
                changed.append((task, details))
            known[task_id] = mark
        self._people.find(user for task, _ in changed for user in task.get("assignments") or ())
        for task, details in changed:
            yield self._record(stream, board, task, details)

    def _details(self, ids: Sequence[str]) -> Iterator[tuple[str, Json]]:
        """The details of tasks; one that vanished since it was listed is left out."""
        paths = {f"/planner/tasks/{quote(each)}/details": each for each in ids}
        for path, details in self._graph.many(list(paths)):
            if details:
                yield paths[path], details

    def _record(self, stream: Stream, board: Board, task: Json, details: Json) -> SourceRecord:
        bucket = str(task.get("bucketId") or "")
        body = {
            **_bare(task),
            "details": _bare(details),
            "plan": {"id": board.plan.id, "title": board.plan.title},
            "bucket": {"id": bucket, "name": board.buckets.get(bucket)} if bucket else None,
            "labels": board.labels(task),
            "people": self._people.named(task.get("assignments") or ()),
        }
        return SourceRecord(
            id=str(task["id"]),
            body=body,
            key=str(task.get("title") or "") or None,
            url=self._writer.url(task),
            version=f"{task.get('@odata.etag')} {details.get('@odata.etag')}",
            created_at=instant(task.get("createdDateTime")),
            owned={name: shown(name, task, details, self._zone) for name in stream.owned},
        )


def _bare(record: Json) -> Json:
    return {name: value for name, value in record.items() if not name.startswith("@odata.")}


def _no_kind(kind: str) -> StopConnection:
    return StopConnection(
        f"Planner has no kind {kind!r}.", fix="Read `task`; write to the project's status task."
    )


def _finding(hidden: Unreachable) -> Finding:
    fix = "Check the name; add the account to the group, or read a premium plan's project another way."
    return Finding("error", f"plan {hidden.scope}", hidden.reason, fix)


def _plain_field(name: str) -> FieldInfo:
    kind = "number" if name in NUMBERS else "day" if name in DAYS else "text"
    return FieldInfo(name, name, kind, writable=True, required=name == "title")


def _label(slot: str, plans: Sequence[Plan]) -> FieldInfo:
    named = [f"{plan.labels[slot]} ({plan.title})" for plan in plans if slot in plan.labels]
    return FieldInfo(CHOICE + slot, "; ".join(named) or "unnamed label", "choice", (slot,), writable=True)


def _choice(name: str, plans: Sequence[Plan]) -> FieldInfo:
    slots = choices(name)
    bare = [f"{slot} in {plan.title}" for plan in plans for slot in slots if slot not in plan.labels]
    texts = [plan.labels.get(slot, slot) for plan in plans[:1] for slot in slots] or list(slots)
    hint = f"Name these labels in Planner: {', '.join(bare)}." if bare else ""
    return FieldInfo(name, " / ".join(texts), "choice", slots, writable=True, hint=hint)


def _server_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)
    except (TypeError, ValueError):
        return None
