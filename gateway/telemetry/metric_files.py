"""The directory in which the processes of one installation share their metrics, file by file.

prometheus_client decides at its import, by `PROMETHEUS_MULTIPROC_DIR`, whether values live in such files; so whoever
starts processes prepares the directory and sets the variable for them, and this module does not import that library.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gateway.security.private_files import FILE_MODE, make_private_folder

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Memory, where there is such a file system: a full disk must not stop the counting, nor the process that counts.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a private directory is made in it
RESERVED_BYTES = 1 << 18


def make_metrics_dir() -> Path:
    """A new private directory for the metrics of processes that are about to start; the caller removes it."""
    parent = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="gateway-metrics-", dir=parent))


def clean_metrics_dir(directory: Path) -> None:
    """Make `directory` if it is not there, and remove the files of processes that live no more.

    For the start of an installation only: afterwards the counts of dead processes still count.
    """
    make_private_folder(directory)
    for path, pid in _files(directory):
        if not _is_alive(pid):
            path.unlink(missing_ok=True)


def forget_process(directory: Path, pid: int) -> None:
    """Remove what says how things are, and not how much has happened, of the process `pid` that has ended."""
    for path, owner in _files(directory):
        if owner == pid and path.name.startswith("gauge_live"):
            path.unlink(missing_ok=True)


def reserve_files(directory: Path, pid: int) -> None:
    """Give the files of process `pid` their space now, in a directory that is made where there is none.

    They are memory-mapped and sparse: a disk that is full when a page is first written would kill the process with
    SIGBUS. Raises `OSError` when there is no room even now.
    """
    make_private_folder(directory)
    for kind in ("counter", "histogram"):
        descriptor = os.open(directory / f"{kind}_{pid}.db", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            os.posix_fallocate(descriptor, 0, RESERVED_BYTES)
        finally:
            os.close(descriptor)


def _files(directory: Path) -> Iterator[tuple[Path, int]]:
    for path in directory.glob("*.db"):
        with suppress(ValueError):
            yield path, int(path.stem.rsplit("_", 1)[-1])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
