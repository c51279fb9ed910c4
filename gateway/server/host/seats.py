"""Which web process holds how many connections, known to all of them."""

from __future__ import annotations

import mmap


class Seats:
    """How many connections each web process holds, in memory that all processes of a server share.

    The master makes it and takes a seat for each worker before the fork.
    """

    MOST = 256
    _EMPTY = 0xFFFF_FFFF
    # Of a process that takes no more connections, and still ends those it has.
    _LEAVING = 0xFFFF_FFFE

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * self.MOST)).cast("I")
        for number in range(self.MOST):
            self._counts[number] = self._EMPTY

    def take(self) -> int | None:
        """The number of a free seat; None when there is none, and its process goes uncounted."""
        for number, count in enumerate(self._counts):
            if count == self._EMPTY:
                self._counts[number] = 0
                return number
        return None

    def leave(self, number: int | None) -> None:
        """Nobody sits there any more. Idempotent."""
        if number is not None:
            self._counts[number] = self._EMPTY

    def retire(self, number: int | None) -> None:
        """Who sits there takes no more connections: nobody to wait for, but not gone yet."""
        if number is not None:
            self._counts[number] = self._LEAVING

    def set(self, number: int, connections: int) -> None:
        """So many connections are open there."""
        self._counts[number] = connections

    def has_more_than_others(self, number: int | None) -> bool:
        """Whether another process holds fewer connections than this one."""
        return number is not None and self._counts[number] > min(self._counts)
