"""Workers, jobs and schedules: whether what is due is taken by somebody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select, text

from gateway.clock import iso
from gateway.db.shared_clock import shared_now
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation
from gateway.jobs.gauges import count_overdue
from gateway.jobs.models import IS_PENDING, Job
from gateway.jobs.workers.search import SeenWorker, find_workers


def jobs(installation: Installation) -> Iterator[CheckResult]:
    """How many workers run and which fell silent, which jobs nobody takes, whether schedules are overdue.

    Raises `StorageUnavailable`.
    """
    now = shared_now(installation.clock, installation.database)
    with installation.database.read() as connection:
        workers = find_workers(connection, now)
        yield from _workers(workers)
        alive = [worker for worker in workers if not worker.is_silent]
        if alive:
            yield from _untaken(connection, alive, now)
        overdue = count_overdue(connection, now)
    if overdue:
        detail = f"{overdue} are due for more than a minute and not taken"
        yield CheckResult("schedules", Level.WARN, detail, Hint("list_schedules"))


def _workers(workers: list[SeenWorker]) -> Iterator[CheckResult]:
    alive = [worker for worker in workers if not worker.is_silent]
    if alive:
        yield CheckResult("workers", Level.OK, ", ".join(map(_named, alive)))
    else:
        yield CheckResult("workers", Level.WARN, "none runs: deliveries and jobs wait", Hint("start_worker"))
    for worker in workers:
        if worker.is_silent:
            detail = f"{_named(worker)} was last seen at {iso(worker.seen_at)}: it died, froze, or is cut off"
            yield CheckResult("workers", Level.WARN, detail)
    if alive and not any(worker.takes.deliveries for worker in alive):
        yield CheckResult("workers", Level.WARN, "none takes deliveries: they wait", Hint("start_worker"))


def _untaken(connection: Connection, alive: list[SeenWorker], now: datetime) -> Iterator[CheckResult]:
    taken = {kind for worker in alive for kind in worker.takes.jobs}
    due = select(Job.kind).distinct().where(text(IS_PENDING), Job.due_at <= now)
    for kind in sorted(set(connection.scalars(due)) - taken):
        yield CheckResult("jobs", Level.WARN, f"jobs of the kind {kind} wait, and no worker takes them")


def _named(worker: SeenWorker) -> str:
    return f"{worker.host}:{worker.pid} ({worker.engine}, {worker.version})"
