"""One connection: requests in their order, each answered before the next; how long a client may be waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import Any, NamedTuple, cast

from gateway.server.host.answer import text_of
from gateway.server.host.budget import ALWAYS_BYTES
from gateway.server.host.exchange import STREAMED_BODY, Exchange
from gateway.server.host.framing import Head, Refused, RequestReader
from gateway.server.host.service import Service

# From a connection's beginning to the end of its first request's head.
FIRST_REQUEST_SECONDS = 30.0
# For the next piece of a body, in which an application is.
BODY_SECONDS = 60.0
# What an application may still do whose client has left.
LEFT_SECONDS = 3.0
WRITE_HELD_BYTES = 64 * 1024
# For a client to take any more of its answer.
TAKE_SECONDS = 60.0

ASGI = {"version": "3.0", "spec_version": "2.4"}


class Refusal(NamedTuple):
    """What a client hears who is not served any further. Not the error itself, which holds on to what was read."""

    status: int
    reason: str


TOO_MUCH = Refusal(503, "too much is under way; send it again")


class Connection(asyncio.Protocol):
    """Its requests run in one task of its own."""

    transport: asyncio.Transport

    def __init__(self, service: Service) -> None:
        self._service = service
        self._reader = RequestReader(self, service.bounds.head)
        self._requests: deque[Exchange] = deque()
        # The request whose body is coming; the one that is being answered.
        self._coming: Exchange | None = None
        self._current: Exchange | None = None
        self._refusal: Refusal | None = None
        # Bytes that came and are not answered yet; of those, what came since the request in front was whole; the last
        # piece.
        self._held = self._behind = self._last = 0
        # What a client has not taken of its answer, and when it last took something.
        self._untaken = 0
        self._took_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._news: asyncio.Future[None] | None = None
        self._give_up_at = inf
        self._is_reading = True
        self._hears = True
        self.room: asyncio.Future[None] | None = None

    # For the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        service = self._service
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_HELD_BYTES)
        self._is_tls = transport.get_extra_info("ssl_object") is not None
        self._client = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        if not service.admit(self):
            self._hears = False
            self.transport.abort()
            return
        self._give_up_at = service.loop.time() + FIRST_REQUEST_SECONDS
        self._task = service.loop.create_task(self._serve())
        self._task.add_done_callback(self._let_go_of_all)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if not self._hears:
            return
        self._last = size = len(data)
        self._held += size
        self._behind += size
        self._service.budget.take(size)
        try:
            self._reader.feed(data)
        except Refused as refused:
            self._refuse_rest(Refusal(refused.status, str(refused)))
            return
        if self._held > ALWAYS_BYTES and not self._service.budget.make_room(self, is_coming=self._reader.is_amid):
            self.let_go()

    def eof_received(self) -> bool:
        """The client sends no more. It may still listen, for the answer to what it sent."""
        self._hears = False
        for exchange in (self._current, *self._requests):
            if exchange is not None:
                exchange.leave()
        # TLS knows no half of a connection.
        return not self._is_tls and bool(self._current or self._requests)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whichever side."""
        service = self._service
        service.closed(self)
        service.budget.forget(self)
        self._hears = False
        self._reader.close()
        self._requests.clear()
        self._coming = None
        self.resume_writing()
        if self._task is None:
            return
        if self._current is None:
            self._task.cancel()
        else:
            self._current.leave()
            service.loop.call_later(LEFT_SECONDS, self._task.cancel)

    def pause_writing(self) -> None:
        """The client takes its answer too slowly."""
        if self.room is None:
            self.room = self._service.loop.create_future()

    def resume_writing(self) -> None:
        """The client has taken enough of it."""
        room, self.room = self.room, None
        if room is not None and not room.done():
            room.set_result(None)

    # For the reader.

    def began(self, head: Head) -> None:
        """A request's head is there."""
        if self._current is None and not self._requests:
            self._service.asked(self)
        self._coming = Exchange(self, head)
        self._requests.append(self._coming)
        self._tell()

    def came(self, data: bytes) -> None:
        """A piece of its body."""
        assert self._coming is not None
        self._coming.came(data)

    def ended(self) -> None:
        """It is whole."""
        assert self._coming is not None
        self._coming.ended()
        self._coming = None
        if len(self._requests) > (self._current is None):
            # Another one is to be answered before.
            self.hold()
        else:
            self._behind = self._last

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # For exchanges.

    @property
    def date(self) -> bytes:
        """The value of `Date`."""
        return self._service.date

    @property
    def is_ending(self) -> bool:
        """Whether nothing more is served."""
        return self._service.is_ending

    def write(self, data: bytes) -> None:
        """Send; nothing happens when the client has left."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def hold(self) -> None:
        """Read nothing more for now."""
        if self._is_reading and not self.transport.is_closing():
            self._is_reading = False
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read on."""
        if not self._is_reading and not self.transport.is_closing():
            self._is_reading = True
            self.transport.resume_reading()

    def wait(self, *, for_body: bool) -> asyncio.Future[None]:
        """What the application waits for: its request's body, or its client's leaving."""
        if for_body:
            # Nothing was read any more while requests waited that are answered by now.
            self.go_on()
            self._give_up_at = self._service.loop.time() + BODY_SECONDS
        return self._service.loop.create_future()

    def served(self) -> None:
        """It is the application's turn."""
        self._give_up_at = inf

    def passed_on(self, exchange: Exchange) -> None:
        """What came is held no longer, unless some of it may be another request's."""
        if self._coming is exchange:
            self._behind = 0
            self._give_back(self._held)
            self._service.budget.forget(self)

    # For the budget.

    def let_go(self) -> None:
        """Give up the request that is coming, and those that wait behind another, and give back what they hold."""
        self._service.budget_spent()
        current, self._coming = self._current, None
        if current is not None and current.is_told:
            # It is whole, and in the application's hands.
            self._give_back(self._behind)
            self._refusal = TOO_MUCH
            self._requests.clear()
        else:
            self._give_back(self._held)
            given_up = current or next(iter(self._requests), None)
            self._requests.clear()
            if given_up is None:
                self._refusal = TOO_MUCH
            else:
                given_up.shed()
                if current is None:
                    self._requests.append(given_up)
        self._stop_hearing()

    def _settle(self) -> None:
        """A request is answered. What came behind it may be the next one, or its beginning."""
        if not self._requests and not self._reader.is_amid:
            self._behind = 0
        self._give_back(self._held - self._behind)

    def _give_back(self, size: int) -> None:
        self._held -= size
        self._service.budget.give_back(size)

    def _let_go_of_all(self, _task: object) -> None:
        """The last of it is answered, or nobody is left to be answered."""
        self._service.budget.forget(self)
        self._give_back(self._held)
        # A task that was cancelled keeps the frames in which it was.
        self._task = None

    # For the service.

    @property
    def peer(self) -> str | None:
        """The address of who connected; None where there is none."""
        return self._client[0] if self._client is not None else None

    @property
    def is_coming(self) -> bool:
        """Whether a request has begun that is not whole yet."""
        return self._coming is not None

    def give_up(self, now: float) -> None:
        """Give up the client if it was waited for long enough; `now` in the loop's seconds."""
        untaken = self.transport.get_write_buffer_size()
        if not untaken or untaken != self._untaken:
            self._untaken, self._took_at = untaken, now
        elif now - self._took_at >= TAKE_SECONDS:
            self.transport.abort()
        if now >= self._give_up_at:
            if self._current is None:
                self.transport.close()
            else:
                self._current.leave()

    def abort(self) -> None:
        """Close the connection, whatever is under way."""
        self.transport.abort()

    def end(self) -> None:
        """Close the connection unless a request is under way."""
        if self._current is None and not self._requests:
            self.transport.close()

    # Serving.

    async def _serve(self) -> None:
        try:
            while await self._take() and await self._answer():
                self._settle()
                if not self._requests:
                    self._give_up_at = self._service.loop.time() + self._service.bounds.keepalive_seconds
                    self._service.answered_all(self)
                    self.go_on()
        finally:
            self._current = None
            self._close()

    async def _take(self) -> bool:
        """Wait for the next request; whether there is one."""
        while not self._requests:
            if self._refusal is not None:
                self._refuse(self._refusal)
                return False
            if not self._hears or self.is_ending:
                return False
            self._news = self._service.loop.create_future()
            await self._news
        self._current = self._requests.popleft()
        self._give_up_at = inf
        return True

    async def _answer(self) -> bool:
        """Have the application answer; whether the connection can go on."""
        exchange = self._current
        assert exchange is not None
        try:
            await self._service.application(self._scope(exchange.head), exchange.receive, exchange.send)
        except Exception:
            self._service.log.exception("Error in ASGI application")
            if not exchange.is_started:
                self.write(text_of(500, "Internal Server Error", self.date))
            return False
        if not exchange.is_answered:
            # A stream ends when its listener leaves, and not before.
            if not exchange.has_left:
                self._service.log.error("the application returned without a whole answer; the connection is closed")
            if not exchange.is_started:
                self.write(text_of(500, "Internal Server Error", self.date))
        self._current = None
        self._service.answered += 1
        return exchange.keeps_alive

    def _refuse_rest(self, refusal: Refusal) -> None:
        """What comes is no request: nothing more is read."""
        self._refusal = refusal
        if self._coming is None:
            pass
        elif self._coming is self._current:
            self._current.leave()
        else:
            # The application has not seen it yet, and will not.
            self._requests.pop()
        self._stop_hearing()

    def _stop_hearing(self) -> None:
        self._hears = False
        self._service.budget.forget(self)
        self._tell()

    def _refuse(self, refusal: Refusal) -> None:
        if refusal is not TOO_MUCH:
            self._service.refuse_request(self.peer, refusal.reason)
        self.write(text_of(refusal.status, refusal.reason, self.date))

    def _close(self) -> None:
        if not self.transport.is_closing():
            # What was written goes out first, and the client hears that nothing follows.
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.transport.close()

    def _scope(self, head: Head) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": head.http_version,
            "method": head.method,
            "scheme": "https" if self._is_tls else "http",
            "path": head.path,
            "raw_path": head.raw_path,
            "query_string": head.query_string,
            "root_path": "",
            "headers": head.headers,
            "client": self._client,
            "server": self._server,
            "state": self._service.state.copy(),
            "extensions": {STREAMED_BODY: {}},
        }


def _address(name: Any) -> tuple[str, int | None] | None:
    """Host and port of a socket's name; a Unix socket has a path or no name."""
    if isinstance(name, tuple):
        return name[0], name[1]
    return (name, None) if name else None
