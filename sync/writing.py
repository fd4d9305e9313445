"""Making planned writes: intent, effect, outcome, one record at a time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import Patch, Shown, Target
from connectors.errors import ConnectorError, Retry
from portfolio.store import runs, writes
from portfolio.store.leases import LeaseLost
from sync import settling, tenant, wiring, wishes
from sync.applying import Sent, journalled, keep
from sync.crash import reach
from sync.errand import FAILED, Errand
from sync.plan import Change

Place = tuple[str, str]
"""A connection and the reference of a record there."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes for one run. `targets` and `looked`: what a change's place is, and what it showed when planned."""

    errand: Errand
    targets: Mapping[Place, Target]
    looked: Mapping[Place, Shown]

    def apply(self, names: Sequence[str], changes: Iterable[Change]) -> None:
        """Makes the changes at the named connections; what becomes of each is in the store and the report."""
        errand = self.errand
        by_place: dict[str, dict[str, list[Change]]] = defaultdict(lambda: defaultdict(list))
        for change in changes:
            by_place[change.connection][change.record].append(change)
        for name in names:
            if not errand.settings.safety_of(name).write or not errand.take(name):
                continue
            try:
                self._write(name, by_place[name])
            except LeaseLost as lost:
                errand.report.unread[name] = str(lost)
                errand.say(f"{name}: {lost}")

    def _write(self, name: str, records: Mapping[str, Sequence[Change]]) -> None:
        errand = self.errand
        with errand.store.transaction() as db:
            errand.guard(db, name)
            settling.give_up(db, name, at=errand.clock(), run_id=errand.report.run_id)
        if records and not errand.waits(name) and self._recognised(name):
            self._send(name, records)

    def _recognised(self, name: str) -> bool:
        """Whether the tool about to be written is the one that this connection has always been."""
        errand = self.errand
        read = errand.report.read.get(name)
        if read is not None and read.tenant is not None:
            return True
        with errand.store.reading() as db:
            before = tenant.known(db, name)
        try:
            seen = tenant.ask(errand.connector(name), before, approve=errand.approve)
        except ConnectorError as error:
            self._stopped(name, {}, error)
            return False
        with errand.store.transaction() as db:
            errand.guard(db, name)
            tool = errand.settings.connections[name].tool
            tenant.note(db, name, tool, tenant.Known(seen, wiring.address(errand.settings, name)))
        return True

    def _send(self, name: str, records: Mapping[str, Sequence[Change]]) -> None:
        errand = self.errand
        patches = [self._patch(name, record, changes) for record, changes in records.items()]
        numbers = self._intend(name, records)
        try:
            for outcome in errand.connector(name).push(patches):
                reach("apply.after_request")
                record = wishes.reference(outcome.patch.target)
                sent = Sent(numbers.pop(record), name, record, records[record])
                with errand.store.transaction() as db:
                    errand.guard(db, name)
                    keep(db, errand.report, sent, outcome, errand.clock())
                reach("apply.after_settle")
                if numbers and errand.waits(name):
                    break
        except ConnectorError as error:
            self._stopped(name, numbers, error)

    def _intend(self, name: str, records: Mapping[str, Sequence[Change]]) -> dict[str, int]:
        """Journals every intent in one transaction, before the first effect. Raises LeaseLost."""
        errand = self.errand
        numbers = {}
        reach("apply.before_intent")
        with errand.store.transaction() as db:
            errand.guard(db, name)
            for record, changes in records.items():
                numbers[record] = writes.intend(
                    db,
                    run_id=errand.report.run_id,
                    connection=name,
                    record=record,
                    project_key=changes[0].project,
                    changes=[journalled(change) for change in changes],
                    at=errand.clock(),
                )
            reach("apply.in_intent")
        reach("apply.after_intent")
        return numbers

    def _patch(self, name: str, record: str, changes: Sequence[Change]) -> Patch:
        return Patch(
            target=self.targets[(name, record)],
            values={change.field: change.after for change in changes},
            before={change.field: change.before for change in changes},
            version=self.looked[(name, record)].version,
        )

    def _stopped(self, name: str, numbers: Mapping[str, int], error: ConnectorError) -> None:
        errand = self.errand
        unclear = isinstance(error, Retry)
        with errand.store.transaction() as db:
            for number in numbers.values():
                writes.settle(db, number, "unknown" if unclear else "stopped", errand.clock(), error.text)
            tool = errand.settings.connections[name].tool
            runs.note_connection(db, name, tool, state=FAILED, error=error.text, fix=error.fix)
            if isinstance(error, tenant.OtherTenant):
                tenant.refuse(db, name, error, errand.clock())
        errand.report.unread[name] = error.text
        errand.say(f"{name}: writing stopped: {error.text}")
