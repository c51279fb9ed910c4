"""An end for exchanges that drip: whatever a system does, a call lasts no longer than it may.

Timeouts of blocking sockets are those of one read each. One thread looks a few times a second at the exchanges that are
under way, and shuts down the connection under each whose time is over; it sleeps while there are none.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import Any, Final, Protocol

LOOK_SECONDS: Final = 0.1


class Connection(Protocol):
    """What an exchange goes over; `sock` is None while it is not open."""

    sock: Any


class Exchange:
    """One request and its answer, until `ends_at` on the steady clock. `is_over` says that its time was up."""

    __slots__ = ("connection", "ends_at", "is_over")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.connection: Connection | None = None
        self.is_over = False

    @property
    def remaining_seconds(self) -> float:
        """What is left of its time; negative when it is over."""
        return self.ends_at - time.monotonic()


class ExchangeWatch:
    """Watches the exchanges of a transport. Safe from any thread, and in a child after a fork."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._users: dict[int, Exchange] = {}
        self._under_way: set[Exchange] = set()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_let_go = threading.Event()

    @property
    def current(self) -> Exchange | None:
        """The exchange that this thread is in."""
        found: Exchange | None = getattr(self._local, "exchange", None)
        return found

    def begin(self, ends_at: float) -> Exchange:
        """This thread begins an exchange, which ends by `end`."""
        if self._pid != os.getpid():
            self._start()
        exchange = Exchange(ends_at)
        self._local.exchange = exchange
        with self._lock:
            self._under_way.add(exchange)
            if self._thread is None:
                self._is_let_go = threading.Event()
                look, given = self._look, (self._is_let_go,)
                self._thread = threading.Thread(target=look, args=given, name="exchanges", daemon=True)
                self._thread.start()
        self._wanted.set()
        return exchange

    def uses(self, connection: Connection) -> None:
        """The exchange of this thread uses `connection` from now on, and no other exchange does."""
        exchange = self.current
        if exchange is not None:
            with self._lock:
                exchange.connection = connection
                self._users[id(connection)] = exchange

    def end(self, exchange: Exchange) -> None:
        """`exchange` is over, well or not. May be said more than once."""
        with self._lock:
            self._under_way.discard(exchange)
            if exchange.connection is not None and self._users.get(id(exchange.connection)) is exchange:
                del self._users[id(exchange.connection)]
            exchange.connection = None
        if self.current is exchange:
            self._local.exchange = None

    def close(self) -> None:
        """Let go of the thread once no exchange is under way any more; the next one begins another. Idempotent."""
        with self._lock:
            self._thread = None
            self._is_let_go.set()
        self._wanted.set()

    def _look(self, is_let_go: threading.Event) -> None:
        while self._wanted.wait():
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            with self._lock:
                if not self._under_way:
                    if is_let_go.is_set():
                        return
                    self._wanted.clear()
                for exchange in self._under_way:
                    if exchange.ends_at <= now:
                        self._cut(exchange)

    def _cut(self, exchange: Exchange) -> None:
        exchange.is_over = True
        connection = exchange.connection
        # A connection that went back to its pool belongs to whoever took it since.
        if connection is None or self._users.get(id(connection)) is not exchange:
            return
        opened = connection.sock
        if opened is not None:
            with contextlib.suppress(OSError):
                # Past TLS, whose own ending is for the thread that reads.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)
