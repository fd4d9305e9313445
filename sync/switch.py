"""The kill switch: `safety.write` as the configuration file says it at this moment, also while a run or a service goes on."""

import logging
from collections.abc import Callable
from pathlib import Path

from config.loading import ConfigurationError
from config.settings import Settings

_LOG = logging.getLogger("portico.switch")


class Switch:
    """Whether a connection may be written now. A file that cannot be used keeps what stood before."""

    def __init__(self, path: Path, load: Callable[[], Settings], began: Settings) -> None:
        self._path = path
        self._load = load
        self._settings = began
        self._changed_at = _changed_at(path)

    def __call__(self, name: str) -> bool:
        """Reads the file again where it was changed since it was last read."""
        changed_at = _changed_at(self._path)
        if changed_at is not None and changed_at != self._changed_at:
            self._changed_at = changed_at
            try:
                self._settings = self._load()
            except ConfigurationError as error:
                _LOG.warning("the changed configuration cannot be used, the earlier one holds: %s", error)
        return name in self._settings.connections and self._settings.safety_of(name).write


def _changed_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
