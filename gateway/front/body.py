"""Reading a request's body from an event loop: bounded in size and in time."""

from __future__ import annotations

import asyncio

from gateway.front.messages import Message, Receive, Scope
from gateway.webhooks.request_reader import Body

# From the first to the last byte. Who sends more slowly than this does not mean to be heard.
BODY_SECONDS = 30.0


class BodyTooSlow(Exception):
    """The body did not come within `BODY_SECONDS`."""


async def read_body(scope: Scope, receive: Receive, max_bytes: int, *, seconds: float = BODY_SECONDS) -> Body:
    """The body, whether it was over `max_bytes` (then it is not kept), and whether the client left before its end.

    Raises `BodyTooSlow`.
    """
    announced = _announced_length(scope)
    if announced > max_bytes:
        return b"", True, False
    # The server bounds the wait for the first piece, which mostly is the whole body and is there already.
    message = await receive()
    if not message.get("more_body", False):
        return message.get("body", b""), False, message["type"] == "http.disconnect"
    try:
        async with asyncio.timeout(seconds):
            return await _gather(message, receive, max_bytes)
    except TimeoutError as error:
        raise BodyTooSlow from error


async def _gather(message: Message, receive: Receive, max_bytes: int) -> Body:
    chunks: list[bytes] = []
    held = 0
    while True:
        if message["type"] == "http.disconnect":
            return b"".join(chunks), False, True
        chunk = message.get("body", b"")
        held += len(chunk)
        if held > max_bytes:
            return b"", True, False
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks), False, False
        message = await receive()


def _announced_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
