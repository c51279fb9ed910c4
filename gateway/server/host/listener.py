"""Accepting connections so that all web processes get their share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from gateway.server.host.seats import Seats

PAUSE_SECONDS = 0.005
# After a failure to accept, mostly for want of file descriptors.
RETRY_SECONDS = 1.0


class FairListener:
    """Accepts one connection at a time, and lets processes that hold fewer go first.

    Event loops take as many as wait in one go: of a burst of connections that a proxy keeps open, one process would get
    nearly all, and the others would idle.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        seats: Seats,
        seat: int | None,
        *,
        tls: Any = None,
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._factory = factory
        self._seats = seats
        self._seat = seat
        self._tls = tls
        self._pause: asyncio.TimerHandle | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        listener.setblocking(False)
        loop.add_reader(listener, self._ready)

    def close(self) -> None:
        """Take no more connections. Idempotent."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()
        if self._pause is not None:
            self._pause.cancel()

    async def wait_closed(self) -> None:
        """Wait until connections that were accepted last have met their protocol."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _ready(self) -> None:
        if self._seats.has_more_than_others(self._seat):
            # Not for long: the other one may hang.
            self._rest(PAUSE_SECONDS, self._resume_and_accept)
        else:
            self._accept()

    def _rest(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, then)

    def _resume(self) -> None:
        self._loop.add_reader(self._listener, self._ready)

    def _resume_and_accept(self) -> None:
        # In this order: accepting may have to rest again.
        self._resume()
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # Another process was quicker, or the client has gone.
            return
        except OSError as error:
            self._loop.call_exception_handler({"message": "no connection can be accepted", "exception": error})
            self._rest(RETRY_SECONDS, self._resume)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._introduce(connection))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _introduce(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, connection, ssl=self._tls)
        except OSError:
            connection.close()
