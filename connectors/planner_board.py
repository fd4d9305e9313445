"""A plan as one read found it, and the marks by which the next read knows what changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.planner_fields import CATEGORIES
from connectors.planner_graph import Json, Plan


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


def digest(*parts: object) -> str:
    """A short text that differs where the parts do."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=6).hexdigest()
