"""The fixtures themselves: each test has a database of its own, and no test leaves this machine."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect, make_url, text

from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.schema.version import require_current
from tests.conftest import PostgresTemplate
from tests.services.distribution import FOLDERS, LONG
from tests.services.loopback import ConnectionBeyondLoopback
from tests.services.postgres import PrivatePostgres, dsn
from tests.services.reused_databases import ReusedDatabases


def test_a_database_is_migrated(database: Database) -> None:
    require_current(database)


# A test of each kind of change, and one after it that would see it.
LEFT_BEHIND = {
    "nothing": "SELECT 1",
    "a row": "INSERT INTO tenants (id, slug, created_at) VALUES ('ten_1', 'left', 1)",
    "a changed row": "UPDATE revisions SET value = 77",
    "no row": "DELETE FROM tenants",
    "a table": "CREATE TABLE left_behind (id INTEGER)",
    "no index": "DROP INDEX {index}",
    "nothing again": "SELECT 1",
}
FIRST: dict[str, object] = {}


@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_a_database_is_the_tests_own(database: Database, left: str) -> None:
    found = inspect(database.engine)
    with database.write() as connection:
        tables = sorted(found.get_table_names())
        seen = {
            table: (
                sorted(map(str, connection.execute(text(f"SELECT * FROM {table}")))),
                sorted(str(index["name"]) for index in found.get_indexes(table)),
            )
            for table in tables
        }
        # The instant at which the template was made is the same for all.
        assert FIRST.setdefault(database.engine.dialect.name, seen) == seen
        index = found.get_indexes("events")[0]["name"]
        connection.exec_driver_sql(LEFT_BEHIND[left].format(index=index))


@pytest.mark.postgres
def test_what_a_test_leaves_running_does_not_find_the_next_ones_database(request: pytest.FixtureRequest) -> None:
    template: PostgresTemplate = request.getfixturevalue("_postgres_template")
    reused = ReusedDatabases(template.server, template.name)
    try:
        with reused.lent() as first:
            left_running = psycopg.connect(dsn(make_url(first)))
            kept = _identity(first)
        with reused.lent():
            pass
        with reused.lent() as again:
            assert _identity(again) == kept
            with pytest.raises(psycopg.OperationalError):
                left_running.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(dsn(make_url(first)))
    finally:
        reused.remove()


def _identity(url: str) -> object:
    """Which database this is, whatever it is called."""
    with psycopg.connect(dsn(make_url(url))) as connection:
        return connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()


def test_the_order_of_tests_speaks_of_those_that_are_there() -> None:
    tests = Path(__file__).parents[1]
    assert [name for name in LONG if not (tests.parent / name).exists()] == []
    with_tests = {f"tests/{path.relative_to(tests).parts[0]}/" for path in tests.rglob("test_*.py")}
    assert with_tests == set(FOLDERS)


def test_settings_point_to_the_database(settings: Settings, database_url: str) -> None:
    assert settings.database_url == database_url
    assert settings.allow_private_destinations


def test_a_private_server_can_be_stopped_killed_and_started_again(private_postgres: PrivatePostgres) -> None:
    address = dsn(make_url(private_postgres.url))
    for end in (private_postgres.stop, private_postgres.kill):
        psycopg.connect(address).close()
        end()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(address)
        private_postgres.start()
    psycopg.connect(address).close()


def test_connections_beyond_loopback_are_refused() -> None:
    with socket.socket() as connection, pytest.raises(ConnectionBeyondLoopback):
        connection.connect(("192.0.2.1", 80))
    with pytest.raises(ConnectionBeyondLoopback):
        asyncio.run(asyncio.wait_for(asyncio.open_connection("192.0.2.1", 80), 5))


def test_foreign_names_are_not_looked_up() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.com", 80)
    assert socket.getaddrinfo("localhost", 80)
