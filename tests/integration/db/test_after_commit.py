"""What is done after a commit: not before it, never without it, once, and whatever happens in it."""

from __future__ import annotations

from io import StringIO

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from gateway.config import Settings
from gateway.db.after_commit import after_commit
from gateway.db.database import Database
from gateway.db.writing.group_commit import GroupCommit
from gateway.db.writing.kept_writer import KeptWriter
from gateway.telemetry.logging import configure_logging
from tests.services.acting import acting_on


@pytest.fixture(autouse=True)
def table(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (value INTEGER NOT NULL)"))


def stored(database: Database) -> list[int]:
    # As a writer: whoever calls must not hold SQLite's write lock any more.
    with database.write() as connection:
        return list(connection.execute(text("SELECT value FROM numbers ORDER BY value")).scalars())


@pytest.fixture(params=["pooled", "kept"])
def write(request: pytest.FixtureRequest, database: Database) -> object:
    if request.param == "pooled":
        yield database.write
        return
    kept = KeptWriter(database)
    yield kept.write
    kept.close()


def test_called_when_it_is_committed_and_not_before(database: Database, write) -> None:  # type: ignore[no-untyped-def]
    seen: list[list[int]] = []
    with write() as connection:
        after_commit(connection, lambda: seen.append(stored(database)))
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
        assert seen == []
    assert seen == [[1]]
    with write() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (2)"))
    assert seen == [[1]], "it belongs to its transaction alone"


def test_never_after_a_rollback(database: Database, write) -> None:  # type: ignore[no-untyped-def]
    called: list[str] = []

    def fail() -> None:
        with write() as connection:
            after_commit(connection, lambda: called.append("too early"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with write():
        pass
    assert called == []


def test_never_when_the_commit_itself_fails(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE parents (id INTEGER PRIMARY KEY)"))
        connection.execute(
            text("CREATE TABLE strict (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")
        )
    called: list[str] = []

    def fail() -> None:
        with database.write() as connection:
            after_commit(connection, lambda: called.append("too early"))
            connection.execute(text("INSERT INTO strict VALUES (7)"))

    with pytest.raises(IntegrityError):
        fail()
    assert called == []


def test_given_often_it_is_called_once_and_in_order(database: Database) -> None:
    called: list[str] = []

    def first() -> None:
        called.append("first")

    with database.write() as connection:
        after_commit(connection, first)
        after_commit(connection, lambda: called.append("second"))
        after_commit(connection, first)
    assert called == ["first", "second"]


def test_what_fails_is_logged_and_harms_nobody(database: Database) -> None:
    called: list[str] = []
    log = StringIO()
    configure_logging(Settings(), log)

    def fails() -> None:
        raise OSError("nobody there")

    with database.write() as connection:
        after_commit(connection, fails)
        after_commit(connection, lambda: called.append("still called"))
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
    assert called == ["still called"]
    assert stored(database) == [1]
    assert "after a commit" in log.getvalue()


def test_sessions_have_it_too(database: Database) -> None:
    called: list[str] = []
    with acting_on(database) as acting:
        acting.after_commit(lambda: called.append("tenant"))
        assert called == []
    with database.system_session(write=True) as session:
        after_commit(session.connection(), lambda: called.append("system"))
    assert called == ["tenant", "system"]


def test_reading_commits_nothing(database: Database) -> None:
    with database.read() as connection, pytest.raises(RuntimeError, match="writing transaction"):
        after_commit(connection, lambda: None)


def test_the_group_commit_does_it_for_what_its_items_ask_for(database: Database) -> None:
    called: list[list[int]] = []

    def store(connection, items):  # type: ignore[no-untyped-def]
        for item in items:
            connection.execute(text("INSERT INTO numbers VALUES (:item)"), {"item": item})
            after_commit(connection, announce)
        if -1 in items:
            raise ValueError("poisoned")
        return items

    def announce() -> None:
        called.append(stored(database))

    commits: GroupCommit[int, int] = GroupCommit(database, store, size_of=lambda item: 1)
    assert commits.submit(1).result(10) == 1
    with pytest.raises(ValueError, match="poisoned"):
        commits.submit(-1).result(10)
    assert called == [[1]]
    commits.close()
