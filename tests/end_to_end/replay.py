"""Recorded records served through the Table API as they stood at an instant, and the real incident log to serve."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from flask import Flask

from sandbox.servicenow import USER, Instance, create_table_app
from sandbox.servicenow_tables import Column, Row, Table, Tables, stamp, sys_id

_SYSTEM = frozenset({"sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by"})
_STATES = {
    "New": ("1", ""), "Active": ("2", ""), "Awaiting User Info": ("3", "1"), "Awaiting Problem": ("3", "3"),
    "Awaiting Vendor": ("3", "4"), "Resolved": ("6", ""), "Closed": ("7", ""),
}  # fmt: skip
"""The log's incident_state as state and hold_reason of the base system."""
_STAMPS = {
    "opened_at": "opened_at", "resolved_at": "resolved_at", "closed_at": "closed_at",
    "sys_created_at": "sys_created_on", "sys_updated_at": "sys_updated_on",
}  # fmt: skip
_CODES = ("impact", "urgency", "priority")
_SAME = (
    "number", "active", "reassignment_count", "reopen_count", "sys_mod_count", "made_sla", "category",
    "subcategory", "assignment_group", "assigned_to", "location", "contact_type",
)  # fmt: skip
_IN_TIME = ("resolved_at", "closed_at")


class Replay(Tables):
    """Tables whose rows are the newest of their recorded versions at `now`, which only runs forward.

    A version is a row with `sys_id`, `sys_updated_on` and `sys_mod_count`; the highest `sys_mod_count`
    counts, then the later in the recording.
    """

    def __init__(self, rows_by_table: Mapping[str, Sequence[Row]], now: Callable[[], datetime]) -> None:
        order = count()
        self._coming = sorted(
            (
                (row["sys_updated_on"], next(order), table, row)
                for table, rows in rows_by_table.items()
                for row in rows
            ),
            key=lambda version: version[:2],
            reverse=True,
        )
        self._place: dict[tuple[str, str], tuple[int, int]] = {}
        super().__init__([_USERS, *(_table(name, rows) for name, rows in rows_by_table.items())], now)
        self.load("sys_user", {"sys_id": sys_id("person", USER), "user_name": USER})

    def rows(self, name: str) -> Iterator[Row]:
        self._catch_up()
        return super().rows(name)

    def find(self, name: str, id_: str) -> Row | None:
        self._catch_up()
        return super().find(name, id_)

    def _catch_up(self) -> None:
        until = stamp(self.now())
        while self._coming and self._coming[-1][0] <= until:
            _, order, table, row = self._coming.pop()
            place = (int(row["sys_mod_count"]), order)
            if place >= self._place.get((table, row["sys_id"]), (0, -1)):
                self._place[table, row["sys_id"]] = place
                self.load(table, row)


def create_replay_app(rows_by_table: Mapping[str, Sequence[Row]], now: Callable[[], datetime]) -> Flask:
    """The Table API over recorded versions of rows, as of `now()`; it is also the server's clock."""
    return create_table_app(Instance(Replay(rows_by_table, now)))


def incidents(path: Path) -> list[Row]:
    """Every version of every incident of the UCI incident log, in base-system columns and codes.

    The log's times have minutes and no zone; they are taken as UTC. It repeats an incident's final `resolved_at`
    and `closed_at` in all its rows: a row that is older than they are gets none, but for the last one.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [_incident(line) for line in csv.DictReader(file)]
    last = {row["number"]: row for row in sorted(rows, key=lambda row: int(row["sys_mod_count"]))}
    for row in rows:
        if row is not last[row["number"]]:
            row |= {name: "" for name in _IN_TIME if row[name] > row["sys_updated_on"]}
    return rows


def _incident(line: Mapping[str, str]) -> Row:
    known = {name: "" if value == "?" else value for name, value in line.items()}
    row = {name: known[name] for name in _SAME}
    row |= {name: known[name].partition(" ")[0] for name in _CODES}
    row |= {ours: _stamp(known[theirs]) for theirs, ours in _STAMPS.items()}
    row["state"], row["hold_reason"] = _STATES[known["incident_state"]]
    row["sys_id"] = sys_id("uci", row["number"])
    row["short_description"] = f"{known['category']} / {known['subcategory']}"
    return row


def _stamp(text: str) -> str:
    return stamp(datetime.strptime(f"{text} +0000", "%d/%m/%Y %H:%M %z").astimezone(UTC)) if text else ""


def _table(name: str, rows: Sequence[Row]) -> Table:
    names = sorted({column for row in rows for column in row} - _SYSTEM)
    return Table(name, name, tuple(Column(each, type=_type(each)) for each in names), display="number")


def _type(column: str) -> str:
    return "glide_date_time" if column in _STAMPS.values() else "string"


_USERS = Table("sys_user", "User", (Column("user_name"), Column("web_service_access_only")))
