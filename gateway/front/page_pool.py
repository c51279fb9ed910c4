"""Threads for everything that is not a webhook, kept from getting in a webhook's way.

The loop shares one interpreter lock, and mostly one core, with these threads. So few pages compute at a time, at a low
priority, and nobody keeps the lock for longer than a millisecond while another thread wants it. While webhooks come in,
pages also rest: four times as long as they computed, before the next ones begin. A page that takes long is waiting for
something, a database or somebody else's server, and makes room for the next one.

Measured by `scripts/bench ingest --mode busy-pages`: without all this, the slowest webhooks took a hundred times as
long while clients asked for pages as fast as they could.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

PAGES_AT_A_TIME = 2
TURN_SECONDS = 0.05
REST_PER_SECOND = 4.0
NICENESS = 10
# Python's default is 5 ms: what a page would take from the loop each time the loop wakes up.
SWITCH_SECONDS = 0.001


class PagePool:
    """Belongs to one event loop. At most `threads` pages are under way, and at most `PAGES_AT_A_TIME` of them younger
    than `TURN_SECONDS`; the others wait for their turn. `webhooks` counts what has come in.
    """

    def __init__(self, threads: int, webhooks: Callable[[], int]) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        self._webhooks = webhooks
        self._turns = asyncio.Semaphore(min(PAGES_AT_A_TIME, threads))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pages", initializer=_step_back)

    async def run(self, function: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Call `function` in a thread, when it is its turn."""
        loop = asyncio.get_running_loop()
        await self._turns.acquire()
        before = self._webhooks()
        # A turn ends once: by this alarm, or after the page.
        alarm = loop.call_later(TURN_SECONDS, self._turns.release)
        computed = 0.0

        def page() -> Result:
            nonlocal computed
            began = time.thread_time()
            try:
                return function(*arguments)
            finally:
                computed = time.thread_time() - began

        try:
            return await loop.run_in_executor(self._threads, page)
        finally:
            if alarm.when() > loop.time():
                alarm.cancel()
                is_busy = self._webhooks() != before
                loop.call_later(computed * REST_PER_SECOND if is_busy else 0.0, self._turns.release)

    def close(self) -> None:
        """Take no more. Pages under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _step_back() -> None:
    """Let this thread get the core after others. Where threads have no priority of their own, nothing changes."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A system that forbids it still serves pages.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
