"""The drivers below SQLAlchemy, for the statements of the hot paths: what passes them by costs more than they do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
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


def postgres_arrays(rows: Sequence[Row], kind: type[Row]) -> list[Any]:
    """Columns for `unnest`: one for each field of `kind`, also when there are no rows. Those of bytes are lists, the
    others are arrays as PostgreSQL writes them.
    """
    columns = zip(*rows, strict=True) if rows else ((),) * len(kind._fields)
    return [
        list(column) if is_bytes else array_literal(column)
        for is_bytes, column in zip(_are_bytes(kind), columns, strict=True)
    ]


def array_literal(values: Sequence[str | int | None]) -> str:
    """An array as PostgreSQL writes it. psycopg looks at each value of a list by itself, which costs several times as
    much as the rest of a statement's way to the server.

    Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    try:
        text = '","'.join(values)  # type: ignore[arg-type]  # what else there is raises
    except TypeError:
        return "{" + ",".join(map(_element, values)) + "}"
    if "\\" in text or text.count('"') != 2 * (len(values) - 1):
        return "{" + ",".join(map(_element, values)) + "}"
    return f'{{"{text}"}}'


def _element(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


@cache
def _are_bytes(kind: type[Row]) -> tuple[bool, ...]:
    return tuple("bytes" in str(kind.__annotations__[name]) for name in kind._fields)


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
