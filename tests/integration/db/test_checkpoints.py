"""SQLite's log is copied back by a thread of its own, so that it stays short and no commit has to do it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection

import pytest
from sqlalchemy import text

from gateway.db.database import Database
from gateway.db.writing import checkpoints
from gateway.db.writing.checkpoints import Checkpointer
from tests.services.waiting import until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def checkpointer(database: Database) -> Iterator[Checkpointer]:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE bodies (body BLOB)"))
    made = Checkpointer(database)
    yield made
    made.close()


def write(database: Database, pages: int) -> None:
    with database.write() as connection:
        connection.execute(text("INSERT INTO bodies VALUES (randomblob(:size))"), {"size": pages * 4096})


def log_of(database: Database) -> Path:
    assert database.engine.url.database is not None
    return Path(database.engine.url.database + "-wal")


def not_copied(database: Database) -> int:
    """By how many bytes the database's file is shorter than the database."""
    connection = database.detached()
    try:
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        size = Path(connection.execute("PRAGMA database_list").fetchone()[2]).stat().st_size
        return int(connection.execute("PRAGMA page_count").fetchone()[0]) * 4096 - size
    finally:
        connection.close()


def test_what_was_written_is_copied_back(database: Database, checkpointer: Checkpointer) -> None:
    write(database, 500)
    assert not_copied(database) > 0
    checkpointer.wrote()
    until(lambda: not_copied(database) == 0, "copied into the database")


def test_the_log_stays_short(database: Database, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "RESTART_PAGES", 100)
    monkeypatch.setattr(checkpoints, "INTERVAL_SECONDS", 0.001)
    monkeypatch.setattr(checkpoints, "RESTART_SECONDS", 0.0)
    for _ in range(30):
        write(database, 300)
        checkpointer.wrote()
        until(lambda: not_copied(database) == 0, "copied into the database")
    # 9 000 pages went through it.
    assert log_of(database).stat().st_size < 2500 * 4096


def test_a_reader_is_not_waited_for_and_stops_nothing(database: Database, checkpointer: Checkpointer) -> None:
    write(database, 10)
    with database.read() as reading:
        before = reading.execute(text("SELECT count(*) FROM bodies")).scalar_one()
        write(database, 3000)
        checkpointer.wrote()
        write(database, 10)
        assert reading.execute(text("SELECT count(*) FROM bodies")).scalar_one() == before
    checkpointer.wrote()
    until(lambda: not_copied(database) == 0, "copied into the database")


def test_it_ends_at_once_though_nothing_was_ever_written(database: Database, checkpointer: Checkpointer) -> None:
    checkpointer.close()
    checkpointer.close()


def test_it_goes_on_after_a_fault(
    database: Database, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "RETRY_SECONDS", 0.01)
    detached, faults = database.detached, [OSError("disk on fire"), OSError("again")]

    def failing() -> Connection:
        if faults:
            raise faults.pop()
        return detached()

    monkeypatch.setattr(database, "detached", failing)
    write(database, 500)
    checkpointer.wrote()
    until(lambda: not faults, "both faults happened")
    until(lambda: not_copied(database) == 0, "copied into the database")


def test_it_steps_back_behind_the_writers(database: Database, checkpointer: Checkpointer) -> None:
    write(database, 1)
    checkpointer.wrote()
    thread = next(one for one in threading.enumerate() if one.name == "checkpoints")
    wanted = max(checkpoints.NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
    until(lambda: os.getpriority(os.PRIO_PROCESS, thread.native_id or 0) == wanted, "the thread's low priority")
