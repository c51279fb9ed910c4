"""The database as the rest of the project sees it: transactions, sessions, and errors in our own words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from gateway.db.after_commit import collected, run_callbacks
from gateway.db.engine import WRITE_OPTION, apply_rules, open_engine, sqlite_path
from gateway.db.faults import storage_errors
from gateway.db.scope import SystemSession, TenantSession
from gateway.db.write_lock import NoLock, WriteLock


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
        self.write_lock = NoLock() if path is None else WriteLock(path.with_name(path.name + ".lock"))
        self.writing_engine = engine.execution_options(**{WRITE_OPTION: True})

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
        """A transaction that may write, alone among SQLite's writers. Raises `StorageUnavailable`.

        What was given to `after_commit` is called at the end, when it has committed.
        """
        with (
            storage_errors(),
            self.write_lock.held(),
            self.writing_engine.connect() as connection,
            collected(connection) as callbacks,
            connection.begin(),
        ):
            yield connection
        run_callbacks(callbacks)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No writer of ours is at work inside the block; SQLite only. Raises `StorageUnavailable`."""
        with storage_errors(), self.write_lock.held():
            yield

    def detached(self) -> sqlite3.Connection:
        """A connection outside of the pool and of transactions, SQLite only. Raises `StorageUnavailable`."""
        with storage_errors():
            fairy = self.engine.raw_connection()
            driver: Any = fairy.driver_connection
            fairy.detach()
        assert isinstance(driver, sqlite3.Connection)
        return driver

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
