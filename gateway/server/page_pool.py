"""Threads for everything that is not a webhook, kept from getting in a webhook's way.

The loop shares one interpreter lock, and mostly one core, with these threads. So pages begin one after the other, work
at a low priority, and nobody keeps the lock for longer than a millisecond while another thread wants it. A page that is
not done after its turn goes on, and the next one begins beside it: nobody waits for a slow page. While webhooks come
in, no page begins for a while after one has ended, the longer the more of them there are: also after one that outlasted
its turn, as all do that ask the database where there is little left of the processor.

Measured by `scripts/bench ingest --mode busy-pages`: without all this, the slowest webhooks took a hundred times as
long while clients asked for pages as fast as they could.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

from gateway.priority import step_back

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

# For how long a page has the others wait, whether it computes or waits for somebody itself.
TURN_SECONDS = 0.05
# Per second that a page took, here or at the database, while this many webhooks a second come in, or more; with fewer
# so much less. And at most. More webhooks than come in beside pages it must not be: the more pages took, the more they
# would get.
REST_PER_SECOND = 20.0
BUSY_WEBHOOKS = 500.0
MOST_REST_SECONDS = 0.5
# Python's default is 5 ms: what a page would take from the loop each time the loop wakes up.
SWITCH_SECONDS = 0.001


class PagePool:
    """Belongs to one event loop. At most `threads` pages are under way; `webhooks` counts what has come in."""

    def __init__(self, threads: int, webhooks: Callable[[], int]) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        self._webhooks = webhooks
        self._turns = asyncio.Semaphore(1)
        self._rests_until = 0.0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pages", initializer=step_back)

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call `function` in a thread, when it is its turn."""
        loop = asyncio.get_running_loop()
        await self._turns.acquire()
        try:
            await asyncio.sleep(self._rests_until - loop.time())
        except asyncio.CancelledError:
            self._turns.release()
            raise
        turn, before, began = _Turn(loop, self._turns.release), self._webhooks(), loop.time()
        try:
            return await loop.run_in_executor(self._threads, turn.compute, function, *arguments)
        finally:
            now = loop.time()
            # What it waits for, the database computes; or somebody elsewhere, who is not made to be waited for longer.
            took_seconds = max(turn.computed_seconds, min(now - began, TURN_SECONDS))
            self._rest(took_seconds, (self._webhooks() - before) / max(now - began, 1e-6), now)
            turn.end()

    def _rest(self, took_seconds: float, webhooks_a_second: float, now: float) -> None:
        rest = took_seconds * REST_PER_SECOND * min(webhooks_a_second / BUSY_WEBHOOKS, 1.0)
        self._rests_until = min(max(self._rests_until, now) + rest, now + MOST_REST_SECONDS)

    def call_later(self, function: Callable[[], None]) -> None:
        """Call `function` when a thread is free, without a turn; not at all once this is closed."""
        with suppress(RuntimeError):
            self._threads.submit(function)

    def close(self) -> None:
        """Take no more. Pages under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Turn:
    """One page's right to be the last that began. It ends once: by itself, or with the page."""

    def __init__(self, loop: asyncio.AbstractEventLoop, release: Callable[[], None]) -> None:
        self._release = release
        self.computed_seconds = 0.0
        self._end = loop.call_later(TURN_SECONDS, self.end)
        self._has_ended = False

    def compute(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call `function`, in this thread."""
        before = time.thread_time()
        try:
            return function(*arguments)
        finally:
            self.computed_seconds = time.thread_time() - before

    def end(self) -> None:
        """The page is done, or its client has gone, or it had its turn."""
        if not self._has_ended:
            self._has_ended = True
            self._end.cancel()
            self._release()
