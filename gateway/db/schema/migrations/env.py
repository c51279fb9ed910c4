"""Alembic's entry: runs migrations on the connection that `gateway.db.schema.version` or Flask-Migrate hands over."""

from __future__ import annotations

from alembic import context
from flask import current_app
from sqlalchemy import Connection

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
    with current_app.extensions["migrate"].db.engine.begin() as own:
        run(own)
