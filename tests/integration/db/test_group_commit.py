"""Group commit: each caller gets its own result, a poisoned row fails alone, a full queue says so."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from gateway.db.database import Database
from gateway.db.write_lock import WriteLock
from gateway.db.writing.group_commit import GroupCommit
from gateway.db.writing.pending import Pending
from gateway.errors import QueueFull, StorageUnavailable
from tests.services.waiting import until

pytestmark = pytest.mark.pooled


@pytest.fixture(autouse=True)
def table(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (value INTEGER NOT NULL CHECK (value >= 0))"))


def store(connection: Connection, items: Sequence[int]) -> list[int]:
    for item in items:
        connection.execute(text("INSERT INTO numbers (value) VALUES (:value)"), {"value": item})
    return [item * 10 for item in items]


def stored(database: Database) -> list[int]:
    with database.read() as connection:
        return sorted(connection.execute(text("SELECT value FROM numbers")).scalars())


def test_every_caller_gets_its_own_result_after_the_commit(database: Database) -> None:
    commits = GroupCommit(database, store, size_of=lambda item: 1)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: commits.submit(number).result(20), range(200)))
    assert results == [number * 10 for number in range(200)]
    assert stored(database) == list(range(200))
    commits.close()


class Heavy:
    """An item of which a test asks whether anybody still has it."""


def test_what_is_stored_is_held_no_longer_while_nothing_comes(database: Database) -> None:
    commits = GroupCommit(database, lambda _connection, items: [None for _ in items], size_of=lambda item: 1)
    item = Heavy()
    held = weakref.ref(item)
    commits.submit(item).result(20)
    del item

    until(lambda: held() is None, "the item is still held")
    commits.close()


class Gate:
    """An `apply` that waits at its first batch until opened, so that the test decides what gathers behind it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, connection: Connection, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.entered.set()
        assert self.opened.wait(60)
        return store(connection, items)


def test_what_gathers_during_a_commit_goes_together(database: Database) -> None:
    gate = Gate()
    commits = GroupCommit(database, gate, size_of=lambda item: 1)
    first = commits.submit(0)
    assert gate.entered.wait(60)
    rest = [commits.submit(number) for number in range(1, 51)]
    gate.opened.set()
    for pending in (first, *rest):
        pending.result(20)
    assert gate.batches == [[0], list(range(1, 51))]
    commits.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_comes_while_another_process_writes_goes_along(database: Database) -> None:
    gate = Gate()
    gate.opened.set()
    commits = GroupCommit(database, gate, size_of=lambda item: 1)
    # Another process: it has the lock file open by itself.
    path = Path(database.engine.url.database or "")
    with WriteLock(path.with_name(path.name + ".lock")).held():
        pendings = [commits.submit(0)]
        until(waits_for_a_file_lock, "the writer waits for its turn")
        pendings += [commits.submit(number) for number in range(1, 10)]
    for pending in pendings:
        pending.result(20)
    assert gate.batches == [list(range(10))]
    commits.close()


def waits_for_a_file_lock() -> bool:
    """Whether a thread of this process does (proc(5))."""
    lines = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and str(os.getpid()) in line.split() for line in lines)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_items_fail_also_when_their_transaction_cannot_begin(database: Database) -> None:
    path = Path(database.engine.url.database or "")
    database.close()
    path.unlink()
    path.mkdir()
    commits = GroupCommit(database, store, size_of=lambda item: 1)
    for pending in [commits.submit(number) for number in range(5)]:
        with pytest.raises(StorageUnavailable):
            pending.result(20)
    path.rmdir()
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (value INTEGER)"))
    assert commits.submit(7).result(20) == 70
    commits.close()


def test_a_poisoned_row_fails_alone(database: Database) -> None:
    gate = Gate()
    commits = GroupCommit(database, gate, size_of=lambda item: 1)
    first = commits.submit(0)
    assert gate.entered.wait(60)
    pendings = {number: commits.submit(number) for number in (1, -5, 2)}
    gate.opened.set()
    assert (first.result(20), pendings[1].result(20), pendings[2].result(20)) == (0, 10, 20)
    with pytest.raises(IntegrityError):
        pendings[-5].result(20)
    assert stored(database) == [0, 1, 2]
    commits.close()


def test_a_full_queue_refuses_at_once_and_keeps_what_it_took(database: Database) -> None:
    gate = Gate()
    commits = GroupCommit(database, gate, size_of=lambda item: 1, queue_items=3)
    first = commits.submit(0)
    assert gate.entered.wait(60)
    waiting = [commits.submit(number) for number in (1, 2, 3)]
    with pytest.raises(QueueFull):
        commits.submit(4)
    gate.opened.set()
    for pending in (first, *waiting):
        pending.result(20)
    assert stored(database) == [0, 1, 2, 3]
    commits.close()


def test_the_queue_is_bounded_in_bytes_too(database: Database) -> None:
    gate = Gate()
    commits = GroupCommit(database, gate, size_of=lambda item: 600, queue_bytes=1000)
    commits.submit(0)
    assert gate.entered.wait(60)
    commits.submit(1)
    with pytest.raises(QueueFull):
        commits.submit(2)
    gate.opened.set()
    commits.close()


def test_closing_commits_what_waits_and_then_takes_no_more(database: Database) -> None:
    commits = GroupCommit(database, store, size_of=lambda item: 1)
    pendings = [commits.submit(number) for number in range(20)]
    commits.close()
    assert [pending.result(0) for pending in pendings] == [number * 10 for number in range(20)]
    with pytest.raises(QueueFull):
        commits.submit(99)


def test_a_database_that_cannot_be_written_fails_the_batch_and_the_next_one_succeeds(database: Database) -> None:
    failing = threading.Event()
    failing.set()

    def apply(connection: Connection, items: Sequence[int]) -> list[int]:
        if failing.is_set():
            raise OSError("no space left on device")
        return store(connection, items)

    commits = GroupCommit(database, apply, size_of=lambda item: 1)
    with pytest.raises(StorageUnavailable, match="no space left"):
        commits.submit(1).result(20)
    failing.clear()
    assert commits.submit(2).result(20) == 20
    assert stored(database) == [2]
    commits.close()


def test_what_is_told_of_a_commit_may_fail_and_the_callers_still_hear(database: Database) -> None:
    def fail(items: Sequence[int], results: Sequence[int]) -> None:
        raise RuntimeError("can't start new thread")

    commits = GroupCommit(database, store, size_of=lambda item: 1, stored=fail)
    assert [commits.submit(number).result(20) for number in range(3)] == [0, 10, 20]
    assert stored(database) == [0, 1, 2]
    commits.close()


def test_a_process_that_gets_no_thread_refuses_and_tries_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    commits = GroupCommit(database, store, size_of=lambda item: 1)
    with monkeypatch.context() as without_threads:
        without_threads.setattr(threading.Thread, "start", refuse)
        with pytest.raises(QueueFull):
            commits.submit(1)
    assert commits.submit(2).result(20) == 20
    commits.close()


def test_listeners_hear_of_whole_transactions_until_they_leave(database: Database) -> None:
    gate, heard = Gate(), list[int]()
    commits = GroupCommit(database, gate, size_of=lambda item: 1)

    def listen(pendings: Sequence[Pending[int]]) -> None:
        heard.append(len(pendings))

    commits.listen(listen)
    pendings = [commits.submit(0)]
    assert gate.entered.wait(60)
    pendings += [commits.submit(number) for number in (1, -5, 2)]
    gate.opened.set()
    commits.close()
    # The batch of three was refused, so its items went one by one.
    assert heard == [1, 1, 1, 1]
    assert all(pending.is_settled for pending in pendings)
    commits.unlisten(listen)
