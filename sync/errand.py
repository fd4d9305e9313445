"""What the steps of one run share: the store, the settings, the clock, the tools, the leases and the report."""

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection as Db

from config.settings import Settings
from connectors.base import Connector
from connectors.limits import Budget, Metered
from portfolio.store import leases, runs
from portfolio.store.database import Store
from portfolio.store.leases import Lease
from sync import guards, wiring
from sync.outcome import Report

_LOG = logging.getLogger("portico.run")
FAILED, HELD_BACK, READ = "failed", "held", "ok"
"""The states of a connection."""


@dataclass
class Errand:
    """One run's belongings. Of a store that keeps nothing no lease is taken: a rehearsal blocks nobody."""

    store: Store
    settings: Settings
    now: datetime
    clock: Callable[[], datetime]
    stop: threading.Event = field(default_factory=threading.Event)
    say: Callable[[str], None] = _LOG.info
    connect: Callable[[str], Connector] | None = None
    may_write: Callable[[str], bool] | None = None
    approve: bool = False
    """Whether a person let through what a brake holds."""
    report: Report = field(init=False)
    _connectors: dict[str, Connector] = field(init=False, default_factory=dict)
    _leases: dict[str, Lease] = field(init=False, default_factory=dict)
    _owner: str = field(init=False, default_factory=leases.owner)

    def __post_init__(self) -> None:
        self.report = Report(f"R{self.now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}")

    def connector(self, name: str) -> Connector:
        """The connector of a connection, made when first needed. Raises ConnectorError."""
        if name not in self._connectors:
            make = self.connect or (lambda each: wiring.connector(self.settings, each))
            self._connectors[name] = make(name)
        return self._connectors[name]

    def budget(self, name: str) -> Budget | None:
        """What the tool of a connection said last of its limits in this run."""
        connector = self._connectors.get(name)
        return connector.budget if isinstance(connector, Metered) else None

    def close(self) -> None:
        """Closes the connectors that were made."""
        for connector in self._connectors.values():
            connector.close()

    def take(self, name: str) -> bool:
        """Whether this run holds the connection, which it takes if it is free."""
        if not self.store.keep or name in self._leases:
            return True
        with self.store.transaction() as db:
            held = leases.take(db, name, self._owner)
        if held is not None:
            self._leases[name] = held
        return held is not None

    def guard(self, db: Db, name: str) -> None:
        """Proves within a transaction that the connection is still ours. Raises LeaseLost."""
        if name in self._leases:
            leases.renew(db, self._leases[name])

    def release(self, db: Db) -> None:
        """Gives every connection back."""
        for held in self._leases.values():
            leases.release(db, held)

    def waits(self, name: str) -> bool:
        """Whether no further request may be written there now: stopped, switched off, or a quiet hour."""
        if self.stop.is_set():
            return True
        hours = guards.quiet(self.settings, name, self.clock())
        allowed = self.may_write(name) if self.may_write else self.settings.safety_of(name).write
        if hours is None and allowed:
            return False
        self.report.waiting[name] = f"quiet hours {hours}" if hours else "writing was switched off"
        self.say(f"{name}: {self.report.waiting[name]}: the planned writes wait for a later run")
        return True

    def writable(self, name: str) -> bool:
        """Whether a connection may be written: not where its last read failed, was incomplete, is held or never was."""
        connection = self.settings.connections[name]
        if connection.write.project is None and connection.write.budget_line is None:
            return False
        read = self.report.read.get(name)
        if read is not None and read.busy:
            return False
        with self.store.reading() as db:
            row = runs.connections(db).get(name)
        if row is None:
            return not connection.read
        return row.state not in {FAILED, HELD_BACK}
