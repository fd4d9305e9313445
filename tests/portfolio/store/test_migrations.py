"""Every released schema comes up to this program's with its data, and with writes that were under way."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

from portfolio.store import database
from portfolio.store.database import faults, migrations, open_store, upgrade_at

VERSIONS = Path(database.__file__).parent / "migrations"
RELEASED = [each.revision for each in ScriptDirectory(str(VERSIONS)).walk_revisions()]
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
WORDS = '{"key": "value"}'
"""Text that is a document too."""


def sample(column: sa.Column[Any]) -> Any:
    """A value of the column's type, as a store of that schema might hold."""
    samples: list[tuple[type[Any], Any]] = [
        (sa.Boolean, False),
        (sa.Integer, 7),
        (sa.DateTime, NOW),
        (sa.Date, date(2026, 11, 21)),
        (sa.LargeBinary, b"x\x9c\x03\x00\x00\x00\x00\x01"),
        (sa.Float, 7.0),
    ]
    return next((value for type_, value in samples if isinstance(column.type, type_)), WORDS)


def filled(engine: Engine) -> dict[str, int]:
    """A row in every table of the store's own schema; how many rows each table has."""
    there = sa.MetaData()
    there.reflect(engine)
    counts = {}
    with engine.begin() as db:
        for table in there.sorted_tables:
            if table.name == "alembic_version":
                continue
            db.execute(table.insert().values({each.name: sample(each) for each in table.c}))
            counts[table.name] = db.scalar(sa.select(sa.func.count()).select_from(table)) or 0
    return counts


@pytest.mark.parametrize("revision", RELEASED)
def test_a_store_of_every_schema_keeps_its_rows_through_the_upgrade(store_url: str, revision: str) -> None:
    engine = create_engine(store_url)
    command.upgrade(migrations(engine), revision)
    before = filled(engine)
    with engine.begin() as db:
        db.execute(sa.text("UPDATE write SET state = 'intended'"))
    engine.dispose()

    assert upgrade_at(store_url)[1] == RELEASED[0]
    with open_store(store_url) as store, store.reading() as db:
        after = {name: db.scalar(sa.text(f'SELECT COUNT(*) FROM "{name}"')) for name in before}  # noqa: S608
        state = db.scalar(sa.text("SELECT state FROM write"))

        assert after == before
        assert state == "intended"
        assert faults(store) == []


def test_migrations_go_forward_only() -> None:
    script = ScriptDirectory(str(VERSIONS))

    assert len(script.get_heads()) == 1
    assert [each.revision for each in script.walk_revisions() if hasattr(each.module, "downgrade")] == []
