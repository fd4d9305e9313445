"""The invariants I1 to I18: what holds after every history, as queries on the store and differences to the tools.

`check` after quiescence (the tools answer, everything was read); `check(..., quiet=False)` at any other moment, for those
that hold always. I5, I7 and I15 are about what a further run does: `check_further_runs`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, delete, func, literal, select, union_all

from config.settings import Settings
from portfolio.judge import Policy
from portfolio.store import audit, records, runs, snapshots, writes
from portfolio.store.database import Store
from portfolio.store.records import Read
from portfolio.store.tables import (
    RECORD_KEY,
    assessed,
    entity_tables,
    history,
    judgement,
    metadata,
    quarantine,
    run,
    scope,
    source_record,
    write,
)
from portfolio.store.types import dump, json_like
from sync import plan
from sync.assess import assess
from sync.outcome import Report
from sync.reporting import document
from sync.translation import Translator, keep, mapping_of
from tests.reliability.remote import UNKNOWN, Effect, Remote

KEPT = ("history", "snapshot", "judgement", "ownership", "audit", "write", "quarantine")
"""Tables to which a run in which nothing changed adds nothing."""
STAMPS = {"first_seen_at", "last_seen_at", "source_updated_at"}
"""Neither history nor change: an echo of our own writes moves them in the tool."""


@dataclass(frozen=True)
class World:
    """Both sides at one moment."""

    db: Connection
    settings: Settings
    policy: Policy
    now: datetime
    remotes: Mapping[str, Remote]
    secrets: Sequence[str] = ()
    outputs: Sequence[str] = ()

    def rows(self, table: Any, *where: Any) -> list[Any]:
        """Rows of a table in the order of its key."""
        return list(self.db.execute(select(table).where(*where).order_by(*table.primary_key)))


Check = Callable[[World], Iterator[str]]


def nothing_lost(world: World) -> Iterator[str]:
    """I1: what the tool serves is what is stored, record by record."""
    for name, remote in world.remotes.items():
        for (kind, within), served in (remote.served or {}).items():
            stored = {
                row.external_id: row.hash
                for row in world.rows(
                    source_record,
                    source_record.c.connection == name,
                    source_record.c.kind == kind,
                    source_record.c.deleted_at.is_(None),
                    source_record.c.missing >= 0,
                )
                if row.scope == within or row.external_id in served
            }
            held = runs.quarantined_ids(world.db, name, kind)
            for id_ in sorted(served.keys() - stored.keys() - held):
                yield f"{name} {kind} {id_} is served but not stored"
            for id_ in sorted(stored.keys() - served.keys()):
                yield f"{name} {kind} {id_} is stored but not served"
            for id_ in sorted(served.keys() & stored.keys()):
                if served[id_] not in {stored[id_], UNKNOWN}:
                    yield f"{name} {kind} {id_} is stored as it was, not as it is served"


def nothing_doubled(world: World) -> Iterator[str]:
    """I2: one live row per record, one quarantine entry per value, a history whose steps follow each other."""
    live = Counter(place for place, _ in _live_rows(world))
    stored = {
        (row.connection, row.kind, row.external_id)
        for row in world.rows(source_record, source_record.c.deleted_at.is_(None))
    }
    yield from (f"{place} fills {count} rows" for place, count in live.items() if count > 1)
    yield from (f"{place} has a row but no record" for place in sorted(live.keys() - stored))
    entries = Counter(
        (row.connection, row.kind, row.external_id, row.field, row.write) for row in world.rows(quarantine)
    )
    yield from (
        f"{place} stands {count} times in quarantine" for place, count in entries.items() if count > 1
    )
    steps: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for row in world.rows(history):
        steps[row.entity, row.connection, row.kind, row.external_id, row.field].append(row)
    for place, some in steps.items():
        if any(dump(each.before) == dump(each.after) for each in some):
            yield f"the history of {place} holds a step from a value to itself"
        if any(dump(one.after) != dump(two.before) for one, two in pairwise(some)):
            yield f"the history of {place} has a gap"


def cursor_not_ahead(world: World) -> Iterator[str]:
    """I3: no record behind a cursor is missing here."""
    for name, remote in world.remotes.items():
        for row in world.rows(scope, scope.c.connection == name) if remote.behind else ():
            place = (row.kind, row.scope)
            if remote.served is None or place not in remote.served or remote.behind is None:
                continue
            stored = {
                each.external_id: each.hash
                for each in world.rows(
                    source_record, source_record.c.connection == name, source_record.c.kind == row.kind
                )
            }
            for id_ in remote.behind(place, row.cursor):
                if stored.get(id_) != remote.served[place][id_]:
                    yield f"{name} {row.kind} {id_} lies behind the cursor {row.cursor} but is not stored"


def once_in_effect(world: World) -> Iterator[str]:
    """I4: every effect in a tool is one intent's, at most once each, in the order of the intents."""
    names = _names(world)
    intents: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for row in world.rows(write):
        for change in row.changes if row.state != "refused" else ():
            place = (row.connection, names.get((row.connection, row.record), row.record), change["field"])
            intents[place].append(change["after"])
    for name, remote in world.remotes.items():
        left = {place: iter(values) for place, values in intents.items() if place[0] == name}
        for effect in remote.effects:
            place = (name, names.get((name, effect.record), effect.record), effect.field)
            if not any(_means(effect, value) for value in left.get(place, iter(()))):
                yield f"{place} was set to {effect.after!r} without an intent, twice, or after a newer one"


def only_our_fields(world: World) -> Iterator[str]:
    """I6: nothing but the fields that the configuration names was ever written."""
    for name, remote in world.remotes.items():
        block = world.settings.connections[name].write
        named = [each for each in (block.project, block.budget_line) if each is not None]
        ours = {target.name for each in named for target in each.figures.values()}
        ours |= {part for each in ours for part in each.removeprefix("categories:").split(",") if ":" in each}
        ours |= {column for each in named for column in block.key_of(each).values()}
        ours |= {each.partition(".")[0] for each in ours}
        for effect in remote.effects:
            if effect.field not in ours and world.settings.connections[name].tool != "planner":
                yield f"{name} {effect.record}: {effect.field} is not a field of Portico's"


def audit_complete(world: World) -> Iterator[str]:
    """I9: the log is whole, says who, which run, why, before and after, and holds every effect and every applied write."""
    broken = audit.first_broken(world.db)
    if broken is not None:
        yield f"the audit log is broken at entry {broken}"
    names = _names(world)
    told: Counter[tuple[str, str, str]] = Counter()
    entries = [each for each in audit.entries(world.db) if each["what"] in {"write", "write_unclear"}]
    for entry in entries:
        where, record = entry["detail"]["connection"], entry["detail"]["record"]
        for change in entry["detail"]["changes"]:
            told[where, names.get((where, record), record), change["field"]] += 1
            if not {"before", "after", "why"} <= change.keys():
                yield f"audit entry {entry['number']} does not say before, after and why"
        if not (entry["who"] and entry["run_id"] and "answer" in entry["detail"]):
            yield f"audit entry {entry['number']} does not say who, which run, and what was answered"
    settled = [row for row in world.rows(write) if row.state in {"applied", "replanned"}]
    if len(settled) != len(entries):
        yield f"{len(settled)} writes were settled, {len(entries)} are audited"
    still_open = Counter(
        (row.connection, names.get((row.connection, row.record), row.record), change["field"])
        for row in world.rows(write)
        if row.state in {*writes.OPEN, "conflict", "stopped"}
        for change in row.changes
    )
    for name, remote in world.remotes.items():
        done = Counter(
            (name, names.get((name, each.record), each.record), each.field) for each in remote.effects
        )
        for place, count in done.items():
            if count > told[place] + still_open[place]:
                yield f"{place} was written {count} times, audited {told[place]} times"


def money_adds_up(world: World) -> Iterator[str]:
    """I10: what is stored sums to the source's control totals, to the cent."""
    table = entity_tables["budget_line"]
    for name, remote in world.remotes.items():
        sums: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
        for row in world.rows(table, table.c.connection == name, table.c.deleted_at.is_(None)):
            sums[row.fiscal_year, row.currency] += row.revised_budget or 0
        if remote.totals and dict(sums) != dict(remote.totals):
            yield f"{name}: stored {dict(sums)}, the source says {dict(remote.totals)}"


def one_snapshot(world: World) -> Iterator[str]:
    """I11: the report shows the newest snapshot, and every figure of it as judged there."""
    last = snapshots.newest(world.db)
    if last is None:
        return
    shown = document(world.db, world.settings)
    judged = snapshots.judgements(world.db, last.number)
    if shown["snapshot"]["id"] != last.id:
        yield f"the report shows {shown['snapshot']['id']}, the newest snapshot is {last.id}"
    if {each["key"] for each in shown["projects"]} != judged.keys():
        yield "the report's projects are not the snapshot's"
    for each in shown["projects"]:
        body = judged[each["key"]].body if each["key"] in judged else {}
        for part in ("status", "schedule", "cost", "work"):
            if dump(json_like(each[part])) != dump(body.get(part)):
                yield f"{each['key']}: {part} in the report is not what the snapshot holds"
    for row in world.rows(judgement):
        whole = snapshots.fingerprint(row.body, row.outcome) if row.body is not None else ""
        if row.hash != whole:
            yield f"the judgement of {row.project_key} in snapshot {row.snapshot} was altered"


def holds_are_told(world: World) -> Iterator[str]:
    """I12: a held connection has an alarm that says why, and no alarm of a hold outlives it."""
    alarmed = {
        each["connection"] for each in runs.alarms(world.db) if each["kind"] in {"disappeared", "restored"}
    }
    held = {name for name, row in runs.connections(world.db).items() if row.state == "held"}
    failed = {name for name, row in runs.connections(world.db).items() if row.state == "failed"}
    yield from (f"{name} is held without an alarm" for name in sorted(held - alarmed))
    yield from (f"the alarm of {name} outlives its hold" for name in sorted(alarmed - held - failed))


def quarantine_shown(world: World) -> Iterator[str]:
    """I13: every record has a row or an entry in quarantine, and the counts shown are the entries."""
    entries = runs.quarantined(world.db)
    placed = {place for place, _ in _live_rows(world)}
    placed |= {(row.connection, row.kind, row.external_id) for row in world.rows(quarantine)}
    for row in world.rows(source_record, source_record.c.deleted_at.is_(None)):
        place = (row.connection, row.kind, row.external_id)
        if place not in placed:
            yield f"{place} is neither a row nor in quarantine"
    if snapshots.newest(world.db) is not None:
        shown = document(world.db, world.settings)["quarantine"]
        count = sum(not entry["write"] for entry in entries)
        if shown["records"] != count:
            yield f"the report counts {shown['records']} records in quarantine, there are {count}"


def status_is_honest(world: World) -> Iterator[str]:
    """I14: no run is done while something is failed, held, open or in quarantine; no snapshot complete with a stale source."""
    ended = [row for row in world.rows(run) if row.outcome is not None]
    last = max(ended, key=lambda row: (row.started_at, row.finished_at), default=None)
    troubled = [name for name, row in runs.connections(world.db).items() if row.state in {"failed", "held"}]
    still_open = writes.unsettled(world.db)
    entries = runs.quarantined(world.db)
    if last is not None and last.outcome == "done" and (troubled or still_open or entries):
        yield f"run {last.id} says done: {troubled}, {len(still_open)} open, {len(entries)} in quarantine"
    newest = snapshots.newest(world.db)
    if newest is not None and newest.complete and any(each["stale"] for each in newest.sources):
        yield f"snapshot {newest.id} says complete with a stale source"


def nothing_left_open(world: World) -> Iterator[str]:
    """I15: what was begun is settled once the tools answer again: no write stays open."""
    for entry in writes.unsettled(world.db):
        yield f"write {entry['id']} to {entry['connection']} {entry['record']} is still {entry['state']}"


def replayable(world: World) -> Iterator[str]:
    """I16: translating and judging everything again that is stored gives the same bytes. Ends in nothing."""
    before = canonical(world.db)
    with world.db.begin_nested() as trial:
        for name, connection in world.settings.connections.items():
            for declared in connection.read:
                read = Read(name, declared.kind, declared.scope)
                translator = Translator(mapping_of(world.settings, name, declared), world.settings)
                for some in records.stored_batches(world.db, read):
                    ids = {record.id for record in some}
                    keep(world.db, read, translator, some, at=world.now, run_id="replay", stored=ids)
        world.db.execute(delete(assessed))
        again = assess(world.db, world.settings, world.policy, now=world.now, run_id="replay")
        after = canonical(world.db)
        trial.rollback()
    yield from (f"{name} differs when it is made again" for name in before if before[name] != after[name])
    if again.changed:
        yield f"{again.changed} projects are judged otherwise when they are judged again"


def no_secrets(world: World) -> Iterator[str]:
    """I18: no planted secret stands in any table or output."""
    texts = [*world.outputs]
    for table in metadata.sorted_tables:
        texts += [f"{table.name}: {tuple(row)}" for row in world.rows(table)]
    for secret in world.secrets:
        yield from (f"a secret stands in {text[:60]!r}" for text in texts if secret in text)


ALWAYS: Mapping[str, Check] = {
    "I2": nothing_doubled,
    "I3": cursor_not_ahead,
    "I4": once_in_effect,
    "I6": only_our_fields,
    "I9": audit_complete,
    "I11": one_snapshot,
    "I18": no_secrets,
}
"""What holds at any moment between two runs."""
AT_REST: Mapping[str, Check] = {
    **ALWAYS,
    "I1": nothing_lost,
    "I10": money_adds_up,
    "I12": holds_are_told,
    "I13": quarantine_shown,
    "I14": status_is_honest,
    "I15": nothing_left_open,
    "I16": replayable,
}
"""What holds once the tools answer and everything was read."""


def canonical(db: Connection) -> dict[str, str]:
    """I8: the entity rows as text, without their stamps: equal for every order in which they came."""
    found = {}
    for name, table in entity_tables.items():
        rows = db.execute(select(table).where(table.c.deleted_at.is_(None)).order_by(*table.primary_key))
        kept = [{key: value for key, value in row.items() if key not in STAMPS} for row in rows.mappings()]
        found[name] = dump(kept)
    return found


def violations(
    store: Store,
    settings: Settings,
    policy: Policy,
    remotes: Mapping[str, Remote],
    *,
    now: datetime,
    quiet: bool = True,
    secrets: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> list[str]:
    """Every violation, each beginning with its invariant's number."""
    checks = AT_REST if quiet else ALWAYS
    with store.transaction() as db:
        world = World(db, settings, policy, now, remotes, secrets, outputs)
        return [f"{number}: {text}" for number, each in checks.items() for text in each(world)]


def check(
    store: Store, settings: Settings, policy: Policy, remotes: Mapping[str, Remote], **more: Any
) -> None:
    """Asserts that there is no violation. The arguments are those of `violations`."""
    found = violations(store, settings, policy, remotes, **more)
    assert found == [], "\n".join(found)


def check_further_runs(
    store: Store, further: Callable[[], Report], effects: Callable[[], int], *, times: int = 5
) -> None:
    """I5, I7, I15: further runs without human edits plan nothing, write nothing and add no row."""
    before, written = _counts(store), effects()
    for _ in range(times):
        report = further()
        assert report.plan.changes == (), f"I7: not converged: {report.plan.changes[:3]}"
    assert effects() == written, f"I5: {effects() - written} echoes written"
    assert _counts(store) == before, f"I5: rows were added: {_counts(store)} after {before}"


def _counts(store: Store) -> dict[str, int]:
    with store.reading() as db:
        return {
            name: db.execute(select(func.count()).select_from(metadata.tables[name])).scalar() or 0
            for name in KEPT
        }


def _live_rows(world: World) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Every live row: its record, and the entity that it is of."""
    parts = [
        select(*(table.c[name] for name in RECORD_KEY), literal(entity)).where(table.c.deleted_at.is_(None))
        for entity, table in entity_tables.items()
    ]
    for connection, kind, external_id, entity in world.db.execute(union_all(*parts)):
        yield (connection, kind, external_id), entity


def _names(world: World) -> dict[tuple[str, str], str]:
    """The names that people use of records to their ids, and labels of writes to the records they are of."""
    rows = world.rows(source_record)
    return {(row.connection, row.external_key): row.external_id for row in rows if row.external_key} | {
        (row.connection, row.external_id): row.external_id for row in rows
    }


def _means(effect: Effect, value: Any) -> bool:
    return effect.after == UNKNOWN or plan.same(json.loads(dump(effect.after)), value)
