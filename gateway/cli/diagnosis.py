"""What `gateway doctor` looks at. Each check gives findings: what is so, how bad that is, and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Connection, select, text

from gateway.cli.local import is_loopback
from gateway.clock import MICROSECONDS, Clock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.engine import sqlite_path
from gateway.db.schema import version as migrate
from gateway.delivery.destinations.secrets import open_secret
from gateway.delivery.models import DestinationSecret
from gateway.errors import ConfigurationError, DecryptionFailed, GatewayError
from gateway.handlers import load_handlers
from gateway.providers import catalogue
from gateway.security.keyfile import load_keyring
from gateway.security.sealing import Keyring
from gateway.webhooks.sources.credentials import open_credential
from gateway.webhooks.sources.models import Source, SourceCredential

LOW_DISK_BYTES = 1024**3
FULL_DISK_BYTES = 100 * 1024**2
SKEW_WARN_SECONDS = 2.0
SKEW_FAIL_SECONDS = 60.0
SQLITE_FULL = 2


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"  # as it should be
    WARN = "warn"  # works, and may surprise
    FAIL = "fail"  # does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `detail` says what to do, and holds no secret."""

    check: str
    level: Level
    detail: str


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """All findings about an installation whose settings could be read."""
    yield from base_url(settings)
    yield from private_destinations(settings)
    yield from _catalogue(settings)
    yield from handlers(settings)
    keyring, finding = encryption_key(settings)
    yield finding
    yield from _database(settings, clock, keyring)


def base_url(settings: Settings) -> Iterator[Finding]:
    """Whether vendors can call the URL, and safely. Pure."""
    parts = urlsplit(settings.base_url)
    if is_loopback(parts.hostname or ""):
        detail = f"{settings.base_url} is this machine: vendors cannot call it; set GATEWAY_BASE_URL when they shall"
        yield Finding("base url", Level.WARN, detail)
    elif parts.scheme != "https":
        yield Finding("base url", Level.WARN, f"{settings.base_url} is not https: put a proxy with TLS before it")
    else:
        yield Finding("base url", Level.OK, settings.base_url)


def private_destinations(settings: Settings) -> Iterator[Finding]:
    """Whether deliveries may reach inside addresses, and whether that is likely meant. Pure."""
    if not settings.allow_private_destinations:
        yield Finding("private destinations", Level.OK, "forbidden")
    elif is_loopback(urlsplit(settings.base_url).hostname or ""):
        yield Finding("private destinations", Level.OK, "allowed, as the gateway listens on this machine only")
    else:
        detail = "allowed on a gateway that others reach: unset GATEWAY_ALLOW_PRIVATE_DESTINATIONS unless you need it"
        yield Finding("private destinations", Level.WARN, detail)


def handlers(settings: Settings) -> Iterator[Finding]:
    """Whether the modules of GATEWAY_HANDLERS can be imported here."""
    try:
        registry = load_handlers(settings.handlers)
    except ConfigurationError as error:
        for fault in error.faults:
            yield Finding("handlers", Level.FAIL, fault)
        return
    names = ", ".join(sorted({handler.name for handler in registry.all()})) or "none"
    if settings.handlers and names == "none":
        yield Finding("handlers", Level.WARN, "GATEWAY_HANDLERS names modules in which no function has @on")
    else:
        yield Finding("handlers", Level.OK, names)


def encryption_key(settings: Settings) -> tuple[Keyring | None, Finding]:
    """The keyring, and whether the key is kept well. A key file that is not there is not made."""
    path = settings.encryption_key_file
    if not settings.encryption_keys and not path.exists():
        detail = f"none yet: it is made at the first use, in {path.absolute()}; keep a copy of it"
        return None, Finding("encryption key", Level.WARN, detail)
    try:
        keyring = load_keyring(settings)
    except ConfigurationError as error:
        return None, Finding("encryption key", Level.FAIL, "; ".join(error.faults))
    where = "GATEWAY_ENCRYPTION_KEYS" if settings.encryption_keys else f"{path.absolute()}, readable by its owner only"
    return keyring, Finding("encryption key", Level.OK, where)


def disk(directory: Path) -> Finding:
    """Whether there is room for the database."""
    free = shutil.disk_usage(directory).free
    detail = f"{free // 1024**2} MB free in {directory}"
    if free < FULL_DISK_BYTES:
        return Finding("disk", Level.FAIL, f"{detail}: events will soon be answered 503; make room, or `gateway purge`")
    if free < LOW_DISK_BYTES:
        return Finding("disk", Level.WARN, f"{detail}: make room, or lower GATEWAY_RETENTION_DAYS")
    return Finding("disk", Level.OK, detail)


def skew(seconds: float) -> Finding:
    """How far this machine's clock is from the database's. Pure."""
    detail = f"{abs(seconds):.1f} s from the database's"
    if abs(seconds) >= SKEW_FAIL_SECONDS:
        return Finding("clock", Level.FAIL, f"{detail}: signatures will be refused as too old; run NTP on both")
    if abs(seconds) >= SKEW_WARN_SECONDS:
        return Finding("clock", Level.WARN, f"{detail}: run NTP on both machines")
    return Finding("clock", Level.OK, detail)


def _catalogue(settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding("catalogue", Level.OK, f"{len(catalogue(settings.providers_dir))} providers")
    except ConfigurationError as error:
        for fault in error.faults:
            yield Finding("catalogue", Level.FAIL, fault)


def _database(settings: Settings, clock: Clock, keyring: Keyring | None) -> Iterator[Finding]:
    database = Database.open(settings.database_url)
    try:
        path = sqlite_path(database.engine)
        if path is not None and not path.exists():
            detail = f"there is none at {path} yet: `gateway run` makes it, or `gateway db upgrade`"
            yield Finding("database", Level.WARN, detail)
            return
        found = migrate.current(database)
        if found != migrate.head():
            yield Finding("database", Level.FAIL, f"schema is {found or 'missing'}: run `gateway db upgrade`")
            return
        yield Finding("database", Level.OK, f"{database.engine.dialect.name}, schema {found}")
        with database.read() as connection:
            yield from _durability(connection)
            if path is None:
                yield skew(_skew_seconds(connection, clock))
        if path is not None:
            yield disk(path.parent)
        yield from _stored_secrets(database, keyring)
        yield from _orphans(settings, database)
    except GatewayError as error:
        yield Finding("database", Level.FAIL, f"{error}")
    finally:
        database.close()


def _durability(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name == "sqlite":
        mode = str(connection.execute(text("PRAGMA journal_mode")).scalar_one())
        level = int(connection.execute(text("PRAGMA synchronous")).scalar_one())
        good = mode == "wal" and level >= SQLITE_FULL
        detail = (
            "WAL, synchronous=FULL" if good else f"journal_mode={mode}, synchronous={level}: use a local file system"
        )
        yield Finding("durability", Level.OK if good else Level.FAIL, detail)
        return
    for name in ("synchronous_commit", "fsync", "full_page_writes"):
        value = str(connection.execute(text(f"SHOW {name}")).scalar_one())
        if value == "off":
            detail = f"{name} is off: a power cut would lose acknowledged events; set it to on"
            yield Finding("durability", Level.FAIL, detail)
        elif name == "synchronous_commit":
            yield Finding("durability", Level.OK, f"synchronous_commit={value}")


def _skew_seconds(connection: Connection, clock: Clock) -> float:
    theirs = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return clock.now_us() / MICROSECONDS - theirs


def _stored_secrets(database: Database, keyring: Keyring | None) -> Iterator[Finding]:
    with database.system_session() as session:
        credentials = session.scalars(select(SourceCredential)).all()
        secrets = session.scalars(select(DestinationSecret)).all()
    total = len(credentials) + len(secrets)
    if keyring is None:
        if total:
            detail = f"{total} are stored and there is no key to open them: bring back the key file or the variable"
            yield Finding("stored secrets", Level.FAIL, detail)
        return
    failures = []
    for credential in credentials:
        try:
            open_credential(keyring, credential)
        except DecryptionFailed as error:
            failures.append(str(error))
    for secret in secrets:
        try:
            open_secret(keyring, secret)
        except DecryptionFailed as error:
            failures.append(str(error))
    if failures:
        yield Finding("stored secrets", Level.FAIL, f"{len(failures)} of {total} do not open: {failures[0]}")
    else:
        yield Finding("stored secrets", Level.OK, f"{total} open")


def _orphans(settings: Settings, database: Database) -> Iterator[Finding]:
    try:
        known = catalogue(settings.providers_dir)
    except ConfigurationError:
        return
    with database.system_session() as session:
        for source in session.scalars(select(Source).order_by(Source.slug)):
            if source.provider not in known:
                detail = f"{source.slug} refuses everything: the catalogue has no provider {source.provider!r} any more"
                yield Finding("sources", Level.FAIL, detail)
