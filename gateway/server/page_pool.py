"""Threads for everything that is not a webhook, kept from getting in a webhook's way.

The loop shares one interpreter lock, and mostly one core, with these threads. So one page computes at a time, at a low
priority, and nobody keeps the lock for longer than a millisecond while another thread wants it. While webhooks come in,
pages also rest: four times as long as they computed, before the next ones begin. A page that waits for something, a
database or somebody else's server, makes room for the next one.

Measured by `scripts/bench ingest --mode busy-pages`: without all this, the slowest webhooks took a hundred times as
long while clients asked for pages as fast as they could.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from gateway.priority import step_back

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

PAGES_AT_A_TIME = 1
TURN_SECONDS = 0.05
# Who computed for less than this share of its turn is waiting for something.
WAITING_SHARE = 0.1
REST_PER_SECOND = 4.0
# However long a page took: others wait, and some of them ask whether this process is well.
MOST_REST_SECONDS = 0.2
# Python's default is 5 ms: what a page would take from the loop each time the loop wakes up.
SWITCH_SECONDS = 0.001


class PagePool:
    """Belongs to one event loop. At most `threads` pages are under way, and at most `PAGES_AT_A_TIME` of them compute;
    the others wait for their turn. `webhooks` counts what has come in.
    """

    def __init__(self, threads: int, webhooks: Callable[[], int]) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        self._webhooks = webhooks
        self._turns = asyncio.Semaphore(min(PAGES_AT_A_TIME, threads))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pages", initializer=step_back)

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call `function` in a thread, when it is its turn."""
        await self._turns.acquire()
        before = self._webhooks()
        turn = _Turn(asyncio.get_running_loop(), self._turns.release)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, turn.compute, function, *arguments)
        finally:
            turn.end(is_busy=self._webhooks() != before)

    def close(self) -> None:
        """Take no more. Pages under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Turn:
    """One page's right to compute. It ends once: while the page waits for something, or after the page and a rest."""

    def __init__(self, loop: asyncio.AbstractEventLoop, release: Callable[[], None]) -> None:
        self._loop = loop
        self._release = release
        self._began = loop.time()
        self._has_begun = False
        self._clock: int | None = None
        self._computed_before = 0.0
        self._computed = 0.0
        self._alarm: asyncio.TimerHandle | None = loop.call_later(TURN_SECONDS, self._look)

    def compute(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call `function`, in this thread."""
        self._computed_before = time.thread_time()
        if sys.platform == "linux":
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._has_begun = True
        try:
            return function(*arguments)
        finally:
            self._clock = None
            self._computed = time.thread_time() - self._computed_before

    def end(self, *, is_busy: bool) -> None:
        """The page is done, or its client has gone."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
            rest = min(self._computed * REST_PER_SECOND, MOST_REST_SECONDS) if is_busy else 0.0
            self._loop.call_later(rest, self._release)

    def _look(self) -> None:
        clock = self._clock
        computed = time.clock_gettime(clock) - self._computed_before if clock is not None else 0.0
        # One that gets little of the core is not one that waits: it computes at its low priority.
        if not self._has_begun or computed > (self._loop.time() - self._began) * WAITING_SHARE:
            self._alarm = self._loop.call_later(TURN_SECONDS, self._look)
        else:
            self._alarm = None
            self._release()
