"""A client of server-sent events, by the rules of WHATWG HTML 9.2.6, as far as the gateway's streams go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class EventStreamReader:
    """Takes bytes as they come, in whatever pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self.comments: list[str] = []
        self.events: list[Mapping[str, str]] = []

    @property
    def ids(self) -> list[str]:
        """Of the events, in the order in which they came."""
        return [event["id"] for event in self.events]

    def feed(self, data: bytes) -> None:
        """What came."""
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            fields = dict(self._fields(block.decode()))
            if "data" in fields:
                self.events.append(fields)

    def _fields(self, block: str) -> Iterator[tuple[str, str]]:
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name:
                yield name, value.removeprefix(" ")
            else:
                self.comments.append(value.removeprefix(" "))
