"""Schema versions: where the database is, where the code expects it, and how to bring it there.

Revisions are numbered. A migration takes nothing away that the version before it uses: while machines are updated one
after another, those that are not yet work on with the newer schema.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text

from gateway.db.database import Database
from gateway.db.engine import sqlite_path
from gateway.errors import SchemaBehind

MIGRATIONS = Path(__file__).parent / "migrations"
# Two processes that migrate the same PostgreSQL database take turns on this advisory lock.
ADVISORY_LOCK = 0x67617465


def upgrade(database_url: str) -> str:
    """Create the database file if needed, apply every migration that is missing; returns the revision reached."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).absolute().parent.mkdir(parents=True, exist_ok=True)
    database = Database.open(database_url)
    try:
        with database.write() as connection:
            if not database.is_sqlite:
                # A large table's index takes as long as it takes.
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            command.upgrade(_config(connection), "head")
    finally:
        database.close()
    return head()


def head() -> str:
    """The revision that this code needs."""
    revision = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert revision is not None
    return revision


def current(database: Database) -> str | None:
    """The revision that the database has; None when it holds no schema of ours.

    Raises `SchemaBehind` when SQLite's file is not there (opening would make an empty one), `StorageUnavailable`.
    """
    path = sqlite_path(database.engine)
    if path is not None and not path.exists():
        raise SchemaBehind(f"there is no database at {path} yet: `gateway run` makes it, or `gateway db upgrade`")
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_current(database: Database) -> None:
    """Raises `SchemaBehind`, with the command to run, unless the database has this code's schema or a newer one."""
    found = current(database)
    if found is None or found < head():
        state = "has no schema yet" if found is None else f"has schema {found}, this version needs {head()}"
        raise SchemaBehind(f"the database {state}: run `gateway db upgrade`")


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
