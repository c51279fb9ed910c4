"""What must hold before anything is started, all of it looked at once: keys, catalogue files, handlers, the database.

Changes nothing: a start that is refused leaves no key and no migrated database behind. Handlers are imported in a child
process, because they are the application's modules: what they load and start must not live on in who only looked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.engine import sqlite_path
from gateway.db.schema.version import require_current
from gateway.db.sealing_keys import known_keys, require_keys
from gateway.deferred import deferred
from gateway.errors import ConfigurationError, GatewayError, SchemaBehind, StorageUnavailable
from gateway.handlers import load_handlers
from gateway.installation import Installation

# Reads YAML, with libraries that only an operator's own entries need.
_loader = deferred("gateway.providers.loader")

# Writes to no row. A standby, a user without rights and a file that cannot be written say so all the same.
_WRITE = text("UPDATE revisions SET value = value WHERE 1 = 0")


def look_at_modules(settings: Settings) -> Iterator[GatewayError]:
    """What keeps the operator's own files from being used: catalogue files and handlers."""
    if settings.providers_dir is not None:
        try:
            _loader.load_directory(settings.providers_dir)
        except ConfigurationError as error:
            yield error
    if settings.handlers:
        faults = _handler_faults(settings.handlers)
        if faults:
            yield ConfigurationError(faults)


def look_at_keys(installation: Installation) -> Iterator[GatewayError]:
    """What keeps the keys that are there from being used: the database may need others, or any at all."""
    try:
        require_keys(known_keys(installation.database), installation.keyring_at_hand)
    except ConfigurationError as error:
        yield error
    except StorageUnavailable:
        # What is wrong with the database is told by who looks at it.
        return


def look_at_worker(installation: Installation) -> Iterator[GatewayError]:
    """What keeps a worker in this very process from delivering. Imports the handlers: they are needed here."""
    try:
        installation.require_configuration()
    except ConfigurationError as error:
        yield error
    except StorageUnavailable:
        # Told by the next look, with what to do.
        pass
    yield from look_at_database(installation.database)


def look_at_database(database: Database, *, is_made: bool = False) -> Iterator[GatewayError]:
    """What keeps the database from being read and written. `is_made`: one that is not there will be made, and one that
    is behind brought up to date.
    """
    try:
        _require_database(database, is_made=is_made)
    except SchemaBehind as error:
        yield error
    except StorageUnavailable as error:
        yield StorageUnavailable(f"{error}: see that it runs, and that GATEWAY_DATABASE_URL names it")


def _handler_faults(modules: Sequence[str]) -> list[str]:
    """What `load_handlers` says of `modules` in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Whatever happens in here, the child must not go on as if it were its parent.
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as answer:
                answer.write(json.dumps(_faults_here(modules)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    if said:
        faults: list[str] = json.loads(said)
        return faults
    ended = os.waitstatus_to_exitcode(status)
    how = f"exit code {ended}" if ended >= 0 else f"signal {-ended}"
    return [f"GATEWAY_HANDLERS: importing {', '.join(modules)} ended the process with {how}"]


def _faults_here(modules: Sequence[str]) -> list[str]:
    try:
        load_handlers(modules)
    except ConfigurationError as error:
        return error.faults
    return []


def _require_database(database: Database, *, is_made: bool) -> None:
    path = sqlite_path(database.engine)
    if path is not None and not path.exists() and is_made:
        _require_room_for(path)
        return
    if not is_made:
        require_current(database)
    try:
        with database.write() as connection:
            if not is_made:
                connection.execute(_WRITE)
    except DBAPIError as error:
        reason = str(error.orig).strip().split("\n", 1)[0]
        raise StorageUnavailable(f"nothing can be written to the database: {reason}") from error


def _require_room_for(path: Path) -> None:
    """Raises `StorageUnavailable` unless a file can be made at `path`, folders before it included."""
    there = next(parent for parent in path.parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise StorageUnavailable(f"no database can be made at {path}: {there} is not a folder that can be written to")
