"""Keeps tests on this machine: connections beyond loopback and lookups of foreign names are refused."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class ConnectionBeyondLoopback(RuntimeError):
    """A test tried to reach another machine. Not an `OSError`: code under test must not take it for a fault."""


@contextmanager
def loopback_only() -> Iterator[None]:
    """Inside the block, this process's sockets connect to loopback and unix sockets only."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _require_loopback(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _require_loopback(self, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        if host and not _is_local_name(host):
            raise socket.gaierror(socket.EAI_NONAME, f"tests do not look up {host!r}")
        return getaddrinfo(host, *arguments, **options)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_getaddrinfo
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
        socket.getaddrinfo = getaddrinfo


def _require_loopback(connection: socket.socket, address: Any) -> None:
    if connection.family in {socket.AF_INET, socket.AF_INET6}:
        host = address[0]
        if host != "localhost" and not _is_loopback(host):
            raise ConnectionBeyondLoopback(f"a test tried to connect to {address}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_local_name(host: str | bytes) -> bool:
    name = host.decode("idna") if isinstance(host, bytes) else host
    if name in {"localhost", socket.gethostname()}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
