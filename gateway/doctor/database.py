"""The database: whether it is there and current, keeps what it took, has room, and agrees on the time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from gateway.clock import MICROSECONDS, Clock
from gateway.db.engine import sqlite_path
from gateway.db.schema import version
from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation

LOW_DISK_BYTES = 1024**3
FULL_DISK_BYTES = 100 * 1024**2
SKEW_WARN_SECONDS = 2.0
SKEW_FAIL_SECONDS = 60.0
SQLITE_FULL = 2


def schema(installation: Installation) -> CheckResult:
    """Whether there is a database with this version's schema. Raises `StorageUnavailable`."""
    database = installation.database
    path = sqlite_path(database.engine)
    if path is not None and not path.exists():
        return CheckResult("database", Level.WARN, f"there is none at {path} yet", Hint("create_database"))
    found = version.current(database)
    if (found or "") < version.head():
        return CheckResult("database", Level.FAIL, f"schema is {found or 'missing'}", Hint("upgrade_database"))
    if found != version.head():
        detail = (
            f"schema {found} is newer than this version's {version.head()}: bring this machine to the newer version"
        )
        return CheckResult("database", Level.WARN, detail)
    return CheckResult("database", Level.OK, f"{database.engine.dialect.name}, schema {found}")


def storage(installation: Installation) -> Iterator[CheckResult]:
    """Whether the database keeps what it took, has room, and agrees on the time. Raises `StorageUnavailable`."""
    database = installation.database
    path = sqlite_path(database.engine)
    with database.read() as connection:
        yield from _durability(connection)
        if path is None:
            yield skew(_skew_seconds(connection, installation.clock))
    if path is not None:
        yield disk(path.parent)


def disk(directory: Path) -> CheckResult:
    """Whether there is room for the database."""
    free = shutil.disk_usage(directory).free
    detail = f"{free // 1024**2} MB free in {directory}"
    if free < FULL_DISK_BYTES:
        detail = f"{detail}: events will soon be answered 503; make room"
        return CheckResult("disk", Level.FAIL, detail, Hint("purge"))
    if free < LOW_DISK_BYTES:
        return CheckResult("disk", Level.WARN, f"{detail}: make room, or lower GATEWAY_RETENTION_DAYS")
    return CheckResult("disk", Level.OK, detail)


def skew(seconds: float) -> CheckResult:
    """How far this machine's clock is from the database's. Pure."""
    detail = f"{abs(seconds):.1f} s from the database's"
    if abs(seconds) >= SKEW_FAIL_SECONDS:
        return CheckResult("clock", Level.FAIL, f"{detail}: signatures will be refused as too old; run NTP on both")
    if abs(seconds) >= SKEW_WARN_SECONDS:
        return CheckResult("clock", Level.WARN, f"{detail}: run NTP on both machines")
    return CheckResult("clock", Level.OK, detail)


def _durability(connection: Connection) -> Iterator[CheckResult]:
    if connection.dialect.name == "sqlite":
        mode = str(connection.execute(text("PRAGMA journal_mode")).scalar_one())
        level = int(connection.execute(text("PRAGMA synchronous")).scalar_one())
        good = mode == "wal" and level >= SQLITE_FULL
        detail = (
            "WAL, synchronous=FULL" if good else f"journal_mode={mode}, synchronous={level}: use a local file system"
        )
        yield CheckResult("durability", Level.OK if good else Level.FAIL, detail)
        return
    for name in ("synchronous_commit", "fsync", "full_page_writes"):
        value = str(connection.execute(text(f"SHOW {name}")).scalar_one())
        if value == "off":
            detail = f"{name} is off: a power cut would lose acknowledged events; set it to on"
            yield CheckResult("durability", Level.FAIL, detail)
        elif name == "synchronous_commit":
            yield CheckResult("durability", Level.OK, f"synchronous_commit={value}")


def _skew_seconds(connection: Connection, clock: Clock) -> float:
    theirs = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return clock.now_us() / MICROSECONDS - theirs
