"""Sending one request to an endpoint over aiohttp, inside one deadline, past the SSRF guard.

The deadline covers name, connection, TLS, request and the whole answer, so that nothing an endpoint does, drip by
drip, lasts longer. What to send is `request`'s part, what follows from the answer is `policy`'s.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, ClassVar
from weakref import WeakSet

import aiohttp
from yarl import URL

from gateway.clock import Clock
from gateway.delivery.decisions.policy import AttemptResult, Outcome, classify_status, parse_retry_after
from gateway.delivery.sending.excerpts import EXCERPT_CHARACTERS, excerpt_of, storable
from gateway.delivery.sending.request import OutgoingRequest
from gateway.errors import AddressForbidden
from gateway.outgoing.caps import DELIVERY_MAX_BYTES
from gateway.outgoing.guard_aiohttp import GuardedConnector
from gateway.outgoing.resolver import Resolver
from gateway.security.ssrf import AddressPolicy

# Longer than most servers keep an idle connection is asking for a request into a closing one; gunicorn's is 2 s.
KEEPALIVE_SECONDS = 1.5
# For a burst of new connections to one host: one lookup, judged and then used by all of them.
DNS_CACHE_SECONDS = 1
# aiohttp sends larger bodies from a file object, in pieces, so that the others get their turn in between.
WHOLE_BODY_BYTES = 256 * 1024

_on_used_connection: ContextVar[bool] = ContextVar("on_used_connection", default=False)
_give_up_at: ContextVar[float] = ContextVar("give_up_at")


class Sender:
    """Sends requests from one event loop. Make it inside the loop; `close` it there."""

    def __init__(
        self,
        *,
        clock: Clock,
        resolver: Resolver,
        policy: AddressPolicy,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._policy = policy
        connector = _Connector(
            resolver,
            policy,
            clock,
            limit=0,
            limit_per_host=0,
            keepalive_timeout=KEEPALIVE_SECONDS,
            ttl_dns_cache=DNS_CACHE_SECONDS,
            ssl=ssl_context or True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            auto_decompress=False,
            trust_env=False,
            request_class=_Request,
        )
        self._checked_url = lru_cache(maxsize=4096)(self._check_url)

    async def send(self, request: OutgoingRequest, *, timeout_seconds: float) -> AttemptResult:
        """POST `request`; whatever happens is in the result, within `timeout_seconds`."""
        attempt = _Attempt(self._clock)
        _give_up_at.set(self._clock.monotonic() + timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                try:
                    await self._post(request, attempt)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    # An idle connection that the server closed just then says nothing about the server: once more,
                    # on a new one. The receiver knows a repeat by its webhook-id.
                    if attempt.status is not None or not _on_used_connection.get() or _is_connecting(error):
                        raise
                    await self._post(request, attempt)
        except TimeoutError:
            return attempt.result(Outcome.TIMEOUT, f"no whole answer within {timeout_seconds:g} s")
        except AddressForbidden as error:
            return attempt.result(Outcome.ADDRESS_FORBIDDEN, str(error))
        except (aiohttp.InvalidURL, ValueError) as error:
            return attempt.result(Outcome.MISCONFIGURED, f"the request cannot be sent: {_said(error)}")
        except (aiohttp.ClientError, OSError) as error:
            return attempt.result(Outcome.CONNECTION_ERROR, _said(error))
        return attempt.result(attempt.outcome, None)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def _post(self, request: OutgoingRequest, attempt: _Attempt) -> None:
        body: bytes | io.BytesIO = request.body
        if len(request.body) > WHOLE_BODY_BYTES:
            body = io.BytesIO(request.body)
        is_typed = any(name.lower() == "content-type" for name, _ in request.headers)
        response = await self._session.post(
            self._checked_url(request.url),
            data=body,
            headers=request.headers,
            skip_auto_headers=None if is_typed else ("Content-Type",),
            allow_redirects=False,
        )
        try:
            await attempt.read(response)
        finally:
            # After a whole answer this does nothing: the connection is back in the pool already.
            response.close()

    def _check_url(self, url: str) -> URL:
        self._policy.check_url(url)
        return URL(url, encoded=True)


class _Attempt:
    """What is known so far of one attempt."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_at_us = clock.now_us()
        self._started = clock.monotonic()
        self._excerpt = b""
        self._retry_after: str | None = None
        self.status: int | None = None
        self.outcome = Outcome.CONNECTION_ERROR

    async def read(self, response: aiohttp.ClientResponse) -> None:
        """Take in the answer, up to the cap."""
        self.status = response.status
        self._retry_after = response.headers.get("Retry-After")
        self.outcome = classify_status(response.status)
        if (response.content_length or 0) > DELIVERY_MAX_BYTES:
            self.outcome = Outcome.RESPONSE_TOO_LARGE
            return
        received = 0
        while chunk := await response.content.readany():
            received += len(chunk)
            if len(self._excerpt) < EXCERPT_CHARACTERS:
                self._excerpt += chunk[: EXCERPT_CHARACTERS - len(self._excerpt)]
            if received > DELIVERY_MAX_BYTES:
                self.outcome = Outcome.RESPONSE_TOO_LARGE
                return

    def result(self, outcome: Outcome, error: str | None) -> AttemptResult:
        """The attempt as it ended now."""
        if outcome is Outcome.RESPONSE_TOO_LARGE:
            error = f"the answer is larger than {DELIVERY_MAX_BYTES} bytes"
        elif outcome is Outcome.REDIRECT:
            error = "redirects are not followed: give the destination the final URL"
        return AttemptResult(
            outcome,
            self._started_at_us,
            max(0, round((self._clock.monotonic() - self._started) * 1000)),
            self.status,
            None if error is None else storable(error),
            excerpt_of(self._excerpt),
            parse_retry_after(self._retry_after, self._clock.now_us()) if self._retry_after else None,
        )


class _Request(aiohttp.ClientRequest):
    """A request that carries what `compose` gave it, and nothing of the library's own."""

    # Told to leave them out one by one, the library copies all headers for every request.
    DEFAULT_HEADERS: ClassVar[dict[Any, str]] = {}  # type: ignore[misc]


class _Connector(GuardedConnector):
    """Tells whether the connection of the current task's request had carried one before.

    In a process that stood still the loop's own timer ends a request when it has left. Others may have sent it by then,
    and after it the next ones of its key: so the deadline is looked at again before anything is written.
    """

    def __init__(self, resolver: Resolver, policy: AddressPolicy, clock: Clock, **options: Any) -> None:
        super().__init__(resolver, policy, **options)
        self._clock = clock
        self._used: WeakSet[Any] = WeakSet()

    async def connect(self, *args: Any, **options: Any) -> Any:
        connection = await super().connect(*args, **options)
        if self._clock.monotonic() >= _give_up_at.get():
            connection.close()
            raise TimeoutError
        is_used = connection.protocol in self._used
        _on_used_connection.set(is_used)
        if not is_used:
            self._used.add(connection.protocol)
        return connection


def _is_connecting(error: Exception) -> bool:
    return isinstance(error, aiohttp.ClientConnectorError)


def _said(error: BaseException) -> str:
    """`error` in words for an operator. Never with the URL, whose path and query may hold secrets."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"the host name does not resolve: {error.os_error.strerror or error.os_error}"
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate is not valid: {error.certificate_error}"
        case aiohttp.ClientConnectorError():
            return f"cannot connect: {error.os_error.strerror or type(error.os_error).__name__}"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "the answer ended before it was whole"
        case aiohttp.ClientResponseError():
            return f"the answer is not HTTP: {error.message}"
        case aiohttp.InvalidURL():
            return "the URL is not valid"
        case OSError():
            return f"the connection broke: {error.strerror or type(error).__name__}"
        case ValueError():
            return str(error)
        case _:
            return type(error).__name__
