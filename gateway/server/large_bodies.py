"""Threads for requests whose bodies take long to judge. They step back behind the loop and the commit writer.

What waits for one of them counts among what all requests together may hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway.priority import step_back

# Two, so that one sender's largest body does not keep everybody else's waiting.
LARGE_BODY_THREADS = 2

Result = TypeVar("Result")


class LargeBodies:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LARGE_BODY_THREADS, thread_name_prefix="large-bodies", initializer=step_back)

    async def run(self, function: Callable[[], Result]) -> Result:
        """Call `function`, which judges a large body, when it is its turn; what it returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
