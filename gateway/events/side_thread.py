"""A thread that does small steps beside a worker's deliveries, at a low priority and for a small part of its time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gateway.clock import Clock
from gateway.errors import StorageUnavailable
from gateway.priority import step_back
from gateway.telemetry.logging import get_logger

REST = 4.0
"""Seconds of rest for each second of work."""
IDLE_SECONDS = 5.0

_log = get_logger(__name__)


class SideThread:
    """Calls `step`, which says whether there may be more to do, from its start until `close`. `broken` is what to tell
    when a step has a defect. `rest` is how long it rests for each second of work, `idle_seconds` when there was none,
    a number or what tells it after each such step.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        clock: Clock,
        *,
        broken: str,
        rest: float = REST,
        idle_seconds: float | Callable[[], float] = IDLE_SECONDS,
    ) -> None:
        self._step = step
        self._rest = rest
        self._idle_seconds = idle_seconds
        self._broken = broken
        self._clock = clock
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let it finish its step. Idempotent."""
        self._is_ending.set()
        self._thread.join(IDLE_SECONDS)

    def _run(self) -> None:
        step_back()
        while not self._is_ending.wait(self._pause_seconds()):
            pass

    def _pause_seconds(self) -> float:
        """One step; how long to rest then."""
        began = self._clock.monotonic()
        try:
            did_something = self._step()
        except StorageUnavailable:
            # Whoever delivers says so.
            return IDLE_SECONDS
        except Exception:
            # A defect of ours costs nobody a delivery.
            _log.exception(self._broken)
            return IDLE_SECONDS * 12
        if did_something:
            return self._rest * (self._clock.monotonic() - began)
        return self._idle_seconds() if callable(self._idle_seconds) else self._idle_seconds
