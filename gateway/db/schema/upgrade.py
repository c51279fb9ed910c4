"""Bringing a database to this version's schema, with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text

from gateway.db.database import Database
from gateway.db.schema.version import MIGRATIONS, head, version_on
from gateway.security.private_files import make_private_folder

# Two processes that migrate the same PostgreSQL database take turns on this advisory lock.
ADVISORY_LOCK = 0x67617465


def upgrade(database_url: str) -> str:
    """Create the database file if needed, apply every migration that is missing; returns the revision it has then,
    which is a later one than `head` where a newer version was there before.

    Raises `StorageUnavailable`.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        make_private_folder(Path(url.database).absolute().parent)
    database = Database.open(database_url)
    try:
        with database.write() as connection:
            if not database.is_sqlite:
                # A large table's index takes as long as it takes.
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            found = version_on(connection)
            # Of a revision that it does not know Alembic could not say whether it is a later one.
            if found is None or found < head():
                command.upgrade(config_on(connection), "head")
                found = head()
    finally:
        database.close()
    return found


def config_on(connection: Connection | None) -> Config:
    """Alembic's configuration for the migrations of this project, run on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
