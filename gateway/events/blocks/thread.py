"""A thread that builds blocks beside a worker's deliveries, at a low priority and for a small part of its time."""

from __future__ import annotations

import threading

from gateway.clock import Clock
from gateway.errors import StorageUnavailable
from gateway.events.blocks.build import BlockBuilder
from gateway.priority import step_back
from gateway.telemetry.logging import get_logger

REST = 4.0
"""Seconds of rest for each second of building: while much comes in, searches look at what is left directly."""
IDLE_SECONDS = 5.0

_log = get_logger(__name__)


class BlockThread:
    """Builds from its start until `close`."""

    def __init__(self, builder: BlockBuilder, clock: Clock) -> None:
        self._builder = builder
        self._clock = clock
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="blocks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let it finish the block that it builds. Idempotent."""
        self._is_ending.set()
        self._thread.join(IDLE_SECONDS)

    def _run(self) -> None:
        step_back()
        while not self._is_ending.wait(self._pause_seconds()):
            pass

    def _pause_seconds(self) -> float:
        """One step; how long to rest then."""
        began = self._clock.monotonic()
        try:
            did_something = self._builder.step()
        except StorageUnavailable:
            # Whoever delivers says so.
            return IDLE_SECONDS
        except Exception:
            # A defect of ours costs searches their speed, and nobody a delivery.
            _log.exception("a block of the journal could not be built; searches look through its events")
            return IDLE_SECONDS * 12
        return REST * (self._clock.monotonic() - began) if did_something else IDLE_SECONDS
