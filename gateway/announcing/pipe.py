"""The pipe that wakes the workers of this machine.

A named pipe: it needs nobody at its other end, outlives both ends, and one byte in it stands for any number of
announcements. Every byte says that something became due; that of jobs says in addition that it is a job.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from contextlib import suppress
from pathlib import Path

DUE = b"\0"
JOB = b"\1"


class Pipe:
    """One process's end of the pipe at `path`; without a path everything here does nothing. Safe to share."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._outstanding = select.poll()
        self._lock = threading.Lock()

    def announce(self) -> None:
        """A delivery became due and is committed. Never blocks and never raises."""
        # One that nobody has heard yet says it all: whoever hears it looks into the database afterwards.
        self._write(DUE, unless_outstanding=True)

    def announce_job(self) -> None:
        """The same of a job."""
        self._write(JOB, unless_outstanding=False)

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

    def hear(self) -> bool:
        """Take what was announced, and say whether jobs were; look into the database afterwards, not before."""
        if self._descriptor is not None:
            # Another worker may have been quicker.
            with suppress(BlockingIOError):
                return JOB in os.read(self._descriptor, 512)
        return False

    def close(self) -> None:
        """Let go of this end. Idempotent."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                self._outstanding.unregister(descriptor)
                os.close(descriptor)

    def _write(self, mark: bytes, *, unless_outstanding: bool) -> None:
        if self._path is None:
            return
        with suppress(OSError):
            if self._descriptor is None:
                self._open()
            if self._descriptor is not None and not (unless_outstanding and self._outstanding.poll(0)):
                os.write(self._descriptor, mark)

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
