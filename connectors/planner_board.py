"""A plan as one read found it, and the marks by which the next read knows what changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from connectors.errors import ContractBroken
from connectors.planner_fields import CATEGORIES
from connectors.planner_graph import Graph, Json, Listing, Plan, Unreachable, plan_of, plan_paths


@dataclass(frozen=True, slots=True)
class Board:
    """A plan as one read found it: its tasks by id, and the mark of each."""

    plan: Plan
    tasks: Mapping[str, Json]
    buckets: Mapping[str, str]
    whole: bool

    def labels(self, task: Json) -> list[str]:
        """The names of the labels that are on; the category where a label has no name."""
        applied = task.get("appliedCategories") or {}
        return [self.plan.labels.get(slot, slot) for slot in CATEGORIES if applied.get(slot)]

    def mark(self, task: Json) -> str:
        """Changes whenever the record's body may have changed, its details aside."""
        bucket = self.buckets.get(str(task.get("bucketId")), "")
        return digest(task.get("@odata.etag"), self.plan.title, bucket, *self.labels(task))


def read(graph: Graph, plan_id: str) -> Board | Unreachable | None:
    """A plan with its tasks and buckets, most often by one request; None if this account cannot see the plan."""
    base = f"/planner/plans/{quote(plan_id)}"
    tasks_at, buckets_at = f"{base}/tasks", f"{base}/buckets"
    paths = [*plan_paths(plan_id), tasks_at]
    try:
        parts = dict(graph.many([*paths, buckets_at]))
    except ContractBroken:  # a service without buckets
        parts = dict(graph.many(paths))
    plan = plan_of(plan_id, parts)
    if plan is None:
        return None
    first, named = parts[tasks_at], parts.get(buckets_at)
    if not first:
        return Unreachable(plan.title, "its tasks are hidden from this account")
    tasks = graph.listed(tasks_at, first)
    buckets = graph.listed(buckets_at, named) if named else Listing(())
    names = {str(each["id"]): str(each.get("name") or "") for each in buckets.items}
    return Board(plan, {str(each["id"]): each for each in tasks.items}, names, tasks.whole and buckets.whole)


def digest(*parts: object) -> str:
    """A short text that differs where the parts do."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=6).hexdigest()
