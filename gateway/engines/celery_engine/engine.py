"""What runs beside Celery's consumer in one process: the parts of a worker, with deliveries on a loop of their own.

The consumer's thread hands over ids and goes on at once; everything else happens here. Ends in order when told to.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress

import uvloop

from gateway.announcing.names import DELIVERIES, queue_of_jobs
from gateway.delivery.worker.worker import Worker
from gateway.engines.kinds import KINDS
from gateway.engines.parts import Parts, opened_parts, settle_process
from gateway.installation import Installation
from gateway.telemetry.logging import get_logger

# How long a broker that keeps silent may hold up the end, once everything of ours has ended.
LAST_SECONDS = 8.0
# Ids of one message beyond which it is none of ours.
MOST_IDS = 1_000
# What is none would make the database raise: a zero byte, half a character.
DELIVERY_ID = re.compile(r"dlv_[0-9a-v]{1,60}")
NAME = "celery"

_log = get_logger(__name__)


class Engine:
    """One process's. `queues` are those that it consumes, and so tell what it does; it carries out `job_slots` jobs at
    once. `on_end` is called when it ends without being told to.

    For the main thread; `stop` may be called in handlers of its signals.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        queues: Collection[str],
        shutdown_deadline_seconds: float,
        handler_processes: int,
        job_slots: int,
        on_end: Callable[[], None],
    ) -> None:
        self._installation = installation
        self._delivers = DELIVERIES in queues
        self._takes = [kind for kind in KINDS if queue_of_jobs(kind) in queues]
        self._job_slots = job_slots
        self._deadline_seconds = shutdown_deadline_seconds
        self._handler_processes = handler_processes
        self._on_end = on_end
        self._ending = ExitStack()
        self._parts: Parts | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._times_stopped = 0
        self._is_stopping = threading.Event()
        self.consumed_at = installation.clock.monotonic()

    def start(self) -> None:
        """Deliver and carry out jobs from now on. Raises `ConfigurationError`, `SchemaBehind`, `StorageUnavailable`."""
        settle_process()
        parts = self._ending.enter_context(
            opened_parts(
                self._installation,
                engine=NAME,
                delivers=self._delivers,
                shutdown_deadline_seconds=self._deadline_seconds,
                handler_processes=self._handler_processes,
                sweep_seconds=self._installation.settings.sweep_seconds,
                takes=self._takes,
                job_slots=self._job_slots,
            )
        )
        self._parts = parts
        if self._delivers:
            self._thread = threading.Thread(target=self._run, args=(parts.worker,), name="deliveries", daemon=True)
            self._thread.start()
        threading.Thread(target=self._see_to_the_end, args=(parts,), name="end", daemon=True).start()

    def deliver(self, ids: object) -> bool:
        """Deliveries that are said to be due; False when that is no list of ids."""
        if not isinstance(ids, list) or len(ids) > MOST_IDS or not all(map(_is_delivery, ids)):
            return False
        if self._loop is not None and self._parts is not None and not self._times_stopped:
            self._loop.call_soon_threadsafe(self._parts.worker.announce, ids)
        return True

    def run_job(self) -> None:
        """A job is said to be due. Which one decides nothing: the next is the one whose turn it is."""
        if self._parts is not None:
            self._parts.jobs.wake()

    def consumed(self) -> None:
        """The consumer read a message."""
        self.consumed_at = self._installation.clock.monotonic()
        if self._parts is not None:
            self._parts.presence.consumed()

    def stop(self) -> None:
        """Claim nothing more and end; told a second time, without waiting for what is in flight."""
        # In a handler of a signal nothing may be waited for that this very thread may hold.
        self._times_stopped += 1
        self._is_stopping.set()
        loop, parts = self._loop, self._parts
        if loop is not None and parts is not None:
            with suppress(RuntimeError):
                # Closed since.
                loop.call_soon_threadsafe(parts.stop)

    def wait(self, *, hurries: bool = False) -> None:
        """Stop if that was not said yet, and return when everything has ended."""
        while self._times_stopped < 1 + hurries:
            self.stop()
        if self._parts is not None:
            self._parts.jobs.stop()
        if self._thread is not None:
            # With a timeout: else no handler of a signal would run meanwhile.
            while self._thread.is_alive():
                self._thread.join(0.2)
        self._ending.close()

    def _run(self, worker: Worker) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._deliver(worker))
        except BaseException:
            _log.exception("deliveries ended; so does this process")
        finally:
            self._loop = None
            if not self._times_stopped:
                self._on_end()

    def _see_to_the_end(self, parts: Parts) -> None:
        """End the process when everything is recorded and released, and only the broker's client is still waiting."""
        self._is_stopping.wait()
        if self._thread is not None:
            self._thread.join()
        parts.jobs.close()
        time.sleep(LAST_SECONDS)
        _log.warning("the broker does not let go of this process; ending without it")
        os._exit(0)

    async def _deliver(self, worker: Worker) -> None:
        self._loop = asyncio.get_running_loop()
        # What was said before that.
        for _ in range(self._times_stopped):
            worker.stop()
        await worker.run()


def _is_delivery(id_: object) -> bool:
    return isinstance(id_, str) and DELIVERY_ID.fullmatch(id_) is not None
