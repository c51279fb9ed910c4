"""The inbound side of one process: the use case, how requests are read for it, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.webhooks.receive.ingest import Ingest
from gateway.webhooks.receive.repeats import RepeatCounter
from gateway.webhooks.receive.request_lines import RequestLines
from gateway.webhooks.receive.request_reader import RequestReader


@dataclass(frozen=True, slots=True)
class Inbound:
    """What the view and a server's front need."""

    ingest: Ingest
    repeats: RepeatCounter
    reader: RequestReader
    max_body_bytes: int
    lines: RequestLines
    closers: Sequence[Callable[[], None]] = ()

    def close(self) -> None:
        """Commit what waits, write the last counts and rejections, end the threads: in this order. Idempotent."""
        for close in self.closers:
            close()
