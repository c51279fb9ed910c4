"""The ASGI application around the Flask application.

Requests to inbound URLs run through Flask on the loop up to the hand-over to the journal; the front awaits the commit
and finishes the answer from its result. They never block: what must (a snapshot that is not loaded yet, a certificate
to fetch) goes to a thread. Everything else runs in the page pool, so that a slow page never holds up a webhook. There
is one definition of routes and views: Flask's.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, TypeVar

from flask import Flask

from gateway.installation import installation_of
from gateway.security.identifiers import new_id
from gateway.server.body import BodiesTooMany, BodyBudget, BodyTooSlow, read_body
from gateway.server.bridge import LoopBridge
from gateway.server.environ import environ_of
from gateway.server.messages import Receive, Scope, Send
from gateway.server.page_pool import PagePool
from gateway.server.watchdog import Watchdog
from gateway.telemetry.logging import get_logger
from gateway.webhooks.arrival import refusal
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.ingest import COMMIT_TIMEOUT_SECONDS, Errand, Handed, Outcome
from gateway.webhooks.receive.responses import LATER_KEY, LaterResponse, answer_headers, answer_parts
from gateway.webhooks.receive.views import URL_PREFIX

DEFAULT_THREADS = 8
# For what a webhook waits for besides its commit; never queued behind pages.
ERRAND_THREADS = 4
# Bodies of other pages: forms and API calls, never webhooks.
MAX_PAGE_BODY_BYTES = 8 * 1024 * 1024

Result = TypeVar("Result")

Parts = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body of a response."""

TOO_SLOW: Parts = (408, [("Content-Type", "text/plain"), ("Connection", "close")], b"the body came too slowly\n")
_BUSY = refusal(503, "storage_unavailable", "too many large bodies at once; send it again", retry_after_seconds=2)
TOO_MANY: Parts = (_BUSY.status, [*answer_headers(_BUSY), ("Connection", "close")], _BUSY.body)


class Front:
    """One per process. The pool, the bridge and the watchdog start with the server (ASGI lifespan), or with the
    first request where the server has no lifespan.
    """

    def __init__(self, app: Flask, *, threads: int = DEFAULT_THREADS) -> None:
        self._app = app
        installation = installation_of(app)
        self._inbound = inbound_of(installation)
        self._threads = threads
        self._webhooks = 0
        self._bodies = BodyBudget()
        self._pages: PagePool | None = None
        self._errands = ThreadPoolExecutor(ERRAND_THREADS, thread_name_prefix="errands")
        self._bridge: LoopBridge | None = None
        self._watchdog = Watchdog(installation.metrics.loop_delayed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection scope."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Flask takes `//webhooks/…` for the same path.
        is_inbound = f"/{scope['path'].lstrip('/')}".startswith(f"{URL_PREFIX}/")
        limit = self._inbound.max_body_bytes if is_inbound else MAX_PAGE_BODY_BYTES
        try:
            body = await read_body(scope, receive, limit, self._bodies)
        except BodyTooSlow:
            await _respond(send, _own(TOO_SLOW))
            return
        except BodiesTooMany:
            await _respond(send, _own(TOO_MANY))
            return
        environ = environ_of(scope, body)
        if is_inbound:
            self._webhooks += 1
            is_ready = self._inbound.ingest.is_ready
            parts = await (self._ingest(environ) if is_ready else self._run_errand(partial(self._call, environ)))
        else:
            self._started()
            assert self._pages is not None
            parts = await self._pages.run(self._call, environ)
        if body[1]:
            # The rest of an oversized body is still coming: the connection cannot serve another request.
            parts[1].append(("Connection", "close"))
        await _respond(send, parts)

    async def _ingest(self, environ: dict[str, Any]) -> Parts:
        environ[LATER_KEY] = True
        parts = self._call(environ)
        later = environ[LATER_KEY]
        if not isinstance(later, LaterResponse):
            return parts
        outcome: Outcome = later.outcome
        while isinstance(outcome, Errand):
            outcome = await self._run_errand(outcome.run)
        if isinstance(outcome, Handed):
            await self._started().wait(outcome.receipt)
            outcome = outcome.finish(0)
        status, headers, content = answer_parts(outcome)
        headers += parts[1]
        return status, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else content

    def _call(self, environ: dict[str, Any]) -> Parts:
        """The Flask application, as any WSGI server calls it."""
        status, headers = "500", []

        def start_response(given: str, pairs: list[tuple[str, str]], _error: object = None) -> Any:
            nonlocal status, headers
            status, headers = given, pairs
            return None

        chunks = self._app.wsgi_app(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return int(status.split(" ", 1)[0]), headers, body

    async def _run_errand(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._errands, function)

    def _started(self) -> LoopBridge:
        if self._bridge is None:
            self._pages = PagePool(self._threads, lambda: self._webhooks)
            self._bridge = LoopBridge(asyncio.get_running_loop(), timeout_seconds=COMMIT_TIMEOUT_SECONDS)
            self._inbound.ingest.listen(self._bridge.settled)
            self._watchdog.start()
        return self._bridge

    async def _live(self, receive: Receive, send: Send) -> None:
        """ASGI's lifespan: start everything before the first request, end it after the last."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._started()
                await self._run_errand(self._warm)
                # What is there now stays for good: searching it for garbage, again and again, would find none.
                gc.collect()
                gc.freeze()
                # Requests leave next to none behind: seldom is enough.
                gc.set_threshold(20_000, 20, 50)
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._end()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _warm(self) -> None:
        if not self._inbound.ingest.warm():
            get_logger(__name__).warning("serving before the database answers; webhooks get 503 until it does")

    async def _end(self) -> None:
        self._watchdog.stop()
        await self._run_errand(self._inbound.close)
        if self._bridge is not None:
            self._inbound.ingest.unlisten(self._bridge.settled)
        self._errands.shutdown(wait=False, cancel_futures=True)
        if self._pages is not None:
            self._pages.close()


def _own(parts: Parts) -> Parts:
    """An answer that the application has not seen, with the id that every answer carries."""
    status, headers, body = parts
    return status, [*headers, ("X-Request-Id", new_id("req"))], body


@lru_cache(maxsize=256)
def _encoded(name: str) -> bytes:
    """A header's name as ASGI has it; there are few."""
    return name.lower().encode("latin-1")


async def _respond(send: Send, parts: Parts) -> None:
    status, headers, body = parts
    encoded = [(_encoded(name), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
