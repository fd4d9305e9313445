"""What the records that carry Portico's fields show now."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection as Db
from sqlalchemy import or_, select

from connectors.ahead import in_order
from connectors.base import Shown, Target
from connectors.errors import ConnectorError
from portfolio.store.records import batches
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
    with errand.store.reading() as db:
        looks = [(name, some, _stored(db, name, some)) for name, some in by_name.items()]
    for (name, some, _), found in in_order(looks, partial(_looked, errand), max(1, len(looks)), "looks"):
        if isinstance(found, ConnectorError):
            errand.report.unread[name] = found.text
            errand.say(f"{name}: write targets cannot be read: {found.text}")
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


def _looked(
    errand: Errand, asked: tuple[str, Sequence[Wanted], dict[Target, Shown]]
) -> dict[str, Shown] | ConnectorError:
    """From the store where the record was pulled, else by one look at the tool."""
    name, wanted, stored = asked
    others = [each.target for each in wanted if each.target not in stored]
    found = list(stored.values())
    try:
        found += errand.connector(name).look(others) if others else ()
    except ConnectorError as error:
        return error
    return {wishes.reference(each.target): each for each in found}


def _stored(db: Db, name: str, wanted: Sequence[Wanted]) -> dict[Target, Shown]:
    targets = [each.target for each in wanted if each.target.id is not None]
    id_, key = source_record.c.external_id, source_record.c.external_key
    columns = [source_record.c[each] for each in ("kind", "owned", "version", "url")]
    found: list[Any] = []
    for some in batches(sorted({str(each.id) for each in targets})):
        found += db.execute(
            select(id_, key, *columns).where(
                source_record.c.connection == name,
                or_(id_.in_(some), key.in_(some)),
                source_record.c.deleted_at.is_(None),
                source_record.c.missing == 0,
                source_record.c.owned.is_not(None),
            )
        ).all()
    rows = {(row.kind, row.external_key): row for row in found}
    rows |= {(row.kind, row.external_id): row for row in found}
    return {
        each: Shown(each, exists=True, id=row.external_id, values=row.owned, version=row.version, url=row.url)
        for each in targets
        if (row := rows.get((each.kind, each.id))) is not None and set(each.fields) <= set(row.owned)
    }


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
