"""An end for a blocking exchange: whatever a peer does, drip by drip, it lasts no longer.

Timeouts of blocking sockets are those of one read each. So an exchange runs in a thread of its own, and when its time
is over its connections are shut down under it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


class Deadline:
    """The end of one exchange. `watch` what it connects; safe to use from any thread."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._is_over = False

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection` down when the exchange is over; at once when it is over already."""
        with self._lock:
            # A second descriptor of the connection, because TLS takes the first away from its socket.
            self._watched.append(connection.dup())
        if self._is_over:
            self._end()

    def run(self, exchange: Callable[[], Result]) -> Result:
        """What `exchange` returns or raises. Raises `TimeoutError` when it has not ended in time.

        A lookup of a name that hangs is left alone: its thread ends with it, and holds up nothing.
        """
        done: Future[Result] = Future()
        done.set_running_or_notify_cancel()
        threading.Thread(target=_carry_out, args=(exchange, done), name="exchange", daemon=True).start()
        try:
            return done.result(self._seconds)
        finally:
            self._is_over = True
            self._end()

    def _end(self) -> None:
        with self._lock:
            watched, self._watched = self._watched, []
        for connection in watched:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _carry_out(exchange: Callable[[], Result], done: Future[Result]) -> None:
    try:
        done.set_result(exchange())
    except BaseException as error:  # it is raised where the result is waited for
        done.set_exception(error)
