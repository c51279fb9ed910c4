"""gunicorn's event-loop worker as the gateway runs it: on uvloop, connections shared evenly, silent ones dropped, and
an end that waits for requests only, whenever it is asked for.

`gunicorn.conf.py` names it. It uses private names of gunicorn 27: look here when it is upgraded. Imports nothing of the
application: gunicorn's master reads this file before the workers' environment is set.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvloop
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

PAUSE_SECONDS = 0.005
# After a failure to accept, mostly for want of file descriptors.
RETRY_SECONDS = 1.0
SWEEP_SECONDS = 1.0
# From a connection's beginning to the end of its first request's headers. gunicorn 27 sets a limit for the following
# requests only (`keepalive`).
FIRST_REQUEST_SECONDS = 30.0


class Seats:
    """How many connections each web process holds, in memory that all processes of a server share.

    The master makes it and takes a seat for each worker before the fork.
    """

    MOST = 256
    _EMPTY = 0xFFFF_FFFF
    # Of a process that takes no more connections, and still ends those it has.
    _LEAVING = 0xFFFF_FFFE

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * self.MOST)).cast("I")
        for number in range(self.MOST):
            self._counts[number] = self._EMPTY

    def take(self) -> int | None:
        """The number of a free seat; None when there is none, and its process goes uncounted."""
        for number, count in enumerate(self._counts):
            if count == self._EMPTY:
                self._counts[number] = 0
                return number
        return None

    def leave(self, number: int | None) -> None:
        """Nobody sits there any more. Idempotent."""
        if number is not None:
            self._counts[number] = self._EMPTY

    def retire(self, number: int | None) -> None:
        """Who sits there takes no more connections: nobody to wait for, but not gone yet."""
        if number is not None:
            self._counts[number] = self._LEAVING

    def set(self, number: int, connections: int) -> None:
        """So many connections are open there."""
        self._counts[number] = connections

    def has_more_than_others(self, number: int | None) -> bool:
        """Whether another process holds fewer connections than this one."""
        return number is not None and self._counts[number] > min(self._counts)


class StopSignals:
    """Signals that ask a worker to end, noted from its fork until it listens itself.

    A fork inherits the master's handlers, which would put a signal to the worker into a queue that nobody reads there;
    it also forgets what arrived in its first moments. So the master holds these signals back while it forks.
    """

    NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

    def __init__(self) -> None:
        self._master: int | None = None
        self._mask: set[Any] | None = None
        self._noted: list[int] = []

    def guard_forks(self) -> None:
        """Note signals in every child that this process forks from now on. Once per process, from its main thread."""
        self._master = os.getpid()
        os.register_at_fork(before=self._hold, after_in_parent=self._release, after_in_child=self._note)

    def noted(self) -> list[int]:
        """The signals that came before the worker's own handlers, eldest first; given once."""
        noted, self._noted = self._noted, []
        return noted

    def _hold(self) -> None:
        # A child may fork too: that is its own matter.
        if os.getpid() == self._master:
            self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, self.NUMBERS)

    def _release(self) -> None:
        if self._mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            self._mask = None

    def _note(self) -> None:
        if self._mask is not None:
            for number in self.NUMBERS:
                signal.signal(number, lambda number, _frame: self._noted.append(number))
            self._release()


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


class FairLoop(uvloop.Loop):
    """An event loop whose servers are `FairListener`s for `factory`, whatever protocol they were asked for."""

    def __init__(self, seats: Seats, seat: int | None, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        super().__init__()
        self._seats = seats
        self._seat = seat
        self._factory = factory

    async def create_server(  # type: ignore[override]
        self, _factory: object, *, sock: socket.socket, ssl: Any = None, **_named: object
    ) -> FairListener:
        """As gunicorn calls it."""
        return FairListener(self, sock, self._factory, self._seats, self._seat, tls=ssl)


class Protocol(ASGIProtocol):  # type: ignore[misc]
    """gunicorn's side of one connection, for an application that is done when its answer is.

    One sweep a second looks after all connections that wait for a request, instead of an alarm for every request.
    """

    worker: LoopWorker
    # When to give up waiting for a request.
    _drop_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._drop_at = self.worker.loop.time() + FIRST_REQUEST_SECONDS
        self.worker.protocols.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed, by whichever side."""
        self.worker.protocols.discard(self)
        super().connection_lost(exc)

    def drop_if_idle(self, now: float) -> None:
        """Close the connection if it has waited for a request for long enough; `now` in the loop's seconds."""
        if now >= self._drop_at:
            self.drop_if_awaiting()

    def drop_if_awaiting(self) -> None:
        """Close the connection unless a request is under way."""
        if self._awaiting_request:
            self._keepalive_timeout()

    def _arm_keepalive_timer(self) -> None:
        self._drop_at = self.worker.loop.time() + self._keepalive

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        # gunicorn gives each request a task, so that the connection need not wait for what the application does after
        # its answer. Ours does nothing then.
        return bool(await self._handle_http_request(request, sockname, peername))


class LoopWorker(ASGIWorker):  # type: ignore[misc]
    """gunicorn's event-loop worker. `seats` is set by the master before it forks, `seat` for each worker.

    gunicorn 27 counts every open connection as one in flight. One that a proxy keeps for its next request would hold
    up the end until `graceful_timeout`, when the master kills the process before its lifespan's shutdown.
    """

    seats = Seats()
    stop_signals = StopSignals()
    seat: int | None = None
    _connections = 0
    _is_running = False

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.protocols: set[Protocol] = set()

    @property
    def nr_conns(self) -> int:
        """Open connections, as gunicorn's protocol counts them."""
        return self._connections

    @nr_conns.setter
    def nr_conns(self, connections: int) -> None:
        self._connections = connections
        if self.seat is not None:
            self.seats.set(self.seat, connections)

    def _setup_event_loop(self) -> None:
        # gunicorn notes on the class that is asked, and looks at its own.
        ASGIProtocol._check_h1c_protocol_available()
        self.loop = FairLoop(self.seats, self.seat, lambda: Protocol(self))
        asyncio.set_event_loop(self.loop)
        self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def init_signals(self) -> None:
        """Listen to signals from now on.

        By Python's own handlers, as gunicorn's other workers do: uvloop forgets what comes before it runs, which is
        while the application is loaded. Until then there is nothing to end in order.
        """
        for number in set(self.SIGNALS) - set(StopSignals.NUMBERS):
            signal.signal(number, signal.SIG_DFL)
        for number in self._handlers():
            signal.signal(number, self._handle)
        for noted in self.stop_signals.noted():
            self._handle(noted, None)

    def _handlers(self) -> dict[int, Callable[[], None]]:
        return {
            signal.SIGTERM: self.handle_exit_signal,
            signal.SIGINT: self.handle_quit_signal,
            signal.SIGQUIT: self.handle_quit_signal,
            signal.SIGUSR1: self.handle_usr1_signal,
            signal.SIGWINCH: self.handle_winch_signal,
            signal.SIGABRT: self.handle_abort_signal,
        }

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._handlers()[number]()
        if not self.alive and not self._is_running:
            sys.exit(0)

    def run(self) -> None:
        """Serve until a signal."""
        # Not when the application's modules kept the exit from getting through.
        if self.alive:
            self._is_running = True
            super().run()

    def _sweep(self) -> None:
        now = self.loop.time()
        for protocol in tuple(self.protocols):
            protocol.drop_if_idle(now)
        self.loop.call_later(SWEEP_SECONDS, self._sweep)

    async def _shutdown(self) -> None:
        self.seats.retire(self.seat)
        self.seat = None
        for protocol in tuple(self.protocols):
            protocol.drop_if_awaiting()
        await super()._shutdown()
