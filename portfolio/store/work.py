"""The facts about work: counts per project, examples to click through to, and the packages that earn value."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, and_, case, exists, func, or_, select

from portfolio import facts
from portfolio.forecast import WEEKS
from portfolio.store.live import Keys, live, source_of, stands
from portfolio.store.tables import entity_tables

EXAMPLES = 5


def work(db: Connection, today: date, since: datetime, keys: Keys = None) -> dict[str, facts.Work]:
    """Work items counted per project; added and done count from `since`."""
    item = entity_tables["work_item"]
    is_open = item.c.status_category.in_(("todo", "in_progress"))
    late = and_(is_open, item.c.due_on < today)

    def count(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    found = {}
    for row in db.execute(
        select(
            item.c.project_key,
            count(item.c.status_category == "todo").label("todo"),
            count(item.c.status_category == "in_progress").label("in_progress"),
            count(item.c.status_category == "done").label("done"),
            count(item.c.status_category == "cancelled").label("cancelled"),
            count(and_(is_open, item.c.blocked)).label("blocked"),
            count(late).label("overdue"),
            count(item.c.created_at >= since).label("added_30d"),
            count(and_(item.c.status_category == "done", item.c.done_at >= since)).label("done_30d"),
            func.min(case((late, item.c.due_on))).label("oldest"),
        )
        .where(live("work_item", keys))
        .group_by(item.c.project_key)
    ):
        found[row.project_key] = facts.Work(
            todo=int(row.todo),
            in_progress=int(row.in_progress),
            done=int(row.done),
            cancelled=int(row.cancelled),
            blocked=int(row.blocked),
            overdue=int(row.overdue),
            added_30d=int(row.added_30d),
            done_30d=int(row.done_30d),
            weekly_done=(0,) * WEEKS,
            oldest_overdue_on=row.oldest,
        )
    for key, weeks in _weekly_done(db, datetime.combine(today, time(), since.tzinfo), keys).items():
        found[key] = replace(found[key], weekly_done=weeks)
    for key, some in _examples(db, and_(is_open, item.c.blocked), keys).items():
        found[key] = replace(found[key], blocked_sources=some)
    for key, some in _examples(db, late, keys).items():
        found[key] = replace(found[key], overdue_sources=some)
    return found


def packages(db: Connection, keys: Keys = None) -> dict[str, tuple[facts.Package, ...]]:
    """Work items without items below them and not cancelled, summed per project by what earns value."""
    item = entity_tables["work_item"]
    is_done = item.c.status_category == "done"
    is_started = or_(is_done, item.c.status_category == "in_progress")
    alike = (
        item.c.project_key,
        is_started,
        is_done,
        item.c.percent_complete,
        item.c.type,
        item.c.earned_value_method,
    )
    found: dict[str, list[facts.Package]] = defaultdict(list)
    for row in db.execute(
        select(
            item.c.project_key,
            is_started.label("started"),
            is_done.label("done"),
            item.c.percent_complete,
            item.c.type,
            item.c.earned_value_method,
            *_sums("estimate_hours", "estimate_points"),
        )
        .where(_is_leaf(keys))
        .group_by(*alike)
        .order_by(*alike)
    ):
        found[row.project_key].append(
            facts.Package(
                items=row.items,
                started=bool(row.started),
                done=bool(row.done),
                percent_complete=row.percent_complete,
                estimate_hours=row.estimate_hours or Decimal(0),
                estimate_points=row.estimate_points or Decimal(0),
                with_estimate_hours=row.with_estimate_hours,
                with_estimate_points=row.with_estimate_points,
                type=row.type,
                method=row.earned_value_method,
            )
        )
    return {key: tuple(some) for key, some in found.items()}


def dated(db: Connection, keys: Keys = None) -> dict[str, tuple[facts.Dated, ...]]:
    """The same items by the days for which they are planned, of the projects without a baseline."""
    item, baseline = entity_tables["work_item"], entity_tables["baseline"]
    planned = select(baseline.c.project_key).where(live("baseline"), baseline.c.planned_value.is_not(None))
    alike = (item.c.project_key, item.c.connection, item.c.start_planned, item.c.due_on)
    found: dict[str, list[facts.Dated]] = defaultdict(list)
    for row in db.execute(
        select(*alike, *_sums("planned_cost", "estimate_hours", "estimate_points"))
        .where(_is_leaf(keys), item.c.project_key.not_in(planned))
        .group_by(*alike)
        .order_by(*alike)
    ):
        found[row.project_key].append(
            facts.Dated(
                connection=row.connection,
                start_on=row.start_planned,
                finish_on=row.due_on,
                items=row.items,
                planned_cost=row.planned_cost or Decimal(0),
                estimate_hours=row.estimate_hours or Decimal(0),
                estimate_points=row.estimate_points or Decimal(0),
                with_planned_cost=row.with_planned_cost,
                with_estimate_hours=row.with_estimate_hours,
                with_estimate_points=row.with_estimate_points,
            )
        )
    return {key: tuple(some) for key, some in found.items()}


def _is_leaf(keys: Keys) -> Any:
    """The condition of the work items that count: live, not cancelled, without an item below them."""
    item = entity_tables["work_item"]
    below = item.alias("below")
    has_below = exists().where(
        below.c.connection == item.c.connection, below.c.parent_id == item.c.external_id, stands(below)
    )
    return and_(live("work_item", keys), item.c.status_category != "cancelled", ~has_below)


def _sums(*names: str) -> list[Any]:
    """How many items there are, and of each column the sum and how many have it."""
    item = entity_tables["work_item"]
    found: list[Any] = [func.count().label("items")]
    for name in names:
        found += [func.sum(item.c[name]).label(name), func.count(item.c[name]).label(f"with_{name}")]
    return found


def _weekly_done(db: Connection, until: datetime, keys: Keys) -> dict[str, tuple[int, ...]]:
    """Items done per week before `until`, for projects in which any was."""
    item = entity_tables["work_item"]
    first = until - timedelta(weeks=WEEKS)
    counted: dict[str, list[int]] = defaultdict(lambda: [0] * WEEKS)
    for key, done_at in db.execute(
        select(item.c.project_key, item.c.done_at).where(
            live("work_item", keys),
            item.c.status_category == "done",
            item.c.done_at >= first,
            item.c.done_at < until,
        )
    ):
        counted[key][(done_at - first) // timedelta(weeks=1)] += 1
    return {key: tuple(weeks) for key, weeks in counted.items()}


def _examples(db: Connection, condition: Any, keys: Keys) -> dict[str, tuple[facts.Source, ...]]:
    item = entity_tables["work_item"]
    place = func.row_number().over(
        partition_by=item.c.project_key, order_by=(item.c.due_on, item.c.external_id)
    )
    ranked = (
        select(
            item.c.project_key,
            item.c.connection,
            item.c.external_id,
            item.c.external_key,
            item.c.url,
            place.label("n"),
        )
        .where(live("work_item", keys), condition)
        .subquery()
    )
    found: dict[str, list[facts.Source]] = defaultdict(list)
    for row in db.execute(
        select(ranked).where(ranked.c.n <= EXAMPLES).order_by(ranked.c.project_key, ranked.c.n)
    ):
        found[row.project_key].append(source_of(row))
    return {key: tuple(sources) for key, sources in found.items()}
