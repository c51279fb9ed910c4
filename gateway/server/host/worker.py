"""gunicorn's worker that serves an ASGI application on one event loop, uvloop's, over HTTP/1.1.

`gunicorn.conf.py` names it. What it uses of gunicorn is listed in `tests/contract/test_server_libraries.py`. Imports
nothing of the application: gunicorn's master reads it before the environment of prometheus_client is set.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import ssl
import sys
from types import FrameType
from typing import Any

import uvloop
from gunicorn import sock
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from gateway.server.host import heap
from gateway.server.host.connection import Connection
from gateway.server.host.framing import Limits
from gateway.server.host.lifespan import Lifespan, StartFailed
from gateway.server.host.listener import FairListener
from gateway.server.host.seats import Seats
from gateway.server.host.service import Bounds, Service
from gateway.server.host.stop_signals import StopSignals
from gateway.server.host.versions import untested

BEAT_SECONDS = 1.0


class LoopWorker(Worker):  # type: ignore[misc]
    """`seats` and `stop_signals` are the master's, who takes a `seat` for each worker before it forks. `requests_bytes`
    and `connections_per_client` are set with gunicorn's settings, see `Bounds`.
    """

    seats = Seats()
    stop_signals = StopSignals()
    seat: int | None = None
    requests_bytes = 64 * 1024 * 1024
    connections_per_client: int | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._service: Service | None = None
        self._stop = asyncio.Event()
        self._is_quick = False

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Say what this was not tested with; gunicorn's master asks once."""
        for found in untested():
            log.warning("this web server was not tested with %s", found)

    def init_signals(self) -> None:
        """Listen to signals from now on.

        By Python's own handlers: uvloop forgets what comes before it runs, which is while the application is loaded.
        Until then there is nothing to end in order.
        """
        for number in set(self.SIGNALS) - set(StopSignals.NUMBERS):
            signal.signal(number, signal.SIG_DFL)
        for number, handle in {
            signal.SIGTERM: self.handle_exit,
            signal.SIGINT: self.handle_quit,
            signal.SIGQUIT: self.handle_quit,
            signal.SIGUSR1: self.handle_usr1,
            signal.SIGWINCH: self.handle_winch,
            signal.SIGABRT: self.handle_abort,
        }.items():
            signal.signal(number, handle)
        for noted in self.stop_signals.noted():
            (self.handle_exit if noted == signal.SIGTERM else self.handle_quit)(noted, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order: requests under way are answered."""
        self.alive = False
        if self._loop is None:
            sys.exit(0)
        self._loop.call_soon_threadsafe(self._stop.set)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End at once, without waiting for requests."""
        self._is_quick = True
        self.cfg.worker_int(self)
        if self._loop is not None and self._service is not None:
            self._loop.call_soon_threadsafe(self._service.abort)
        self.handle_exit(sig, frame)

    def init_process(self) -> None:
        """Before there are threads, and before the application is loaded."""
        heap.bound()
        # What loads stays: to look for garbage among it as often as by default is a tenth of what the start computes.
        gc.set_threshold(20_000)
        super().init_process()

    def run(self) -> None:
        """Serve until a signal, or until the master is no more."""
        # Not when the application's modules kept the exit from getting through.
        if self.alive:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._service = service = self._make_service(loop)
        lifespan = Lifespan(self.wsgi, self.log)
        beat = asyncio.create_task(self._beat(service))
        try:
            await lifespan.start()
        except StartFailed as failure:
            self.log.error("ASGI lifespan startup failed: %s", failure)
            raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from failure
        service.state = lifespan.state
        listeners = [self._listen(loop, service, one) for one in self.sockets]
        if self.alive:
            await self._stop.wait()
        await self._end(service, listeners)
        if not self._is_quick:
            await lifespan.end()
        beat.cancel()

    def _make_service(self, loop: asyncio.AbstractEventLoop) -> Service:
        cfg = self.cfg
        return Service(
            self.wsgi,
            loop=loop,
            log=self.log.error_log,
            bounds=Bounds(
                head=Limits(cfg.limit_request_line, cfg.limit_request_fields, cfg.limit_request_field_size),
                requests_bytes=self.requests_bytes,
                connections=cfg.worker_connections,
                connections_per_client=self.connections_per_client,
                keepalive_seconds=cfg.keepalive,
            ),
            changed=self._changed,
        )

    def _changed(self, connections: int) -> None:
        if self.seat is not None:
            self.seats.set(self.seat, connections)

    def _listen(self, loop: asyncio.AbstractEventLoop, service: Service, one: Any) -> FairListener:
        tls: ssl.SSLContext | None = sock.ssl_context(self.cfg) if self.cfg.is_ssl else None
        listener = FairListener(loop, one.sock, lambda: Connection(service), self.seats, self.seat, tls=tls)
        self.log.info("ASGI server listening on %s", one)
        return listener

    async def _beat(self, service: Service) -> None:
        """Once a second: tell the master that we live, and look after clients that keep silent."""
        while True:
            self.notify()
            if self.ppid != os.getppid():
                self.log.info("Parent changed, shutting down: %s", self)
                self.handle_exit(signal.SIGTERM, None)
            if service.answered >= self.max_requests:
                self.log.info("Autorestarting worker after %d requests.", service.answered)
                self.handle_exit(signal.SIGTERM, None)
            service.sweep()
            if service.budget.has_calmed():
                await asyncio.to_thread(heap.give_back)
            await asyncio.sleep(BEAT_SECONDS)

    async def _end(self, service: Service, listeners: list[FairListener]) -> None:
        self.log.info("Worker shutting down...")
        self.seats.retire(self.seat)
        self.seat = None
        for listener in listeners:
            listener.close()
        for listener in listeners:
            await listener.wait_closed()
        if self._is_quick:
            service.abort()
        # An application that streams without end may leave this in its lifespan's state.
        end_streams = service.state.get("end_streams")
        if end_streams is not None:
            end_streams()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.cfg.graceful_timeout):
                await service.end()
        if service.connections:
            self.log.warning("Forcing close of %d connections", len(service.connections))
