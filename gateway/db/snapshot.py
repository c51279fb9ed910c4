"""An immutable value built from configuration, kept in memory and fresh by a background thread.

The hot paths read `current()` and never the database. The thread looks at the revisions every quarter of a second,
so a change holds within a second in every process; while that fails the last value stays, and grows old. Where somebody
says when there is work (`stir`), it looks less often while there is none, and at once when some comes.
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
# While nobody works: what changed still holds within a second.
RESTING_SECONDS = 0.6
# So long after the last work, or the last change, it looks as often as ever.
RESTS_AFTER_SECONDS = 15.0

_log = get_logger(__name__)


def is_time_to_rest(idle_seconds: float) -> bool:
    """Whether nothing happened for so long that nothing is likely to. Pure."""
    return idle_seconds >= RESTS_AFTER_SECONDS


class Loader(Protocol[Loaded_co]):
    """Builds the value of a snapshot; one thread calls at a time. It may write to the database."""

    def __call__(self, database: Database, moved: frozenset[ConfigurationKind]) -> Loaded_co:
        """The value as the database has it. Only rows of the kinds in `moved`, at first all, changed since the last
        call that returned; after one that raised, its kinds come again. Raises `StorageUnavailable`.
        """


class Snapshot(Generic[Value]):
    """Holds what `load` built last. `rests` is for who says by `stir` when there is work."""

    def __init__(self, database: Database, load: Loader[Value], clock: Clock, *, rests: bool = False) -> None:
        self._database = database
        self._load = load
        self._clock = clock
        self._looked_at = 0.0
        self._loaded: tuple[Mapping[str, int], Value] | None = None
        self._lock = threading.Lock()
        self._rests = rests
        self._stirred_at = clock.monotonic()
        self._is_resting = False
        self._woken = threading.Event()
        self._is_stopping = False
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

    def stir(self) -> None:
        """There is work. From any thread; costs next to nothing, however often."""
        self._stirred_at = self._clock.monotonic()
        if self._is_resting:
            self._woken.set()

    def refresh(self) -> bool:
        """Load anew if a revision moved; True when one did. Raises `StorageUnavailable`."""
        now = self._clock.monotonic()
        with self._database.system_session() as session:
            revisions = read_revisions(session)
        moved = EVERY_KIND if self._loaded is None else moved_kinds(self._loaded[0], revisions)
        if moved:
            # A change between the two reads moves a revision again, and the next look loads once more.
            self._loaded = (revisions, self._load(self._database, moved))
            self._stirred_at = now
        self._looked_at = now
        return bool(moved)

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._is_stopping = True
        self._woken.set()
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
        while not self._is_over():
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

    def _is_over(self) -> bool:
        """Wait until the next look; whether there is to be none."""
        self._is_resting = self._rests and is_time_to_rest(self._clock.monotonic() - self._stirred_at)
        if self._woken.wait(RESTING_SECONDS if self._is_resting else POLL_SECONDS):
            self._woken.clear()
        return self._is_stopping
