"""Running a Celery worker in this process, without Celery's command line."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from celery.exceptions import ImproperlyConfigured

from gateway.engines.celery_engine.app import make_app
from gateway.engines.celery_engine.process import WorkerProcess
from gateway.errors import GatewayError, InvalidInput
from gateway.installation import Installation


def run_worker(
    installation: Installation,
    *,
    shutdown_deadline_seconds: float = 20.0,
    handler_processes: int,
    queues: Sequence[str] = (),
    name: str | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> int:
    """Consume and deliver until SIGTERM or SIGINT; 0 after an orderly shutdown. From the main thread.

    `queues` are all when empty; `name` is the node's, which no other worker of the broker has. Raises as the embedded
    engine's, and `InvalidInput` for queues that there are none of.
    """
    faults: list[GatewayError] = []

    @contextmanager
    def guarded() -> Iterator[None]:
        try:
            yield
        except GatewayError as error:
            faults.append(error)
            raise SystemExit(1) from error

    process = WorkerProcess(
        lambda: nullcontext(installation),
        guarded,
        shutdown_deadline_seconds=shutdown_deadline_seconds,
        handler_processes=handler_processes,
        on_ready=on_ready,
    )
    app = make_app(lambda: installation.settings, process)
    try:
        worker = app.Worker(
            hostname=name or f"gateway-{os.getpid()}@{socket.gethostname()}",
            queues=list(queues) or None,
            loglevel=logging.DEBUG if installation.settings.log_level == "debug" else logging.WARNING,
            quiet=True,
        )
    except ImproperlyConfigured as error:
        there_are = ", ".join(app.amqp.queues)
        raise InvalidInput(f"there is no such queue among {', '.join(queues)}; there are {there_are}") from error
    worker.start()
    for fault in faults:
        raise fault
    return int(worker.exitcode or 0)
