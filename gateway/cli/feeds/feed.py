"""What a feed tells, and the thread that reads it, so that somebody can type meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.delivery.forwarded import ForwardedEvent
from gateway.events.matching import matcher

# Events with their bodies that wait for their turn.
WAITING = 16
STEP_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of one of `sources`, and of one of `types`, which are patterns; none are all."""

    sources: Sequence[str] = ()
    types: Sequence[str] = ()

    @property
    def source(self) -> str | None:
        """The only one."""
        return self.sources[0] if len(self.sources) == 1 else None

    @property
    def type(self) -> str | None:
        """The only one."""
        return self.types[0] if len(self.types) == 1 else None

    def pairs(self) -> list[tuple[str | None, str | None]]:
        """Each source with each type; None for any."""
        sources: Sequence[str | None] = self.sources or (None,)
        types: Sequence[str | None] = self.types or (None,)
        return [(source, type_) for source in sources for type_ in types]

    def lets_pass(self, source: str, type_: str | None) -> bool:
        """Whether an event is one of them. Raises `InvalidInput` for what is no pattern."""
        return any(matcher(*pair)(source, type_) for pair in self.pairs())


@dataclass(frozen=True, slots=True)
class Ready:
    """What comes from now on is told; after `Lost` also what came meanwhile."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The gateway cannot be read now; it is tried again, and nothing is left out."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event whose contents cannot be had."""

    event_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The feed tells nothing more."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that somebody typed."""

    line: str


News = ForwardedEvent | Ready | Lost | Unreadable | Ended | Typed


class Feed(Protocol):
    """New events in the order in which they came, each once."""

    def news(self, ending: threading.Event) -> Iterator[News]:
        """Until `ending` is set. What was taken counts as told once the next is asked for.

        Raises `GatewayError` where it cannot go on.
        """
        ...

    def close(self) -> None:
        """End what is read. From any thread."""
        ...


class Pump:
    """Reads a feed in a thread of its own, while somebody takes what it tells."""

    def __init__(self, feed: Feed) -> None:
        self.ending = threading.Event()
        self._feed = feed
        self._news: queue.Queue[News] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._read, name="event-feed", daemon=True)
        self._thread.start()

    def take(self) -> News:
        """What comes next; waits for it."""
        return self._news.get()

    def put(self, news: News) -> None:
        """From any thread; waits for room, until it ends."""
        while not self.ending.is_set():
            try:
                self._news.put(news, timeout=STEP_SECONDS)
                return
            except queue.Full:
                continue

    def close(self) -> None:
        """End the thread."""
        self.ending.set()
        self._feed.close()
        self._thread.join(5)

    def _read(self) -> None:
        try:
            for news in self._feed.news(self.ending):
                self.put(news)
        except Exception as error:  # told to whoever takes the news, who knows what to do
            self.put(Ended(error))
