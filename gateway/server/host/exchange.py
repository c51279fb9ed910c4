"""One request and its answer: the application's `receive` and `send` (ASGI 3, HTTP spec 2.4)."""

from __future__ import annotations

from asyncio import Future, shield
from collections.abc import MutableMapping
from typing import Any, Protocol

from gateway.server.host.answer import CONTINUE, LAST_CHUNK, chunk_of, head_of
from gateway.server.host.framing import Head

Message = MutableMapping[str, Any]

# The extension and message by which an application says that it passes a body on while it comes.
STREAMED_BODY = "gateway.streamed_body"
# So much of a body waits for the application before nothing more is read for it.
BODY_HELD_BYTES = 64 * 1024


class Line(Protocol):
    """The connection, as an exchange uses it."""

    room: Future[None] | None
    """Done when the client has taken enough of what was written; None while it takes it quickly enough."""

    @property
    def date(self) -> bytes:
        """The value of `Date`."""

    @property
    def is_ending(self) -> bool:
        """Whether it serves nothing after this."""

    def write(self, data: bytes) -> None:
        """Send; nothing happens when the client has left."""

    def hold(self) -> None:
        """Read nothing more for now."""

    def go_on(self) -> None:
        """Read on."""

    def wait(self, *, for_body: bool) -> Future[None]:
        """What to wait for until `Exchange` wakes it; who waits for a body waits for a limited time."""

    def served(self) -> None:
        """It is the application's turn again."""

    def passed_on(self, exchange: Exchange) -> None:
        """What came of the body of `exchange` is held no longer."""


class Exchange:
    """The connection tells it what came; the application asks it. It may go on after its client left: nothing is
    written then.
    """

    __slots__ = (
        "_announced",
        "_closes",
        "_expects_continue",
        "_has_left",
        "_held",
        "_is_chunked",
        "_is_mute",
        "_is_shed",
        "_is_streamed",
        "_line",
        "_pieces",
        "_sent",
        "_start",
        "_waiter",
        "head",
        "is_answered",
        "is_started",
        "is_told",
        "is_whole",
    )

    def __init__(self, line: Line, head: Head) -> None:
        self._line = line
        self.head = head
        # The request is whole, and the application knows; the answer was begun, and is whole too.
        self.is_whole = self.is_told = self.is_started = self.is_answered = False
        self._is_shed = self._is_streamed = False
        self._pieces: list[bytes] = []
        self._held = 0
        self._waiter: Future[None] | None = None
        self._has_left = False
        self._expects_continue = head.expects_continue
        self._start = b""
        self._closes = not head.keeps_alive
        self._is_chunked = self._is_mute = False
        self._announced: int | None = None
        self._sent = 0

    @property
    def has_left(self) -> bool:
        """Whether the client has left, or is not waited for any more."""
        return self._has_left

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection can serve another request after this one."""
        is_complete = self._is_mute or self._announced is None or self._sent == self._announced
        return self.is_whole and self.is_answered and is_complete and not (self._closes or self._has_left)

    # For the connection.

    def came(self, data: bytes) -> None:
        """A piece of the body."""
        self._expects_continue = False
        self._pieces.append(data)
        self._held += len(data)
        if self._held > BODY_HELD_BYTES:
            self._line.hold()
        self._wake()

    def ended(self) -> None:
        """The body is whole."""
        self.is_whole = True
        self._wake()

    def leave(self) -> None:
        """The client has left, or is not waited for any more."""
        self._has_left = True
        self._wake()

    def shed(self) -> None:
        """There is no room for the request: the application hears so instead of its body."""
        self._is_shed = True
        self.is_whole = False
        self._pieces, self._held = [], 0
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # For the application.

    async def receive(self) -> Message:
        """What of the body is there; after its end, once the client leaves, that it left.

        With `overloaded` the client is still there, and nothing more of its body will be.
        """
        if self.is_told or not (self._pieces or self.is_whole):
            await self._wait()
            if self._is_shed:
                return {"type": "http.disconnect", "overloaded": True}
            if self.is_told or not (self._pieces or self.is_whole):
                return {"type": "http.disconnect"}
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._held > BODY_HELD_BYTES:
            self._line.go_on()
        self._pieces, self._held = [], 0
        if self._is_streamed:
            self._line.passed_on(self)
        self.is_told = self.is_whole
        return {"type": "http.request", "body": body, "more_body": not self.is_whole}

    async def _wait(self) -> None:
        if self._has_left or self._is_shed:
            return
        if self._expects_continue:
            self._expects_continue = False
            self._line.write(CONTINUE)
        self._waiter = self._line.wait(for_body=not self.is_whole)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._line.served()

    async def send(self, message: Message) -> None:
        """The next of the answer; waits while the client takes it too slowly. Raises `RuntimeError` out of turn."""
        kind = message["type"]
        if kind == "http.response.body":
            if not self.is_started or self.is_answered:
                raise RuntimeError("a piece of an answer before its start or after its end")
            self._send_body(bytes(message.get("body", b"")), is_last=not message.get("more_body", False))
            if self._line.room is not None:
                await shield(self._line.room)
        elif kind == "http.response.start":
            if self.is_started:
                raise RuntimeError("an answer that starts twice")
            self._send_start(message["status"], list(message.get("headers", ())))
        elif kind == STREAMED_BODY:
            self._is_streamed = True
            self._line.passed_on(self)
        else:
            raise RuntimeError(f"{kind} is not known here")

    def _send_start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        named = {name.lower(): value for name, value in headers}
        if b"transfer-encoding" in named:
            raise RuntimeError("how an answer is framed is not the application's matter")
        length = named.get(b"content-length")
        has_no_body = status in {204, 304} or status < 200
        self._is_mute = has_no_body or self.head.method == "HEAD"
        if has_no_body and status != 304:
            headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        elif length is not None:
            self._announced = int(length)
        elif not self._is_mute:
            self._is_chunked = self.head.http_version == "1.1"
            if self._is_chunked:
                headers.append((b"Transfer-Encoding", b"chunked"))
        is_announced = named.get(b"connection", b"").lower().find(b"close") >= 0
        # Without a length the end of the connection is the end of an answer in HTTP/1.0.
        is_endless = not (self._is_mute or self._is_chunked or self._announced is not None)
        self._closes |= is_announced or is_endless or not self.is_whole or self._line.is_ending
        self._start = head_of(status, headers, self._line.date, closes=self._closes and not is_announced)
        self._expects_continue = False
        self.is_started = True

    def _send_body(self, body: bytes, *, is_last: bool) -> None:
        if self._is_mute:
            body = b""
        elif self._announced is not None:
            # More would be read as the next answer.
            body = body[: self._announced - self._sent]
        self._sent += len(body)
        if self._is_chunked:
            body = (chunk_of(body) if body else b"") + (LAST_CHUNK if is_last else b"")
        start, self._start = self._start, b""
        self.is_answered = is_last
        # A stream's head goes out with its first piece, even an empty one.
        if start or body:
            self._line.write(start + body)
