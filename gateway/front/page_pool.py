"""Threads for everything that is not a webhook, kept from getting in a webhook's way.

The loop shares one interpreter lock, and mostly one core, with these threads. So few pages compute at a time, at the
lowest priority, and nobody keeps the lock for longer than a millisecond while another thread wants it. While webhooks
come in, pages also rest: for each second of computing, `REST` seconds before the next one begins. A page that takes
long is waiting for something, a database or somebody else's server, and makes room for the next one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

PAGES_AT_A_TIME = int(os.environ.get("PAGES", "2"))
TURN_SECONDS = 0.05
REST = float(os.environ.get("REST", "4"))
NICENESS = int(os.environ.get("NICEN", "19"))
# Python's default is 5 ms: what a page would take from the loop each time the loop wakes up.
SWITCH_SECONDS = float(os.environ.get("SWI", "0.001"))


class PagePool:
    """Belongs to one event loop. At most `threads` pages are under way, and at most `PAGES_AT_A_TIME` of them younger
    than `TURN_SECONDS`; the others wait for their turn. `webhooks` counts what has come in.
    """

    def __init__(self, threads: int, webhooks: Callable[[], int]) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        self._webhooks = webhooks
        self._turns = asyncio.Semaphore(min(PAGES_AT_A_TIME, threads))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pages", initializer=_step_back)

    async def run(self, function: Callable[Arguments, Result], *arguments: Arguments.args) -> Result:
        """Call `function` in a thread, when it is its turn."""
        loop = asyncio.get_running_loop()
        await self._turns.acquire()
        before = self._webhooks()
        # The turn ends once: by this alarm, or after the result.
        alarm = loop.call_later(TURN_SECONDS, self._turns.release)
        computed = 0.0
        try:
            result, computed = await loop.run_in_executor(self._threads, _timed, function, *arguments)
        finally:
            if alarm.when() > loop.time():
                alarm.cancel()
                is_busy = self._webhooks() != before
                loop.call_later(computed * REST if is_busy else 0.0, self._turns.release)
        return result

    def close(self) -> None:
        """Take no more. Pages under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _timed(function, *arguments):
    began = time.thread_time()
    return function(*arguments), time.thread_time() - began


def _step_back() -> None:
    """Let this thread be the last one that gets the core. Where threads have no priority of their own, it keeps its."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
