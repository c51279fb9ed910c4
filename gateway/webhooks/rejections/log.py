"""Keeping rejected requests, off the request's path: a group commit of their own, with a bounded queue.

At most 1 000 rows per source stay (the oldest go), 64 KB of each body. What does not fit into the queue is dropped
and counted: a flood of bad requests costs neither memory nor disk, and never slows a good one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, insert, text

from gateway.clock import from_us
from gateway.db.database import Database
from gateway.db.writing.group_commit import GroupCommit
from gateway.db.writing.pending import Pending
from gateway.errors import GatewayError, QueueFull
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
    """`note` never blocks and never fails. `dropped` counts what was not kept."""

    def __init__(self, database: Database, *, queue_items: int = 500, queue_bytes: int = 16 * 1024 * 1024) -> None:
        self._commits: GroupCommit[Row, None] = GroupCommit(
            database,
            self._store,
            size_of=_weight,
            batch_items=BATCH,
            queue_items=queue_items,
            queue_bytes=queue_bytes,
            # It writes seldom: SQLite may copy its log back by itself.
            log_pages=None,
        )
        self._commits.listen(self._count)
        self._last: Pending[None] | None = None
        self._since_trim: dict[tuple[str, str], int] = {}
        self.dropped = 0

    def note(self, refused: Refused) -> None:
        """Queue a rejection, or drop and count it when there is no room."""
        try:
            # Cut down before it waits: what waits must weigh what is counted.
            self._last = self._commits.submit(_row(refused))
        except QueueFull:
            self.dropped += 1

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything queued is written, or given up; False when time ran out."""
        if self._last is not None:
            try:
                self._last.result(timeout_seconds)
            except TimeoutError:
                return False
            except Exception:  # noqa: S110 (counted where it happened)
                pass
        return True

    def close(self) -> None:
        """Write what waits and end the thread. Idempotent."""
        self._commits.close(10)

    def _store(self, connection: Connection, rows: Sequence[Row]) -> list[None]:
        connection.execute(_INSERT, list(rows))
        self._trim(connection, rows)
        return [None] * len(rows)

    def _count(self, pendings: Sequence[Pending[None]]) -> None:
        """An aid for people must not take the process down: what could not be kept is counted and logged."""
        failed = [pending.error for pending in pendings if pending.error is not None]
        if failed:
            self.dropped += len(failed)
            code = failed[0].code if isinstance(failed[0], GatewayError) else type(failed[0]).__name__
            get_logger(__name__).warning("rejections not kept", count=len(failed), code=code)

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
