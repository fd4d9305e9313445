"""The store's tables. Entity tables follow from `portfolio.model`; the others are listed here."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Index, Integer, MetaData, Table

from portfolio.model import COMMON, ENTITIES, HIDDEN_FIELDS, Entity
from portfolio.store.types import Body, Document, Instant, Packed, Values, Words, column_type

metadata = MetaData()

PULLED = tuple(name for name in ENTITIES if name not in {"gate", "action", "metric"})
"""Entities that come from tools. Gates, actions and metrics are what Portico itself keeps or works out."""

RECORD_KEY = ("connection", "kind", "external_id")


def _entity_table(entity: Entity) -> Table:
    columns = [
        Column(
            each.name,
            column_type(each.type),
            primary_key=each.name in RECORD_KEY,
            nullable=each.name not in RECORD_KEY,
        )
        for each in COMMON
    ]
    columns += [Column(each.name, column_type(each.type)) for each in (*entity.fields, *HIDDEN_FIELDS)]
    table = Table(entity.name, metadata, *columns)
    if entity.field("project_key"):
        Index(f"ix_{entity.name}_project", table.c.project_key)
    return table


entity_tables = {name: _entity_table(ENTITIES[name]) for name in PULLED}
_item = entity_tables["work_item"]
Index("ix_work_item_parent", _item.c.connection, _item.c.parent_id)

source_record = Table(
    "source_record",
    metadata,
    Column("connection", Words, primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("external_id", Words, primary_key=True),
    Column("scope", Words, nullable=False),
    Column("external_key", Words),
    Column("url", Words),
    Column("hash", Words, nullable=False),
    Column("body", Body, nullable=False),
    Column("version", Words),
    Column("owned", Values),
    Column("source_created_at", Instant),
    Column("source_updated_at", Instant),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("missing", Integer, nullable=False, default=0),
    Column("deleted_at", Instant),
)
Index(
    "ix_source_record_key",
    source_record.c.connection,
    source_record.c.external_key,
    source_record.c.missing,
    source_record.c.deleted_at,
)
"""Finds a record by its key, and counts without touching the records themselves."""

history = Table(
    "history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("entity", Words, nullable=False),
    Column("connection", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("external_id", Words, nullable=False),
    Column("external_key", Words),
    Column("project_key", Words),
    Column("field", Words, nullable=False),
    Column("before", Document),
    Column("after", Document),
    Column("valid_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("run_id", Words, nullable=False),
)
Index("ix_history_project", history.c.project_key)
Index("ix_history_record", history.c.connection, history.c.kind, history.c.external_id)

touched = Table(
    "touched",
    metadata,
    Column("connection", Words),
    Column("kind", Words),
    Column("external_id", Words),
    Column("project_key", Words),
)

assessed = Table(
    "assessed",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("links", Words, nullable=False),
    Column("terms", Words, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Words, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("command", Words, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Words),
    Column("counts", Document),
)

scope = Table(
    "scope",
    metadata,
    Column("connection", Words, primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("scope", Words, primary_key=True),
    Column("cursor", Document),
    Column("mapping", Words),
    Column("read_at", Instant),
    Column("full_read_at", Instant),
    Column("census_at", Instant),
    Column("complete", Boolean),
)

connection = Table(
    "connection",
    metadata,
    Column("name", Words, primary_key=True),
    Column("tool", Words, nullable=False),
    Column("tenant", Words),
    Column("address", Words),
    Column("state", Words),
    Column("error", Words),
    Column("fix", Words),
    Column("tried_at", Instant),
    Column("read_at", Instant),
    Column("budget", Document),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Words, primary_key=True),
    Column("owner", Words, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("until", Double, nullable=False),
)

alarm = Table(
    "alarm",
    metadata,
    Column("connection", Words, primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("text", Words, nullable=False),
    Column("since", Instant, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("connection", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("external_id", Words, nullable=False),
    Column("external_key", Words),
    Column("field", Words, nullable=False),
    Column("value", Words),
    Column("reason", Words, nullable=False),
    Column("fix", Words),
    Column("since", Instant, nullable=False),
    Column("run_id", Words, nullable=False),
    Column("write", Boolean, nullable=False),
    Column("dropped_at", Instant),
    Column("dropped_why", Words),
)
Index("ix_quarantine_record", quarantine.c.connection, quarantine.c.kind, quarantine.c.external_id)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Words, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("run_id", Words, nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("portfolio", Packed, nullable=False),
    Column("sources", Document, nullable=False),
    Column("newest_sources", Document),
)

judgement = Table(
    "judgement",
    metadata,
    Column("project_key", Words, primary_key=True),
    Column("snapshot", Integer, primary_key=True),
    Column("hash", Words, nullable=False),
    Column("facts", Words, nullable=False),
    Column("rules", Words, nullable=False),
    Column("point", Document),
    Column("body", Packed),
    Column("outcome", Packed),
)

ownership = Table(
    "ownership",
    metadata,
    Column("connection", Words, primary_key=True),
    Column("record", Words, primary_key=True),
    Column("field", Words, primary_key=True),
    Column("value", Document),
    Column("shown", Document),
    Column("flips", Integer, nullable=False, default=0),
    Column("written_at", Instant, nullable=False),
    Column("run_id", Words, nullable=False),
)

write = Table(
    "write",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("run_id", Words, nullable=False),
    Column("connection", Words, nullable=False),
    Column("record", Words, nullable=False),
    Column("project_key", Words),
    Column("changes", Document, nullable=False),
    Column("state", Words, nullable=False),
    Column("error", Words),
    Column("intended_at", Instant, nullable=False),
    Column("done_at", Instant),
)
Index("ix_write_state", write.c.state)

delivery = Table(
    "delivery",
    metadata,
    Column("report", Words, primary_key=True),
    Column("place", Words, primary_key=True),
    Column("edition", Words, primary_key=True),
    Column("day", Date, nullable=False),
    Column("state", Words, nullable=False),
    Column("answer", Words),
    Column("intended_at", Instant, nullable=False),
    Column("done_at", Instant),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("run_id", Words, nullable=False),
    Column("who", Words, nullable=False),
    Column("what", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("detail", Document, nullable=False),
    Column("previous", Words, nullable=False),
    Column("hash", Words, nullable=False),
)

decision = Table(
    "decision",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project_key", Words, nullable=False),
    Column("gate", Words, nullable=False),
    Column("decision", Words, nullable=False),
    Column("decided_on", Date, nullable=False),
    Column("decided_by", Words, nullable=False),
    Column("note", Words),
    Column("conditions", Document, nullable=False),
    Column("valid_until", Date),
    Column("recorded_at", Instant, nullable=False),
)

action = Table(
    "action",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project_key", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("owner", Words),
    Column("due_on", Date),
    Column("state", Words, nullable=False),
    Column("outcome", Words),
    Column("opened_because", Words),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("cause", Words),
    Column("dimension", Words),
    Column("before", Document),
    Column("recovered_on", Date),
)

narrative = Table(
    "narrative",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project_key", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

override = Table(
    "override",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project_key", Words, nullable=False),
    Column("dimension", Words, nullable=False),
    Column("value", Words, nullable=False),
    Column("why", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("until", Date, nullable=False),
    Column("at", Instant, nullable=False),
)

rebaseline = Table(
    "rebaseline",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("project_key", Words, nullable=False),
    Column("start_baseline", Date),
    Column("finish_baseline", Date),
    Column("by", Words, nullable=False),
    Column("why", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

review = Table(
    "review",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("held_on", Date, nullable=False),
    Column("by", Words, nullable=False),
    Column("note", Words),
    Column("ranking", Document, nullable=False),
    Column("at", Instant, nullable=False),
)
