"""Words behind references: a renamed group moves no record that points to it, so those are read again.

A word comes by dot-walking (`assignment_group.name`) with the record that points to it. Before a read of what
changed, the records of the scope are asked for whose referenced records changed since the last read.
"""

import logging
from collections.abc import Iterator, Sequence

from connectors.servicenow.query import joined
from connectors.servicenow.table import Cancelled, Reader, Row, text_of

_STAMP = "sys_updated_on"
_NEVER_RENAMED = ("number", "value", "link", "display_value", "sys_id")
_LOG = logging.getLogger("portico.servicenow")


def references(paths: Sequence[str]) -> tuple[str, ...]:
    """The reference columns behind which a mapping reads a word that can change."""
    found = [path.split(".") for path in paths if "." in path]
    return tuple(dict.fromkeys(parts[0] for parts in found if parts[-1] not in _NEVER_RENAMED))


def renamed(
    reader: Reader,
    table: str,
    scope: str,
    columns: Sequence[str],
    since: str,
    fields: Sequence[str],
    shown: Sequence[str],
) -> Iterator[Row]:
    """The rows of the scope that point, by one of `columns`, to a record that changed after `since`.

    An instance that cannot answer (no right behind a reference, too slow) costs the freshness of words, not the read.
    """
    marks = [f"{column}.{_STAMP}" for column in columns]
    query = joined(scope, "^OR".join(f"{mark}>{since}" for mark in marks))
    try:
        for row in reader.by_id(table, query, (*fields, *marks), shown):
            if not any(text_of(row.get(mark)) > since for mark in marks):
                _LOG.warning("%s does not tell when what it points to changed: words may be old.", table)
                return
            yield {name: cell for name, cell in row.items() if name not in marks}
    except Cancelled as error:
        _LOG.warning("%s: words may be old: %s", table, error.text)
