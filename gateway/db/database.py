"""The database as the rest of the project sees it: transactions, sessions, and errors in our own words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.db.engine import WRITE_OPTION, apply_rules, open_engine, sqlite_path
from gateway.db.scope import SystemSession, TenantSession
from gateway.db.write_lock import NoLock, WriteLock
from gateway.errors import StorageUnavailable

# Rows per INSERT on SQLite. The driver lets go of the interpreter's lock at every statement, and under load it is slow
# to come back: one statement for many rows. Bounded, so that there are few different statements to keep prepared.
SQLITE_ROWS = 50


# How long SQLite's log may become, in pages, before a commit of a kept writer copies it back by itself. Beside such a
# writer `checkpoints` does it; a commit that does, once a reader has gone who was in the way, would take half a second.
KEPT_LOG_PAGES = 65_536

# Firewalls forget connections that rest for some minutes, without a word to either end.
RESTED_SECONDS = 60.0

Row = TypeVar("Row", bound=NamedTuple)


class Database:
    """Transactions on one engine.

    `read` and `write` give Core connections for named statements of the hot paths; the `*_session` methods give
    ORM sessions. Every block is one transaction: it commits at its end and rolls back on an exception. A database
    that is locked, full, stopped or out of reach raises `StorageUnavailable`. Safe to share between threads.
    """

    def __init__(self, engine: Engine) -> None:
        apply_rules(engine)
        self.engine = engine
        path = sqlite_path(engine)
        self._lock = NoLock() if path is None else WriteLock(path.with_name(path.name + ".lock"))
        self._writing = engine.execution_options(**{WRITE_OPTION: True})

    @classmethod
    def open(cls, database_url: str) -> Database:
        """A database outside of Flask."""
        return cls(open_engine(database_url))

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads. Raises `StorageUnavailable`."""
        with storage_errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write, alone among SQLite's writers. Raises `StorageUnavailable`."""
        with storage_errors(), self._lock.held(), self._writing.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No writer of ours is at work inside the block; SQLite only. Raises `StorageUnavailable`."""
        with storage_errors(), self._lock.held():
            yield

    def detached(self) -> sqlite3.Connection:
        """A connection outside of the pool and of transactions, SQLite only. Raises `StorageUnavailable`."""
        with storage_errors():
            fairy = self.engine.raw_connection()
            driver: Any = fairy.driver_connection
            fairy.detach()
        assert isinstance(driver, sqlite3.Connection)
        return driver

    def kept_writer(self) -> KeptWriter:
        """For one thread that writes all the time."""
        return KeptWriter(self._writing, self._lock)

    @contextmanager
    def tenant_session(self, tenant_id: str, *, write: bool = False) -> Iterator[TenantSession]:
        """An ORM session that sees one tenant's rows. Raises `StorageUnavailable`."""
        with (
            self.write() if write else self.read() as connection,
            TenantSession(connection, tenant_id=tenant_id, expire_on_commit=False) as session,
        ):
            yield session
            session.flush()

    @contextmanager
    def system_session(self, *, write: bool = False) -> Iterator[SystemSession]:
        """An ORM session over all tenants: for work that belongs to none. Raises `StorageUnavailable`."""
        with (
            self.write() if write else self.read() as connection,
            SystemSession(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.flush()

    def close(self) -> None:
        """Close pooled connections; the object can be used again afterwards."""
        self.engine.dispose()


class KeptWriter:
    """`Database.write` for one thread, on a connection that it keeps: taking one from the pool for every transaction
    and giving it back costs more than a small transaction does.

    A connection on which anything went wrong is given up, and one that rested for long, which may be dead without
    anybody knowing; the next transaction opens another one.
    """

    def __init__(self, engine: Engine, lock: WriteLock | NoLock) -> None:
        self._engine = engine
        self._lock = lock
        self._connection: Connection | None = None
        self._used_at = 0.0

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write, alone among SQLite's writers. Raises `StorageUnavailable`."""
        with storage_errors(), self._lock.held():
            try:
                if time.monotonic() - self._used_at > RESTED_SECONDS:
                    self.close()
                if self._connection is None:
                    self._connection = self._engine.connect()
                    if self._engine.dialect.name == "sqlite":
                        sqlite_driver(self._connection).execute(f"PRAGMA wal_autocheckpoint={KEPT_LOG_PAGES}")
                with self._connection.begin():
                    yield self._connection
                self._used_at = time.monotonic()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate "the database cannot be used now" into `StorageUnavailable`; data errors pass as they are."""
    try:
        yield
    except (PoolTimeout, OSError, sqlite3.OperationalError) as error:
        raise StorageUnavailable(f"the database is not available: {_first_line(error)}") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # A server that answers with a reason (a lock, a timeout, a full disk) has not lost the connection.
        lost = error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
        raise StorageUnavailable(
            f"the database is not available: {_first_line(error)}", connection_lost=lost
        ) from error
    except DBAPIError as error:
        lost = error.connection_invalidated
        if lost or isinstance(error, (OperationalError, InterfaceError)):
            raise StorageUnavailable(
                f"the database is not available: {_first_line(error)}", connection_lost=lost
            ) from error
        raise


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
    if driver.info.transaction_status is not TransactionStatus.IDLE:
        yield driver
        return
    driver.autocommit = True
    try:
        yield driver
    finally:
        if not driver.closed:
            driver.autocommit = False


def _first_line(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return str(origin).strip().split("\n", 1)[0]
