"""Open files: whether a process that is started from here may have as many as its settings allow it to need."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config import Settings
from gateway.delivery.worker.slots import ATTEMPTS_IN_FLIGHT
from gateway.doctor.check import CheckResult, Level
from gateway.open_files import allowed_files, web_shortage, worker_shortage


def open_files(settings: Settings, allowed: int | None = None) -> Iterator[CheckResult]:
    """One result per kind of process that may have too few, or one that says that none has."""
    allowed = allowed_files() if allowed is None else allowed
    shortages = [web_shortage(settings.max_connections, allowed), worker_shortage(ATTEMPTS_IN_FLIGHT, allowed)]
    found = [CheckResult("open files", Level.WARN, fault) for fault in shortages if fault is not None]
    yield from found or [CheckResult("open files", Level.OK, f"{allowed} for each process that is started from here")]
