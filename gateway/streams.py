"""Answers that come bit by bit for as long as somebody listens, such as server-sent events.

On the event loop a listener costs memory and no thread: `server.pages` iterates the body there. A WSGI host gives every
listener the thread of its request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator

from flask import Response

Body = AsyncGenerator[bytes, None]


class AsyncBody:
    """The body of an answer, for both kinds of hosts: whoever iterates it does so once."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._pieces = self._waited_for()

    def __aiter__(self) -> Body:
        return self._body

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """As a WSGI server calls it, after the last piece or before. Idempotent."""
        self._pieces.close()

    def _waited_for(self) -> Generator[bytes, None, None]:
        with asyncio.Runner() as runner:
            try:
                while (piece := runner.run(self._next())) is not None:
                    yield piece
            finally:
                runner.run(self._body.aclose())

    async def _next(self) -> bytes | None:
        return await anext(self._body, None)


def stream(body: Body, *, content_type: str = "text/event-stream") -> Response:
    """What a view returns to stream `body`. It runs outside of Flask's contexts, on the event loop: it must not block.
    When its listener leaves, or the server ends, it is closed: `finally` is the place to let go of what it holds.
    """
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    # Passed through as it is: the server finds the body and not an iterator around it.
    return Response(AsyncBody(body), headers=headers, content_type=content_type, direct_passthrough=True)
