"""Carrying out one request: one connection's worth of I/O, with its bounds, and foreign errors translated.

Nothing here decides whether a call succeeded, or is tried again.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    IncompleteRead,
    InvalidChunkLength,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from gateway.clients.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    FailedCall,
    IntegrationError,
    ProtocolFault,
    ResponseTooLarge,
)
from gateway.clients.exchange_watch import Exchange, ExchangeWatch
from gateway.clients.uploads import Upload
from gateway.clients.values import Answer, Call, Headers
from gateway.errors import AddressForbidden
from gateway.outgoing.caps import LOOKUP_THREADS
from gateway.outgoing.guard_requests import GuardedAdapter
from gateway.outgoing.resolver import Resolver, SystemResolver
from gateway.security.ssrf import AddressPolicy

Session = requests.Session

CHUNK_BYTES: Final = 64 * 1024
MAX_BYTES: Final = 10 * 1024 * 1024
POOL_SIZE: Final = 32
UPLOAD_BYTES_PER_SECOND: Final = 64 * 1024
"""Who sends or takes a body more slowly than this runs out of time."""


@dataclass(frozen=True, slots=True)
class Timeout:
    """Seconds: to connect, between two pieces of an answer, and for a whole call with all its tries and pauses."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    call_seconds: float = 60.0

    def __post_init__(self) -> None:
        if min(self.connect_seconds, self.read_seconds, self.call_seconds) <= 0:
            raise ValueError("a timeout is more than nothing")


class Transport(Protocol):
    """Sends calls, guarded. Safe from any thread, and in a child after a fork."""

    def send(self, call: Call, *, ends_at: float, max_bytes: int = MAX_BYTES) -> Answer:
        """The whole answer to `call`, by `ends_at` on the steady clock.

        Raises `IntegrationError`, `AddressForbidden`.
        """
        ...

    def open(self, call: Call, *, ends_at: float) -> AbstractContextManager[OpenAnswer]:
        """The answer to `call`, whose body is still to be read, inside the block."""
        ...

    def close(self) -> None:
        """Let go of the connections; others are opened when it is used again."""
        ...


class Http1Transport:
    """By HTTP/1.1, a connection for each call under way. Safe from any thread, and in a child after a fork.

    With `session` its adapters are used, and with them goes the guard: for tests, and for who knows what he does.
    `idle_seconds` is for whose requests must not be lost with a connection (`GuardedAdapter`).
    """

    def __init__(
        self,
        *,
        timeout: Timeout,
        policy: AddressPolicy,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        session: Session | None = None,
        pool_size: int = POOL_SIZE,
        idle_seconds: float | None = None,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._timeout = timeout
        self._policy = policy
        self._resolver = resolver or SystemResolver()
        self._ssl_context = ssl_context
        self._session = session
        self._pool_size = pool_size
        self._lock = threading.Lock()
        self._watch = ExchangeWatch()
        self._pid = 0
        self._adapter: GuardedAdapter | None = None

    def send(self, call: Call, *, ends_at: float, max_bytes: int = MAX_BYTES) -> Answer:
        """The whole answer to `call`. Raises `IntegrationError`, `AddressForbidden`."""
        with self.open(call, ends_at=ends_at) as opened:
            return opened.whole(max_bytes, call.url)

    @contextmanager
    def open(
        self, call: Call, *, ends_at: float, decodes: bool = True, upload: Upload | None = None
    ) -> Iterator[OpenAnswer]:
        """The answer to `call`, whose body is still to be read. Its connection is given back when the block ends.

        Not `decodes`: the body comes in the encoding that its headers name. `upload` is sent in place of the call's
        body, and may take a second more for each `UPLOAD_BYTES_PER_SECOND` of it.
        """
        exchange = self._watch.begin(ends_at)
        try:
            with translated(exchange):
                response = self._exchange(call, exchange, upload)
            try:
                opened = OpenAnswer(
                    response.status_code,
                    Headers(_pairs(response)),
                    _pieces(response, exchange, decodes=decodes),
                    exchange,
                )
                opened.require_time()
                if opened.status < 200:
                    # http.client takes it for the answer. The answer follows (RFC 9110, 15.2), and whoever had the
                    # connection next would read it as his own: unread it is closed.
                    raise ProtocolFault(
                        f"the system announced an answer that was not waited for (status {opened.status})",
                        call=FailedCall(status=opened.status, may_have_happened=True),
                    )
                yield opened
            finally:
                response.close()
        finally:
            self._watch.end(exchange)

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            if self._adapter is not None and self._pid == os.getpid():
                self._adapter.close()
                self._watch.close()
            self._adapter = None

    def _exchange(self, call: Call, exchange: Exchange, upload: Upload | None) -> requests.Response:
        remaining = exchange.remaining_seconds
        if remaining <= 0:
            raise DeadlineExceeded("there was no time left to send it")
        request = _prepared(call)
        if upload is not None:
            self._stream(request, upload, exchange)
        timeout = (min(self._timeout.connect_seconds, remaining), min(self._timeout.read_seconds, remaining))
        if self._session is not None:
            # Without a jar of its own, be it empty, a session fails at redirects.
            request.prepare_cookies({})
            return self._session.send(request, stream=True, timeout=timeout, allow_redirects=False)
        return self._ours().send(request, stream=True, timeout=timeout, verify=True)

    def _stream(self, request: requests.PreparedRequest, upload: Upload, exchange: Exchange) -> None:
        def pieces() -> Iterator[bytes]:
            _set_patience(exchange, self._timeout.read_seconds)
            for piece in upload:
                exchange.ends_at += len(piece) / UPLOAD_BYTES_PER_SECOND
                yield piece

        request.body = pieces()  # type: ignore[assignment]
        request.headers.pop("Content-Length", None)
        if upload.length is not None:
            request.headers["Content-Length"] = str(upload.length)

    def _ours(self) -> HTTPAdapter:
        # The connections of a parent are the parent's: two processes on one would read each other's answers.
        if self._adapter is None or self._pid != os.getpid():
            with self._lock:
                if self._adapter is None or self._pid != os.getpid():
                    self._pid = os.getpid()
                    self._adapter = GuardedAdapter(
                        _WithinDeadline(self._resolver, self._watch),
                        self._policy,
                        ssl_context=self._ssl_context or default_trust(),
                        on_use=self._watch.uses,
                        pool_size=self._pool_size,
                        idle_seconds=self._idle_seconds,
                    )
        return self._adapter


class OpenAnswer:
    """An answer whose body is read bit by bit."""

    def __init__(self, status: int, headers: Headers, pieces: Iterator[bytes], exchange: Exchange) -> None:
        self._pieces = pieces
        self._exchange = exchange
        self.status = status
        self.headers = headers
        self.received_bytes = 0

    def chunks(self, max_bytes: int | None = None) -> Iterator[bytes]:
        """The body, decoded, in pieces of some size. Raises `IntegrationError`."""
        for chunk in self._pieces:
            self.received_bytes += len(chunk)
            if max_bytes is not None and self.received_bytes > max_bytes:
                raise ResponseTooLarge(f"the answer is larger than {max_bytes} bytes")
            self.require_time()
            yield chunk
        # A connection that was shut down under it looks like the end of the answer.
        self.require_time()

    def whole(self, max_bytes: int, url: str) -> Answer:
        """With all of its body. Raises `IntegrationError`."""
        return Answer(self.status, self.headers, b"".join(self.chunks(max_bytes)), url=url)

    def require_time(self) -> None:
        """Raises `DeadlineExceeded` when the exchange's time is over."""
        if self._exchange.is_over or self._exchange.remaining_seconds <= 0:
            raise DeadlineExceeded("there was no whole answer in time", call=FailedCall(may_have_happened=True))


def _set_patience(exchange: Exchange, seconds: float) -> None:
    """For so long the system may take nothing of a body; urllib3 would wait for as long as for a connection."""
    opened = exchange.connection.sock if exchange.connection is not None else None
    if opened is not None:
        opened.settimeout(seconds)


def _pieces(response: requests.Response, exchange: Exchange, *, decodes: bool) -> Iterator[bytes]:
    with translated(exchange):
        if decodes:
            yield from response.iter_content(CHUNK_BYTES)
        else:
            yield from response.raw.stream(CHUNK_BYTES, decode_content=False)


@contextmanager
def translated(exchange: Exchange) -> Iterator[None]:
    """Errors of the libraries as ours, by what they mean for the call. Their messages name URLs, and are not quoted."""
    try:
        yield
    except (IntegrationError, AddressForbidden):
        raise
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise _ours(error, exchange) from error


# The first that fits any of an error's causes decides; the flag says that nothing can have reached the system.
_Kinds = type[BaseException] | tuple[type[BaseException], ...]
_MEANINGS: Final[tuple[tuple[_Kinds, type[IntegrationError], str, bool], ...]] = (
    (NameResolutionError, ConnectionFailed, "the host's name does not resolve", True),
    (ssl.SSLCertVerificationError, ConnectionFailed, "the system's certificate is not trusted", True),
    (ConnectionRefusedError, ConnectionFailed, "the connection was refused: nothing listens there", True),
    # Which urllib3 derives from the next one.
    (NewConnectionError, ConnectionFailed, "no connection could be made", True),
    ((ConnectTimeoutError, requests.ConnectTimeout), ConnectionFailed, "no connection in time", True),
    ((SSLError, ssl.SSLError), ConnectionFailed, "TLS was not agreed on, or broke; does this port speak it?", False),
    ((ReadTimeoutError, requests.ReadTimeout), DeadlineExceeded, "the system kept silent for too long", False),
    (IncompleteRead, ConnectionFailed, "the connection was cut in the middle of the answer", False),
    ((DecodeError, InvalidChunkLength), ProtocolFault, "the answer's encoding is broken", False),
    (TimeoutError, DeadlineExceeded, "the system took no more of the request for too long", False),
    (ConnectionError, ConnectionFailed, "the connection was cut", False),
)


def _ours(error: Exception, exchange: Exchange) -> IntegrationError:
    causes = list(causes_of(error))
    found = next(
        (
            (kind, message, is_unsent)
            for foreign, kind, message, is_unsent in _MEANINGS
            if any(isinstance(cause, foreign) for cause in causes)
        ),
        (ProtocolFault, "the answer is not HTTP as it should be", False),
    )
    kind, message, is_unsent = found
    if not is_unsent and (exchange.is_over or exchange.remaining_seconds <= 0):
        kind, message = DeadlineExceeded, "there was no whole answer in time"
    return kind(message, call=FailedCall(may_have_happened=not is_unsent))


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what it goes back to, also where a library put it into an argument."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = next((argument for argument in error.args if isinstance(argument, BaseException)), None)
        reason = getattr(error, "reason", None)
        found = reason if isinstance(reason, BaseException) else inner
        error = found or error.__cause__ or error.__context__


def _prepared(call: Call) -> requests.PreparedRequest:
    """As requests' own preparing, for what is prepared already: no cookies, no environment, no second encoding."""
    request = requests.PreparedRequest()
    request.method = call.method
    request.url = call.full_url
    request.body = call.body
    request.headers = CaseInsensitiveDict(call.headers)
    request.hooks = {"response": []}
    if call.body is not None:
        request.headers["Content-Length"] = str(len(call.body))
    elif call.method in {"POST", "PUT", "PATCH"}:
        request.headers["Content-Length"] = "0"
    return request


def _pairs(response: requests.Response) -> list[tuple[str, str]]:
    raw = getattr(response.raw, "headers", None)
    found = raw.items() if raw is not None else response.headers.items()
    return [(str(name), str(value)) for name, value in found]


class _WithinDeadline:
    """A resolver whose lookups last no longer than the exchange that needs them."""

    def __init__(self, resolver: Resolver, watch: ExchangeWatch) -> None:
        self._resolver = resolver
        self._watch = watch
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")

    def resolve(self, host: str) -> list[str]:
        exchange = self._watch.current
        remaining = exchange.remaining_seconds if exchange is not None else None
        return self._threads.submit(self._resolver.resolve, host).result(remaining)


@cache
def default_trust() -> ssl.SSLContext:
    """The machine's trust in authorities."""
    # Read once: it takes as long as a hundred calls.
    return ssl.create_default_context()
