"""A request's body that is passed on while it comes: read in a thread, each piece when the one before has been used.

What is not asked for stays with the sender: the host reads no more than a piece ahead (`host.exchange`).
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.errors import BodyIncomplete, BodyTooSlow, StorageUnavailable
from gateway.server.messages import Message, Receive, Scope, Send

HELD_BYTES: Final = 64 * 1024
"""A body of no more is read before anybody looks at it, and takes no thread until then."""
PIECE_SECONDS: Final = 30.0
"""For so long that much of a body is waited for, and then each further piece."""
STREAMED: Final = "gateway.streamed_body"
"""The extension and message by which a host hears that what is received is passed on at once, and held no longer."""


async def body_or_stream(
    scope: Scope, receive: Receive, send: Send, *, seconds: float = PIECE_SECONDS
) -> bytes | StreamedBody:
    """The body, where it is no larger than what is held of it; else a stream of it.

    Raises `BodyTooSlow`, `BodyIncomplete`, `StorageUnavailable`.
    """
    data = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while len(data) <= HELD_BYTES:
                piece, has_more = _read(await receive())
                data += piece
                if not has_more:
                    return bytes(data)
    except TimeoutError as error:
        raise BodyTooSlow("the body came too slowly") from error
    if STREAMED in (scope.get("extensions") or {}):
        await send({"type": STREAMED})
    return StreamedBody(bytes(data), receive, seconds=seconds)


class StreamedBody:
    """`wsgi.input` of one request, for the thread that answers it. Made on the loop; `start` is what came before."""

    def __init__(self, start: bytes, receive: Receive, *, seconds: float = PIECE_SECONDS) -> None:
        self._receive = receive
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._piece = start
        self._has_more = True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, as soon as there are any; all that is left when it is negative; empty at the end.

        Raises `BodyTooSlow`, `BodyIncomplete`, `StorageUnavailable`.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(HELD_BYTES), b""))
        while not self._piece and self._has_more:
            received = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            self._piece, self._has_more = _read(received)
        taken, self._piece = self._piece[:size], self._piece[size:]
        return taken

    async def _next(self) -> Message:
        try:
            # On the loop, so that nobody waits for this message any more when the time is over.
            async with asyncio.timeout(self._seconds):
                return await self._receive()
        except TimeoutError as error:
            raise BodyTooSlow(f"no more of the body came within {self._seconds:g} seconds") from error


def _read(message: Message) -> tuple[bytes, bool]:
    """What came, and whether more does. Raises `BodyIncomplete`, `StorageUnavailable`."""
    if message["type"] != "http.disconnect":
        return message.get("body", b""), message.get("more_body", False)
    if message.get("overloaded"):
        raise StorageUnavailable("too much is under way; send it again")
    raise BodyIncomplete("the connection ended before the whole body had come")
