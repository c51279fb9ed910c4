"""Group commit: one writer thread per process commits all that waits in one transaction.

Callers hand over an item and get a `Pending`, which says what became of that item alone. A lone item is committed at
once. When the last batch held several, the writer waits for as many again, for a few milliseconds at most: where
commits are quick, batches would else hold one or two items and cost as much as ten.
Law 2 of the design.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.db.database import Database
from gateway.db.faults import postgres_errors
from gateway.db.writing.kept_writer import KEPT_LOG_PAGES, KeptWriter
from gateway.db.writing.pending import Pending
from gateway.errors import GatewayError, QueueFull, StorageUnavailable
from gateway.telemetry.logging import get_logger

Item = TypeVar("Item")
Result = TypeVar("Result")

Apply = Callable[[Connection, Sequence[Item]], Sequence[Result]]
"""Stores items inside the given transaction and returns one result per item, in order.

It must be repeatable: after a lost connection the same items may come again although their first transaction
committed.
"""

Waiting = tuple[Item, int, Pending[Result]]

Listener = Callable[[Sequence[Pending[Result]]], None]
"""Hears of items that were settled together, in the writer's thread; it must be quick and not raise."""

# What a single row can be at fault for, whichever layer finds out.
# psycopg's are asked for when something was raised.
ROW_FAULTS: tuple[type[Exception], ...] = (
    SQLAlchemyError,
    sqlite3.Error,
    GatewayError,
    ValueError,
    TypeError,
    ArithmeticError,
)


class GroupCommit(Generic[Item, Result]):
    """A bounded queue in front of one writer thread, which starts with the first item.

    `size_of` weighs an item in bytes; `stored` hears of every transaction before its callers do, in the writer's
    thread, and must not raise. A batch holds at most `batch_items` and about `batch_bytes`, the queue at most
    `queue_items` and `queue_bytes`. `log_pages` and `cache_kilobytes` as for `KeptWriter`.
    """

    def __init__(
        self,
        database: Database,
        apply: Apply[Item, Result],
        *,
        size_of: Callable[[Item], int],
        stored: Callable[[Sequence[Item], Sequence[Result]], None] = lambda items, results: None,
        batch_items: int = 256,
        batch_bytes: int = 16 * 1024 * 1024,
        queue_items: int = 4096,
        queue_bytes: int = 64 * 1024 * 1024,
        gather_seconds: float = 0.003,
        log_pages: int | None = KEPT_LOG_PAGES,
        cache_kilobytes: int | None = None,
    ) -> None:
        self._database = database
        self._writer = KeptWriter(database, log_pages=log_pages, cache_kilobytes=cache_kilobytes)
        self._apply = apply
        self._size_of = size_of
        self._stored = stored
        self._batch_items = batch_items
        self._batch_bytes = batch_bytes
        self._queue_items = queue_items
        self._queue_bytes = queue_bytes
        self._gather_seconds = gather_seconds
        self._waiting: deque[Waiting[Item, Result]] = deque()
        self._waiting_bytes = 0
        # Guards the queue. `_enough` is set when as many items wait as the writer wants, or at the end.
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._wanted = 1
        self._thread: threading.Thread | None = None
        self._closing = False
        self._listeners: list[Listener[Result]] = []

    def listen(self, listener: Listener[Result]) -> None:
        """Tell `listener` of all that is settled from now on, once per transaction."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener[Result]) -> None:
        """Tell `listener` no more."""
        self._listeners.remove(listener)

    def submit(self, item: Item) -> Pending[Result]:
        """Queue `item`. It comes to its result, or to `StorageUnavailable`, or to the database's own error when this
        item alone could not be stored. Raises `QueueFull` at once when there is no room.
        """
        if self._thread is None:
            self._start()
        size = self._size_of(item)
        pending: Pending[Result] = Pending()
        with self._lock:
            if self._closing:
                raise QueueFull("this process is shutting down")
            if len(self._waiting) >= self._queue_items or self._waiting_bytes + size > self._queue_bytes:
                raise QueueFull("the commit queue is full")
            self._waiting.append((item, size, pending))
            self._waiting_bytes += size
            if len(self._waiting) == self._wanted:
                self._enough.set()
        return pending

    def close(self, timeout_seconds: float | None = 30.0) -> None:
        """Take no more, commit what waits, end the thread. Idempotent."""
        with self._lock:
            self._closing = True
            self._enough.set()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_seconds)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closing:
                thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    # The system gives no more threads; the next item tries again.
                    raise QueueFull("this process cannot start its commit writer") from error
                self._thread = thread

    def _run(self) -> None:
        last_size = 1
        while True:
            self._await(1, None)
            # As many callers as the last time are likely to come again, and soon.
            self._await(last_size, self._gather_seconds)
            if not self._waiting:
                break
            last_size = self._commit_some()
        self._writer.close()

    def _commit_some(self) -> int:
        """How many items were in the batch. By itself, so that an idle thread holds none of them."""
        batch: list[Waiting[Item, Result]] = []
        self._commit(batch)
        return len(batch)

    def _await(self, count: int, seconds: float | None) -> None:
        """Return when `count` items wait, when `seconds` have passed, or at the end."""
        with self._lock:
            if len(self._waiting) >= count or self._closing:
                return
            self._wanted = count
            self._enough.clear()
        self._enough.wait(seconds)

    def _take(self) -> list[Waiting[Item, Result]]:
        """What waits, up to a batch."""
        batch: list[Waiting[Item, Result]] = []
        size = 0
        with self._lock:
            while self._waiting and len(batch) < self._batch_items and size < self._batch_bytes:
                batch.append(self._waiting.popleft())
                size += batch[-1][1]
            self._waiting_bytes -= size
        return batch

    def _commit(self, batch: list[Waiting[Item, Result]]) -> None:
        """Store `batch`; an empty one is filled with what waits when it is this process's turn to write."""
        try:
            results = self._store(batch)
        except StorageUnavailable as error:
            self._fail(batch, error)
        except ROW_FAULTS + postgres_errors("Error") as error:
            if len(batch) == 1:
                self._fail(batch, error)
                return
            # A poisoned row fails alone: the others are stored one by one.
            get_logger(__name__).warning("batch refused, storing its items one by one", items=len(batch))
            for one in tuple(batch):
                self._commit([one])
        except BaseException as error:  # the thread must survive whatever a driver raises, and every waiter be told
            self._fail(batch, StorageUnavailable(f"the commit failed: {type(error).__name__}"))
            get_logger(__name__).exception("commit failed; the writer goes on with the next batch")
        else:
            try:
                self._stored([item for item, _, _ in batch], results)
            except Exception:  # counting and the like: what is committed is committed
                get_logger(__name__).exception("after a commit")
            for (_, _, pending), result in zip(batch, results, strict=True):
                pending.succeed(result)
            self._tell(batch)

    def _store(self, batch: list[Waiting[Item, Result]]) -> Sequence[Result]:
        try:
            return self._store_once(batch)
        except StorageUnavailable as error:
            if self._database.is_sqlite or not error.connection_lost:
                raise
            # A kept connection that died while idle: a fresh one often works, and `apply` is repeatable.
            return self._store_once(batch)

    def _store_once(self, batch: list[Waiting[Item, Result]]) -> Sequence[Result]:
        with self._writer.write() as connection:
            if not batch:
                # Only now: while others wrote, more has come in.
                batch += self._take()
            return self._apply(connection, [item for item, _, _ in batch])

    def _fail(self, batch: list[Waiting[Item, Result]], error: BaseException) -> None:
        if not batch:
            # The transaction did not even begin.
            batch += self._take()
        for _, _, pending in batch:
            pending.fail(error)
        self._tell(batch)

    def _tell(self, batch: Sequence[Waiting[Item, Result]]) -> None:
        pendings = [pending for _, _, pending in batch]
        for listener in tuple(self._listeners):
            listener(pendings)
