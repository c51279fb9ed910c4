"""The circuit breaker of a system: when calling it stops, and when one call may look whether it is well again.

Counting, opening and closing are circuitbreaker's. What it leaves open is closed here: it is safe from any thread; half
open it lets one call through and not all; a call that ends in nobody's fault gives its turn back; what is the caller's
fault (any answer below 500, except 429) neither counts nor resets. States are values behind a port, so that processes
and machines can share them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Protocol

from circuitbreaker import STATE_CLOSED, STATE_OPEN, CircuitBreaker

from gateway.clients.errors import (
    CircuitOpen,
    ConnectionFailed,
    DeadlineExceeded,
    FailedCall,
    IntegrationError,
    ProtocolFault,
    Unavailable,
)
from gateway.clock import MICROSECONDS, Clock, SystemClock

FAILURES_TO_OPEN: Final = 10
PAUSE_SECONDS: Final = 15.0
PROBE_SECONDS: Final = 60.0
"""How long a probe keeps its turn when nobody hears of it again: its process was killed."""

SICKNESS: Final = (ConnectionFailed, DeadlineExceeded, Unavailable, ProtocolFault)
"""What tells that a system is not well. Any other answer proves it alive."""


class BreakerState(Enum):
    """What a breaker does with the next call."""

    CLOSED = "closed"  # calls go through
    OPEN = "open"  # none does
    HALF_OPEN = "half_open"  # one is looking, the others wait


@dataclass(frozen=True, slots=True)
class CircuitRecord:
    """A circuit as it is kept. Instants in microseconds since the epoch.

    `version` rises with each change; `opened_at_us` is None while it is closed, `probe_until_us` while nobody looks.
    """

    version: int = 0
    failures: int = 0
    opened_at_us: int | None = None
    probe_until_us: int | None = None


CLOSED: Final = CircuitRecord()


class CircuitStore(Protocol):
    """Where circuits are kept, by key. Safe to call from any thread."""

    def load(self, key: str) -> CircuitRecord:
        """The record of `key`; `CLOSED` when there is none."""
        ...

    def replace(self, key: str, expected: CircuitRecord, record: CircuitRecord) -> bool:
        """Keep `record` in place of `expected`; False when another one is kept by now."""
        ...


class MemoryCircuits:
    """The circuits of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, CircuitRecord] = {}

    def load(self, key: str) -> CircuitRecord:
        return self._records.get(key, CLOSED)

    def replace(self, key: str, expected: CircuitRecord, record: CircuitRecord) -> bool:
        with self._lock:
            if self._records.get(key, CLOSED) != expected:
                return False
            self._records[key] = record
            return True


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send. `is_probe`: it is the one that looks whether the system is well again."""

    is_probe: bool


_GOES: Final = Permit(is_probe=False)
_PROBES: Final = Permit(is_probe=True)


class Breaker:
    """The breaker of one system with one set of credentials, whose circuit stands under `key`. Safe from any thread."""

    def __init__(
        self,
        key: str,
        *,
        store: CircuitStore | None = None,
        failures_to_open: int = FAILURES_TO_OPEN,
        pause_seconds: float = PAUSE_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        if failures_to_open < 1 or pause_seconds <= 0:
            raise ValueError("a breaker opens after at least one failure, and for a time")
        self._key = key
        self._store = store or MemoryCircuits()
        self._failures_to_open = failures_to_open
        self._pause_seconds = pause_seconds
        self._clock = clock or SystemClock()

    @property
    def state(self) -> BreakerState:
        """What the next call would meet."""
        record = self._store.load(self._key)
        if record.opened_at_us is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._waits(record, self._clock.now_us()) else BreakerState.HALF_OPEN

    def admit(self) -> Permit:
        """Leave for one call, which ends in `ended`. Raises `CircuitOpen` with the time to wait."""
        while True:
            record = self._store.load(self._key)
            if record.opened_at_us is None:
                return _GOES
            now_us = self._clock.now_us()
            waits = self._waits(record, now_us)
            if waits:
                raise CircuitOpen(
                    f"not sent: {self._key} failed {record.failures} times in a row; the next try is let through in "
                    f"{waits:.0f} seconds",
                    call=FailedCall(system=self._key),
                    retry_after_seconds=waits,
                )
            probing = replace(
                record, version=record.version + 1, probe_until_us=now_us + round(PROBE_SECONDS * MICROSECONDS)
            )
            if self._store.replace(self._key, record, probing):
                return _PROBES

    def ended(self, permit: Permit, error: BaseException | None) -> None:
        """A call that was let through ended with `error`, None when it succeeded."""
        if error is None and not permit.is_probe and self._store.load(self._key) is CLOSED:
            return
        while True:
            record = self._store.load(self._key)
            after = self._after(record, permit, error)
            if after == record or self._store.replace(self._key, record, replace(after, version=record.version + 1)):
                return

    def _after(self, record: CircuitRecord, permit: Permit, error: BaseException | None) -> CircuitRecord:
        if record.opened_at_us is not None and not permit.is_probe:
            # It was on its way when the circuit opened, and says nothing about now.
            return record
        if error is not None and not isinstance(error, SICKNESS):
            is_answer = isinstance(error, IntegrationError) and error.call.status is not None
            if permit.is_probe and is_answer:
                return replace(CLOSED, version=record.version)
            return replace(record, probe_until_us=None) if permit.is_probe else record
        decision = _Decision(record.failures, self._failures_to_open, self._pause_seconds)
        decision.__exit__(type(error) if error is not None else None, error, None)
        opened = decision.state == STATE_OPEN
        return CircuitRecord(record.version, decision.failure_count, self._clock.now_us() if opened else None)

    def _waits(self, record: CircuitRecord, now_us: int) -> float:
        """Seconds until a call may look, 0 when it may now."""
        assert record.opened_at_us is not None
        pause_us = round(self._pause_seconds * MICROSECONDS)
        until_us = record.opened_at_us + pause_us
        longest_us = pause_us
        if record.probe_until_us is not None:
            until_us, longest_us = record.probe_until_us, round(PROBE_SECONDS * MICROSECONDS)
        wait_us = until_us - now_us
        # Longer than it was ever meant to be: the clock was set back meanwhile.
        return 0.0 if wait_us <= 0 or wait_us > longest_us else wait_us / MICROSECONDS


class _Decision(CircuitBreaker):  # type: ignore[misc]
    """circuitbreaker's decision about one call, for a circuit that had `failures` in a row."""

    def __init__(self, failures: int, failures_to_open: int, pause_seconds: float) -> None:
        super().__init__(
            failure_threshold=failures_to_open, recovery_timeout=pause_seconds, expected_exception=IntegrationError
        )
        self._failure_count = failures
        self._state = STATE_CLOSED
