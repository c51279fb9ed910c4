"""Signals that meet a worker before it has handlers of its own."""

from __future__ import annotations

import os
import signal
from typing import Any


class StopSignals:
    """Signals that ask a worker to end, noted from its fork until it listens itself.

    A fork inherits the master's handlers, which would put a signal to the worker into a queue that nobody reads there;
    it also forgets what arrived in its first moments. So the master holds these signals back while it forks.
    """

    NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

    def __init__(self) -> None:
        self._master: int | None = None
        self._mask: set[Any] | None = None
        self._noted: list[int] = []

    def guard_forks(self) -> None:
        """Note signals in every child that this process forks from now on. Once per process, from its main thread."""
        self._master = os.getpid()
        os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._note)

    def noted(self) -> list[int]:
        """The signals that came before the worker's own handlers, eldest first; given once."""
        noted, self._noted = self._noted, []
        return noted

    def _hold(self) -> None:
        # A child may fork too: that is its own matter.
        if os.getpid() == self._master:
            self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, self.NUMBERS)

    def _release(self) -> None:
        if self._mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            self._mask = None

    def _note(self) -> None:
        if self._mask is not None:
            for number in self.NUMBERS:
                signal.signal(number, lambda number, _frame: self._noted.append(number))
            self._release()
