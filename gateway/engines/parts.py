"""The parts of a worker's process, which are the same whichever engine runs it: what claims and delivers, and what goes
on beside that in threads.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from gateway.db import shared_clock
from gateway.db.schema.version import require_current
from gateway.db.snapshot import Snapshot
from gateway.delivery.event_status import unrouted
from gateway.delivery.routes.loader import RoutingLoader
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.worker.slots import ATTEMPTS_IN_FLIGHT
from gateway.delivery.worker.worker import Worker
from gateway.engines.kinds import KINDS
from gateway.engines.upkeep import upkeep
from gateway.events.blocks.build import BlockBuilder
from gateway.events.side_thread import SideThread
from gateway.events.usage_counter import UsageCounter
from gateway.installation import Installation
from gateway.jobs.runner import SLOTS, JobRunner
from gateway.jobs.workers.presence import Presence, Takes
from gateway.oauth.calling.grants import ConnectionGrants
from gateway.open_files import FOR_THE_REST, raise_open_files, worker_shortage
from gateway.telemetry.logging import get_logger

# Python's default of 5 ms is what the database thread might wait for the loop after each of its statements.
_SWITCH_SECONDS = 0.001
# Pages of syncs and batches of deliveries are thousands of objects that live for a moment: by Python's default each
# few hundred of them would have everything searched for garbage, which is a third of the time of a pull.
_GARBAGE = (20_000, 20, 50)

_log = get_logger(__name__)


def settle_process() -> None:
    """What a worker's process is set to, whatever its engine."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.set_threshold(*_GARBAGE)


class Parts(NamedTuple):
    """What delivers, to be run by the engine; what carries out jobs, which runs; what says that the process lives."""

    worker: Worker
    jobs: JobRunner
    presence: Presence

    def stop(self) -> None:
        """Have both come to their end. From the loop's thread; told a second time, without waiting."""
        self.jobs.stop()
        self.worker.stop()


@contextmanager
def opened_parts(
    installation: Installation,
    *,
    engine: str,
    shutdown_deadline_seconds: float,
    handler_processes: int,
    sweep_seconds: float | None = None,
    delivers: bool = True,
    takes: Collection[str] | None = None,
    job_slots: int = SLOTS,
) -> Iterator[Parts]:
    """Everything that a worker's process does. Leaving the block ends what does not deliver.

    By `engine` it is seen; `delivers` says whether that runs what delivers. `sweep_seconds` is for an engine that hears
    of what becomes due on any machine. `takes` are the kinds of jobs that are carried out here, all unless given; so
    many at once.

    Raises `ConfigurationError`, `SchemaBehind`, `StorageUnavailable`.
    """
    installation.require_configuration()
    settings, clock = installation.settings, installation.clock
    shared = shared_clock.SharedClock(clock, installation.database)
    loader = RoutingLoader(settings, installation.keyring, installation.handlers, clock, delivers=True)
    require_current(installation.database)
    installation.claim_keys()
    snapshot = Snapshot(installation.database, loader, clock, rests=True)
    with closing(snapshot), ExitStack() as ending:
        snapshot.current()
        jobs = JobRunner(installation, KINDS, takes=takes, slots=job_slots)
        shared.step()
        worker = Worker(
            database=installation.database,
            routing=snapshot.current,
            handlers=HandlerPool(settings.handlers, clock=clock, processes=handler_processes),
            clock=shared,
            random=random.random,
            resolver=installation.resolver,
            policy=installation.policy,
            metrics=installation.metrics,
            attempts_in_flight=_attempts_in_flight(),
            announcements=installation.announcements,
            on_job=jobs.wake,
            on_work=snapshot.stir,
            secret_headers=installation.secret_headers,
            keyring=installation.keyring,
            grants=ConnectionGrants(installation),
            shutdown_deadline_seconds=shutdown_deadline_seconds,
            sweep_seconds=sweep_seconds,
        )
        broken = "the database's time could not be asked for; going on with what is known of it"
        seconds = shared_clock.EVERY_SECONDS
        ending.enter_context(closing(SideThread("clock", shared.step, clock, broken=broken, idle_seconds=seconds)))
        taken = Takes(deliveries=delivers, jobs=tuple(KINDS if takes is None else takes))
        presence = ending.enter_context(upkeep(installation, shared, engine=engine, takes=taken))
        counter = UsageCounter(installation.database, clock)
        broken = "events could not be counted; who may have no more stored is not told"
        ending.enter_context(closing(SideThread("usage", counter.step, clock, broken=broken)))
        if settings.search_index:
            builder = BlockBuilder(installation.database, clock, unrouted)
            broken = "a block of the journal could not be built; searches look through its events"
            ending.enter_context(closing(SideThread("blocks", builder.step, clock, broken=broken)))
        jobs.start()
        ending.enter_context(closing(jobs))
        yield Parts(worker, jobs, presence)


def _attempts_in_flight() -> int:
    """What is left of the open files is for attempts."""
    open_files = raise_open_files()
    fault = worker_shortage(ATTEMPTS_IN_FLIGHT, open_files)
    if fault is not None:
        _log.warning(fault)
    return min(ATTEMPTS_IN_FLIGHT, max(10, open_files - FOR_THE_REST))
