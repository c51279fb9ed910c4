"""Reading a request's body from an event loop: bounded in size and in time."""

from __future__ import annotations

import asyncio

from gateway.server.messages import Message, Receive, Scope
from gateway.webhooks.arrival import Body

# From the first to the last byte. Who sends more slowly than this does not mean to be heard.
BODY_SECONDS = 30.0


# What all bodies that are still coming may take together, in one process.
BODIES_BYTES = 64 * 1024 * 1024


class BodyTooSlow(Exception):
    """The body did not come within `BODY_SECONDS`."""


class BodiesTooMany(Exception):
    """So many bodies are under way that one more would take too much memory; the sender should try again."""


class BodyBudget:
    """The memory that bodies under way may take. A body that comes in one piece is not counted: it is there already."""

    def __init__(self, max_bytes: int = BODIES_BYTES) -> None:
        self._free = max_bytes

    def take(self, size: int) -> None:
        """Raises `BodiesTooMany` when there is no room."""
        if size > self._free:
            raise BodiesTooMany
        self._free -= size

    def give_back(self, size: int) -> None:
        """Return what was taken."""
        self._free += size


async def read_body(
    scope: Scope, receive: Receive, max_bytes: int, budget: BodyBudget, *, seconds: float = BODY_SECONDS
) -> Body:
    """The body, as far as it is no larger than `max_bytes` and its sender stays.

    Raises `BodyTooSlow` and `BodiesTooMany`.
    """
    for name, value in scope["headers"]:
        if name == b"content-length":
            if value.isdigit() and int(value) > max_bytes:
                return Body(b"", is_oversized=True)
            break
    # The server bounds the wait for the first piece, which mostly is the whole body and is there already.
    message = await receive()
    if not message.get("more_body", False):
        data: bytes = message.get("body", b"")
        if len(data) > max_bytes:
            return Body(b"", is_oversized=True)
        return Body(data, is_truncated=message["type"] == "http.disconnect")
    try:
        async with asyncio.timeout(seconds):
            return await _gather(message, receive, max_bytes, budget)
    except TimeoutError as error:
        raise BodyTooSlow from error


async def _gather(message: Message, receive: Receive, max_bytes: int, budget: BodyBudget) -> Body:
    chunks: list[bytes] = []
    held = 0
    try:
        while message["type"] != "http.disconnect":
            chunk = message.get("body", b"")
            if held + len(chunk) > max_bytes:
                return Body(b"", is_oversized=True)
            budget.take(len(chunk))
            held += len(chunk)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return Body(b"".join(chunks))
            message = await receive()
        return Body(b"".join(chunks), is_truncated=True)
    finally:
        budget.give_back(held)
