"""Reading a stream of events as its client: server-sent events (WHATWG HTML, 9.2.6) to events, and each once. Pure.

A stream tells each event at least once, and who goes on after one is told what came in the seconds before it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gateway.events.follow import going_back_from

# So many ids may be kept before it is looked which are not needed any more.
ENOUGH = 1_000


class StreamReader:
    """Takes bytes as they come, in whatever pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The events that are whole now, as they were told. Comments are passed over; raises `ValueError`."""
        *blocks, self._rest = (self._rest + piece.replace(b"\r\n", b"\n")).split(b"\n\n")
        return [json.loads(data) for block in blocks if (data := "\n".join(_data(block.decode())))]


class Seen:
    """Which events somebody was told, as far as a stream may repeat them. `position` is after which one to go on."""

    def __init__(self) -> None:
        self.position: str | None = None
        self._told: set[str] = set()
        self._enough = ENOUGH

    @property
    def remembered(self) -> int:
        """How many ids are kept in memory."""
        return len(self._told)

    def begin(self, moment: str) -> None:
        """Where nothing was told yet, go on from this moment, which is given as an id."""
        self.position = self.position or moment

    def knows(self, event_id: str) -> bool:
        """Whether it was told already."""
        return event_id in self._told

    def add(self, event_id: str) -> None:
        """It was told: now it counts as such, and not before."""
        self._told.add(event_id)
        if self.position is None or event_id > self.position:
            self.position = event_id
        if len(self._told) > self._enough and self.position is not None:
            # Twice as far back as a stream goes: events of one moment come in any order.
            floor = going_back_from(going_back_from(self.position))
            self._told = {one for one in self._told if one > floor}
            self._enough = max(ENOUGH, 2 * len(self._told))


def _data(block: str) -> Iterator[str]:
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        if name == "data":
            yield value.removeprefix(" ")
