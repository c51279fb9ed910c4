"""How long the event loop keeps others waiting: measured all the time, so that what blocks it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL_SECONDS = 0.1


class Watchdog:
    """Sets an alarm ten times a second and reports, in seconds, by how much it rang late."""

    def __init__(self, report: Callable[[float], None], *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._report = report
        self._interval_seconds = interval_seconds
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._set(asyncio.get_running_loop())

    def stop(self) -> None:
        """End. Idempotent."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + self._interval_seconds
        self._alarm = loop.call_at(due, self._ring, loop, due)

    def _ring(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._report(max(0.0, loop.time() - due))
        self._set(loop)
