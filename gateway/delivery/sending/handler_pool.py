"""Calling handlers in processes of their own, so that one that blocks or crashes costs its own delivery only.

Built on pebble: it cuts off what takes too long by ending the process, and tells a process that died from a call that
failed. What runs inside is `handler_child`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pebble import ProcessExpired, ProcessPool

from gateway.clock import Clock
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.sending.excerpts import storable
from gateway.delivery.sending.handler_child import FAILED, PERMANENT, HandlerCall, call, initialize

DEFAULT_PROCESSES = 4
# A new process imports the application before it takes a call; inside the lease's margin.
START_SECONDS = 12.0


class HandlerPool:
    """Handler processes of one worker, started at the first call. For one event loop.

    `modules` are imported by every process. One handler never takes all slots, so that one that hangs leaves room
    for the others.
    """

    def __init__(self, modules: Sequence[str], *, clock: Clock, processes: int = DEFAULT_PROCESSES) -> None:
        self._modules = tuple(modules)
        self._clock = clock
        self._processes = processes
        self._most_per_handler = max(1, processes - 1)
        self._running: Counter[str] = Counter()
        self._running_in_all = 0
        self._pool: Any = None

    def free(self, handler: str) -> int:
        """How many more calls of `handler` may start now."""
        return min(self._processes - self._running_in_all, self._most_per_handler - self._running[handler])

    def take(self, handler: str) -> None:
        """Hold a slot for a call of `handler`."""
        self._running[handler] += 1
        self._running_in_all += 1

    def give_back(self, handler: str) -> None:
        """The opposite of `take`."""
        self._running[handler] -= 1
        self._running_in_all -= 1

    async def run(self, handler_call: HandlerCall, *, timeout_seconds: float) -> AttemptResult:
        """Call the handler; whatever happens is in the result, within the timeout and the start of a process.

        Cancelling it ends the process.
        """
        started_at_us, started = self._clock.now_us(), self._clock.monotonic()
        outcome, error = await self._outcome(handler_call, timeout_seconds)
        duration_ms = max(0, round((self._clock.monotonic() - started) * 1000))
        return AttemptResult(outcome, started_at_us, duration_ms, error=None if error is None else storable(error))

    def close(self) -> None:
        """End every process, whatever it is doing. Blocks for a moment."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
            self._pool = None

    async def _outcome(self, handler_call: HandlerCall, timeout_seconds: float) -> tuple[Outcome, str | None]:
        try:
            async with asyncio.timeout(timeout_seconds + START_SECONDS):
                future = self._started().schedule(call, args=[handler_call], timeout=timeout_seconds)
                ended, error = await asyncio.wrap_future(future)
        except TimeoutError:
            return Outcome.HANDLER_TIMEOUT, f"cut off after {timeout_seconds:g} s"
        except ProcessExpired as expiry:
            return Outcome.HANDLER_CRASHED, f"its process ended with code {expiry.exitcode}"
        except RuntimeError as fault:
            # The pool itself broke: the next call gets a new one.
            self._pool = None
            return Outcome.HANDLER_CRASHED, f"the handler processes could not be used: {fault}"
        if ended == PERMANENT:
            return Outcome.HANDLER_PERMANENT_FAILURE, error
        return (Outcome.HANDLER_FAILED, error) if ended == FAILED else (Outcome.DELIVERED, None)

    def _started(self) -> Any:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self._processes,
                initializer=initialize,
                initargs=[self._modules],
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool
