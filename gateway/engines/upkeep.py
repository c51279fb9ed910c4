"""What every worker does beside its work: saying that it lives, and making jobs of the schedules that are due, of which
it makes those first that every installation has.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager

from gateway.clock import Clock
from gateway.engines.built_in_schedules import BUILT_IN
from gateway.engines.kinds import KINDS
from gateway.events.side_thread import SideThread
from gateway.installation import Installation
from gateway.jobs.schedules.ensure import ensure_schedules
from gateway.jobs.schedules.tick import Ticker
from gateway.jobs.workers.presence import RENEW_SECONDS, Presence, Takes
from gateway.release import installed_version


@contextmanager
def upkeep(installation: Installation, clock: Clock, *, engine: str, takes: Takes) -> Iterator[Presence]:
    """In a thread each, until the block is left; then the worker is no longer seen. By `clock` machines agree.

    Raises `StorageUnavailable`.
    """
    ensure_schedules(installation, BUILT_IN, KINDS, random=random.random)
    presence = Presence(installation.database, clock, engine=engine, version=installed_version(), takes=takes)
    ticker = Ticker(installation, clock, KINDS, random=random.random)
    seen = SideThread(
        "presence",
        presence.step,
        clock,
        broken="it could not be told that this worker lives",
        idle_seconds=RENEW_SECONDS,
    )
    due = SideThread(
        "schedules",
        ticker.step,
        clock,
        broken="it could not be looked which schedules are due",
        rest=1.0,
        idle_seconds=lambda: ticker.idle_seconds,
    )
    with closing(presence), closing(seen), closing(due):
        yield presence
