"""When keys were used last: noted in memory, written by a thread, for each key at most once a minute."""

from __future__ import annotations

import threading

from sqlalchemy import text

from gateway.clock import MICROSECONDS, Clock
from gateway.db.database import Database
from gateway.errors import StorageUnavailable
from gateway.telemetry.logging import get_logger

EVERY_SECONDS = 60.0
# What was noted is written so soon, so that a new key is seen to work.
WRITE_SECONDS = 1.0

# Written past the ORM: that a key was used changes nothing that a snapshot is built from.
_WRITE = text("UPDATE api_keys SET last_used_at = :at WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :at)")

_log = get_logger(__name__)


class LastUse:
    """One per process; safe in any thread. Its thread starts with the first use."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._noted: dict[str, int] = {}
        self._written_us: dict[str, int] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, key_id: str) -> None:
        """The key is used now. Costs no look into the database."""
        now_us = self._clock.now_us()
        if now_us - self._written_us.get(key_id, 0) < EVERY_SECONDS * MICROSECONDS:
            return
        with self._lock:
            self._noted[key_id] = now_us
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="api-key-use", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write what was noted, in one transaction. What cannot be written is left: the next use is noted again."""
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return
        # In an order that all processes share, so that two never wait for each other.
        rows = [{"id": key_id, "at": at_us} for key_id, at_us in sorted(noted.items())]
        try:
            with self._database.write() as connection:
                connection.execute(_WRITE, rows)
        except StorageUnavailable as error:
            _log.warning("the last use of API keys is not written; it will be with their next use", error=str(error))
            return
        self._written_us.update(noted)

    def close(self) -> None:
        """Write what is left and end the thread. Idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None
        self.write()

    def _run(self) -> None:
        while not self._stopping.wait(WRITE_SECONDS):
            self.write()
