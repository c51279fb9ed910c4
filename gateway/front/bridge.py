"""From the commit writer's thread to the event loop: one wake-up of the loop for many results."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import Any


class LoopBridge:
    """Lets coroutines of one loop wait for futures that threads complete."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._done: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    async def wait(self, future: Future[Any], seconds: float) -> None:
        """Return when `future` is done, whatever it came to, or after `seconds`."""
        if future.done():
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(lambda _future: self._complete(waiter))
        timer = self._loop.call_later(seconds, _finish, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    def _complete(self, waiter: asyncio.Future[None]) -> None:
        """Called in the thread that completed the future."""
        self._done.append(waiter)
        if not self._is_scheduled:
            self._is_scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                # The loop has ended; nobody waits any more.
                return

    def _drain(self) -> None:
        # Cleared before draining: a result that comes in between schedules one more, empty, drain.
        self._is_scheduled = False
        while self._done:
            _finish(self._done.popleft())


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
