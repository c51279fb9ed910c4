"""An immutable value built from configuration, kept in memory and fresh by a background thread.

The hot paths read `current()` and never the database. The thread looks at the revisions every quarter of a second,
so a change holds within a second in every process; while that fails the last value stays, and grows old.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.db.model import ConfigurationKind
from gateway.db.revisions import EVERY_KIND, moved_kinds, read_revisions
from gateway.telemetry.logging import get_logger

Value = TypeVar("Value")
Loaded_co = TypeVar("Loaded_co", covariant=True)

POLL_SECONDS = 0.25

_log = get_logger(__name__)


class Loader(Protocol[Loaded_co]):
    """Builds the value of a snapshot; one thread calls at a time. It may write to the database."""

    def __call__(self, database: Database, moved: frozenset[ConfigurationKind]) -> Loaded_co:
        """The value as the database has it. Only rows of the kinds in `moved`, at first all, changed since the last
        call that returned; after one that raised, its kinds come again. Raises `StorageUnavailable`.
        """


class Snapshot(Generic[Value]):
    """Holds what `load` built last."""

    def __init__(self, database: Database, load: Loader[Value], clock: Clock) -> None:
        self._database = database
        self._load = load
        self._clock = clock
        self._looked_at = 0.0
        self._loaded: tuple[Mapping[str, int], Value] | None = None
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

    @property
    def age_seconds(self) -> float:
        """How long ago it was certain that the value is what the database has; 0 before the first load."""
        return max(0.0, self._clock.monotonic() - self._looked_at) if self._loaded is not None else 0.0

    def refresh(self) -> bool:
        """Load anew if a revision moved; True when one did. Raises `StorageUnavailable`."""
        now = self._clock.monotonic()
        with self._database.system_session() as session:
            revisions = read_revisions(session)
        moved = EVERY_KIND if self._loaded is None else moved_kinds(self._loaded[0], revisions)
        if moved:
            # A change between the two reads moves a revision again, and the next look loads once more.
            self._loaded = (revisions, self._load(self._database, moved))
        self._looked_at = now
        return bool(moved)

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
                if failing:
                    _log.info("configuration is refreshed again")
                failing = False
            except Exception as error:  # whatever it is, the next look may succeed; without a thread none would come
                if not failing:
                    _log.error(
                        "configuration is not refreshed; working on with the last one until it is",
                        error=str(error),
                        kind=type(error).__name__,
                    )
                failing = True
