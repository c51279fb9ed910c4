"""Calls by HTTP/2 (RFC 9113): all of a client share one connection, guarded and bounded as those by HTTP/1.1 are.

Frames, streams and their windows are httpcore2's. Connections are ours: they go to judged addresses, and end each
exchange in its time without ending others. An event loop in a thread carries them, so that every wait can be left.

A call that ends early leaves its stream behind, which the library does not reset, and whose bytes use up the window
that all streams share. A line on which that happened takes no further calls, and is closed when its last one ends.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any, Final

try:
    from h2.exceptions import H2Error
    from httpcore2 import (
        URL,
        AsyncHTTP2Connection,
        AsyncNetworkStream,
        ConnectionNotAvailable,
        LocalProtocolError,
        NetworkError,
        RemoteProtocolError,
        Request,
        Response,
    )
except ImportError as error:
    raise ImportError("HTTP/2 needs the packages of `httpcore2[asyncio,http2]`") from error

from gateway.clients.connecting import connected
from gateway.clients.decoding import Inflating
from gateway.clients.errors import ConnectionFailed, DeadlineExceeded, FailedCall, IntegrationError, ProtocolFault
from gateway.clients.exchange_watch import Exchange
from gateway.clients.loop_thread import LoopThread
from gateway.clients.transport import MAX_BYTES, OpenAnswer, Timeout
from gateway.clients.values import Answer, Call, Headers
from gateway.outgoing.resolver import LookupThreads, Resolver, SystemResolver
from gateway.security.ssrf import AddressPolicy

IDLE_SECONDS: Final = 30.0

# Of the connection, and not of a message (RFC 9113, 8.2.2).
_OF_THE_CONNECTION: Final = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)


class Http2Transport:
    """A `Transport`. By `http://` it speaks HTTP/2 from the first byte on (RFC 9113, 3.3).

    `ssl_context` offers HTTP/2 alone from now on (ALPN): give one that nobody else uses.
    """

    def __init__(
        self,
        *,
        timeout: Timeout,
        policy: AddressPolicy,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout = timeout
        self._policy = policy
        self._resolver = resolver or SystemResolver()
        if ssl_context is not None:
            ssl_context.set_alpn_protocols(["h2"])
        self._trust = ssl_context
        self._lock = threading.Lock()
        self._pid = 0
        self._carriage: _Carriage | None = None
        self._left_behind: list[_Carriage] = []

    def send(self, call: Call, *, ends_at: float, max_bytes: int = MAX_BYTES) -> Answer:
        with self.open(call, ends_at=ends_at) as opened:
            return opened.whole(max_bytes, call.url)

    @contextmanager
    def open(self, call: Call, *, ends_at: float) -> Iterator[OpenAnswer]:
        exchange = Exchange(ends_at)
        if exchange.remaining_seconds <= 0:
            raise DeadlineExceeded("there was no time left to send it")
        carriage = self._ours()
        stream = carriage.begin(call, exchange)
        try:
            opened = OpenAnswer(stream.status, stream.headers, _decoded(stream.headers, stream.pieces()), exchange)
            opened.require_time()
            yield opened
        finally:
            stream.end()

    def close(self) -> None:
        with self._lock:
            if self._carriage is not None and self._pid == os.getpid():
                self._carriage.close()
            self._carriage = None

    def _ours(self) -> _Carriage:
        with self._lock:
            if self._carriage is None or self._pid != os.getpid():
                # The connection of a parent is the parent's, and so is its loop: collecting them would touch both.
                if self._carriage is not None:
                    self._left_behind.append(self._carriage)
                self._pid = os.getpid()
                self._carriage = _Carriage(self._timeout, self._policy, self._resolver, self._trust)
            return self._carriage


class _Line:
    """One connection, and how many calls are on it. Of the loop's thread."""

    def __init__(self, connection: AsyncHTTP2Connection, network: _NetworkStream) -> None:
        self.connection = connection
        self._network = network
        self.calls = 0
        self.is_retired = False

    @property
    def is_good(self) -> bool:
        # The library sees that the system hung up when it reads next, which is after it has sent.
        is_over = self.is_retired or self._network.is_over or self.connection.has_expired()
        return not is_over and self.connection.is_available()

    async def left(self, *, well: bool) -> None:
        """A call is over; `well` when its stream was read to its end."""
        self.calls -= 1
        self.is_retired = self.is_retired or not well
        if self.is_retired and self.calls == 0:
            await self.connection.aclose()


class _Carriage:
    """What carries the calls of one process: a loop in a thread, and the line that takes calls now."""

    def __init__(
        self, timeout: Timeout, policy: AddressPolicy, resolver: Resolver, trust: ssl.SSLContext | None
    ) -> None:
        self._timeout = timeout
        self._policy = policy
        self._lookups = LookupThreads(resolver)
        self._trust = trust
        self._thread = LoopThread()
        self._thread.__enter__()
        self._connecting = asyncio.Lock()
        self._line: _Line | None = None

    def close(self) -> None:
        self._thread.run(self._hang_up())
        self._thread.__exit__()
        self._lookups.close()

    def begin(self, call: Call, exchange: Exchange) -> _Stream:
        return self._thread.run(self._begin(call, exchange))

    def run(self, work: Any) -> Any:
        return self._thread.run(work)

    async def _begin(self, call: Call, exchange: Exchange) -> _Stream:
        request = _request(call)
        while True:
            async with _in_time(exchange, None, may_have_happened=False):
                line = await self._usable(call)
            line.calls += 1
            try:
                async with _in_time(exchange, self._timeout.read_seconds, may_have_happened=True):
                    response = await line.connection.handle_async_request(request)
                return _Stream(self, line, response, exchange, self._timeout.read_seconds)
            except ConnectionNotAvailable:
                # It was not sent: the system ends this connection, or it has no streams left.
                await line.left(well=False)
            except BaseException:
                await line.left(well=False)
                raise

    async def _usable(self, call: Call) -> _Line:
        async with self._connecting:
            line = self._line
            if line is None or not line.is_good:
                if line is not None:
                    # With nobody on it, it is closed at once.
                    line.calls += 1
                    await line.left(well=False)
                self._line = line = await self._connected(call)
            return line

    async def _connected(self, call: Call) -> _Line:
        url = URL(call.url)
        try:
            async with asyncio.timeout(self._timeout.connect_seconds):
                opened = await connected(call.url, self._policy, self._lookups, self._timeout.connect_seconds)
                tls: dict[str, Any] = {}
                if url.scheme == b"https":
                    tls = {"ssl": self._trust or _trust(), "server_hostname": call.host}
                reader = asyncio.StreamReader()
                try:
                    transport, _ = await asyncio.get_running_loop().create_connection(
                        lambda: asyncio.StreamReaderProtocol(reader), sock=opened, **tls
                    )
                except BaseException:
                    opened.close()
                    raise
        except TimeoutError as error:
            raise ConnectionFailed("no connection in time") from error
        except ssl.SSLCertVerificationError as error:
            raise ConnectionFailed("the system's certificate is not trusted") from error
        except (OSError, EOFError) as error:
            raise ConnectionFailed("TLS was not agreed on, or broke; does this port speak it?") from error
        if tls and transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            transport.abort()
            raise ProtocolFault("the system does not speak HTTP/2 at this address: leave out `http2`")
        network = _NetworkStream(reader, transport)
        return _Line(AsyncHTTP2Connection(url.origin, network, IDLE_SECONDS), network)

    async def _hang_up(self) -> None:
        if self._line is not None:
            await self._line.connection.aclose()


class _Stream:
    """One exchange whose head has come. For one thread."""

    def __init__(
        self, carriage: _Carriage, line: _Line, response: Response, exchange: Exchange, read_seconds: float
    ) -> None:
        self.status = response.status
        self.headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers])
        self._carriage = carriage
        self._line = line
        self._response = response
        self._exchange = exchange
        self._read_seconds = read_seconds
        self._is_read = False

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes."""
        iterator = self._response.aiter_stream().__aiter__()
        while (piece := self._carriage.run(self._next(iterator))) is not None:
            yield piece
        self._is_read = True

    def end(self) -> None:
        """The exchange is over, whether or not its answer was read."""
        self._carriage.run(self._left())

    async def _next(self, iterator: AsyncIterator[bytes]) -> bytes | None:
        async with _in_time(self._exchange, self._read_seconds, may_have_happened=True):
            return await anext(iterator, None)

    async def _left(self) -> None:
        try:
            await self._response.aclose()
        finally:
            await self._line.left(well=self._is_read)


class _NetworkStream(AsyncNetworkStream):
    """What httpcore2 reads and writes, whose times are kept around it.

    Writing waits for nothing, so that nobody who leaves cuts a frame: what may be on its way is bounded by the system's
    windows. No `StreamWriter`, which would take the parent's connection out of its loop when it is collected in a child
    after a fork.
    """

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.Transport) -> None:
        self._reader = reader
        self._transport = transport

    @property
    def is_over(self) -> bool:
        """Whether the other side hung up, and all that came before was read."""
        return self._reader.at_eof() or self._transport.is_closing()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if buffer:
            self._transport.write(buffer)

    async def aclose(self) -> None:
        self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        return self._transport.get_extra_info(info)


@asynccontextmanager
async def _in_time(
    exchange: Exchange, silence_seconds: float | None, *, may_have_happened: bool
) -> AsyncIterator[None]:
    """Within the time of `exchange`, and of one silence. Foreign errors as ours; their messages are not quoted."""
    remaining = exchange.remaining_seconds
    call = FailedCall(may_have_happened=may_have_happened)
    try:
        async with asyncio.timeout(remaining if silence_seconds is None else min(remaining, silence_seconds)):
            yield
    except TimeoutError as error:
        is_over = exchange.remaining_seconds <= 0
        message = "there was no whole answer in time" if is_over else "the system kept silent for too long"
        raise DeadlineExceeded(message, call=call) from error
    except RemoteProtocolError as error:
        # A reset, a connection that ended, and what breaks the rules have one class in the library.
        raise ConnectionFailed("the connection, or the call's stream on it, was cut", call=call) from error
    except (NetworkError, OSError) as error:
        raise ConnectionFailed("the connection was cut", call=call) from error
    except (LocalProtocolError, ValueError, H2Error) as error:
        raise ProtocolFault("the answer is not HTTP/2 as it should be", call=call) from error


def _decoded(headers: Headers, pieces: Iterator[bytes]) -> Iterator[bytes]:
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"gzip", "x-gzip", "deflate"}:
        yield from pieces
        return
    inflating = Inflating()
    is_empty = True
    try:
        for piece in pieces:
            is_empty = False
            yield from inflating.pieces(piece)
        if not is_empty:
            inflating.require_end()
    except IntegrationError:
        raise
    except ValueError as error:
        raise ProtocolFault("the answer's encoding is broken", call=FailedCall(may_have_happened=True)) from error


def _request(call: Call) -> Request:
    url = URL(call.full_url)
    port = b"" if url.port is None else b":%d" % url.port
    name = b"[%b]" % url.host if b":" in url.host else url.host
    headers = [(b"host", name + port)]
    headers += [(key.encode(), value.encode()) for key, value in call.headers if key.lower() not in _OF_THE_CONNECTION]
    if call.body is not None or call.method in {"POST", "PUT", "PATCH"}:
        headers.append((b"content-length", b"%d" % len(call.body or b"")))
    return Request(call.method, url, headers=headers, content=call.body or b"")


@cache
def _trust() -> ssl.SSLContext:
    """The machine's trust in authorities, for HTTP/2 alone."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    return context
