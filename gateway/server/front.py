"""The ASGI application: webhooks are answered on the event loop, everything else by Flask in threads.

The front reads a request's body, finds out whom the request is for, and starts and ends what serves it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flask import Flask

from gateway.errors import BodyIncomplete, BodyTooSlow, StorageUnavailable
from gateway.installation import installation_of
from gateway.oauth.proxy.paths import is_proxied
from gateway.server.answering import send_answer
from gateway.server.body import BodyShed, read_body
from gateway.server.bridge import LoopBridge
from gateway.server.large_bodies import LargeBodies
from gateway.server.messages import Receive, Scope, Send
from gateway.server.pages import Pages
from gateway.server.presence import WebPresence
from gateway.server.scope_reader import header_value, target_of
from gateway.server.streamed_body import body_or_stream
from gateway.server.watchdog import Watchdog
from gateway.server.webhooks import Webhooks
from gateway.telemetry.logging import get_logger
from gateway.telemetry.request_ids import request_id_of
from gateway.webhooks.arrival import Answer, refusal
from gateway.webhooks.receive.addressing import address_of
from gateway.webhooks.receive.assembly import inbound_of
from gateway.webhooks.receive.progress import COMMIT_TIMEOUT_SECONDS

DEFAULT_THREADS = 8
# For what a webhook waits for besides its commit; never queued behind pages.
BLOCKING_STEP_THREADS = 4
# Bodies of pages: forms and API calls, never webhooks.
MAX_PAGE_BODY_BYTES = 8 * 1024 * 1024

Result = TypeVar("Result")

TOO_SLOW = Answer(408, b"the body came too slowly\n", "text/plain")
TOO_MANY = refusal(503, "storage_unavailable", "too much is under way; send it again", retry_after_seconds=2)
TOO_LARGE = Answer(413, f"the body is larger than {MAX_PAGE_BODY_BYTES} bytes\n".encode(), "text/plain")
BROKEN_OFF = Answer(400, b"the connection ended before the whole body had come\n", "text/plain")
_NOT_WHOLE = {BodyTooSlow: TOO_SLOW, BodyIncomplete: BROKEN_OFF, StorageUnavailable: TOO_MANY}


class Front:
    """One per process. Its threads and timers start with the server (ASGI lifespan), or with the first request where
    the server has no lifespan.
    """

    def __init__(self, app: Flask, *, threads: int = DEFAULT_THREADS) -> None:
        self._app = app
        self._installation = installation_of(app)
        self._trusted_proxies = self._installation.settings.trusted_proxies
        self._inbound = inbound_of(self._installation)
        self._threads = threads
        self._webhooks_begun = 0
        self._blocking = ThreadPoolExecutor(BLOCKING_STEP_THREADS, thread_name_prefix="blocking-steps")
        self._large_bodies = LargeBodies()
        self._watchdog = Watchdog(self._installation.metrics.loop_delayed)
        self._bridge: LoopBridge | None = None
        self._webhooks: Webhooks
        self._pages: Pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection scope."""
        if scope["type"] == "http":
            if self._bridge is None:
                self._start()
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = target_of(scope)
        address = address_of(target)
        if address is None and is_proxied(target):
            await self._pass_on(scope, receive, send)
            return
        limit = MAX_PAGE_BODY_BYTES if address is None else self._inbound.max_body_bytes
        try:
            body = await read_body(scope, receive, limit)
        except (BodyTooSlow, BodyShed) as error:
            answer = TOO_SLOW if isinstance(error, BodyTooSlow) else TOO_MANY
            await send_answer(scope, send, answer, self._request_id(scope), closes=True)
            return
        if address is not None:
            self._webhooks_begun += 1
            request_id = self._request_id(scope)
            answer = await self._webhooks.answer(scope, target, address, body, request_id)
            # The rest of an oversized body is still coming.
            await send_answer(scope, send, answer, request_id, closes=body.is_oversized)
        elif body.is_oversized or body.is_truncated:
            answer = TOO_LARGE if body.is_oversized else BROKEN_OFF
            await send_answer(scope, send, answer, self._request_id(scope), closes=True)
        else:
            await self._pages.serve(scope, body.data, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call through the proxy: a small body goes on as a whole, a large one as it comes."""
        try:
            body = await body_or_stream(scope, receive, send)
        except (BodyTooSlow, BodyIncomplete, StorageUnavailable) as error:
            answer = next(answer for kind, answer in _NOT_WHOLE.items() if isinstance(error, kind))
            await send_answer(scope, send, answer, self._request_id(scope), closes=True)
            return
        await self._pages.serve(scope, body, receive, send)

    def _request_id(self, scope: Scope) -> str:
        hops = self._trusted_proxies
        return request_id_of(header_value(scope, b"x-request-id") if hops else None, trusted_proxies=hops)

    async def _run_blocking(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._blocking, function)

    def _start(self) -> None:
        bridge = self._bridge = LoopBridge(asyncio.get_running_loop(), timeout_seconds=COMMIT_TIMEOUT_SECONDS)
        ingest = self._inbound.ingest
        ingest.listen(bridge.settled)
        self._webhooks = Webhooks(
            self._installation, ingest, bridge, self._run_blocking, self._large_bodies, self._inbound.lines
        )
        self._pages = Pages(self._app, self._threads, lambda: self._webhooks_begun)
        self._watchdog.start()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's lifespan: start everything before the first request, end it after the last."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._start()
                # For a server that ends: what it waits for then, streams would make it wait for in vain.
                state = scope.setdefault("state", {})
                state["end_streams"] = self._pages.end_streams
                state["refused"] = self._installation.metrics.connection_refused
                await self._run_blocking(self._warm)
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
        self._installation.part(WebPresence)
        if not self._inbound.ingest.warm():
            get_logger(__name__).warning("serving before the database answers; webhooks get 503 until it does")

    async def _end(self) -> None:
        self._watchdog.stop()
        await self._run_blocking(self._inbound.close)
        await self._run_blocking(self._installation.part(WebPresence).close)
        if self._bridge is not None:
            self._inbound.ingest.unlisten(self._bridge.settled)
            self._pages.close()
        self._blocking.shutdown(wait=False, cancel_futures=True)
        self._large_bodies.close()
