"""The records to click through to: those that links name, else a piece of a project's work."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select

from portfolio import facts
from portfolio.store import bulk
from portfolio.store.links import Name, Registry
from portfolio.store.live import Keys, live, source_of, source_told
from portfolio.store.tables import entity_tables, scope, source_record


def of_projects(db: Connection, names: Registry, keys: Keys) -> dict[str, dict[str, facts.Source]]:
    """Per project, one record per connection to click through to: the linked record itself, else a piece of its work."""
    found: dict[str, dict[str, facts.Source]] = defaultdict(dict)
    for key, project in names.projects.items():
        if project.defined_by:
            own = project.defined_by
            found[key][own["connection"]] = source_told(own)
    seen = linked_records(db, names)
    for name, key in sorted({**names.containers, **names.records}.items()):
        if name in seen:
            found[key].setdefault(name[0], seen[name])
    for first in _first_work(db, keys):
        found[first.project_key].setdefault(first.connection, source_of(first))
    return found


def linked_records(db: Connection, names: Registry) -> dict[Name, facts.Source]:
    """What the names by which projects are linked lead to. A project's own record is none of them."""
    wanted = {**names.containers, **names.records}
    own = {
        key: project.defined_by["connection"] for key, project in names.projects.items() if project.defined_by
    }
    return _shown(db, [name for name, key in wanted.items() if name[0] != own.get(key)])


def _shown(db: Connection, names: Iterable[Name]) -> dict[Name, facts.Source]:
    """The live records that are known under these ids or keys."""
    texts: dict[str, list[str]] = defaultdict(list)
    for where, text in names:
        texts[where].append(text)
    found: dict[Name, facts.Source] = {}
    for where, kind in db.execute(select(scope.c.connection, scope.c.kind).distinct()):
        by_id = "external_id", {"connection": where, "kind": kind}
        for column, place in (("external_key", {"connection": where}), by_id):
            for id_, key, url, name, gone in bulk.found(
                db,
                source_record,
                f"external_id, external_key, url, {column}, deleted_at",
                place,
                column,
                texts[where],
            ):
                if gone is None:
                    found.setdefault((where, name), facts.Source(where, key or id_, url))
    return found


def _first_work(db: Connection, keys: Keys) -> Iterable[Row[Any]]:
    item = entity_tables["work_item"]
    place = (item.c.project_key, item.c.connection)
    first = (
        select(*place, func.min(item.c.external_id).label("external_id"))
        .where(live("work_item", keys))
        .group_by(*place)
        .subquery()
    )
    same = and_(*(item.c[name] == first.c[name] for name in ("project_key", "connection", "external_id")))
    return db.execute(select(item).join(first, same).order_by(*place, item.c.kind))
