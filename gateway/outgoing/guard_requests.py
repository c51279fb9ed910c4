"""The SSRF guard of requests: an adapter that opens connections to judged addresses only.

The address judged is the address connected to, however often a name changes: a connection resolves its host's name
once, by way of the policy, and connects to what came out. TLS still asks for, and verifies, the name. Redirects go
through the adapter again, and are judged again.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from gateway.outgoing.resolver import Resolver
from gateway.security.ssrf import AddressPolicy, literal_address

_ORIGIN = re.compile(r"https?://[^/?#]+")
_MAX_POOLS = 32


class GuardedAdapter(HTTPAdapter):
    """Mount it for `http://` and `https://`, on any number of sessions. Safe to use from any thread.

    Requests raise `AddressForbidden` where the policy allows no address of the host. Proxies are not used, given or
    from the environment: what they connect to nobody judges. Certificates are verified by `ssl_context`, else by the
    machine's trust, for a request that does not say otherwise. `pool_size` connections are kept per host. `on_connect`
    is told each connection, before TLS; `on_use` that a connection is about to be made or to carry a request, in the
    thread that uses it. With `idle_seconds` a connection that carried nothing for so long is closed instead of used:
    the other side may be closing it, and then a request is lost that nobody may send again.
    """

    def __init__(
        self,
        resolver: Resolver,
        policy: AddressPolicy,
        *,
        ssl_context: ssl.SSLContext | None = None,
        on_connect: Callable[[socket.socket], None] | None = None,
        on_use: Callable[[HTTPConnection], None] | None = None,
        pool_size: int = DEFAULT_POOLSIZE,
        idle_seconds: float | None = None,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._resolver = resolver
        self._policy = policy
        self._on_connect = on_connect
        self._on_use = on_use
        self._ssl_context = ssl_context or ssl.create_default_context()
        self._pools: dict[str | None, Any] = {}
        super().__init__(pool_maxsize=pool_size)

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """As requests does. Raises `AddressForbidden` for a URL that the policy does not allow, too."""
        self._policy.check_url(request.url or "")
        return super().send(request, *args, **options | {"proxies": None})

    def close(self) -> None:
        """Let go of the connections; whoever sends afterwards opens others."""
        self._pools.clear()
        super().close()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """With our trust for every pool."""
        super().init_poolmanager(*args, **options | {"ssl_context": self._ssl_context})

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """As requests does, but without adding its own authorities to our trust."""
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        if verify is True:
            conn.ca_certs = None

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """As requests does where there is no proxy, which it would look for in two ways."""
        url = request.path_url
        return f"/{url.lstrip('/')}" if url.startswith("//") else url

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """A pool whose connections are pinned."""
        # Working out which one it is takes as long as a tenth of a request.
        found = _ORIGIN.match(request.url or "")
        place = found[0] if found is not None and verify is True and cert is None else None
        known: Any = self._pools.get(place)
        if known is not None:
            return known
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        kind = _PinnedTlsConnection if pool.scheme == "https" else _PinnedConnection
        pool.ConnectionCls = partial(
            kind, connect=self._connect, policy=self._policy, on_use=self._on_use, idle_seconds=self._idle_seconds
        )
        if place is not None:
            if len(self._pools) >= _MAX_POOLS:
                self._pools.clear()
            self._pools[place] = pool
        return pool

    def _connect(self, connection: HTTPConnection) -> socket.socket:
        host = connection.host
        literal = literal_address(host)
        try:
            addresses = self._policy.choose(host, [literal] if literal else self._resolver.resolve(host))
        except OSError as error:
            fault = error if isinstance(error, socket.gaierror) else socket.gaierror(error)
            raise NameResolutionError(host, connection, fault) from error
        opened = _open_first(connection, addresses)
        if self._on_connect is not None:
            self._on_connect(opened)
        return opened


class _PinnedConnection(HTTPConnection):
    def __init__(
        self,
        *args: Any,
        connect: Callable[[HTTPConnection], socket.socket],
        policy: AddressPolicy,
        on_use: Callable[[HTTPConnection], None] | None,
        idle_seconds: float | None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._idle_seconds = idle_seconds
        self._used_at = 0.0
        self._connect = connect
        self._policy = policy
        self._on_use = on_use

    def _new_conn(self) -> socket.socket:
        return self._connect(self)

    def request(self, *args: Any, **options: Any) -> None:
        if self._idle_seconds is not None and monotonic() - self._used_at > self._idle_seconds:
            # Another one is made when the request is sent.
            self.close()
        if self._on_use is not None:
            self._on_use(self)
        self._used_at = monotonic()
        super().request(*args, **options)

    def connect(self) -> None:
        if self._on_use is not None:
            self._on_use(self)
        super().connect()
        self._used_at = monotonic()
        # Nothing was sent yet. Judged again, so that a urllib3 that opens its sockets in another way cannot pass.
        self._policy.check(self.sock.getpeername()[0])


class _PinnedTlsConnection(_PinnedConnection, HTTPSConnection):
    pass


def _open_first(connection: HTTPConnection, addresses: list[str]) -> socket.socket:
    """A socket to the first of `addresses` that answers, with urllib3's errors."""
    failed: OSError | None = None
    for address in addresses:
        try:
            # An address has nothing to resolve.
            return create_connection(
                (address, connection.port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            failed = error
    if isinstance(failed, TimeoutError):
        raise ConnectTimeoutError(connection, f"Connection to {connection.host} timed out.") from failed
    raise NewConnectionError(connection, f"Failed to establish a new connection: {failed}") from failed
