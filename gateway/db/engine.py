"""One engine per process, and the rules that every connection keeps.

SQLite runs WAL with `synchronous=FULL`: a commit that returned is on the disk. Its writers, also those in other
processes, queue at a lock file instead of waiting busily inside SQLite. Its files are for their owner alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.db import pooler
from gateway.security.private_files import make_private_file

WRITE_OPTION = "gateway_write"
BUSY_TIMEOUT_MS = 5_000

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-32768",
    "PRAGMA temp_store=MEMORY",
    # The backstop of `checkpoints`, in pages of 4 KB; for other programs' processes the only way.
    "PRAGMA wal_autocheckpoint=8000",
    "PRAGMA journal_size_limit=67108864",
)

# Without just-in-time compilation: all statements are short, and what it takes for one that the planner overrates is a
# hundred times what it saves.
POSTGRES_OPTIONS = (
    f"-c synchronous_commit=on -c statement_timeout=30000 -c lock_timeout=5000 -c timezone=UTC -c jit=off {pooler.MARK}"
    # What a transaction of ours holds is free again when we are gone without a word: 20 s or so after the network, and
    # a minute after a process that stands still. Until then claims pass over its rows.
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2 -c tcp_user_timeout=20000"
    " -c idle_in_transaction_session_timeout=60000"
)


def engine_options(database_url: str) -> dict[str, Any]:
    """Keyword arguments for `create_engine`, also given to Flask-SQLAlchemy."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return {
            "connect_args": {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000, "cached_statements": 256},
            "pool_size": 8,
            "max_overflow": 24,
        }
    return {
        "connect_args": {
            "connect_timeout": 5,
            **({"prepare_threshold": None} if pooler.is_pooled(url) else {"options": POSTGRES_OPTIONS}),
            "application_name": "gateway",
            # A peer that is gone without a word is noticed within 20 s or so, not after a quarter of an hour.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 20_000,
        },
        "pool_size": 4,
        "max_overflow": 12,
        "pool_timeout": 5,
        "pool_recycle": 1800,
    }


def engine_url(database_url: str) -> URL:
    """The same database as an engine takes it: without what is said to us, and by an absolute path, since
    Flask-SQLAlchemy would look for a relative one in its instance folder.
    """
    url = pooler.without_option(make_url(database_url))
    if url.get_backend_name() != "sqlite" or not url.database:
        return url
    return url.set(database=str(Path(url.database).absolute()))


def open_engine(database_url: str) -> Engine:
    """An engine with every rule of this module applied."""
    engine = create_engine(engine_url(database_url), **engine_options(database_url))
    apply_rules(engine)
    return engine


def apply_rules(engine: Engine) -> None:
    """Attach the connection rules to an engine made elsewhere (Flask-SQLAlchemy). Idempotent."""
    if engine.dialect.name == "sqlite" and not event.contains(engine, "connect", _configure_sqlite):
        event.listen(engine, "do_connect", _make_sqlite_private)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    if engine.dialect.name == "postgresql" and not event.contains(engine, "do_connect", pooler.connect):
        event.listen(engine, "do_connect", pooler.connect)


def sqlite_path(engine: Engine) -> Path | None:
    """The database file, or None on PostgreSQL."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return None
    return Path(engine.url.database).absolute()


def sqlite_files(path: Path) -> list[Path]:
    """The database at `path` with all that stands beside it, whether or not it is there just now."""
    return [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal", ".lock"))]


def _make_sqlite_private(_dialect: object, _record: object, arguments: Sequence[Any], _options: object) -> None:
    # SQLite would make it as the umask has it; what it puts beside the file gets the file's mode.
    # Where it cannot be made, opening it fails and says so.
    if arguments[0] != ":memory:":
        with suppress(OSError):
            make_private_file(Path(arguments[0]))


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: BEGIN is said in `_begin_sqlite`, so that savepoints
    # roll back and a writer takes the write lock at once.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITE_OPTION, False)
    # By the driver itself: SQLAlchemy's way to it costs as much as the rest of a small transaction.
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
