"""Keeping rejected requests, off the request's path: a group commit of their own, with a bounded queue.

At most 1 000 rows per source stay and 256 MB in all, of which the oldest go, with 1 MB of each body. What does not fit
into the queue is dropped, and what comes faster than it is worth writing: PostgreSQL gives back the room of rows that
went once a minute only. All that goes is counted: a flood of bad requests costs neither memory nor disk, and never
slows a good one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby

from sqlalchemy import Connection, insert, text

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.db.writing.group_commit import GroupCommit
from gateway.db.writing.pending import Pending
from gateway.errors import GatewayError, QueueFull
from gateway.security.identifiers import new_id
from gateway.telemetry.logging import get_logger
from gateway.webhooks.rejections.models import Rejection
from gateway.webhooks.rejections.row import KEPT_BODY_BYTES, Noted, Refused, noted, row_of
from gateway.webhooks.secrets_at_rest import RefusedSealer

KEPT_PER_SOURCE = 1_000
KEPT_BYTES = 256 * 1024 * 1024
BATCH = 100
# What a process may write in a second, and at once after a quiet time.
WRITTEN_BYTES_PER_SECOND = 1024 * 1024
WRITTEN_AT_ONCE_BYTES = 64 * 1024 * 1024
# Trimming may leave so many rows of a source, or bytes in all, too many: it need not run for every batch.
TRIM_EVERY = 100
TRIM_EVERY_BYTES = KEPT_BYTES // 64
# Where there is much to trim, at most so many rows go with one batch, and the next ones with the next.
TRIMMED_AT_ONCE = 500
# A row that a process of the version before wrote does not say what it takes.
UNKNOWN_BYTES = 16 * 1024

_INSERT = insert(Rejection)
_TRIM_SOURCE = text(
    "DELETE FROM rejections WHERE tenant_id = :tenant_id AND source_id = :source_id AND id <= ("
    "SELECT id FROM rejections WHERE tenant_id = :tenant_id AND source_id = :source_id "
    "ORDER BY id DESC LIMIT 1 OFFSET :kept)"
)
# Both read the index of ids and sizes only.
_KEPT = text("SELECT COALESCE(SUM(COALESCE(stored_bytes, :unknown)), 0) FROM rejections")
_TRIM_ALL = text(
    "DELETE FROM rejections WHERE id IN (SELECT id FROM ("
    "SELECT id, size, SUM(size) OVER (ORDER BY id) AS sum FROM ("
    "SELECT id, COALESCE(stored_bytes, :unknown) AS size FROM rejections ORDER BY id LIMIT :most) AS oldest"
    ") AS summed WHERE sum - size < :too_much)"
)

# Why a rejection is not kept, or not any more.
QUEUE_FULL = "queue_full"
TOO_FAST = "too_fast"
NOT_STORED = "not_stored"
SOURCE_FULL = "source_full"
DISK_FULL = "disk_full"


class RejectionLog:
    """`note` never blocks and never fails. `dropped` hears why and how many rejections were not kept, or go again."""

    def __init__(
        self,
        database: Database,
        sealer: RefusedSealer,
        clock: Clock,
        *,
        dropped: Callable[[str, int], None],
        queue_items: int = 500,
        queue_bytes: int = 16 * 1024 * 1024,
        kept_bytes: int = KEPT_BYTES,
        body_bytes: int = KEPT_BODY_BYTES,
    ) -> None:
        self._commits: GroupCommit[Noted, Counter[str]] = GroupCommit(
            database,
            self._store,
            size_of=lambda item: item.weight_bytes,
            stored=self._stored,
            batch_items=BATCH,
            queue_items=queue_items,
            queue_bytes=queue_bytes,
            # It writes seldom: SQLite may copy its log back by itself.
            log_pages=None,
            # What a stranger sent is hardly read: after a storm of it SQLite would hold 32 MB for nothing.
            cache_kilobytes=2048,
        )
        self._commits.listen(self._count)
        self._sealer = sealer
        self._clock = clock
        self._writable_bytes: float = WRITTEN_AT_ONCE_BYTES
        self._refilled_at = clock.monotonic()
        self._dropped = dropped
        self._kept_bytes = kept_bytes
        self._body_bytes = body_bytes
        self._last: Pending[Counter[str]] | None = None
        self._since_trim: dict[tuple[str, str], int] = {}
        # A process that starts anew does not know how much there is: the first batch trims.
        self._bytes_since_trim = TRIM_EVERY_BYTES

    def note(self, refused: Refused) -> None:
        """Queue a rejection, or drop and count it when there is no room."""
        item = noted(new_id("rej"), refused, body_bytes=self._body_bytes)
        if not self._may_write(item.weight_bytes):
            self._dropped(TOO_FAST, 1)
            return
        try:
            self._last = self._commits.submit(item)
        except QueueFull:
            self._dropped(QUEUE_FULL, 1)

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

    def _may_write(self, number_of_bytes: int) -> bool:
        # Two threads at once may count one wrongly, which harms nobody.
        now = self._clock.monotonic()
        refilled = self._writable_bytes + (now - self._refilled_at) * WRITTEN_BYTES_PER_SECOND
        self._writable_bytes, self._refilled_at = min(refilled, WRITTEN_AT_ONCE_BYTES), now
        if self._writable_bytes < number_of_bytes:
            return False
        self._writable_bytes -= number_of_bytes
        return True

    def _store(self, connection: Connection, items: Sequence[Noted]) -> list[Counter[str]]:
        rows = [row_of(item, self._sealer) for item in items]
        connection.execute(_INSERT, rows)
        keys = sorted((item.refused.tenant_id, item.refused.source_id) for item in items)
        trimmed = Counter({SOURCE_FULL: self._trim_sources(connection, keys)})
        self._bytes_since_trim += sum(int(str(row["stored_bytes"])) for row in rows)
        if self._bytes_since_trim >= TRIM_EVERY_BYTES:
            trimmed[DISK_FULL] = self._trim_all(connection)
        return [trimmed, *(Counter() for _ in items[1:])]

    def _stored(self, _items: Sequence[Noted], trimmed: Sequence[Counter[str]]) -> None:
        for reason, count in sum(trimmed, Counter()).items():
            self._dropped(reason, count)

    def _count(self, pendings: Sequence[Pending[Counter[str]]]) -> None:
        """An aid for people must not take the process down: what could not be kept is counted and logged."""
        failed = [pending.error for pending in pendings if pending.error is not None]
        if failed:
            self._dropped(NOT_STORED, len(failed))
            code = failed[0].code if isinstance(failed[0], GatewayError) else type(failed[0]).__name__
            get_logger(__name__).warning("rejections not kept", count=len(failed), code=code)

    def _trim_sources(self, connection: Connection, keys: Sequence[tuple[str, str]]) -> int:
        """How many rows went. `keys` are tenant and source of each row of the batch, sorted."""
        trimmed = 0
        for key, rows in groupby(keys):
            # As above: the first batch of a source trims.
            counted = self._since_trim.get(key, TRIM_EVERY) + len(list(rows))
            if counted >= TRIM_EVERY:
                values = {"tenant_id": key[0], "source_id": key[1], "kept": KEPT_PER_SOURCE}
                trimmed += connection.execute(_TRIM_SOURCE, values).rowcount
                counted = 0
            self._since_trim[key] = counted
        return trimmed

    def _trim_all(self, connection: Connection) -> int:
        """How many of the oldest rows went. Where there are more to go, the next batch goes on."""
        unknown = {"unknown": UNKNOWN_BYTES}
        too_much = int(connection.execute(_KEPT, unknown).scalar_one()) - self._kept_bytes
        if too_much <= 0:
            self._bytes_since_trim = 0
            return 0
        return connection.execute(_TRIM_ALL, unknown | {"too_much": too_much, "most": TRIMMED_AT_ONCE}).rowcount
