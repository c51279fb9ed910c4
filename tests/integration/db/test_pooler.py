"""PostgreSQL behind a pooler in transaction mode: nothing leans on a session, and who says nothing of it is told."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing

import pytest
from sqlalchemy import URL, make_url, text

from gateway.config import load_settings
from gateway.db.database import Database
from gateway.db.schema.upgrade import upgrade
from gateway.db.schema.version import head
from gateway.errors import ConfigurationError, StorageUnavailable
from tests.services.pgbouncer import SERVER_CONNECTIONS, pgbouncer
from tests.services.postgres import PrivatePostgres, create_database, drop_database, fresh_name

pytestmark = pytest.mark.postgres

CONNECT_QUERY = (
    " connect_query='SET statement_timeout = 30000; SET lock_timeout = 5000; "
    "SET idle_in_transaction_session_timeout = 60000; SET jit = off'"
)
POOL_MODE = "pool_mode = transaction"
# More than psycopg waits for before it prepares a statement.
OFTEN = 12


def opened(url: URL) -> closing[Database]:
    return closing(Database.open(url.render_as_string(hide_password=False)))


def test_an_empty_database_is_migrated_through_it(postgres_server: URL, pooler: URL) -> None:
    name = fresh_name("pooled")
    create_database(postgres_server, name)
    assert upgrade(pooler.set(database=name).render_as_string(hide_password=False)) == head()
    drop_database(postgres_server, name)


def test_many_connections_share_few_and_leave_nothing_on_them(pooler: URL) -> None:
    ask = text("SELECT pg_backend_pid(), :number + 1")
    with ExitStack() as stack:
        connections = []
        for _ in range(4 * SERVER_CONNECTIONS):
            database = stack.enter_context(opened(pooler))
            connections.append(stack.enter_context(database.engine.connect()))
        backends = set()
        for number in range(OFTEN):
            for connection in connections:
                with connection.begin():
                    backend, following = connection.execute(ask, {"number": number}).one()
                backends.add(backend)
                assert following == number + 1
        assert len(backends) <= SERVER_CONNECTIONS
        with connections[0].begin():
            prepared = connections[0].execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
            limits = connections[0].execute(
                text("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
            )
            assert (prepared, *limits.one()) == (0, "30s", "5s")


@pytest.mark.parametrize("startup", [POOL_MODE, f"{POOL_MODE}\nignore_startup_parameters = options"])
def test_a_pooler_of_which_the_url_says_nothing_is_named(postgres_server: URL, startup: str) -> None:
    with (
        pgbouncer(postgres_server, **{POOL_MODE: startup}) as url,
        opened(url.set(query={})) as database,
        pytest.raises(StorageUnavailable, match=r"add \?pooler=transaction to GATEWAY_DATABASE_URL"),
        database.read(),
    ):
        pass


def test_a_pooler_that_sets_no_limits_is_refused(postgres_server: URL) -> None:
    with (
        pgbouncer(postgres_server, **{CONNECT_QUERY: ""}) as url,
        opened(url) as database,
        pytest.raises(StorageUnavailable, match="without statement_timeout and lock_timeout"),
        database.read(),
    ):
        pass


def test_the_url_may_say_it_where_no_pooler_is(postgres_server: URL) -> None:
    limited = {"pooler": "transaction", "options": "-c statement_timeout=30000 -c lock_timeout=5000"}
    with opened(postgres_server.set(query=limited)) as database, database.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.faults
def test_a_database_that_is_away_is_told_soon_and_is_back_by_itself(private_postgres: PrivatePostgres) -> None:
    with pgbouncer(make_url(private_postgres.url)) as url, opened(url) as database:
        with database.write() as connection:
            connection.execute(text("SELECT 1"))
        private_postgres.stop()
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(StorageUnavailable), database.write() as connection:
                connection.execute(text("SELECT 1"))
        # PgBouncer would let them wait for two minutes by itself.
        assert time.monotonic() - began < 30
        private_postgres.start()
        deadline = time.monotonic() + 30
        while True:
            try:
                with database.write() as connection:
                    assert connection.execute(text("SELECT 1")).scalar_one() == 1
                break
            except StorageUnavailable:
                assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "url",
    ["postgresql://db/gateway?pooler=session", "postgresql://db/gateway?pooler=", "sqlite:///a.db?pooler=transaction"],
)
def test_another_mode_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="GATEWAY_DATABASE_URL takes pooler=transaction"):
        load_settings({"GATEWAY_DATABASE_URL": url})
