"""Errors of drivers and pools in our own words: "the database cannot be used now" becomes `StorageUnavailable`."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.errors import Hint, StorageUnavailable

NO_DATABASE = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
# Of PostgreSQL, when it has ended a connection: a fault of it, a shutdown, a transaction that stood still.
# Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
MISSING_RIGHTS = "42501"
CONNECTION_ENDED = ("08", "57P", "25P03")


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate "the database cannot be used now" into `StorageUnavailable`; data errors pass as they are."""
    try:
        yield
    except (PoolTimeout, OSError, sqlite3.OperationalError) as error:
        raise StorageUnavailable(f"the database is not available: {_first_line(error)}") from error
    except postgres_errors("OperationalError", "InterfaceError", "IdleInTransactionSessionTimeout") as error:
        # A server that answers with a reason (a lock, a timeout, a full disk) has not lost the connection.
        state: str | None = getattr(error, "sqlstate", None)
        lost = state is None or state.startswith(CONNECTION_ENDED)
        raise StorageUnavailable(
            f"the database is not available: {_first_line(error)}", connection_lost=lost
        ) from error
    except DBAPIError as error:
        lost = error.connection_invalidated
        if lost or isinstance(error, (OperationalError, InterfaceError)) or _is_no_database(error.orig):
            hints = [Hint("create_postgresql_database")] if _is_missing(error) else []
            raise StorageUnavailable(
                f"the database is not available: {_first_line(error)}", *hints, connection_lost=lost
            ) from error
        if getattr(error.orig, "sqlstate", None) == MISSING_RIGHTS:
            hint = Hint("grant_rights")
            raise StorageUnavailable(f"the database refuses it: {_first_line(error)}", hint) from error
        raise


def postgres_errors(*names: str) -> tuple[type[Exception], ...]:
    """psycopg's classes of these names; none while nobody has loaded it, for then nobody can have raised one. On SQLite
    it stays away.
    """
    driver = sys.modules.get("psycopg")
    return tuple(getattr(driver.errors, name) for name in names) if driver else ()


def _is_no_database(error: BaseException | None) -> bool:
    """Whether SQLite says that its file is damaged, or something else."""
    return isinstance(error, sqlite3.DatabaseError) and getattr(error, "sqlite_errorcode", None) in NO_DATABASE


def _is_missing(error: BaseException) -> bool:
    """Whether PostgreSQL is there, and this database is not. While connecting psycopg tells it in words alone."""
    return bool(re.search(r'database ".*" does not exist', str(getattr(error, "orig", None) or error)))


def _first_line(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return str(origin).strip().split("\n", 1)[0]
