"""Keeping rejected requests, off the request's path: a bounded queue and one thread that writes in batches.

At most 1 000 rows per source stay (the oldest go), 64 KB of each body. What does not fit into the queue is dropped
and counted: a flood of bad requests costs neither memory nor disk, and never slows a good one.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, insert, text

from gateway.clock import from_us
from gateway.db.database import Database
from gateway.errors import GatewayError
from gateway.security.identifiers import new_id
from gateway.telemetry.logging import get_logger
from gateway.webhooks.arrival import Arrival
from gateway.webhooks.rejections.models import Rejection

KEPT_PER_SOURCE = 1_000
KEPT_BODY_BYTES = 64 * 1024
KEPT_HEADER_BYTES = 64 * 1024
BATCH = 100
# Trimming may leave this many rows too many, so that it need not run for every batch.
TRIM_EVERY = 100

_INSERT = insert(Rejection)
_TRIM = text(
    "DELETE FROM rejections WHERE tenant_id = :tenant_id AND source_id = :source_id AND id <= ("
    "SELECT id FROM rejections WHERE tenant_id = :tenant_id AND source_id = :source_id "
    "ORDER BY id DESC LIMIT 1 OFFSET :kept)"
)


Row = dict[str, object]
"""A rejection as it is stored."""


class Refused(NamedTuple):
    """A request that was refused. `source_id` is empty when no such source exists."""

    tenant_id: str
    source_id: str
    reason: str
    detail: str | None
    arrival: Arrival


class RejectionLog:
    """`note` never blocks and never fails; a thread, started with the first note, writes."""

    def __init__(self, database: Database, *, queue_items: int = 500, queue_bytes: int = 16 * 1024 * 1024) -> None:
        self._database = database
        self._queue_items = queue_items
        self._queue_bytes = queue_bytes
        self._waiting: deque[Row] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._since_trim: dict[tuple[str, str], int] = {}
        self.dropped = 0

    def note(self, refused: Refused) -> None:
        """Queue a rejection, or drop and count it when there is no room."""
        # Cut down before it waits: what waits must weigh what is counted.
        row = _row(refused)
        size = _weight(row)
        with self._changed:
            if (
                self._closing
                or len(self._waiting) >= self._queue_items
                or self._waiting_bytes + size > self._queue_bytes
            ):
                self.dropped += 1
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rejections", daemon=True)
                self._thread.start()
            self._waiting.append(row)
            self._waiting_bytes += size
            self._changed.notify_all()

    def waiting(self) -> list[Row]:
        """What is queued and not yet written."""
        with self._changed:
            return list(self._waiting)

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything queued is written; False when time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting_bytes == 0, timeout_seconds)

    def close(self) -> None:
        """Write what waits and end the thread. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(10)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing)
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not batch:
                return
            self._store(batch)
            with self._changed:
                self._waiting_bytes -= sum(map(_weight, batch))
                self._changed.notify_all()

    def _store(self, batch: Sequence[Row]) -> None:
        try:
            with self._database.write() as connection:
                connection.execute(_INSERT, list(batch))
                self._trim(connection, batch)
        except Exception as error:  # an aid for people must not take the process down; it is counted and logged
            self.dropped += len(batch)
            code = error.code if isinstance(error, GatewayError) else type(error).__name__
            get_logger(__name__).warning("rejections not kept", count=len(batch), code=code)

    def _trim(self, connection: Connection, batch: Sequence[Row]) -> None:
        keys = sorted((str(row["tenant_id"]), str(row["source_id"])) for row in batch)
        for key, rows in groupby(keys):
            # A process that starts anew does not know how many rows there are: the first batch trims.
            counted = self._since_trim.get(key, TRIM_EVERY) + len(list(rows))
            if counted >= TRIM_EVERY:
                values = {"tenant_id": key[0], "source_id": key[1], "kept": KEPT_PER_SOURCE}
                connection.execute(_TRIM, values)
                counted = 0
            self._since_trim[key] = counted


def _weight(row: Row) -> int:
    return 1024 + sum(len(value) for value in row.values() if isinstance(value, str | bytes))


def _row(refused: Refused) -> Row:
    arrival = refused.arrival
    body = arrival.body
    return {
        "id": new_id("rej"),
        "tenant_id": refused.tenant_id,
        "source_id": refused.source_id,
        # PostgreSQL takes no NUL in texts, and a path can hold one.
        "source": arrival.source[:64].replace("\x00", "\ufffd"),
        "reason": refused.reason,
        "detail": refused.detail,
        "received_at": from_us(arrival.received_at_us),
        "request_id": arrival.request_id,
        "client_address": arrival.client_address[:64],
        "method": arrival.method[:16],
        "url": arrival.url[:4096],
        "headers": _headers(arrival),
        "body": body if len(body) <= KEPT_BODY_BYTES else body[:KEPT_BODY_BYTES],
        "body_bytes": len(body),
    }


def _headers(arrival: Arrival) -> bytes:
    """The headers as JSON; where they are too many or too long, what fits of them."""
    if sum(len(name) + len(value) for name, value in arrival.headers) <= KEPT_HEADER_BYTES:
        return json.dumps(arrival.headers).encode("utf-8")
    return json.dumps([(name[:128], value[:256]) for name, value in arrival.headers[:100]]).encode("utf-8")
