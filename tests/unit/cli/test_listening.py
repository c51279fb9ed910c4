"""What is said of an address that cannot be listened on."""

from __future__ import annotations

import errno
import socket

from gateway.cli.listening import what_to_do


def test_each_reason_has_its_advice() -> None:
    assert "choose another --port" in what_to_do(OSError(errno.EADDRINUSE, "in use"))
    assert "no such address" in what_to_do(OSError(errno.EADDRNOTAVAIL, "not there"))
    assert "below 1024" in what_to_do(PermissionError(errno.EACCES, "denied"))
    assert "no name that leads to one" in what_to_do(socket.gaierror(-2, "unknown"))
