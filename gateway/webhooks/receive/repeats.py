"""Counting repeats beside the commits: what the commit writer has seen is added up in memory, written once a second.

Nothing waits for it: a webhook that is no repeat costs nothing more, and one that is an entry in a dictionary.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gateway.db.database import Database
from gateway.errors import GatewayError
from gateway.events.repeats import Repeated, add_repeats
from gateway.telemetry.logging import get_logger

EVERY_SECONDS = 1.0
MOST_WAITING = 10_000
"""Events of which repeats wait to be written; of more they are counted as metrics only."""


class RepeatCounter:
    """Safe for any number of threads. Its own thread starts with the first repeat."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, Repeated] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._noted = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, repeats: Iterable[Repeated]) -> None:
        """Count what was told from an event that is there. Never blocks on the database, and never raises."""
        with self._lock:
            for one in repeats:
                self._add(one)
            if self._waiting and self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="repeats", daemon=True)
                self._thread.start()
        self._noted.set()

    def flush(self) -> None:
        """Write what waits. Raises `StorageUnavailable`, and what waits goes on waiting."""
        with self._writing:
            with self._lock:
                some, self._waiting = self._waiting, {}
            if not some:
                return
            try:
                with self._database.write() as connection:
                    add_repeats(connection, list(some.values()))
            except BaseException:
                with self._lock:
                    for one in some.values():
                        self._add(one)
                raise

    def close(self) -> None:
        """Write what waits and end the thread. Idempotent."""
        self._closing.set()
        self._noted.set()
        if self._thread is not None:
            self._thread.join(10)

    def _add(self, one: Repeated) -> None:
        known = self._waiting.get(one.event_id)
        if known is not None:
            newest = max(known, one, key=lambda repeat: repeat.last_at)
            self._waiting[one.event_id] = newest._replace(times=known.times + one.times)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[one.event_id] = one

    def _run(self) -> None:
        while not self._closing.is_set():
            self._noted.wait()
            self._closing.wait(EVERY_SECONDS)
            self._noted.clear()
            try:
                self.flush()
            except GatewayError as error:
                get_logger(__name__).warning("repeats not written, tried again", code=error.code)
                self._noted.set()
            except Exception:  # an aid for people must not take the process down
                get_logger(__name__).exception("repeats not written")
