"""A writer that keeps its connection, for one thread that writes all the time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from gateway.db.after_commit import collected, run_callbacks
from gateway.db.database import Database
from gateway.db.drivers import sqlite_driver
from gateway.db.faults import storage_errors

# How long SQLite's log may become, in pages, before a commit of a kept writer copies it back by itself. Beside such a
# writer `checkpoints` does it; a commit that does, once a reader has gone who was in the way, would take half a second.
KEPT_LOG_PAGES = 65_536

# Firewalls forget connections that rest for some minutes, without a word to either end.
RESTED_SECONDS = 60.0


class KeptWriter:
    """`Database.write` for one thread, on a connection that it keeps: taking one from the pool for every transaction
    and giving it back costs more than a small transaction does.

    `log_pages` is for writers beside which `checkpoints` copies SQLite's log back; None leaves SQLite's own way.
    `cache_kilobytes` is how much SQLite may keep of what it wrote, None for as much as elsewhere: who writes much that
    nobody reads needs little.
    A connection on which anything went wrong is given up, and one that rested for long, which may be dead without
    anybody knowing; the next transaction opens another one.
    """

    def __init__(
        self, database: Database, *, log_pages: int | None = KEPT_LOG_PAGES, cache_kilobytes: int | None = None
    ) -> None:
        self._engine = database.writing_engine
        self._cache_kilobytes = cache_kilobytes
        self._lock = database.write_lock
        self._log_pages = log_pages
        self._connection: Connection | None = None
        self._used_at = 0.0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """As `Database.write`. Raises `StorageUnavailable`."""
        with storage_errors(), self._lock.held():
            try:
                if time.monotonic() - self._used_at > RESTED_SECONDS:
                    self.close()
                if self._connection is None:
                    self._connection = self._engine.connect()
                    self._settle(self._connection)
                with collected(self._connection) as callbacks, self._connection.begin():
                    yield self._connection
                self._used_at = time.monotonic()
            except BaseException:
                self.close()
                raise
        run_callbacks(callbacks)

    def _settle(self, connection: Connection) -> None:
        if self._engine.dialect.name != "sqlite":
            return
        if self._log_pages is not None:
            sqlite_driver(connection).execute(f"PRAGMA wal_autocheckpoint={self._log_pages}")
        if self._cache_kilobytes is not None:
            sqlite_driver(connection).execute(f"PRAGMA cache_size=-{self._cache_kilobytes}")

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
