"""The writer's kept connection: one for many transactions, given up when anything went wrong, and then a new one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg.errors import UniqueViolation
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from gateway.db.database import Database
from gateway.db.drivers import postgres_driver, single_statement
from gateway.db.writing import kept_writer as kept_writer_module
from gateway.db.writing.kept_writer import KeptWriter
from gateway.errors import StorageUnavailable

pytestmark = pytest.mark.pooled


@pytest.fixture(autouse=True)
def table(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (value INTEGER PRIMARY KEY)"))


@pytest.fixture
def writer(database: Database) -> Iterator[KeptWriter]:
    kept = KeptWriter(database)
    yield kept
    kept.close()


def add(writer: KeptWriter, *values: int) -> object:
    """The connection that it was done on."""
    with writer.write() as connection:
        for value in values:
            connection.execute(text("INSERT INTO numbers VALUES (:value)"), {"value": value})
        return connection.connection.driver_connection


def stored(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(text("SELECT value FROM numbers ORDER BY value")).scalars())


def test_one_connection_for_many_transactions(database: Database, writer: KeptWriter) -> None:
    assert len({id(add(writer, number)) for number in range(5)}) == 1
    assert stored(database) == [0, 1, 2, 3, 4]


def test_a_transaction_that_fails_leaves_nothing_behind(database: Database, writer: KeptWriter) -> None:
    add(writer, 1)
    with pytest.raises(IntegrityError):
        add(writer, 2, 1)
    add(writer, 3)
    assert stored(database) == [1, 3]


def test_a_connection_that_rested_for_long_is_replaced(
    database: Database, writer: KeptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    event.listen(database.engine, "checkout", lambda *arguments: opened.append(arguments))
    add(writer, 1)
    add(writer, 2)
    assert len(opened) == 1
    monkeypatch.setattr(kept_writer_module, "RESTED_SECONDS", 0.0)
    add(writer, 3)
    assert len(opened) == 2


def test_another_writer_is_not_kept_waiting_between_transactions(database: Database, writer: KeptWriter) -> None:
    add(writer, 1)
    with database.write() as connection:
        connection.execute(text("INSERT INTO numbers VALUES (2)"))
    add(writer, 3)
    assert stored(database) == [1, 2, 3]


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
class TestPostgres:
    """What only PostgreSQL has."""

    def test_a_connection_that_died_is_replaced(self, database: Database, writer: KeptWriter) -> None:
        add(writer, 1)
        with database.write() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(text(f"{others} AND datname = current_database()"))
        with pytest.raises(StorageUnavailable) as failure:
            add(writer, 2)
        assert failure.value.connection_lost
        add(writer, 3)
        assert stored(database) == [1, 3]

    def test_a_single_statement_is_the_whole_transaction(self, database: Database, writer: KeptWriter) -> None:
        def one_then_another() -> None:
            with writer.write() as connection:
                with single_statement(connection) as driver:
                    driver.execute("INSERT INTO numbers VALUES (1)")
                # What follows is a transaction of its own, and fails by itself.
                connection.execute(text("INSERT INTO numbers VALUES (2)"))
                raise LookupError

        with pytest.raises(LookupError):
            one_then_another()
        assert stored(database) == [1]

    def test_inside_a_transaction_it_belongs_to_it(self, database: Database, writer: KeptWriter) -> None:
        def one_after_another() -> None:
            with writer.write() as connection:
                connection.execute(text("INSERT INTO numbers VALUES (1)"))
                with single_statement(connection) as driver:
                    driver.execute("INSERT INTO numbers VALUES (2)")
                raise LookupError

        with pytest.raises(LookupError):
            one_after_another()
        assert stored(database) == []

    def test_a_single_statement_that_fails_changes_nothing(self, database: Database, writer: KeptWriter) -> None:
        add(writer, 1)
        with pytest.raises(UniqueViolation), writer.write() as connection, single_statement(connection) as driver:
            driver.execute("INSERT INTO numbers VALUES (2), (1)")
        with writer.write() as connection:
            assert not postgres_driver(connection).autocommit
        assert stored(database) == [1]
