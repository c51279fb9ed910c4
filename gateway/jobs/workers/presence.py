"""A worker's row in the table of workers: written at its start, renewed while it lives, removed at its orderly end."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Insert, Table, delete
from sqlalchemy.dialects import postgresql, sqlite

from gateway.clock import Clock, from_us
from gateway.db.database import Database
from gateway.errors import StorageUnavailable
from gateway.jobs.models import WorkerRow
from gateway.security.identifiers import new_id

RENEW_SECONDS = 5.0
WEB = "web"
"""In the place of an engine: a web process, which takes nothing."""
FORGET = timedelta(hours=1)
"""So long the row of a worker stays that fell silent, for people to see."""
FORGET_EVERY = 60
"""Of so many renewals one looks for rows that are to be forgotten."""

_WORKERS: Table = WorkerRow.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Takes:
    """What a worker takes: deliveries or not, and jobs of which kinds."""

    deliveries: bool
    jobs: tuple[str, ...]


class Presence:
    """One per worker process, by the clock on which machines agree. `step` is called every `RENEW_SECONDS` by one
    thread, `consumed` by any, `close` last.
    """

    def __init__(self, database: Database, clock: Clock, *, engine: str, version: str, takes: Takes) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._has_consumed = False
        self._consumed_at: datetime | None = None
        self._renewals = 0
        self._row: dict[str, Any] = {
            "id": new_id("wrk"),
            "host": os.uname().nodename,
            "pid": os.getpid(),
            "engine": engine,
            "version": version,
            "takes": {"deliveries": takes.deliveries, "jobs": list(takes.jobs)},
        }

    def consumed(self) -> None:
        """A message came from the broker; told with the next renewal. Costs next to nothing."""
        self._has_consumed = True

    def step(self) -> bool:
        """Say that the worker lives. Always False: it is said again after a rest. Raises `StorageUnavailable`."""
        with self._lock, self._database.write() as connection:
            now = from_us(self._clock.now_us())
            if self._has_consumed:
                self._has_consumed, self._consumed_at = False, now
            self._row.setdefault("started_at", now)
            connection.execute(_renewal(connection, {**self._row, "seen_at": now, "consumed_at": self._consumed_at}))
            if self._renewals % FORGET_EVERY == 0:
                connection.execute(delete(_WORKERS).where(_WORKERS.c.seen_at < now - FORGET))
            self._renewals += 1
        return False

    def close(self) -> None:
        """It ends in order. Where the database does not take that, the row falls silent."""
        try:
            with self._lock, self._database.write() as connection:
                connection.execute(delete(_WORKERS).where(_WORKERS.c.id == self._row["id"]))
        except StorageUnavailable:
            return


def _renewal(connection: Connection, row: Mapping[str, Any]) -> Insert:
    """One statement that makes the row where it is not there: at first, and after a silence so long that it went."""
    renewed = {name: row[name] for name in ("seen_at", "consumed_at")}
    if connection.dialect.name == "sqlite":
        return sqlite.insert(_WORKERS).values(row).on_conflict_do_update(index_elements=["id"], set_=renewed)
    return postgresql.insert(_WORKERS).values(row).on_conflict_do_update(index_elements=["id"], set_=renewed)
