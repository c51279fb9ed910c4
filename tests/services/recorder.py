"""What a reader of requests tells its listener, kept."""

from __future__ import annotations

from gateway.server.host.framing import Head


class Recorder:
    """Requests with their bodies, the last of which may not be whole; `whole` of them are."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.whole = 0

    def began(self, head: Head) -> None:
        self.heads.append(head)
        self.bodies.append(b"")

    def came(self, data: bytes) -> None:
        self.bodies[-1] += data

    def ended(self) -> None:
        self.whole += 1
