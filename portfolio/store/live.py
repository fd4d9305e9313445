"""What every query for facts shares: which rows count, in which order, and where a row came from."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from portfolio import facts
from portfolio.store.tables import entity_tables

Keys = Collection[str] | None
"""Projects by their keys; None: all of them."""


def stands(table: Any) -> Any:
    """The condition for rows of an entity's table that count: neither deleted nor out of their scope."""
    return and_(table.c.deleted_at.is_(None), table.c.left_scope.is_not(True))


def live(entity: str, keys: Keys = None) -> Any:
    """The condition for rows of an entity that count and belong to one of these projects."""
    table = entity_tables[entity]
    mine = table.c.project_key.is_not(None) if keys is None else table.c.project_key.in_(sorted(keys))
    return and_(stands(table), mine)


def rows(db: Connection, entity: str, keys: Keys = None) -> Iterable[Row[Any]]:
    """The live rows of an entity, by project."""
    table = entity_tables[entity]
    return db.execute(
        select(table)
        .where(live(entity, keys))
        .order_by(table.c.project_key, table.c.connection, table.c.external_id)
    )


def source_told(row: Mapping[str, Any]) -> facts.Source:
    """The origin of a row by the names of its columns."""
    return facts.Source(row["connection"], row["external_key"] or row["external_id"], row["url"])


def source_of(row: Any) -> facts.Source:
    """The origin of a stored row."""
    return facts.Source(row.connection, row.external_key or row.external_id, row.url)
