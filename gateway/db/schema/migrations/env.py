"""Alembic's entry: runs migrations on the connection that `gateway.db.schema.upgrade` hands over, or on one of the
engine that Flask-Migrate does.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, Engine

from gateway.db.model import Base


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine: Engine = context.config.attributes["engine"]
    with engine.begin() as own:
        run(own)
