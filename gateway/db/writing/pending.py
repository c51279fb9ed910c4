"""What a caller gets for an item it handed to the commit writer: a future of the lightest kind.

`concurrent.futures.Future` makes a condition and a lock for each, and wakes its waiters one by one. Here nothing is
made until a thread really waits, and who serves an event loop hears once per transaction.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Pending(Generic[Result]):
    """One item's way through its transaction. The writer settles it once, in its own thread. One thread may wait for
    the result, or one coroutine; once it is settled, anybody may ask.
    """

    __slots__ = ("_result", "_settled", "error", "is_settled")

    def __init__(self) -> None:
        self.is_settled = False
        self._result: Result | None = None
        # What it came to instead of a result, once it is settled.
        self.error: BaseException | None = None
        self._settled: threading.Event | None = None

    def result(self, timeout_seconds: float) -> Result:
        """Wait for the end of the transaction. Raises `TimeoutError`, or the error that the item came to."""
        if not self.is_settled:
            self._wait(timeout_seconds)
        if self.error is not None:
            raise self.error
        return self._result  # type: ignore[return-value]  # settled without an error

    def succeed(self, result: Result) -> None:
        """The item is stored."""
        self._result = result
        self._settle()

    def fail(self, error: BaseException) -> None:
        """The item is not stored, or nobody knows."""
        self.error = error
        self._settle()

    def _settle(self) -> None:
        # In this order, and the other way round in `_wait`: one of the two threads sees what the other did.
        self.is_settled = True
        if self._settled is not None:
            self._settled.set()

    def _wait(self, timeout_seconds: float) -> None:
        settled = self._settled
        if settled is None:
            settled = self._settled = threading.Event()
        if not self.is_settled and not settled.wait(timeout_seconds):
            raise TimeoutError
