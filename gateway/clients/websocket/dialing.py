"""Opening one WebSocket (RFC 6455): a judged address, TLS, the handshake with credentials; foreign errors translated.

What is done with an open one, and whether another follows, is not decided here.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from gateway.clients.addresses import BaseUrl
from gateway.clients.auth.base import Auth, Unauthenticated
from gateway.clients.building import CallBuilder, Query
from gateway.clients.connecting import connected
from gateway.clients.errors import AuthenticationFailed, ConnectionFailed, FailedCall, IntegrationError, ProtocolFault
from gateway.clients.judging import by_status
from gateway.clients.stripping import strip
from gateway.clients.transport import default_trust
from gateway.clients.values import Answer, Call, Headers
from gateway.clock import Clock, SystemClock
from gateway.outgoing.resolver import LookupThreads, Resolver, SystemResolver
from gateway.outgoing.user_agent import user_agent
from gateway.security.ssrf import AddressPolicy

CONNECT_SECONDS: Final = 10.0
HEARTBEAT_SECONDS: Final = 20.0
CLOSE_SECONDS: Final = 2.0
MAX_MESSAGE_BYTES: Final = 10 * 1024 * 1024
MAX_WAITING_FRAMES: Final = 64

_SCHEMES: Final = {"ws": "http", "wss": "https"}


class Dialer:
    """Opens WebSockets to one URL, `wss://host/path`; `ws://` needs `allow_plain`. Use it from one event loop.

    A ping goes out every `heartbeat_seconds`, and has as long for its answer. `close_seconds` is for a goodbye.

    Raises `ValueError` for what cannot work, or would show a secret.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: Auth | None = None,
        system: str = "",
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        connect_seconds: float = CONNECT_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        close_seconds: float = CLOSE_SECONDS,
        max_bytes: int = MAX_MESSAGE_BYTES,
        max_waiting: int = MAX_WAITING_FRAMES,
        allow_plain: bool = False,
        policy: AddressPolicy | None = None,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        scheme, _, rest = url.partition("://")
        if scheme not in _SCHEMES:
            raise ValueError("the URL of a WebSocket begins with wss:// or ws://")
        base = BaseUrl.parse(f"{_SCHEMES[scheme]}://{rest}", allow_http=allow_plain)
        self._call = CallBuilder(base, headers or {}, None).build("GET", "", query=query)
        self._auth = auth or Unauthenticated()
        self._policy = policy or AddressPolicy(allow_private=False)
        self._lookups = LookupThreads(resolver or SystemResolver())
        self._trust = None if scheme == "ws" else ssl_context or default_trust()
        self._clock = clock or SystemClock()
        self.host = self._call.host
        self.system = system or self.host
        self.connect_seconds = connect_seconds
        self.max_bytes = max_bytes
        self._options: dict[str, Any] = {
            "user_agent_header": user_agent("client"),
            "subprotocols": tuple(subprotocols) or None,
            # What the machine's proxies connect to nobody judges.
            "proxy": None,
            # Whoever asks has a deadline for all of it.
            "open_timeout": None,
            "close_timeout": close_seconds,
            "ping_interval": heartbeat_seconds,
            "ping_timeout": heartbeat_seconds,
            "max_size": max_bytes,
            "max_queue": max_waiting,
            "logger": _silent(),
        }

    def close(self) -> None:
        """Let go of the threads that look names up."""
        self._lookups.close()

    async def dial(self) -> ClientConnection:
        """An open connection; credentials that are refused are renewed once. Raises `IntegrationError`,
        `AddressForbidden`.
        """
        # Credentials may come from a file or a server, and their port blocks.
        sent = await asyncio.to_thread(self._auth.apply, self._call)
        try:
            try:
                return await self._open(sent)
            except AuthenticationFailed:
                if not await asyncio.to_thread(self._auth.refused, sent):
                    raise
                sent = await asyncio.to_thread(self._auth.apply, self._call)
                return await self._open(sent)
        except IntegrationError as error:
            raise self.finished(error, sent) from error.__cause__

    def finished(self, error: IntegrationError, sent: Call | None = None) -> IntegrationError:
        """`error` as the caller sees it: with what is known of the connection, without its credentials."""
        strip(error, self._auth.secrets(sent or self._call))
        error.call = replace(error.call, system=self.system, method="WEBSOCKET", path=self._call.template)
        if not str(error).startswith(f"{self.system}: "):
            error.args = (f"{self.system}: {error}",)
        return error

    async def _open(self, sent: Call) -> ClientConnection:
        opened = await connected(sent.url, self._policy, self._lookups, self.connect_seconds)
        tls: dict[str, Any] = {"ssl": self._trust, "server_hostname": self.host} if self._trust is not None else {}
        parts = urlsplit(sent.full_url)
        scheme = "ws" if self._trust is None else "wss"
        try:
            return await connect(
                parts._replace(scheme=scheme).geturl(),
                sock=opened,
                additional_headers=[pair for pair in sent.headers if pair[0].lower() != "user-agent"],
                **tls,
                **self._options,
            )
        except (WebSocketException, OSError, EOFError, ValueError) as error:
            raise _meaning(error, self._clock) from error
        except BaseException:
            opened.close()
            raise


def _meaning(error: Exception, clock: Clock) -> IntegrationError:
    """What a failed handshake means. The library's messages name URLs and headers, and are not quoted."""
    # A redirect is told as an error of its own, which goes back to the answer.
    status = error if isinstance(error, InvalidStatus) else error.__cause__
    if isinstance(status, InvalidStatus):
        response = status.response
        answer = Answer(response.status_code, Headers(tuple(response.headers.raw_items())), bytes(response.body or b""))
        return by_status(answer, clock.now_us() / 1e6) or ProtocolFault(
            f"no WebSocket is spoken at this URL (status {answer.status})", call=FailedCall(status=answer.status)
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectionFailed("the system's certificate is not trusted")
    if isinstance(error, ssl.SSLError):
        return ConnectionFailed("TLS was not agreed on, or broke; does this port speak it?")
    if isinstance(error, OSError | EOFError) or isinstance(error.__cause__, OSError | EOFError):
        return ConnectionFailed("the connection was cut before it was agreed on")
    return ProtocolFault("the system does not answer as one that speaks WebSocket")


def _silent() -> logging.Logger:
    """A logger that says nothing: what the library would tell holds headers and frames, tokens among them."""
    logger = logging.Logger("websockets", level=logging.CRITICAL + 1)
    logger.propagate = False
    return logger
