"""Files that only their owner may use: made so, and found and closed where they are not.

An installation's files hold what customers were sent, and sealed secrets beside the key that opens them. What we make
is 0600, in folders of 0700; a folder that was there before is somebody's, and is left as it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FILE_MODE = 0o600
FOLDER_MODE = 0o700
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class LooseFile(NamedTuple):
    """A file or folder that others may use, and the mode that would keep them out."""

    path: Path
    mode: int
    closed_mode: int


def make_private_folder(path: Path) -> None:
    """Make the folder, and those above it that are missing, for the owner alone. Raises `OSError`."""
    if not path.is_dir():
        make_private_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir(FOLDER_MODE)


def make_private_file(path: Path) -> None:
    """Make an empty file for the owner alone; one that is there is left alone. Raises `OSError`."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def find_loose(paths: Iterable[Path]) -> list[LooseFile]:
    """Those of `paths` that are there and that others may use."""
    found = []
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & OTHERS:
            found.append(LooseFile(path, mode, mode & ~OTHERS))
    return found


def close_to_others(loose: Iterable[LooseFile]) -> list[LooseFile]:
    """Take away what others may do with files that are this user's own; which were closed.

    What a group may write is shared with it on purpose, because SQLite's readers write too: left to a person.
    """
    closed = []
    for one in loose:
        with suppress(OSError):
            if one.mode & stat.S_IWGRP == 0 and one.path.stat().st_uid == os.geteuid():
                one.path.chmod(one.closed_mode)
                closed.append(one)
    return closed
