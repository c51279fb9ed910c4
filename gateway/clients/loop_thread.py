"""An event loop in a thread of its own, for code that blocks: what it runs is written once."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, Generic, TypeVar

from gateway.clients.errors import ConnectionFailed, DeadlineExceeded

Result = TypeVar("Result")

MAX_WAITING_MESSAGES: Final = 256


class LoopThread:
    """A running event loop. Its methods are for other threads, any number; not for a child after a fork."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="event loop", daemon=True)

    def __enter__(self) -> LoopThread:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was entered, last first, and end what still runs."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, Result], *, timeout_seconds: float | None = None) -> Result:
        """What `work` returns or raises. Raises `DeadlineExceeded` when it has not ended in time, and ends it."""
        try:
            under_way = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:
            work.close()
            raise ConnectionFailed("the event loop has ended") from error
        try:
            return under_way.result(timeout_seconds)
        except TimeoutError as error:
            if under_way.cancel():
                raise DeadlineExceeded("it did not end in its time") from error
            raise

    def enter(self, manager: AbstractAsyncContextManager[Result]) -> Result:
        """What `manager` gives; it is left when the loop ends."""
        return self.run(self._entered.enter_async_context(manager))

    def each(self, items: AsyncIterable[Result], *, max_waiting: int = MAX_WAITING_MESSAGES) -> Items[Result]:
        """`items` one by one; at most `max_waiting` are read ahead, and go on waiting when a loop over them is left."""
        return Items(items, self._loop, max_waiting)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._entered = AsyncExitStack()
        self._ready.set()
        async with self._entered:
            await self._stopping.wait()


class Items(Generic[Result]):
    """Items of an asynchronous iterator, for one thread."""

    def __init__(self, items: AsyncIterable[Result], loop: asyncio.AbstractEventLoop, max_waiting: int) -> None:
        self._loop = loop
        self._max_waiting = max_waiting
        self._changed = threading.Condition()
        self._waiting: deque[Result] = deque()
        self._taken: deque[Result] = deque()
        self._room = asyncio.Event()
        self._has_ended = False
        self._failed: Exception | None = None
        self._filling = asyncio.run_coroutine_threadsafe(self._fill(items), loop)

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        if not self._taken:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._has_ended)
                # All at once: a hop to the loop costs more than a message.
                self._taken, self._waiting = self._waiting, self._taken
                is_over = not self._taken
            if is_over:
                raise self._failed or StopIteration
            if not self._has_ended:
                self._loop.call_soon_threadsafe(self._room.set)
        return self._taken.popleft()

    def close(self) -> None:
        """Read no more."""
        self._filling.cancel()

    async def _fill(self, items: AsyncIterable[Result]) -> None:
        try:
            async for item in items:
                with self._changed:
                    self._waiting.append(item)
                    self._changed.notify()
                    is_full = len(self._waiting) >= self._max_waiting
                if is_full:
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:  # it is raised where the items are waited for
            self._failed = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify()
