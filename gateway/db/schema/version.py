"""Schema versions: where the database is and where the code expects it. Bringing it there is `upgrade`'s matter.

Revisions are numbered. A migration takes nothing away that the version before it uses: while machines are updated one
after another, those that are not yet work on with the newer schema. Nothing here needs Alembic, which is slow to load.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from gateway.db.database import Database
from gateway.db.engine import sqlite_path
from gateway.errors import Hint, SchemaBehind

MIGRATIONS = Path(__file__).parent / "migrations"
# Alembic's own.
VERSION_TABLE = "alembic_version"


@cache
def head() -> str:
    """The revision that this code needs: the last one. A migration's file begins with its number."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def current(database: Database) -> str | None:
    """The revision that the database has; None when it holds no schema of ours.

    Raises `SchemaBehind` when SQLite's file is not there (opening would make an empty one), `StorageUnavailable`.
    """
    path = sqlite_path(database.engine)
    if path is not None and not path.exists():
        raise SchemaBehind(f"there is no database at {path} yet", Hint("create_database"))
    with database.read() as connection:
        return version_on(connection)


def version_on(connection: Connection) -> str | None:
    """The revision of the database behind `connection`; None when it holds no schema of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 (a constant)
    return None if found is None else str(found)


def require_current(database: Database) -> None:
    """Raises `SchemaBehind` unless the database has this code's schema or a newer one."""
    found = current(database)
    if found is None or found < head():
        state = "has no schema yet" if found is None else f"has schema {found}, this version needs {head()}"
        raise SchemaBehind(f"the database {state}", Hint("upgrade_database"))
