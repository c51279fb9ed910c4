"""A worker as a process of its own: an installation in, exit code out. Listens to signals."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from types import FrameType

import uvloop

from gateway.db.schema.version import require_current
from gateway.db.snapshot import Snapshot
from gateway.delivery.event_status import unrouted
from gateway.delivery.replays.runner import ReplayRunner
from gateway.delivery.routes.loader import RoutingLoader
from gateway.delivery.sending.handler_pool import DEFAULT_PROCESSES, HandlerPool
from gateway.delivery.worker.slots import ATTEMPTS_IN_FLIGHT
from gateway.delivery.worker.worker import Worker
from gateway.events.blocks.build import BlockBuilder
from gateway.events.side_thread import SideThread
from gateway.events.usage_counter import UsageCounter
from gateway.installation import Installation
from gateway.open_files import FOR_THE_REST, raise_open_files, worker_shortage
from gateway.telemetry.logging import get_logger

# Python's default of 5 ms is what the database thread might wait for the loop after each of its statements.
SWITCH_SECONDS = 0.001

# How soon a replay is begun that somebody asks for.
REPLAY_LOOK_SECONDS = 1.0

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
    installation.require_configuration()
    sys.setswitchinterval(SWITCH_SECONDS)
    settings, clock = installation.settings, installation.clock
    loader = RoutingLoader(settings, installation.keyring, installation.handlers, clock, delivers=True)
    require_current(installation.database)
    installation.claim_keys()
    snapshot = Snapshot(installation.database, loader, clock)
    with _early_signals() as arrived, closing(snapshot), ExitStack() as ending:
        snapshot.current()
        worker = Worker(
            database=installation.database,
            routing=snapshot.current,
            handlers=HandlerPool(settings.handlers, clock=clock, processes=handler_processes),
            clock=clock,
            random=random.random,
            resolver=installation.resolver,
            policy=installation.policy,
            metrics=installation.metrics,
            attempts_in_flight=_attempts_in_flight(),
            wakeup=installation.wakeup,
            secret_headers=installation.secret_headers,
            keyring=installation.keyring,
            shutdown_deadline_seconds=shutdown_deadline_seconds,
        )
        counter = UsageCounter(installation.database, clock)
        broken = "events could not be counted; who may have no more stored is not told"
        ending.enter_context(closing(SideThread("usage", counter.step, clock, broken=broken)))
        replays = ReplayRunner(installation)
        broken = "a replay could not be looked for"
        ending.enter_context(
            closing(
                SideThread("replays", replays.step, clock, broken=broken, rest=0.0, idle_seconds=REPLAY_LOOK_SECONDS)
            )
        )
        ending.callback(replays.stop)
        if settings.search_index:
            builder = BlockBuilder(installation.database, clock, unrouted)
            broken = "a block of the journal could not be built; searches look through its events"
            ending.enter_context(closing(SideThread("blocks", builder.step, clock, broken=broken)))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(worker, on_ready, arrived))
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


async def _run(worker: Worker, on_ready: Callable[[], None] | None, arrived: list[int]) -> None:
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, worker.stop)
    for _ in arrived:
        worker.stop()
    _log.info("worker started; delivering until SIGTERM")
    if on_ready is not None:
        on_ready()
    await worker.run()


def _attempts_in_flight() -> int:
    """What is left of the open files is for attempts."""
    open_files = raise_open_files()
    fault = worker_shortage(ATTEMPTS_IN_FLIGHT, open_files)
    if fault is not None:
        _log.warning(fault)
    return min(ATTEMPTS_IN_FLIGHT, max(10, open_files - FOR_THE_REST))
