"""One connection that stands: documents in and out. It ends once, and what follows is the client's matter."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from gateway.clients.errors import ConnectionFailed, FailedCall, IntegrationError, ResponseTooLarge
from gateway.clients.judging import excerpt
from gateway.clients.websocket.dialing import Dialer
from gateway.clients.websocket.observer import SocketObserver

Decode = Callable[[bytes], Iterable[Any]]
"""From a message as it came to the documents in it. Raises `ValueError` for what cannot be read."""

Encode = Callable[[Any], str | bytes]
"""From a document to what is sent: text, or bytes."""

JudgeClose = Callable[[int | None, str], IntegrationError | None]
"""From the code and the reason with which a system closes (None: it just went) to what it means; None: as usual."""

_NOT_AGREED: Final = {CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA}


def one_document(message: bytes) -> Iterable[Any]:
    """A message is a JSON document."""
    return (orjson.loads(message),)


def documents(message: bytes) -> Iterable[Any]:
    """A message is a JSON document, or an array of several."""
    document = orjson.loads(message)
    return document if isinstance(document, list) else (document,)


def as_text(document: Any) -> str:
    """A document as JSON text."""
    return orjson.dumps(document).decode()


class Link:
    """`number` says which connection of its client this is, from 1: what has to be taken up again begins with 2."""

    def __init__(
        self,
        connection: ClientConnection,
        number: int,
        dialer: Dialer,
        *,
        decode: Decode,
        encode: Encode,
        judge_close: JudgeClose | None,
        observer: SocketObserver,
    ) -> None:
        self.number = number
        self._connection = connection
        self._dialer = dialer
        self._decode = decode
        self._encode = encode
        self._judge_close = judge_close
        self._observer = observer
        self._waiting: deque[Any] = deque()

    async def send(self, document: Any) -> None:
        """Waits while the system takes nothing. Raises `ConnectionFailed`: the system may have got it, or not."""
        try:
            await self._connection.send(self._encode(document))
        except ConnectionClosed as error:
            raise self._ended(error) from error

    async def receive(self) -> Any:
        """The next document; what cannot be read is reported and passed over. For one task at a time.

        Raises `ConnectionFailed` when there is no connection any more, and what came before was read.
        """
        while not self._waiting:
            try:
                # As bytes: text that is not UTF-8 is one malformed message, and not the connection's end.
                message = await self._connection.recv(decode=False)
            except ConnectionClosed as error:
                raise self._ended(error) from error
            try:
                self._waiting.extend(self._decode(message))
            except ValueError as error:
                self._observer.malformed(self._dialer.system, len(message), excerpt(str(error)))
        return self._waiting.popleft()

    async def close(self) -> None:
        """Say goodbye, and wait a little for the answer."""
        await self._connection.close()

    def abort(self) -> None:
        """Let go at once."""
        self._connection.transport.abort()

    def _ended(self, error: ConnectionClosed) -> IntegrationError:
        return self._dialer.finished(self._meaning(error))

    def _meaning(self, error: ConnectionClosed) -> IntegrationError:
        ours, theirs = error.sent, error.rcvd
        if ours is not None and error.rcvd_then_sent is not True:
            if ours.code == CloseCode.MESSAGE_TOO_BIG:
                return ResponseTooLarge(f"a message is larger than {self._dialer.max_bytes} bytes")
            if ours.code in _NOT_AGREED:
                return ConnectionFailed(f"given up: what came is no WebSocket frame (code {ours.code})")
            if ours.code == CloseCode.INTERNAL_ERROR:
                return ConnectionFailed("given up: no answer to the heartbeat")
        code, reason = (theirs.code, excerpt(theirs.reason)) if theirs is not None else (None, "")
        judged = self._judge_close(code, reason) if self._judge_close is not None else None
        if judged is not None:
            return judged
        call = FailedCall(vendor_code=None if code is None else str(code), excerpt=reason, may_have_happened=True)
        if code is None:
            return ConnectionFailed("the connection was cut", call=call)
        return ConnectionFailed(f"the system closed the connection (code {code}){reason and f': {reason}'}", call=call)
