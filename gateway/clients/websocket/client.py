"""A WebSocket that stays: connected with credentials, kept alive, connected again when it is lost, and taken up again.

    async with WebSocketClient("wss://stream.example.com/v1", auth=Bearer(token), on_open=subscribe) as socket:
        async for message in socket:
            ...

Back-pressure is the network's: what nobody reads stays with the system, but for `max_waiting` frames. Who takes longer
over them than two heartbeats loses the connection. `blocking` is for who has no event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import random as _random
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final

from gateway.clients.errors import (
    AuthenticationFailed,
    AuthorizationFailed,
    ConnectionFailed,
    DeadlineExceeded,
    IntegrationError,
    ResponseTooLarge,
)
from gateway.clients.retries import Random, RetryPolicy, pause_before_next
from gateway.clients.websocket.dialing import Dialer
from gateway.clients.websocket.link import Decode, Encode, JudgeClose, Link, as_text, one_document
from gateway.clients.websocket.observer import SocketLogLines, SocketObserver
from gateway.clock import Clock, SystemClock

Handler = Callable[[Any], Awaitable[None] | None]
"""Gets a message. What it raises ends the reading, which can go on with the next message."""

OnOpen = Callable[[Link], Awaitable[None]]
"""What makes a connection ready, each one anew: logs in, subscribes, takes up where `number` - 1 ended."""

Renew = Callable[[], Awaitable[bool]]
"""Asked when `on_open` was refused (`AuthenticationFailed`): whether there are other credentials by now."""

RECONNECT: Final = RetryPolicy(max_tries=1_000_000, longest_pause_seconds=60.0)
CALM_SECONDS: Final = 10.0
# Errors that another connection would not mend. Others may be those of a system that is just being started.
_FINAL: Final = (AuthenticationFailed, AuthorizationFailed, ResponseTooLarge)


def type_of(message: Any) -> object:
    """What most systems call the kind of a message."""
    return message.get("type") if isinstance(message, dict) else None


class WebSocketClient:
    """One stream of messages, over as many connections as it takes. For one event loop; read by one task at a time.

    `options` are those of `Dialer`. The first connection is tried once, and its error is the caller's; later ones by
    `reconnect`, whose pauses begin anew when a connection held for `CALM_SECONDS`. `on_open` is part of connecting, and
    of its time; when it is refused, one more connection follows at once if `renew` says so.
    """

    def __init__(
        self,
        url: str,
        *,
        on_open: OnOpen | None = None,
        renew: Renew | None = None,
        decode: Decode = one_document,
        encode: Encode = as_text,
        judge_close: JudgeClose | None = None,
        reconnect: RetryPolicy = RECONNECT,
        observer: SocketObserver | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random = _random.random,
        **options: Any,
    ) -> None:
        self._clock = clock or SystemClock()
        self._dialer = Dialer(url, clock=self._clock, **options)
        self._on_open = on_open
        self._renew = renew
        self._decode = decode
        self._encode = encode
        self._judge_close = judge_close
        self._reconnect = reconnect
        self._observer = observer or SocketLogLines()
        self._sleep = sleep
        self._random = random
        self._link: Link | None = None
        self._opened_at = 0.0
        self._connections = 0
        self._failures = 0
        self._is_closed = False

    def __repr__(self) -> str:
        return f"WebSocketClient({self.system})"

    @property
    def system(self) -> str:
        """Its name in errors and lines."""
        return self._dialer.system

    async def __aenter__(self) -> WebSocketClient:
        try:
            self._link = await self._connect()
        except BaseException:
            self._dialer.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the stream, also for a task that reads it."""
        self._is_closed = True
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        self._dialer.close()

    async def send(self, document: Any) -> None:
        """Send over the connection that stands. Raises `ConnectionFailed` when there is none, or it is lost meanwhile.

        Nothing is sent twice, and nothing kept for later: who knows what may be repeated is the caller.
        """
        if self._link is None:
            raise self._dialer.finished(ConnectionFailed("not sent: there is no connection now"))
        await self._link.send(document)

    def __aiter__(self) -> WebSocketClient:
        return self

    async def __anext__(self) -> Any:
        while not self._is_closed:
            try:
                if self._link is None:
                    self._link = await self._connect()
                return await self._link.receive()
            except IntegrationError as error:
                if not self._is_closed:
                    await self._lost(error)
        raise StopAsyncIteration

    async def dispatch(
        self,
        handlers: Mapping[Any, Handler],
        *,
        kind: Callable[[Any], object] = type_of,
        otherwise: Handler | None = None,
    ) -> None:
        """Read until the stream is closed, and give each message to the handler of its kind, else to `otherwise`."""
        async for message in self:
            handler = handlers.get(kind(message), otherwise)
            if handler is not None:
                outcome = handler(message)
                if inspect.isawaitable(outcome):
                    await outcome

    async def _connect(self) -> Link:
        try:
            async with asyncio.timeout(self._dialer.connect_seconds):
                try:
                    link = await self._ready()
                except AuthenticationFailed:
                    if self._renew is None or not await self._renew():
                        raise
                    link = await self._ready()
        except TimeoutError as error:
            raise self._dialer.finished(DeadlineExceeded("no connection that is ready in time")) from error
        if self._is_closed:
            # Closed while it was on its way.
            link.abort()
        self._connections += 1
        self._opened_at = self._clock.monotonic()
        self._observer.opened(self.system, link.number)
        return link

    async def _ready(self) -> Link:
        link = Link(
            await self._dialer.dial(),
            self._connections + 1,
            self._dialer,
            decode=self._decode,
            encode=self._encode,
            judge_close=self._judge_close,
            observer=self._observer,
        )
        try:
            if self._on_open is not None:
                await self._on_open(link)
        except BaseException:
            link.abort()
            raise
        return link

    async def _lost(self, error: IntegrationError) -> None:
        """Wait before the next connection; or raise `error`, when there is to be none."""
        if self._link is not None and self._clock.monotonic() - self._opened_at >= CALM_SECONDS:
            self._failures = 0
        self._link = None
        self._failures += 1
        pause = None
        if not isinstance(error, _FINAL):
            pause = pause_before_next(
                self._reconnect,
                error if error.retryable else ConnectionFailed(str(error)),
                tries=self._failures,
                is_repeatable=True,
                remaining_seconds=math.inf,
                random=self._random,
            )
        self._observer.lost(self.system, error, pause)
        if pause is None:
            raise error
        await self._sleep(pause)
