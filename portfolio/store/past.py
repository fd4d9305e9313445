"""The store as it was: what was true at one instant, by what was known at another.

Within `view` temporary tables of the same names stand before the tables that facts come from, so whatever gathers facts
gathers those of then. A record is there if its source had created it (else: if it was seen), was known, and was not deleted.
A field holds the value of the newest known change that was true by then; before its first change what it had at first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    MetaData,
    Table,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from portfolio.model import COMMON, ENTITIES, HIDDEN_FIELDS, FieldType
from portfolio.store.manual import STILL_OPEN
from portfolio.store.tables import (
    RECORD_KEY,
    action,
    decision,
    entity_tables,
    history,
    narrative,
    override,
    rebaseline,
    review,
)

ENTERED = (decision, override, action, narrative, rebaseline, review)
"""What managers add. With the entity tables and their history these are all that facts come from."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was true at `valid_at` (within `day`, the portfolio's day) by what was known at `known_at`."""

    day: date
    valid_at: datetime
    known_at: datetime

    @property
    def entered_by(self) -> datetime:
        """What a person enters is true and known at once."""
        return min(self.valid_at, self.known_at)


@contextmanager
def view(db: Connection, moment: Moment) -> Iterator[None]:
    """Within the block the facts of this connection are those of the moment; afterwards nothing is left of it."""
    outside = db.begin_nested()
    schema = "main" if db.dialect.name == "sqlite" else str(db.scalar(select(func.current_schema())))
    try:
        for entity, table in entity_tables.items():
            real = table.to_metadata(MetaData(), schema=schema)
            _stand_before(db, table, real, _existed(real, moment))
            _index(db, table)
            _roll_back(db, entity, table, moment)
        for table in (*ENTERED, history):
            real = table.to_metadata(MetaData(), schema=schema)
            _stand_before(db, table, real, _entered(real, moment))
        db.execute(update(action).where(action.c.closed_at > moment.entered_by).values(**STILL_OPEN))
        db.execute(update(action).where(action.c.recovered_on > moment.day).values(recovered_on=None))
        yield
    finally:
        outside.rollback()


def _stand_before(db: Connection, table: Table, real: Table, rows: ColumnElement[bool]) -> None:
    quote = db.dialect.identifier_preparer
    name, whole = quote.format_table(table), quote.format_table(real)
    db.execute(text(f"CREATE TEMPORARY TABLE {name} AS SELECT * FROM {whole} WHERE 1 = 0"))  # noqa: S608  our own names
    db.execute(insert(table).from_select(table.c.keys(), select(real).where(rows)))


def _index(db: Connection, table: Table) -> None:
    name = db.dialect.identifier_preparer.format_table(table)
    db.execute(text(f"CREATE UNIQUE INDEX past_{table.name} ON {name} ({', '.join(RECORD_KEY)})"))


def _existed(real: Table, moment: Moment) -> ColumnElement[bool]:
    return and_(
        real.c.first_seen_at <= moment.known_at,
        or_(real.c.first_seen_at <= moment.valid_at, real.c.source_created_at <= moment.valid_at),
    )


def _entered(real: Table, moment: Moment) -> ColumnElement[bool]:
    if real.name == decision.name:
        return and_(real.c.decided_on <= moment.day, real.c.recorded_at <= moment.known_at)
    if real.name == history.name:
        return and_(real.c.valid_at <= moment.valid_at, real.c.at <= moment.known_at)
    stamp = real.c.opened_at if real.name == action.name else real.c.at
    return stamp <= moment.entered_by


def _roll_back(db: Connection, entity: str, table: Table, moment: Moment) -> None:
    """Gives each field that changed out of the moment's sight the value that it had within it."""
    types = _types(entity)
    values: dict[str, list[dict[str, Any]]] = {}
    for row in db.execute(_out_of_sight(entity, moment)):
        if row.field in types:
            value = row.after if row.seen else row.before
            place = {f"b_{name}": getattr(row, name) for name in RECORD_KEY}
            values.setdefault(row.field, []).append({**place, "b_value": typed(types[row.field], value)})
    for field, some in values.items():
        db.execute(
            update(table)
            .where(*(table.c[name] == bindparam(f"b_{name}") for name in RECORD_KEY))
            .values({field: bindparam("b_value", type_=table.c[field].type)}),
            some,
        )


def _out_of_sight(entity: str, moment: Moment) -> Any:
    """Per field that has a change out of sight: its newest change within sight, else its first one."""
    seen = and_(history.c.valid_at <= moment.valid_at, history.c.at <= moment.known_at)
    place = [history.c[name] for name in (*RECORD_KEY, "field")]
    turned = (
        select(func.max(case((seen, history.c.id))).label("last"), func.min(history.c.id).label("first"))
        .where(history.c.entity == entity)
        .group_by(*place)
        .having(func.max(case((seen, 0), else_=1)) == 1)
        .subquery()
    )
    return select(*place, history.c.before, history.c.after, turned.c.last.is_not(None).label("seen")).join(
        turned, history.c.id == func.coalesce(turned.c.last, turned.c.first)
    )


def _types(entity: str) -> dict[str, FieldType]:
    return {each.name: each.type for each in (*COMMON, *ENTITIES[entity].fields, *HIDDEN_FIELDS)}


def typed(kind: FieldType, value: Any) -> Any:
    """A value of the history, which keeps JSON, as the entity's row holds it."""
    if value is None:
        return None
    if kind == "day":
        return date.fromisoformat(value)
    if kind == "instant":
        return datetime.fromisoformat(value)
    if kind in {"money", "share", "number"}:
        return Decimal(value)
    return value
