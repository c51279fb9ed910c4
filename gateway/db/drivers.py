"""The drivers below SQLAlchemy, for the statements of the hot paths: what passes them by costs more than they do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from gateway.deferred import deferred

if TYPE_CHECKING:
    import psycopg
else:
    # Where the database is SQLite it stays away: it takes 9 MB.
    psycopg = deferred("psycopg")

# Rows per INSERT on SQLite. The driver lets go of the interpreter's lock at every statement, and under load it is slow
# to come back: one statement for many rows. Bounded, so that there are few different statements to keep prepared.
SQLITE_ROWS = 50

Row = TypeVar("Row", bound=NamedTuple)


def sqlite_driver(connection: Connection) -> sqlite3.Connection:
    """The sqlite3 connection below, for statements whose per-call cost matters."""
    driver: Any = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def postgres_driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below, for statements whose parameters are best sent in binary."""
    driver: Any = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def postgres_arrays(rows: Sequence[Row], kind: type[Row]) -> list[list[Any]]:
    """Columns for `unnest`: one list for each field of `kind`, also when there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in kind._fields]


@contextmanager
def single_statement(connection: Connection) -> Iterator[psycopg.Connection[Any]]:
    """PostgreSQL: for a statement that may be a whole transaction. If it is the first one it commits by itself, and one
    round trip does for four; what follows it, if anything does, is a transaction of its own.
    """
    driver = postgres_driver(connection)
    if driver.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
        yield driver
        return
    driver.autocommit = True
    try:
        yield driver
    finally:
        if not driver.closed:
            driver.autocommit = False
