"""What ends a worker's wait: an announcement, a byte in the pipe, enough results, or the time of its next look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from gateway.announcing.pipe import Pipe
from gateway.clock import MICROSECONDS, Clock
from gateway.delivery.queue.session import Batch
from gateway.telemetry.logging import get_logger

POLL_SECONDS = 0.05
FULL_LOAD_WAIT_SECONDS = 0.01
# How soon a change of configuration is seen by one that waits for announcements.
ROUTING_SECONDS = 0.25
# A look that was costly is not repeated as often; one that hung, because the network did, says nothing of the next one.
LONGEST_REST_SECONDS = 2.0
# More ids than this are not looked up one by one.
MOST_ANNOUNCED = 1_000

_log = get_logger(__name__)


class Summoned(NamedTuple):
    """What was heard since the last time. `is_woken`: somebody says that there is work, and not which; `ids` are the
    deliveries that are said to be due, of so many `messages`. `is_time`: a look is due anyhow.
    """

    is_woken: bool
    ids: list[str]
    messages: int
    is_time: bool


class Summons:
    """For the loop of one worker. `sweep_seconds` as for `Worker`; `on_job` hears that a job was announced, `on_work`
    that anything was, or was found.
    """

    def __init__(
        self,
        pipe: Pipe,
        clock: Clock,
        *,
        on_job: Callable[[], None],
        on_work: Callable[[], None] = lambda: None,
        sweep_seconds: float | None,
    ) -> None:
        self._pipe = pipe
        self._clock = clock
        self._on_job = on_job
        self._on_work = on_work
        self._sweep_seconds = sweep_seconds
        self._pipe_end: int | None = None
        self._is_woken = False
        # By message.
        self._announced: list[Sequence[str]] = []
        self._look_at = 0.0
        self.enough = asyncio.Event()

    def listen(self) -> None:
        """Hear the pipe from now on, where there is one."""
        try:
            self._pipe_end = self._pipe.listen()
        except OSError as error:
            seconds = self._sweep_seconds or POLL_SECONDS
            _log.warning("no wake-ups; looking for new work every so often", error=str(error), seconds=seconds)

    def announce(self, ids: Sequence[str]) -> None:
        """The deliveries `ids` are said to be due."""
        self._announced.append(ids)
        self._on_work()
        self.enough.set()

    def take(self, held: Container[str]) -> Summoned:
        """What was heard, without what is `held` here already; it is forgotten."""
        self.enough.clear()
        announced, self._announced = self._announced, []
        ids = [id_ for message in announced for id_ in message if id_ not in held]
        is_woken, self._is_woken = self._is_woken or len(ids) > MOST_ANNOUNCED, False
        return Summoned(is_woken, ids, len(announced), self._clock.monotonic() >= self._look_at)

    def plan(self, batch: Batch, took_seconds: float, *, now_us: int) -> None:
        """When to look next, after a look that brought `batch`."""
        if batch.claimed:
            self._on_work()
        self._look_at = self._clock.monotonic() + self._pause_seconds(batch, took_seconds, now_us)

    async def wait(
        self, has_changed: Callable[[], bool], *, is_busy: Callable[[], bool], is_anything_ready: Callable[[], bool]
    ) -> None:
        """Return when there is something to do. `has_changed` tells whether the configuration is another one than at
        the last look; `is_anything_ready` says so of results, which wait a moment for others; `is_busy` that some may
        come.
        """
        with self._hearing():
            while not self.enough.is_set():
                left_seconds = self._look_at - self._clock.monotonic()
                at_most_seconds = POLL_SECONDS if is_busy() else ROUTING_SECONDS
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left_seconds, at_most_seconds)):
                        await self.enough.wait()
                if is_anything_ready() or left_seconds <= at_most_seconds:
                    return
                if has_changed():
                    self._look_at = 0.0
                    return

    def _pause_seconds(self, batch: Batch, took_seconds: float, now_us: int) -> float:
        if batch.claimed:
            return FULL_LOAD_WAIT_SECONDS
        shortest_seconds = min(max(POLL_SECONDS, 4 * took_seconds), LONGEST_REST_SECONDS)
        if self._sweep_seconds is None:
            return shortest_seconds
        if batch.next_due_us is None:
            return self._sweep_seconds
        due_in_seconds = (batch.next_due_us - now_us) / MICROSECONDS
        return min(self._sweep_seconds, max(shortest_seconds, due_in_seconds))

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        """Let the pipe end the wait inside the block. What is announced at other times is heard then."""
        if self._pipe_end is None:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pipe_end, self._hear)
        try:
            yield
        finally:
            loop.remove_reader(self._pipe_end)

    def _hear(self) -> None:
        if self._pipe.hear():
            self._on_job()
        self._is_woken = True
        self._on_work()
        self.enough.set()
