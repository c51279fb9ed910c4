"""Files of the installation on this machine: which there are, and whether others may use them."""

from __future__ import annotations

from collections.abc import Iterator
from glob import escape
from pathlib import Path

from gateway.db.engine import sqlite_files, sqlite_path
from gateway.doctor.check import CheckResult, Level
from gateway.installation import Installation
from gateway.security.private_files import LooseFile, find_loose


def own_files(installation: Installation) -> list[Path]:
    """Files and folders that belong to the installation alone, whether or not they are there: database, key, pipe.

    Of folders only the one of the key file, and only while nothing of anybody else's is in it.
    """
    settings = installation.settings
    database = sqlite_path(installation.database.engine)
    files = [*(sqlite_files(database) if database is not None else ()), settings.encryption_key_file.absolute()]
    if settings.wakeup_pipe is not None:
        files.append(settings.wakeup_pipe)
    folder = settings.encryption_key_file.absolute().parent
    is_own = folder.is_dir() and set(folder.iterdir()) <= set(files)
    return [folder, *files] if is_own else files


def files(installation: Installation) -> Iterator[CheckResult]:
    """Whether others may use them, or a copy of the database that stands beside it."""
    loose = find_loose(dict.fromkeys([*own_files(installation), *_copies(installation)]))
    for one in loose:
        detail = (
            f"others may use {one.path} (mode {one.mode:04o}): close it with `chmod {one.closed_mode:o} {one.path}`"
        )
        yield CheckResult("files", Level.WARN, detail)
    if not loose:
        yield CheckResult("files", Level.OK, "for their owner alone")


def describe_closed(one: LooseFile) -> str:
    """What is said of a file that was closed to others."""
    return f"Others could use {one.path} (mode {one.mode:04o}): it is {one.closed_mode:04o} now."


def _copies(installation: Installation) -> Iterator[Path]:
    database = sqlite_path(installation.database.engine)
    if database is not None and database.parent.is_dir():
        pattern = f"{escape(database.stem)}*{escape(database.suffix)}*"
        yield from (path for path in sorted(database.parent.glob(pattern)) if path.is_file())
