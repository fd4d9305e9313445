"""Deletions that the instance itself records (`sys_audit_delete`): seen at the next read, not at the next census.

Only audited tables have entries, and often only administrators may read them; without them the census finds what is
gone. An entry is no proof (a record can be restored), so each id is asked for once more.
"""

import logging
import re

from connectors.servicenow.query import joined
from connectors.servicenow.table import Cancelled, Reader, TableClosed, TableNotThere, text_of

_AUDIT = "sys_audit_delete"
_SYS_ID = re.compile(r"[0-9a-f]{32}")
_LOG = logging.getLogger("portico.servicenow")


class Deletions:
    """Reads the audit of one instance; one that hides it is asked once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._readable = True

    def since(self, table: str, instant: str) -> frozenset[str]:
        """The sys_ids of the table's records whose deletion was recorded after `instant`."""
        if not self._readable:
            return frozenset()
        query = joined(f"tablename={table}", f"sys_created_on>{instant}")
        try:
            rows = list(self._reader.by_id(_AUDIT, query, ("tablename", "documentkey", "sys_created_on")))
        except (TableClosed, TableNotThere, Cancelled) as error:
            _LOG.info("Deletions are found by the census: %s", error.text)
            self._readable = False
            return frozenset()
        return frozenset(
            text_of(row.get("documentkey"))
            for row in rows
            if text_of(row.get("tablename")) == table
            and text_of(row.get("sys_created_on")) > instant
            and _SYS_ID.fullmatch(text_of(row.get("documentkey")))
        )
