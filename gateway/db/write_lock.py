"""The queue of SQLite writers: a lock file beside the database, held for one transaction.

The kernel wakes the next writer as soon as the lock is free; SQLite's own busy handler would sleep and poll.
Correctness does not depend on it: `BEGIN IMMEDIATE` still guards the database against writers of other programs.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WriteLock:
    """Exclusive among all threads and processes that open the same path. Not reentrant."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._descriptor: int | None = None
        self._owner_pid = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it inside the block. Raises `OSError` when the file cannot be opened."""
        with self._threads:
            descriptor = self._open()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _open(self) -> int:
        # A descriptor inherited through fork shares the parent's lock: each process opens its own.
        if self._descriptor is None or self._owner_pid != os.getpid():
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._owner_pid = os.getpid()
        return self._descriptor


class NoLock:
    """For databases that arrange their writers themselves."""

    @contextmanager
    def held(self) -> Iterator[None]:
        yield
