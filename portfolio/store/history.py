"""What was true when, and known since when: one row per changed field, never altered.

`valid_at` is the instant from which the new value is true: the source's own stamp of the change where it tells one, never
later than `at`, the instant at which Portico learned it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from portfolio.model import COMMON, ENTITIES, HIDDEN_FIELDS
from portfolio.store import touched
from portfolio.store.tables import RECORD_KEY, entity_tables, history
from portfolio.store.types import dump

NOT_HISTORY = {*(each.name for each in COMMON), "project_key", "project_keys", "sources"}
"""Source stamps and what linking sets are no part of a record's history."""

DELETED, LEFT = "deleted_at", "left_scope"

KEPT = {
    name: tuple(each.name for each in (*entity.fields, *HIDDEN_FIELDS) if each.name not in NOT_HISTORY)
    for name, entity in ENTITIES.items()
}
"""The fields of each entity whose changes are kept; the names under which links find a record are among them."""


def _differs(before: object, after: object) -> bool:
    return before != after and dump(before) != dump(after)


def changes(
    entity: str, before: Mapping[str, Any], row: Mapping[str, Any], at: datetime, run_id: str
) -> Iterator[dict[str, Any]]:
    """The history rows of a record that is read again: what it was, and what it is since its source changed it."""
    valid_at = min(row.get("source_updated_at") or at, at)
    record = {
        "entity": entity,
        **{key: row[key] for key in RECORD_KEY},
        "external_key": row.get("external_key"),
        "project_key": before.get("project_key"),
        "at": at,
        "run_id": run_id,
    }
    for name in KEPT[entity]:
        if _differs(before[name], row.get(name)):
            yield {
                **record,
                "field": name,
                "before": before[name],
                "after": row.get(name),
                "valid_at": valid_at,
            }
    if before[DELETED] is not None:
        yield {**record, "field": DELETED, "before": before[DELETED], "after": None, "valid_at": at}


def delete(db: Connection, entity: str, *where: Any, at: datetime, run_id: str) -> None:
    """Marks the live rows that `where` names as deleted and keeps that in their history."""
    _mark(db, entity, {DELETED: at}, *where, at=at, run_id=run_id)


def leave(db: Connection, entity: str, *where: Any, at: datetime, run_id: str) -> None:
    """Marks the live rows that `where` names as out of their scope and keeps that in their history."""
    left = entity_tables[entity].c[LEFT]
    _mark(db, entity, {LEFT: True}, *where, left.is_not(True), at=at, run_id=run_id)


def _mark(
    db: Connection, entity: str, mark: Mapping[str, Any], *where: Any, at: datetime, run_id: str
) -> None:
    table = entity_tables[entity]
    key = [table.c[name] for name in (*RECORD_KEY, "external_key")]
    if "project_key" in table.c:
        key.append(table.c.project_key)
    marked = db.execute(
        update(table).where(*where, table.c.deleted_at.is_(None)).values(mark).returning(*key)
    ).mappings()
    ((field, value),) = mark.items()
    same = {"entity": entity, "field": field, "before": None, "after": value, "valid_at": at, "at": at}
    rows = [{"project_key": None, **row, **same, "run_id": run_id} for row in marked]
    if rows:
        db.execute(insert(history), rows)
        touched.records(db, rows)


def history_of(
    db: Connection, project_key: str, field: str | None, records: Sequence[tuple[str, str, str]] = ()
) -> list[Mapping[str, Any]]:
    """The recorded changes of a project's records and of the `records` that define it, oldest first.

    How links find a record is left out unless it is asked for by name.
    """
    places = [
        and_(*(history.c[name] == value for name, value in zip(RECORD_KEY, record, strict=True)))
        for record in records
    ]
    statement = (
        select(history).where(or_(history.c.project_key == project_key, *places)).order_by(history.c.id)
    )
    hidden = [each.name for each in HIDDEN_FIELDS]
    statement = statement.where(history.c.field == field if field else history.c.field.not_in(hidden))
    return [dict(row) for row in db.execute(statement).mappings()]
