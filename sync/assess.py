"""Assessing: facts from the store, judged by pure functions, kept as a snapshot where something changed.

Only projects of which something was touched are looked at; a new day, changed rules or a source that went stale touch all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from config.settings import Settings
from portfolio import judge, ticket_rows
from portfolio.facts import Facts
from portfolio.overview import DIMENSIONS, waiting_exceptions
from portfolio.service_clock import clock
from portfolio.store import audit, clicks, desk, gather, links, manual, runs, snapshots, touched
from portfolio.store.affected import affected
from portfolio.store.live import Keys
from portfolio.store.snapshots import Judged, fingerprint
from portfolio.store.types import instant_text, json_like
from portfolio.tickets import count
from sync import ledgers, outlook
from sync.crash import reach
from sync.sources import sources
from sync.wiring import declared_projects

WHO = "portico"
"""Who stands in the audit for what a run does by itself."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """What an assessment came to: the snapshot, every judgement, and the projects by their registry."""

    snapshot_id: str
    number: int
    taken_at: datetime
    judged: Mapping[str, Judged]
    names: links.Registry
    changed: int
    is_new: bool


def today_of(settings: Settings, now: datetime) -> date:
    """The portfolio's day at an instant."""
    return now.astimezone(settings.portfolio.zone).date()


def facts_of(
    db: Connection,
    settings: Settings,
    names: links.Registry,
    now: datetime,
    expired: frozenset[str],
    keys: Keys = None,
) -> list[Facts]:
    """The facts of projects at an instant; the sources of the `expired` connections are past `stale_after`."""
    today = today_of(settings, now)
    midnight = datetime.combine(today, time(), settings.portfolio.zone)
    return gather.gather(
        db,
        names,
        since=midnight - timedelta(days=30),
        today=today,
        zone=settings.portfolio.zone,
        currency=settings.portfolio.currency,
        expired=expired,
        keys=keys,
    )


def rules_of(policy: judge.Policy) -> str:
    """The presets of status rules and the gate pack with their versions, as stored with every judgement."""
    rules = (getattr(policy.rules, name).name for name in DIMENSIONS)
    return " ".join([*dict.fromkeys(rules), f"{policy.pack.id}@{policy.pack.version}"])


def judged_of(
    gathered: Iterable[Facts],
    before: Mapping[str, Judged],
    now: datetime,
    policy: judge.Policy,
    stories: Mapping[str, Any],
) -> dict[str, Judged]:
    """The judgement of each project's facts; one whose facts, rules and day are those of `before` stands."""
    mark = fingerprint(policy.fingerprint, now.astimezone(policy.timezone).date())
    return {
        facts.key: _judge(facts, before.get(facts.key), now, policy, stories.get(facts.key), mark)
        for facts in gathered
    }


def _judge(
    facts: Facts, before: Judged | None, now: datetime, policy: judge.Policy, story: Any, mark: str
) -> Judged:
    noted = fingerprint(mark, facts, story)
    if before is not None and before.facts == noted and not _moving(before, now):
        return before
    was = {name: each["computed"] for name, each in before.body["status"].items()} if before else None
    judgement = judge.judge(facts, now=now, policy=policy, previous=was)
    body = {**judgement.document, "narrative": story}
    _keep_since(body, judgement.exceptions, before, now.astimezone(policy.timezone).date())
    outcome = {
        "figures": judgement.figures,
        "budget_figures": judgement.budget_figures,
        "exceptions": judgement.exceptions,
        "review": asdict(judgement.review),
        "moves_at": judgement.moves_at,
    }
    return Judged(facts.key, noted, json_like(body), json_like(outcome), rules_of(policy))


def _moving(judged: Judged, now: datetime) -> bool:
    """Whether time alone may have changed a judgement since it was made: a ticket's clock ran out."""
    return _has_come(judged.outcome.get("moves_at"), now)


def _has_come(instant: str | None, now: datetime) -> bool:
    return instant is not None and datetime.fromisoformat(instant) <= now


def _keep_since(
    body: Mapping[str, Any], exceptions: Iterable[dict[str, Any]], before: Judged | None, today: date
) -> None:
    """Since when each colour stands, and since when it is declared better than it is; the exceptions tell the same."""
    for name, verdict in body["status"].items():
        earlier = before.body["status"][name] if before else {}
        same = earlier.get("value") == verdict["value"]
        verdict["since"] = earlier["since"] if same else today.isoformat()
        if verdict["gap"]:
            verdict["gap_since"] = earlier.get("gap_since") or today.isoformat()
    for each in exceptions:
        if each["figure"] is not None:
            verdict = body["status"][each["figure"]]
            each["since"] = verdict["since" if each["kind"] == "red" else "gap_since"]


class _Judging:
    """One assessment: what is judged, by what, against which snapshot before."""

    def __init__(self, db: Connection, settings: Settings, policy: judge.Policy, now: datetime) -> None:
        self.db = db
        self.settings = settings
        self.policy = policy
        self.now = now
        self.today = today_of(settings, now)
        self.names = links.registry(db, *declared_projects(settings))
        self.last = snapshots.newest(db)
        self.taken = touched.take(db)
        self.stated = sources(db, settings, now, self._counted())
        self.expired = frozenset(each["connection"] for each in self.stated if each["expired"])
        self.before = snapshots.judgements(db, self.last.number) if self.last else {}
        self.judged: dict[str, Judged] = {}

    def _counted(self) -> dict[str, int]:
        """The numbers of records of the connections of which none was touched."""
        if self.last is None or self.taken is None:
            return {}
        stated = self.last.newest_sources or self.last.sources
        return {
            each["connection"]: each["records"]
            for each in stated
            if each["connection"] not in self.taken.connections
        }

    def keys(self) -> Keys:
        """Links what has to be linked; the projects whose facts may differ, None: all."""
        old, new = touched.marks(self.db), self._marks()
        keys: frozenset[str] | None = None
        if old is None or self.taken is None or old.links != new.links:
            links.link(self.db, self.names)
        else:
            keys = affected(self.db, self.names, self.taken)
        if old != new:
            touched.keep_marks(self.db, new)
        if self.last is None or old != new or keys is None:
            return None
        moving = {key for key, each in self.before.items() if _moving(each, self.now)}
        return (
            keys | moving | (self.names.projects.keys() - self.before.keys())
        ) & self.names.projects.keys()

    def _marks(self) -> touched.Marks:
        names = self.names
        maps = (names.records, names.containers, names.rules)
        found = [sorted((*name, key) for name, key in each.items()) for each in maps]
        codes = [(key, sorted(each.budget_codes.items())) for key, each in names.projects.items()]
        declared = (self.settings.portfolio.model_dump(mode="json"), self.settings.people)
        terms = (self.policy.fingerprint, declared, self.today, sorted(self.expired))
        seen = clicks.linked_records(self.db, names)
        return touched.Marks(
            fingerprint(found, codes, names.doubts), fingerprint(terms, sorted(seen.items()))
        )

    def judge(self, keys: Keys) -> None:
        """Judges the projects of these keys anew; the judgements of the others stand."""
        if keys is not None and not keys:
            return
        gathered = facts_of(self.db, self.settings, self.names, self.now, self.expired, keys)
        self.judged |= judged_of(gathered, self.before, self.now, self.policy, stories_of(self.db))

    def portfolio(self, keys: Keys, judged: Mapping[str, Judged]) -> dict[str, Any]:
        """What a snapshot keeps beside the projects: the newest one's, where nothing that it is made of was touched."""
        db, settings, last = self.db, self.settings, self.last
        stands = keys is not None and not keys and not self.taken
        if last is not None and stands and not _has_come(last.portfolio.get("desk_moves_at"), self.now):
            entered = {"priority": outlook.priority_of(db, settings), "quarantine": quarantine(db)}
            return {**last.portfolio, **json_like(entered)}
        bodies = [each.body for each in judged.values()]
        made = portfolio_of(db, settings, self.names, bodies, self.now)
        return {**made, "ledger": ledgers.kept(db, settings, self.policy, self.today)}

    def note_facts(self, changed: Mapping[str, Judged | None]) -> None:
        """Keeps the marks of facts that moved without a change of any judgement."""
        if self.last is None:
            return
        moved = {
            key: each.facts
            for key, each in self.judged.items()
            if key in self.before and key not in changed and each.facts != self.before[key].facts
        }
        snapshots.note_facts(self.db, self.last.number, moved)


def assess(
    db: Connection, settings: Settings, policy: judge.Policy, *, now: datetime, run_id: str
) -> Assessed:
    """Links, judges and keeps a snapshot if a figure, a status or a source's state changed since the newest one.

    Only projects of which something was touched are linked, gathered and judged, unless something that holds for all
    changed: the day, the rules, the registry, or which sources are stale.
    """
    work = _Judging(db, settings, policy, now)
    last, before, stated = work.last, work.before, work.stated
    keys = work.keys()
    reach("assess.linked")
    work.judge(keys)
    if _keep_duties(db, work.judged, now, work.today, run_id):
        taken = touched.take(db)
        work.judge(None if taken is None else affected(db, work.names, taken))
    reach("assess.judged")
    judged = {key: work.judged.get(key) or before[key] for key in work.names.projects}
    changed: dict[str, Judged | None] = {
        key: each for key, each in work.judged.items() if key not in before or _moved(before[key], each)
    }
    changed |= {key: None for key in before if key not in judged}
    work.note_facts(changed)
    portfolio = work.portfolio(keys, judged)
    if (
        last is not None
        and not changed
        and last.portfolio == portfolio
        and _same_sources(last.sources, stated)
    ):
        snapshots.advance(db, last.number, stated)
        return Assessed(last.id, last.number, last.taken_at, judged, work.names, 0, is_new=False)
    snapshot_id = f"S{now:%Y%m%d-%H%M%S}-{fingerprint(run_id, portfolio)[:6]}"
    snapshots.keep(
        db,
        snapshot_id=snapshot_id,
        run_id=run_id,
        taken_at=now,
        as_of=work.today,
        complete=is_complete(stated),
        portfolio=portfolio,
        sources=stated,
        changed=changed,
    )
    reach("snapshot.in_keep")
    number = last.number + 1 if last else 1
    return Assessed(snapshot_id, number, now, judged, work.names, len(changed), is_new=True)


def is_complete(stated: Sequence[Mapping[str, Any]]) -> bool:
    """No source is stale."""
    return all(not each["stale"] for each in stated)


def portfolio_of(
    db: Connection,
    settings: Settings,
    names: links.Registry,
    projects: Sequence[Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """What a snapshot keeps beside projects and sources: name, currency, outlook, desk, exceptions, what is in quarantine.

    `desk_moves_at` is the instant at which time alone breaches or escalates a ticket of no project.
    """
    terms, zone = settings.portfolio.service, settings.portfolio.zone
    clocked = [(each, clock(each, now, terms, zone)) for each in desk.unlinked(db)]
    kept: dict[str, Any] = json_like(
        {
            "name": settings.portfolio.name,
            "currency": settings.portfolio.currency,
            "capacity": outlook.capacity_of(db, settings, projects, today_of(settings, now)),
            "priority": outlook.priority_of(db, settings),
            "desk": ticket_rows.desk(clocked, count(clocked, now), now),
            "desk_moves_at": min((each.moves_at for _, each in clocked if each.moves_at), default=None),
            "exceptions": [*_unallocated(names), *waiting_exceptions(projects)],
            "quarantine": quarantine(db),
        }
    )
    return kept


def quarantine(db: Connection) -> dict[str, Any]:
    """What stands in quarantine: counts of records and writes, per connection and kind."""
    entries = runs.quarantined(db)
    counted: dict[tuple[str, str], int] = {}
    for entry in entries:
        place = (entry["connection"], entry["kind"])
        counted[place] = counted.get(place, 0) + 1
    return {
        "records": sum(1 for entry in entries if not entry["write"]),
        "writes": sum(1 for entry in entries if entry["write"]),
        "by_connection": [
            {"connection": name, "kind": kind, "count": count}
            for (name, kind), count in sorted(counted.items())
        ],
    }


def _keep_duties(
    db: Connection, judged: Mapping[str, Judged], now: datetime, today: date, run_id: str
) -> bool:
    """Opens the obligations whose threshold was crossed and marks those whose figure has come back; True if there were any."""

    def told(what: str, key: str, detail: Mapping[str, Any]) -> None:
        audit.record(db, at=now, run_id=run_id, who=WHO, what=what, subject=key, detail=detail)

    reviews = {key: each.outcome["review"] for key, each in judged.items()}
    for key, wanted in reviews.items():
        for each in wanted["open"]:
            due_on = date.fromisoformat(each["due_on"]) if each["due_on"] else None
            wish = {**each, "due_on": due_on, "type_": "obligation", "at": now}
            number = manual.add_action(db, key, wish.pop("title"), **wish)
            told("obligation opened", key, {"id": number, **each})
        if wanted["recovered"]:
            manual.mark_recovered(db, wanted["recovered"], today)
            told("obligation recovered", key, {"ids": wanted["recovered"]})
    return any(wanted["open"] or wanted["recovered"] for wanted in reviews.values())


def _moved(before: Judged, after: Judged) -> bool:
    return fingerprint(before.body, before.outcome) != fingerprint(after.body, after.outcome)


def _same_sources(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> bool:
    def state(stated: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        return [
            (each["connection"], each["state"], each["stale"], each["records"], each["quarantined"])
            for each in stated
        ]

    return state(before) == state(after)


def stories_of(db: Connection) -> dict[str, dict[str, Any]]:
    """The newest story per project, as the document tells it."""
    return {
        key: {"text": told["text"], "by": told["by"], "at": instant_text(told["at"])}
        for key, told in manual.narratives(db).items()
    }


def _unallocated(names: links.Registry) -> list[dict[str, Any]]:
    """Budget codes whose declared shares leave a rest, and names that two projects claim: for a person to settle."""
    shares: dict[str, Decimal] = {}
    for project in names.projects.values():
        for code, share in project.budget_codes.items():
            shares[code] = shares.get(code, Decimal(0)) + share
    found = [
        {
            "project": None,
            "kind": "unallocated",
            "severity": "medium",
            "text": f"budget code {code}: {1 - share:.0%} belongs to no project",
            "since": None,
            "because": f"the declared shares sum to {share.normalize()}",
        }
        for code, share in sorted(shares.items())
        if share < 1
    ]
    found += [
        {
            "project": None,
            "kind": "link_conflict",
            "severity": "medium",
            "text": doubt,
            "since": None,
            "because": "two claims to one name; the first one has it",
        }
        for doubt in names.doubts
    ]
    return found
