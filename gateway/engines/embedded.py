"""The embedded engine: a worker that asks the database what is due, and needs nothing beside it. Listens to signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvloop

from gateway.delivery.sending.handler_pool import DEFAULT_PROCESSES
from gateway.engines.parts import Parts, opened_parts, settle_process
from gateway.installation import Installation
from gateway.telemetry.logging import get_logger

NAME = "embedded"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = get_logger(__name__)


def run_worker(
    installation: Installation,
    *,
    shutdown_deadline_seconds: float = 20.0,
    handler_processes: int = DEFAULT_PROCESSES,
    on_ready: Callable[[], None] | None = None,
) -> int:
    """Deliver until SIGTERM or SIGINT; 0 after an orderly shutdown. From the main thread, outside of an event loop.

    A second signal shuts down without waiting for the attempts in flight. `on_ready` is called once it delivers. Raises
    `ConfigurationError`, `SchemaBehind`, `StorageUnavailable`.
    """
    settle_process()
    with (
        _early_signals() as arrived,
        opened_parts(
            installation,
            engine=NAME,
            shutdown_deadline_seconds=shutdown_deadline_seconds,
            handler_processes=handler_processes,
        ) as parts,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_run(parts, on_ready, arrived))
    return 0


@contextmanager
def _early_signals() -> Iterator[list[int]]:
    """Note signals to stop until the loop's own handlers are in place: uvloop drops what comes before it runs."""
    arrived: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _run(parts: Parts, on_ready: Callable[[], None] | None, arrived: list[int]) -> None:
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, parts.stop)
    for _ in arrived:
        parts.stop()
    _log.info("worker started; delivering until SIGTERM")
    if on_ready is not None:
        on_ready()
    await parts.worker.run()
