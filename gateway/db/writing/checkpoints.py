"""SQLite's log, copied back into the database beside the writers instead of in the middle of one's commit.

By itself SQLite checkpoints within the commit that makes the log too long: every writer then waits for 30 ms and more.
A thread that does it all the time, in small pieces and at a low priority, leaves nothing for the commits to do;
SQLite's own way stays as the backstop (`wal_autocheckpoint` in `engine`). To begin the log anew, now and then, writers
are kept out for a moment: a writer's own thread does that, since at a low priority the moment could be long.
Source: https://www.sqlite.org/wal.html#ckpt
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from gateway.db.database import Database
from gateway.errors import GatewayError
from gateway.priority import step_back
from gateway.telemetry.logging import get_logger

INTERVAL_SECONDS = 0.03
RETRY_SECONDS = 1.0
# Behind the writers, but before pages: the longer the pieces, the longer the disk is busy with them.
NICENESS = 3
# From here on the log is begun anew: writers wait for a moment, but for the rest of what they added meanwhile only.
RESTART_PAGES = 3000
RESTART_SECONDS = 0.1


class Checkpointer:
    """Starts its thread with the first `wrote`. For databases that have no such log it does nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_long = False
        # Set while nothing is copied for the sake of who begins the log anew.
        self._begun = threading.Event()

    def wrote(self) -> None:
        """A transaction was committed. Mostly cheap; called by one thread, the writer's."""
        if self._thread is None and self._database.is_sqlite:
            thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            # Where the system gives no more threads, SQLite's own way has to do.
            with suppress(RuntimeError):
                thread.start()
                self._thread = thread
        if self._is_long:
            self._is_long = False
            with _told():
                self._begin_anew()
            self._begun.set()
        self._written.set()

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._closing.set()
        self._written.set()
        self._begun.set()
        if self._thread is not None:
            self._thread.join(5)

    def _begin_anew(self) -> None:
        """Copy what the thread has left, with no writer in between: the next one writes at the log's beginning."""
        with closing(self._connect()) as connection, self._database.alone():
            connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()

    def _run(self) -> None:
        # Else it would take the core from a writer that others wait for.
        step_back(NICENESS)
        while not self._closing.is_set():
            with _told():
                self._copy()
            self._closing.wait(RETRY_SECONDS)

    def _copy(self) -> None:
        """Until the end, or until something fails."""
        with closing(self._connect()) as connection:
            restart_at = 0.0
            while not self._closing.wait(INTERVAL_SECONDS):
                self._written.wait()
                self._written.clear()
                _busy, pages, _copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages > RESTART_PAGES and time.monotonic() >= restart_at:
                    self._begun.clear()
                    self._is_long = True
                    # Two at it would be in each other's way. Without another commit it has time.
                    self._begun.wait(RESTART_SECONDS)
                    # If somebody was reading, the log goes on, and there is no use in asking all the time.
                    restart_at = time.monotonic() + RESTART_SECONDS

    def _connect(self) -> sqlite3.Connection:
        connection = self._database.detached()
        # Whoever reads just now is not waited for: the next round comes soon.
        connection.execute("PRAGMA busy_timeout=0")
        return connection


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, GatewayError, OSError) as error:
        get_logger(__name__).warning("log not copied back; trying again", error=str(error))
