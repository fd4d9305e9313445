"""What the records that carry Portico's fields show now."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection as Db
from sqlalchemy import or_, select

from connectors.base import Connector, Shown, Target
from portfolio.store.database import Store
from portfolio.store.tables import source_record
from sync import wishes
from sync.plan import Refusal
from sync.wishes import Wanted


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
