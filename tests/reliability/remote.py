"""What the other side knows: what a tool would serve now, and every value that Portico's account changed there."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from config.settings import Settings
from connectors.base import Connector, Stream
from portfolio.store.types import as_sent
from sandbox.servicenow import USER
from sync import wiring
from tests.connectors.memory import MemoryTool

UNKNOWN = "?"
"""A value or digest that this side does not tell."""
Scope = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Effect:
    """One field of one record that Portico's account changed: the tool's own words, `UNKNOWN` where it does not tell."""

    record: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Remote:
    """One tool. `served` is per kind and scope id to digest (None: not asked); `behind` are the ids behind a cursor."""

    effects: tuple[Effect, ...]
    served: Mapping[Scope, Mapping[str, str]] | None = None
    behind: Callable[[Scope, Any], Iterable[str]] | None = None
    totals: Mapping[tuple[int, str], Decimal] = field(default_factory=dict)
    """Control totals of the revised budget per fiscal year and currency."""


def of_memory(settings: Settings, tools: Mapping[str, MemoryTool]) -> dict[str, Remote]:
    """The tools that live in this process."""
    return {name: _memory(settings, name, tool) for name, tool in tools.items()}


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(as_sent(body)).hexdigest()


def _memory(settings: Settings, name: str, tool: MemoryTool) -> Remote:
    scopes = [(read.kind, read.scope) for read in settings.connections[name].read]

    def behind(scope: Scope, cursor: Any) -> Iterable[str]:
        rows = tool.visible(*scope)
        return [id_ for id_, row in rows.items() if cursor and row.change <= int(cursor["change"])]

    served = {
        scope: {id_: _digest({"id": id_, **row.body}) for id_, row in tool.visible(*scope).items()}
        for scope in scopes
    }
    totals: dict[tuple[int, str], Decimal] = {}
    for kind, scope in scopes:
        for row in tool.visible(kind, scope).values() if kind == "budget_line" else ():
            place = (int(row.body["fiscal_year"]), str(row.body["currency"]))
            totals[place] = totals.get(place, Decimal(0)) + Decimal(row.body["revised_budget"])
    effects = (Effect(each["id"], each["field"], each["before"], each["after"]) for each in tool.write_log)
    return Remote(tuple(effects), served, behind, totals)


def of_connectors(
    settings: Settings, names: Iterable[str], logs: Mapping[str, Iterable[Mapping[str, Any]]], *, ask: bool
) -> dict[str, Remote]:
    """Tools with the write logs of the simulated ones. `ask`: also what they serve, through their connectors."""
    found = {}
    for name in names:
        own = (each for each in logs.get(name, ()) if each.get("by", USER) == USER)
        effects = (
            Effect(str(each["record"]), str(each["field"]), UNKNOWN, UNKNOWN) for each in own if each["field"]
        )
        found[name] = Remote(tuple(effects), _served(settings, name) if ask else None)
    return found


def _served(settings: Settings, name: str) -> dict[Scope, Mapping[str, str]]:
    connector = wiring.connector(settings, name)
    try:
        found = {
            (read.kind, read.scope): _ids(connector, _stream(settings, name, place))
            for place, read in enumerate(settings.connections[name].read)
        }
    finally:
        connector.close()
    return {scope: ids for scope, ids in found.items() if ids is not None}


def _stream(settings: Settings, name: str, place: int) -> Stream:
    paths = [() for _ in settings.connections[name].read]
    return list(wiring.streams(settings, name, paths))[place]


def _ids(connector: Connector, stream: Stream) -> Mapping[str, str] | None:
    ids = connector.census(stream).ids
    return None if ids is None else dict.fromkeys(ids, UNKNOWN)
