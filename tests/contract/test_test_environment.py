"""The fixtures themselves: each test has a database of its own, and no test leaves this machine."""

from __future__ import annotations

import asyncio
import socket

import psycopg
import pytest
from sqlalchemy import inspect, make_url

from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.schema.version import require_current
from tests.services.loopback import ConnectionBeyondLoopback
from tests.services.postgres import PrivatePostgres


def test_a_database_is_migrated(database: Database) -> None:
    require_current(database)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_database_is_the_tests_own(database: Database, turn: int) -> None:
    assert "left_behind" not in inspect(database.engine).get_table_names()
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE left_behind (id INTEGER)")


def test_settings_point_to_the_database(settings: Settings, database_url: str) -> None:
    assert settings.database_url == database_url
    assert settings.allow_private_destinations


def test_a_private_server_can_be_stopped_killed_and_started_again(private_postgres: PrivatePostgres) -> None:
    dsn = make_url(private_postgres.url).set(drivername="postgresql").render_as_string()
    for end in (private_postgres.stop, private_postgres.kill):
        psycopg.connect(dsn).close()
        end()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn)
        private_postgres.start()
    psycopg.connect(dsn).close()


def test_connections_beyond_loopback_are_refused() -> None:
    with socket.socket() as connection, pytest.raises(ConnectionBeyondLoopback):
        connection.connect(("192.0.2.1", 80))
    with pytest.raises(ConnectionBeyondLoopback):
        asyncio.run(asyncio.wait_for(asyncio.open_connection("192.0.2.1", 80), 5))


def test_foreign_names_are_not_looked_up() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.com", 80)
    assert socket.getaddrinfo("localhost", 80)
