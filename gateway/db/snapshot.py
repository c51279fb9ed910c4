"""An immutable value built from configuration, kept in memory and fresh by a background thread.

The hot paths read `current()` and never the database. The thread looks at the revision row every quarter of a second,
so a change holds within a second in every process; while the database is away the last value stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import select

from gateway.db.database import Database
from gateway.db.model import CONFIGURATION_REVISION, Revision
from gateway.telemetry.logging import get_logger

Value = TypeVar("Value")

POLL_SECONDS = 0.25


class Snapshot(Generic[Value]):
    """Holds what `load` built last. `load` may read and write the database; it runs in one thread at a time."""

    def __init__(self, database: Database, load: Callable[[Database], Value]) -> None:
        self._database = database
        self._load = load
        self._loaded: tuple[int, Value] | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def current(self) -> Value:
        """The value; the first call loads it and starts the thread. Raises `StorageUnavailable` on that first load."""
        loaded = self._loaded
        if loaded is not None:
            return loaded[1]
        return self._first()

    @property
    def is_loaded(self) -> bool:
        """Whether `current` answers from memory."""
        return self._loaded is not None

    def refresh(self) -> bool:
        """Load anew if the revision moved; True when it did. Raises `StorageUnavailable`."""
        with self._database.system_session() as session:
            revision = session.scalars(select(Revision.value).where(Revision.name == CONFIGURATION_REVISION)).one()
        if self._loaded is not None and self._loaded[0] == revision:
            return False
        # A change between the two reads moves the revision again, and the next look loads once more.
        self._loaded = (revision, self._load(self._database))
        return True

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)

    def _first(self) -> Value:
        with self._lock:
            if self._loaded is None:
                self.refresh()
                thread = threading.Thread(target=self._run, name="snapshot", daemon=True)
                thread.start()
                self._thread = thread
        assert self._loaded is not None
        return self._loaded[1]

    def _run(self) -> None:
        failing = False
        while not self._stopping.wait(POLL_SECONDS):
            try:
                self.refresh()
                failing = False
            except Exception as error:  # whatever it is, the next look may succeed; without a thread none would come
                if not failing:
                    get_logger(__name__).warning(
                        "configuration not refreshed; working on with the last one",
                        error=str(error),
                        kind=type(error).__name__,
                    )
                failing = True
