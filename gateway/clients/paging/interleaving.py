"""Several lists at once: pages of each in their order, lists in the order in which they answer.

At most `parallel` pages are held or under way. Whoever stops taking stops the reading.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, TypeVar

Item = TypeVar("Item")

_END: Final = object()


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def interleaved(lists: Sequence[Callable[[], Iterator[Item]]], *, parallel: int) -> Iterator[Item]:
    """The items of all `lists`, each of which is read by a thread of its own, `parallel` at a time.

    The first that fails ends all, with its error.
    """
    if parallel < 1:
        raise ValueError("at least one list is read at a time")
    found: SimpleQueue[object] = SimpleQueue()
    room = threading.Semaphore(parallel)
    stopped = threading.Event()

    def read(make: Callable[[], Iterator[Item]]) -> None:
        try:
            items = make()
            while True:
                room.acquire()
                item = _END if stopped.is_set() else next(items, _END)
                if item is _END:
                    room.release()
                    break
                found.put(item)
        except BaseException as error:
            room.release()
            found.put(_Failed(error))
        else:
            found.put(_END)

    with ThreadPoolExecutor(parallel, thread_name_prefix="lists") as threads:
        try:
            for one in lists:
                threads.submit(read, one)
            left = len(lists)
            while left:
                item = found.get()
                if item is _END:
                    left -= 1
                elif isinstance(item, _Failed):
                    raise item.error
                else:
                    yield item  # type: ignore[misc]
                    room.release()
        finally:
            stopped.set()
            threads.shutdown(wait=False, cancel_futures=True)
            # Whoever waits for room learns that nobody takes any more.
            room.release(parallel)
