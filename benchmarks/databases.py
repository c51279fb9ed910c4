"""A fresh database of its own for every server that is measured, dropped afterwards; and what is counted in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from gateway.config import read_variable
from gateway.db.database import Database
from gateway.db.schema.upgrade import upgrade

KINDS = ("sqlite", "postgres")
POSTGRES_VARIABLE = "GATEWAY_TEST_POSTGRES_URL"
POSTGRES_URL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@contextmanager
def empty_database(kind: str, directory: Path) -> Iterator[str]:
    """The URL of a new database without tables: a file in `directory`, or one on the PostgreSQL server at hand."""
    name = f"gateway_bench_{uuid.uuid4().hex[:12]}"
    if kind == "sqlite":
        yield f"sqlite:///{directory / name}.db"
        return
    server = make_url(read_variable(POSTGRES_VARIABLE) or POSTGRES_URL).set(drivername="postgresql+psycopg")
    _administer(server.render_as_string(hide_password=False), f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _administer(server.render_as_string(hide_password=False), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def gateway_database(kind: str, directory: Path) -> Iterator[str]:
    """As `empty_database`, with the gateway's schema."""
    with empty_database(kind, directory) as url:
        upgrade(url)
        yield url


def count_rows(database_url: str, table: str, condition: str = "1=1") -> int:
    """How many rows of `table` satisfy `condition` (both written here, never input)."""
    database = Database.open(database_url)
    try:
        with database.read() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {condition}")).scalar_one())
    finally:
        database.close()


def settle(database_url: str) -> None:
    """Bring a database that was just filled to the state of one that has been in use: checkpointed, with statistics."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()


def _administer(server_url: str, statement: str) -> None:
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
