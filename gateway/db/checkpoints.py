"""SQLite's log, copied back into the database beside the writers instead of in the middle of one's commit.

By itself SQLite checkpoints within the commit that makes the log too long: every writer then waits for 30 ms and more.
A thread that does it all the time, in small pieces, leaves nothing for the commits to do; SQLite's own way stays as
the backstop (`wal_autocheckpoint` in `engine`). Source: https://www.sqlite.org/wal.html#ckpt
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, suppress

from gateway.db.database import Database
from gateway.errors import GatewayError
from gateway.telemetry.logging import get_logger

INTERVAL_SECONDS = 0.02
RETRY_SECONDS = 1.0
# From here on the log is begun anew: writers wait for a moment, but for the rest of what they added meanwhile only.
RESTART_PAGES = 2000
RESTART_SECONDS = 0.1


class Checkpointer:
    """Starts its thread with the first `wrote`. For databases that have no such log it does nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def wrote(self) -> None:
        """A transaction was committed. Cheap; called by one thread."""
        if self._thread is None and self._database.is_sqlite:
            thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            # Where the system gives no more threads, SQLite's own way has to do.
            with suppress(RuntimeError):
                thread.start()
                self._thread = thread
        self._written.set()

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._closing.set()
        self._written.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._copy()
            except (sqlite3.Error, GatewayError, OSError) as error:
                get_logger(__name__).warning("log not copied back; trying again", error=str(error))
                self._closing.wait(RETRY_SECONDS)

    def _copy(self) -> None:
        """Until the end, or until something fails."""
        with closing(self._database.detached()) as connection:
            # Whoever reads just now is not waited for: the next round comes soon.
            connection.execute("PRAGMA busy_timeout=0")
            restart_at = 0.0
            while not self._closing.wait(INTERVAL_SECONDS):
                self._written.wait()
                self._written.clear()
                _busy, pages, _copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages > RESTART_PAGES and time.monotonic() >= restart_at:
                    with self._database.alone():
                        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                    # If somebody was reading, the log goes on, and there is no use in asking all the time.
                    restart_at = time.monotonic() + RESTART_SECONDS
