"""Alembic's entry: migrates over the engine that `portfolio.store.database` hands in."""

from alembic import context

from portfolio.store.tables import metadata

engine = context.config.attributes["engine"]

with engine.connect() as db:
    context.configure(connection=db, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    if db.in_transaction():
        db.commit()
