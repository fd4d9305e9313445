"""Finding, creating and changing Planner tasks under their ETags: pinned status tasks, and tasks by id."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from urllib.parse import quote

from connectors.ahead import in_order
from connectors.base import Patch, Plain, Shown, Target
from connectors.errors import Conflict, Invalid, NotFound, OutcomeUnknown
from connectors.http import Answer
from connectors.planner_board import Board
from connectors.planner_fields import DESCRIPTION, change, marked_for, marker, new_reference, shown
from connectors.planner_graph import CREATED, FORBIDDEN, NO_CONTENT, NOT_FOUND, OK, Graph, Json, Plan

STATUS_TASK = "status_task"
FIRST = " !"
"""The order hint that places a task before all others (Graph, "Using order hints in Planner")."""
_CONFLICTS = (409, 412)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Held:
    """A task and its details as they were read, each under its own ETag."""

    task: Json
    details: Json

    @property
    def id(self) -> str:
        """The task's id."""
        return str(self.task["id"])

    @property
    def version(self) -> str:
        """Both ETags: a change of either part is a change of the record."""
        return f"{self.task.get('@odata.etag')} {self.details.get('@odata.etag')}"


class TaskWriter:
    """Looks at and changes single tasks.

    A status task is known by its mark, a reference to the project's page; the title is people's to change.
    One that a crash left without its mark is taken up again: same title, made by an application, still empty.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        permits: Callable[[str], bool],
        portal_url: str,
        web_url: str,
        zone: tzinfo,
        workers: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._graph = graph
        self._permits = permits
        self._portal_url = portal_url
        self._web_url = web_url
        self._zone = zone
        self._workers = workers
        self._sleep = sleep
        self._plans: dict[str, Plan | None] = {}
        self._known: dict[str, Plan] = {}
        self._tasks: dict[str, list[Json]] = {}
        self._ids: dict[Target, str] = {}

    def url(self, task: Json) -> str:
        """Where people see the task."""
        return (
            f"{self._web_url}/plan/{quote(str(task.get('planId')))}/view/board/task/{quote(str(task['id']))}"
        )

    def look(self, targets: Sequence[Target]) -> Iterator[Shown]:
        """What each target shows. A target that is hidden from this account exists and shows no values."""
        yield from self._look_by_id([each for each in targets if each.kind != STATUS_TASK])
        by_plan: dict[str, list[Target]] = {}
        for target in targets:
            if target.kind == STATUS_TASK:
                by_plan.setdefault(dict(target.key).get("plan", ""), []).append(target)
        asked = list(in_order(by_plan.items(), self._candidates, self._workers, "plans"))
        read = self._detailed([task for _, tasks in asked for task in tasks or ()])
        for (_, wanted), tasks in asked:
            found = self._matched(wanted, tasks or (), read)
            for target in wanted:
                held = found.get(target)
                yield self._shown(target, held) if held else Shown(target, exists=tasks is None)

    def know(self, board: Board) -> None:
        """Takes what was just read of a plan, so that the next look need not ask for it again."""
        self._known[board.plan.id] = board.plan
        if board.whole:
            self._tasks[board.plan.id] = [each for each in board.tasks.values() if _may_be_ours(each)]

    def push(self, patch: Patch) -> Shown:
        """Makes the target show the patch's values. Raises `SkipRecord` errors, and `OutcomeUnknown`."""
        for name, value in patch.values.items():
            change(name, value, {}, self._zone)
        held = self._held(patch.target)
        if held is None:
            held = self._create(patch)
        elif self._misses(held, patch.values):
            self._expect_named(str(held.task.get("planId")))
            self._guard(held, patch)
        before = self._values(held, patch.values)
        for tries_left in range(_TRIES - 1, -1, -1):
            if not self._misses(held, patch.values):
                break
            try:
                held = self._write(held, patch)
            except Conflict:
                held = self._again(held.id)
                now = self._values(held, patch.values)
                if not tries_left or any(now[name] not in (before[name], patch.values[name]) for name in now):
                    raise
        return self._shown(patch.target, held, tuple(patch.values))

    def _expect_named(self, plan_id: str) -> None:
        if not self._permits(plan_id):
            text = f"Planner plan {plan_id} is none of those that this connection reads"
            raise Invalid(text, fix="Add the plan to `read`, or correct the link.")

    def _guard(self, held: Held, patch: Patch) -> None:
        now = self._values(held, patch.before)
        if patch.version is not None and patch.version != held.version:
            changed = "it changed since it was read"
        elif patch.version is None and any(now[name] != value for name, value in patch.before.items()):
            changed = "it shows other values than the plan saw"
        else:
            return
        raise Conflict(
            f"Planner task {held.task.get('title')!r}: {changed}", fix="The next run plans it again."
        )

    def _misses(self, held: Held, values: Mapping[str, Plain]) -> bool:
        return self._values(held, values) != dict(values)

    def _values(self, held: Held, names: Mapping[str, Plain] | Sequence[str]) -> dict[str, Plain]:
        values: dict[str, Plain] = {}
        for name in names:
            try:
                values[name] = shown(name, held.task, held.details, self._zone)
            except Invalid:
                continue
        return values

    def _shown(self, target: Target, held: Held, names: Sequence[str] | None = None) -> Shown:
        values = self._values(
            held, target.fields if names is None else {**dict.fromkeys(target.fields), **dict.fromkeys(names)}
        )
        return Shown(target, True, held.id, values, held.version, None, self.url(held.task))

    # Finding ------------------------------------------------------------------------------------------------

    def _look_by_id(self, targets: Sequence[Target]) -> Iterator[Shown]:
        paths = [_task(str(each.id)) for each in targets]
        paths += [_details(str(each.id)) for each in targets if each.fields]
        read = dict(self._graph.many(list(dict.fromkeys(paths))))
        for target in targets:
            task = read[_task(str(target.id))]
            details = read.get(_details(str(target.id))) or {}
            if task:
                yield self._shown(target, Held(task, details))
            else:
                yield Shown(target, exists=task is not None, id=target.id)

    def _held(self, target: Target) -> Held | None:
        """The record to change; None: a status task that is to be created."""
        known = self._ids.get(target) or target.id
        if known is not None:
            read = dict(self._graph.many([_task(known), _details(known)]))
            task, details = read[_task(known)], read[_details(known)]
            if task and details:
                return Held(task, details)
            if target.kind != STATUS_TASK:
                raise NotFound(
                    f"Planner task {known} is not there or hidden", fix="Check the link's task id."
                )
        if target.kind != STATUS_TASK:
            raise Invalid(
                f"Planner has no target {target.kind!r} without an id", fix="Name the task's id in the link."
            )
        scope = dict(target.key).get("plan", "")
        self._plans.pop(scope, None)
        plan = self._plan(scope)
        if plan is None:
            raise NotFound(
                f"plan {scope!r} is not reachable for this account",
                fix=_RIGHTS,
            )
        self._tasks.pop(plan.id, None)
        tasks = self._candidates((scope, [target]))
        if tasks is None:
            raise NotFound(
                f"the tasks of plan {plan.title!r} cannot all be read by this account", fix=_RIGHTS
            )
        return self._matched([target], tasks, self._detailed(tasks)).get(target)

    def _candidates(self, asked: tuple[str, Sequence[Target]]) -> list[Json] | None:
        """The plan's tasks that may be the wanted ones, oldest first; None where they cannot be reached."""
        scope, targets = asked
        plan = self._plan(scope)
        if plan is None:
            return None
        tasks = self._tasks.pop(plan.id, None)
        if tasks is None:
            listing = self._graph.listing(f"/planner/plans/{quote(plan.id)}/tasks")
            if listing is None or not listing.whole:
                return None
            tasks = list(listing.items)
        titles = {dict(each.key).get("title") for each in targets}
        tasks = [each for each in tasks if each.get("referenceCount") or each.get("title") in titles]
        return sorted(tasks, key=lambda each: str(each.get("createdDateTime")))

    def _seen(self, plan_id: str) -> Plan | None:
        return self._known.get(plan_id) or self._graph.plan(plan_id)

    def _detailed(self, tasks: Sequence[Json]) -> dict[str, Json | None]:
        return dict(self._graph.many([_details(str(each["id"])) for each in tasks]))

    def _matched(
        self, targets: Sequence[Target], tasks: Sequence[Json], read: Mapping[str, Json | None]
    ) -> dict[Target, Held]:
        held = [Held(each, details) for each in tasks if (details := read[_details(str(each["id"]))])]
        found: dict[Target, Held] = {}
        for target in targets:
            key = dict(target.key)
            marked = [each for each in held if marked_for(each.details) == key.get("marker")]
            half = [each for each in held if _half_made(each.task, {key.get("title")})]
            if marked or half:
                found[target] = (marked or half)[0]
                self._ids[target] = found[target].id
        return found

    def _plan(self, scope: str) -> Plan | None:
        if scope not in self._plans:
            found = list(self._graph.found(scope, self._seen)) if scope else []
            self._plans[scope] = found[0] if len(found) == 1 and isinstance(found[0], Plan) else None
        return self._plans[scope]

    def _again(self, task_id: str) -> Held:
        read = dict(self._graph.many([_task(task_id), _details(task_id)]))
        task, details = read[_task(task_id)], read[_details(task_id)]
        if not task or not details:
            raise NotFound(f"Planner task {task_id} is gone or hidden", fix="The next run plans it again.")
        return Held(task, details)

    # Writing ------------------------------------------------------------------------------------------------

    def _create(self, patch: Patch) -> Held:
        key = dict(patch.target.key)
        plan = self._plan(key["plan"])
        if plan is None:
            raise NotFound(f"plan {key['plan']!r} is not reachable for this account", fix=_RIGHTS)
        self._expect_named(plan.id)
        buckets = self._graph.names(f"/planner/plans/{quote(plan.id)}/buckets")
        first = {"bucketId": buckets.items[0]["id"]} if buckets and buckets.items else {}
        body = {"planId": plan.id, "title": key["title"], "orderHint": FIRST, **first}
        task = _accepted(self._graph.write("POST", "/planner/tasks", body), key["title"])
        self._ids[patch.target] = str(task["id"])
        return Held(task, self._new_details(str(task["id"])))

    def _new_details(self, task_id: str) -> Json:
        for _ in range(_TRIES):
            details = self._graph.get(_details(task_id))
            if details:
                return details
            self._sleep(1.0)
        text = f"Planner created task {task_id} and does not show its details yet"
        raise OutcomeUnknown(text, fix="Nothing to do: the next run finds it.")

    def _write(self, held: Held, patch: Patch) -> Held:
        task_body: Json = {}
        details_body: Json = {}
        now = self._values(held, patch.values)
        for name, value in patch.values.items():
            if now[name] == value:
                continue
            body = change(name, value, held.task, self._zone)
            if name == DESCRIPTION:
                details_body |= body
            elif "appliedCategories" in body:
                task_body["appliedCategories"] = {
                    **task_body.get("appliedCategories", {}),
                    **body["appliedCategories"],
                }
            else:
                task_body |= body
        project = dict(patch.target.key).get("marker")
        if project and marked_for(held.details) != project:
            details_body["references"] = new_reference(
                marker(self._portal_url, project), f"Portico: {project}"
            )
        if details_body:
            held = self._write_details(held, details_body, task_body)
        if task_body:
            held = Held(self._patched(_task(held.id), task_body, held.task), held.details)
        return held

    def _write_details(self, held: Held, body: Json, task_body: Json) -> Held:
        """Writes the details; since that may move the task's own ETag, reads the task again."""
        details = self._patched(_details(held.id), body, held.details)
        task = self._graph.get(_task(held.id))
        if not task or any(task.get(name) != held.task.get(name) for name in task_body):
            raise Conflict(
                f"Planner task {held.task.get('title')!r} changed meanwhile",
                fix="The next run plans it again.",
            )
        return Held(task, details)

    def _patched(self, path: str, body: Json, record: Json) -> Json:
        answer = self._graph.write("PATCH", path, body, record.get("@odata.etag"))
        if answer.status != NO_CONTENT:
            return _accepted(answer, path)
        fresh = self._graph.get(path)
        if not fresh:
            raise OutcomeUnknown(
                f"Planner took a change of {path} and does not show it", fix="The next run compares."
            )
        return fresh


_RIGHTS = "Check the plan, and that the account may read the group that owns it."
_WRITE_RIGHTS = (
    "Grant the app the application permission Tasks.ReadWrite.All with admin consent, "
    "or make the signed-in user a member of the plan's group."
)


def _task(task_id: str) -> str:
    return f"/planner/tasks/{quote(task_id)}"


def _details(task_id: str) -> str:
    return f"/planner/tasks/{quote(task_id)}/details"


def _may_be_ours(task: Json) -> bool:
    return bool(task.get("referenceCount", 1)) or _by_application(task)


def _by_application(task: Json) -> bool:
    creator = task.get("createdBy") or {}
    return not (creator.get("user") or {}).get("id") and bool((creator.get("application") or {}).get("id"))


def _half_made(task: Json, titles: set[str | None]) -> bool:
    return (
        task.get("title") in titles
        and not task.get("referenceCount")
        and not task.get("hasDescription")
        and not task.get("checklistItemCount")
        and not task.get("assignments")
        and _by_application(task)
    )


def _accepted(answer: Answer, what: str) -> Json:
    """The record that a write shows, or the refusal as an error of this record."""
    body: Json = answer.json if isinstance(answer.json, dict) else {}
    if answer.status in (OK, CREATED):
        return body
    error = body.get("error") or {}
    code, said = str(error.get("code") or answer.status), str(error.get("message") or "")
    if answer.status in _CONFLICTS:
        raise Conflict(
            f"Planner: {what} changed meanwhile ({answer.status})", fix="The next run plans it again."
        )
    if answer.status == NOT_FOUND:
        raise NotFound(f"Planner: {what} is not there or hidden", fix=_RIGHTS)
    if answer.status == FORBIDDEN and code.startswith("Maximum"):
        raise Invalid(
            f"Planner's limit {code} is reached: {said}", fix="Complete, delete or move tasks of this plan."
        )
    if answer.status == FORBIDDEN:
        raise Invalid(f"Planner: this account may not change {what}: {said}", fix=_WRITE_RIGHTS)
    raise Invalid(f"Planner refused {what}: {said} ({code})", fix="Check the value and the field in `write`.")
