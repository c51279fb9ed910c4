"""Keeping the leases of what one process holds: one statement every few seconds for all its jobs."""

from __future__ import annotations

import threading
from collections.abc import Collection

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.errors import StorageUnavailable
from gateway.jobs.interruption import Interruption, Reason
from gateway.jobs.queue.held import Held, Standing, renew
from gateway.jobs.queue.takeover import LEASE_SECONDS

RENEW_SECONDS = 3.0
AGAIN_SECONDS = 1.0
# Whoever could not renew for so long leaves its jobs before others may take them.
SILENT_SECONDS = LEASE_SECONDS - 8.0

_REASONS = {Standing.CANCELLED: Reason.CANCELLED, Standing.LOST: Reason.LOST}


class Leases:
    """The jobs that this process holds. Safe to use from any thread; `renew_if_due` is for one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[Held, tuple[Interruption, float]] = {}
        self._renew_at = 0.0

    def hold(self, held: Held, interruption: Interruption) -> None:
        """Keep this lease, which was just taken, and interrupt the job when it is to be left."""
        now = self._clock.monotonic()
        with self._lock:
            if not self._held:
                self._renew_at = now + RENEW_SECONDS
            self._held[held] = (interruption, now)

    def drop(self, held: Collection[Held]) -> None:
        """Keep these no longer."""
        with self._lock:
            for one in held:
                self._held.pop(one, None)

    def renew_if_due(self) -> None:
        """Renew all where it is time to; interrupt what was cancelled or lost, and what could not be renewed."""
        now = self._clock.monotonic()
        with self._lock:
            held = dict(self._held)
        if not held or now < self._renew_at:
            return
        try:
            with self._database.write() as connection:
                found = renew(connection, list(held), now_us=self._clock.now_us())
        except StorageUnavailable:
            self._renew_at = now + AGAIN_SECONDS
            for interruption, renewed_at in held.values():
                if now - renewed_at >= SILENT_SECONDS:
                    interruption.interrupt(Reason.LOST)
            return
        self._renew_at = now + RENEW_SECONDS
        for one, standing in found.items():
            interruption, _ = held[one]
            if standing is not Standing.HELD:
                interruption.interrupt(_REASONS[standing])
        with self._lock:
            self._held = {one: (interruption, now) for one, (interruption, _) in self._held.items()}
