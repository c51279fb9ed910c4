"""Where answers are kept: a port, and the memory of a process.

An answer stands at a place (a path of a system, for one credential) as one of its variants (query and headers). Both
are digests: a store sees neither URL nor credential, but bodies it does see.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_ANSWERS: Final = 500
MAX_BYTES: Final = 16 * 1024 * 1024
_KEPT_TURNS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer (200) as it is kept: headers in lower case, the body as it was before compression.

    `received_at` is when it came or was last confirmed, in seconds since the epoch; `initial_age_seconds` how old it
    was by then (RFC 9111, 4.2.3).
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)
    received_at: float
    initial_age_seconds: float

    @property
    def size_bytes(self) -> int:
        """What it takes, roughly."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers)


class CacheStore(Protocol):
    """Keeps answers, as many as it likes. Safe from any thread."""

    def get(self, place: str, variant: str) -> tuple[Kept | None, int]:
        """What is kept, and the turn of the place, a number that grows whenever the place is forgotten."""
        ...

    def put(self, place: str, variant: str, kept: Kept, turn: int) -> None:
        """Keep it, unless the place was forgotten since `turn`: it may be from before a write."""
        ...

    def forget(self, place: str) -> None:
        """Let go of all variants at `place`."""
        ...


class MemoryStore:
    """Answers in memory, bounded in number and bytes; the one that was not used for longest goes first."""

    def __init__(self, max_answers: int = MAX_ANSWERS, max_bytes: int = MAX_BYTES) -> None:
        self._max_answers = max_answers
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._variants: dict[str, set[str]] = {}
        self._bytes = 0
        self._turn = 0
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._oldest_turn = 0

    def get(self, place: str, variant: str) -> tuple[Kept | None, int]:
        with self._lock:
            found = self._kept.get((place, variant))
            if found is not None:
                self._kept.move_to_end((place, variant))
            return found, self._turn

    def put(self, place: str, variant: str, kept: Kept, turn: int) -> None:
        with self._lock:
            # One large answer does not drive out all others.
            if kept.size_bytes > self._max_bytes // 4 or self._turns.get(place, self._oldest_turn) > turn:
                return
            self._drop(place, variant)
            self._kept[place, variant] = kept
            self._variants.setdefault(place, set()).add(variant)
            self._bytes += kept.size_bytes
            while len(self._kept) > self._max_answers or self._bytes > self._max_bytes:
                self._drop(*next(iter(self._kept)))

    def forget(self, place: str) -> None:
        with self._lock:
            for variant in tuple(self._variants.get(place, ())):
                self._drop(place, variant)
            self._turn += 1
            self._turns[place] = self._turn
            self._turns.move_to_end(place)
            if len(self._turns) > _KEPT_TURNS:
                # Whoever looked before that one keeps nothing, wherever he looked.
                self._oldest_turn = self._turns.popitem(last=False)[1]

    def _drop(self, place: str, variant: str) -> None:
        gone = self._kept.pop((place, variant), None)
        if gone is None:
            return
        self._bytes -= gone.size_bytes
        variants = self._variants[place]
        variants.discard(variant)
        if not variants:
            del self._variants[place]
