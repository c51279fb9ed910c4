"""Telling the workers of this machine that something became due, so that they need not wait for their next look.

A named pipe: it needs nobody at its other end, outlives both ends, and one byte in it stands for any number of
announcements. The database stays the truth: a wake-up that is lost, or that nobody made, costs one polling interval.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from contextlib import suppress
from pathlib import Path


class Wakeup:
    """One process's end of the pipe at `path`; without a path everything here does nothing. Safe to share."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._outstanding = select.poll()
        self._lock = threading.Lock()

    def announce(self) -> None:
        """Something became due and is committed. Never blocks and never raises."""
        if self._path is None:
            return
        with suppress(OSError):
            if self._descriptor is None:
                self._open()
            # One that nobody has heard yet says it all: whoever hears it looks into the database afterwards.
            if self._descriptor is not None and not self._outstanding.poll(0):
                os.write(self._descriptor, b"\0")

    def listen(self) -> int | None:
        """The descriptor that is readable while an announcement waits, None without a path. Makes the pipe.

        Raises `OSError` when there can be none.
        """
        if self._path is None:
            return None
        with suppress(FileExistsError):
            os.mkfifo(self._path, 0o600)
        if self._descriptor is None:
            self._open()
        return self._descriptor

    def hear(self) -> None:
        """Take what was announced; look into the database afterwards, not before."""
        if self._descriptor is not None:
            # Another worker may have been quicker.
            with suppress(BlockingIOError):
                os.read(self._descriptor, 512)

    def close(self) -> None:
        """Let go of this end. Idempotent."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                self._outstanding.unregister(descriptor)
                os.close(descriptor)

    def _open(self) -> None:
        assert self._path is not None
        with self._lock:
            if self._descriptor is not None:
                return
            # For both directions: such an end opens at once, whoever is there, and never reads an end of file.
            descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise OSError(f"{self._path} is no named pipe")
            self._outstanding.register(descriptor, select.POLLIN)
            self._descriptor = descriptor
