"""Leaving a job before its end: told by whoever keeps its lease, heard by the job at its checkpoints."""

from __future__ import annotations

import threading
from enum import StrEnum


class Reason(StrEnum):
    """Why a job is to be left."""

    ENDING = "ending"  # this process ends: another one goes on with it
    GIVES_WAY = "gives_way"  # others have waited for long: it goes on later
    CANCELLED = "cancelled"  # a person stopped it
    LOST = "lost"  # another process has it by now, or may have: nothing was heard of this one for too long
    TIMED_OUT = "timed_out"  # the attempt took longer than its kind allows


class JobInterrupted(Exception):
    """The job is to be left, at once. Raised by what a `JobRun` offers; let it pass."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


_GOES_ON = frozenset({None, Reason.ENDING, Reason.GIVES_WAY})


class Interruption:
    """Whether one job is to be left. Safe to use from any thread.

    The first reason counts, but for one by which the job only goes on elsewhere or later: any other replaces that, so
    that what comes to no checkpoint is timed out, cancelled or lost all the same.
    """

    def __init__(self) -> None:
        self._told = threading.Event()
        self._lock = threading.Lock()
        self.reason: Reason | None = None

    def interrupt(self, reason: Reason) -> None:
        """Have the job left at its next checkpoint."""
        with self._lock:
            if self.reason in _GOES_ON:
                self.reason = reason
        self._told.set()

    def check(self) -> None:
        """Raises `JobInterrupted` when the job is to be left."""
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Sleep. Raises `JobInterrupted`, as soon as there is a reason."""
        if self._told.wait(seconds) and self.reason is not None:
            raise JobInterrupted(self.reason)
