"""Calling handlers in processes of their own, so that one that blocks or crashes costs its own delivery only.

What takes too long is cut off by ending its process. One process is `handler_process`, what runs inside it
`handler_child`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from gateway.clock import Clock
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.sending.excerpts import storable
from gateway.delivery.sending.handler_child import FAILED, PERMANENT, HandlerCall
from gateway.delivery.sending.handler_process import HandlerProcess, NeverBegan, ProcessEnded

DEFAULT_PROCESSES = 4
# A new process imports the application before it takes a call; inside the lease's margin.
START_SECONDS = 12.0


class HandlerPool:
    """Handler processes of one worker, each started when a call finds none that is idle. For one event loop.

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
        self._busy: set[HandlerProcess] = set()
        self._idle: list[HandlerProcess] = []
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="handlers")

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
        for process in tuple(self._busy):
            process.kill()
        self._threads.shutdown()
        for process in (*self._busy, *self._idle):
            process.end()
        self._busy.clear()
        self._idle.clear()

    async def _outcome(self, handler_call: HandlerCall, timeout_seconds: float) -> tuple[Outcome, str | None]:
        try:
            async with asyncio.timeout(timeout_seconds + START_SECONDS):
                ended, error = await self._ended(handler_call, timeout_seconds)
        except TimeoutError:
            return Outcome.HANDLER_TIMEOUT, f"cut off after {timeout_seconds:g} s"
        except OSError as fault:
            return Outcome.HANDLER_CRASHED, f"no process could be started: {fault}"
        except NeverBegan as end:
            return Outcome.HANDLER_CRASHED, f"its process ended with code {end.exit_code} before it was called"
        except ProcessEnded as end:
            return Outcome.HANDLER_CRASHED, f"its process ended with code {end.exit_code}"
        if ended == PERMANENT:
            return Outcome.HANDLER_PERMANENT_FAILURE, error
        return (Outcome.HANDLER_FAILED, error) if ended == FAILED else (Outcome.DELIVERED, None)

    async def _ended(self, handler_call: HandlerCall, timeout_seconds: float) -> tuple[str, str | None]:
        """A process that died after its last call, of what that left behind, costs this one nothing."""
        if self._idle:
            with suppress(NeverBegan):
                return await self._called(self._idle.pop(), handler_call, timeout_seconds)
        return await self._called(HandlerProcess(self._modules, self._clock), handler_call, timeout_seconds)

    async def _called(
        self, process: HandlerProcess, handler_call: HandlerCall, timeout_seconds: float
    ) -> tuple[str, str | None]:
        self._busy.add(process)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._call, process, handler_call, timeout_seconds)
        except asyncio.CancelledError:
            process.kill()
            raise

    def _call(
        self, process: HandlerProcess, handler_call: HandlerCall, timeout_seconds: float
    ) -> tuple[str, str | None]:
        """In a thread, which the process belongs to meanwhile."""
        try:
            ending = process.call(handler_call, timeout_seconds=timeout_seconds)
        except BaseException:
            process.end()
            raise
        else:
            self._idle.append(process)
        finally:
            self._busy.discard(process)
        return ending
