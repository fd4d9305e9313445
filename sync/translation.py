"""Changed source records become entity rows and rejects: in = out + rejected."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.connections import Read as DeclaredRead
from config.settings import Settings
from mapping.loading import KindMapping, load
from mapping.translate import Translated, context_of
from mapping.translate import Translator as RecordTranslator
from portfolio.model import ENTITIES, Row
from portfolio.store import entities, records, runs, touched
from portfolio.store.database import Store
from portfolio.store.records import Observed, Read
from sync.crash import reach

FIX = "correct the value at its source, or give the mapping a rule for it"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch of records became: rows ready to store, and quarantine entries."""

    entity: str
    rows: list[Row]
    rejects: list[dict[str, Any]]


def mapping_of(settings: Settings, name: str, read: DeclaredRead) -> KindMapping:
    """The mapping of a declared read: the shipped one with the connection's overrides and link rules.

    A kind may be read into two entities; each takes the overrides of the fields that it has.
    """
    connection = settings.connections[name]
    entity = load(connection.tool, read.kind, entity=read.entity).entity
    overrides = {
        field: rule for field, rule in connection.map.get(read.kind, {}).items() if entity.field(field)
    }
    rules = [
        (rule.value, rule.equals)
        for rule in settings.projects.rules
        if rule.connection == name and rule.kind == read.kind
    ]
    gates = connection.gate_decisions.get(read.kind) if entity == ENTITIES["project"] else None
    return load(connection.tool, read.kind, overrides, entity=read.entity, links=rules, gates=gates)


class Translator:
    """Translates the records of one declared read."""

    def __init__(self, mapping: KindMapping, settings: Settings) -> None:
        self.mapping = mapping
        self._context = context_of(settings.portfolio)
        self._record = RecordTranslator(mapping, self._context)

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same records would become other rows."""
        return hashlib.sha256(f"{self.mapping.fingerprint} {self._context}".encode()).hexdigest()

    def translate(self, connection: str, observed: Sequence[Observed]) -> Batch:
        """Rows and quarantine entries of these records. Every record is in the rows, or has an entry, or both."""
        batch = Batch(self.mapping.entity.name, [], [])
        for record in observed:
            translated = self._record.translate(record.body)
            if translated.row is not None:
                batch.rows.append(
                    {**translated.row, **_common(connection, self.mapping.kind, record), **_names(translated)}
                )
            batch.rejects.extend(_rejects(connection, self.mapping.kind, record, translated))
        return batch


def _common(connection: str, kind: str, record: Observed) -> Row:
    return {
        "connection": connection,
        "kind": kind,
        "external_id": record.id,
        "external_key": record.key,
        "url": record.url,
        "source_created_at": record.created_at,
        "source_updated_at": record.updated_at,
    }


def _names(translated: Translated) -> Row:
    row = translated.row or {}
    values = [list(each) for each in translated.link_values]
    told = [row["project_key"]] if row.get("project_key") else row.get("project_keys") or ()
    values += [["key", key] for key in told]
    return {"container": list(translated.container), "link_values": values}


def _rejects(connection: str, kind: str, record: Observed, translated: Translated) -> list[dict[str, Any]]:
    return [
        {
            "connection": connection,
            "kind": kind,
            "external_id": record.id,
            "external_key": record.key,
            "field": reject.field,
            "value": reject.value,
            "reason": reject.reason,
            "fix": FIX,
        }
        for reject in translated.rejects
    ]


def keep(
    store_db: Any,
    read: Read,
    translator: Translator,
    observed: Sequence[Observed],
    *,
    at: datetime,
    run_id: str,
    stored: Collection[str],
) -> int:
    """Translates records and stores rows and quarantine in the open transaction; returns the number of rejects.

    `stored` are ids that may have rows already.
    """
    if not observed:
        return 0
    ids = [record.id for record in observed]
    batch = translator.translate(read.connection, observed)
    entities.write(store_db, batch.entity, batch.rows, at=at, run_id=run_id, stored=stored)
    reach("translate.written")
    whole = {row["external_id"] for row in batch.rows}
    before = [each for each in ids if each in stored]
    lost = sorted({*before} - whole)
    touched.ids(store_db, read.connection, read.kind, {*ids} - whole)
    entities.forget(store_db, read.connection, read.kind, lost, but="", at=at, run_id=run_id)
    entities.forget(store_db, read.connection, read.kind, before, but=batch.entity, at=at, run_id=run_id)
    runs.release(store_db, read.connection, read.kind, ids, of_write=False, but=batch.rejects)
    runs.hold_back(store_db, batch.rejects, of_write=False, at=at, run_id=run_id)
    reach("translate.done")
    return len(batch.rejects)


def translate_again(
    store: Store, settings: Settings, entries: Sequence[Mapping[str, Any]] | None, now: datetime
) -> int:
    """Translates the records of quarantine entries (None: of all) with today's mapping; returns how many entries are left."""
    with store.transaction() as db:
        wanted = runs.quarantined(db) if entries is None else entries
        places = {(entry["connection"], entry["kind"]) for entry in wanted if not entry["write"]}
        for name, connection in settings.connections.items():
            for declared in connection.read:
                if (name, declared.kind) not in places:
                    continue
                read = Read(name, declared.kind, declared.scope)
                ids = [
                    e["external_id"] for e in wanted if (e["connection"], e["kind"]) == (name, declared.kind)
                ]
                translator = Translator(mapping_of(settings, name, declared), settings)
                for some in records.stored_batches(db, read, ids):
                    keep(db, read, translator, some, at=now, run_id="retry", stored=ids)
        return len(runs.quarantined(db))
