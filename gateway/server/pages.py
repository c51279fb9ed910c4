"""Pages: everything that is not a webhook. The Flask application answers them in threads.

A thread is taken for as long as something is computed, never while a client is slow to send or to listen: the body has
been read before, and of an answer that comes in pieces each piece is fetched when the one before has been taken. What
streams without end is an async body (`gateway.streams`) and runs on the loop. The one exception is a large body that is
passed on to a provider (`streamed_body`): its thread is one of the few that may wait for others.

A bridge of our own: a2wsgi 1.10 holds a thread until the client has sent and taken everything, and for good when it
leaves in the middle of an answer; a query beyond ASCII is an error to it, and a body in chunks is empty for Flask.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from contextvars import Context, copy_context
from typing import Any, NamedTuple

from flask import Flask

from gateway.priority import step_back
from gateway.server.answering import header_name
from gateway.server.environ import environ_of
from gateway.server.messages import Receive, Scope, Send
from gateway.server.operations import PATHS as OPERATIONS_PATHS
from gateway.server.page_pool import PagePool
from gateway.server.streamed_body import StreamedBody

# Machines that ask how a process is take a slow answer for a dead one.
HEALTH_THREADS = 2
# Answers up to this size are sent at once.
WHOLE_BYTES = 1024 * 1024
LAST_PIECE = {"type": "http.response.body", "body": b""}


class Started(NamedTuple):
    """An answer that has begun: complete (`body`), or in `pieces`."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | None
    pieces: Any


class Pages:
    """Answers pages of one loop, `threads` at a time. `webhooks` counts what has come in."""

    def __init__(self, app: Flask, threads: int, webhooks: Callable[[], int]) -> None:
        self._app = app
        self._pool = PagePool(threads, webhooks)
        self._is_ending = asyncio.Event()
        self._health = ThreadPoolExecutor(HEALTH_THREADS, thread_name_prefix="health", initializer=step_back)

    def end_streams(self) -> None:
        """Let listeners go, for they would not by themselves: a server calls it when it begins to end."""
        self._is_ending.set()

    async def serve(self, scope: Scope, body: bytes | StreamedBody, receive: Receive, send: Send) -> None:
        """Answer the request of `scope`, whose body has been read, or is read by the page itself as it comes."""
        # One context for all steps: what Flask leaves in it when a step ends is there at the next, in whatever thread.
        context = copy_context()
        environ = environ_of(scope, body)
        if environ["PATH_INFO"] in OPERATIONS_PATHS:
            loop = asyncio.get_running_loop()
            started = await loop.run_in_executor(self._health, context.run, self._start, environ)
        else:
            started = await self._pool.run(context.run, self._start, environ)
        headers = [(header_name(name), value.encode("latin-1")) for name, value in started.headers]
        await send({"type": "http.response.start", "status": started.status, "headers": headers})
        if started.body is not None:
            await send({"type": "http.response.body", "body": started.body})
        else:
            await self._send_pieces(started.pieces, context, receive, send)

    def close(self) -> None:
        """Take no more. Pages under way end by themselves."""
        self._pool.close()
        self._health.shutdown(wait=False, cancel_futures=True)

    def _start(self, environ: dict[str, Any]) -> Started:
        """Call the Flask application, as any WSGI server does."""
        status, headers = "500", []

        def start_response(given: str, pairs: list[tuple[str, str]], _error: object = None) -> Any:
            nonlocal status, headers
            status, headers = given, pairs
            return None

        pieces = self._app.wsgi_app(environ, start_response)
        length = next((value for name, value in headers if name.lower() == "content-length"), "")
        is_whole = length.isdecimal() and int(length) <= WHOLE_BYTES
        try:
            body = b"".join(pieces) if is_whole else None
        finally:
            if is_whole:
                _close(pieces)
        return Started(int(status.split(" ", 1)[0]), headers, body, pieces)

    async def _send_pieces(self, pieces: Any, context: Context, receive: Receive, send: Send) -> None:
        """Send them all, unless the client leaves before."""
        is_endless = hasattr(pieces, "__aiter__")
        body = pieces.__aiter__() if is_endless else self._fetched(pieces, context)
        sending = asyncio.ensure_future(_send_all(body, send))
        reasons_to_stop: list[asyncio.Future[Any]] = [asyncio.ensure_future(_until_left(receive))]
        if is_endless:
            reasons_to_stop.append(asyncio.ensure_future(self._is_ending.wait()))
        try:
            await asyncio.wait({sending, *reasons_to_stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, *reasons_to_stop):
                task.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        if sending.cancelled() and self._is_ending.is_set():
            # Ended by us, and so a whole answer.
            await send(LAST_PIECE)

    async def _fetched(self, pieces: Iterable[bytes], context: Context) -> AsyncGenerator[bytes, None]:
        """The pieces, each made in a thread."""
        steps = _Steps(pieces, context)
        try:
            while (piece := await self._pool.run(steps.next)) is not None:
                yield piece
        finally:
            # Not awaited: whoever waited for the answer may have gone, and its last step may still be under way.
            self._pool.call_later(steps.close)


class _Steps:
    """A WSGI server's way through an iterable, one step at a time in whatever thread."""

    def __init__(self, pieces: Iterable[bytes], context: Context) -> None:
        self._pieces = pieces
        self._iterator: Iterator[bytes] = iter(pieces)
        self._context = context
        self._lock = threading.Lock()

    def next(self) -> bytes | None:
        """The next piece; None after the last."""
        with self._lock:
            return self._context.run(next, self._iterator, None)

    def close(self) -> None:
        """Let the application clean up, after the step that is under way."""
        with self._lock:
            self._context.run(_close, self._pieces)


async def _send_all(body: AsyncGenerator[bytes, None], send: Send) -> None:
    async with aclosing(body):
        async for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send(LAST_PIECE)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _close(pieces: object) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
