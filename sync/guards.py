"""What keeps a run from writing too much: fields that something else keeps writing, quiet hours, another tenant."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection as Db

from config import hours
from config.settings import Settings
from portfolio.store import runs
from sync.plan import FLIPS, Drift, Written, told

SETTLED = timedelta(days=7)
"""A value that stood for so long is no longer fought over: its flips are counted anew."""
Place = tuple[str, str, str]


def written(
    owned: Mapping[Place, Mapping[str, Any]], now: datetime, *, approve: bool
) -> dict[Place, Written]:
    """What Portico last wrote where, as the plan needs it. With `approve` parked fields are restored again."""
    return {
        place: Written(row["value"], row["shown"], 0 if approve else _flips(row, now))
        for place, row in owned.items()
    }


def _flips(row: Mapping[str, Any], now: datetime) -> int:
    return int(row["flips"]) if now - row["written_at"] < SETTLED else 0


def quiet(settings: Settings, name: str, at: datetime) -> str | None:
    """The quiet hours of a connection, if `at` is within them on the portfolio's clock."""
    text = settings.safety_of(name).quiet
    if text is None or not hours.parse(text).hold(at.astimezone(settings.portfolio.zone).time()):
        return None
    return text


def note_parked(db: Db, names: Collection[str], drift: Iterable[Drift], at: datetime) -> None:
    """Raises the alarm `ping_pong` for the connections whose fields something else keeps writing, and ends it elsewhere."""
    fields: dict[str, list[str]] = defaultdict(list)
    for each in drift:
        if each.policy == "parked":
            fields[each.connection].append(f"{each.label} {each.field} (shows {told(each.shown)})")
    for name in names:
        if name not in fields:
            runs.clear_alarm(db, name, "ping_pong")
            continue
        shown = "; ".join(fields[name][:5]) + (
            f"; and {len(fields[name]) - 5} more" if fields[name][5:] else ""
        )
        text = (
            f"something else keeps writing fields of Portico's; after {FLIPS} restored values they are left alone: {shown}. "
            "Find the automation that writes them, or set on_drift: keep; then run `portico sync --approve`"
        )
        runs.raise_alarm(db, name, "ping_pong", text, at)
