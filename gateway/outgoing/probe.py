"""Asking the web processes of this machine whether they are up. Without an HTTP library: a supervisor has none."""

from __future__ import annotations

import socket

from gateway.outgoing.caps import PROBE_SECONDS

_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_STATUS_LINE = b"HTTP/1.1 200 "


def is_alive(host: str, port: int) -> bool:
    """Whether the web processes on `host` and `port` answer."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_SECONDS) as connection:
            connection.sendall(_REQUEST)
            # An answer this short is sent whole.
            return connection.recv(1024).startswith(_STATUS_LINE)
    except OSError:
        return False
