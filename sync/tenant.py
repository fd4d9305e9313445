"""Which tenant a connection is: learnt when it is first read, and proved again where it could have become another one.

The tool is asked before its first read, at another address, at each census, and before anything is written.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as Db

from connectors.base import Connector
from connectors.errors import StopConnection
from portfolio.store import runs

ALARM = "tenant"


class OtherTenant(StopConnection):
    """The tool is not the one that this connection has been: nothing is read from it and nothing written."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a connection's tenant, and at which address (a hash) it was asked."""

    tenant: str | None = None
    address: str | None = None


def known(db: Db, name: str) -> Known:
    """The tenant that this connection has been so far."""
    row = runs.connections(db).get(name)
    return Known(row.tenant, row.address) if row else Known()


def ask(connector: Connector, before: Known, *, approve: bool) -> str:
    """Asks the tool which tenant it is. Raises OtherTenant where it is not the known one and nobody approved it."""
    tenant = connector.check().tenant
    if approve or before.tenant in {None, tenant}:
        return tenant
    raise OtherTenant(
        f"{connector.name} is {tenant or 'a tool that does not say which'}, but this store was filled from {before.tenant}",
        fix="Correct the connection's url or account. If it is meant to be another one, run `portico sync --approve`.",
    )


def note(db: Db, name: str, tool: str, seen: Known) -> None:
    """Keeps who the tool is; ends the alarm."""
    runs.note_connection(db, name, tool, tenant=seen.tenant or None, address=seen.address)
    runs.clear_alarm(db, name, ALARM)


def refuse(db: Db, name: str, error: OtherTenant, at: datetime) -> None:
    """Raises the alarm."""
    runs.raise_alarm(db, name, ALARM, f"{error.text}. {error.fix}", at)
