"""Group commit: one writer thread per process commits all that waits in one transaction.

Callers hand over an item and get a `Pending`, which says what became of that item alone. A lone item is committed at
once. When the last batch held several, the writer gives the next one a millisecond to gather: where
commits are quick, batches would else hold one or two items and cost as much as ten.
Law 2 of the design.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.db.database import Database
from gateway.db.pending import Pending
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
ROW_FAULTS = (SQLAlchemyError, sqlite3.Error, psycopg.Error, GatewayError, ValueError, TypeError, ArithmeticError)

GATHER_STEPS = 5


class GroupCommit(Generic[Item, Result]):
    """A bounded queue in front of one writer thread, which starts with the first item.

    `size_of` weighs an item in bytes; `stored` hears of every transaction before its callers do, in the writer's
    thread, and must not raise. A batch holds at most `batch_items` and about `batch_bytes`, the queue at most
    `queue_items` and `queue_bytes`.
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
        gather_seconds: float = 0.002,
    ) -> None:
        self._database = database
        self._writer = database.kept_writer()
        self._apply = apply
        self._size_of = size_of
        self._stored = stored
        self._batch_items = batch_items
        self._batch_bytes = batch_bytes
        self._queue_items = queue_items
        self._queue_bytes = queue_bytes
        self._gather_seconds = gather_seconds
        self._waiting: SimpleQueue[Waiting[Item, Result] | None] = SimpleQueue()
        self._held_items = 0
        self._held_bytes = 0
        self._counting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._listeners: list[Listener[Result]] = []

    def listen(self, listener: Listener[Result]) -> None:
        """Tell `listener` of all that is settled from now on, once per transaction."""
        self._listeners.append(listener)

    def submit(self, item: Item) -> Pending[Result]:
        """Queue `item`. It comes to its result, or to `StorageUnavailable`, or to the database's own error when this
        item alone could not be stored. Raises `QueueFull` at once when there is no room.
        """
        if self._thread is None:
            self._start()
        size = self._size_of(item)
        pending: Pending[Result] = Pending()
        with self._counting:
            if self._closing:
                raise QueueFull("this process is shutting down")
            if self._held_items >= self._queue_items or self._held_bytes + size > self._queue_bytes:
                raise QueueFull("the commit queue is full")
            self._held_items += 1
            self._held_bytes += size
            # Inside the lock, so that nothing can be queued behind the end.
            self._waiting.put((item, size, pending))
        return pending

    def close(self, timeout_seconds: float | None = 30.0) -> None:
        """Take no more, commit what waits, end the thread. Idempotent."""
        with self._counting:
            if not self._closing:
                self._closing = True
                self._waiting.put(None)
            thread = self._thread
        if thread is not None:
            thread.join(timeout_seconds)

    def _start(self) -> None:
        with self._counting:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        last_size = 1
        while True:
            first = self._waiting.get()
            if first is None:
                break
            if last_size > 1:
                self._gather()
            batch, ends = self._drain(first)
            with self._counting:
                self._held_items -= len(batch)
                self._held_bytes -= sum(size for _, size, _ in batch)
            self._commit([item for item, _, _ in batch], [pending for _, _, pending in batch])
            last_size = len(batch)
            if ends:
                break
        self._writer.close()

    def _gather(self) -> None:
        """Several callers at once: wait while more of them come, but not for long."""
        for _ in range(GATHER_STEPS):
            before = self._waiting.qsize()
            time.sleep(self._gather_seconds / GATHER_STEPS)
            if self._waiting.qsize() == before:
                return

    def _drain(self, first: Waiting[Item, Result]) -> tuple[list[Waiting[Item, Result]], bool]:
        """`first` and what waits behind it, up to a batch; and whether the end was met."""
        batch, room = [first], self._batch_bytes - first[1]
        while len(batch) < self._batch_items and room > 0:
            try:
                waiting = self._waiting.get_nowait()
            except Empty:
                break
            if waiting is None:
                return batch, True
            batch.append(waiting)
            room -= waiting[1]
        return batch, False

    def _commit(self, items: Sequence[Item], pendings: Sequence[Pending[Result]]) -> None:
        try:
            results = self._store(items)
        except StorageUnavailable as error:
            self._fail(pendings, error)
        except ROW_FAULTS as error:
            if len(items) == 1:
                self._fail(pendings, error)
                return
            # A poisoned row fails alone: the others are stored one by one.
            get_logger(__name__).warning("batch refused, storing its items one by one", items=len(items))
            for item, pending in zip(items, pendings, strict=True):
                self._commit([item], [pending])
        except BaseException as error:  # the thread must survive whatever a driver raises, and every waiter be told
            self._fail(pendings, StorageUnavailable(f"the commit failed: {type(error).__name__}"))
            get_logger(__name__).exception("commit failed; the writer goes on with the next batch")
        else:
            self._stored(items, results)
            for pending, result in zip(pendings, results, strict=True):
                pending.succeed(result)
            self._tell(pendings)

    def _store(self, items: Sequence[Item]) -> Sequence[Result]:
        try:
            return self._store_once(items)
        except StorageUnavailable as error:
            if self._database.is_sqlite or not error.connection_lost:
                raise
            # A pooled connection that died while idle: a fresh one often works, and `apply` is repeatable.
            return self._store_once(items)

    def _store_once(self, items: Sequence[Item]) -> Sequence[Result]:
        with self._writer.write() as connection:
            return self._apply(connection, items)

    def _fail(self, pendings: Sequence[Pending[Result]], error: BaseException) -> None:
        for pending in pendings:
            pending.fail(error)
        self._tell(pendings)

    def _tell(self, pendings: Sequence[Pending[Result]]) -> None:
        for listener in self._listeners:
            listener(pendings)
