"""The service-level clock of a task: of the SLAs attached to it, the one that counts, put beside its record.

A task can carry several (response and resolution, of the provider and of its suppliers, one per change of priority),
each a row of `task_sla`. The promise to the customer counts: no response target, no agreement below it. A
cancelled one never does; a running or paused one goes before a completed one; of several, the earliest. The
instance moves a clock without its task (it reckons after the task was saved): the tasks behind moved clocks are read again.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence

from connectors.servicenow.query import any_of
from connectors.servicenow.table import Cancelled, Reader, Row, TableClosed, TableNotThere, text_of

BESIDE = "task_sla"
"""The key under which the clock stands in a task's record; no key: the instance attached none."""
_COLUMNS = (
    "task",
    "stage",
    "active",
    "has_breached",
    "start_time",
    "planned_end_time",
    "end_time",
    "sla.name",
    "sla.target",
    "sla.type",
)
_STAMP = "sys_updated_on"
_BATCH = 100
_LOG = logging.getLogger("portico.servicenow")


class Clocks:
    """Reads the clocks of one instance's tasks; an instance without them, or one that hides them, has none."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._there = True

    def beside(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows, each with the clock that counts for it."""
        found = self._of([text_of(row["sys_id"]) for row in rows]) if self._there else {}
        return [
            {**row, BESIDE: found[id_]} if (id_ := text_of(row["sys_id"])) in found else row for row in rows
        ]

    def moved(self, since: str) -> Sequence[str]:
        """The tasks, of any table, whose clocks changed after `since`; none where that cannot be told."""
        if not self._there:
            return ()
        found: dict[str, None] = {}
        try:
            for row in self._reader.by_id(BESIDE, f"{_STAMP}>{since}", ("task", _STAMP)):
                if text_of(row.get(_STAMP)) <= since:
                    _LOG.warning("task_sla does not tell what changed: clocks are as old as their tickets.")
                    return ()
                found[text_of(row.get("task"))] = None
        except (TableClosed, TableNotThere) as error:
            self._there = False
            _LOG.warning("No service-level clocks: %s", error.text)
        except Cancelled as error:
            _LOG.warning("Clocks are as old as their tickets: %s", error.text)
        return tuple(id_ for id_ in found if id_)

    def _of(self, tasks: Sequence[str]) -> Mapping[str, Row]:
        found: dict[str, list[Row]] = {}
        try:
            for row in self._rows(tasks):
                found.setdefault(text_of(row.get("task")), []).append(row)
        except (TableClosed, TableNotThere) as error:
            self._there = False
            _LOG.warning("No service-level clocks: %s", error.text)
            return {}
        clocks = {task: _counts(rows) for task, rows in found.items()}
        return {task: clock for task, clock in clocks.items() if clock is not None}

    def _rows(self, tasks: Sequence[str]) -> Iterator[Row]:
        for start in range(0, len(tasks), _BATCH):
            asked = tasks[start : start + _BATCH]
            rows = self._reader.by_id(BESIDE, any_of("task", asked), _COLUMNS)
            yield from (row for row in rows if text_of(row.get("task")) in asked)


def _counts(rows: Sequence[Row]) -> Row | None:
    promised = [
        row
        for row in rows
        if text_of(row.get("stage")) != "cancelled"
        and text_of(row.get("sla.target")) != "response"
        and text_of(row.get("sla.type")) in ("", "SLA")
    ]
    running = [row for row in promised if text_of(row.get("active")) == "true"]
    ends = sorted(running or promised, key=lambda row: text_of(row.get("planned_end_time")) or "9999")
    if not ends:
        return None
    return ends[0] if running else ends[-1]
