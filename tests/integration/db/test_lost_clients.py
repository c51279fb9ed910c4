"""What PostgreSQL does when a client is gone without a word: nothing of ours is held for long."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text

from gateway.db.database import Database
from gateway.db.drivers import postgres_driver
from gateway.errors import StorageUnavailable
from tests.services.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("database_url", ["postgres"], indirect=True)]

ASKED = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "20000",
    "idle_in_transaction_session_timeout": "1min",
}
IS_THERE = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")


def by_sqlalchemy(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


def by_the_driver(connection: Connection) -> None:
    postgres_driver(connection).execute("SELECT 1")


def test_it_is_asked_to_notice(database: Database) -> None:
    with database.read() as connection:
        told = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in ASKED}
    assert told == ASKED


@pytest.mark.parametrize("execute", [by_sqlalchemy, by_the_driver])
def test_who_stood_still_amid_a_transaction_is_told_that_the_connection_is_lost(
    database: Database, execute: Callable[[Connection], None]
) -> None:
    def is_there(pid: int) -> bool:
        with database.read() as other:
            return bool(other.execute(IS_THERE, {"pid": pid}).scalar_one())

    def stand_still() -> None:
        with database.write() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 1"))
            pid = postgres_driver(connection).info.backend_pid
            until(lambda: not is_there(pid), "it is ended")
            execute(connection)

    with pytest.raises(StorageUnavailable) as caught:
        stand_still()
    assert caught.value.connection_lost
    with database.write() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
