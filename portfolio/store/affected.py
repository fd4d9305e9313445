"""Which projects the touched records concern: where they were, where they are, and whose figures look at them from elsewhere."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, select

from portfolio.store import bulk, links
from portfolio.store.links import Registry
from portfolio.store.records import batches
from portfolio.store.tables import entity_tables, history, scope
from portfolio.store.touched import Place, Touched


def affected(db: Connection, names: Registry, taken: Touched) -> frozenset[str]:
    """Links the touched records anew and returns the projects whose facts may differ for it."""
    found: set[str | None] = {*taken.projects, *_defined(names, taken)}
    outages: set[str] = set()
    tied = False
    for place, some in taken.records.items():
        ids = sorted(some)
        for entity in links.LINKED:
            found.update(links.relink(db, entity, names, place, ids))
        found.update(_budgets(db, names, place, ids))
        for (keys,) in _rows(db, "outage", "project_keys", place, ids):
            tied = True
            outages.update(json.loads(keys) if keys else ())
        tied = tied or any(True for _ in _rows(db, "ticket", "1", place, ids))
    if tied:
        outages.update(key for keys in links.link_outages(db, names) for key in keys)
    found.update(_parents(db, taken))
    return frozenset(key for key in (*found, *outages) if key is not None and key in names.projects)


def _rows(db: Connection, entity: str, columns: str, place: Place, ids: list[str]) -> Iterator[Any]:
    where = {"connection": place[0], "kind": place[1]}
    return bulk.found(db, entity_tables[entity], columns, where, "external_id", ids)


def _defined(names: Registry, taken: Touched) -> Iterator[str]:
    """The projects that touched records define."""
    for key, project in names.projects.items():
        own = project.defined_by
        if own and own["external_id"] in taken.records.get((own["connection"], own["kind"]), ()):
            yield key


def _budgets(db: Connection, names: Registry, place: Place, ids: list[str]) -> Iterator[str]:
    """The projects that have a share in a budget code that these lines carry or carried."""
    codes = {row[0] for row in _rows(db, "budget_line", "budget_code", place, ids)}
    if codes:
        codes.update(_past(db, "budget_code", place, ids))
        yield from (key for key, each in names.projects.items() if codes & each.budget_codes.keys())


def _parents(db: Connection, taken: Touched) -> Iterator[str | None]:
    """The projects of the items above touched ones: an item with others below it earns nothing itself."""
    above: dict[str, set[str]] = defaultdict(set)
    for place, some in taken.records.items():
        ids = sorted(some)
        named = (row[0] for row in _rows(db, "work_item", "parent_id", place, ids))
        above[place[0]].update(each for each in (*named, *_past(db, "parent_id", place, ids)) if each)
    for where, kind in db.execute(select(scope.c.connection, scope.c.kind).distinct()):
        rows = _rows(db, "work_item", "project_key", (where, kind), sorted(above[where]))
        yield from (row[0] for row in rows)


def _past(db: Connection, field: str, place: Place, ids: Iterable[str]) -> Iterator[Any]:
    for some in batches(list(ids)):
        yield from db.scalars(
            select(history.c.before).where(
                history.c.connection == place[0],
                history.c.kind == place[1],
                history.c.external_id.in_(some),
                history.c.field == field,
            )
        )
