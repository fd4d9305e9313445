"""The report of a day that is over: rebuilt from what was true then, by what is known now or was known then."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio.judge import Policy
from portfolio.store import links, past, snapshots
from portfolio.store.past import Moment
from portfolio.store.snapshots import Judged, fingerprint
from portfolio.store.types import json_like
from reports.data import Document, SnapshotData, build
from sync import ledgers
from sync.assess import facts_of, judged_of, portfolio_of, stories_of, today_of
from sync.reporting import NoSnapshot, actions_of, changes_of, nothing_so_old
from sync.sources import sources
from sync.wiring import declared_projects

TICK = timedelta(microseconds=1)


def end_of(settings: Settings, day: date) -> datetime:
    """The last instant of a day in the portfolio's time zone."""
    return datetime.combine(day + timedelta(days=1), time(), settings.portfolio.zone) - TICK


def moment_of(settings: Settings, as_of: date, known_at: datetime | None, now: datetime) -> Moment:
    """The end of the day, or as much of it as there was. Raises NoSnapshot for a day that was not yet."""
    known = min(known_at or now, now)
    if as_of > today_of(settings, known):
        which = "--known-at" if known < now else "today"
        raise NoSnapshot(
            f"{as_of} was yet to come on {today_of(settings, known)} ({which}): nothing was true then"
        )
    return Moment(as_of, min(end_of(settings, as_of), known), known)


def rebuilt(
    db: Connection,
    settings: Settings,
    policy: Policy,
    *,
    as_of: date,
    known_at: datetime | None,
    now: datetime,
) -> Document:
    """The report document as true at the end of a day, by what is known now or was known at `known_at`.

    It is judged and linked by today's configuration. Raises NoSnapshot where nothing is known of that day.
    """
    moment = moment_of(settings, as_of, known_at, now)
    first, base = snapshots.earliest(db), snapshots.newest(db, until=moment.known_at)
    if first is None or base is None or as_of < first.as_of:
        raise nothing_so_old(db, settings)
    stated = sources(db, settings, now) if known_at is None else base.sources
    behind = [each for each in stated if _read_before(each, moment.valid_at)]
    expired = frozenset(each["connection"] for each in behind if each["expired"])
    earlier = snapshots.newest(db, until=moment.entered_by)
    number = earlier.number if earlier else 0
    before = snapshots.judgements(db, number)
    reported = snapshots.last_reported(db, as_of, number=number)
    trends = snapshots.trends(db, number, as_of)
    with past.view(db, moment):
        names = links.registry(db, *declared_projects(settings))
        links.link(db, names)
        gathered = facts_of(db, settings, names, moment.valid_at, expired)
        judged = judged_of(gathered, before, moment.valid_at, policy, stories_of(db))
        kept = portfolio_of(db, settings, names, [each.body for each in judged.values()], moment.valid_at)
        actions = actions_of(db, judged)
        owned = ledgers.kept(db, settings, policy, as_of)
    bodies = [each.body for each in judged.values()]
    return build(
        SnapshotData(
            id=f"A{as_of:%Y%m%d}-{fingerprint(bodies)[:6]}",
            taken_at=moment.valid_at,
            as_of=as_of,
            known_at=moment.known_at,
            complete=not any(each["stale"] for each in behind),
            portfolio={"name": kept["name"], "currency": kept["currency"]},
            sources=stated,
            projects=bodies,
            trends={
                key: _with_today(trends.get(key, ()), before.get(key), each, as_of)
                for key, each in judged.items()
            },
            exceptions=[
                *(found for each in judged.values() for found in each.outcome["exceptions"]),
                *kept["exceptions"],
            ],
            capacity=kept["capacity"],
            priority=kept["priority"],
            desk=kept["desk"],
            quarantine=kept["quarantine"] if known_at is None else base.portfolio["quarantine"],
            actions=actions,
            changes=changes_of(db, reported, judged, kept["currency"]),
            changes_since=reported.as_of if reported else None,
            ledger=ledgers.section(
                db,
                settings,
                json_like(owned),
                reported.portfolio.get("ledger", {}) if reported else {},
                live=False,
            ),
        )
    )


def _read_before(source: Mapping[str, Any], instant: datetime) -> bool:
    """What a source changed by the instant may have been missed: it was not read since."""
    return source["read_at"] is None or datetime.fromisoformat(source["read_at"]) < instant


def _with_today(
    points: Sequence[Mapping[str, Any]], before: Judged | None, judged: Judged, as_of: date
) -> Sequence[Mapping[str, Any]]:
    """The trend up to the day; what is known now may have changed the day itself."""
    if before is not None and before.body == judged.body:
        return points
    day = as_of.isoformat()
    return [
        *(each for each in points if each["as_of"] != day),
        {"as_of": day, **snapshots.point(judged.body)},
    ]
