"""A delivery that this worker holds, with the event it carries. Values only; `claim` makes them."""

from __future__ import annotations

from typing import NamedTuple

INLINE_BYTES = 64 * 1024


class ClaimedEvent(NamedTuple):
    """The event of a claimed delivery. `headers` is the journal's JSON; `body` is None when over `INLINE_BYTES`."""

    id: str
    type: str | None
    source: str
    provider: str
    content_type: str | None
    received_at_us: int
    body_bytes: int
    headers: bytes
    body: bytes | None


class Claimed(NamedTuple):
    """One leased delivery. `attempt` counts from 1 over its whole life; `schedule_position` is its failed attempts.

    `payload_bytes` is None when the event's raw body is sent; `payload` is None then, and when it is over
    `INLINE_BYTES`. `event` is None when the event is gone from the journal.
    """

    id: str
    tenant_id: str
    event_id: str
    destination_id: str
    attempt: int
    schedule_position: int
    lease_token: str
    lease_expires_at_us: int
    payload_bytes: int | None
    payload: bytes | None
    route_id: str | None = None
    event: ClaimedEvent | None = None
    is_probe: bool = False

    @property
    def body(self) -> bytes | None:
        """What to send, if it came with the claim."""
        if self.payload_bytes is not None:
            return self.payload
        return self.event.body if self.event else None

    @property
    def body_bytes(self) -> int:
        """The size of what to send."""
        if self.payload_bytes is not None:
            return self.payload_bytes
        return self.event.body_bytes if self.event else 0
