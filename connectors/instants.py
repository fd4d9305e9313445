"""Instants as tools write them, and as plain values."""

from datetime import UTC, datetime

from connectors.errors import ContractBroken


def instant(value: object) -> datetime:
    """ISO 8601 with an offset (`2013-05-20T20:49:32.000+0000`) as an instant in UTC. Raises ContractBroken for anything else."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise ContractBroken(f"{value!r} is no instant") from None
    if moment.tzinfo is None:
        raise ContractBroken(f"{value!r} has no offset, so it is no instant")
    return moment.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """An aware instant as a plain value: UTC with `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
