"""Which workers there are, and which of them have fallen silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, select

from gateway.jobs.models import WorkerRow
from gateway.jobs.workers.presence import WEB, Takes

SILENT = timedelta(seconds=30)
"""Who was not seen for so long has died, froze, or does not reach the database."""

_WORKERS: Table = WorkerRow.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class SeenWorker:
    """A worker as it is shown. `consumed_at` is when it last got a message from the broker, None without one."""

    id: str
    host: str
    pid: int
    engine: str
    version: str
    takes: Takes
    started_at: datetime
    seen_at: datetime
    consumed_at: datetime | None
    is_silent: bool


def find_workers(connection: Connection, now: datetime) -> list[SeenWorker]:
    """All of them, the oldest first; `now` is the time on which machines agree."""
    return [one for one in find_processes(connection, now) if one.engine != WEB]


def find_processes(connection: Connection, now: datetime) -> list[SeenWorker]:
    """Workers and web processes, the oldest first; `now` as above."""
    limit = now - SILENT
    rows = connection.execute(select(_WORKERS).order_by(_WORKERS.c.started_at, _WORKERS.c.id))
    return [
        SeenWorker(
            id=row.id,
            host=row.host,
            pid=row.pid,
            engine=row.engine,
            version=row.version,
            takes=Takes(bool(row.takes.get("deliveries")), tuple(row.takes.get("jobs", ()))),
            started_at=row.started_at,
            seen_at=row.seen_at,
            consumed_at=row.consumed_at,
            is_silent=row.seen_at < limit,
        )
        for row in rows
    ]
