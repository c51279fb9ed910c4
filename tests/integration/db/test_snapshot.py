"""The snapshot: loaded once, refreshed when the revision moves, kept when loading fails, fresh again afterwards."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import text

from gateway.clock import FakeClock, SystemClock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import ConfigurationKind
from gateway.db.revisions import EVERY_KIND, move_revisions
from gateway.db.snapshot import RESTS_AFTER_SECONDS, Snapshot, is_time_to_rest
from gateway.errors import StorageUnavailable
from gateway.telemetry.logging import configure_logging

pytestmark = pytest.mark.pooled


class Loader:
    """Counts loads, and fails while told to."""

    def __init__(self) -> None:
        self.loads = self.failed = 0
        self.moved: list[frozenset[ConfigurationKind]] = []
        self.failure: Exception | None = None

    def __call__(self, database: Database, moved: frozenset[ConfigurationKind]) -> int:
        self.moved.append(moved)
        if self.failure is not None:
            self.failed += 1
            raise self.failure
        self.loads += 1
        return self.loads


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def snapshot(database: Database, loader: Loader) -> Iterator[Snapshot[int]]:
    made = Snapshot(database, loader, SystemClock())
    yield made
    made.close()


def move_revision(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE revisions SET value = value + 1"))


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True


def test_it_loads_once_while_nothing_changes(snapshot: Snapshot[int], loader: Loader) -> None:
    assert not snapshot.is_loaded
    assert [snapshot.current(), snapshot.current()] == [1, 1]
    assert snapshot.refresh() is False
    assert loader.loads == 1


def looks_of(snapshot: Snapshot[int], clock: FakeClock, seconds: float) -> int:
    """How often it looked within so many seconds, in which the clock stood still but for its noticing."""
    seen = set()

    def note() -> bool:
        clock.advance(0.0001)
        seen.add(round(clock.monotonic() - snapshot.age_seconds, 4))
        return False

    eventually(note, seconds)
    return len(seen) - 1


def test_where_there_is_no_work_it_looks_less_often_and_at_once_when_some_comes(
    database: Database, loader: Loader
) -> None:
    clock = FakeClock()
    with closing(Snapshot(database, loader, clock, rests=True)) as resting:
        assert resting.current() == 1
        clock.advance(RESTS_AFTER_SECONDS)
        # Else it would be six times.
        assert looks_of(resting, clock, 1.6) <= 4
        move_revision(database)
        resting.stir()
        assert eventually(lambda: resting.current() == 2)
        assert not is_time_to_rest(RESTS_AFTER_SECONDS / 2)


def test_a_change_is_seen_by_itself(snapshot: Snapshot[int], database: Database) -> None:
    assert snapshot.current() == 1
    move_revision(database)
    assert eventually(lambda: snapshot.current() == 2)


@pytest.mark.parametrize("failure", [StorageUnavailable("away"), RuntimeError("a defect")])
def test_it_keeps_the_last_value_while_loading_fails_and_recovers(
    snapshot: Snapshot[int], database: Database, loader: Loader, failure: Exception
) -> None:
    assert snapshot.current() == 1
    loader.failure = failure
    move_revision(database)
    assert not eventually(lambda: snapshot.current() != 1, seconds=0.6)
    loader.failure = None
    assert eventually(lambda: snapshot.current() == 2)


def test_a_first_load_that_fails_is_told_and_tried_again(snapshot: Snapshot[int], loader: Loader) -> None:
    loader.failure = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):
        snapshot.current()
    loader.failure = None
    assert snapshot.current() == 1


def test_its_age_is_that_of_the_last_look_that_succeeded(
    database: Database, loader: Loader, fake_clock: FakeClock
) -> None:
    made = Snapshot(database, loader, fake_clock)
    assert made.age_seconds == 0
    made.refresh()
    fake_clock.advance(3)
    assert made.age_seconds == 3
    made.refresh()
    assert made.age_seconds == 0
    loader.failure = RuntimeError("a defect")
    move_revision(database)
    fake_clock.advance(7)
    with pytest.raises(RuntimeError):
        made.refresh()
    assert made.age_seconds == 7


def test_a_failure_is_told_once_and_its_end_too(
    snapshot: Snapshot[int], database: Database, loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    def told(text: str) -> int:
        return sum(text in record.getMessage() for record in caplog.records)

    configure_logging(Settings(), sys.stderr)
    logging.getLogger().addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    snapshot.current()
    loader.failure = RuntimeError("a defect")
    move_revision(database)
    assert eventually(lambda: loader.failed >= 3)
    loader.failure = None
    assert eventually(lambda: snapshot.current() == 2 and told("is refreshed again") == 1)
    assert told("is not refreshed") == 1


def test_only_what_moved_is_loaded_again_and_what_failed_to_load_comes_again(
    database: Database, loader: Loader, fake_clock: FakeClock
) -> None:
    made = Snapshot(database, loader, fake_clock)

    def move(*kinds: ConfigurationKind) -> None:
        with database.write() as connection:
            move_revisions(connection, kinds)

    made.refresh()
    move(ConfigurationKind.ROUTES)
    made.refresh()
    loader.failure = RuntimeError("a defect")
    move(ConfigurationKind.SOURCES)
    with pytest.raises(RuntimeError):
        made.refresh()
    loader.failure = None
    move(ConfigurationKind.DESTINATIONS)
    assert made.refresh()
    assert not made.refresh()
    assert loader.moved == [
        EVERY_KIND,
        {ConfigurationKind.ROUTES},
        {ConfigurationKind.SOURCES},
        {ConfigurationKind.SOURCES, ConfigurationKind.DESTINATIONS},
    ]
