"""From the commit writer's thread to the event loop: one wake-up of the loop for all that one transaction settled."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from gateway.db.writing.pending import Pending

Waiter = asyncio.Future[None]


class LoopBridge:
    """Lets coroutines of one loop wait for what the writer settles."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, timeout_seconds: float) -> None:
        self._loop = loop
        self._timeout_seconds = timeout_seconds
        # Oldest first, each with the moment at which it has waited long enough. Belongs to the loop's thread.
        self._waiters: dict[Pending[Any], tuple[Waiter, float]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._settled: deque[Sequence[Pending[Any]]] = deque()
        self._is_scheduled = False

    async def wait(self, pending: Pending[Any]) -> None:
        """Return when `pending` is settled, or when it has taken too long."""
        waiter: Waiter = self._loop.create_future()
        self._waiters[pending] = waiter, self._loop.time() + self._timeout_seconds
        # Asked after it was entered: what is settled from here on finds it.
        if pending.is_settled:
            del self._waiters[pending]
            return
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._timeout_seconds, self._expire)
        try:
            await waiter
        finally:
            self._waiters.pop(pending, None)

    def settled(self, pendings: Sequence[Pending[Any]]) -> None:
        """Called in the thread that settled them."""
        self._settled.append(pendings)
        if not self._is_scheduled:
            self._is_scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                # The loop has ended; nobody waits any more.
                self._settled.clear()
                self._is_scheduled = False

    def _drain(self) -> None:
        # Cleared before draining: what comes in between schedules one more, empty, drain.
        self._is_scheduled = False
        while self._settled:
            for pending in self._settled.popleft():
                entered = self._waiters.pop(pending, None)
                if entered is not None:
                    _finish(entered[0])

    def _expire(self) -> None:
        """Let go who has waited too long, and look again when the next one will have."""
        self._alarm = None
        now = self._loop.time()
        for waiter, ends_at in self._waiters.values():
            if ends_at > now:
                self._alarm = self._loop.call_at(ends_at, self._expire)
                return
            _finish(waiter)


def _finish(waiter: Waiter) -> None:
    if not waiter.done():
        waiter.set_result(None)
