"""Webhooks as hints: a tool says that something changed, and the connection is read soon instead of at its time.

Nothing of what is announced is believed but that it was: the records are pulled by the tool's interface, so late, repeated,
reordered, unknown and missing announcements cost nothing but time. Any tool that can sign a request may announce:
`X-Hub-Signature` (or `-256`) holds `sha256=` and the HMAC of the raw body under the connection's `webhook.secret`, as Jira's
admin webhooks do.
"""

import hashlib
import hmac
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from config.settings import Settings

_LOG = logging.getLogger("portico.hooks")
LARGEST = 1 << 20
"""Bytes of an announcement that are read at most; Jira's own are far smaller."""
WINDOW = timedelta(hours=2)
"""An announcement older than this is a replay: tools retry for an hour or so."""
AHEAD = timedelta(minutes=5)
PAUSE = timedelta(seconds=10)
"""So long after a read that an announcement asked for, further ones wait and become one read."""
COUNTED = timedelta(minutes=15)
"""So seldom an announced deletion makes a census."""
_REMEMBERED = 10_000
_SIGNATURES = ("X-Hub-Signature-256", "X-Hub-Signature")
_MILLISECONDS_FROM = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an announcement: the status to answer with, and why in a word."""

    status: int
    said: str


@dataclass(frozen=True, slots=True)
class Due:
    """A connection to read now; `census`: something was deleted there."""

    connection: str
    census: bool


class Hooks:
    """The announcements of all connections. Safe to share between threads."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self._secrets = {
            name: each.webhook.secret.get_secret_value()
            for name, each in settings.connections.items()
            if each.webhook is not None
        }
        self._now = now
        self._lock = threading.Lock()
        self._seen: OrderedDict[bytes, datetime] = OrderedDict()
        self._waiting: dict[str, bool] = {}
        self._read: dict[str, datetime] = {}
        self._counted: dict[str, datetime] = {}

    def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Takes an announcement in if it is signed, of now, and new."""
        secret = self._secrets.get(name)
        if secret is None:
            return Received(404, "no webhook here")
        if not signed(secret, headers, body):
            _LOG.info("an announcement to %s was not signed with its secret", name)
            return Received(401, "the signature is missing or wrong")
        told = _document(body)
        at, now = sent_at(told), self._now()
        if at is not None and not now - WINDOW <= at <= now + AHEAD:
            return Received(400, "not of now")
        with self._lock:
            if self._known(name, body, now):
                return Received(200, "known already")
            self._waiting[name] = self._waiting.get(name, False) or deletes(told)
        return Received(202, "taken")

    def due(self) -> list[Due]:
        """The connections to read now; asked for once per announcement, and no more often than every ten seconds."""
        now, found = self._now(), []
        with self._lock:
            for name in list(self._waiting):
                if now - self._read.get(name, now - PAUSE) < PAUSE:
                    continue
                census = self._waiting[name] and now - self._counted.get(name, now - COUNTED) >= COUNTED
                if census:
                    self._counted[name] = now
                del self._waiting[name]
                self._read[name] = now
                found.append(Due(name, census))
        return found

    def _known(self, name: str, body: bytes, now: datetime) -> bool:
        """Whether this very announcement came before; a retry has the same body, and each event its own instant."""
        while self._seen and (
            len(self._seen) >= _REMEMBERED or now - next(iter(self._seen.values())) > WINDOW + AHEAD
        ):
            self._seen.popitem(last=False)
        mark = hashlib.sha256(name.encode() + b"\0" + body).digest()
        if mark in self._seen:
            return True
        self._seen[mark] = now
        return False


def signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a header holds the body's HMAC-SHA256 under the secret; compared in constant time."""
    wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = next((value for name in _SIGNATURES if (value := headers.get(name))), "")
    return hmac.compare_digest(wanted.encode(), given.strip().lower().encode())


def sent_at(told: Mapping[str, Any]) -> datetime | None:
    """When an announcement says it was made (`timestamp`, epoch seconds or milliseconds); None if it does not."""
    stamp = told.get("timestamp")
    if not isinstance(stamp, int) or isinstance(stamp, bool):
        return None
    try:
        return datetime.fromtimestamp(stamp / 1000 if stamp >= _MILLISECONDS_FROM else stamp, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def deletes(told: Mapping[str, Any]) -> bool:
    """Whether an announcement tells of a deletion, in Jira's words (`jira:issue_deleted`) or others' (`deleted`)."""
    return str(told.get("webhookEvent") or told.get("event") or "").casefold().endswith("deleted")


def _document(body: bytes) -> Mapping[str, Any]:
    """The announcement, as far as it is one; an unknown shape is an announcement all the same."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
