"""What the records that carry Portico's fields show now."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection as Db
from sqlalchemy import or_, select

from connectors.base import Connector, Shown, Target
from connectors.errors import ConnectorError
from portfolio.store.database import Store
from portfolio.store.tables import source_record
from sync import wishes
from sync.errand import Errand
from sync.plan import Refusal, Sight
from sync.wishes import Wanted

Place = tuple[str, str]
"""A connection and the reference of a record there."""


@dataclass(slots=True)
class Seen:
    """What the targets show: `sights` for the plan, `shown` for the patches, and what is not there."""

    sights: dict[Place, Sight] = field(default_factory=dict)
    shown: dict[Place, Shown] = field(default_factory=dict)
    missing: list[Refusal] = field(default_factory=list)


def of(errand: Errand, wanted: Sequence[Wanted]) -> Seen:
    """What every target shows. A connection that cannot be looked at is noted in the report as unread."""
    by_name: dict[str, list[Wanted]] = defaultdict(list)
    for each in wanted:
        if each.wishes:
            by_name[each.wishes[0].connection].append(each)
    seen = Seen()
    for name, some in by_name.items():
        try:
            found = shown(errand.store, partial(errand.connector, name), name, some)
        except ConnectorError as error:
            errand.report.unread[name] = error.text
            errand.say(f"{name}: write targets cannot be read: {error.text}")
            continue
        seen.shown |= {(name, record): each for record, each in found.items()}
        for each in some:
            place = (name, wishes.reference(each.target))
            there = seen.shown.get(place)
            if there is None or (not there.exists and each.target.id is not None):
                seen.missing.append(absent(name, each))
            else:
                seen.sights[place] = Sight(there.exists, there.values)
    return seen


def shown(
    store: Store, connector: Callable[[], Connector], name: str, wanted: Sequence[Wanted]
) -> dict[str, Shown]:
    """What every target of a connection shows: from the store where it was pulled, else by one look at the tool.

    Raises what `look` raises.
    """
    found: dict[str, Shown] = {}
    with store.reading() as db:
        for each in wanted:
            stored = _stored(db, name, each.target)
            if stored is not None:
                found[wishes.reference(each.target)] = stored
    others = [each.target for each in wanted if wishes.reference(each.target) not in found]
    if others:
        for seen in connector().look(others):
            found[wishes.reference(seen.target)] = seen
    return found


def _stored(db: Db, name: str, target: Target) -> Shown | None:
    if target.id is None:
        return None
    columns = (source_record.c[each] for each in ("external_id", "owned", "version", "url"))
    row = db.execute(
        select(*columns)
        .where(
            source_record.c.connection == name,
            source_record.c.kind == target.kind,
            or_(source_record.c.external_id == target.id, source_record.c.external_key == target.id),
            source_record.c.deleted_at.is_(None),
            source_record.c.missing == 0,
        )
        .limit(1)
    ).one_or_none()
    if row is None or row.owned is None or not set(target.fields) <= set(row.owned):
        return None
    return Shown(target, exists=True, id=row.external_id, values=row.owned, version=row.version, url=row.url)


def absent(name: str, wanted: Wanted) -> Refusal:
    """The refusal of a target that is not there."""
    return Refusal(
        name,
        wanted.label,
        "",
        "",
        f"{wanted.target.kind} {wanted.label} is not there, or the account cannot see it",
        "correct the link in the configuration, or let the account see the record",
    )
