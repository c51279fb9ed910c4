"""Whether an address can be listened on, before anything is started that would."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from contextlib import closing

# What was killed just now has its port for a moment more: its children end when they notice.
PATIENCE_SECONDS = 5.0
STEP_SECONDS = 0.1


def wait_for_port(
    host: str,
    port: int,
    *,
    pause: Callable[[float], None] = time.sleep,
    patience_seconds: float = PATIENCE_SECONDS,
) -> OSError | None:
    """Why `host` and `port` cannot be listened on; None when they can. One that is in use is waited for a moment."""
    for _ in range(max(1, round(patience_seconds / STEP_SECONDS))):
        error = _look(host, port)
        if error is None or error.errno != errno.EADDRINUSE:
            return error
        pause(STEP_SECONDS)
    return error


def what_to_do(error: OSError) -> str:
    """What helps when an address cannot be listened on. Pure."""
    if isinstance(error, socket.gaierror):
        return "--host is no address of this machine, and no name that leads to one; 0.0.0.0 is all of them"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; see `ip addr` for those it has, or say --host 0.0.0.0 for all"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "ports below 1024 are for root: choose a higher --port, and put a proxy before it"
    return "choose another --port, or stop what listens there"


def _look(host: str, port: int) -> OSError | None:
    try:
        family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None
