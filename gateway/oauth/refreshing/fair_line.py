"""A line of work for several threads, in which a slow or large customer of it leaves room for the others."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairLine(Generic[Item]):
    """Items in their order, but from whose group fewest are in hand first. `most` of one group are in hand at once."""

    def __init__(self, items: Iterable[Item], *, group: Callable[[Item], Hashable], most: int) -> None:
        self._group = group
        self._most = most
        self._waiting: dict[Hashable, deque[Item]] = {}
        for item in items:
            self._waiting.setdefault(group(item), deque()).append(item)
        self._in_hand: Counter[Hashable] = Counter()
        self._changed = threading.Condition()

    def take(self) -> Item | None:
        """The next item, once there is one that may be taken; None when there will be none."""
        with self._changed:
            while self._waiting:
                group = min(self._waiting, key=lambda one: self._in_hand[one])
                if self._in_hand[group] < self._most:
                    return self._taken(group)
                self._changed.wait()
            return None

    def done(self, item: Item) -> None:
        """`item` is no longer in hand."""
        with self._changed:
            self._in_hand[self._group(item)] -= 1
            self._changed.notify_all()

    def drop(self, group: Hashable) -> None:
        """Nobody takes what still waits of `group`."""
        with self._changed:
            self._waiting.pop(group, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody takes anything more."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def _taken(self, group: Hashable) -> Item:
        waiting = self._waiting.pop(group)
        item = waiting.popleft()
        if waiting:
            # Behind the others: of groups that have equally many in hand, each has its turn.
            self._waiting[group] = waiting
        self._in_hand[group] += 1
        return item
