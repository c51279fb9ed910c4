"""Reading a request's body from an event loop: bounded in size and in time."""

from __future__ import annotations

import asyncio

from gateway.errors import BodyTooSlow
from gateway.server.messages import Message, Receive, Scope
from gateway.webhooks.arrival import Body

# From the first to the last byte. Who sends more slowly than this does not mean to be heard.
BODY_SECONDS = 30.0


class BodyShed(Exception):
    """So much is under way that the server has no room for the body; the sender should try again."""


async def read_body(scope: Scope, receive: Receive, max_bytes: int, *, seconds: float = BODY_SECONDS) -> Body:
    """The body, as far as it is no larger than `max_bytes` and its sender stays.

    What bodies may take together is the server's matter (`host.budget`), which also says when there is no room. Raises
    `BodyTooSlow` and `BodyShed`.
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
        return Body(data, is_truncated=_is_end(message))
    try:
        async with asyncio.timeout(seconds):
            return await _gather(message, receive, max_bytes)
    except TimeoutError as error:
        raise BodyTooSlow("the body came too slowly") from error


async def _gather(message: Message, receive: Receive, max_bytes: int) -> Body:
    # Not a list: pieces may be of a few bytes each, and would take ten times their size.
    data = bytearray()
    while not _is_end(message):
        data += message.get("body", b"")
        if len(data) > max_bytes:
            return Body(b"", is_oversized=True)
        if not message.get("more_body", False):
            return Body(bytes(data))
        message = await receive()
    return Body(bytes(data), is_truncated=True)


def _is_end(message: Message) -> bool:
    """Whether nothing more comes of the body. Raises `BodyShed` where that is the server's doing."""
    if message["type"] != "http.disconnect":
        return False
    if message.get("overloaded"):
        raise BodyShed
    return True
