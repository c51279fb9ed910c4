"""The step of Celery's worker that runs the engine: begins before the consumer, ends after it, and answers to signals.

SIGTERM and SIGINT: nothing more is claimed, what is in flight is waited for, leases are released, exit code 0; told a
second time, without waiting. SIGQUIT is Celery's, and ends at once too.
"""

from __future__ import annotations

import signal
from contextlib import closing
from typing import Any

from celery import bootsteps
from celery.concurrency.solo import TaskPool
from celery.worker import state

from gateway.engines.celery_engine.engine import Engine
from gateway.engines.celery_engine.process import WorkerProcess, process_of
from gateway.engines.celery_engine.watch import ConsumerWatch, cut
from gateway.errors import InvalidInput
from gateway.events.side_thread import SideThread
from gateway.telemetry.logging import get_logger

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# How long it takes Celery's loop to notice that it is to end.
WAKE_SECONDS = 0.5
OTHER_POOL = "deliveries and jobs run in this process, with the pool solo and no other: leave out -P"

_log = get_logger(__name__)


class GatewayStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """One for each worker."""

    requires = ("celery.worker.components:Pool", "celery.worker.components:Timer")

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        with process_of(worker.app).guarded():
            if not issubclass(worker.pool_cls, TaskPool):
                raise InvalidInput(OTHER_POOL)

    def start(self, worker: Any) -> None:
        """Open what the engine works on, and start it."""
        process = process_of(worker.app)
        try:
            with process.guarded():
                self._begin(worker, process)
        except BaseException:
            # Of steps that did not start Celery stops none.
            process.ending.close()
            raise

    def _begin(self, worker: Any, process: WorkerProcess) -> None:
        installation = process.ending.enter_context(process.opened())
        queues = tuple(worker.app.amqp.queues.consume_from)
        engine = Engine(
            installation,
            queues=queues,
            shutdown_deadline_seconds=process.shutdown_deadline_seconds,
            handler_processes=process.handler_processes,
            job_slots=worker.concurrency,
            on_end=_end_of_engine,
        )
        engine.start()
        process.installation, process.engine = installation, engine
        process.ending.enter_context(_watch(worker, engine, installation, queues))
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: _stop(engine))
        worker.timer.call_repeatedly(WAKE_SECONDS, _nothing)
        _log.info("worker started; delivering until SIGTERM", queues=queues, name=worker.hostname)
        process.on_ready()

    def stop(self, worker: Any) -> None:
        """End the engine; its leases are released."""
        process = process_of(worker.app)
        engine, process.engine = process.engine, None
        if engine is not None:
            engine.wait()
        process.ending.close()

    def terminate(self, worker: Any) -> None:
        """The same without waiting for what is in flight."""
        engine = process_of(worker.app).engine
        if engine is not None:
            engine.wait(hurries=True)
        self.stop(worker)


def _watch(worker: Any, engine: Engine, installation: Any, queues: tuple[str, ...]) -> closing[SideThread]:
    watch = ConsumerWatch(
        installation.announcements.publisher,
        queues,
        installation.clock,
        consumed_at=lambda: engine.consumed_at,
        restart=lambda: cut(getattr(worker.consumer, "connection", None)),
    )
    broken = "it could not be seen whether messages are read"
    return closing(SideThread("consumer-watch", watch.step, installation.clock, broken=broken))


def _stop(engine: Engine) -> None:
    # Celery looks at this between two messages, and while it waits for a broker that is away.
    state.should_stop = 0
    engine.stop()


def _end_of_engine() -> None:
    state.should_stop = 1


def _nothing() -> None:
    """Let the loop come by."""
